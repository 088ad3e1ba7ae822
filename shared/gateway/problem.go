package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"pricing/shared/fault"
)

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type     string        `json:"type"`
	Title    string        `json:"title"`
	Status   int           `json:"status"`
	Detail   string        `json:"detail,omitempty"`
	Instance string        `json:"instance,omitempty"` // the request id
	Errors   []fault.Field `json:"errors"`
}

// errDeadline is why a request's context ends.
var errDeadline = errors.New("the request's deadline came near")

// statuses is the one table from kinds of fault to HTTP statuses. What is not here is 500.
var statuses = map[fault.Kind]int{
	fault.Malformed:     http.StatusBadRequest,
	fault.Unauthorized:  http.StatusUnauthorized,
	fault.Forbidden:     http.StatusForbidden,
	fault.NotFound:      http.StatusNotFound,
	fault.NotAcceptable: http.StatusNotAcceptable,
	fault.Conflict:      http.StatusConflict,
	fault.Precondition:  http.StatusPreconditionFailed,
	fault.TooLarge:      http.StatusRequestEntityTooLarge,
	fault.MediaType:     http.StatusUnsupportedMediaType,
	fault.Invalid:       http.StatusUnprocessableEntity,
	fault.Unavailable:   http.StatusServiceUnavailable,
}

// titles names each code for people.
var titles = map[string]string{
	fault.CodeMalformedJSON:      "Malformed JSON",
	fault.CodeDuplicateField:     "Field given twice",
	fault.CodeUnknownField:       "Unknown field",
	fault.CodeMissingField:       "Missing field",
	fault.CodeWrongType:          "Wrong JSON type",
	fault.CodeCursorInvalid:      "Invalid cursor",
	fault.CodeNotAcceptable:      "Not acceptable",
	fault.CodeUnauthorized:       "Unauthorized",
	fault.CodeForbidden:          "Forbidden",
	fault.CodeUnknownProduct:     "Unknown product",
	fault.CodeUnknownGTIN:        "Unknown GTIN",
	fault.CodeConflict:           "Conflicting observation",
	fault.CodeGTINInUse:          "GTIN in use",
	fault.CodeVersionConflict:    "Version conflict",
	fault.CodeTooLarge:           "Too large",
	fault.CodeMediaType:          "Unsupported media type",
	fault.CodeInvalidField:       "Invalid field",
	fault.CodeAmountPrecision:    "Too many decimals",
	fault.CodeAmountRange:        "Amount out of range",
	fault.CodeCurrencyUnknown:    "Unknown currency",
	fault.CodeCurrencyMismatch:   "Currencies differ",
	fault.CodeGTINCheckDigit:     "Wrong check digit",
	fault.CodeTimestampInvalid:   "Invalid timestamp",
	fault.CodeObservedInFuture:   "Observed in the future",
	fault.CodeObservedTooOld:     "Observed too long ago",
	fault.CodePriceRequired:      "Price required",
	fault.CodeUnknownCompetitor:  "Unknown competitor",
	fault.CodeTooManyItems:       "Too many items",
	fault.CodeTooManyCompetitors: "Too many competitors",
	fault.CodeTooManyOffers:      "Too many offers",
	fault.CodeSourceNotAllowed:   "Source not allowed",
	fault.CodeReservedName:       "Reserved name",
	fault.CodeThrottled:          "Try again",
	fault.CodeInternal:           "Internal error",
}

// internalDetail is all that a client reads of our own mistakes. The cause is in the log.
const internalDetail = "Something went wrong on our side. The request id finds it in our logs."

// ProblemOf returns the problem document of an error, without its instance.
func ProblemOf(err error) Problem { return ItemProblem(err, "", fault.ItemFields) }

// ItemProblem is ProblemOf for the item of a request that stands at a pointer. At most so many of its broken fields are named.
func ItemProblem(err error, pointer string, most int) Problem {
	f := fault.Of(err)
	status, ok := statuses[f.Kind]
	if !ok {
		f = fault.New(fault.Internal, fault.CodeInternal, internalDetail)
		status = http.StatusInternalServerError
	}
	f = f.Named(most, pointer)
	p := Problem{Type: "urn:problem-type:pricing:" + f.Code, Title: titles[f.Code], Status: status, Detail: f.Detail, Errors: f.Fields}
	if p.Errors == nil {
		p.Errors = []fault.Field{}
	}
	return p
}

func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// MayReplace checks the If-Match and If-None-Match of a PUT against what is stored, which is what a GET of it answers; nil: nothing
// is. Its fault is a Precondition. A weak tag matches nothing in If-Match, as RFC 9110 has it.
func (r *Request) MayReplace(stored any) error {
	tag := ""
	if stored != nil {
		body, err := encode(stored)
		if err != nil {
			return err
		}
		tag = etag(body)
	}
	is := r.listHeader("If-Match")
	not := r.listHeader("If-None-Match")
	switch {
	case is != "" && (tag == "" || !names(is, tag)):
		return fault.New(fault.Precondition, fault.CodeVersionConflict, "What is stored is not what If-Match names: read it again.")
	case not != "" && tag != "" && matches(not, tag):
		return fault.New(fault.Precondition, fault.CodeVersionConflict, "What If-None-Match names is stored already.")
	}
	return nil
}

// matches reports whether an If-None-Match header names the tag, be it as a weak one.
func matches(header, tag string) bool { return names(header, tag) || names(header, "W/"+tag) }

// names reports whether a header that lists tags has this one, or stands for any.
func names(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		if candidate = strings.TrimSpace(candidate); candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}

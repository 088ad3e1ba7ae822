package price

import (
	"slices"
	"strings"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// The competitors that nobody registers. They count as registered and active.
const (
	SelfCheck = "self-check" // of the service's own checks; so are all names, of products too, that begin like this
	Own       = "own"        // ourselves: its observations are our own prices
)

// Registered reports whether a competitor counts as registered and active without being put.
func Registered(competitorID string) bool { return competitorID == SelfCheck || competitorID == Own }

// Reserved reports whether nobody may register a competitor under the id.
func Reserved(competitorID string) bool { return competitorID == Own || ofSelfCheck(competitorID) }

func ofSelfCheck(name string) bool { return strings.HasPrefix(name, SelfCheck) }

// Writer is who sends submissions, and what its token allows it to write. The zero value may write as any source, but no
// reserved name.
type Writer struct {
	Client    string   // whose token it is
	Sources   []string // the source ids that it may write as, or their beginnings with * behind; none: any
	SelfCheck bool     // may write the names of the service's own checks
	Own       bool     // may write our own prices
}

// CheckSourcePattern reports whether s can be one of a Writer's Sources: a source id, or the beginning of one with * behind.
func CheckSourcePattern(s string) bool { return checkSourceID(strings.TrimSuffix(s, "*")) }

// mayUse reports whether the writer may send observations of a source.
func (w Writer) mayUse(sourceID string) bool {
	return len(w.Sources) == 0 || slices.ContainsFunc(w.Sources, func(allowed string) bool {
		prefix, any := strings.CutSuffix(allowed, "*")
		return allowed == sourceID || any && strings.HasPrefix(sourceID, prefix)
	})
}

// SignedBy returns the submission as one of the writer. It reports to the values' reader what the writer may not write, as far
// as that can be said before the product of a gtin is known; ReservedName says the rest then.
func (s Submission) SignedBy(w Writer) Submission {
	s.Writer = w
	if id := s.Observation.Source.ID; checkSourceID(id) && !w.mayUse(id) {
		s.sent.member("source").Child("id").Fault(fault.CodeSourceNotAllowed,
			jsondoc.Quote(id)+" is none of the sources that the token is bound to.")
	}
	if f, broken := s.ReservedName(s.Observation.Key.ProductID); broken {
		s.sent.member(f.Pointer[1:]).Fault(f.Code, f.Detail)
	}
	return s
}

// PutFault says in a sentence why the writer may not put a product into the catalogue; empty: it may.
func (w Writer) PutFault(productID string) string {
	if ofSelfCheck(productID) && !w.SelfCheck {
		return selfCheckNames
	}
	return ""
}

const selfCheckNames = "Names that begin with " + SelfCheck + " are for tokens with the scope self-check."

// ReservedName reports whether the submission, one of this product, uses a reserved name that its writer may not use there. The
// pointer names a member of the observation. An empty productID is one that is not known.
func (s Submission) ReservedName(productID string) (f fault.Field, broken bool) {
	competitorID := s.Observation.Key.CompetitorID
	product := ofSelfCheck(productID)
	competitor := ofSelfCheck(competitorID)
	f = fault.Field{Pointer: "/competitorId", Code: fault.CodeReservedName}
	if product {
		f.Pointer = "/productId"
	}
	if product && s.GTIN != "" {
		f.Pointer = "/gtin"
	}
	switch {
	case (product || competitor) && !s.Writer.SelfCheck:
		f.Detail = selfCheckNames
	case product != competitor && productID != "":
		f.Detail = "Names that begin with " + SelfCheck + " belong together: product and competitor have such a name, or neither."
	case competitorID == Own && !s.Writer.Own:
		f.Detail = "Our own prices are for tokens with the scope catalog as well."
	default:
		return fault.Field{}, false
	}
	return f, true
}

// Package fault says what went wrong in terms a caller can act on: a kind, a stable code, a sentence, and one entry per broken field.
//
// The kind is set where the fact is known (rules in price, conditions in store) and survives wrapping with %w;
// the one table from kind to HTTP status stands in gateway. An error that carries no *Error is Internal: its text
// goes to the log and never to a client. The same holds for the cause given to Because.
package fault

import (
	"errors"
	"fmt"
	"slices"
)

// Kind is the class of a fault. The zero value is Internal, so an error nobody classified stays private.
type Kind uint8

// The kinds, in the order of their HTTP status where they have one of their own (gateway holds the table).
const (
	Internal      Kind = iota // our mistake: one fixed text for the client, the cause in the log
	Malformed                 // the document or a parameter is not of the agreed form
	Unauthorized              // no valid token
	Forbidden                 // a valid token without the scope
	NotFound                  // the thing asked for does not exist
	NotAcceptable             // the client takes no media type that we answer in
	Conflict                  // contradicts what is stored
	Precondition              // If-Match names another version
	TooLarge                  // longer than the published limit
	MediaType                 // a body we do not read
	Invalid                   // well formed, but breaks a rule
	Unavailable               // outcome unknown or store busy: the caller may repeat
)

// The codes of the API. A code is the last part of a problem's type URN and never changes its meaning.
const (
	CodeMalformedJSON      = "malformed-json"
	CodeDuplicateField     = "duplicate-field"
	CodeUnknownField       = "unknown-field"
	CodeMissingField       = "missing-field"
	CodeWrongType          = "wrong-type"
	CodeCursorInvalid      = "cursor-invalid"
	CodeNotAcceptable      = "not-acceptable"
	CodeUnauthorized       = "unauthorized"
	CodeForbidden          = "forbidden"
	CodeUnknownProduct     = "unknown-product"
	CodeUnknownGTIN        = "unknown-gtin"
	CodeConflict           = "observation-conflict"
	CodeGTINInUse          = "gtin-in-use"
	CodeVersionConflict    = "version-conflict"
	CodeTooLarge           = "too-large"
	CodeMediaType          = "media-type"
	CodeInvalidField       = "invalid-field"
	CodeAmountPrecision    = "amount-precision"
	CodeAmountRange        = "amount-range"
	CodeCurrencyUnknown    = "currency-unknown"
	CodeCurrencyMismatch   = "currency-mismatch"
	CodeGTINCheckDigit     = "gtin-check-digit"
	CodeTimestampInvalid   = "timestamp-invalid"
	CodeObservedInFuture   = "observed-in-future"
	CodeObservedTooOld     = "observed-too-old"
	CodePriceRequired      = "price-required"
	CodeUnknownCompetitor  = "unknown-competitor"
	CodeTooManyItems       = "too-many-items"
	CodeTooManyCompetitors = "too-many-competitors"
	CodeTooManyOffers      = "too-many-offers"
	CodeSourceNotAllowed   = "source-not-allowed"
	CodeReservedName       = "reserved-name"
	CodeThrottled          = "throttled"
	CodeInternal           = "internal"
)

// Field is one broken rule and where it was broken.
type Field struct {
	Pointer string `json:"pointer"` // RFC 6901 JSON pointer into the request; parameters stand under /query and /path
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// An answer names so many broken fields of one item and of all items together. The rest is counted: a document can break
// more rules than the answer of a function may have bytes, and that answer would be lost after the work was done.
const (
	ItemFields    = 20
	RequestFields = 200
)

// Error is a fault with its kind. Make one with New, Fields or a List.
type Error struct {
	Kind   Kind
	Code   string  // one of the Code constants
	Detail string  // a sentence for the caller; never holds a cause's text
	Fields []Field // the broken fields, at most ItemFields; empty when the fault is not about fields
	More   int     // how many fields are broken beyond those
	cause  error
}

// New returns a fault of a kind with a code and a sentence for the caller.
func New(kind Kind, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail}
}

// Because returns a copy of e that remembers cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Error names the code and detail, then the cause; it is for logs, not for clients.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.cause)
	}
	return e.Code + ": " + e.Detail
}

// Unwrap returns the cause given to Because.
func (e *Error) Unwrap() error { return e.cause }

// Named returns a copy of e that names at most so many broken fields. If there are more, a last entry says how many; it
// points at what the fields belong to.
func (e *Error) Named(most int, pointer string) *Error {
	most = min(most, len(e.Fields))
	more := len(e.Fields) - most + e.More
	if more == 0 {
		return e
	}
	c := *e
	c.Detail = ""
	if most > 0 {
		c.Detail = fmt.Sprintf("%d rules are broken; errors lists the first %d.", most+more, most)
	}
	c.Fields = append(slices.Clone(e.Fields[:most]), Field{Pointer: pointer, Code: e.Code, Detail: fmt.Sprintf("and %d more", more)})
	c.More = 0
	return &c
}

// List gathers broken fields. It keeps the first ItemFields of them and counts the rest.
type List struct {
	Fields []Field
	more   int
	form   bool // one of them is about the document's form
}

// Add records a broken rule.
func (l *List) Add(pointer, code, detail string) {
	l.form = l.form || isForm(code)
	if len(l.Fields) == ItemFields {
		l.more++
		return
	}
	l.Fields = append(l.Fields, Field{Pointer: pointer, Code: code, Detail: detail})
}

// Err returns one fault for all the broken fields, or nil when there are none.
//
// It is Malformed when any of them is about the document's form (a name or a JSON type), else Invalid.
// A single broken rule gives the fault its code; several are "invalid-field".
func (l *List) Err() error {
	if len(l.Fields) == 0 {
		return nil
	}
	e := &Error{Kind: Invalid, Code: l.Fields[0].Code, Detail: l.Fields[0].Detail, Fields: l.Fields, More: l.more}
	if l.form {
		e.Kind = Malformed
	}
	if n := len(l.Fields) + l.more; n > 1 {
		e.Code = CodeInvalidField
		e.Detail = fmt.Sprintf("%d rules are broken; errors lists each.", n)
	}
	return e
}

// Fields returns one fault for broken fields, as a List of them does.
func Fields(fields []Field) error {
	var l List
	for _, f := range fields {
		l.Add(f.Pointer, f.Code, f.Detail)
	}
	return l.Err()
}

func isForm(code string) bool {
	switch code {
	case CodeMalformedJSON, CodeDuplicateField, CodeUnknownField, CodeMissingField, CodeWrongType, CodeCursorInvalid:
		return true
	}
	return false
}

// Of returns the fault inside err, or a fault of kind Internal that has err as its cause. Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return New(Internal, CodeInternal, "The request could not be completed.").Because(err)
}

// Is reports whether err carries a fault of the kind.
func Is(err error, kind Kind) bool {
	return err != nil && Of(err).Kind == kind
}

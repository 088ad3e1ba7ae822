package store

import (
	"net/http"

	"pricing/shared/board"
	"pricing/shared/fault"
)

// The outcomes that are not a board's.
const (
	outcomeRejected  = "rejected"
	outcomeThrottled = "throttled"
)

// Outcomes lists the words of api.md in its order.
var Outcomes = []string{"created", "changed", "unchanged", "late", "duplicate", "conflict", outcomeRejected, outcomeThrottled}

// Outcome returns the word for what became of the submission: rejected when it broke a rule, throttled when that
// could not be established.
func (v Verdict) Outcome() string {
	switch {
	case v.Err == nil:
		return v.Result.Outcome.String()
	case fault.Is(v.Err, fault.Invalid), fault.Is(v.Err, fault.Malformed):
		return outcomeRejected
	}
	return outcomeThrottled
}

// Status returns the HTTP status of a submission that is stored: 200 when it was before, else 201.
func (v Verdict) Status() int {
	if v.Result.Outcome == board.Duplicate {
		return http.StatusOK
	}
	return http.StatusCreated
}

// Fault returns what the client is to hear when the submission was not stored, or nil. Pointers begin with base.
func (v Verdict) Fault(base string) error {
	if v.Err != nil || v.Result.Outcome != board.Conflict {
		return v.Err
	}
	f := fault.New(fault.Conflict, fault.CodeConflict, "An observation with this id is stored with other content; the first stored stays.")
	for _, pointer := range v.Result.Differs {
		f.Fields = append(f.Fields, fault.Field{Pointer: base + pointer, Code: fault.CodeConflict, Detail: "Differs from what is stored."})
	}
	return f
}

// Warnings returns what the client should know of a stored submission, never nil.
func (v Verdict) Warnings() []string {
	if v.Err == nil && !v.Catalogued && v.Result.Outcome != board.Conflict {
		return []string{fault.CodeUnknownProduct}
	}
	return []string{}
}

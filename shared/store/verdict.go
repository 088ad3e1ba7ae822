package store

import (
	"pricing/shared/board"
	"pricing/shared/fault"
)

// The outcomes that are not a board's.
const (
	OutcomeRejected  = "rejected"
	OutcomeThrottled = "throttled"
)

// Outcome returns the word for what became of the submission: rejected when it broke a rule, throttled when that
// could not be established.
func (v Verdict) Outcome() string {
	switch {
	case v.Err == nil:
		return v.Result.Outcome.String()
	case fault.Is(v.Err, fault.Invalid), fault.Is(v.Err, fault.Malformed):
		return OutcomeRejected
	}
	return OutcomeThrottled
}

// Stored reports whether the observation is stored, now or before.
func (v Verdict) Stored() bool { return v.Err == nil && v.Result.Outcome != board.Conflict }

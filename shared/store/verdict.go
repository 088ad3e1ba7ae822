package store

import (
	"pricing/shared/board"
	"pricing/shared/fault"
)

// The outcomes that are not a board's.
const (
	OutcomeRejected  = "rejected"
	OutcomeThrottled = "throttled"
	OutcomeFailed    = "failed"
)

// Outcome returns the word for what became of the submission: rejected when it broke a rule, throttled when that
// could not be established, failed when the board that it belongs to cannot be read or written: that needs us, not another try.
func (v Verdict) Outcome() string {
	if v.Err == nil {
		return v.Result.Outcome.String()
	}
	return outcomeOf(v.Err)
}

func outcomeOf(err error) string {
	switch {
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.Malformed):
		return OutcomeRejected
	case fault.Is(err, fault.Unavailable):
		return OutcomeThrottled
	}
	return OutcomeFailed
}

// Stored reports whether the observation is stored, now or before.
func (v Verdict) Stored() bool { return v.Err == nil && v.Result.Outcome != board.Conflict }

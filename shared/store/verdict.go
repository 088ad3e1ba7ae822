package store

import (
	"net/http"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/meter"
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

// Tally counts verdicts for the log and the metrics.
func Tally(verdicts []Verdict, dryRun bool) meter.Items {
	items := meter.Items{Outcomes: map[string]int{}, DryRun: dryRun}
	for _, v := range verdicts {
		outcome := v.Outcome()
		items.Outcomes[outcome]++
		switch {
		case outcome == outcomeRejected:
			if items.Rejected == nil {
				items.Rejected = map[string]int{}
			}
			items.Rejected[fault.Of(v.Err).Code]++
		case v.Err == nil && v.Result.Outcome != board.Conflict && v.Result.Outcome != board.Duplicate: // those were stored before
			stored := v.Result.Stored
			items.Lags = append(items.Lags, stored.ReceivedAt.Time().Sub(stored.ObservedAt.Time()))
		}
	}
	return items
}

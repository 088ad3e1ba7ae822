package api

import (
	"fmt"
	"net/http"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/jsondoc"
	"pricing/shared/meter"
	"pricing/shared/store"
)

// ReadBatch reads the items of a batch, 1 to BatchItems of them; thing is the word for one.
func ReadBatch(v jsondoc.Value, thing string) []jsondoc.Value {
	items, ok := v.Array()
	switch {
	case ok && len(items) == 0:
		v.Fault(fault.CodeInvalidField, "There is no "+thing+".")
	case len(items) > BatchItems:
		v.Fault(fault.CodeTooManyItems, fmt.Sprintf("At most %d %ss are taken at once, not %d.", BatchItems, thing, len(items)))
	}
	return items
}

// RefuseTwins refuses each item whose member has a value that another one's has as well. why says what cannot be done then.
func RefuseTwins[T any, P interface {
	*T
	Refuse(member, code, detail string)
}](items []T, member string, value func(T) string, why string) {
	have := map[string]int{}
	for _, item := range items {
		have[value(item)]++
	}
	for i := range items {
		if text := value(items[i]); text != "" && have[text] > 1 {
			P(&items[i]).Refuse("/"+member, fault.CodeInvalidField, fmt.Sprintf("%d items have this %s; %s.", have[text], member, why))
		}
	}
}

// settled is an item of a batch of which it is known what became of it.
type settled interface {
	Outcome() string // the word for it
	Err() error      // the fault of one that is not stored, as the client reads it; nil: it is stored
	cause() error    // what the store met
	pointer() string // where in the request it stood
	result() Result  // what is said of it, but for its place, its outcome and its problem
}

// tally counts what became of items.
func tally[T settled](items []T) meter.Items {
	counts := meter.Items{Outcomes: map[string]int{}}
	for _, i := range items {
		outcome := i.Outcome()
		counts.Outcomes[outcome]++
		if outcome == store.OutcomeRejected {
			if counts.Rejected == nil {
				counts.Rejected = map[string]int{}
			}
			counts.Rejected[fault.Of(i.Err()).Code]++
		}
	}
	return counts
}

// Cause returns the first store error behind a failed item, else behind a throttled one, for the log; nil when there is none.
func Cause[T settled](items []T) error {
	for _, outcome := range []string{store.OutcomeFailed, store.OutcomeThrottled} {
		for _, i := range items {
			if i.Outcome() == outcome {
				return i.cause()
			}
		}
	}
	return nil
}

// failed is what a client reads of an item that failed: Internal, whatever the store met. A missing item deep inside is not the
// client's 404.
func failed(cause error) error {
	return fault.New(fault.Internal, fault.CodeInternal, "What is stored of the product cannot be read or written.").Because(cause)
}

// located gives the fields of a fault, which the packages below name as members of an item, their place in the request. A fault
// without fields stays the error that it is.
func located(err error, pointer func(member string) string) error {
	f := fault.Of(err)
	if len(f.Fields) == 0 {
		return err
	}
	out := *f
	out.Fields = make([]fault.Field, len(f.Fields))
	for n, field := range f.Fields {
		field.Pointer = pointer(field.Pointer)
		out.Fields[n] = field
	}
	return &out
}

// Counts counts the outcomes of a batch.
type Counts struct {
	Received  int `json:"received"`
	Created   int `json:"created"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Late      int `json:"late"`
	Duplicate int `json:"duplicate"`
	Conflict  int `json:"conflict"`
	Rejected  int `json:"rejected"`
	Throttled int `json:"throttled"`
	Failed    int `json:"failed"`
}

// Retry reports whether any item is worth another try: a failed one only after we have mended something, yet it is not lost.
func (c Counts) Retry() bool { return c.Throttled+c.Failed > 0 }

// NewCounts makes counts of a tally.
func NewCounts(items meter.Items) Counts {
	n := items.Outcomes
	return Counts{
		Received:  items.Total(),
		Created:   n[board.Created.String()],
		Changed:   n[board.Changed.String()],
		Unchanged: n[board.Unchanged.String()],
		Late:      n[board.Late.String()],
		Duplicate: n[board.Duplicate.String()],
		Conflict:  n[board.Conflict.String()],
		Rejected:  n[store.OutcomeRejected],
		Throttled: n[store.OutcomeThrottled],
		Failed:    n[store.OutcomeFailed],
	}
}

// Status is the whole batch's: 200 all stored, 207 mixed; of nothing stored 503 when something was throttled, else 500 when
// something failed, else 422.
func (c Counts) Status() int {
	switch stored := c.Created + c.Changed + c.Unchanged + c.Late + c.Duplicate; {
	case stored == c.Received:
		return http.StatusOK
	case stored > 0:
		return http.StatusMultiStatus
	case c.Throttled > 0:
		return http.StatusServiceUnavailable
	case c.Failed > 0:
		return http.StatusInternalServerError
	}
	return http.StatusUnprocessableEntity
}

// Result is the document of one item of a batch.
type Result struct {
	Index         int              `json:"index"`
	ItemID        string           `json:"itemId,omitempty"`
	ProductID     *string          `json:"productId"` // null when it is not known
	Status        int              `json:"status"`
	Outcome       string           `json:"outcome"`
	Retryable     bool             `json:"retryable"`
	Version       int64            `json:"version,omitempty"` // of a product
	ObservationID string           `json:"observationId,omitempty"`
	Current       *bool            `json:"current,omitempty"`
	Problem       *gateway.Problem `json:"problem,omitempty"`
	Warnings      []string         `json:"warnings,omitzero"` // of an observation
}

// NewResults describes what became of the items of a batch. So many broken fields are named that the answer stays small,
// those of the first items first.
func NewResults[T settled](items []T) []Result {
	results := make([]Result, len(items))
	most := fault.RequestFields
	for i, item := range items {
		out := item.result()
		out.Index = i
		out.Outcome = item.Outcome()
		if err := item.Err(); err != nil {
			problem := gateway.ItemProblem(itemFault(err), item.pointer(), most)
			out.Status = problem.Status
			out.Problem = &problem
			out.Retryable = out.Outcome == store.OutcomeThrottled || out.Outcome == store.OutcomeFailed
			most -= min(most, len(fault.Of(err).Fields))
		}
		results[i] = out
	}
	return results
}

// itemFault makes an error the fault of one item of a batch: there a malformed item is as unprocessable as one that breaks a rule.
func itemFault(err error) error {
	f := *fault.Of(err)
	if f.Kind == fault.Malformed {
		f.Kind = fault.Invalid
	}
	return &f
}

package api

import (
	"context"
	"net/http"
	"slices"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/jsondoc"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/token"
)

// Item is one observation of a request: as it was sent, and what became of it.
type Item struct {
	Submission price.Submission
	Faults     error         // the rules it broke; the store never saw it then
	Verdict    store.Verdict // what the store made of it

	sent   jsondoc.Value
	reader *jsondoc.Reader // of its faults
}

// Writer returns what the request's caller may write.
func Writer(r *gateway.Request) price.Writer {
	return price.Writer{
		Client:    r.Caller.Client,
		Sources:   r.Caller.Sources,
		SelfCheck: slices.Contains(r.Caller.Scopes, token.ScopeSelfCheck),
		Own:       slices.Contains(r.Caller.Scopes, token.ScopeCatalog),
	}
}

// ReadItem reads an observation as the writer sent it; defaults is absent where a request has none.
func ReadItem(sent, defaults jsondoc.Value, inBatch bool, by price.Writer, clock price.Clock) Item {
	var faults jsondoc.Reader
	submission := price.ReadSubmission(sent.With(&faults), defaults.With(&faults), inBatch, clock).SignedBy(by)
	return Item{Submission: submission, Faults: faults.Err(), sent: sent, reader: &faults}
}

// Refuse adds a rule that the item breaks with one of its members.
func (i *Item) Refuse(member, code, detail string) {
	i.reader.Add(i.Submission.Pointer(member), code, detail)
	i.Faults = i.reader.Err()
}

// Recorder is what Record needs of a store.
type Recorder interface {
	Record(ctx context.Context, in []price.Submission, received price.Timestamp, dryRun bool) ([]store.Verdict, error)
}

// Record stores the items that broke no rule and fills their verdicts. Its error is our own mistake: nothing can be
// said of any of them then.
func Record(ctx context.Context, db Recorder, items []Item, received price.Timestamp, dryRun bool) error {
	var good []*Item
	var submissions []price.Submission
	for i := range items {
		if items[i].Faults == nil {
			good, submissions = append(good, &items[i]), append(submissions, items[i].Submission)
		}
	}
	if len(good) == 0 {
		return nil
	}
	verdicts, err := db.Record(ctx, submissions, received, dryRun)
	for n, item := range good {
		if err != nil {
			item.Verdict.Err = err
			continue
		}
		item.Verdict = verdicts[n]
	}
	return err
}

// Outcome returns the word for what became of the item.
func (i Item) Outcome() string {
	if i.Faults != nil {
		return store.OutcomeRejected
	}
	return i.Verdict.Outcome()
}

// Stored reports whether the observation is stored, now or before.
func (i Item) Stored() bool { return i.Faults == nil && i.Verdict.Stored() }

// ID returns the observationId of a stored item.
func (i Item) ID() string { return i.Verdict.Result.Stored.ID(i.Verdict.Result.Offer.Key) }

// ProductID returns the product's id, empty when it is not known.
func (i Item) ProductID() string {
	if i.Verdict.ProductID != "" {
		return i.Verdict.ProductID
	}
	if id := i.Submission.Observation.Key.ProductID; price.CheckProductID(id) {
		return id
	}
	return ""
}

// Status returns the HTTP status of a stored item: 200 when it was stored before, else 201.
func (i Item) Status() int {
	if i.Verdict.Result.Outcome == board.Duplicate {
		return http.StatusOK
	}
	return http.StatusCreated
}

// Warnings returns what the client should know of a stored item, never nil.
func (i Item) Warnings() []string {
	if i.Stored() && !i.Verdict.Catalogued {
		return []string{fault.CodeUnknownProduct}
	}
	return []string{}
}

// Err returns the fault of an item that is not stored, as the client reads it, or nil. Its pointers say where in the
// request the members stood. Of an item that failed it is Internal, whatever the store met: a missing item deep inside is not the
// client's 404.
func (i Item) Err() error {
	switch {
	case i.Faults != nil:
		return i.Faults
	case i.Verdict.Outcome() == store.OutcomeFailed:
		return fault.New(fault.Internal, fault.CodeInternal, "What is stored of the product cannot be read or written.").Because(i.Verdict.Err)
	case i.Verdict.Err != nil:
		return i.located(i.Verdict.Err)
	case i.Verdict.Stored():
		return nil
	}
	conflict := fault.New(fault.Conflict, fault.CodeConflict,
		"An observation with this id is stored with other content; the first stored stays.")
	for _, member := range i.Verdict.Result.Differs {
		conflict.Fields = append(conflict.Fields, fault.Field{Pointer: member, Code: fault.CodeConflict, Detail: "Differs from what is stored."})
	}
	return i.located(conflict)
}

// located gives the fields of a fault, which the packages below name as members of an observation, their place in the
// request. A fault without fields stays the error that it is.
func (i Item) located(err error) error {
	f := fault.Of(err)
	if len(f.Fields) == 0 {
		return err
	}
	out := *f
	out.Fields = make([]fault.Field, len(f.Fields))
	for n, field := range f.Fields {
		field.Pointer = i.Submission.Pointer(field.Pointer)
		out.Fields[n] = field
	}
	return &out
}

// Tally counts what became of items, for the log and the metrics.
func Tally(items []Item, dryRun bool) meter.Items {
	counts := meter.Items{Outcomes: map[string]int{}, DryRun: dryRun}
	for _, i := range items {
		outcome := i.Outcome()
		counts.Outcomes[outcome]++
		switch {
		case outcome == store.OutcomeRejected:
			if counts.Rejected == nil {
				counts.Rejected = map[string]int{}
			}
			counts.Rejected[fault.Of(i.Err()).Code]++
		case i.Stored() && i.Verdict.Result.Outcome != board.Duplicate: // that one was stored before
			stored := i.Verdict.Result.Stored
			counts.Lags = append(counts.Lags, stored.ReceivedAt.Time().Sub(stored.ObservedAt.Time()))
		}
	}
	return counts
}

// Cause returns the first store error behind a failed item, else behind a throttled one, for the log; nil when there is none.
func Cause(items []Item) error {
	for _, outcome := range []string{store.OutcomeFailed, store.OutcomeThrottled} {
		for _, i := range items {
			if i.Outcome() == outcome {
				return i.Verdict.Err
			}
		}
	}
	return nil
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
	ObservationID string           `json:"observationId,omitempty"`
	Current       *bool            `json:"current,omitempty"`
	Problem       *gateway.Problem `json:"problem,omitempty"`
	Warnings      []string         `json:"warnings"`
}

// NewResults describes what became of the items of a batch. So many broken fields are named that the answer stays small,
// those of the first items first.
func NewResults(items []Item) []Result {
	results := make([]Result, len(items))
	most := fault.RequestFields
	for i, item := range items {
		err := item.Err()
		results[i] = newResult(i, item, err, most)
		if err != nil {
			most -= min(most, len(fault.Of(err).Fields))
		}
	}
	return results
}

func newResult(index int, i Item, err error, most int) Result {
	out := Result{
		Index: index, ItemID: i.Submission.ItemID, ProductID: orNull(i.ProductID()), Outcome: i.Outcome(), Warnings: i.Warnings(),
	}
	if err != nil {
		problem := gateway.ItemProblem(itemFault(err), i.sent.Pointer(), most)
		out.Status = problem.Status
		out.Problem = &problem
		out.Retryable = out.Outcome == store.OutcomeThrottled || out.Outcome == store.OutcomeFailed
		return out
	}
	out.Status = i.Status()
	out.ObservationID = i.ID()
	out.Current = &i.Verdict.Result.Current
	return out
}

// itemFault makes an error the fault of one item of a batch: there a malformed item is as unprocessable as one that breaks a rule.
func itemFault(err error) error {
	f := *fault.Of(err)
	if f.Kind == fault.Malformed {
		f.Kind = fault.Invalid
	}
	return &f
}

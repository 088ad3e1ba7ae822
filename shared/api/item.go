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
		return failed(i.Verdict.Err)
	case i.Verdict.Err != nil:
		return located(i.Verdict.Err, i.Submission.Pointer)
	case i.Verdict.Stored():
		return nil
	}
	conflict := fault.New(fault.Conflict, fault.CodeConflict,
		"An observation with this id is stored with other content; the first stored stays.")
	for _, member := range i.Verdict.Result.Differs {
		conflict.Fields = append(conflict.Fields, fault.Field{Pointer: member, Code: fault.CodeConflict, Detail: "Differs from what is stored."})
	}
	return located(conflict, i.Submission.Pointer)
}

// Tally counts what became of items, for the log and the metrics.
func Tally(items []Item, dryRun bool) meter.Items {
	counts := tally(items)
	counts.DryRun = dryRun
	for _, i := range items {
		if i.Stored() && i.Verdict.Result.Outcome != board.Duplicate { // that one was stored before
			stored := i.Verdict.Result.Stored
			counts.Lags = append(counts.Lags, stored.ReceivedAt.Time().Sub(stored.ObservedAt.Time()))
		}
	}
	return counts
}

func (i Item) cause() error { return i.Verdict.Err }

func (i Item) pointer() string { return i.sent.Pointer() }

func (i Item) result() Result {
	out := Result{ItemID: i.Submission.ItemID, ProductID: orNull(i.ProductID()), Status: i.Status(), Warnings: i.Warnings()}
	if i.Stored() {
		out.ObservationID = i.ID()
		out.Current = &i.Verdict.Result.Current
	}
	return out
}

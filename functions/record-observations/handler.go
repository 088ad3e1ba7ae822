package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
	"pricing/shared/store"
)

type recorder interface {
	Retention() time.Duration
	Record(ctx context.Context, in []price.Submission, received price.Timestamp, dryRun bool) ([]store.Verdict, error)
}

type answer struct {
	DryRun     bool            `json:"dryRun,omitempty"`
	Retry      bool            `json:"retry,omitempty"`
	ReceivedAt price.Timestamp `json:"receivedAt"`
	Counts     counts          `json:"counts"`
	Results    []result        `json:"results"`
}

type counts struct {
	Received  int `json:"received"`
	Created   int `json:"created"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Late      int `json:"late"`
	Duplicate int `json:"duplicate"`
	Conflict  int `json:"conflict"`
	Rejected  int `json:"rejected"`
	Throttled int `json:"throttled"`
}

type result struct {
	Index         int              `json:"index"`
	ItemID        string           `json:"itemId,omitempty"`
	ProductID     *string          `json:"productId"` // null when it could not be told
	Status        int              `json:"status"`
	Outcome       string           `json:"outcome"`
	Retryable     bool             `json:"retryable"`
	ObservationID string           `json:"observationId,omitempty"`
	Current       *bool            `json:"current,omitempty"`
	Problem       *gateway.Problem `json:"problem,omitempty"`
	Warnings      []string         `json:"warnings"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "POST /v1/observations/batch", Scope: "ingest", Query: []string{"dryRun", "results"}, MaxBody: gateway.BatchBytes,
		Handle: record(f.Store),
	}
}

func record(db recorder) func(context.Context, *gateway.Request) (gateway.Answer, error) {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		dryRun, only := p.Bool("dryRun", false), p.Word("results", "all", "failed")
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		now := price.At(r.Received)
		b, err := read(r.Body, price.Clock{Now: now, Retention: db.Retention()})
		if err != nil {
			return gateway.Answer{}, err
		}
		cause, err := b.record(ctx, db, now, dryRun)
		if err != nil {
			return gateway.Answer{}, err
		}
		results, items := b.results(), store.Tally(b.verdicts, dryRun)
		a := answer{DryRun: dryRun, Retry: items.Outcomes["throttled"] > 0, ReceivedAt: now, Counts: tally(len(results), items.Outcomes), Results: results}
		if only == "failed" {
			a.Results = failed(results)
		}
		status := overall(a.Counts)
		if dryRun {
			status = http.StatusOK
		}
		return gateway.Answer{Status: status, Body: a, Items: items, Retry: a.Retry, Cause: cause}, nil
	}
}

// batch is a request being worked on. Positions are those of the request throughout.
type batch struct {
	items       []jsondoc.Value
	submissions []price.Submission
	verdicts    []store.Verdict
}

// read takes the document apart. Its error refuses the whole request; an item's faults stay with the item.
func read(body []byte, clock price.Clock) (*batch, error) {
	document, err := jsondoc.Parse(body)
	if err != nil {
		return nil, err
	}
	var reader jsondoc.Reader
	b := &batch{}
	root, _ := reader.At(document, "").Object("defaults", "observations")
	defaults := root.Optional("defaults").NotNull()
	price.CheckDefaults(defaults)
	items, ok := root.Required("observations").Array()
	switch {
	case ok && len(items) == 0:
		reader.Add("/observations", fault.CodeInvalidField, "There is no observation.")
	case len(items) > gateway.BatchItems:
		reader.Add("/observations", fault.CodeTooManyItems, fmt.Sprintf("At most %d observations are taken at once, not %d.", gateway.BatchItems, len(items)))
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	b.items = items
	b.submissions, b.verdicts = make([]price.Submission, len(items)), make([]store.Verdict, len(items))
	for i, item := range items {
		var faults jsondoc.Reader
		b.submissions[i] = price.ReadSubmission(item.With(&faults), defaults.With(&faults), true, clock)
		b.verdicts[i].Err = faults.Err()
	}
	return b, nil
}

// record stores the items that broke no rule. cause is the first store error behind a throttled item.
func (b *batch) record(ctx context.Context, db recorder, now price.Timestamp, dryRun bool) (cause, err error) {
	var good []price.Submission
	var at []int
	for i := range b.items {
		if b.verdicts[i].Err == nil {
			good, at = append(good, b.submissions[i]), append(at, i)
		}
	}
	if len(good) == 0 {
		return nil, nil
	}
	verdicts, err := db.Record(ctx, good, now, dryRun)
	if err != nil {
		return nil, err
	}
	for n, v := range verdicts {
		b.verdicts[at[n]] = v
		if cause == nil && v.Outcome() == "throttled" {
			cause = v.Err
		}
	}
	return cause, nil
}

func (b *batch) results() []result {
	results := make([]result, len(b.items))
	for i, v := range b.verdicts {
		res := result{Index: i, ItemID: b.submissions[i].ItemID, Outcome: v.Outcome(), Warnings: v.Warnings()}
		if v.ProductID == "" {
			v.ProductID = b.submissions[i].Observation.Key.ProductID
		}
		if price.CheckProductID(v.ProductID) {
			res.ProductID = &v.ProductID
		}
		if err := v.Fault("/observations/" + strconv.Itoa(i)); err != nil {
			problem := b.problem(i, err)
			res.Status, res.Problem, res.Retryable = problem.Status, &problem, v.Outcome() == "throttled"
		} else {
			res.Status, res.ObservationID, res.Current = v.Status(), v.Result.Stored.ID(v.Result.Offer.Key), &v.Result.Current
		}
		results[i] = res
	}
	return results
}

// problem describes an item's fault. Inside a batch a malformed item is as unprocessable as one that breaks a rule, and
// what went wrong in the store for one item of many is always worth another try.
func (b *batch) problem(i int, err error) gateway.Problem {
	f := *fault.Of(err)
	switch f.Kind {
	case fault.Malformed:
		f.Kind = fault.Invalid
	case fault.Invalid, fault.Conflict, fault.Unavailable:
	default:
		f = *fault.New(fault.Unavailable, fault.CodeThrottled, "This could not be stored; repeat it.")
	}
	base := "/observations/" + strconv.Itoa(i)
	fields := make([]fault.Field, len(f.Fields))
	for n, field := range f.Fields {
		switch { // the store knows members, not where in the document they stand
		case field.Pointer == "/competitorId" && b.items[i].Members().Optional("competitorId").Absent():
			field.Pointer = "/defaults" + field.Pointer
		case field.Pointer == "/competitorId", field.Pointer == "/gtin":
			field.Pointer = base + field.Pointer
		}
		fields[n] = field
	}
	f.Fields = fields
	return gateway.ProblemOf(&f)
}

func tally(received int, outcomes map[string]int) counts {
	return counts{
		Received: received, Created: outcomes["created"], Changed: outcomes["changed"], Unchanged: outcomes["unchanged"], Late: outcomes["late"],
		Duplicate: outcomes["duplicate"], Conflict: outcomes["conflict"], Rejected: outcomes["rejected"], Throttled: outcomes["throttled"],
	}
}

// overall is the request's status: 200 all stored, 207 mixed, 503 nothing stored and something retryable, 422 nothing
// stored and nothing retryable.
func overall(c counts) int {
	switch stored := c.Created + c.Changed + c.Unchanged + c.Late + c.Duplicate; {
	case stored == c.Received:
		return http.StatusOK
	case stored > 0:
		return http.StatusMultiStatus
	case c.Throttled > 0:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnprocessableEntity
}

func failed(results []result) []result {
	out := []result{}
	for _, r := range results {
		if r.Problem != nil {
			out = append(out, r)
		}
	}
	return out
}

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// BatchItems is how many observations, or products, the API takes at once.
const BatchItems = 500

const (
	batchBytes = 1 << 20 // the API's limit
	batchTail  = `]}`

	outcomeRejected  = "rejected"
	outcomeThrottled = "throttled"
	outcomeFailed    = "failed" // what is stored of the product has to be mended: it is sent once more
)

// problems are the outcomes whose items have a result also with results=problems.
var problems = []string{"conflict", outcomeRejected, outcomeThrottled, outcomeFailed}

// kind is what a batch is of.
type kind struct {
	path, items string // items is the name of their array in the request
}

var (
	ofObservations = kind{"/v1/observations/batch", "observations"}
	ofProducts     = kind{"/v1/products/batch", "products"}
)

func (k kind) head() string { return `{"` + k.items + `":[` }

// Answer says what became of some of the observations that are sent.
type Answer struct {
	// Items are the places of these observations among all that are sent, from 0.
	Items []int
	// Counts is how many of them had which outcome.
	Counts map[string]int
	// Results has one for each of them, in order; only of those that were not stored if that was asked for. An Index is a
	// place among all that are sent, and a pointer of a problem begins at the observation.
	Results []Result
	// Refused is set if they were refused together, as one request. Then each of the results has this problem.
	Refused *Problem
}

// RecordObservations sends any number of observations and returns what became of each, in order (whatever params.Results says).
// Those that were refused have a Problem. An error says why others have no outcome: their results are `throttled`, so they may be
// stored or not, and can be sent again. It stops at the first request that fails for good.
func (c *Client) RecordObservations(ctx context.Context, params RecordObservationsParams, all []Submission) ([]Result, error) {
	params.Results = RecordObservationsParamsResultsAll
	return sendAll(ctx, all, func(ctx context.Context, encoded iter.Seq[json.RawMessage]) iter.Seq2[Answer, error] {
		return c.StreamObservations(ctx, params, encoded)
	})
}

// PutProducts puts any number of products into the catalogue and returns what became of each, as RecordObservations does. Put a
// product, and a gtin, once only: it is not said in which order batches arrive.
func (c *Client) PutProducts(ctx context.Context, all []ProductBatchItem) ([]Result, error) {
	return sendAll(ctx, all, func(ctx context.Context, encoded iter.Seq[json.RawMessage]) iter.Seq2[Answer, error] {
		return c.stream(ctx, ofProducts, nil, RecordObservationsParamsResultsAll, encoded)
	})
}

// sendAll sends items by a stream and returns what became of each, in order.
func sendAll[T any](
	ctx context.Context, all []T, stream func(context.Context, iter.Seq[json.RawMessage]) iter.Seq2[Answer, error],
) ([]Result, error) {
	results := make([]Result, len(all))
	for i := range results {
		results[i] = Result{Index: i, Status: http.StatusServiceUnavailable, Outcome: outcomeThrottled, Retryable: true}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	encoded := func(yield func(json.RawMessage) bool) {
		for i, one := range all {
			text, err := encode(one)
			if err != nil {
				failed = fmt.Errorf("encode item %d: %w", i, err)
				return
			}
			if !yield(text) {
				return
			}
		}
	}
	for answer, err := range stream(ctx, encoded) {
		if err != nil {
			stop()
		}
		if failed == nil {
			failed = err
		}
		for _, r := range answer.Results {
			results[r.Index] = r
		}
	}
	return results, failed
}

// StreamObservations sends observations, each the JSON of a BatchItem. It divides them into batches, sends several at a time, and of
// each again only what may succeed later; an item that `failed` once only. It yields what became of them as it hears it, so in no
// order.
//
// Beside an error, Items are observations that were sent and have no outcome. Other batches are still sent, unless it is a Problem
// that cannot be repeated, such as a wrong token. When ctx ends or the caller stops, nothing more is sent, but what is under way is
// waited for. What was never sent stands in no Answer.
func (c *Client) StreamObservations(
	ctx context.Context, params RecordObservationsParams, observations iter.Seq[json.RawMessage],
) iter.Seq2[Answer, error] {
	return c.stream(ctx, ofObservations, params.query(), params.Results, observations)
}

func (c *Client) stream(
	ctx context.Context, of kind, query url.Values, results RecordObservationsParamsResults, items iter.Seq[json.RawMessage],
) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		running, stop := context.WithCancel(ctx)
		defer stop()
		s := stream{
			client: c, of: of, path: of.path, results: results,
			batches: make(chan []item), heard: make(chan heard), gone: make(chan struct{}),
		}
		if len(query) > 0 {
			s.path += "?" + query.Encode()
		}
		done := sync.OnceFunc(func() { close(s.batches) })
		defer done() // also when the caller panics
		defer close(s.gone)
		var workers sync.WaitGroup
		for range c.inFlight {
			workers.Go(func() {
				for batch := range s.batches {
					s.send(running, batch)
				}
			})
		}
		listening := true
		hear := func(h heard) {
			if listening && !yield(h.answer, h.err) {
				listening = false
				stop()
			}
			if !retryable(h.err) {
				stop()
			}
		}
		complete := c.divide(of, items, func(batch []item) bool {
			for running.Err() == nil {
				select {
				case s.batches <- batch:
					return true
				case h := <-s.heard:
					hear(h)
				case <-running.Done():
				}
			}
			return false
		})
		done()
		go func() { workers.Wait(); close(s.heard) }()
		for h := range s.heard {
			hear(h)
		}
		if !complete && listening && ctx.Err() != nil {
			yield(Answer{}, context.Cause(ctx))
		}
	}
}

// item is an observation or a product that is sent.
type item struct {
	index  int
	body   json.RawMessage
	failed bool // the API has answered that once already
}

// divide makes batches within the API's limits, until yield returns false. An item longer than a batch is sent alone, to be
// refused.
func (c *Client) divide(of kind, items iter.Seq[json.RawMessage], yield func([]item) bool) (complete bool) {
	var batch []item
	size := 0
	index := 0
	for body := range items {
		if len(batch) == c.items || len(batch) > 0 && size+len(",")+len(body)+len(batchTail) > batchBytes {
			if !yield(batch) {
				return false
			}
			batch = nil
		}
		if len(batch) == 0 {
			size = len(of.head())
		} else {
			size += len(",")
		}
		size += len(body)
		batch = append(batch, item{index: index, body: body})
		index++
	}
	return len(batch) == 0 || yield(batch)
}

// body is the request for a batch.
func (k kind) body(batch []item) []byte {
	b := []byte(k.head())
	for i, one := range batch {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, one.body...)
	}
	return append(b, batchTail...)
}

// stream is a call of StreamObservations or PutProducts.
type stream struct {
	client  *Client
	of      kind
	path    string // and the query
	results RecordObservationsParamsResults
	batches chan []item
	heard   chan heard
	gone    chan struct{} // closed when nobody listens any more
}

type heard struct {
	answer Answer
	err    error
}

func (s *stream) say(a Answer, err error) {
	select {
	case s.heard <- heard{a, err}:
	case <-s.gone:
	}
}

// send sends a batch until each of its items has an outcome or there must be no other attempt.
func (s *stream) send(ctx context.Context, pending []item) {
	if ctx.Err() != nil {
		s.say(Answer{}, context.Cause(ctx)) // about none: it was not sent
		return
	}
	for attempt := 1; ; attempt++ {
		r, err := s.client.attempt(ctx, http.MethodPost, s.path, s.of.body(pending))
		if err == nil {
			var a Answer
			if a, pending, err = s.settle(r, pending); len(a.Items) > 0 {
				s.say(a, nil)
			}
		}
		if len(pending) == 0 {
			return
		}
		if !retryable(err) {
			s.say(without(pending), err)
			return
		}
		if ended := s.client.pause(ctx, attempt, r.header, err); ended != nil {
			s.say(without(pending), fmt.Errorf("%w (%w)", err, ended))
			return
		}
	}
}

// without is the answer about items that have no outcome.
func without(items []item) Answer {
	var a Answer
	for _, i := range items {
		a.Items = append(a.Items, i.index)
	}
	return a
}

// settle reads what became of a batch, and returns the items that have to be sent again, and why.
func (s *stream) settle(r reply, batch []item) (Answer, []item, error) {
	var said batchAnswer
	if json.Unmarshal(r.body, &said) != nil || said.Counts == nil || said.Results == nil {
		return s.of.refuse(r, batch)
	}
	if err := said.check(len(batch), s.results); err != nil {
		return Answer{}, batch, fmt.Errorf("the answer makes no sense: %w", err)
	}
	a := Answer{Counts: said.Counts}
	delete(a.Counts, "received")
	again := map[int]bool{}
	for _, result := range said.Results {
		one := &batch[result.Index]
		failed := result.Outcome == outcomeFailed
		if result.Retryable && (!failed || !one.failed) {
			one.failed = one.failed || failed
			again[result.Index] = true
			a.Counts[result.Outcome]--
			continue
		}
		if result.Problem != nil {
			result.Problem = s.of.ofItem(result.Problem, result.Index)
		}
		result.Index = one.index
		a.Results = append(a.Results, result)
	}
	var pending []item
	for i, one := range batch {
		if again[i] {
			pending = append(pending, one)
		} else {
			a.Items = append(a.Items, one.index)
		}
	}
	return a, pending, fmt.Errorf("%d of %d %s could not be stored now", len(pending), len(batch), s.of.items)
}

// refuse reads an answer that says nothing of single items.
func (k kind) refuse(r reply, batch []item) (Answer, []item, error) {
	if r.status < 300 {
		return Answer{}, batch, fmt.Errorf("the answer of status %d makes no sense: %q", r.status, r.beginning())
	}
	p := r.problem()
	switch p.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default: // another batch would be answered alike
		return Answer{}, batch, p
	}
	a := without(batch)
	a.Refused = p
	a.Counts = map[string]int{outcomeRejected: len(batch)}
	for place, one := range batch {
		a.Results = append(a.Results, Result{Index: one.index, Status: p.Status, Outcome: outcomeRejected, Problem: k.ofItem(p, place)})
	}
	return a, nil, nil
}

// ofItem is a problem of a batch as one of its items has it: pointers begin at the item, and what is wrong with others is left
// out, since nobody else knows their places in the batch.
func (k kind) ofItem(p *Problem, place int) *Problem {
	items := "/" + k.items + "/"
	own := items + strconv.Itoa(place)
	one := *p
	one.Errors = nil
	for _, e := range p.Errors {
		pointer, within := strings.CutPrefix(e.Pointer, own)
		switch {
		case within && (pointer == "" || pointer[0] == '/'):
			e.Pointer = pointer
		case strings.HasPrefix(e.Pointer, items):
			continue
		}
		one.Errors = append(one.Errors, e)
	}
	return &one
}

// batchAnswer is BatchRecorded with counts of outcomes that this package does not know.
type batchAnswer struct {
	Counts  map[string]int `json:"counts"`
	Results []Result       `json:"results"`
}

// check returns an error unless the answer accounts for each of n items: nothing may be concluded from it then.
func (a batchAnswer) check(n int, asked RecordObservationsParamsResults) error {
	listed := map[string]int{}
	seen := make([]bool, n)
	for _, r := range a.Results {
		if r.Index < 0 || r.Index >= n || seen[r.Index] {
			return fmt.Errorf("it has a result with index %d of %d items", r.Index, n)
		}
		seen[r.Index] = true
		listed[r.Outcome]++
	}
	for outcome, count := range listed {
		if a.Counts[outcome] != count {
			return fmt.Errorf("it counts %d %s and has %d results of them", a.Counts[outcome], outcome, count)
		}
	}
	sum := 0
	for outcome, count := range a.Counts {
		if outcome == "received" {
			continue
		}
		sum += count
		mayLack := asked == RecordObservationsParamsResultsProblems && !slices.Contains(problems, outcome)
		if count < 0 || count > 0 && listed[outcome] == 0 && !mayLack {
			return fmt.Errorf("it counts %d %s and has no result of them", count, outcome)
		}
	}
	if sum != n || a.Counts["received"] != n {
		return fmt.Errorf("it counts %d received and %d outcomes for %d items", a.Counts["received"], sum, n)
	}
	return nil
}

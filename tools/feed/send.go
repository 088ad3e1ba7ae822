package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"pricing/client"
	"pricing/tools/feed/mapping"
)

// hopeless is the number of batches in a row without any outcome, after which the API is considered unreachable.
const hopeless = 8

// errHopeless ends the run.
var errHopeless = errors.New("the API does not answer")

// send sends rows, and reports and acknowledges what becomes of each. When ctx ends, what is under way is waited for: it may be
// stored already.
func (f *feed) send(ctx context.Context, rows []row, state *state) {
	var sent []row // what the client's places mean
	reported := 0
	observations := func(yield func(json.RawMessage) bool) {
		for _, r := range rows {
			o, err := f.observe(r.text)
			if err != nil { // not expected: the same text was accepted when it was read
				f.report.refuse(r.line, r.text, localProblem(err))
				reported++
				continue
			}
			sent = append(sent, r)
			if !yield(o.text) {
				return
			}
		}
	}
	params := client.RecordObservationsParams{Results: client.RecordObservationsParamsResultsProblems}
	for answer, err := range f.client.StreamObservations(ctx, params, observations) {
		reported += len(answer.Items)
		if err == nil {
			f.failures = 0
			err = f.settle(answer, sent, state)
		} else {
			err = f.withoutOutcome(ctx, len(answer.Items), err)
		}
		if err != nil {
			f.stop(err)
		}
	}
	f.report.unsent(len(rows) - reported)
}

// settle reports and acknowledges rows that have an outcome. Of what the API cannot store although it is not busy, the next run
// tries again.
func (f *feed) settle(a client.Answer, sent []row, state *state) error {
	if a.Refused != nil {
		f.report.say("a batch of %d rows (first line %d) was refused: %v", len(a.Items), sent[a.Items[0]].line, a.Refused)
	}
	rejected := 0
	later := map[int]bool{}
	for _, r := range a.Results {
		p := r.Problem
		if p == nil && r.Status >= http.StatusMultipleChoices {
			p = &client.Problem{Type: "urn:problem-type:pricing:" + r.Outcome, Title: r.Outcome, Status: r.Status}
		}
		switch {
		case p == nil:
			continue
		case r.Retryable:
			later[r.Index] = true
			f.report.fail(1, p.Error())
		default:
			text, err := marshal(p)
			if err != nil {
				return fmt.Errorf("write refused rows: %w", err)
			}
			f.report.reject(r.Outcome, sent[r.Index], text)
			rejected++
		}
		a.Counts[r.Outcome]--
	}
	for outcome, n := range a.Counts {
		f.report.count(outcome, n)
	}
	var done []row
	for _, place := range a.Items {
		if !later[place] {
			done = append(done, sent[place])
		}
	}
	return state.acknowledge(f.report, done, rejected)
}

// withoutOutcome reports rows that have no outcome. It returns an error if others would have none either.
func (f *feed) withoutOutcome(ctx context.Context, rows int, why error) error {
	if p, ok := errors.AsType[*client.Problem](why); ok && !p.Retryable() {
		f.report.unsent(rows)
		return why
	}
	if rows == 0 {
		return nil
	}
	f.report.fail(rows, why.Error())
	if f.failures++; ctx.Err() == nil && f.failures >= hopeless {
		return fmt.Errorf("%w: %w", errHopeless, why)
	}
	return nil
}

// register registers the competitors (names by id) that the API does not know yet.
func (f *feed) register(ctx context.Context, wanted map[string]string) error {
	known := map[string]bool{}
	for one, err := range f.client.Competitors(ctx, client.ListCompetitorsParams{}) {
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		known[one.CompetitorID] = true
	}
	var like mapping.Competitors
	if f.mapping != nil {
		like = f.mapping.Competitors
	}
	settings := like.Settings()
	registered := 0
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if known[id] {
			continue
		}
		settings.Name = wanted[id]
		if _, err := f.client.PutCompetitor(ctx, id, settings); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		registered++
	}
	f.report.say("%d competitors registered, %d were known already", registered, len(wanted)-registered)
	return nil
}

// counted counts the requests that a transport makes.
type counted struct {
	http.RoundTripper
	report *report
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.report.request()
	return c.RoundTripper.RoundTrip(r)
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"pricing/client"
	"pricing/tools/feed/mapping"
)

// hopeless is the number of batches in a row without any outcome, after which the API is considered unreachable.
const hopeless = 8

// unknownCompetitor is the code of a problem.
const unknownCompetitor = "unknown-competitor"

// registeredAfter is how long the API may refuse a competitor that has just been registered: what it knows of them is at most a second
// old and what is refused is not sent again.
const registeredAfter = 1100 * time.Millisecond

// errHopeless ends the run.
var errHopeless = errors.New("the API does not answer")

// send sends observations, and reports and acknowledges what becomes of each. When ctx ends, what is under way is waited for: it may be
// stored already.
func (f *feed) send(ctx context.Context, items []item, state *state) {
	reported := make([]bool, len(items))
	observations := func(yield func(json.RawMessage) bool) {
		for _, i := range items {
			if !yield(f.observation(i).JSON) {
				return
			}
		}
	}
	params := client.RecordObservationsParams{Results: client.RecordObservationsParamsResultsProblems}
	if f.settings.dryRun {
		params.DryRun = true
	}
	for answer, err := range f.client.StreamObservations(ctx, params, observations) {
		heard := make([]item, len(answer.Items))
		for n, place := range answer.Items {
			heard[n] = items[place]
			reported[place] = true
		}
		if err == nil {
			f.failures = 0
			err = f.settle(answer, items, heard, state)
		} else {
			err = f.withoutOutcome(ctx, heard, err)
		}
		if err != nil {
			f.stop(err)
		}
	}
	var left []item
	for n, i := range items {
		if !reported[n] {
			left = append(left, i)
		}
	}
	f.report.unsent(left)
}

// outcomeFailed is the outcome of an observation whose product the API has to mend. The client has sent it once more.
const outcomeFailed = "failed"

// settle reports and acknowledges what has an outcome: heard, whose places in the answer are those of items. What the API can store
// later is left to the next run.
func (f *feed) settle(a client.Answer, items, heard []item, state *state) error {
	if a.Refused != nil {
		f.report.say("a batch of %d observations (first line %d) was refused: %v", len(heard), heard[0].line, a.Refused)
	}
	refusals := 0
	later := map[int]bool{}
	settled := map[int]bool{}
	for _, r := range a.Results {
		i := items[r.Index]
		p := r.Problem
		if p == nil && r.Status >= http.StatusMultipleChoices {
			p = &client.Problem{Type: "urn:problem-type:pricing:" + r.Outcome, Title: r.Outcome, Status: r.Status}
		}
		if p == nil {
			continue
		}
		settled[i.index] = true
		a.Counts[r.Outcome]--
		switch column := f.observation(i).Column; {
		case r.Outcome == outcomeFailed:
			later[i.index] = true
			f.report.broken(p.Error(), i)
		case r.Retryable:
			later[i.index] = true
			f.report.fail(p.Error(), i)
		case f.newcomers[f.observation(i).CompetitorID] && p.Code() == unknownCompetitor:
			f.report.settle(map[string]int{"afterRegistration": 1}, i)
		case r.Outcome == "conflict":
			f.report.reject(conflict, i, column, f.ofTheRow(i, f.named(i, *p)))
			refusals++
		default:
			f.report.reject(rejected, i, column, f.ofTheRow(i, f.named(i, *p)))
			refusals++
		}
	}
	var successes, done []item
	for _, i := range heard {
		if !settled[i.index] {
			successes = append(successes, i)
		}
		if !later[i.index] {
			done = append(done, i)
		}
	}
	f.report.settle(a.Counts, successes...)
	return state.acknowledge(f.report, done, refusals)
}

// withoutOutcome reports observations that have no outcome. It returns an error if others would have none either.
func (f *feed) withoutOutcome(ctx context.Context, items []item, why error) error {
	if p, ok := errors.AsType[*client.Problem](why); ok && !p.Retryable() {
		f.report.unsent(items)
		return why
	}
	if len(items) == 0 {
		return nil
	}
	f.report.fail(why.Error(), items...)
	if f.failures++; ctx.Err() == nil && f.failures >= hopeless {
		return fmt.Errorf("%w: %w", errHopeless, why)
	}
	return nil
}

// register registers the competitors (names by id) that the API does not know yet. A dry run only says which.
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
	f.newcomers = map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if known[id] {
			continue
		}
		if f.settings.dryRun {
			f.newcomers[id] = true
			continue
		}
		settings.Name = wanted[id]
		if _, err := f.client.PutCompetitor(ctx, id, settings); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		registered++
	}
	if f.settings.dryRun {
		f.report.say("competitors that would be registered first: %s", cmp.Or(strings.Join(slices.Sorted(maps.Keys(f.newcomers)), ", "), "none"))
		return nil
	}
	f.report.say("%d competitors registered, %d were known already", registered, len(wanted)-registered)
	if registered == 0 {
		return nil
	}
	return f.wait(ctx, registeredAfter)
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

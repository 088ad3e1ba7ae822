package trial

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"pricing/shared/price"
	"pricing/tools/chaos/check"
	"pricing/tools/chaos/history"
)

// replay sends what was acknowledged again, in another order and split, without faults, and says what that changed.
func (t *trial) replay(ctx context.Context, before check.Stored, events []history.Event) ([]check.Finding, error) {
	r := replay{trial: t, process: t.Design.Open(t.client, t.table), acked: acknowledged(events)}
	if err := r.reopen(ctx, before); err != nil {
		return nil, err
	}
	before, err := t.scan(ctx)
	if err != nil {
		return nil, err
	}
	findings, _ := check.Run(events, before)
	random := rand.New(rand.NewPCG(t.plan.Seed, 1))
	for together := range slices.Chunk(byProduct(r.acked), productsAtOnce) {
		left := slices.Concat(together...)
		random.Shuffle(len(left), func(a, b int) { left[a], left[b] = left[b], left[a] })
		for len(left) > 0 {
			n := min(1+random.IntN(100), len(left))
			if err := r.send(ctx, left[:n]); err != nil {
				return nil, err
			}
			left = left[n:]
		}
	}
	after, err := t.scan(ctx)
	return append(append(findings, r.findings...), check.Same(before, after)...), err
}

// productsAtOnce is of how many products the observations are mixed in a replay. More would make a large plan's take far longer than
// the plan itself, since each request would read most of the products.
const productsAtOnce = 5

// byProduct divides observations by product, in the order of their ids.
func byProduct(observations []price.Observation) [][]price.Observation {
	of := map[string][]price.Observation{}
	for _, o := range observations {
		of[o.Key.ProductID] = append(of[o.Key.ProductID], o)
	}
	var all [][]price.Observation
	for _, id := range slices.Sorted(maps.Keys(of)) {
		all = append(all, of[id])
	}
	return all
}

type replay struct {
	*trial
	process  Process
	acked    []price.Observation
	findings []check.Finding
}

// acknowledged are the observations that were, each once with each url, in their order.
func acknowledged(events []history.Event) []price.Observation {
	type sent struct{ id, content, url string }
	acked := map[sent]price.Observation{}
	for _, e := range events {
		if e.Type == history.OK && e.Sent.Observation != nil {
			acked[sent{e.ID, e.Content, e.URL}] = *e.Sent.Observation
		}
	}
	order := slices.SortedFunc(maps.Keys(acked), func(a, b sent) int {
		return slices.Compare([]string{a.id, a.content, a.url}, []string{b.id, b.content, b.url})
	})
	all := make([]price.Observation, len(order))
	for i, s := range order {
		all[i] = acked[s]
	}
	return all
}

// reopen brings back competitors that went out of business, since what they offered would be rejected.
func (r *replay) reopen(ctx context.Context, stored check.Stored) error {
	for _, c := range r.plan.Competitors {
		if known, ok := stored.Competitors[c.ID]; ok && !known.Active {
			if err := r.process.PutCompetitor(ctx, c); err != nil {
				return fmt.Errorf("replay: %w", err)
			}
		}
	}
	return nil
}

// send sends observations that are stored.
func (r *replay) send(ctx context.Context, observations []price.Observation) error {
	answers, err := r.process.Record(ctx, "replay", observations, r.now())
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	for i, a := range answers {
		if id := observations[i].ID(); a.Outcome != "duplicate" {
			r.findings = append(r.findings,
				check.Finding{Invariant: "I3", Kind: check.Replay, About: id, Text: id + ": replayed, it is " + a.Outcome})
		}
	}
	return nil
}

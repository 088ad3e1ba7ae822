package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
)

// How often each thing of the matrix is done with each design, by turns.
const (
	oneMoreTurns = 200 // enough for a board to be flushed several times
	readingTurns = 3
)

// loaded is how many observations of the two-item design come in one request when a month is loaded: its items are the same, and
// each offer's latest is written less often.
const loaded = 50_000

// matrix measures one more observation, the default page and an offer's month, of products that have more and more. Here the
// two-item design has all of it in its table as well.
func (b *bench) matrix(ctx context.Context) error {
	b.say(b.out, "A single observation more, the default page of the history (the 100 newest changes) and an offer's month (all its")
	b.say(b.out, "changes): write units (w), read units (r) and calls; the same of two items an observation; how many times as long the")
	b.say(b.out, "boards take (median of the turns)")
	table := b.printer()
	b.say(table, "offers\tobservations\twhat\tw\tr\tcalls\t|\tw\tr\tcalls\tx time\t")
	for _, of := range b.pasts {
		rows, err := b.measureMatrix(ctx, of)
		if err != nil {
			return fmt.Errorf("%d offers, %d observations: %w", of.offers, of.observations, err)
		}
		for _, r := range rows {
			b.say(table, "%d\t%d\t%s\t%.2f\t%.2f\t%.1f\t|\t%.2f\t%.2f\t%.1f\t%.3f\t", of.offers, of.observations, r.what,
				r.ours.writes, r.ours.reads, r.ours.calls, r.theirs.writes, r.theirs.reads, r.theirs.calls, r.times)
		}
		if err := table.Flush(); err != nil { // rows as they come: the whole takes many minutes
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

// compared is what something costs with each design.
type compared struct {
	what         string
	ours, theirs cost    // of one time
	times        float64 // as long as theirs ours takes
}

func (b *bench) measureMatrix(ctx context.Context, of past) ([]compared, error) {
	m := b.newPast(of)
	mine, err := b.newBoards(ctx, m)
	if err != nil {
		return nil, err
	}
	usual, err := b.newTwoItems(ctx)
	if err != nil {
		return nil, err
	}
	var loading sync.WaitGroup
	var errs [2]error
	loading.Go(func() { _, errs[0] = m.live(ctx, mine, of, together, mostItems) })
	loading.Go(func() { _, errs[1] = b.newPast(of).live(ctx, usual, of, loaded, loaded) })
	loading.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	keys := make([]price.OfferKey, of.offers)
	for o := range keys {
		keys[o] = m.key(0, o)
	}
	month := store.Window{From: start, To: start.Add(month), Changes: true, Descending: true, Limit: 1000}
	page := month
	page.Limit = 100

	oneMore, err := m.oneMore(ctx, mine, usual)
	if err != nil {
		return nil, err
	}
	var rows [2]int // that were read
	newest, err := byTurns(ctx, "page", readingTurns, func(ctx context.Context, _ int) error {
		read, err := mine.History(ctx, m.productID(0), page)
		rows[0] = len(read.Rows)
		return err
	}, func(ctx context.Context, _ int) error {
		read, err := usual.Changes(ctx, keys, page.Limit)
		rows[1] = len(read)
		return err
	})
	if err != nil {
		return nil, err
	}
	if rows[0] != rows[1] {
		return nil, fmt.Errorf("a page of %d rows, and one of two items of %d", rows[0], rows[1])
	}
	whole, err := byTurns(ctx, "offer's month", readingTurns, func(ctx context.Context, turn int) error {
		w := month
		w.Match = func(k price.OfferKey) bool { return k == keys[turn*len(keys)/readingTurns] }
		for {
			read, err := mine.History(ctx, m.productID(0), w)
			if err != nil || read.Next == nil {
				return err
			}
			w.After = read.Next
		}
	}, func(ctx context.Context, turn int) error {
		_, err := usual.Changes(ctx, keys[turn*len(keys)/readingTurns:][:1], 0)
		return err
	})
	return []compared{oneMore, newest, whole}, err
}

// oneMore measures single observations after a product's month, of any of its offers.
func (m *market) oneMore(ctx context.Context, mine *boards, usual *twoItems) (compared, error) {
	after := start.Add(month)
	received := after.Add(24 * time.Hour)
	for o := range m.competitors() { // whose health is noted once a minute, which is not to be counted
		if err := mine.record(ctx, []price.Observation{m.observe(0, o, after)}, received); err != nil {
			return compared{}, err
		}
	}
	more := make([]price.Observation, oneMoreTurns)
	for i := range more {
		more[i] = m.observe(0, m.random.IntN(m.offers), after)
		more[i].ObservedAt = after.Add(time.Duration(3*60+i) * time.Minute)
	}
	return byTurns(ctx, "one more", oneMoreTurns, func(ctx context.Context, turn int) error {
		return mine.record(ctx, more[turn:turn+1], received)
	}, func(ctx context.Context, turn int) error {
		return usual.record(ctx, more[turn:turn+1], received)
	})
}

// byTurns does something with one design and then with the other, several times.
func byTurns(ctx context.Context, what string, turns int, ours, theirs func(ctx context.Context, turn int) error) (compared, error) {
	oursCtx, ourMeter := meter.With(ctx)
	theirsCtx, theirMeter := meter.With(ctx)
	ratios := make([]float64, turns)
	for turn := range turns {
		begin := time.Now()
		if err := ours(oursCtx, turn); err != nil {
			return compared{}, fmt.Errorf("%s: %w", what, err)
		}
		between := time.Now()
		if err := theirs(theirsCtx, turn); err != nil {
			return compared{}, fmt.Errorf("%s, two items: %w", what, err)
		}
		ratios[turn] = float64(between.Sub(begin)) / float64(time.Since(between))
	}
	slices.Sort(ratios)
	return compared{what, perObservation(ourMeter.Counts(), turns), perObservation(theirMeter.Counts(), turns), ratios[turns/2]}, nil
}

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pricing/shared/price"
)

// A backfill loads the past of a product whose newest prices are there already: 8 offers, seen every hour, 20 looks a request.
const (
	backfillOffers = 8
	looksARequest  = 20
)

// backfill measures what older observations cost in different orders, the more there are. Each has to be looked for, since it may be
// there already.
func (b *bench) backfill(ctx context.Context) error {
	b.say(b.out, "Backfill of a product of %d offers whose newest prices are stored, %d looks a request: units of the last half",
		backfillOffers, looksARequest)
	table := b.printer()
	b.say(table, "order\tobservations\tr an observation\tw an observation\tcalls an observation\t")
	sizes := []int{2000, 4000, 8000, 16000}
	if b.measured < 50 { // -quick
		sizes = sizes[:1]
	}
	for _, order := range []string{"oldest first", "newest first", "none"} {
		for _, n := range sizes {
			if err := b.fillBack(ctx, order, n, func(r, w, calls float64) {
				b.say(table, "%s\t%d\t%.3f\t%.3f\t%.3f\t", order, n, r, w, calls)
			}); err != nil {
				return err
			}
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func (b *bench) fillBack(ctx context.Context, order string, n int, tell func(r, w, calls float64)) error {
	random := b.random(7)
	m := newMarket(shape{products: 1, offers: backfillOffers, idLength: 10}, random)
	s, err := b.newBoards(ctx, m)
	if err != nil {
		return err
	}
	newest := start.Add(300 * 24 * time.Hour)
	looks := make([][]price.Observation, n/backfillOffers)
	look := func(at price.Timestamp) (seen []price.Observation) {
		for o := range backfillOffers {
			one := m.observe(0, o, at)
			one.ObservedAt = at.Add(time.Duration(o) * time.Second)
			seen = append(seen, one)
		}
		return seen
	}
	for hour := range 100 { // the newest prices, flushed several times
		one := [][]price.Observation{look(newest.Add(time.Duration(hour) * time.Hour))}
		if _, err := send(ctx, s, one, newest.Add(1000*time.Hour)); err != nil {
			return err
		}
	}
	for i := range looks {
		looks[i] = look(newest.Add(-time.Duration(len(looks)-i) * time.Hour))
	}
	switch order {
	case "newest first":
		slices.Reverse(looks)
	case "none":
		random.Shuffle(len(looks), func(i, j int) { looks[i], looks[j] = looks[j], looks[i] })
	}
	var requests [][]price.Observation
	for some := range slices.Chunk(looks, looksARequest) {
		requests = append(requests, slices.Concat(some...))
	}
	half := len(requests) / 2
	if _, err := send(ctx, s, requests[:half], newest.Add(1000*time.Hour)); err != nil {
		return err
	}
	counts, err := send(ctx, s, requests[half:], newest.Add(1000*time.Hour))
	if err != nil {
		return err
	}
	of := float64((len(requests) - half) * looksARequest * backfillOffers)
	tell(counts.ReadUnits/of, counts.WriteUnits/of, float64(counts.Calls)/of)
	return nil
}

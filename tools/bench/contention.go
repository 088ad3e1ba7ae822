package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	writers   = 32
	patience  = 60 * time.Second // for one observation until it is stored; far more than any client has
	atRequest = 25 * time.Second // deadline of a request, as Lambda's would be
)

// contention lets many clients write single observations of one product at once. Each repeats what is answered throttled, as the
// API asks for, until it is stored.
func (b *bench) contention(ctx context.Context) error {
	b.say(b.out, "Contention: %d writers of single observations on one product, %d each; times and shares differ from run to run",
		writers, b.each)
	table := b.printer()
	b.say(table, "offers\tlost\tdoubled\tw\tr\tcalls\tattempts\tthrottled\tlongest answer\tuntil stored\t")
	for _, offers := range []int{8, 400} {
		r, err := b.contend(ctx, offers)
		if err != nil {
			return err
		}
		n := float64(writers * b.each)
		b.say(table, "%d\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f %%\t%d ms\t%d ms\t",
			offers, r.lost, r.doubled, r.counts.WriteUnits/n, r.counts.ReadUnits/n, float64(r.counts.Calls)/n, float64(r.counts.Attempts)/n,
			100*float64(r.throttled)/float64(r.requests), r.longest.Milliseconds(), r.stored.Milliseconds())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

type contended struct {
	lost, doubled       int
	requests, throttled int
	longest             time.Duration // until a request was answered
	stored              time.Duration // longest until an observation was stored, repeats and waits included
	counts              meter.Counts
}

func (b *bench) contend(ctx context.Context, offers int) (contended, error) {
	m := newMarket(shape{products: 1, offers: offers, idLength: 10}, b.random(5))
	s, err := b.newBoards(ctx, m)
	if err != nil {
		return contended{}, err
	}
	for range 3 { // so that the product is split, if it is going to be
		scan, received := m.scan()
		if _, err := send(ctx, s, centred.requests(scan), received); err != nil {
			return contended{}, err
		}
	}
	day := start.Add(100 * 24 * time.Hour)
	in := make([][]price.Observation, writers)
	for w := range in {
		for n := range b.each {
			o := m.observe(0, (w*b.each+n)%offers, day)
			o.ObservedAt = day.Add(time.Duration(n)*time.Minute + time.Duration(w)*time.Second) // all different, about in order
			in[w] = append(in[w], o)
		}
	}
	ctx, counter := meter.With(ctx)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var r contended
	var errs []error
	for _, own := range in {
		wg.Go(func() {
			for _, o := range own {
				begin := time.Now()
				requests, longest, err := settle(ctx, s, o, day.Add(3*time.Hour))
				took := time.Since(begin)
				mu.Lock()
				r.requests += requests
				r.throttled += requests - 1
				r.longest = max(r.longest, longest)
				r.stored = max(r.stored, took)
				if err != nil {
					errs = append(errs, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r.counts = counter.Counts()
	if err := errors.Join(errs...); err != nil {
		return contended{}, err
	}
	found := map[string]int{}
	for window := (store.Window{From: day, To: day.Add(3 * time.Hour), Limit: 1000}); ; {
		page, err := s.History(ctx, m.productID(0), window)
		if err != nil {
			return contended{}, fmt.Errorf("read history: %w", err)
		}
		for _, row := range page.Rows {
			found[row.Observation.ID(row.Key)]++
		}
		if page.Next == nil {
			break
		}
		window.After = page.Next
	}
	for _, own := range in {
		for _, o := range own {
			switch found[o.ID()] {
			case 0:
				r.lost++
			case 1:
			default:
				r.doubled++
			}
		}
	}
	return r, nil
}

// settle sends an observation until it is stored and returns how often that was and how long the longest answer took.
func settle(
	ctx context.Context, s *boards, o price.Observation, received price.Timestamp,
) (requests int, longest time.Duration, err error) {
	for begin := time.Now(); ; {
		requests++
		sent := time.Now()
		request, cancel := context.WithTimeout(ctx, atRequest)
		err := s.record(request, []price.Observation{o}, received)
		cancel()
		longest = max(longest, time.Since(sent))
		if err == nil || !fault.Is(err, fault.Unavailable) {
			return requests, longest, err
		}
		if time.Since(begin) > patience {
			return requests, longest, fmt.Errorf("not stored after %s: %w", patience, err)
		}
		timer := time.NewTimer(retryAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return requests, longest, context.Cause(ctx)
		}
	}
}

// retryAfter is what a client waits, less than the API's Retry-After of a second: the harder case.
const retryAfter = 100 * time.Millisecond

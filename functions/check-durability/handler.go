package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/schedule"
	"pricing/shared/store"
)

// The names that the check writes under. No client may write them, and nobody lists its product but to look at it.
const (
	product = price.SelfCheck + "-durability"
	source  = "check-durability"
)

type observations interface {
	Record(ctx context.Context, submissions []price.Submission, received price.Timestamp, dryRun bool) ([]store.Verdict, error)
	Product(ctx context.Context, productID string, urls bool) (store.Product, error)
}

func function(f boot.Function) func(context.Context, []byte) ([]byte, error) {
	return job(f.Store, f.Metrics, time.Now, slog.Default()).Serve
}

func job(db observations, metrics meter.Source, now func() time.Time, log *slog.Logger) schedule.Job {
	return schedule.Job{
		Name: "check-durability", Spare: time.Second, Source: metrics, Now: now, Log: log,
		Work: func(ctx context.Context, at time.Time) (schedule.Result, error) {
			o := observation(price.At(at))
			r := schedule.Result{
				Outcome: "confirmed",
				Answer:  map[string]string{"productId": product, "sellerId": o.Key.SellerID, "observationId": o.ID()},
				Attrs:   []slog.Attr{slog.String("sellerId", o.Key.SellerID), slog.String("observationId", o.ID())},
			}
			if err := write(ctx, db, o); err != nil {
				r.Outcome = "not-stored"
				return r, fmt.Errorf("store an observation: %w", err)
			}
			if err := readBack(ctx, db, o); err != nil {
				r.Outcome = "not-found"
				return r, fmt.Errorf("read it back: %w", err)
			}
			r.Metrics = []meter.Metric{
				{Name: "DurabilityHeartbeat", Unit: meter.Count, Values: []int{1}},
				{Name: "DurabilityCheckMs", Unit: meter.Milliseconds, Values: []int{int(now().Sub(at).Milliseconds())}},
			}
			return r, nil
		},
	}
}

// observation is what a check at a moment writes: as one of 60 sellers, so that the product stays small for ever. Its price differs
// from that of the hour before, so that each is a change. Two checks of one millisecond write the same.
func observation(at price.Timestamp) price.Observation {
	minute := at.Time().Hour()*60 + at.Time().Minute()
	return price.Observation{
		Key:        price.OfferKey{ProductID: product, CompetitorID: price.SelfCheck, SellerID: fmt.Sprintf("minute-%02d", minute%60)},
		Terms:      price.Terms{Price: price.Money{Minor: int64(minute + 1), Currency: "EUR"}},
		Source:     price.Source{ID: source, Kind: price.SourceCrawler, Confidence: price.NoConfidence},
		ObservedAt: at,
	}
}

func write(ctx context.Context, db observations, o price.Observation) error {
	writer := price.Writer{Client: source, SelfCheck: true}
	verdicts, err := db.Record(ctx, []price.Submission{{Observation: o, Writer: writer}}, o.ObservedAt, false)
	if err != nil {
		return err
	}
	if err := verdicts[0].Err; err != nil {
		return err
	}
	if !verdicts[0].Stored() {
		return fmt.Errorf("the store says %s", verdicts[0].Outcome())
	}
	return nil
}

// errLost is the one thing that must never be seen.
var errLost = errors.New("an observation that was acknowledged is not there")

// readBack looks for an observation on its product's boards, read strongly consistent. It is the offer's current one, unless
// another check came after it: then it is in the tail.
func readBack(ctx context.Context, db observations, o price.Observation) error {
	p, err := db.Product(ctx, product, false)
	if err != nil {
		return err
	}
	offer, _ := p.Find(o.Key)
	if !slices.ContainsFunc(append(offer.Tail, offer.Current), func(e board.Observation) bool { return e.ID(o.Key) == o.ID() }) {
		return fmt.Errorf("%w: %s of %s", errLost, o.ID(), o.Key.SellerID)
	}
	return nil
}

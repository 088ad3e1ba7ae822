package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/schedule"
	"pricing/shared/store"
)

const (
	segments  = 4096 // that the table is divided into: one of them has a few hundred of a million products
	enough    = 500  // products of a sample; the segment in which they are reached is finished
	mostLines = 100  // differences that are logged; all are counted
	spare     = 15 * time.Second
)

// products is the part of the store that is read. Nothing of a board, an offer or a segment is ever written; only urls that no
// board names are removed.
type products interface {
	Sample(ctx context.Context, segment, total int32, visit func(productID string) (more bool, err error)) error
	Product(ctx context.Context, productID string, urls bool) (store.Product, error)
	EachSegment(ctx context.Context, productID string, visit func(store.SegmentItem) error) error
	RemoveOrphanURLs(ctx context.Context, productID string) (removed int, err error)
}

// reconciler compares boards with the history that they were folded from.
type reconciler struct {
	db        products
	retention time.Duration
	total     int32 // segments that the table is divided into
	first     int32 // of them, to begin with

	log  *slog.Logger
	seen tally
}

// tally is how far a run came, and what it found.
type tally struct {
	Segments     int  `json:"segments"` // of the table, read to their end
	Products     int  `json:"products"`
	Offers       int  `json:"offers"`
	Observations int  `json:"observations"` // read from segments, repetitions included
	Unread       int  `json:"unread"`       // products, because the store was busy
	Differences  int  `json:"differences"`
	OrphanURLs   int  `json:"orphanUrls"` // removed
	Complete     bool `json:"complete"`   // there was time for the whole sample
}

func function(f boot.Function) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		first := rand.Int32N(segments)
		r := reconciler{db: f.Store, retention: f.Settings.Retention, total: segments, first: first, log: slog.Default()}
		return r.job(f.Metrics, time.Now).Serve(ctx, event)
	}
}

func (r *reconciler) job(metrics meter.Source, now func() time.Time) schedule.Job {
	return schedule.Job{
		Name: "reconcile-boards", Spare: spare, Source: metrics, Now: now, Log: r.log,
		Work: func(ctx context.Context, at time.Time) (schedule.Result, error) {
			err := r.sample(ctx, price.Clock{Now: price.At(at), Retention: r.retention})
			if err != nil && ctx.Err() != nil { // time is up, which is no failure
				err = nil
			}
			s := r.seen
			result := schedule.Result{Outcome: "same", Answer: s, Attrs: []slog.Attr{
				slog.Int("segments", s.Segments), slog.Int("products", s.Products), slog.Int("offers", s.Offers),
				slog.Int("observations", s.Observations), slog.Int("unread", s.Unread), slog.Int("differences", s.Differences),
				slog.Int("orphanUrls", s.OrphanURLs), slog.Bool("complete", s.Complete),
			}, Metrics: []meter.Metric{
				{Name: "ReconciledProducts", Unit: meter.Count, Values: []int{s.Products}},
				{Name: "BoardDifferences", Unit: meter.Count, Values: []int{s.Differences}},
				{Name: "OrphanURLsRemoved", Unit: meter.Count, Values: []int{s.OrphanURLs}},
			}}
			if s.Differences > 0 {
				result.Outcome = "different"
			}
			return result, err
		},
	}
}

// sample reconciles the products of the table's segments, from the first one on, until they are enough or all, or time is up.
func (r *reconciler) sample(ctx context.Context, clock price.Clock) error {
	for i := int32(0); i < r.total && r.seen.Products < enough; i++ {
		err := r.db.Sample(ctx, (r.first+i)%r.total, r.total, func(productID string) (bool, error) {
			return true, r.product(ctx, productID, clock)
		})
		if err != nil {
			return err
		}
		r.seen.Segments++
	}
	r.seen.Complete = true
	return nil
}

// product reconciles one product and removes its orphaned urls. What cannot be read for good is a difference; a store that is busy
// leaves the product out.
func (r *reconciler) product(ctx context.Context, productID string, clock price.Clock) error {
	found, err := r.compare(ctx, productID, clock)
	if err == nil {
		var removed int
		removed, err = r.db.RemoveOrphanURLs(ctx, productID)
		r.seen.OrphanURLs += removed
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case fault.Is(err, fault.Unavailable):
		r.seen.Unread++
	case err != nil:
		found = append(found, difference{what: err.Error()})
		r.seen.Products++
	default:
		r.seen.Products++
	}
	for _, d := range found {
		if r.seen.Differences++; r.seen.Differences <= mostLines {
			r.log.LogAttrs(ctx, slog.LevelError, "difference",
				slog.String("productId", productID), slog.String("offer", d.offer), slog.String("what", d.what))
		}
	}
	return nil
}

// compare reads all of a product and says where its boards differ from what its history makes.
//
// The boards are read first. What was flushed from a version that had not been written by then is left out, since the tails that
// were read have it. Such a segment, or a whole product, may also come from a board that was put back from a backup. A second look
// at the boards tells: they have a later version by then.
func (r *reconciler) compare(ctx context.Context, productID string, clock price.Clock) ([]difference, error) {
	p, err := r.db.Product(ctx, productID, false)
	if err != nil {
		return nil, err
	}
	h := newHistory(p, clock)
	err = r.db.EachSegment(ctx, productID, func(seg store.SegmentItem) error {
		for _, o := range seg.Offers {
			r.seen.Observations += len(o.Observations)
		}
		h.add(seg)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, b := range p.Boards {
		r.seen.Offers += len(b.Offers)
	}
	found := h.differences()
	if len(h.early) == 0 {
		return found, nil
	}
	again, err := r.db.Product(ctx, productID, false)
	if err != nil {
		return nil, err
	}
	return append(found, tooEarly(again, h.early)...), nil
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/tools/bench/peer"
)

// month is the window of all pages that are measured: what the API reads when none is asked for.
const month = 30 * 24 * time.Hour

// together is about how many observations of a board come in one request, as a crawler's of one look do.
const together = 7

// largest is the product that the history was designed for: a marketplace's with hundreds of sellers, each looked at every hour.
var largest = past{offers: 419, observations: 300_000}

// past is a product's month: so many observations of so many offers, each of them looked at equally often.
type past struct{ offers, observations int }

// mostOften is how often an offer is looked at in a month at most: twice a minute is more than anybody does.
const mostOften = 100_000

// pasts are those that are measured when nothing else is asked for, the cheapest first.
func pasts() (all []past) {
	for _, observations := range []int{1_000, 100_000, 300_000} {
		for _, offers := range []int{1, 10, 100, 1000, 5000} {
			if observations/offers <= mostOften {
				all = append(all, past{offers, max(offers, observations)}) // each is seen once at least
			}
		}
	}
	return append(all, largest)
}

// history measures what pages of a product's history cost.
func (b *bench) history(ctx context.Context) error {
	b.say(b.out, "Pages of 100 rows of a month's history, and an offer's whole month (the first 20 pages of 1,000, mean of 10 offers):")
	b.say(b.out, "read units, calls and the most of them in flight at once, MB allocated; read units and calls of two items an")
	b.say(b.out, "observation, by their sizes")
	table := b.printer()
	b.say(table, "offers\tobservations\tpage\trows\tunits\tcalls\tin flight\tMB\t|\tunits\tcalls\t")
	for _, of := range b.pasts {
		pages, err := b.measurePages(ctx, of)
		if err != nil {
			return err
		}
		for _, p := range pages {
			b.say(table, "%d\t%d\t%s\t%.0f\t%.1f\t%.1f\t%d\t%.1f\t|\t%.0f\t%d\t", of.offers, of.observations, p.what, p.rows,
				p.units, p.calls, p.inFlight, p.megabytes, p.peerUnits, p.peerCalls)
		}
		if err := table.Flush(); err != nil { // rows as they come: the whole takes many minutes
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

// pageCost is what a page cost, or several that belong together.
type pageCost struct {
	what      string
	rows      float64
	units     float64
	calls     float64
	inFlight  int64
	megabytes float64
	peerUnits float64
	peerCalls int
}

// newPast is the market of a product's month.
func (b *bench) newPast(of past) *market {
	return newMarket(shape{products: 1, offers: of.offers, idLength: 10}, b.random(6))
}

// measurePages makes a product's month and reads pages of it.
func (b *bench) measurePages(ctx context.Context, of past) ([]pageCost, error) {
	m := b.newPast(of)
	boards, err := b.newBoards(ctx, m)
	if err != nil {
		return nil, err
	}
	size, err := m.live(ctx, boards, of, together, mostItems)
	if err != nil {
		return nil, err
	}
	counted := &inFlight{next: b.client.Options().HTTPClient}
	s := store.New(dynamodb.New(b.client.Options(), func(o *dynamodb.Options) { o.HTTPClient = counted }),
		store.Options{Table: boards.table, Retention: retention, Width: width})
	var costs []pageCost
	for _, w := range []struct {
		what string
		store.Window
	}{
		{"changes", store.Window{Changes: true, Descending: true, Limit: 100}},
		{"raw", store.Window{Descending: true, Limit: 100}},
		{"changes, ascending", store.Window{Changes: true, Limit: 100}},
		{"raw, ascending", store.Window{Limit: 100}},
	} {
		pages, err := counted.pages(ctx, s, m.productID(0), w.Window, 2)
		if err != nil {
			return nil, err
		}
		for n, p := range pages {
			p.what = fmt.Sprintf("%s, page %d", w.what, n+1)
			p.peerUnits, p.peerCalls = peersPage(of, w.Window, size)
			costs = append(costs, p)
		}
	}
	for _, changes := range []bool{true, false} {
		w := store.Window{Changes: changes, Descending: true, Limit: 1000}
		whole := pageCost{what: map[bool]string{true: "an offer's month, changes", false: "an offer's month, raw"}[changes]}
		whole.peerUnits, whole.peerCalls = peersPage(past{1, of.observations / of.offers}, w, size)
		n := min(of.offers, someOffers)
		for i := range n { // the mean of some offers, since shards differ
			key := m.key(0, i*of.offers/n)
			w.Offer = &key
			pages, err := counted.pages(ctx, s, m.productID(0), w, mostPages)
			if err != nil {
				return nil, err
			}
			for _, p := range pages {
				whole.add(p, 1/float64(n))
			}
		}
		costs = append(costs, whole)
	}
	for _, n := range slices.Compact([]int{min(pictured, of.offers), of.offers}) {
		atOnce, err := counted.atOnce(ctx, s, m, n)
		if err != nil {
			return nil, err
		}
		atOnce.peerUnits, atOnce.peerCalls = peersPage(past{n, of.observations / of.offers * n}, store.Window{Changes: true}, size)
		costs = append(costs, atOnce)
	}
	return costs, nil
}

// pictured is how many offers a picture shows, whose window is read at once as that of a market summary is.
const pictured = 8

// atOnce reads a product and the month of so many of its offers, of different shards if there are so many.
func (f *inFlight) atOnce(ctx context.Context, s *store.Store, m *market, offers int) (cost pageCost, err error) {
	chosen := map[price.OfferKey]bool{}
	for i := range offers {
		chosen[m.key(0, i*m.offers/offers)] = true
	}
	w := store.Window{From: start, To: start.Add(month), Descending: true, Match: func(k price.OfferKey) bool { return chosen[k] }}
	var page store.Page
	cost, err = f.count(ctx, func(ctx context.Context) error {
		product, err := s.Product(ctx, m.productID(0), false)
		if err == nil {
			page, err = s.Whole(ctx, product, w, store.WindowUnits)
		}
		return err
	})
	cost.rows = float64(len(page.Rows))
	cost.what = fmt.Sprintf("%d offers at once", offers)
	if page.Next != nil {
		cost.what += fmt.Sprintf(", %.0f %% of the month", 100*float64(w.To-page.Next.ObservedAt)/float64(w.To-w.From))
	}
	return cost, err
}

// How much of a month is read at most.
const (
	someOffers = 10
	mostPages  = 20
)

func (c *pageCost) add(p pageCost, share float64) {
	c.rows += p.rows * share
	c.units += p.units * share
	c.calls += p.calls * share
	c.megabytes += p.megabytes * share
	c.inFlight = max(c.inFlight, p.inFlight)
}

// pages reads at most so many pages of a window and counts what each costs.
func (f *inFlight) pages(ctx context.Context, s *store.Store, productID string, w store.Window, most int) (costs []pageCost, err error) {
	w.From = start
	w.To = start.Add(month)
	for range most {
		cost, next, err := f.page(ctx, s, productID, w)
		if err != nil {
			return nil, err
		}
		costs = append(costs, cost)
		if w.After = next; next == nil {
			break
		}
	}
	return costs, nil
}

// page reads a page and counts what that costs.
func (f *inFlight) page(ctx context.Context, s *store.Store, productID string, w store.Window) (pageCost, *store.Position, error) {
	var page store.Page
	cost, err := f.count(ctx, func(ctx context.Context) (err error) {
		page, err = s.History(ctx, productID, w)
		return err
	})
	cost.rows = float64(len(page.Rows))
	return cost, page.Next, err
}

// count counts what reading costs.
func (f *inFlight) count(ctx context.Context, read func(context.Context) error) (pageCost, error) {
	ctx, counter := meter.With(ctx)
	f.most.Store(0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := read(ctx)
	runtime.ReadMemStats(&after)
	if err != nil {
		return pageCost{}, fmt.Errorf("read history: %w", err)
	}
	const megabyte = 1 << 20
	return pageCost{units: counter.Counts().ReadUnits, calls: float64(counter.Counts().Calls),
		inFlight: f.most.Load(), megabytes: float64(after.TotalAlloc-before.TotalAlloc) / megabyte}, nil
}

// peersPage is what a page costs the two-item design, whose history has a partition an offer. Of each offer it reads the rows of
// the page, as if all were of it, and for changes the whole window. size is that of an item. A call reads 1 MB at most.
func peersPage(of past, w store.Window, size int) (units float64, calls int) {
	rows := of.observations / of.offers
	if !w.Changes {
		rows = min(rows, w.Limit)
	}
	const unit, call = 4096, 1 << 20
	bytes := rows * size
	return float64(of.offers * ((bytes + unit - 1) / unit)), of.offers * ((bytes + call - 1) / call)
}

// live records a product's month in order of time, a look or at least so many observations at a time but never more than most, and
// returns the size of an item of the two-item design.
func (m *market) live(ctx context.Context, s sink, of past, least, most int) (size int, err error) {
	looks := of.observations / of.offers
	every := month / time.Duration(looks)
	var request []price.Observation
	for look := range looks {
		begin := start.Add(time.Duration(look) * every)
		var seen []price.Observation
		for o := range of.offers {
			e := m.observe(0, o, begin)
			e.ObservedAt = begin.Add(time.Duration(m.random.Int64N(every.Milliseconds())) * time.Millisecond)
			seen = append(seen, e)
		}
		slices.SortFunc(seen, func(a, b price.Observation) int { return int(a.ObservedAt - b.ObservedAt) })
		request = append(request, seen...)
		for len(request) >= least && (len(request) >= of.offers || len(request) >= most) || look == looks-1 && len(request) > 0 {
			n := min(len(request), most)
			size = peer.HistorySize(request[0])
			if err := s.record(ctx, request[:n], request[n-1].ObservedAt); err != nil {
				return 0, err
			}
			request = request[n:]
		}
	}
	return size, nil
}

// inFlight counts the most calls of a client that are under way at once.
type inFlight struct {
	next      dynamodb.HTTPClient
	now, most atomic.Int64
}

// Do makes a call.
func (f *inFlight) Do(r *http.Request) (*http.Response, error) {
	now := f.now.Add(1)
	defer f.now.Add(-1)
	for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
	}
	return f.next.Do(r)
}

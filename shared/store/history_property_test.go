package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// past is a product of any shape and the stores that write it. Those that are forgetful have a short retention, so they drop
// offers; what those that crash write never reaches a board.
type past struct {
	client   *dynamodb.Client
	table    string
	writers  []*store.Store // the first writes most
	products int
	met      map[string]int // what the products had, to be sure that it was tested
}

func newPast(tb testing.TB) *past {
	tb.Helper()
	p := &past{met: map[string]int{}}
	p.client, p.table = storetest.Table(tb)
	crashing := storetest.Client(storetest.Proxy(tb, func(c storetest.Call) storetest.Action {
		if c.Operation == "UpdateItem" && c.Item == "board" {
			return storetest.Deny
		}
		return storetest.Pass
	}))
	for _, retention := range []time.Duration{storetest.Retention, 20 * 24 * time.Hour} {
		for _, client := range []*dynamodb.Client{p.client, crashing} {
			s := store.New(client, store.Options{Table: p.table, Retention: retention, Width: 4})
			register(tb, s, "bigmart")
			_, err := s.Competitors(tb.Context())
			require.NoError(tb, err)
			p.writers = append(p.writers, s)
		}
	}
	return p
}

// draw makes a product: few offers or so many that it is split, prices and sources so few that ties and equal terms are common,
// in order of time or late, with labels so long that a board is flushed every few observations.
func (p *past) draw(tb testing.TB, t *rapid.T) (product string) {
	tb.Helper()
	p.products++
	product = fmt.Sprintf("H%d", p.products)
	sellers := rapid.SampledFrom([]int{1, 3, 3, 12, 40}).Draw(t, "sellers")
	step := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Hour, 50 * time.Hour}).Draw(t, "step")
	lateness := rapid.SampledFrom([]int{0, 0, 3, 60}).Draw(t, "lateness")
	now := 0
	contents := map[board.Row]price.Observation{} // by identity: nothing is sent with two contents
	for range rapid.IntRange(1, 25).Draw(t, "requests") {
		in := make([]price.Submission, rapid.IntRange(1, 12).Draw(t, "observations"))
		for i := range in {
			now += rapid.IntRange(0, 2).Draw(t, "later")
			at := start.Add(time.Duration(now-rapid.IntRange(0, lateness).Draw(t, "late")) * step)
			in[i] = seen(product, "bigmart", at, int64(rapid.IntRange(1, 2).Draw(t, "price")))
			o := &in[i].Observation
			o.URL = ""
			if n := rapid.IntRange(0, sellers-1).Draw(t, "seller"); n > 0 {
				o.Key.SellerID = fmt.Sprintf("seller-%d", n) + strings.Repeat("x", sellers)
			}
			o.Source.ID = []string{"crawler-a", "feed-b"}[rapid.IntRange(0, 1).Draw(t, "source")]
			o.Source.Confidence = []price.Confidence{price.NoConfidence, 5000}[rapid.IntRange(0, 1).Draw(t, "confidence")]
			if rapid.IntRange(0, 3).Draw(t, "promotion") > 0 {
				o.Terms.Promotion = price.Promotion{Present: true, Label: strings.Repeat("x", 120), ValidThrough: price.NoTime}
			}
			id := board.Row{Key: o.Key, Observation: board.Observation{ObservedAt: o.ObservedAt, Source: price.Source{ID: o.Source.ID}}}
			if known, ok := contents[id]; ok {
				*o = known
			}
			contents[id] = *o
		}
		writer := max(0, rapid.IntRange(-20, len(p.writers)-1).Draw(t, "writer"))
		_, err := p.writers[writer].Record(tb.Context(), in, start.Add(time.Duration(now)*step+time.Minute), false)
		require.NoError(tb, err)
	}
	return product
}

// all returns every observation in a window, read without any knowledge of what stands where.
func (p *past) all(tb testing.TB, product string, w store.Window) []board.Row {
	tb.Helper()
	var boards []board.Board
	var segments [][]board.SegmentOffer
	for _, it := range items(tb, p.client, p.table, "p#"+product, "") {
		decoded, err := store.Decode(it)
		require.NoError(tb, err)
		switch decoded := decoded.(type) {
		case store.BoardItem:
			if decoded.Board == nil {
				p.met["split"]++
				break
			}
			boards = append(boards, *decoded.Board)
			if decoded.Board.Dropped != price.NoTime {
				p.met["dropped"]++
			}
		case store.SegmentItem:
			segments = append(segments, decoded.Offers)
			p.met["segments"]++
			if decoded.Late {
				p.met["late"]++
			}
		}
	}
	rows := board.Rows(boards, segments, board.Span{From: w.From, To: w.To})
	return slices.DeleteFunc(rows, func(r board.Row) bool {
		return w.Match != nil && !w.Match(r.Key) || w.Offer != nil && r.Key != *w.Offer
	})
}

// view is what pages of a window have to show of its rows.
func view(w store.Window, rows []board.Row) []board.Row {
	if w.Changes {
		rows = changes(rows)
	}
	if w.Descending {
		slices.Reverse(rows)
	}
	return rows
}

// The pages of any window of any product show what there is, each row once and in order, and each page keeps to its budget.
func TestStore_History_Property(tb *testing.T) {
	p := newPast(tb)
	pages := 0
	rapid.Check(tb, func(t *rapid.T) {
		product := p.draw(tb, t)
		everything := p.all(tb, product, store.Window{From: board.Always.From, To: board.Always.To})
		if len(everything) == 0 {
			return
		}
		moment := func(label string) price.Timestamp {
			row := everything[rapid.IntRange(0, len(everything)-1).Draw(t, label)]
			return row.Observation.ObservedAt + price.Timestamp(rapid.IntRange(-1, 1).Draw(t, label))
		}
		for range 3 {
			w := store.Window{From: everything[0].Observation.ObservedAt, To: everything[len(everything)-1].Observation.ObservedAt,
				Changes: rapid.Bool().Draw(t, "changes"), Descending: rapid.Bool().Draw(t, "descending"), Limit: rapid.IntRange(1, 50).Draw(t, "limit")}
			if rapid.Bool().Draw(t, "a part") {
				w.From = moment("from")
				w.To = max(w.From, moment("to"))
			}
			switch rapid.IntRange(0, 4).Draw(t, "filter") {
			case 0:
				w.Match = func(k price.OfferKey) bool { return k.SellerID == "" }
			case 1:
				w.Match = func(k price.OfferKey) bool { return strings.HasPrefix(k.SellerID, "seller-1") }
			case 2: // of its product no other board is read
				w.Offer = &everything[rapid.IntRange(0, len(everything)-1).Draw(t, "offer")].Key
				p.met["one offer"]++
			}
			width := rapid.IntRange(1, 4).Draw(t, "width")
			budget := float64(rapid.SampledFrom([]int{1, 2, 5, 10, 100}).Draw(t, "budget"))
			s := store.New(p.client, store.Options{Table: p.table, Width: width})
			shown := []board.Row{}
			want := view(w, p.all(tb, product, w))
			read := func(units float64) (store.Page, float64) {
				s.SetPageUnits(units)
				ctx, m := meter.With(tb.Context())
				page, err := s.History(ctx, product, w)
				require.NoError(t, err)
				return page, m.Counts().ReadUnits
			}
			for {
				pages++
				_, least := read(0)
				page, units := read(budget)
				// A page without any budget reads what one step takes. Beside that are the calls under way when the budget is
				// used up: about a unit each, rounded up, and those of the step that were of no use for it.
				require.LessOrEqual(t, units, max(budget, least+budget*3/4)+float64(3*width))
				require.LessOrEqual(t, len(page.Rows), w.Limit)
				require.Empty(t, page.Suspect)
				shown = append(shown, page.Rows...)
				require.LessOrEqual(t, len(shown), len(want))
				if page.Next == nil {
					break
				}
				if w.After != nil {
					c := page.Next.Compare(*w.After)
					require.True(t, c > 0 && !w.Descending || c < 0 && w.Descending, "the next page begins behind this one")
				}
				w.After = page.Next
			}
			require.Len(t, shown, len(want))
			for i := range want {
				require.Zero(t, board.CompareRows(want[i], shown[i]), "row %d", i)
			}
		}
	})
	assert.Greater(tb, pages, 300)
	for _, what := range []string{"split", "dropped", "segments", "late", "one offer"} {
		assert.Positive(tb, p.met[what], what)
	}
	tb.Log(pages, p.met)
}

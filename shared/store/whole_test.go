package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// A whole window holds what there is, each row once and in order, and does not read the boards again. It holds all of it, or costs what
// it may cost and says how far it reaches.
func TestStore_Whole_Property(tb *testing.T) {
	p := newPast(tb)
	incomplete, met := 0, 0 // windows, and rows of them
	rapid.Check(tb, func(t *rapid.T) {
		product := p.draw(tb, t)
		everything := p.all(tb, product, store.Window{From: board.Always.From, To: board.Always.To})
		if len(everything) == 0 {
			return
		}
		moment := func(label string) price.Timestamp {
			return everything[rapid.IntRange(0, len(everything)-1).Draw(t, label)].Observation.ObservedAt
		}
		for range 3 {
			w := store.Window{From: moment("from")}
			w.To = max(w.From, moment("to"))
			w.Descending = rapid.Bool().Draw(t, "descending")
			if rapid.Bool().Draw(t, "a part of the offers") {
				w.Match = func(k price.OfferKey) bool { return strings.HasPrefix(k.SellerID, "seller-1") }
			}
			most := float64(rapid.SampledFrom([]int{1, 3, 200}).Draw(t, "most"))
			width := rapid.IntRange(1, 4).Draw(t, "width")
			s := store.New(p.client, store.Options{Table: p.table, Width: width})
			read, err := s.Product(tb.Context(), product, false)
			require.NoError(t, err)
			ctx, m := meter.With(tb.Context())
			page, err := s.Whole(ctx, read, w, most)
			require.NoError(t, err)
			// Beside what it may cost are the calls under way when that is used up, and looks at boards of which a segment makes sure.
			require.LessOrEqual(t, m.Counts().ReadUnits, most+float64(3*width))
			require.LessOrEqual(t, page.Units, m.Counts().ReadUnits)
			want := p.all(tb, product, w)
			if w.Descending {
				slices.Reverse(want)
			}
			if page.Next != nil {
				require.Less(t, most, 200.0)
				require.GreaterOrEqual(t, page.Units, most)
				reached := page.Next.ObservedAt
				want = slices.DeleteFunc(want, func(r board.Row) bool {
					return w.Descending && r.Observation.ObservedAt < reached || !w.Descending && r.Observation.ObservedAt >= reached
				})
				incomplete++
				met += len(want)
			}
			require.Len(t, page.Rows, len(want))
			for i := range want {
				require.Zero(t, board.CompareRows(want[i], page.Rows[i]), "row %d", i)
			}
		}
	})
	assert.Positive(tb, incomplete)
	assert.Positive(tb, met)
	for _, what := range []string{"split", "dropped", "segments", "late"} {
		assert.Positive(tb, p.met[what], what)
	}
}

// A window of many segments takes one call, as long as it may cost so much.
func TestStore_Whole_Calls(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	const day = 24 * 60
	const scans = 90
	for scan := range scans {
		record(t, s, at((scan+1)*day), labelled(scan*day, 10, func(n int) int { return n / 2 })...)
	}
	read, err := s.Product(t.Context(), "P1", false)
	require.NoError(t, err)
	ctx, m := meter.With(t.Context())
	page, err := s.Whole(ctx, read, store.Window{From: at(0), To: at(scans * day)}, 200)
	require.NoError(t, err)
	assert.Nil(t, page.Next)
	assert.Len(t, page.Rows, scans*10)
	assert.Equal(t, 1, m.Counts().Calls)
	assert.Greater(t, m.Counts().ReadUnits, 15.0)

	ctx, m = meter.With(t.Context())
	page, err = s.Whole(ctx, read, store.Window{From: at(0), To: at(scans * day), Descending: true}, 10)
	require.NoError(t, err)
	require.NotNil(t, page.Next)
	assert.Less(t, m.Counts().ReadUnits, 15.0)
	assert.Greater(t, len(page.Rows), 300, "of 900: the newest, as far as 10 units of some 16 reach")
	for _, r := range page.Rows {
		assert.GreaterOrEqual(t, r.Observation.ObservedAt, page.Next.ObservedAt)
	}

	ctx, m = meter.With(t.Context())
	nothing := func(price.OfferKey) bool { return false }
	page, err = s.Whole(ctx, read, store.Window{From: at(0), To: at(scans * day), Match: nothing}, 0)
	require.NoError(t, err)
	assert.Nil(t, page.Next, "nothing to read costs nothing")
	assert.Empty(t, page.Rows)
	assert.Zero(t, m.Counts().Calls)
}

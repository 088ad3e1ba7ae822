package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// coverage is that of rows in a window, found the plain way.
func coverage(rows []board.Row) store.Coverage {
	c := store.Coverage{First: price.NoTime}
	days := map[string]bool{}
	for _, row := range rows {
		at := row.Observation.ObservedAt
		if c.First == price.NoTime || at < c.First {
			c.First = at
		}
		days[at.Date()] = true
	}
	c.Days = len(days)
	return c
}

// The pages of the days of any window of any product are together what Daily makes of all rows at once, wherever their borders
// are, and each goes behind a whole day. A coverage that is told is that of the whole window.
func TestStore_DailyHistory_Property(tb *testing.T) {
	p := newPast(tb)
	pages, divided, empty, covered := 0, 0, 0, map[bool]int{}
	rapid.Check(tb, func(t *rapid.T) {
		product := p.draw(tb, t)
		everything := p.all(tb, product, store.Window{From: board.Always.From, To: board.Always.To})
		if len(everything) == 0 {
			return
		}
		w := store.Window{From: everything[0].Observation.ObservedAt, To: everything[len(everything)-1].Observation.ObservedAt,
			Descending: rapid.Bool().Draw(t, "descending"), Limit: rapid.SampledFrom([]int{1, 2, 7, 100}).Draw(t, "limit")}
		if rapid.Bool().Draw(t, "a part") {
			w.From += price.Timestamp(rapid.Int64Range(0, int64(w.To-w.From)).Draw(t, "from"))
			w.To -= price.Timestamp(rapid.Int64Range(0, int64(w.To-w.From)).Draw(t, "to"))
		}
		if rapid.Bool().Draw(t, "filter") {
			w.Match = func(k price.OfferKey) bool { return strings.HasPrefix(k.SellerID, "seller-1") }
		}
		rows := p.all(tb, product, w)
		want := board.Daily(rows)
		if w.Descending {
			slices.Reverse(want)
		}
		s := store.New(p.client, store.Options{Table: p.table, Width: rapid.IntRange(1, 4).Draw(t, "width")})
		budget := float64(rapid.SampledFrom([]int{1, 5, 100}).Draw(t, "budget"))
		s.SetPageUnits(budget)
		s.SetStreamUnits(0)

		cover := w
		cover.Cover = true
		for _, changes := range []bool{false, true} {
			cover.Changes = changes
			page, err := s.History(tb.Context(), product, cover)
			require.NoError(t, err)
			covered[page.Coverage != nil]++
			if page.Coverage != nil {
				require.Equal(t, coverage(rows), *page.Coverage)
			}
			require.True(t, page.Coverage != nil || budget < 100 && p.met["segments"] > 0)
		}

		var shown []board.Day
		var after *board.DayKey
		for {
			pages++
			require.Less(t, pages, 100_000, "the pages end")
			w.Cover = after == nil
			page, err := s.DailyHistory(tb.Context(), product, w, after)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Days), w.Limit)
			if page.Coverage != nil {
				require.Nil(t, after)
				require.Equal(t, coverage(rows), *page.Coverage)
			}
			shown = append(shown, page.Days...)
			if page.Next == nil {
				break
			}
			next := *page.Next
			require.GreaterOrEqual(t, next.Date, w.From.Day())
			require.LessOrEqual(t, next.Date, w.To)
			if next.Offer != (price.OfferKey{}) {
				divided++
				require.Equal(t, page.Days[w.Limit-1].DayKey, next)
			} else if after != nil {
				require.True(t, w.Descending != (next.Date > after.Date) && next.Date != after.Date, "a page goes behind its first day")
			}
			if len(page.Days) == 0 {
				empty++
			}
			after = page.Next
		}
		require.Len(t, shown, len(want))
		for i := range want {
			require.Equal(t, want[i], shown[i])
		}
	})
	assert.Greater(tb, pages, 150)
	for _, n := range []int{divided, covered[true], covered[false], p.met["split"], p.met["segments"], p.met["late"]} {
		assert.Positive(tb, n)
	}
	tb.Log(pages, divided, empty, covered, p.met)
}

// TestStore_History_Coverage: our own prices are rows and days as any other's, but no part of the coverage.
func TestStore_History_Coverage(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	day := func(n int, hours time.Duration) price.Timestamp {
		return start.Day().Add(time.Duration(n)*24*time.Hour + hours*time.Hour)
	}
	record(t, s, day(9, 0), seen("P1", "own", day(0, 1), 1), seen("P1", "bigmart", day(1, 1), 1), seen("P1", "bigmart", day(1, 23), 1),
		seen("P1", "own", day(2, 1), 1), seen("P1", "bigmart", day(3, 0), 1))
	ours := func(k price.OfferKey) bool { return k.CompetitorID == price.Own }
	for name, tt := range map[string]struct {
		from, to price.Timestamp
		match    func(price.OfferKey) bool
		want     store.Coverage
	}{
		"all":             {day(0, 0), day(9, 0), nil, store.Coverage{First: day(1, 1), Days: 2}},
		"both ends count": {day(1, 23), day(3, 0), nil, store.Coverage{First: day(1, 23), Days: 2}},
		"between":         {day(1, 23) + 1, day(3, 0) - 1, nil, store.Coverage{First: price.NoTime}},
		"own":             {day(0, 0), day(9, 0), ours, store.Coverage{First: price.NoTime}},
	} {
		for _, w := range []store.Window{{}, {Changes: true}, {Descending: true}, {Changes: true, Descending: true, Limit: 1}, {Limit: 1}} {
			w.From, w.To, w.Match, w.Cover, w.Limit = tt.from, tt.to, tt.match, true, max(w.Limit, 1)
			page, err := s.History(t.Context(), "P1", w)
			require.NoError(t, err)
			assert.Equal(t, &tt.want, page.Coverage, "%s: %+v", name, w)
			days, err := s.DailyHistory(t.Context(), "P1", w, nil)
			require.NoError(t, err)
			assert.Equal(t, &tt.want, days.Coverage, "%s: %+v", name, w)
		}
	}
}

// TestStore_History_CoverageCosts: what is not asked for costs nothing, and the search for it ends with the page's budget.
func TestStore_History_CoverageCosts(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	const hours = 24 * 60
	for n := 0; n < hours; n += 100 {
		in := make([]price.Submission, 0, 100)
		for i := range 100 {
			o := seen("P1", "bigmart", at(60*(n+i)), 1995)
			label := strings.Repeat("x", 100) + string(rune('a'+i%26))
			o.Observation.Terms.Promotion = price.Promotion{Present: true, Label: label, ValidThrough: price.NoTime}
			in = append(in, o)
		}
		record(t, s, at(60*hours), in...)
	}
	read := func(budget float64, w store.Window) (*store.Coverage, float64) {
		s.SetPageUnits(budget)
		ctx, m := meter.With(t.Context())
		page, err := s.History(ctx, "P1", w)
		require.NoError(t, err)
		return page.Coverage, m.Counts().ReadUnits
	}
	for _, changes := range []bool{false, true} {
		w := store.Window{From: at(0), To: at(60 * hours), Limit: 10, Changes: changes, Descending: true}
		none, alone := read(100, w)
		assert.Nil(t, none)
		w.Cover = true
		whole, units := read(100, w)
		require.NotNil(t, whole)
		assert.Greater(t, units, alone+10)
		cut, few := read(10, w)
		assert.Nil(t, cut)
		assert.Less(t, few, units)
		assert.LessOrEqual(t, few, 10+float64(3*4))
	}
}

// TestStore_History_CoverageOfManyObservations: to find the coverage costs about a unit a day, however much a day has.
func TestStore_History_CoverageOfManyObservations(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	const days, offers = 10, 60
	for hour := range days * 24 {
		var in []price.Submission
		for i := range offers {
			o := seen("P1", "bigmart", at(60*hour+i%50), int64(1995+(hour+i*7)/20%5))
			o.Observation.Key.SellerID = fmt.Sprint("seller-", i)
			o.Observation.URL = ""
			in = append(in, o)
		}
		record(t, s, at(60*24*days), in...)
	}
	read := func(w store.Window) (*store.Coverage, float64) {
		ctx, m := meter.With(t.Context())
		page, err := s.History(ctx, "P1", w)
		require.NoError(t, err)
		return page.Coverage, m.Counts().ReadUnits
	}
	for _, w := range []store.Window{{Limit: 10, Descending: true}, {Limit: 10, Changes: true}} {
		w.From, w.To = at(0), at(60*24*days)-1
		_, alone := read(w)
		w.Cover = true
		coverage, units := read(w)
		assert.Equal(t, &store.Coverage{First: at(0), Days: days + 1}, coverage, "it begins at nine o'clock")
		_, whole := read(store.Window{From: w.From, To: w.To, Limit: days * 24 * offers})
		assert.Less(t, units-alone, float64(days+10))
		assert.Greater(t, whole, 2*units)
	}
}

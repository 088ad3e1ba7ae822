package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// changes computes the view of changes the plain way from the rows of a window: of each offer the first, and each with other
// terms than the one before it.
func changes(rows []board.Row) []board.Row {
	offers := map[price.OfferKey][]board.Row{}
	for _, row := range rows {
		offers[row.Key] = append(offers[row.Key], row)
	}
	var out []board.Row
	for key, of := range offers {
		slices.SortFunc(of, func(a, b board.Row) int { return board.Compare(key, a.Observation, b.Observation) })
		for i, row := range of {
			if i == 0 || row.Observation.Terms != of[i-1].Observation.Terms {
				out = append(out, row)
			}
		}
	}
	slices.SortFunc(out, board.CompareRows)
	return out
}

// historyCase is one product's traffic: few offers, prices and sources, so that ties and equal terms are common, over
// months, with labels long enough to flush every few observations.
type historyCase struct {
	products int
}

func (h *historyCase) draw(t *rapid.T, n int) []price.Submission {
	in := make([]price.Submission, n)
	for i := range in {
		moment := start.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "at")) * 50 * time.Hour)
		in[i] = seen(fmt.Sprintf("H%d", h.products), "bigmart", moment, int64(rapid.IntRange(1, 2).Draw(t, "price")))
		o := &in[i].Observation
		o.URL = ""
		o.Key.SellerID = []string{"", "seller-a", "seller-b"}[rapid.IntRange(0, 2).Draw(t, "seller")]
		o.Source.ID = []string{"crawler-a", "feed-b", "vendor-c"}[rapid.IntRange(0, 2).Draw(t, "source")]
		o.Source.Confidence = []price.Confidence{price.NoConfidence, 5000}[rapid.IntRange(0, 1).Draw(t, "confidence")]
		if rapid.IntRange(0, 3).Draw(t, "promotion") > 0 {
			o.Terms.Promotion = price.Promotion{Present: true, Label: strings.Repeat("x", 120), ValidThrough: price.NoTime}
		}
	}
	return in
}

// Pages of both views in both orders, while data comes in between them: no row is shown twice or out of place, and what is a
// row of the view all the time is shown once.
func TestStore_History_PagesWhileDataComesIn(tb *testing.T) {
	s := storetest.New(tb)
	register(tb, s, "bigmart")
	h := historyCase{}
	segments := 0
	rapid.Check(tb, func(t *rapid.T) {
		h.products++
		product := fmt.Sprintf("H%d", h.products)
		received := start.Add(200 * 24 * time.Hour)
		send := func(n int) {
			_, err := s.Record(tb.Context(), h.draw(t, n), received, false)
			require.NoError(t, err)
		}
		for range rapid.IntRange(1, 8).Draw(t, "requests") {
			send(rapid.IntRange(1, 10).Draw(t, "observations"))
		}
		w := store.Window{
			From:    start.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "from")) * 50 * time.Hour),
			To:      start.Add(time.Duration(rapid.IntRange(30, 60).Draw(t, "to")) * 50 * time.Hour),
			Changes: rapid.Bool().Draw(t, "changes"), Descending: rapid.Bool().Draw(t, "descending"), Limit: rapid.IntRange(1, 12).Draw(t, "limit"),
		}
		if rapid.Bool().Draw(t, "one seller") {
			w.Match = func(k price.OfferKey) bool { return k.SellerID == "seller-a" }
		}
		view := func() []board.Row {
			all := store.Window{From: w.From, To: w.To, Limit: 100_000, Match: w.Match}
			page, err := s.History(tb.Context(), product, all)
			require.NoError(t, err)
			require.Nil(t, page.Next)
			if w.Changes {
				return changes(page.Rows)
			}
			return page.Rows
		}
		always := view()
		growing := rapid.Bool().Draw(t, "data comes in")
		var shown []board.Row
		for pages := 0; ; pages++ {
			require.Less(t, pages, 2000, "the pages end")
			page, err := s.History(tb.Context(), product, w)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Rows), w.Limit)
			shown = append(shown, page.Rows...)
			if w.After = page.Next; w.After == nil {
				break
			}
			if growing && pages < 5 {
				send(rapid.IntRange(1, 4).Draw(t, "meanwhile"))
				now := view()
				always = slices.DeleteFunc(always, func(r board.Row) bool { return !slices.ContainsFunc(now, same(r)) })
			}
		}
		for i := 1; i < len(shown); i++ {
			c := board.CompareRows(shown[i-1], shown[i])
			require.True(t, c < 0 && !w.Descending || c > 0 && w.Descending, "row %d is out of order", i)
		}
		if !growing {
			require.Len(t, shown, len(always))
		}
		for _, row := range always {
			require.True(t, slices.ContainsFunc(shown, same(row)), "not shown: %+v", row)
		}
		product0, err := s.Product(tb.Context(), product, false)
		require.NoError(t, err)
		if product0.Boards[0].Flushed != price.NoTime {
			segments++
		}
	})
	assert.Positive(tb, segments, "no case reached into segments")
}

func same(a board.Row) func(board.Row) bool {
	return func(b board.Row) bool { return board.CompareRows(a, b) == 0 }
}

// labelled returns n observations of P1, a minute apart, with labels so long that a few of them fill a board. kind numbers
// their terms.
func labelled(minute, n int, kind func(i int) int) []price.Submission {
	in := make([]price.Submission, n)
	for i := range in {
		in[i] = seen("P1", "bigmart", at(minute+i), int64(kind(i)))
		in[i].Observation.Terms.Promotion = price.Promotion{
			Present: true, Label: strings.Repeat("x", 110) + fmt.Sprint(minute, kind(i)), ValidThrough: price.NoTime,
		}
	}
	return in
}

// Of two observations of one moment with the same terms one is a change, even at the window's end.
func TestStore_History_TwoAtTheLastMoment(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	both := []price.Submission{seen("P1", "bigmart", at(5), 100), seen("P1", "bigmart", at(5), 100)}
	both[1].Observation.Source.ID = "feed-b"
	record(t, s, at(10), both...)
	rows := history(t, s, "P1")
	require.Len(t, rows, 2)
	for _, descending := range []bool{false, true} {
		page, err := s.History(t.Context(), "P1", store.Window{From: at(0), To: at(5), Limit: 10, Changes: true, Descending: descending})
		require.NoError(t, err)
		assert.Equal(t, rows[:1], page.Rows)
	}
}

// pages walks a window to its end and returns the rows and what each page cost.
func pages(t *testing.T, s *store.Store, w store.Window) (rows []board.Row, units []float64) {
	t.Helper()
	for {
		ctx, m := meter.With(t.Context())
		page, err := s.History(ctx, "P1", w)
		require.NoError(t, err)
		require.Empty(t, page.Suspect)
		rows = append(rows, page.Rows...)
		units = append(units, m.Counts().ReadUnits)
		if w.After = page.Next; w.After == nil {
			return rows, units
		}
	}
}

// A page of a long history reads what it shows, wherever it begins.
func TestStore_History_APageCostsWhatItShows(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	const day = 24 * 60
	const scans = 90
	for scan := range scans {
		record(t, s, at((scan+1)*day), labelled(scan*day, 10, func(n int) int { return n / 2 })...)
	}
	for _, changes := range []bool{false, true} {
		for _, descending := range []bool{false, true} {
			w := store.Window{From: at(0), To: at(scans * day), Changes: changes, Descending: descending, Limit: 1000}
			rows, units := pages(t, s, w)
			want := scans * 10
			if changes {
				want /= 2
			}
			require.Len(t, rows, want)
			require.Len(t, units, 1)
			assert.Greater(t, units[0], 15.0, "the whole")
			w.Limit = 5
			for _, after := range []int{0, scans / 3, scans / 2, scans - 2} {
				w.After = nil
				if after > 0 {
					w.After = &store.Position{ObservedAt: at(after * day)}
				}
				ctx, m := meter.With(t.Context())
				page, err := s.History(ctx, "P1", w)
				require.NoError(t, err)
				assert.Len(t, page.Rows, 5)
				const most = 1 + 4 + 2 // the board, one round, and where it begins or what came before
				assert.LessOrEqual(t, m.Counts().ReadUnits, float64(most), "changes %v, descending %v, after day %d", changes, descending, after)
			}
		}
	}
}

// What came before the rows of an upward page is looked for as far back as it takes, and not at all where the board knows it.
func TestStore_History_WhatCameBeforeAnUpwardPage(t *testing.T) {
	t.Parallel()
	const month = 30 * 24 * 60
	tests := map[string]struct {
		prices    [4]int64 // of shopx in each month; 0: it was not seen
		wantRows  int      // of the third
		wantUnits float64  // at most
	}{
		"the same long before":                  {[4]int64{100, 0, 100, 300}, 0, 33},
		"another long before":                   {[4]int64{200, 0, 100, 300}, 1, 33},
		"the same a month before":               {[4]int64{200, 100, 100, 300}, 0, 23},
		"another a month before":                {[4]int64{100, 200, 100, 300}, 1, 23},
		"the first":                             {[4]int64{0, 0, 100, 300}, 1, 15},
		"the same, until now":                   {[4]int64{100, 0, 100, 100}, 0, 8},
		"another long before, the same as now":  {[4]int64{200, 0, 100, 100}, 1, 8},
		"the same as long before, and till now": {[4]int64{200, 100, 100, 100}, 0, 8},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storetest.New(t)
			register(t, s, "bigmart", "shopx")
			for n, minor := range tt.prices {
				first := n * month
				if minor > 0 {
					record(t, s, at(first+60), seen("P1", "shopx", at(first), minor))
				}
				for round := range 30 { // so that everything before is flushed
					record(t, s, at(first+60+round*10), labelled(first+round*10, 8, func(i int) int { return i })...)
				}
			}
			ctx, m := meter.With(t.Context())
			page, err := s.History(ctx, "P1", store.Window{
				From: at(-10), To: at(3*month - 1), Limit: 10, Changes: true, After: &store.Position{ObservedAt: at(2*month - 1)},
				Match: func(k price.OfferKey) bool { return k.CompetitorID == "shopx" },
			})
			require.NoError(t, err)
			assert.Len(t, page.Rows, tt.wantRows)
			assert.Nil(t, page.Next)
			assert.LessOrEqual(t, m.Counts().ReadUnits, tt.wantUnits)
		})
	}
}

// Of an offer whose terms have always been the same, the first in the window is a change, and all others are shown as well where not
// only changes are asked for.
func TestStore_History_ALongRun(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	const looks = 1000
	for n := 0; n < looks; n += 10 {
		var in []price.Submission
		for i := range 10 {
			in = append(in, seen("P1", "bigmart", at((n+i)*60), 100))
		}
		record(t, s, at((n+10)*60), in...)
	}
	require.Greater(t, len(items(t, client, table, "p#P1", "seg#")), 3)
	for _, descending := range []bool{false, true} {
		rows, _ := pages(t, s, store.Window{From: at(50*60 - 1), To: at(150 * 60), Changes: true, Descending: descending, Limit: 10})
		require.Len(t, rows, 1)
		assert.Equal(t, at(50*60), rows[0].Observation.ObservedAt)
		rows, _ = pages(t, s, store.Window{From: at(0), To: at(looks * 60), Descending: descending, Limit: 150})
		require.Len(t, rows, looks)
	}
}

// What arrived in any order stands in late segments that overlap, and is shown in order all the same.
func TestStore_History_ArrivedInAnyOrder(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	const rounds = 60
	const hours = 24
	random := rand.New(rand.NewPCG(1, 2))
	in := labelled(0, rounds*8, func(i int) int { return i / 3 })
	for i := range in {
		in[i].Observation.ObservedAt = at(i * hours * 60 / 8)
	}
	random.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
	for some := range slices.Chunk(in, 8) {
		record(t, s, at(rounds*hours*60), some...)
	}
	late := items(t, client, table, "p#P1", "late#")
	require.Greater(t, len(late), 40)
	whole := past{client: client, table: table, met: map[string]int{}}
	for _, w := range []store.Window{{}, {Changes: true}, {Descending: true}, {Changes: true, Descending: true}} {
		w.From, w.To, w.Limit = at(0), at(rounds*hours*60), 7
		rows, _ := pages(t, s, w)
		assert.Equal(t, view(w, whole.all(t, "P1", w)), rows, "changes %v, descending %v", w.Changes, w.Descending)
	}
}

// A downward page that begins inside the history finds its first segments, however much the shards differ.
func TestStore_History_ShardsThatDiffer(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	quick := storetestStore(client, table)
	register(t, quick, "bigmart")
	const looks = 120
	for look := range looks {
		var in []price.Submission
		for i := range 60 {
			o := seen("P1", "bigmart", at(look*60+i), int64(look/2))
			o.Observation.Key.SellerID = fmt.Sprint("a seller with a long name ", strings.Repeat("x", 40), i)
			// Those of the first shards are seen at each look, so their segments are short. The others are seen seldom, and not
			// together: a segment of theirs reaches over many looks.
			if seldom := board.ShardOf(o.Observation.Key, 16).I >= 8; look == 0 || !seldom || (look+i)%6 == 0 {
				in = append(in, o)
			}
		}
		record(t, quick, at(look*60+60), in...)
	}
	whole := past{client: client, table: table, met: map[string]int{}}
	for width := range 4 {
		s := store.New(client, store.Options{Table: table, Width: width + 1})
		for _, changes := range []bool{false, true} {
			w := store.Window{From: at(0), To: at(looks * 60), Changes: changes, Descending: true, Limit: 150}
			rows, _ := pages(t, s, w)
			assert.Equal(t, view(w, whole.all(t, "P1", w)), rows, "changes %v, width %d", changes, width+1)
		}
	}
}

// TestStore_History_ManyShards: where the streams of segments are about as many as a page has units, pages must not end after a call of
// each. Then they had a few rows or none, and a walk cost many times what there is to read.
func TestStore_History_ManyShards(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	const looks = 60
	for look := range looks {
		var in, late []price.Submission
		for i := range 60 {
			o := seen("P1", "bigmart", at(look*60), int64((look+i)/5))
			o.Observation.Key.SellerID = fmt.Sprint("a seller with a long name ", strings.Repeat("x", 40), i)
			if (look+i)%7 == 0 && look > 0 {
				o.Observation.ObservedAt = at(look*60 - 90)
				late = append(late, o)
				continue
			}
			in = append(in, o)
		}
		record(t, s, at(look*60+60), in...)
		record(t, s, at(look*60+60), late...)
	}
	walk := func(budget float64, w store.Window) (total float64) {
		s.SetPageUnits(budget)
		_, units := pages(t, s, w)
		for _, u := range units {
			total += u
		}
		return total
	}
	w := store.Window{From: at(0), To: at(looks * 60), Limit: 1000}
	least := walk(1000, w)
	for _, w.Changes = range []bool{false, true} {
		for _, w.Descending = range []bool{false, true} {
			assert.LessOrEqual(t, walk(20, w), 2*least, "changes %v, descending %v", w.Changes, w.Descending)
		}
	}
}

// A filter that matches next to nothing must not make one request read a whole long history.
func TestStore_History_APageEndsByItsBudget(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart", "shopx")
	const rounds = 80
	const hours = 120
	for n := range rounds {
		in := labelled(n*hours*60, 6, func(i int) int { return i })
		if n == 0 || n == rounds/4 || n == rounds/2 || n == rounds-1 {
			in = append(in, seen("P1", "shopx", at(n*hours*60), int64(n)))
		}
		record(t, s, at((n+1)*hours*60), in...)
	}
	const budget = 5
	s.SetPageUnits(budget)
	for _, descending := range []bool{false, true} {
		rows, units := pages(t, s, store.Window{From: at(0), To: at(rounds * hours * 60), Descending: descending, Limit: 10,
			Match: func(k price.OfferKey) bool { return k.CompetitorID == "shopx" }})
		assert.Len(t, rows, 4)
		assert.Greater(t, len(units), 3)
		assert.LessOrEqual(t, slices.Max(units), budget+5.0)
	}
}

// Filters meet the offers first: what nobody sells, or was not seen in the window, costs no more than the boards.
func TestStore_History_NothingToRead(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart", "shopx")
	for n := range 10 {
		record(t, s, at(n*10+10), labelled(n*10, 8, func(i int) int { return i })...)
	}
	day := 24 * 60
	record(t, s, at(10*day), seen("P1", "shopx", at(10*day), 5))
	nobody := func(price.OfferKey) bool { return false }
	shopx := func(k price.OfferKey) bool { return k.CompetitorID == "shopx" }
	read := func(w store.Window) (store.Page, int) {
		w.Limit = 100
		ctx, m := meter.With(t.Context())
		page, err := s.History(ctx, "P1", w)
		require.NoError(t, err)
		return page, m.Counts().Calls
	}
	for name, w := range map[string]store.Window{
		"no such offer":                     {From: at(0), To: at(20 * day), Match: nobody},
		"after all but one":                 {From: at(2 * day), To: at(20 * day), Match: func(k price.OfferKey) bool { return !shopx(k) }},
		"before it was seen":                {From: at(0), To: at(5 * day), Match: shopx},
		"before anything":                   {From: at(-20), To: at(-1)},
		"after everything":                  {From: at(11 * day), To: at(20 * day)},
		"its changes, for it has no others": {From: at(0), To: at(9 * day), Match: shopx, Changes: true, Descending: true},
	} {
		page, calls := read(w)
		assert.Equal(t, store.Page{Told: store.Told{Units: 1}}, page, name)
		assert.Equal(t, 1, calls, name)
	}

	// An offer that was dropped under another retention is on no board, but what was seen of it is history all the same.
	forgetful := store.New(client, store.Options{Table: table, Retention: 5 * 24 * time.Hour, Width: 1})
	record(t, forgetful, at(10*day), seen("P1", "shopx", at(10*day+1), 5))
	p, err := s.Product(t.Context(), "P1", false)
	require.NoError(t, err)
	require.Len(t, p.Boards[0].Offers, 1)
	page, _ := read(store.Window{From: at(0), To: at(5 * day), Match: func(k price.OfferKey) bool { return !shopx(k) }})
	assert.Len(t, page.Rows, 80)
}

// Of a split product an offer's history costs its own shard's board and segments, and finds what it was before each split.
func TestStore_History_OneOffer(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	read := func(w store.Window) (store.Page, meter.Counts) {
		w.From, w.To, w.Limit = at(0), at(1000), 1000
		ctx, m := meter.With(t.Context())
		page, err := s.History(ctx, "P2", w)
		require.NoError(t, err)
		assert.InDelta(t, m.Counts().ReadUnits, page.Units, 0)
		page.Units = 0
		return page, m.Counts()
	}
	const rounds = 60
	shards, moved := 0, 0
	for round := range rounds { // more sellers each time, so it is split again and again
		record(t, s, at(100), sellers(8+round*3, 10+round)...)
	}
	for _, it := range items(t, client, table, "p#P2", "board#") {
		if shards++; it["moved"] != nil {
			moved++
		}
	}
	require.Greater(t, shards, 40)
	require.Positive(t, moved)
	nobody := sellers(1, 1)[0].Observation.Key
	nobody.SellerID = "nobody"
	page, counts := read(store.Window{Offer: &nobody})
	assert.Empty(t, page.Rows)
	assert.Equal(t, 2, counts.Calls, "the directory, then its shard with what is left of those before")
	for _, i := range []int{0, 7, 50, 8 + (rounds-1)*3 - 1} {
		key := sellers(i+1, 1)[i].Observation.Key
		for _, w := range []store.Window{{}, {Changes: true}, {Descending: true}, {Changes: true, Descending: true}} {
			alone := w
			alone.Offer = &key
			page, counts := read(alone)
			w.Match = func(k price.OfferKey) bool { return k == key }
			among, all := read(w)
			assert.Equal(t, among, page)
			assert.NotEmpty(t, page.Rows)
			assert.Less(t, counts.ReadUnits, all.ReadUnits)
		}
	}
	unknown := nobody
	unknown.ProductID = "P3"
	_, err := s.History(t.Context(), "P3", store.Window{From: at(0), To: at(1000), Limit: 10, Offer: &unknown})
	assert.True(t, fault.Is(err, fault.NotFound), "%v", err)
}

// Segments are read in keys' order, so a key of no known form within it is damage.
func TestStore_History_AKeyOfNoKnownForm(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	for round := range 3 {
		record(t, s, at(round*100+10), labelled(round*100, 8, func(i int) int { return i })...)
	}
	segments := items(t, client, table, "p#P1", "seg#")
	require.NotEmpty(t, segments)
	for _, sk := range []string{"seg#1#20260706T090000.000", "seg#1#20260706T09:000.000#0000000001", "seg#1#20260706T090000.000#x"} {
		segments[0]["sk"] = &types.AttributeValueMemberS{Value: sk}
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: segments[0]})
		require.NoError(t, err)
		_, err = s.History(t.Context(), "P1", store.Window{From: at(-365 * 24 * 60), To: at(1000), Limit: 100})
		require.ErrorIs(t, err, board.ErrFormat, sk)
		_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: itemKey("p#P1", sk)})
		require.NoError(t, err)
	}
}

// A board that was put back knows nothing of what was flushed since. It is shown all the same, and the segments are named.
func TestStore_History_AnOlderBoardWasPutBack(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	rounds := func(from, to int) {
		for n := from; n < to; n++ {
			record(t, s, at(n*10+10), labelled(n*10, 8, func(i int) int { return i })...)
		}
	}
	rounds(0, 5)
	old := items(t, client, table, "p#P1", "board")[0]
	before := len(items(t, client, table, "p#P1", "seg#"))
	rounds(5, 10)
	segments := items(t, client, table, "p#P1", "seg#")
	require.Greater(t, len(segments), before+1)
	putBack := func() {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: old})
		require.NoError(t, err)
	}
	// The first that the board flushes again is the same as before. What was flushed after it is what nobody knows of.
	var want []string
	for _, segment := range segments[before+1:] {
		want = append(want, segment["sk"].(*types.AttributeValueMemberS).Value)
	}
	putBack()
	for _, w := range []store.Window{{}, {Changes: true}, {Descending: true}, {Changes: true, Descending: true}} {
		w.From, w.To, w.Limit = at(0), at(1000), 1000
		page, err := s.History(t.Context(), "P1", w)
		require.NoError(t, err)
		assert.Subset(t, page.Suspect, want)
		rows := (&past{client: client, table: table, met: map[string]int{}}).all(t, "P1", w)
		assert.Equal(t, view(w, rows), page.Rows)
		if w.Changes || w.Descending {
			continue
		}
		product, err := s.Product(t.Context(), "P1", false)
		require.NoError(t, err)
		whole, err := s.Whole(t.Context(), product, w, 200)
		require.NoError(t, err)
		assert.Nil(t, whole.Next)
		assert.Equal(t, page.Rows, whole.Rows)
		assert.Subset(t, whole.Suspect, want)
	}
}

// What is flushed between a page's look at the boards and its look at the segments is no sign of a board that was put back.
func TestStore_History_FlushedMeanwhile(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	quick := storetestStore(client, table)
	register(t, quick, "bigmart")
	n := 0
	round := func(minute int) {
		n++
		record(t, quick, at(1000), labelled(minute, 8, func(i int) int { return i })...)
	}
	for i := range 5 {
		round(500 + i*10)
	}
	for i := range 5 {
		round(100 - i*10) // late
	}
	meanwhile := true
	s := storetestStore(storetest.Client(storetest.Proxy(t, func(c storetest.Call) storetest.Action {
		if c.Is("Query", "", 1) && meanwhile {
			meanwhile = false
			for i := range 5 {
				round(50 - i*10)
			}
		}
		return storetest.Pass
	})), table)
	page, err := s.History(t.Context(), "P1", store.Window{From: at(0), To: at(1000), Limit: 1000})
	require.NoError(t, err)
	require.False(t, meanwhile)
	assert.Empty(t, page.Suspect)
	assert.GreaterOrEqual(t, len(page.Rows), 10*8)
}

// meeting is a transport on which, behind the first query, so many as may be under way at once wait for each other.
type meeting struct {
	next    dynamodb.HTTPClient
	width   int64
	queries atomic.Int64
	met     chan struct{}
}

func (m *meeting) Do(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".Query") {
		switch n := m.queries.Add(1) - 1; {
		case n == m.width:
			close(m.met)
		case n > 0 && n < m.width:
			select {
			case <-m.met:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
	}
	return m.next.Do(r)
}

// The shards of a split product are read as many at a time as the store may.
func TestStore_History_SeveralCallsAtOnce(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	quick := storetestStore(client, table)
	register(t, quick, "bigmart")
	for hour := range 30 {
		in := make([]price.Submission, 60)
		for i := range in {
			in[i] = seen("P1", "bigmart", at(hour*60+i/2), int64(hour))
			in[i].Observation.Key.SellerID = fmt.Sprint("a seller with a long name ", strings.Repeat("x", 40), i)
		}
		record(t, quick, at(hour*60+60), in...)
	}
	p, err := quick.Product(t.Context(), "P1", false)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(p.Boards), 8)
	const width = 4
	m := &meeting{next: client.Options().HTTPClient, width: width, met: make(chan struct{})}
	s := store.New(dynamodb.New(client.Options(), func(o *dynamodb.Options) { o.HTTPClient = m }), store.Options{Table: table, Width: width})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for calls that come one after the other
	defer cancel()
	page, err := s.History(ctx, "P1", store.Window{From: at(0), To: at(3000), Limit: 1000, Descending: true})
	require.NoError(t, err)
	assert.Len(t, page.Rows, 1000)
}

package store_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
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

// copies puts a segment again so many times, under versions that no board had. They have to be read like others; what they
// hold is the same and counts once.
func copies(tb testing.TB, client *dynamodb.Client, table string, segment map[string]types.AttributeValue, n int) {
	tb.Helper()
	sk := segment["sk"].(*types.AttributeValueMemberS).Value
	var writes []types.WriteRequest
	for i := range n {
		again := maps.Clone(segment)
		again["sk"] = &types.AttributeValueMemberS{Value: fmt.Sprintf("%s%04d", sk, i)}
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: again}})
	}
	for chunk := range slices.Chunk(writes, 25) {
		batch := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: chunk}}
		out, err := client.BatchWriteItem(tb.Context(), batch)
		require.NoError(tb, err)
		require.Empty(tb, out.UnprocessedItems)
	}
}

// A page of a long history reads the months it shows, and as many older ones as it takes to know its last rows.
func TestStore_History_ReadsNoMoreMonthsThanItNeeds(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	const day = 24 * 60
	const scans = 90
	const every = 4 // days
	for scan := range scans {
		record(t, s, at((scan*every+1)*day), labelled(scan*every*day, 10, func(n int) int { return n / 2 })...)
	}
	for _, segment := range items(t, client, table, "p#P1", "seg#") {
		copies(t, client, table, segment, 3)
	}
	units := func(w store.Window) float64 {
		ctx, m := meter.With(t.Context())
		w.From = at(0)
		w.To = at(scans * every * day)
		w.Changes = true
		page, err := s.History(ctx, "P1", w)
		require.NoError(t, err)
		require.Len(t, page.Rows, w.Limit)
		return m.Counts().ReadUnits
	}
	all := units(store.Window{Limit: scans * 5})
	middle := &board.Row{
		Key: price.OfferKey{ProductID: "P1", CompetitorID: "bigmart"}, Observation: board.Observation{ObservedAt: at(180 * day)},
	}
	for name, w := range map[string]store.Window{
		"the newest":              {Limit: 10, Descending: true},
		"downwards in the middle": {Limit: 10, Descending: true, After: middle},
		"the oldest":              {Limit: 10},
		"upwards in the middle":   {Limit: 10, After: middle},
	} {
		assert.Less(t, units(w), all/3, name)
	}
}

// What came before the rows of an upward page is looked for in older months, newest first: as far back as the window goes, but no
// further than it is found.
func TestStore_History_WhatCameBeforeAnUpwardPage(t *testing.T) {
	t.Parallel()
	const month = 30 * 24 * 60 // July, August and September
	tests := map[string]struct {
		prices   [3]int64 // of shopx in each month; 0: it was not seen
		wantRows int      // of September
		wantAll  bool     // July has to be read
	}{
		"the same in July":                     {[3]int64{100, 0, 100}, 0, true},
		"another in July":                      {[3]int64{200, 0, 100}, 1, true},
		"the same in August":                   {[3]int64{200, 100, 100}, 0, false},
		"another in August":                    {[3]int64{100, 200, 100}, 1, false},
		"seen for the first time in September": {[3]int64{0, 0, 100}, 1, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, table := storetest.Table(t)
			s := storetestStore(client, table)
			register(t, s, "bigmart", "shopx")
			for n, minor := range tt.prices {
				first := n * month
				if minor > 0 {
					record(t, s, at(first+60), seen("P1", "shopx", at(first), minor))
				}
				for round := 1; round <= 3; round++ { // so that everything before is flushed
					record(t, s, at(first+60+round*10), labelled(first+round*10, 8, func(i int) int { return i })...)
				}
			}
			july := items(t, client, table, "p#P1", "seg#1#202607")
			require.NotEmpty(t, july)
			require.NotEmpty(t, items(t, client, table, "p#P1", "seg#1#202608"))
			const many = 500
			copies(t, client, table, july[0], many)
			ctx, m := meter.With(t.Context())
			page, err := s.History(ctx, "P1", store.Window{
				From: at(-10), To: at(3 * month), Limit: 10, Changes: true,
				After: &board.Row{Observation: board.Observation{ObservedAt: at(2*month - 1)}},
				Match: func(k price.OfferKey) bool { return k.CompetitorID == "shopx" },
			})
			require.NoError(t, err)
			assert.Len(t, page.Rows, tt.wantRows)
			assert.Nil(t, page.Next)
			const unit = 4096.0 // bytes of a strongly consistent read
			all := many * float64(store.ItemSize(july[0])) / unit
			if tt.wantAll {
				assert.Greater(t, m.Counts().ReadUnits, all)
				return
			}
			assert.Less(t, m.Counts().ReadUnits, all/3)
		})
	}
}

// A filter that matches nothing, or next to nothing, must not make one request read a whole long history.
func TestStore_History_APageEndsThoughItHasNoRows(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart", "shopx")
	const rounds = 40
	const hours = 250 // between two of them: 14 months together
	for n := range rounds {
		in := labelled(n*hours*60, 6, func(i int) int { return i })
		if n == 0 || n == rounds/4 || n == rounds/2 {
			in = append(in, seen("P1", "shopx", at(n*hours*60), int64(n)))
		}
		record(t, s, at((n+1)*hours*60), in...)
	}
	segments := items(t, client, table, "p#P1", "seg#")
	for _, segment := range segments {
		copies(t, client, table, segment, 1500/len(segments)+1) // so that a page ends between two rows of shopx
	}
	for _, w := range []store.Window{
		{}, {Changes: true}, {Descending: true}, {Changes: true, Descending: true},
	} {
		for competitor, want := range map[string]int{"nobody": 0, "shopx": 3} {
			w.From = at(0)
			w.To = at(rounds * hours * 60)
			w.Limit = 10
			w.After = nil
			w.Match = func(k price.OfferKey) bool { return k.CompetitorID == competitor }
			var pages, rows int
			for {
				page, err := s.History(t.Context(), "P1", w)
				require.NoError(t, err)
				rows += len(page.Rows)
				if pages++; page.Next == nil {
					break
				}
				w.After = page.Next
			}
			assert.Equal(t, want, rows, "%s, changes %v, descending %v", competitor, w.Changes, w.Descending)
			assert.Greater(t, pages, 1)
		}
	}
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

// A month with more segments than a page reads is passed all the same.
func TestStore_History_ALargeMonthIsPassed(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	for _, month := range []int{-1, 0, 1} { // June, July and August
		for n := range 5 {
			minute := month*30*24*60 + n*60
			record(t, s, at(minute+10), labelled(minute, 8, func(i int) int { return i })...)
		}
	}
	july := items(t, client, table, "p#P1", "seg#1#202607")
	require.NotEmpty(t, july)
	copies(t, client, table, july[0], 500)
	for _, w := range []store.Window{{}, {Changes: true}, {Descending: true}, {Changes: true, Descending: true}} {
		w.From = at(-40 * 24 * 60)
		w.To = at(40 * 24 * 60)
		w.Limit = 1000
		w.Match = func(price.OfferKey) bool { return false }
		pages := 0
		for {
			page, err := s.History(t.Context(), "P1", w)
			require.NoError(t, err)
			if pages++; page.Next == nil {
				break
			}
			require.Less(t, pages, 10, "no progress: changes %v, descending %v", w.Changes, w.Descending)
			w.After = page.Next
		}
		assert.Greater(t, pages, 1, "July fills a page")
	}
}

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
	for _, sk := range []string{"seg#1#202607", "seg#2026-0#1#0000000001", "seg#2026-00#1#0000000001"} {
		segments[0]["sk"] = &types.AttributeValueMemberS{Value: sk}
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: segments[0]})
		require.NoError(t, err)
		_, err = s.History(t.Context(), "P1", store.Window{From: at(-365 * 24 * 60), To: at(1000), Limit: 10})
		require.ErrorIs(t, err, board.ErrFormat, sk)
		_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: itemKey("p#P1", sk)})
		require.NoError(t, err)
	}
}

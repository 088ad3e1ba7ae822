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

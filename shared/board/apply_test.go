package board_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
)

// What is asked for costs a query or two each: nothing beyond the first span that has the offer, and of what is near in time one
// span.
func TestApply_AsksForNoMoreThanItNeeds(t *testing.T) {
	const day = 24 * 60 // minutes
	b := board.New(product)
	b.Flushed = at(200 * day)
	b.Offers = []board.Offer{{
		Key: key("bigmart"), Current: seen("bigmart", at(210*day), 100).Observation,
		FirstSeen: at(0), RunStart: at(0), Previous: board.Previous{At: price.NoTime},
	}}
	request := board.Request{Clock: price.Clock{Now: at(220 * day), Retention: clock.Retention}, Room: board.MaxOffers}
	var history board.History
	asks := func(in ...board.Incoming) []board.Span {
		_, need := board.Apply(b, in, request, &history)
		return need
	}
	span := func(from, to price.Timestamp) []board.Span { return []board.Span{{From: from, To: to}} }
	same, other := seen("bigmart", at(1), 100), seen("bigmart", at(1), 200)

	assert.Empty(t, asks(seen("bigmart", at(200*day)+1, 200)), "later than all that was flushed")
	assert.Equal(t, span(at(200*day), at(200*day)), asks(seen("bigmart", at(200*day), 200)))
	assert.Empty(t, asks(seen("shopx", at(1), 200)), "of an offer that has no history")
	_, need := board.Apply(b, []board.Incoming{same}, request, nil)
	assert.Equal(t, span(at(1), at(1)), need, "without a history nothing is known")
	assert.Equal(t, span(at(1), at(1)), asks(same), "it may be a duplicate")
	assert.Equal(t, span(at(1), at(1+day)), asks(same, seen("bigmart", at(1+day), 100)), "a day from each other")
	assert.Equal(t, append(span(at(1), at(1)), span(at(1+day)+1, at(1+day)+1)...), asks(seen("bigmart", at(1+day)+1, 100), same), "more")

	history.Add(span(at(1), at(1))[0])
	assert.Empty(t, asks(same), "within the run, with its terms")
	first := at(1)
	for _, days := range []int{1, 4, 16} {
		last := first.Add(time.Duration(days) * 24 * time.Hour)
		require.Equal(t, span(first, last), asks(other), "it breaks the run: what comes after it is searched for")
		// Another offer was seen then, and this one when it is not known yet what else there is.
		history.Add(span(first, last)[0], rowsOf(seen("shopx", last, 1)), rowsOf(seen("bigmart", at(150*day), 100)))
		first = last + 1
	}
	next := seen("bigmart", at(70*day), 100)
	history.Add(asks(other)[0], rowsOf(next, seen("bigmart", at(71*day), 100)))
	change, need := board.Apply(b, []board.Incoming{other}, request, &history)
	require.Empty(t, need, "there it is")
	assert.Equal(t, at(70*day), change.Results[0].Offer.RunStart)
	assert.Equal(t, usd(200), change.Results[0].Offer.Previous.Price)

	t.Run("of an offer that is not there, what is not later than the last that left", func(t *testing.T) {
		b.Dropped = at(100)
		history = board.History{}
		assert.Equal(t, span(at(100), at(100)), asks(seen("shopx", at(100), 1)))
		assert.Empty(t, asks(seen("shopx", at(101), 1)))
	})
	t.Run("no further than what was flushed", func(t *testing.T) {
		b.Flushed = at(3)
		history = board.History{}
		history.Add(span(at(1), at(1))[0])
		assert.Equal(t, span(at(1), at(3)), asks(other))
	})
	t.Run("no further than what the tail has", func(t *testing.T) {
		b.Flushed = at(200 * day)
		b.Offers[0].Tail = []board.Observation{seen("bigmart", at(2), 100).Observation}
		assert.Equal(t, span(at(1), at(2)), asks(other))
	})
}

// rowsOf makes a segment's content of observations of one offer.
func rowsOf(in ...board.Incoming) []board.SegmentOffer {
	offer := board.SegmentOffer{Key: in[0].Key}
	for _, i := range slices.Backward(in) {
		offer.Observations = append(offer.Observations, i.Observation)
	}
	return []board.SegmentOffer{offer}
}

// What it costs that observations arrive after their time was flushed, here 100 hours in requests of ten: in order of time one
// span for each request and hardly more segments; with the newest first the late segments of what came before are read again and
// again; in no order a request needs several spans as well.
func TestApply_Backfill(t *testing.T) {
	const hours = 240
	for name, tt := range map[string]struct {
		order       func(n int) []int
		asked, read int
	}{
		"oldest first": {func(n int) []int { return count(n) }, 10, 12},
		"newest first": {func(n int) []int {
			order := count(n)
			slices.Reverse(order)
			return order
		}, 10, 19},
		"in no order": {func(n int) []int { return rand.New(rand.NewPCG(1, 2)).Perm(n) }, 14, 39},
	} {
		t.Run(name, func(t *testing.T) {
			tb := newTable()
			now := price.Clock{Now: at(hours * 60), Retention: clock.Retention}
			for i := range hours + 1 { // two other offers, told in time
				tb.put(t, []board.Incoming{seen("shopx", at(i*60), int64(i)), seen("bigmart", at(i*60), int64(i))}, now)
			}
			tb.put(t, []board.Incoming{seen("kyoto", now.Now, 1)}, now)
			require.Less(t, at(100*60), tb.board(t).Flushed)
			tb.asked = 0
			tb.read = 0
			for request := range slices.Chunk(tt.order(100), 10) {
				var in []board.Incoming
				for _, i := range request {
					in = append(in, seen("kyoto", at(i*60), 1))
				}
				tb.put(t, in, now)
			}
			assert.Equal(t, tt.asked, tb.asked, "spans")
			assert.Equal(t, tt.read, tb.read, "segments")
		})
	}
}

func count(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// TestRefold_TwoContents: of one observation only one content makes an offer, though damage may have left two.
func TestRefold_TwoContents(t *testing.T) {
	row := func(minutes int, minor int64) board.Row {
		in := seen("bigmart", at(minutes), minor)
		return board.Row{Key: in.Key, Observation: in.Observation}
	}
	offers := board.Refold([]board.Row{row(2, 300), row(1, 100), row(2, 400), row(1, 100)})
	require.Len(t, offers, 1)
	assert.Equal(t, usd(300), offers[0].Current.Terms.Price)
	assert.Equal(t, usd(100), offers[0].Previous.Price)
}

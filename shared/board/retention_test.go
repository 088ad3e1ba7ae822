package board_test

import (
	"math/rand/v2"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/testkit/boardtest"
)

// oneDay is a retention that somebody set by mistake.
const oneDay = 24 * time.Hour

// mistaken makes a write under a retention of one day: of an observation made now, of an offer that is there or of another. The
// writer may end before it writes the board.
func (tb *table) mistaken(t require.TestingT, random *rand.Rand, now price.Timestamp) (board.Incoming, board.Result) {
	in := seen("visitor", now, int64(random.IntN(3)))
	in.Observation.Source.ID = "visitor"
	boards := tb.all(t)
	if offers := boards[random.IntN(len(boards))].Offers; len(offers) > 0 && random.IntN(2) == 0 {
		in.Key = offers[random.IntN(len(offers))].Key
	}
	clock := price.Clock{Now: now, Retention: oneDay}
	if random.IntN(2) == 0 {
		return in, tb.put(t, []board.Incoming{in}, clock)[0]
	}
	b := tb.shard(t, board.ShardOf(in.Key, tb.shards))
	change := tb.apply(t, b, []board.Incoming{in}, clock, board.Mark{3})
	tb.lose(change)
	tb.prepare(t, b, change)
	return in, board.Result{Outcome: board.NoRoom}
}

// TestProperty_Retention: whatever the retention was for some writes, everything that was stored stands in a tail or a segment,
// and is found when it is sent again.
func TestProperty_Retention(t *testing.T) {
	boardtest.Checks(t, 2_000)
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	rapid.Check(t, func(drawing *rapid.T) {
		t := quick{drawing}
		c := boardtest.Draw(drawing)
		random := drawFaults(drawing)
		tb := newTable()
		tb.faults = random
		stored := map[string]board.Row{}
		record := func(in board.Incoming, r board.Result) {
			id := in.Observation.ID(in.Key)
			first, known := stored[id]
			if r.Outcome < board.Duplicate {
				require.False(t, known, "%s is stored already: %+v", r.Outcome, in)
				stored[id] = board.Row{Key: in.Key, Observation: r.Stored}
			} else if r.Outcome != board.NoRoom {
				require.True(t, known, "%s of nothing: %+v", r.Outcome, in)
				require.Equal(t, first.Observation, r.Stored)
			}
		}
		for _, phase := range c.Phases {
			for _, request := range phase.Requests {
				if random.IntN(3) == 0 {
					record(tb.mistaken(t, random, phase.Now))
				}
				in := incoming(request, phase.Now)
				for i, r := range tb.put(t, in, price.Clock{Now: phase.Now, Retention: c.Retention}) {
					record(in[i], r)
				}
			}
		}
		rows := tb.rows(t)
		require.Len(t, rows, len(stored))
		clock := price.Clock{Now: c.Phases[len(c.Phases)-1].Now, Retention: 1000 * oneDay}
		for _, row := range rows {
			require.Equal(t, stored[row.Observation.ID(row.Key)], row)
			r := tb.put(t, []board.Incoming{{Key: row.Key, Observation: row.Observation}}, clock)[0]
			require.Equal(t, board.Duplicate, r.Outcome, "%+v", row)
		}
	})
}

// TestApply_RetentionOfOneDay is the mistake step by step: offers that were seen the day before leave the board, their
// observations do not leave the history, and what is sent again is found there.
func TestApply_RetentionOfOneDay(t *testing.T) {
	tb := newTable()
	all := []board.Incoming{
		seen("bigmart", at(0), 100), seen("bigmart", at(60), 200), seen("shopx", at(30), 300), seen("own", at(10), 400),
	}
	tb.put(t, all, clock)
	before := tb.rows(t)
	require.Len(t, before, 4)

	short := price.Clock{Now: at(3 * 24 * 60), Retention: oneDay}
	visit := seen("kyoto", short.Now, 500)
	assert.Equal(t, []string{"created"}, outcomes(tb.put(t, []board.Incoming{visit}, short)))
	b := tb.board(t)
	var left []string
	for _, o := range b.Offers {
		left = append(left, board.KeyText(o.Key))
	}
	assert.Equal(t, []string{"kyoto", "own"}, left, "our own offer is never dropped")
	assert.Equal(t, at(60), b.Dropped)
	assert.Equal(t, at(60), b.Flushed)
	assert.Equal(t, before, tb.rows(t)[:4], "the whole old tail was flushed")

	later := price.Clock{Now: at(4 * 24 * 60), Retention: clock.Retention}
	results := tb.put(t, append(all, visit), later)
	assert.Equal(t, []string{"duplicate", "duplicate", "duplicate", "duplicate", "duplicate"}, outcomes(results))
	assert.Equal(t, price.NoTime, results[0].Offer.Current.ObservedAt, "a duplicate does not bring an offer back")
	assert.False(t, results[1].Current)
	other := seen("bigmart", at(60), 201)
	results = tb.put(t, []board.Incoming{other, seen("bigmart", at(61), 200)}, later)
	assert.Equal(t, []string{"conflict", "created"}, outcomes(results))
	assert.Equal(t, usd(200), results[0].Stored.Terms.Price)
	assert.Len(t, tb.rows(t), 6)
}

// TestApply_FlushThatOnlyTheClockAsksFor: a writer whose retention is too short flushes and ends before it writes the board. Its
// segments stand beside the tail that has the same, and hide nothing of what comes later.
func TestApply_FlushThatOnlyTheClockAsksFor(t *testing.T) {
	tb := newTable()
	tb.put(t, []board.Incoming{seen("bigmart", at(0), 100), seen("bigmart", at(60), 200)}, clock)
	b := tb.board(t)
	short := price.Clock{Now: at(3 * 24 * 60), Retention: oneDay}
	change := tb.apply(t, b, []board.Incoming{seen("kyoto", short.Now, 500)}, short, board.Mark{3})
	tb.prepare(t, b, change)
	require.Len(t, change.Segments, 1)
	assert.True(t, change.Segments[0].Late)
	assert.Equal(t, at(60), change.Next.Late)
	assert.Equal(t, at(60), change.Next.Flushed)

	between := seen("bigmart", at(30), 300)
	require.Equal(t, []string{"late"}, outcomes(tb.put(t, []board.Incoming{between}, clock)))
	for i := 1; tb.board(t).Flushed < at(60); i++ {
		tb.put(t, []board.Incoming{seen("bigmart", at(60+i), int64(i))}, clock)
	}
	require.NotEmpty(t, tb.keys(board.Shard{}, false))
	assert.Equal(t, []string{"duplicate"}, outcomes(tb.put(t, []board.Incoming{between}, clock)))
}

// TestApply_OlderThanWhatLeft: of an offer that left the board by mistake older observations than its last may arrive. Then those
// of before are newer than its current one, and are found all the same; the offer's url remains one of this life.
func TestApply_OlderThanWhatLeft(t *testing.T) {
	tb := newTable()
	last := seen("bigmart", at(60), 100)
	last.URL = "https://bigmart.example/60"
	tb.put(t, []board.Incoming{last}, clock)
	short := price.Clock{Now: at(3 * 24 * 60), Retention: oneDay}
	tb.put(t, []board.Incoming{seen("kyoto", short.Now, 500)}, short)

	older := seen("bigmart", at(30), 100)
	older.URL = "https://bigmart.example/30"
	require.Equal(t, []string{"created"}, outcomes(tb.put(t, []board.Incoming{older}, clock)))
	results := tb.put(t, []board.Incoming{last}, clock)
	assert.Equal(t, []string{"duplicate"}, outcomes(results))
	assert.False(t, results[0].Current)
	o, _ := tb.board(t).Find(key("bigmart"))
	assert.Equal(t, at(30), o.Current.ObservedAt)
	assert.Equal(t, "https://bigmart.example/30", tb.urls[o.URL.Name])
}

func TestApply_OffersNotSeenForTheRetentionLeave(t *testing.T) {
	tb := newTable()
	tb.put(t, []board.Incoming{seen("bigmart", at(0), 100), seen("shopx", at(0), 100)}, clock)
	later := price.Clock{Now: at(1).Add(clock.Retention), Retention: clock.Retention}
	assert.Empty(t, tb.board(t).Live(later), "reads leave it out")

	now := later.Now
	assert.Equal(t, []string{"created"}, outcomes(tb.put(t, []board.Incoming{seen("bigmart", now, 200)}, later)), "it starts afresh")
	b := tb.board(t)
	assert.Len(t, b.Offers, 1, "the next write drops what left")
	o, _ := b.Find(key("bigmart"))
	assert.Equal(t, now, o.FirstSeen)
	assert.False(t, o.Previous.Price.Present())
}

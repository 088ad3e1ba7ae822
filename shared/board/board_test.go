package board_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
)

// table is a product's items as a store keeps them, in memory: a packed board and segments by key. It is no fake of
// DynamoDB; it lets the pure package be run through every order without one.
type table struct {
	packed   board.Packed
	segments map[segmentKey][]byte
	flushes  int
}

type segmentKey struct {
	month   board.Month
	version int64
}

const product = "ZU-1042"

func newTable() *table { return &table{segments: map[segmentKey][]byte{}} }

func (tb *table) board(t require.TestingT) board.Board {
	if tb.packed.V == 0 {
		return board.New(product)
	}
	b, err := board.Unpack(product, board.Shard{}, tb.packed)
	require.NoError(t, err)
	return b
}

func (tb *table) month(t require.TestingT, m board.Month) [][]board.SegmentOffer {
	var all [][]board.SegmentOffer
	for k, h := range tb.segments {
		if m == "" || k.month == m {
			offers, err := board.UnpackSegment(product, h)
			require.NoError(t, err)
			all = append(all, offers)
		}
	}
	return all
}

// put applies one request and stores what it changed.
func (tb *table) put(t require.TestingT, in []board.Incoming, clock board.Clock) []board.Result {
	b := tb.board(t)
	var history board.History
	for range 100 {
		change, need := board.Apply(b, in, clock, board.Mark{1, 2, 3, byte(b.Version)}, &history)
		if len(need) > 0 {
			for _, m := range need {
				history.Add(m, tb.month(t, m)...)
			}
			continue
		}
		if len(change.Segments) > 0 {
			tb.flushes++
		}
		for _, s := range change.Segments {
			tb.segments[segmentKey{s.Month, s.Version}] = s.H
		}
		if change.Write {
			tb.packed = change.Next.Pack()
			again, err := board.Unpack(product, board.Shard{}, tb.packed)
			require.NoError(t, err)
			require.Equal(t, tb.packed, again.Pack(), "decode(encode(x)) = x")
		}
		return change.Results
	}
	require.Fail(t, "Apply keeps asking for months")
	return nil
}

func (tb *table) rows(t require.TestingT) []board.Row {
	return board.Rows([]board.Board{tb.board(t)}, tb.month(t, ""), price.NoTime, 1<<62)
}

func usd(minor int64) price.Money { return price.Money{Minor: minor, Currency: "USD"} }

func key(competitor string) price.OfferKey {
	return price.OfferKey{ProductID: product, CompetitorID: competitor}
}

func seen(competitor string, at price.Timestamp, minor int64) board.Incoming {
	return board.Incoming{Key: key(competitor), Entry: board.Entry{
		Terms:      price.Terms{Price: usd(minor)},
		Source:     price.Source{ID: "crawler-a", Confidence: price.NoConfidence},
		ObservedAt: at, ReceivedAt: at + 1500,
	}}
}

var (
	start = price.At(time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC))
	clock = board.Clock{Now: start.Add(90 * 24 * time.Hour), Retention: 400 * 24 * time.Hour}
)

func at(minutes int) price.Timestamp { return start.Add(time.Duration(minutes) * time.Minute) }

func outcomes(results []board.Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = r.Outcome.String()
	}
	return out
}

func TestApply_Outcomes(t *testing.T) {
	tb := newTable()
	results := tb.put(t, []board.Incoming{
		seen("bigmart", at(2), 2000), // later in the batch's order of time, first in the request
		seen("bigmart", at(0), 1995),
		seen("bigmart", at(1), 1995),
		seen("shopx", at(0), 500),
		seen("bigmart", at(1), 1995),
		seen("bigmart", at(1), 1996),
	}, clock)
	assert.Equal(t, []string{"changed", "created", "unchanged", "created", "duplicate", "conflict"}, outcomes(results))
	assert.True(t, results[0].Current)
	assert.False(t, results[1].Current)
	assert.Equal(t, []string{"/price"}, results[5].Differs)

	offer, ok := tb.board(t).Find(key("bigmart"))
	require.True(t, ok)
	assert.Equal(t, at(2), offer.Current.ObservedAt)
	assert.Equal(t, at(2), offer.RunStart)
	assert.Equal(t, at(0), offer.FirstSeen)
	assert.Equal(t, usd(1995), offer.Previous.Price)

	t.Run("nothing new is not written", func(t *testing.T) {
		before := tb.packed
		assert.Equal(t, []string{"duplicate"}, outcomes(tb.put(t, []board.Incoming{seen("bigmart", at(0), 1995)}, clock)))
		assert.Equal(t, before, tb.packed)
	})
}

func TestApply_LateObservationsRepairTheRun(t *testing.T) {
	base := []board.Incoming{seen("bigmart", at(10), 100), seen("bigmart", at(20), 200), seen("bigmart", at(30), 200)}
	tests := map[string]struct {
		late         board.Incoming
		wantRun      price.Timestamp
		wantPrevious price.Money
		wantFirst    price.Timestamp
	}{
		"before everything":                     {seen("bigmart", at(5), 50), at(20), usd(100), at(5)},
		"between, with the run's terms":         {seen("bigmart", at(15), 200), at(15), usd(100), at(10)},
		"between, with other terms":             {seen("bigmart", at(15), 150), at(20), usd(150), at(10)},
		"inside the run, same terms":            {seen("bigmart", at(25), 200), at(20), usd(100), at(10)},
		"inside the run, other terms splits it": {seen("bigmart", at(25), 250), at(30), usd(250), at(10)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tb := newTable()
			tb.put(t, base, clock)
			assert.Equal(t, []string{"late"}, outcomes(tb.put(t, []board.Incoming{tt.late}, clock)))
			o, _ := tb.board(t).Find(key("bigmart"))
			assert.Equal(t, tt.wantRun, o.RunStart)
			assert.Equal(t, tt.wantPrevious, o.Previous.Price)
			assert.Equal(t, tt.wantFirst, o.FirstSeen)
		})
	}
}

func TestApply_OffersNotSeenForTheRetentionLeave(t *testing.T) {
	tb := newTable()
	tb.put(t, []board.Incoming{seen("bigmart", at(0), 100), seen("shopx", at(0), 100)}, clock)
	later := board.Clock{Now: at(1).Add(clock.Retention), Retention: clock.Retention}
	assert.Empty(t, tb.board(t).Live(later.Now, later.Retention), "reads leave it out")

	now := later.Now
	assert.Equal(t, []string{"created"}, outcomes(tb.put(t, []board.Incoming{seen("bigmart", now, 200)}, later)), "it starts afresh")
	b := tb.board(t)
	assert.Len(t, b.Offers, 1, "the next write drops what left")
	o, _ := b.Find(key("bigmart"))
	assert.Equal(t, now, o.FirstSeen)
	assert.False(t, o.Previous.Price.Present())
}

func TestWroteBy(t *testing.T) {
	b := board.New(product)
	for v := range 12 {
		change, need := board.Apply(b, []board.Incoming{seen("bigmart", at(v), int64(v))}, clock, board.Mark{byte(v + 1)}, nil)
		require.Empty(t, need)
		b = change.Next
	}
	assert.Equal(t, int64(12), b.Version)
	assert.True(t, b.WroteBy(12, board.Mark{12}))
	assert.True(t, b.WroteBy(5, board.Mark{5}))
	assert.False(t, b.WroteBy(5, board.Mark{6}))
	assert.False(t, b.WroteBy(4, board.Mark{12}), "only the last eight versions are known")
	assert.False(t, b.WroteBy(13, board.Mark{13}), "not written yet")
}

// oracle is a product's offers and history computed the slow way, straight from the rules: all observations of an
// offer, first content of each identity, sorted.
type oracle map[price.OfferKey][]board.Entry

func (o oracle) add(in board.Incoming) {
	for _, e := range o[in.Key] {
		if e.ObservedAt == in.Entry.ObservedAt && e.Source.ID == in.Entry.Source.ID {
			return
		}
	}
	o[in.Key] = append(o[in.Key], in.Entry)
}

func (o oracle) offer(k price.OfferKey) board.Offer {
	entries := slices.Clone(o[k])
	slices.SortFunc(entries, func(a, b board.Entry) int { return board.Compare(k, a, b) })
	current := entries[len(entries)-1]
	out := board.Offer{Key: k, Current: current, FirstSeen: entries[0].ObservedAt, RunStart: current.ObservedAt, Previous: board.Previous{At: price.NoTime}}
	for i := len(entries) - 2; i >= 0; i-- {
		if entries[i].Terms != current.Terms {
			out.Previous = board.Previous{At: entries[i].ObservedAt, Price: entries[i].Terms.Price}
			break
		}
		out.RunStart = entries[i].ObservedAt
	}
	return out
}

// incoming draws one observation out of few values, so that ties, repeats and equal terms are common.
func incoming(t *rapid.T, spread int) board.Incoming {
	in := seen(rapid.SampledFrom([]string{"bigmart", "shopx", "kyoto"}).Draw(t, "competitor"), 0, int64(rapid.IntRange(1, 3).Draw(t, "price")))
	in.Entry.ObservedAt = start.Add(time.Duration(rapid.IntRange(0, spread).Draw(t, "hours")) * 7 * time.Hour)
	in.Entry.Source.ID = rapid.SampledFrom([]string{"crawler-a", "feed-b", "vendor-c"}).Draw(t, "source")
	// One identity has one content here: what differs is derived from it. Conflicts depend on order and are tested apart.
	in.Entry.Source.Confidence = price.Confidence(len(in.Entry.Source.ID) % 2 * 5000)
	in.Entry.Terms.Price = usd(int64(uint64(in.Entry.ObservedAt)/7_000%3) + int64(len(in.Entry.Source.ID)%2))
	in.Entry.ReceivedAt = in.Entry.ObservedAt + price.Timestamp(rapid.IntRange(0, 100_000).Draw(t, "lag"))
	return in
}

func TestApply_OrderSplitAndRepetitionDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spread := rapid.SampledFrom([]int{5, 40, 300}).Draw(t, "spread")
		set := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) board.Incoming { return incoming(t, spread) }), 1, 120).Draw(t, "set")
		want := oracle{}
		for _, in := range set {
			want.add(in)
		}
		tb := newTable()
		order := rapid.Permutation(append(slices.Clone(set), set[:len(set)/3]...)).Draw(t, "order")
		for len(order) > 0 {
			n := rapid.IntRange(1, min(len(order), 15)).Draw(t, "request")
			tb.put(t, order[:n], clock)
			order = order[n:]
		}
		got := tb.board(t)
		require.Len(t, got.Offers, len(want))
		total := 0
		for _, k := range slices.Collect(maps.Keys(want)) {
			o, ok := got.Find(k)
			require.True(t, ok)
			o.Tail = nil
			wantOffer := want.offer(k)
			o.Current.ReceivedAt, wantOffer.Current.ReceivedAt = 0, 0
			require.Equal(t, wantOffer, o)
			total += len(want[k])
		}
		rows := tb.rows(t)
		require.Len(t, rows, total, "nothing lost, nothing doubled")
		for _, row := range rows {
			require.True(t, slices.ContainsFunc(want[row.Key], func(e board.Entry) bool {
				e.ReceivedAt = row.Entry.ReceivedAt
				return e == row.Entry
			}), "no phantom")
		}
	})
}

func TestFlush_EveryWriterOfAVersionWritesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := newTable()
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			tb.put(t, []board.Incoming{incoming(t, 300)}, clock)
		}
		b := tb.board(t)
		var histories [2]board.History
		for i := range histories {
			for _, m := range []board.Month{"2026-07", "2026-08", "2026-09", "2026-10"} {
				histories[i].Add(m, tb.month(t, m)...)
			}
		}
		one, need := board.Apply(b, []board.Incoming{seen("bigmart", at(1), 7)}, clock, board.Mark{1}, &histories[0])
		require.Empty(t, need)
		other := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) board.Incoming { return incoming(t, 300) }), 1, 40).Draw(t, "other")
		two, need := board.Apply(b, other, clock, board.Mark{2}, &histories[1])
		require.Empty(t, need)
		if one.Write && two.Write {
			require.Equal(t, one.Segments, two.Segments)
		}
	})
}

func TestFlush_BoardStaysWithinAKilobyte(t *testing.T) {
	tb := newTable()
	for i := range 500 {
		in := seen([]string{"bigmart", "shopx", "kyoto", "dealz"}[i%4], at(i*17), 1995)
		tb.put(t, []board.Incoming{in}, clock)
		require.LessOrEqual(t, tb.board(t).Size(), 1024)
	}
	assert.GreaterOrEqual(t, tb.flushes, 2)
	assert.Len(t, tb.rows(t), 500)
}

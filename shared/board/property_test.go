package board_test

import (
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/testkit/boardtest"
)

// askedForHistory is a case in which the board alone could not decide.
const askedForHistory boardtest.Event = "segments had to be looked into"

// table is a product's items as a store keeps them, in memory: packed boards by shard, segments by key, the number of
// shards and those before. It is no fake of DynamoDB; it lets the pure package be run through every order without one.
type table struct {
	boards   map[board.Shard]board.Packed
	shards   int
	past     []int
	segments map[segmentKey][]byte
	flushes  map[board.Shard]int
	versions map[board.Shard]int64 // greatest ever of each key
	asked    bool                  // history was asked for
}

type segmentKey struct {
	month   board.Month
	shard   board.Shard
	version int64
}

func newTable() *table {
	return &table{
		boards: map[board.Shard]board.Packed{}, segments: map[segmentKey][]byte{},
		flushes: map[board.Shard]int{}, versions: map[board.Shard]int64{},
	}
}

// board returns the only board of a product that was never split.
func (tb *table) board(t require.TestingT) board.Board { return tb.shard(t, board.Shard{}) }

func (tb *table) shard(t require.TestingT, s board.Shard) board.Board {
	p, ok := tb.boards[s]
	if !ok {
		require.Zero(t, s.N, "only a split creates a shard")
		return board.New(product)
	}
	b, err := board.Unpack(product, s, p)
	require.NoError(t, err)
	return b
}

// all returns the product's boards in the order of their shards.
func (tb *table) all(t require.TestingT) []board.Board {
	boards := []board.Board{}
	for i := range max(tb.shards, 1) {
		boards = append(boards, tb.shard(t, board.Shard{N: tb.shards, I: i % max(tb.shards, 1)}))
	}
	return boards
}

// store keeps a board; its version must be new to its key.
func (tb *table) store(t require.TestingT, b board.Board) {
	require.Greater(t, b.Version, tb.versions[b.Shard], "a version only grows")
	tb.versions[b.Shard] = b.Version
	tb.boards[b.Shard] = b.Pack()
	requireSame(t, b, tb.shard(t, b.Shard))
}

// requireSame compares a board with its decoded form. Empty slices are as good as none.
func requireSame(t require.TestingT, want, got board.Board) {
	require.Len(t, got.Offers, len(want.Offers), "decode(encode(x)) = x")
	for i := range want.Offers {
		w, g := want.Offers[i], got.Offers[i]
		require.True(t, slices.Equal(w.Tail, g.Tail), "decode(encode(x)) = x: want tail %+v, got %+v", w.Tail, g.Tail)
		w.Tail = nil
		g.Tail = nil
		require.Equal(t, w, g, "decode(encode(x)) = x")
	}
	want.Offers = nil
	got.Offers = nil
	require.Equal(t, want, got, "decode(encode(x)) = x")
}

// month returns the segments of a month that were flushed from any of the shards.
func (tb *table) month(t require.TestingT, m board.Month, shards ...board.Shard) [][]board.SegmentOffer {
	var found [][]board.SegmentOffer
	for k, h := range tb.segments {
		if k.month == m && slices.Contains(shards, k.shard) {
			offers, err := board.UnpackSegment(product, h)
			require.NoError(t, err)
			found = append(found, offers)
		}
	}
	return found
}

// lineage returns a shard and those its offers were in before.
func (tb *table) lineage(s board.Shard) []board.Shard {
	shards := []board.Shard{{}}
	for _, n := range tb.past {
		shards = append(shards, s.Ancestor(n))
	}
	return append(shards, s)
}

// put applies one request and stores what it changed, as a store does: share by share, and split first where that is due,
// once a request.
func (tb *table) put(t require.TestingT, in []board.Incoming, clock price.Clock) []board.Result {
	results := make([]board.Result, len(in))
	items := make([]int, len(in))
	for i := range in {
		items[i] = i
	}
	tb.share(t, in, items, clock, results, false)
	return results
}

func (tb *table) share(t require.TestingT, in []board.Incoming, items []int, clock price.Clock, results []board.Result, split bool) {
	byShard := make([][]int, max(tb.shards, 1))
	for _, i := range items {
		s := board.ShardOf(in[i].Key, tb.shards)
		byShard[s.I] = append(byShard[s.I], i)
	}
	for i, items := range byShard {
		if len(items) == 0 {
			continue
		}
		b := tb.shard(t, board.Shard{N: tb.shards, I: i})
		n := b.SplitDue()
		if n == 0 || split {
			tb.write(t, b, in, items, clock, results)
			continue
		}
		if b.Shard.N == tb.shards && (tb.shards == 0 || n == 2*tb.shards) {
			tb.split(t, n)
		}
		rest := slices.Concat(byShard[i:]...) // the product is another now
		tb.share(t, in, rest, clock, results, true)
		return
	}
}

func (tb *table) split(t require.TestingT, n int) {
	old := tb.all(t)
	shards := board.Split(old, n)
	again := board.Split(tb.all(t), n)
	require.Len(t, shards, n)
	if tb.shards > 0 {
		tb.past = append(tb.past, tb.shards)
	}
	tb.shards = n
	for i, b := range shards {
		require.Equal(t, b.Pack(), again[i].Pack(), "every writer splits equal boards into equal shards")
		require.Greater(t, b.Version, old[i%len(old)].Version)
		tb.store(t, b)
	}
	for _, b := range old {
		delete(tb.boards, b.Shard)
	}
}

func (tb *table) write(t require.TestingT, b board.Board, in []board.Incoming, items []int, clock price.Clock, results []board.Result) {
	var mine []board.Incoming
	for _, i := range items {
		mine = append(mine, in[i])
	}
	change := tb.apply(t, b, mine, clock, board.Mark{1, byte(b.Version)})
	for n, i := range items {
		results[i] = change.Results[n]
	}
	if !change.Write {
		return
	}
	require.Equal(t, b.Version+1, change.Next.Version)
	if len(change.Segments) > 0 {
		tb.flushes[b.Shard]++
		rival := tb.apply(t, b, []board.Incoming{rivals(b, clock)}, clock, board.Mark{2})
		require.Equal(t, change.Segments, rival.Segments, "every writer of a version flushes the same bytes")
	}
	if len(change.Segments) > 0 {
		before := tb.rows(t)
		for _, s := range change.Segments {
			requireTrue(t, s)
			k := segmentKey{s.Month, s.Shard, s.Version}
			require.NotContains(t, tb.segments, k, "a segment is never written again with other content")
			tb.segments[k] = s.H
		}
		require.Equal(t, before, tb.rows(t), "what stands in tail and segment, before the board is written, counts once")
	}
	tb.store(t, change.Next)
}

// requireTrue compares what a segment says of its observations with them.
func requireTrue(t require.TestingT, s board.Segment) {
	offers, err := board.UnpackSegment(product, s.H)
	require.NoError(t, err)
	n, low, high := 0, price.Timestamp(maxTime), price.Timestamp(minTime)
	for _, o := range offers {
		for _, e := range o.Observations {
			n++
			low = min(low, e.ObservedAt)
			high = max(high, e.ObservedAt)
		}
	}
	require.Equal(t, []any{n, low, high}, []any{s.N, s.Low, s.High}, "segment of %s", s.Month)
	require.Equal(t, []board.Month{s.Month, s.Month}, []board.Month{board.MonthOf(low), board.MonthOf(high)})
}

// rivals is what another writer wants to store in the same version of a board.
func rivals(b board.Board, clock price.Clock) board.Incoming {
	in := seen("rival", clock.Now, 12345)
	if len(b.Offers) > 0 {
		in.Key = b.Offers[0].Key
	}
	in.Observation.Source.ID = "rival"
	return in
}

func (tb *table) apply(t require.TestingT, b board.Board, in []board.Incoming, clock price.Clock, mark board.Mark) board.Change {
	var history board.History
	for range 100 {
		change, need := board.Apply(b, in, clock, mark, &history)
		if len(need) == 0 {
			return change
		}
		tb.asked = true
		for _, m := range need {
			history.Add(m, tb.month(t, m, tb.lineage(b.Shard)...)...)
		}
	}
	require.Fail(t, "Apply keeps asking for months")
	return board.Change{}
}

// rows returns the whole history.
func (tb *table) rows(t require.TestingT) []board.Row { return tb.rowsFrom(t, price.NoTime) }

func (tb *table) rowsFrom(t require.TestingT, from price.Timestamp) []board.Row {
	var segments [][]board.SegmentOffer
	for _, h := range tb.segments {
		offers, err := board.UnpackSegment(product, h)
		require.NoError(t, err)
		segments = append(segments, offers)
	}
	return board.Rows(tb.all(t), segments, from, 1<<62)
}

// send gives a case's requests to a new table. begin is called before each phase, each after each request.
func send(
	t require.TestingT, c boardtest.Case, begin func(boardtest.Phase), each func(request boardtest.Request, results []board.Result),
) *table {
	tb := newTable()
	for _, phase := range c.Phases {
		begin(phase)
		for _, request := range phase.Requests {
			in := make([]board.Incoming, len(request.Observations))
			for i, o := range request.Observations {
				in[i] = board.Incoming{Key: o.Key, Observation: board.NewObservation(o, request.Client, phase.Now)}
			}
			each(request, tb.put(t, in, price.Clock{Now: phase.Now, Retention: c.Retention}))
		}
	}
	return tb
}

// live returns the offers that are not gone.
func (tb *table) live(t require.TestingT, clock price.Clock) []board.Offer {
	var live []board.Offer
	for _, b := range tb.all(t) {
		live = append(live, b.Live(clock)...)
	}
	return live
}

// quick is a test without Helper, which takes a tenth of the time where thousands of cases require dozens of things each.
type quick struct{ require.TestingT }

// TestProperty holds the fold against the oracle, for every order, split into requests and repetition of what is
// accepted: outcomes, offers and history. On the way it checks that nothing is lost or doubled, that what is encoded
// decodes to the same, that versions only grow and that every writer of one flushes the same bytes.
func TestProperty(t *testing.T) {
	boardtest.Checks(t, 10_000)
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // a case leaves much behind, and nothing for long
	var tally boardtest.Tally
	rapid.Check(t, func(drawing *rapid.T) {
		t := quick{drawing}
		c := boardtest.Draw(drawing)
		ledger := boardtest.NewLedger(c)
		tb := send(t, c, ledger.Begin, func(request boardtest.Request, results []board.Result) {
			for i, want := range ledger.Record(request) {
				got := results[i]
				require.Equal(t, want.Outcome, got.Outcome.String(), "item %d", i)
				require.Equal(t, want.Current, got.Current, "item %d", i)
				key := request.Observations[i].Key
				require.True(t, ledger.Same(want.Stored, key, got.Stored), "item %d: want %+v, got %+v", i, want.Stored, got.Stored)
				require.Equal(t, want.Receipt, boardtest.ReceiptOf(got.Stored), "item %d", i)
				require.Empty(t, ledger.Offer(got.Offer), "item %d", i)
				require.Equal(t, got.Outcome == board.Conflict, len(got.Differs) > 0, "item %d", i)
			}
		})
		clock := price.Clock{Now: c.Phases[len(c.Phases)-1].Now, Retention: c.Retention}
		require.Empty(t, ledger.Differences(tb.live(t, clock), tb.rowsFrom(t, ledger.Oldest())))
		require.Empty(t, ledger.Receipts(tb.rows(t)))

		other := send(t, c.Shuffled(drawing, ledger.Stored), func(boardtest.Phase) {}, func(boardtest.Request, []board.Result) {})
		require.Empty(t, ledger.Differences(other.live(t, clock), other.rowsFrom(t, ledger.Oldest())), "another order, split and repetition")

		months := map[board.Shard]map[board.Month]bool{}
		for k := range tb.segments {
			if months[k.shard] == nil {
				months[k.shard] = map[board.Month]bool{}
			}
			months[k.shard][k.month] = true
			ledger.Flushed(len(months[k.shard]), tb.flushes[k.shard])
		}
		ledger.Splits(len(tb.past) + min(tb.shards, 1))
		ledger.Events[askedForHistory] = tb.asked
		tally.Add(ledger.Events)
	})
	tally.Require(t, askedForHistory)
}

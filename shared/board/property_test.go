package board_test

import (
	"cmp"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/testkit/boardtest"
)

// Cases that need more than the board alone, or in which a writer did not finish.
const (
	askedForHistory boardtest.Event = "segments had to be looked into"
	lostRace        boardtest.Event = "a lost race"
	crashed         boardtest.Event = "a crash between segment or url and board"
)

// lateSpan is the longest time between the oldest and the newest observation of a late segment.
const lateSpan = 31 * 24 * time.Hour

// table is a product's items as a store keeps them, in memory: packed boards by shard, segments and urls by key, the number of
// shards and those before. It is no fake of DynamoDB; it lets the pure package be run through every order without one.
type table struct {
	boards   map[board.Shard]board.Packed
	shards   int
	past     []int
	segments map[segmentKey]segment
	urls     map[board.URLName]string
	removed  map[board.Shard]int64           // the newest version for which urls were removed
	late     map[board.Shard]price.Timestamp // of the shards that were split: their Late
	versions map[board.Shard]int64           // greatest ever of each key
	dropped  map[price.OfferKey]board.Offer  // as they last were
	strays   map[board.URLName]bool          // names that no board may have: of dropped offers, and of writers that did not finish

	faults  *rand.Rand // draws what befalls writers; nil: nothing does
	sent    []string   // the urls that writers have sent so far
	flushes map[board.Shard]int
	events  map[boardtest.Event]bool
	asked   int // spans of history
	read    int // segments, for those
}

// segmentKey is what a segment is named by.
type segmentKey struct {
	late    bool
	shard   board.Shard
	version int64
	high    price.Timestamp
}

type segment struct {
	low price.Timestamp
	h   []byte
}

func newTable() *table {
	return &table{
		boards: map[board.Shard]board.Packed{}, segments: map[segmentKey]segment{}, urls: map[board.URLName]string{},
		removed: map[board.Shard]int64{}, late: map[board.Shard]price.Timestamp{},
		versions: map[board.Shard]int64{}, dropped: map[price.OfferKey]board.Offer{}, strays: map[board.URLName]bool{},
		flushes: map[board.Shard]int{}, events: map[boardtest.Event]bool{},
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
func (tb *table) store(t require.TestingT, b board.Board, p board.Packed) {
	require.Greater(t, b.Version, tb.versions[b.Shard], "a version only grows")
	tb.versions[b.Shard] = b.Version
	tb.boards[b.Shard] = p
	stored := tb.shard(t, b.Shard)
	requireSame(t, b, stored)
	require.Equal(t, []any{b.Size(), b.FlushDue(), b.SplitDue()}, []any{stored.Size(), stored.FlushDue(), stored.SplitDue()})
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
	require.Equal(t, board.Sizeless(want), board.Sizeless(got), "decode(encode(x)) = x")
}

// lineage returns a shard and those its offers were in before.
func (tb *table) lineage(s board.Shard) []board.Shard {
	shards := []board.Shard{{}}
	for _, n := range tb.past {
		shards = append(shards, s.Ancestor(n))
	}
	if s.N > 0 {
		shards = append(shards, s)
	}
	return shards
}

// reach returns what Reach finds for a span of a board's history, and no more.
func (tb *table) reach(t require.TestingT, b board.Board, s board.Span) [][]board.SegmentOffer {
	var found [][]board.SegmentOffer
	for _, shard := range tb.lineage(b.Shard) {
		newestLate := tb.late[shard]
		if shard == b.Shard {
			newestLate = b.Late
		}
		for _, late := range []bool{true, false} {
			if late && s.From > newestLate {
				continue
			}
			in := board.Reach(s, late)
			for _, k := range tb.keys(shard, late) {
				if k.high < in.From || k.high > in.To {
					continue
				}
				found = append(found, tb.unpack(t, k))
				if !late && k.high >= s.To {
					break
				}
			}
		}
	}
	return found
}

// keys returns those of a shard's segments by their newest observation.
func (tb *table) keys(shard board.Shard, late bool) []segmentKey {
	var keys []segmentKey
	for k := range tb.segments {
		if k.shard == shard && k.late == late {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b segmentKey) int {
		return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.version, b.version))
	})
	return keys
}

func (tb *table) unpack(t require.TestingT, k segmentKey) []board.SegmentOffer {
	offers, err := board.UnpackSegment(product, tb.segments[k].h)
	require.NoError(t, err)
	return offers
}

// put applies one request and stores what it changed, as a store does: share by share, and split first where that is due,
// once a request.
func (tb *table) put(t require.TestingT, in []board.Incoming, clock price.Clock) []board.Result {
	results := make([]board.Result, len(in))
	items := make([]int, len(in))
	for i := range in {
		items[i] = i
		tb.sent = append(tb.sent, in[i].URL)
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
		again := false
		if n == 0 || split {
			if again = !tb.write(t, b, in, items, clock, results); !again {
				continue
			}
		} else if b.Shard.N == tb.shards && (tb.shards == 0 || n == 2*tb.shards) {
			tb.split(t, n)
		}
		rest := slices.Concat(byShard[i:]...) // the product may be another now
		tb.share(t, in, rest, clock, results, !again)
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
		tb.store(t, b, b.Pack())
	}
	for _, b := range old {
		tb.late[b.Shard] = b.Late
		delete(tb.boards, b.Shard)
	}
}

// What befalls a writer. A rival is another writer of the version, which puts what it has beside the board and then loses.
const (
	rivalBefore  = iota // it puts anything beside the board
	rivalBetween        // that and the board
	rivalAfter          // the board
	crash               // it ends between the two, and the request is made again
	noFault
)

// write applies a part of a request to a board and stores what it changed. It reports whether the writer lived to do so.
func (tb *table) write(
	t require.TestingT, b board.Board, in []board.Incoming, items []int, clock price.Clock, results []board.Result,
) bool {
	var mine []board.Incoming
	for _, i := range items {
		mine = append(mine, in[i])
	}
	change := tb.apply(t, b, mine, clock, board.Mark{1, byte(b.Version)})
	for n, i := range items {
		results[i] = change.Results[n]
	}
	if !change.Write {
		require.Equal(t, board.Change{Results: change.Results, Next: b}, change, "nothing new, nothing to store")
		return true
	}
	require.Equal(t, b.Version+1, change.Next.Version)
	created := 0
	for _, r := range change.Results {
		if r.Outcome == board.Created {
			created++
		}
	}
	require.Equal(t, created, change.Created)

	befalls := noFault
	if tb.faults != nil {
		befalls = tb.faults.IntN(2 * noFault)
	}
	var rival board.Change
	if len(change.Segments) > 0 || befalls < crash {
		rival = tb.apply(t, b, []board.Incoming{tb.rivals(b, clock)}, clock, board.Mark{2})
		require.Equal(t, change.Segments, rival.Segments, "every writer of a version flushes the same bytes")
	}
	prepareRival := func(when int) {
		if befalls == when {
			tb.events[lostRace] = true
			tb.lose(rival)
			tb.prepare(t, b, rival)
		}
	}
	prepareRival(rivalBefore)
	tb.prepare(t, b, change)
	if befalls == crash {
		tb.events[crashed] = true
		tb.lose(change)
		return false
	}
	prepareRival(rivalBetween)
	if len(change.Segments) > 0 {
		tb.flushes[b.Shard]++
	}
	live := b.Live(clock)
	for _, o := range b.Offers {
		if !slices.ContainsFunc(live, func(l board.Offer) bool { return l.Key == o.Key }) {
			tb.dropped[o.Key] = o
			tb.strays[o.URL.Name] = true
			tb.strays[o.URL.Before] = true
		}
	}
	require.Equal(t, change.Next.Pack(), change.Packed, "it is packed once")
	tb.store(t, change.Next, change.Packed)
	tb.requireURLs(t, change.Next)
	prepareRival(rivalAfter)
	tb.requireURLs(t, change.Next)
	return true
}

// rivals is what another writer wants to store in the same version of a board.
func (tb *table) rivals(b board.Board, clock price.Clock) board.Incoming {
	in := seen("rival", clock.Now, 12345)
	if len(b.Offers) > 0 {
		in.Key = b.Offers[tb.draw(len(b.Offers))].Key
	}
	in.Observation.Source.ID = "rival"
	if len(tb.sent) > 0 {
		in.URL = tb.sent[tb.draw(len(tb.sent))]
	}
	return in
}

func (tb *table) draw(n int) int {
	if tb.faults == nil {
		return 0
	}
	return tb.faults.IntN(n)
}

// prepare puts what a change of a board has beside the board. Only the first writer of a version, and none of a version before,
// removes urls: another may want again what it removes.
func (tb *table) prepare(t require.TestingT, b board.Board, change board.Change) {
	for _, c := range change.URLs {
		require.NotZero(t, c.Add)
		if there, ok := tb.urls[c.Add]; ok {
			require.Equal(t, there, c.URL, "an entry is never replaced")
		}
		tb.urls[c.Add] = c.URL
		if change.Next.Version > tb.removed[b.Shard] {
			delete(tb.urls, c.Remove)
		} else {
			tb.strays[c.Remove] = true
		}
	}
	if len(change.URLs) > 0 {
		tb.removed[b.Shard] = max(tb.removed[b.Shard], change.Next.Version)
	}
	tb.requireURLs(t, b)
	if len(change.Segments) == 0 {
		return
	}
	before := tb.rows(t)
	for _, s := range change.Segments {
		requireTrue(t, b, s)
		k := segmentKey{s.Late, s.Shard, s.Version, s.High}
		if there, ok := tb.segments[k]; ok {
			require.Equal(t, there.h, s.H, "a segment is never written again with other content")
		}
		tb.segments[k] = segment{s.Low, s.H}
	}
	require.Equal(t, before, tb.rows(t), "what stands in tail and segment, before the board is written, counts once")
}

// lose notes that a writer will not write its board.
func (tb *table) lose(change board.Change) {
	for _, c := range change.URLs {
		tb.strays[c.Add] = true
	}
}

// requireURLs looks up the url of each offer of a board that is stored.
func (tb *table) requireURLs(t require.TestingT, b board.Board) {
	for _, o := range b.Offers {
		if o.URL.Name != (board.URLName{}) {
			require.Equal(t, o.URL.Name, board.NameURL(o.Key, tb.urls[o.URL.Name]), "%v, version %d", o.Key, b.Version)
		}
	}
}

// requireBounded requires of each url that an offer has it, or had it before its current one; or that it is a stray.
func (tb *table) requireBounded(t require.TestingT) {
	named := map[board.URLName]bool{}
	for _, b := range tb.all(t) {
		for _, o := range b.Offers {
			named[o.URL.Name] = true
			named[o.URL.Before] = true
		}
	}
	for name, url := range tb.urls {
		require.True(t, named[name] || tb.strays[name], "%x, %s", name, url)
	}
}

// requireTrue compares what a segment that was flushed from a board says of its observations with them.
func requireTrue(t require.TestingT, b board.Board, s board.Segment) {
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
	require.Equal(t, []any{n, low, high, b.Shard, b.Version}, []any{s.N, s.Low, s.High, s.Shard, s.Version})
	if s.Late {
		require.LessOrEqual(t, high, low.Add(lateSpan))
	} else {
		require.Greater(t, low, b.Flushed)
	}
}

// requireApart requires that no two segments of a shard overlap in time, but for late ones; nor, unless a writer ended between
// segment and board, those of its lineage: what it had flushed, the shards after a split flush once more.
func (tb *table) requireApart(t require.TestingT) {
	for _, b := range tb.all(t) {
		last := price.NoTime
		for _, shard := range tb.lineage(b.Shard) {
			if tb.events[crashed] || tb.events[lostRace] {
				last = price.NoTime
			}
			for _, k := range tb.keys(shard, false) {
				require.Greater(t, tb.segments[k].low, last, "segments of %s overlap", b.Shard)
				last = k.high
			}
		}
	}
}

func (tb *table) apply(t require.TestingT, b board.Board, in []board.Incoming, clock price.Clock, mark board.Mark) board.Change {
	var history board.History
	for range 100 {
		change, need := board.Apply(b, in, board.Request{Clock: clock, Mark: mark, Room: board.MaxOffers}, &history)
		if len(need) == 0 {
			return change
		}
		tb.events[askedForHistory] = true
		for _, s := range need {
			found := tb.reach(t, b, s)
			tb.asked++
			tb.read += len(found)
			history.Add(s, found...)
		}
	}
	require.Fail(t, "Apply keeps asking for history")
	return board.Change{}
}

// rows returns the whole history.
func (tb *table) rows(t require.TestingT) []board.Row { return tb.rowsFrom(t, board.Always.From) }

func (tb *table) rowsFrom(t require.TestingT, from price.Timestamp) []board.Row {
	var segments [][]board.SegmentOffer
	for k := range tb.segments {
		segments = append(segments, tb.unpack(t, k))
	}
	return board.Rows(tb.all(t), segments, board.Span{From: from, To: board.Always.To})
}

// requireRefolded requires that all observations since an offer's board last dropped it make the offer that is there.
func (tb *table) requireRefolded(t require.TestingT) {
	rows := slices.DeleteFunc(tb.rows(t), func(r board.Row) bool {
		life, was := tb.dropped[r.Key]
		return was && r.Observation.ObservedAt <= life.Current.ObservedAt
	})
	rand.New(rand.NewPCG(uint64(len(rows)), 0)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	var want []board.Offer
	for _, b := range tb.all(t) {
		for _, o := range b.Offers {
			o.Tail = nil
			o.URL = board.URL{}
			want = append(want, o)
		}
	}
	slices.SortFunc(want, func(a, b board.Offer) int { return cmp.Compare(board.KeyText(a.Key), board.KeyText(b.Key)) })
	require.Equal(t, want, board.Refold(append(rows, rows...)))
}

// send gives a case's requests to a new table, on which the faults happen. begin is called before each phase, each after each
// request.
func send(
	t require.TestingT, c boardtest.Case, faults *rand.Rand, begin func(boardtest.Phase),
	each func(request boardtest.Request, results []board.Result),
) *table {
	tb := newTable()
	tb.faults = faults
	for _, phase := range c.Phases {
		begin(phase)
		for _, request := range phase.Requests {
			each(request, tb.put(t, incoming(request, phase.Now), price.Clock{Now: phase.Now, Retention: c.Retention}))
		}
	}
	return tb
}

func incoming(request boardtest.Request, now price.Timestamp) []board.Incoming {
	in := make([]board.Incoming, len(request.Observations))
	for i, o := range request.Observations {
		in[i] = board.Incoming{Key: o.Key, Observation: board.NewObservation(o, request.Client, now), URL: o.URL}
	}
	return in
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

func drawFaults(t *rapid.T) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "faults"), 0))
}

// TestProperty holds the fold against the oracle, for every order, split into requests and repetition of what is
// accepted: outcomes, offers, their urls and history. On the way it checks that nothing is lost or doubled, that what is
// encoded decodes to the same, that versions only grow, that every writer of one flushes the same bytes, that segments lie in
// time as Reach needs it, and that no lost race and no crash takes a url away.
func TestProperty(t *testing.T) {
	boardtest.Checks(t, 10_000)
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // a case leaves much behind, and nothing for long
	var tally boardtest.Tally
	rapid.Check(t, func(drawing *rapid.T) {
		t := quick{drawing}
		c := boardtest.Draw(drawing)
		ledger := boardtest.NewLedger(c)
		tb := send(t, c, drawFaults(drawing), ledger.Begin, func(request boardtest.Request, results []board.Result) {
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

		other := send(t, c.Shuffled(drawing, ledger.Accepted), drawFaults(drawing),
			func(boardtest.Phase) {}, func(boardtest.Request, []board.Result) {})
		require.Empty(t, ledger.Differences(other.live(t, clock), other.rowsFrom(t, ledger.Oldest())), "another order, split and repetition")

		for _, tb := range []*table{tb, other} {
			tb.requireApart(t)
			tb.requireBounded(t)
			tb.requireRefolded(t)
		}
		for k := range tb.segments {
			ledger.Flushed(tb.flushes[k.shard], k.late)
		}
		ledger.Splits(len(tb.past) + min(tb.shards, 1))
		for e := range tb.events {
			ledger.Events[e] = true
		}
		tally.Add(ledger.Events)
	})
	tally.Require(t, askedForHistory, lostRace, crashed)
}

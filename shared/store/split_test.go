package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// sellers returns one observation of each of n sellers whose long names fill a board soon.
func sellers(n, minute int) []price.Submission {
	in := make([]price.Submission, n)
	for i := range in {
		in[i] = seen("P2", "bigmart", at(minute), int64(1000*minute+i))
		in[i].Observation.Key.SellerID = fmt.Sprintf("%0100d", i)
		in[i].Observation.URL = ""
	}
	return in
}

// flushWhole writes so much of P2 that its board, which is not split, is flushed.
func flushWhole(t *testing.T, s *store.Store) {
	t.Helper()
	register(t, s, "bigmart")
	for minute := range 40 {
		record(t, s, at(100), sellers(10, 10+minute)...)
	}
}

// A product's shards all ask for what was flushed before it was split.
func TestStore_Record_LateDataOfASplitProductReadsThePastOnce(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	flushWhole(t, s)
	require.NotEmpty(t, items(t, client, table, "p#P2", "seg#1#202607"), "the whole board was flushed")
	record(t, s, at(100), sellers(40, 60)...)
	record(t, s, at(100), sellers(40, 61)...)
	shards := len(items(t, client, table, "p#P2", "board#"))
	require.GreaterOrEqual(t, shards, 4)

	ctx, m := meter.With(t.Context())
	verdicts, err := s.Record(ctx, sellers(40, 1), at(100), false)
	require.NoError(t, err)
	for _, v := range verdicts {
		require.Equal(t, "late", v.Outcome())
	}
	const boards = 2  // the directory, then the shards
	const past = 1    // what the whole board flushed
	const ofShard = 2 // what the shard flushed, and its write
	assert.LessOrEqual(t, m.Counts().Calls, boards+past+shards*ofShard)
	assert.Len(t, history(t, s, "P2"), 10*40+3*40)
}

// TestStore_Record_AFailedLookUpIsNotKept: the shards of a product share what was flushed before it was split. One that could not
// read it takes no other along.
func TestStore_Record_AFailedLookUpIsNotKept(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	quick := storetestStore(client, table)
	flushWhole(t, quick)
	record(t, quick, at(100), sellers(40, 60)...)
	record(t, quick, at(100), sellers(40, 61)...)
	var looks atomic.Int32
	proxy := storetest.Proxy(t, func(c storetest.Call) storetest.Action {
		if c.Operation == "Query" && looks.Add(1) == 2 { // the first is about competitors
			return storetest.Deny // which nobody tries again
		}
		return storetest.Pass
	})
	s := store.New(storetest.Client(proxy), store.Options{Table: table, Retention: storetest.Retention, Width: 1})
	_, err := s.Competitors(t.Context())
	require.NoError(t, err)
	verdicts, err := s.Record(t.Context(), sellers(40, 1), at(100), false)
	require.NoError(t, err)
	counts := map[string]int{}
	for _, v := range verdicts {
		counts[v.Outcome()]++
	}
	assert.Positive(t, counts["failed"])
	assert.Positive(t, counts["late"])
	assert.Equal(t, len(verdicts), counts["failed"]+counts["late"])
}

// TestStore_Record_AFailedCountIsNotKept: the shards of a product share the count of its offers. One that could not count them takes
// no other along.
func TestStore_Record_AFailedCountIsNotKept(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	quick := storetestStore(client, table)
	register(t, quick, "bigmart")
	record(t, quick, at(100), sellers(40, 60)...)
	record(t, quick, at(100), sellers(40, 61)...)
	var queries atomic.Int32
	proxy := storetest.Proxy(t, func(c storetest.Call) storetest.Action {
		if c.Operation == "Query" && queries.Add(1) == 2 { // the first is about competitors
			return storetest.Deny
		}
		return storetest.Pass
	})
	s := store.New(storetest.Client(proxy), store.Options{Table: table, Retention: storetest.Retention, Width: 1})
	_, err := s.Competitors(t.Context())
	require.NoError(t, err)
	verdicts, err := s.Record(t.Context(), sellers(60, 62)[40:], at(100), false)
	require.NoError(t, err)
	counts := map[string]int{}
	for _, v := range verdicts {
		counts[v.Outcome()]++
	}
	assert.Positive(t, counts["failed"])
	assert.Positive(t, counts["created"])
	assert.Equal(t, len(verdicts), counts["failed"]+counts["created"])
}

// TestStore_Record_AProductTakesSoManyOffers: a further one is refused, in a batch like alone. Those that exist stay writable.
func TestStore_Record_AProductTakesSoManyOffers(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	offers := func(from, to, minute int) []price.Submission {
		var in []price.Submission
		for i := from; i < to; i++ {
			sub := seen("P2", "bigmart", at(minute), 100)
			sub.Observation.Key.SellerID = fmt.Sprint(i)
			sub.Observation.URL = ""
			in = append(in, sub)
		}
		return in
	}
	const atOnce = 500
	for from := 0; from < board.MaxOffers; from += atOnce {
		for _, v := range record(t, s, at(100), offers(from, from+atOnce, 1)...) {
			require.NoError(t, v.Err)
		}
	}
	for _, dryRun := range []bool{true, false} {
		verdicts, err := s.Record(t.Context(), append(offers(board.MaxOffers, board.MaxOffers+3, 2), offers(0, 3, 2)...), at(100), dryRun)
		require.NoError(t, err)
		assert.Equal(t, []string{"rejected", "rejected", "rejected", "unchanged", "unchanged", "unchanged"}, outcomes(verdicts))
		assert.Equal(t, fault.CodeTooManyOffers, fault.Of(verdicts[0].Err).Code)
	}
	verdicts := record(t, s, at(100), offers(board.MaxOffers, board.MaxOffers+1, 3)...)
	assert.Equal(t, []string{"rejected"}, outcomes(verdicts))
}

// TestStore_Record_ASplitKeepsHowFarItWasFlushed: directory and moved shards say it still, so that nobody looks for more.
func TestStore_Record_ASplitKeepsHowFarItWasFlushed(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	flushed := map[board.Shard]store.Flushed{} // of each shard, when it was last seen; it may be flushed once more before a split
	moved := 0
	const rounds = 60
	for round := range rounds {
		record(t, s, at(100), sellers(8+round, 10+round)...)
		for _, it := range items(t, client, table, "p#P2", "board") {
			decoded, err := store.Decode(it)
			require.NoError(t, err)
			bi, ok := decoded.(store.BoardItem)
			switch {
			case !ok: // urls
			case bi.Board != nil:
				flushed[bi.Shard] = store.Flushed{Newest: bi.Board.Flushed, Late: bi.Board.Late}
			default:
				// In one request a shard may be flushed and then be split by another one's share.
				require.GreaterOrEqual(t, bi.Directory.Flushed.Newest, flushed[bi.Shard].Newest, bi.Shard)
				require.GreaterOrEqual(t, bi.Directory.Flushed.Late, flushed[bi.Shard].Late, bi.Shard)
				if bi.Directory.Flushed.Newest >= at(10) && bi.Shard.N > 0 {
					moved++
				}
			}
		}
	}
	assert.Positive(t, moved)
}

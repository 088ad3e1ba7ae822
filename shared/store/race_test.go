package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// Each race here stops one writer at a call of its own, chosen by the proxy, and lets others go on from there. So the
// order of events is given and no test depends on time.

// race is one product under two writers: slow, whose calls pass a proxy, and quick.
type race struct {
	t           *testing.T
	client      *dynamodb.Client
	table       string
	slow, quick *store.Store
	sent        []price.Submission
	twice       bool                                    // observations may be stored twice, see settled
	at          func(c storetest.Call) storetest.Action // what befalls the slow writer
}

const racers = "P2" // the product, as in sellers

func newRace(t *testing.T) *race {
	t.Helper()
	r := &race{t: t}
	r.client, r.table = storetest.Table(t)
	r.quick = storetestStore(r.client, r.table)
	register(t, r.quick, "bigmart")
	r.slow = storetestStore(storetest.Client(storetest.Proxy(t, func(c storetest.Call) storetest.Action {
		if r.at == nil {
			return storetest.Pass
		}
		return r.at(c)
	})), r.table)
	_, err := r.slow.Competitors(t.Context()) // so that no call of a writer is about them
	require.NoError(t, err)
	return r
}

// when sets what befalls the next call of the operation on the kind of item: first, and once.
func (r *race) when(operation, item string, do func() storetest.Action) (happened func() bool) {
	done := false
	r.at = func(c storetest.Call) storetest.Action {
		if done || c.Operation != operation || c.Item != item {
			return storetest.Pass
		}
		done = true
		return do()
	}
	return func() bool { return done }
}

// observed is one observation of a seller at a minute.
func observed(seller, minute int) []price.Submission { return sellers(seller+1, minute)[seller:] }

// write sends observations through a store; their outcomes come back.
func (r *race) write(s *store.Store, in ...price.Submission) []string {
	r.t.Helper()
	r.sent = append(r.sent, in...)
	return outcomes(record(r.t, s, at(5000), in...))
}

// fill writes rounds of observations of n sellers.
func (r *race) fill(n int, minutes ...int) {
	r.t.Helper()
	for _, minute := range minutes {
		r.write(r.quick, sellers(n, minute)...)
	}
}

// untilFlushDue writes until the next write of the board, which is not split, has to flush it first.
func (r *race) untilFlushDue(minute int) (next int) {
	r.t.Helper()
	const atOnce = 4 // few enough that a flush is due before one is made
	for ; minute < 400; minute += atOnce {
		var in []price.Submission
		for n := range atOnce {
			in = append(in, observed(0, minute+n)...)
		}
		r.write(r.quick, in...)
		p, err := r.quick.Product(r.t.Context(), racers, false)
		require.NoError(r.t, err)
		if p.Boards[0].FlushDue() {
			return minute + atOnce
		}
	}
	require.Fail(r.t, "no flush was ever due")
	return 0
}

func (r *race) shards() int {
	r.t.Helper()
	p, err := r.quick.Product(r.t.Context(), racers, false)
	require.NoError(r.t, err)
	return len(p.Boards)
}

func (r *race) items(prefix string) []map[string]types.AttributeValue {
	r.t.Helper()
	return items(r.t, r.client, r.table, "p#"+racers, prefix)
}

// settled requires that all that was sent is stored, and that offers and history are what they would be had it all come in
// one request. Each observation stands in one place, unless twice is set: a writer that did not see a split flushes what the
// new shards took along.
func (r *race) settled() {
	r.t.Helper()
	once := storetest.New(r.t)
	register(r.t, once, "bigmart")
	for part := range slices.Chunk(r.sent, 500) {
		record(r.t, once, at(5000), part...)
	}
	want, got := plainly(r.t, once), plainly(r.t, r.quick)
	require.Equal(r.t, want.offers, got.offers)
	require.Equal(r.t, want.rows, got.rows)
	items, err := r.quick.Items(r.t.Context(), store.ProductPartition(racers))
	require.NoError(r.t, err)
	stored := 0 // observations in tails and segments
	for _, it := range items {
		decoded, err := store.Decode(it)
		require.NoError(r.t, err)
		switch decoded := decoded.(type) {
		case store.BoardItem:
			if decoded.Board != nil {
				for _, o := range decoded.Board.Offers {
					stored += len(o.Tail)
				}
			}
		case store.SegmentItem:
			for _, o := range decoded.Offers {
				stored += len(o.Observations)
			}
		}
	}
	if r.twice {
		require.GreaterOrEqual(r.t, stored, len(want.rows))
		return
	}
	require.Equal(r.t, len(want.rows), stored, "each observation stands in one place")
}

type plain struct {
	offers []board.Offer
	rows   []board.Row
}

// plainly is what is read of the product, without what depends on when and in which request it came.
func plainly(t *testing.T, s *store.Store) (p plain) {
	t.Helper()
	product, err := s.Product(t.Context(), racers, false)
	require.NoError(t, err)
	for _, o := range product.Live(price.Clock{Now: at(5000), Retention: storetest.Retention}) {
		o.Tail = nil
		o.Current.ReceivedAt = 0
		o.URL.Before = board.URLName{} // what stood there in between
		p.offers = append(p.offers, o)
	}
	slices.SortFunc(p.offers, func(a, b board.Offer) int { return a.Key.Compare(b.Key) })
	for _, row := range history(t, s, racers) {
		row.Observation.ReceivedAt = 0
		p.rows = append(p.rows, row)
	}
	return p
}

func TestRace_TwoWriters(t *testing.T) {
	t.Parallel()
	t.Run("another comes between reading and writing", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(3, 1)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			assert.Equal(t, []string{"changed"}, r.write(r.quick, observed(0, 30)...))
			return storetest.Pass
		})
		assert.Equal(t, []string{"late"}, r.write(r.slow, observed(0, 20)...), "judged against what the other wrote")
		assert.True(t, happened())
		r.settled()
	})
	t.Run("another comes in between, and the product into the catalogue", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(3, 1)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			require.NoError(t, r.quick.SetCatalogue(t.Context(), racers, board.Catalogue{}, 1))
			r.write(r.quick, observed(0, 30)...)
			return storetest.Pass
		})
		verdicts := record(t, r.slow, at(5000), observed(0, 20)...)
		assert.True(t, happened())
		assert.Equal(t, []string{"late"}, outcomes(verdicts))
		assert.True(t, verdicts[0].Catalogued)
	})
	t.Run("both flush, the slow one's segment arrives last", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		next := r.untilFlushDue(1)
		var segments []map[string]types.AttributeValue
		happened := r.when("PutItem", "seg", func() storetest.Action {
			r.write(r.quick, observed(0, next)...)
			segments = r.items("seg#")
			require.Len(t, segments, 1)
			r.write(r.quick, observed(1, next)...)
			return storetest.Pass
		})
		r.write(r.slow, observed(2, next)...)
		assert.True(t, happened())
		assert.Equal(t, segments, r.items("seg#"), "the same bytes under the same key")
		r.settled()
	})
	t.Run("a segment is locked", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		next := r.untilFlushDue(1)
		happened := r.when("PutItem", "seg", func() storetest.Action { return storetest.Conflict })
		verdicts, err := r.slow.Record(t.Context(), observed(0, next), at(5000), false)
		require.NoError(t, err)
		assert.True(t, happened())
		assert.Equal(t, []string{"throttled"}, outcomes(verdicts), "nothing is known of what stands there, so it is not damaged")
		r.write(r.slow, observed(0, next)...)
		r.settled()
	})
	t.Run("a stale read", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.slow, observed(0, 1)...) // the answer to its read is kept
		next := r.untilFlushDue(2)
		r.write(r.quick, observed(0, next)...) // flushed: what came before stands in segments only
		require.NotEmpty(t, r.items("seg#"))
		happened := r.when("BatchGetItem", "", func() storetest.Action { return storetest.Stale })
		assert.Equal(t, []string{"duplicate"}, r.write(r.slow, observed(0, 2)...), "on the stale board it was news")
		assert.True(t, happened())
		r.settled()
	})
}

// TestRace_ADuplicateIsToldWhatIsCurrent: a request that writes nothing has no version check that would notice a read from before.
func TestRace_ADuplicateIsToldWhatIsCurrent(t *testing.T) {
	t.Parallel()
	r := newRace(t)
	r.fill(1, 1)
	assert.Equal(t, []string{"duplicate"}, r.write(r.slow, observed(0, 1)...)) // the answer to its read is kept
	r.fill(1, 2)
	happened := r.when("BatchGetItem", "", func() storetest.Action { return storetest.Stale })
	verdicts := record(t, r.slow, at(5000), observed(0, 1)...)
	assert.True(t, happened())
	assert.Equal(t, []string{"duplicate"}, outcomes(verdicts))
	assert.False(t, verdicts[0].Result.Current)
	assert.Equal(t, at(2), verdicts[0].Result.Offer.Current.ObservedAt)
}

// TestRace_ADryRunReadsWhatWasAcknowledged: it has no version check that would notice a read from before, so it asks for none.
// Its outcomes are those of a real run, on a split product too.
func TestRace_ADryRunReadsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"one board": 1, "split": 110} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRace(t)
			r.fill(n, 1, 2)
			assert.Equal(t, n > 1, r.shards() > 1)
			r.at = func(c storetest.Call) storetest.Action {
				if c.Consistent {
					return storetest.Pass
				}
				return storetest.Missing
			}
			verdicts, err := r.slow.Record(t.Context(), observed(0, 1), at(5000), true)
			require.NoError(t, err)
			assert.Equal(t, []string{"duplicate"}, outcomes(verdicts))
		})
	}
}

func TestRace_LookUpsAreDroppedWhenAnotherWasFirst(t *testing.T) {
	t.Parallel()
	r := newRace(t)
	r.write(r.quick, observed(0, 1)...)
	next := r.untilFlushDue(3)
	r.write(r.quick, observed(0, next)...)
	happened := r.when("UpdateItem", "board", func() storetest.Action { // it has looked up, and found nothing
		assert.Equal(t, []string{"late"}, r.write(r.quick, observed(0, 2)...))
		n := r.untilFlushDue(next + 1)
		r.write(r.quick, observed(0, n)...)
		return storetest.Pass
	})
	assert.Equal(t, []string{"duplicate"}, r.write(r.slow, observed(0, 2)...))
	assert.True(t, happened())
	r.settled()
}

func TestRace_Split(t *testing.T) {
	t.Parallel()
	t.Run("a writer's board is split", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(5, 1, 2)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			r.fill(20, 10, 11)
			require.Greater(t, r.shards(), 1)
			return storetest.Pass
		})
		assert.Equal(t, []string{"late", "changed"}, r.write(r.slow, append(observed(0, 5), observed(4, 20)...)...))
		assert.True(t, happened())
		r.settled()
	})
	t.Run("a writer's shard is split", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(14, 1, 2)
		before := r.shards()
		require.Greater(t, before, 1)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			r.fill(90, 10, 11, 12)
			require.Greater(t, r.shards(), before)
			return storetest.Pass
		})
		r.write(r.slow, sellers(14, 5)...)
		assert.True(t, happened())
		r.settled()
	})
	t.Run("another is first at a shard whose history stands in every generation", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		require.NoError(t, r.quick.SetCatalogue(t.Context(), racers, board.Catalogue{}, 1))
		for minute := 1; r.shards() < 2 || len(r.items("seg#"+fmt.Sprint(r.shards())+".")) == 0; minute++ {
			r.fill(14, minute)
			require.Less(t, minute, 60)
		}
		for minute, before := 60, r.shards(); r.shards() == before; minute++ {
			r.fill(90, minute)
			require.Less(t, minute, 70)
		}
		for minute := 70; r.shards() < 16; minute++ { // until nothing is left to split; one that loses its race is left to the next writer
			r.write(r.quick, sellers(90, minute)...)
			require.Less(t, minute, 80)
		}
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			r.write(r.quick, sellers(90, 81)...)
			return storetest.Pass
		})
		in := sellers(14, 82) // makes it write
		for minute := 1; minute < 20; minute++ {
			in = append(in, sellers(14, minute)...)
		}
		verdicts := record(t, r.slow, at(5000), in...)
		r.sent = append(r.sent, in...)
		assert.True(t, happened())
		sent := map[string]bool{}
		for _, o := range r.sent[:len(r.sent)-len(in)] {
			sent[o.Observation.ID()] = true
		}
		for i, v := range verdicts {
			o := in[i].Observation
			require.Equal(t, sent[o.ID()], v.Outcome() == "duplicate", "%s at %s: %s", o.Key.SellerID, o.ObservedAt, v.Outcome())
			require.True(t, v.Catalogued)
		}
		r.settled()
	})
	t.Run("a product is split while it is read", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(14, 1)
		happened := r.when("Query", "", func() storetest.Action {
			r.fill(14, 2)
			return storetest.Pass
		})
		product, err := r.slow.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.True(t, happened())
		assert.Len(t, product.Live(price.Clock{Now: at(5000), Retention: storetest.Retention}), 14)
	})
	t.Run("a tail is flushed between a reader's boards and segments", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		next := r.untilFlushDue(r.untilFlushDue(1)) // flushed once, so that segments are read at all
		r.write(r.quick, observed(0, next)...)
		next = r.untilFlushDue(next + 1)
		queries := 0
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "Query" {
				if queries++; queries == 2 {
					r.write(r.quick, observed(0, next)...)
				}
			}
			return storetest.Pass
		}
		sent := len(r.sent)
		assert.Len(t, history(t, r.slow, racers), sent, "what left the tail after it was read stands in a segment by then")
		assert.Equal(t, 2, queries)
	})
	t.Run("two split at once", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(20, 1)
		happened := r.when("TransactWriteItems", "", func() storetest.Action {
			r.write(r.quick, observed(1, 2)...)
			require.Greater(t, r.shards(), 1)
			return storetest.Pass
		})
		assert.Equal(t, []string{"changed"}, r.write(r.slow, observed(2, 2)...), "the loser goes on with what the winner made")
		assert.True(t, happened())
		r.settled()
	})
	t.Run("a split that cannot be made is left to a later writer", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(20, 1)
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "TransactWriteItems" {
				return storetest.Throttle
			}
			return storetest.Pass
		}
		assert.Equal(t, []string{"changed"}, r.write(r.slow, observed(2, 2)...))
		assert.Equal(t, 1, r.shards())
		r.write(r.quick, observed(3, 2)...)
		assert.Greater(t, r.shards(), 1)
		r.settled()
	})
	t.Run("another splits at this moment", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(20, 1)
		happened := r.when("TransactWriteItems", "", func() storetest.Action { return storetest.Collide })
		assert.Equal(t, []string{"changed"}, r.write(r.slow, observed(2, 2)...))
		assert.True(t, happened())
		r.settled()
	})
	t.Run("a split that DynamoDB refuses for itself is our mistake", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(20, 1)
		happened := r.when("TransactWriteItems", "", func() storetest.Action { return storetest.Cancel })
		verdicts := record(t, r.slow, at(5000), observed(2, 2)...)
		assert.True(t, happened())
		require.Error(t, verdicts[0].Err)
		assert.True(t, fault.Is(verdicts[0].Err, fault.Internal))
		assert.Equal(t, 1, r.shards())
	})
	t.Run("a split that arrives late changes nothing", func(t *testing.T) {
		t.Parallel()
		for name, fill := range map[string][]int{"of the board": {20}, "of the shards": {14, 14, 90}} {
			t.Run(name, func(t *testing.T) {
				r := newRace(t)
				r.twice = true
				for minute, n := range fill {
					r.fill(n, minute+1)
				}
				before := r.shards()
				var late func()
				r.at = func(c storetest.Call) storetest.Action {
					if c.Operation != "TransactWriteItems" {
						return storetest.Pass
					}
					if late == nil {
						late = c.Send
					}
					return storetest.Drop
				}
				r.write(r.slow, observed(2, 20)...)
				require.NotNil(t, late)
				r.at = nil
				r.fill(fill[len(fill)-1], 21) // splits
				require.Greater(t, r.shards(), before)
				all := r.items("")
				late()
				assert.Equal(t, all, r.items(""))
				r.settled()
			})
		}
	})
}

// What was read may be from before a split; nothing that is missing is taken for empty.
func TestRace_StaleDirectory(t *testing.T) {
	t.Parallel()
	stale := func(r *race) {
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "BatchGetItem" && !c.Consistent {
				return storetest.Stale
			}
			return storetest.Pass
		}
	}
	t.Run("from before the first split", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(10, 1)
		r.write(r.slow, observed(2, 2)...)
		r.fill(20, 3, 4)
		require.Greater(t, r.shards(), 1)
		stale(r)
		assert.Equal(t, []string{"duplicate"}, r.write(r.slow, observed(2, 3)...))
		assert.Equal(t, []string{"changed"}, r.write(r.slow, observed(2, 5)...))
		r.settled()
	})
	t.Run("from before the shards were doubled", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(14, 1, 2)
		before := r.shards()
		require.Greater(t, before, 1)
		r.write(r.slow, observed(2, 3)...)
		r.fill(90, 4, 5, 6)
		require.Greater(t, r.shards(), before)
		stale(r)
		assert.Equal(t, []string{"duplicate"}, r.write(r.slow, observed(2, 4)...))
		assert.Equal(t, []string{"changed"}, r.write(r.slow, observed(2, 9)...))
		r.settled()
	})
	for name, nth := range map[string]int{"the board is not seen yet": 0, "a shard is not seen yet": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRace(t)
			r.twice = true
			r.fill(20, 1, 2)
			require.Greater(t, r.shards(), 1)
			reads := 0
			r.at = func(c storetest.Call) storetest.Action {
				if c.Operation == "BatchGetItem" && !c.Consistent {
					if reads++; reads == nth+1 {
						return storetest.Missing
					}
				}
				return storetest.Pass
			}
			assert.Equal(t, []string{"duplicate"}, r.write(r.slow, observed(2, 2)...))
			assert.Greater(t, reads, nth)
			r.settled()
		})
	}
	// The shards vanish for a moment, as they do for a reader that is behind.
	vanishing := func(r *race) (vanish, comeBack func()) {
		shards := r.items("board#")
		vanish = func() {
			for _, it := range shards {
				key := map[string]types.AttributeValue{"pk": it["pk"], "sk": it["sk"]}
				_, err := r.client.DeleteItem(r.t.Context(), &dynamodb.DeleteItemInput{TableName: &r.table, Key: key})
				require.NoError(r.t, err)
			}
		}
		comeBack = func() {
			for _, it := range shards {
				_, err := r.client.PutItem(r.t.Context(), &dynamodb.PutItemInput{TableName: &r.table, Item: it})
				require.NoError(r.t, err)
			}
		}
		return vanish, comeBack
	}
	for name, action := range map[string]storetest.Action{
		"a shard is gone when it is written": storetest.Pass, "a shard is gone when it is read again": storetest.Conflict,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRace(t)
			r.twice = true
			r.fill(20, 1, 2)
			vanish, comeBack := vanishing(r)
			gone := false
			r.at = func(c storetest.Call) storetest.Action {
				switch {
				case c.Operation == "UpdateItem" && c.Item == "board" && !gone:
					gone = true
					vanish()
					return action
				case c.Operation == "Query" && gone:
					comeBack()
				}
				return storetest.Pass
			}
			assert.Equal(t, []string{"changed"}, r.write(r.slow, observed(2, 3)...))
			assert.True(t, gone)
			r.settled()
		})
	}
	t.Run("a shard that is gone whenever it is written", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(20, 1, 2)
		vanish, comeBack := vanishing(r)
		writes := 0
		r.at = func(c storetest.Call) storetest.Action {
			switch {
			case c.Operation == "UpdateItem" && c.Item == "board":
				writes++
				vanish()
			case c.Operation == "Query":
				comeBack()
			}
			return storetest.Pass
		}
		verdicts := record(t, r.slow, at(5000), observed(2, 3)...)
		assert.True(t, fault.Is(verdicts[0].Err, fault.Unavailable), "%v", verdicts[0].Err)
		assert.Equal(t, "The product is being reorganised; repeat the request.", fault.Of(verdicts[0].Err).Detail)
		assert.Equal(t, 9, writes)
		comeBack()
		r.settled()
	})
	// A reader may see any mixture of the items before and after a split.
	for name, tear := range map[string]func(r *race, before, after []map[string]types.AttributeValue) []map[string]types.AttributeValue{
		"no directory": func(_ *race, _, after []map[string]types.AttributeValue) []map[string]types.AttributeValue {
			return after[1:]
		},
		"the whole board beside its shards": func(_ *race, before, after []map[string]types.AttributeValue) []map[string]types.AttributeValue {
			return append(slices.Clone(before), after[1:]...)
		},
		"a shard less": func(_ *race, _, after []map[string]types.AttributeValue) []map[string]types.AttributeValue {
			return after[:len(after)-1]
		},
		"no shards": func(_ *race, _, after []map[string]types.AttributeValue) []map[string]types.AttributeValue {
			return after[:1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRace(t)
			r.twice = true
			r.fill(20, 1)
			before := r.items("board")
			r.fill(20, 2)
			after := r.items("board")
			require.Greater(t, len(after), 2)
			put := func(items []map[string]types.AttributeValue) {
				for _, it := range r.items("board") {
					key := map[string]types.AttributeValue{"pk": it["pk"], "sk": it["sk"]}
					_, err := r.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &r.table, Key: key})
					require.NoError(t, err)
				}
				for _, it := range items {
					_, err := r.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &r.table, Item: it})
					require.NoError(t, err)
				}
			}
			reads := 0
			torn := func() {
				put(tear(r, before, after))
				reads = 0
			}
			r.at = func(c storetest.Call) storetest.Action {
				if c.Operation == "Query" {
					if reads++; reads == 2 {
						put(after)
					}
				}
				return storetest.Pass
			}
			torn()
			product, err := r.slow.Product(t.Context(), racers, false)
			require.NoError(t, err)
			assert.Equal(t, 2, reads)
			assert.Len(t, product.Live(price.Clock{Now: at(5000), Retention: storetest.Retention}), 20)

			torn()
			last := product.Boards[len(product.Boards)-1].Offers[0].Key
			page, err := r.slow.History(t.Context(), racers, store.Window{From: at(0), To: at(5000), Limit: 10, Offer: &last})
			require.NoError(t, err)
			assert.GreaterOrEqual(t, reads, 2)
			assert.Len(t, page.Rows, 2)
			r.settled()
		})
	}
	t.Run("a read of many products that saw half a split reads again, consistently", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(20, 1, 2)
		vanish, comeBack := vanishing(r)
		vanish()
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "Query" && c.Consistent {
				comeBack()
			}
			return storetest.Pass
		}
		products, err := allProducts(t.Context(), r.slow, racers)
		require.NoError(t, err)
		assert.Len(t, products[racers].Live(price.Clock{Now: at(5000), Retention: storetest.Retention}), 20)
	})
	t.Run("a shard that is gone is never made anew", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(20, 1, 2)
		shards := r.items("board#")
		for _, it := range shards {
			key := map[string]types.AttributeValue{"pk": it["pk"], "sk": it["sk"]}
			_, err := r.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &r.table, Key: key})
			require.NoError(t, err)
		}
		// The deadline comes when the product was looked for a few times.
		deadline := func() context.Context {
			ctx, end := context.WithCancelCause(t.Context())
			queries := 0
			r.at = func(c storetest.Call) storetest.Action {
				if c.Operation == "Query" {
					if queries++; queries == 3 {
						end(context.DeadlineExceeded)
					}
				}
				return storetest.Pass
			}
			return ctx
		}
		verdicts, err := r.slow.Record(deadline(), observed(2, 3), at(5000), false)
		require.NoError(t, err)
		assert.Equal(t, []string{"throttled"}, outcomes(verdicts))
		assert.Empty(t, r.items("board#"))
		_, err = r.slow.Product(deadline(), racers, false)
		assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		_, err = r.quick.Product(t.Context(), racers, false)
		assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		assert.Equal(t, "The product was being reorganised; repeat the request.", fault.Of(err).Detail)
	})
}

func TestRace_OwnPrices(t *testing.T) {
	t.Parallel()
	own := func(minor int64) board.Catalogue {
		return board.Catalogue{List: price.Money{Minor: minor, Currency: "USD"}}
	}
	read := func(r *race) board.Catalogue {
		p, err := r.quick.Product(r.t.Context(), racers, false)
		require.NoError(r.t, err)
		require.True(r.t, p.Catalogued)
		return p.Catalogue
	}
	t.Run("set while the board is split", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(20, 1)
		happened := r.when("TransactWriteItems", "", func() storetest.Action {
			require.NoError(t, r.quick.SetCatalogue(t.Context(), racers, own(100), 1))
			return storetest.Pass
		})
		r.write(r.slow, observed(0, 2)...)
		assert.True(t, happened())
		assert.Greater(t, r.shards(), 1)
		assert.Equal(t, own(100), read(r))
		r.settled()
	})
	t.Run("set after the board was split", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(20, 1)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			r.fill(20, 2)
			require.Greater(t, r.shards(), 1)
			return storetest.Pass
		})
		require.NoError(t, r.slow.SetCatalogue(t.Context(), racers, own(100), 1))
		assert.True(t, happened())
		assert.Equal(t, own(100), read(r))
		r.settled()
	})
	t.Run("an older version that arrives later", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			require.NoError(t, r.quick.SetCatalogue(t.Context(), racers, own(200), 2))
			return storetest.Pass
		})
		require.NoError(t, r.slow.SetCatalogue(t.Context(), racers, own(100), 1))
		assert.True(t, happened())
		assert.Equal(t, own(200), read(r))
	})
	t.Run("set while a writer writes", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			require.NoError(t, r.quick.SetCatalogue(t.Context(), racers, own(100), 1))
			return storetest.Pass
		})
		assert.Equal(t, []string{"created"}, r.write(r.slow, observed(0, 1)...))
		assert.True(t, happened())
		assert.Equal(t, own(100), read(r))
		r.settled()
	})
	t.Run("a transaction is in the way", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("UpdateItem", "board", func() storetest.Action { return storetest.Conflict })
		require.NoError(t, r.slow.SetCatalogue(t.Context(), racers, own(100), 1))
		assert.True(t, happened())
		assert.Equal(t, own(100), read(r))
	})
}

func TestRace_Crashes(t *testing.T) {
	t.Parallel()
	t.Run("after a segment", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		next := r.untilFlushDue(1)
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "UpdateItem" && c.Item == "board" {
				return storetest.Drop
			}
			return storetest.Pass
		}
		crashed := record(t, r.slow, at(5000), observed(0, next)...)
		assert.Equal(t, []string{"throttled"}, outcomes(crashed))
		segments := r.items("seg#")
		require.NotEmpty(t, segments)
		r.write(r.quick, observed(1, next)...)
		assert.Equal(t, segments, r.items("seg#"), "the next writer flushes the same bytes under the same key")
		assert.Equal(t, []string{"changed"}, r.write(r.quick, observed(0, next)...), "the client repeats")
		r.settled()
	})
	t.Run("after a url", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "UpdateItem" && c.Item == "board" {
				return storetest.Drop
			}
			return storetest.Pass
		}
		in := observed(0, 1)
		in[0].Observation.URL = "https://bigmart.example/p/77"
		assert.Equal(t, []string{"throttled"}, outcomes(record(t, r.slow, at(5000), in...)))
		urls := r.items("board.urls")
		require.Len(t, urls, 1)
		assert.Equal(t, []string{"created"}, r.write(r.quick, in...))
		assert.Equal(t, urls, r.items("board.urls"))
		p, err := r.quick.Product(t.Context(), racers, true)
		require.NoError(t, err)
		assert.Equal(t, in[0].Observation.URL, p.URL(p.Boards[0].Offers[0]))
		r.settled()
	})
}

func TestRace_DelayedWrites(t *testing.T) {
	t.Parallel()
	// delayed lets the first such call arrive nowhere; the client tries again. It returns how to let it arrive after all.
	delayed := func(r *race, operation, item string) (arrive func()) {
		var late func()
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == operation && c.Item == item && late == nil {
				late = c.Send
				return storetest.Drop
			}
			return storetest.Pass
		}
		return func() {
			require.NotNil(r.t, late, "no such call was made")
			late()
		}
	}
	t.Run("of a segment", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		next := r.untilFlushDue(1)
		arrive := delayed(r, "PutItem", "seg")
		r.write(r.slow, observed(0, next)...)
		next = r.untilFlushDue(next + 1)
		r.write(r.quick, observed(0, next)...)
		all := r.items("")
		arrive()
		assert.Equal(t, all, r.items(""))
		r.settled()
	})
	for name, others := range map[string]int{"of a board, nobody wrote meanwhile": 0, "of a board, others wrote meanwhile": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRace(t)
			r.fill(2, 1)
			arrive := delayed(r, "UpdateItem", "board")
			assert.Equal(t, []string{"changed"}, r.write(r.slow, observed(0, 2)...))
			for n := range others {
				r.fill(2, 3+n)
			}
			all := r.items("")
			arrive()
			assert.Equal(t, all, r.items(""))
			r.settled()
		})
	}
	t.Run("of a board, before the client's next attempt", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(2, 1)
		var late func()
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation != "UpdateItem" || c.Item != "board" {
				return storetest.Pass
			}
			if late == nil {
				late = c.Send
				return storetest.Drop
			}
			late()
			return storetest.Pass
		}
		assert.Equal(t, []string{"changed"}, r.write(r.slow, observed(0, 2)...), "its own mark is on the board")
		r.settled()
	})
}

// A write whose answer was lost is recognised by its mark; the results are those of the attempt that landed.
func TestRace_LostAnswers(t *testing.T) {
	t.Parallel()
	lost := func(r *race, meanwhile func()) {
		attempts := 0
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "UpdateItem" && c.Item == "board" {
				switch attempts++; attempts {
				case 1:
					return storetest.DropAnswer
				case 2:
					meanwhile()
				}
			}
			return storetest.Pass
		}
	}
	for others, want := range map[int]string{0: "changed", 1: "changed", 7: "changed", 8: "duplicate"} {
		t.Run(fmt.Sprintf("%d others wrote meanwhile", others), func(t *testing.T) {
			t.Parallel()
			r := newRace(t)
			r.fill(2, 1)
			lost(r, func() {
				for n := range others {
					r.write(r.quick, observed(1, 10+n)...)
				}
			})
			assert.Equal(t, []string{want}, r.write(r.slow, observed(0, 2)...), "eight versions are remembered; beyond them it is stored before")
			r.settled()
		})
	}
	t.Run("the board was split meanwhile", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.twice = true
		r.fill(8, 1)
		lost(r, func() {
			r.fill(20, 5)
			r.write(r.quick, observed(1, 6)...)
			require.Greater(t, r.shards(), 1)
		})
		assert.Equal(t, []string{"changed", "created"}, r.write(r.slow, append(observed(0, 2), observed(9, 2)...)...))
		r.settled()
	})
	t.Run("and then nothing answers: unknown, to be repeated", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(2, 1)
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "UpdateItem" && c.Item == "board" {
				if c.Before == 0 {
					return storetest.DropAnswer
				}
				return storetest.Throttle
			}
			return storetest.Pass
		}
		assert.Equal(t, []string{"throttled"}, outcomes(record(t, r.slow, at(5000), observed(0, 2)...)))
		assert.Equal(t, []string{"duplicate"}, r.write(r.quick, observed(0, 2)...))
		r.settled()
	})
	t.Run("a transaction is in the way", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(2, 1)
		happened := r.when("UpdateItem", "board", func() storetest.Action { return storetest.Conflict })
		assert.Equal(t, []string{"changed"}, r.write(r.slow, observed(0, 2)...))
		assert.True(t, happened())
		r.settled()
	})
	t.Run("a transaction is in the way of a new product", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("UpdateItem", "board", func() storetest.Action { return storetest.Conflict })
		assert.Equal(t, []string{"created"}, r.write(r.slow, observed(0, 2)...))
		assert.True(t, happened())
		r.settled()
	})
}

// A writer that always comes second gives up: one with a single observation sooner, since many of them make a hot product only
// hotter. Nobody gives up before the deadline for a mere loss.
func TestRace_GivingUp(t *testing.T) {
	t.Parallel()
	const many = "Many clients write this product at once; repeat it."
	for observations, writes := range map[int]int{1: 6, 2: 10} {
		t.Run(fmt.Sprintf("%d observations", observations), func(t *testing.T) {
			t.Parallel()
			r := newRace(t)
			attempts := 0
			r.at = func(c storetest.Call) storetest.Action {
				if c.Operation == "UpdateItem" && c.Item == "board" {
					attempts++
					r.write(r.quick, observed(9, attempts)...)
				}
				return storetest.Pass
			}
			for _, v := range record(t, r.slow, at(5000), sellers(observations, 100)...) {
				assert.True(t, fault.Is(v.Err, fault.Unavailable))
				assert.Equal(t, many, fault.Of(v.Err).Detail)
			}
			assert.Equal(t, writes, attempts)
			r.settled()
		})
	}
	t.Run("a catalogue entry", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		attempts := 0
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "TransactWriteItems" {
				attempts++
				_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(int64(attempts), gtin), nil)
				assert.NoError(t, err)
			}
			return storetest.Pass
		}
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, otherGTIN), nil)
		assert.True(t, fault.Is(err, fault.Unavailable))
		assert.Equal(t, many, fault.Of(err).Detail)
		assert.Equal(t, 10, attempts)
		stored, err := r.quick.FindCatalogueEntry(t.Context(), racers)
		require.NoError(t, err)
		assert.Equal(t, store.CatalogueItem{CatalogueEntry: entry(10, gtin), ProductID: racers, Version: 10}, stored)
	})
	t.Run("own prices", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		attempts := 0
		r.at = func(c storetest.Call) storetest.Action {
			attempts++
			return storetest.Conflict
		}
		err := r.slow.SetCatalogue(t.Context(), racers, board.Catalogue{}, 1)
		assert.True(t, fault.Is(err, fault.Unavailable))
		assert.Equal(t, 10, attempts)
	})
}

// ending is an HTTP client behind whose first answer to an operation the request's deadline comes.
type ending struct {
	dynamodb.HTTPClient
	operation string
	end       func()
}

// Do sends a request and waits for all of the answer.
func (e *ending) Do(r *http.Request) (*http.Response, error) {
	resp, err := e.HTTPClient.Do(r)
	if err != nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+e.operation) {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err == nil {
		err = resp.Body.Close()
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	e.end()
	return resp, err
}

// Where the deadline comes between two calls, nothing more is asked, and what is not known is not told.
func TestRace_Deadline(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		operation string
		action    storetest.Action // what befalls the call behind whose answer the deadline comes
		do        func(ctx context.Context, s *store.Store) error
	}{
		"a read of a batch that left keys over": {"BatchGetItem", storetest.Leave, func(ctx context.Context, s *store.Store) error {
			_, err := allProducts(ctx, s, racers)
			return err
		}},
		"a read that saw half a split": {"Query", storetest.Pass, func(ctx context.Context, s *store.Store) error {
			_, err := s.Product(ctx, racers, false)
			return err
		}},
		"a board that was read": {"BatchGetItem", storetest.Pass, func(ctx context.Context, s *store.Store) error {
			return submit(ctx, s, seen("P9", "bigmart", at(1), 100))
		}},
		"a board that another is at work on": {"UpdateItem", storetest.Conflict, func(ctx context.Context, s *store.Store) error {
			in := seen("P9", "bigmart", at(1), 100)
			in.Observation.URL = ""
			return submit(ctx, s, in)
		}},
		"own prices": {"UpdateItem", storetest.Conflict, func(ctx context.Context, s *store.Store) error {
			return s.SetCatalogue(ctx, "P9", board.Catalogue{}, 1)
		}},
		"a catalogue entry": {"TransactWriteItems", storetest.Collide, func(ctx context.Context, s *store.Store) error {
			_, err := s.PutCatalogueEntry(ctx, "P9", entry(100, gtin), nil)
			return err
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRace(t)
			r.fill(20, 1, 2)
			for _, it := range r.items("board#") { // so that a read sees half a split
				_, err := r.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
					TableName: &r.table, Key: map[string]types.AttributeValue{"pk": it["pk"], "sk": it["sk"]},
				})
				require.NoError(t, err)
			}
			ctx, end := context.WithCancelCause(t.Context())
			require.NoError(t, submit(t.Context(), r.quick, seen("P8", "bigmart", at(1), 100))) // so that no call is about the health
			calls := 0
			url := storetest.Proxy(t, func(c storetest.Call) storetest.Action {
				if c.Operation == tt.operation {
					calls++
					return tt.action
				}
				return storetest.Pass
			})
			client := dynamodb.New(storetest.Client(url).Options(), func(o *dynamodb.Options) {
				o.HTTPClient = &ending{o.HTTPClient, tt.operation, func() { end(context.DeadlineExceeded) }}
			})
			s := storetestStore(client, r.table)
			if tt.operation != "Query" {
				_, err := s.Competitors(t.Context())
				require.NoError(t, err)
			}
			err := tt.do(ctx, s)
			require.Error(t, err)
			assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 1, calls)
			assert.Empty(t, items(t, r.client, r.table, "p#P9", ""))
		})
	}
}

// A writer that came second and then cannot read what came before it knows nothing.
func TestRace_NoSecondLook(t *testing.T) {
	t.Parallel()
	for action, kind := range map[storetest.Action]fault.Kind{storetest.Deny: fault.Internal, storetest.Throttle: fault.Unavailable} {
		r := newRace(t)
		r.fill(2, 1)
		r.at = func(c storetest.Call) storetest.Action {
			switch {
			case c.Operation == "UpdateItem" && c.Item == "board":
				return storetest.Conflict
			case c.Operation == "BatchGetItem" && c.Consistent:
				return action
			}
			return storetest.Pass
		}
		verdicts := record(t, r.slow, at(5000), observed(0, 2)...)
		require.Error(t, verdicts[0].Err)
		assert.True(t, fault.Is(verdicts[0].Err, kind))
		r.settled()
	}
}

// A look-up that may miss a segment would tell a client that its repetition is news, and store it twice.
func TestRace_LookUpsAreStronglyConsistent(t *testing.T) {
	t.Parallel()
	r := newRace(t)
	next := r.untilFlushDue(1)
	r.write(r.quick, observed(0, next)...)
	require.NotEmpty(t, r.items("seg#"))
	r.at = func(c storetest.Call) storetest.Action {
		if c.Operation == "Query" && !c.Consistent {
			return storetest.Missing
		}
		return storetest.Pass
	}
	assert.Equal(t, []string{"duplicate"}, r.write(r.slow, observed(0, 1)...))
	r.settled()
}

// Nor may a product that was only just stored be unknown by its gtin, since a client would not repeat what was refused for good.
func TestRace_GTINsAreStronglyConsistent(t *testing.T) {
	t.Parallel()
	r := newRace(t)
	storetest.PutGTIN(t, r.client, r.table, "06291041500213", racers)
	r.at = func(c storetest.Call) storetest.Action {
		if c.Operation == "BatchGetItem" && !c.Consistent {
			return storetest.Missing
		}
		return storetest.Pass
	}
	sub := observed(0, 1)[0]
	sub.Observation.Key.ProductID = ""
	sub.GTIN = "06291041500213"
	verdicts := record(t, r.slow, at(5000), sub)
	assert.Equal(t, []string{"created"}, outcomes(verdicts))
	assert.Equal(t, racers, verdicts[0].ProductID)
}

package store_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/testkit/storetest"
)

// A crawler whose urls carry a session has another url each time. An offer keeps two of them, and each costs one write.
func TestStore_Record_AnotherURLEachTime(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	var units float64
	const most = 60
	for minute := range most {
		sub := seen("P1", "bigmart", at(minute), int64(minute))
		sub.Observation.URL = fmt.Sprint("https://bigmart.example/p/77?session=", minute)
		ctx, m := meter.With(t.Context())
		verdicts, err := s.Record(ctx, []price.Submission{sub}, at(10_000), false)
		require.NoError(t, err)
		require.NoError(t, verdicts[0].Err)
		units += m.Counts().WriteUnits
		product, err := s.Product(t.Context(), "P1", true)
		require.NoError(t, err)
		require.Equal(t, sub.Observation.URL, product.URL(product.Boards[0].Offers[0]))
		require.LessOrEqual(t, len(product.URLs), 2, "that of the offer and the one before it")
	}
	assert.Less(t, units/most, 2.5, "a board, a url, and a segment now and then")
	assert.Len(t, history(t, s, "P1"), most)
}

// A url is no part of an observation's content: it may be sent again with another, or with none.
func TestStore_Record_URLsAreNoContent(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	with := func(minute int, url string) price.Submission {
		sub := seen("P1", "bigmart", at(minute), 100)
		sub.Observation.URL = url
		return sub
	}
	now := func() string {
		product, err := s.Product(t.Context(), "P1", true)
		require.NoError(t, err)
		return product.URL(product.Boards[0].Offers[0])
	}
	const a = "https://bigmart.example/a"
	const b = "https://bigmart.example/b"
	assert.Equal(t, []string{"created"}, outcomes(record(t, s, at(100), with(1, ""))))
	assert.Empty(t, now())
	assert.Equal(t, []string{"duplicate"}, outcomes(record(t, s, at(100), with(1, a))))
	assert.Equal(t, a, now(), "of a repetition, whose observation came without one")
	assert.Equal(t, []string{"unchanged"}, outcomes(record(t, s, at(100), with(5, ""))))
	assert.Equal(t, a, now(), "that of the newest that carried one")
	assert.Equal(t, []string{"late"}, outcomes(record(t, s, at(100), with(3, b))))
	assert.Equal(t, b, now())
	assert.Equal(t, []string{"duplicate"}, outcomes(record(t, s, at(100), with(1, b))))
	assert.Equal(t, []string{"duplicate"}, outcomes(record(t, s, at(100), with(3, ""))))
	assert.Equal(t, b, now())
	other := with(5, a)
	other.Observation.Terms.Price.Minor++
	assert.Equal(t, []string{"conflict"}, outcomes(record(t, s, at(100), other)))
	assert.Equal(t, b, now(), "what is refused counts for nothing")
}

// A product's first request may bring hundreds of urls, before the product is split.
func TestStore_Record_ManyNewURLsAtOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	in := sellers(300, 1)
	for i := range in { // of all lengths that are allowed, 80 KB together
		in[i].Observation.URL = fmt.Sprintf("https://bigmart.example/%d/%s", i, strings.Repeat("x", i*3/2))
	}
	ctx, m := meter.With(t.Context())
	_, err := s.Record(ctx, in, at(100), false)
	require.NoError(t, err)
	assert.Equal(t, 1+2+3+1, m.Counts().Calls, "competitors, the board's read and write, the urls a hundred a call, the health")
	record(t, s, at(100), sellers(300, 2)...) // splits
	withURLs, all := meter.With(t.Context())
	product, err := s.Product(withURLs, "P2", true)
	require.NoError(t, err)
	assert.Len(t, product.URLs, len(in), "each is stored")
	for _, b := range product.Boards {
		for _, o := range b.Offers {
			require.NotEmpty(t, product.URL(o))
		}
	}
	ctx, m = meter.With(t.Context())
	_, err = s.Product(ctx, "P2", false)
	require.NoError(t, err)
	assert.Less(t, m.Counts().ReadUnits, all.Counts().ReadUnits, "whoever is shown no urls reads none")
}

// A damaged url is an error to whoever is shown urls, and to nobody else.
func TestStore_Product_ADamagedURL(t *testing.T) {
	t.Parallel()
	client, table := market(t)
	s := storetestStore(client, table)
	urls := items(t, client, table, "p#P1", "board.urls")[0]
	urls["x"] = &types.AttributeValueMemberS{Value: "?"}
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: urls})
	require.NoError(t, err)
	_, err = s.Product(t.Context(), "P1", true)
	require.ErrorIs(t, err, board.ErrFormat)
	_, err = s.Product(t.Context(), "P1", false)
	require.NoError(t, err)
}

func TestRace_URLs(t *testing.T) {
	t.Parallel()
	with := func(seller, minute int, url string) []price.Submission {
		in := observed(seller, minute)
		in[0].Observation.URL = url
		return in
	}
	const a = "https://bigmart.example/a"
	const b = "https://bigmart.example/b"
	const c = "https://bigmart.example/c"
	urls := func(r *race) (all []string) {
		for _, it := range r.items("board.urls") {
			for name, value := range it {
				if name != "pk" && name != "sk" && name != "v" {
					all = append(all, value.(*types.AttributeValueMemberS).Value)
				}
			}
		}
		slices.Sort(all)
		return all
	}
	of := func(r *race, seller int) string {
		p, err := r.quick.Product(r.t.Context(), racers, true)
		require.NoError(r.t, err)
		o, ok := p.Find(sellers(seller+1, 0)[seller].Observation.Key)
		require.True(r.t, ok)
		return p.URL(o)
	}
	t.Run("two writers add to one item", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("UpdateItem", "board.urls", func() storetest.Action {
			r.write(r.quick, with(0, 1, a)...)
			return storetest.Pass
		})
		r.write(r.slow, append(with(1, 1, a), with(2, 1, b)...)...)
		assert.True(t, happened())
		assert.Equal(t, []string{a, a, b}, urls(r))
		r.settled()
	})
	t.Run("one writer goes back to the url that the other is about to remove", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, with(0, 1, a)...)
		r.write(r.quick, with(0, 2, b)...)
		happened := r.when("UpdateItem", "board.urls", func() storetest.Action {
			r.write(r.quick, with(0, 4, a)...)
			return storetest.Pass
		})
		r.write(r.slow, with(0, 3, c)...)
		assert.True(t, happened())
		assert.Equal(t, a, of(r, 0))
		r.settled()
	})
	t.Run("one writer removes the url to which the other goes back", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, with(0, 1, a)...)
		r.write(r.quick, with(0, 2, b)...)
		happened := r.when("UpdateItem", "board", func() storetest.Action { // slow has added a, which stands there
			r.write(r.quick, with(0, 3, c)...)
			return storetest.Pass
		})
		r.write(r.slow, with(0, 4, a)...)
		assert.True(t, happened())
		assert.Equal(t, a, of(r, 0))
		r.settled()
	})
	t.Run("orphans are removed while a writer is about to name its url", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, with(0, 1, a)...)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			removed, err := r.quick.RemoveOrphanURLs(t.Context(), racers)
			require.NoError(t, err)
			assert.Zero(t, removed)
			return storetest.Pass
		})
		r.write(r.slow, with(0, 2, b)...)
		assert.True(t, happened())
		assert.Equal(t, b, of(r, 0))
		r.settled()
	})
	t.Run("orphans are removed while a writer is at work whose change was refused for a moment", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, with(0, 1, a)...)
		var refused, happened atomic.Bool
		r.at = func(c storetest.Call) storetest.Action {
			switch {
			case c.Operation == "UpdateItem" && c.Item == "board.urls" && refused.CompareAndSwap(false, true):
				return storetest.Conflict
			case c.Operation == "UpdateItem" && c.Item == "board" && happened.CompareAndSwap(false, true):
				removed, err := r.quick.RemoveOrphanURLs(t.Context(), racers)
				require.NoError(t, err)
				assert.Zero(t, removed)
			}
			return storetest.Pass
		}
		r.write(r.slow, with(0, 2, b)...)
		assert.True(t, happened.Load())
		assert.Equal(t, b, of(r, 0))
		r.settled()
	})
	t.Run("the answer is lost", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, with(0, 1, a)...)
		r.write(r.quick, with(0, 2, b)...)
		happened := r.when("UpdateItem", "board.urls", func() storetest.Action { return storetest.DropAnswer })
		r.write(r.slow, with(0, 3, c)...)
		assert.True(t, happened())
		assert.Equal(t, []string{b, c}, urls(r))
		r.settled()
	})
	t.Run("a change arrives late", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, with(0, 1, a)...)
		r.write(r.quick, with(0, 2, b)...)
		var late func()
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "UpdateItem" && c.Item == "board.urls" && late == nil {
				late = c.Send
				return storetest.Drop
			}
			return storetest.Pass
		}
		r.write(r.slow, with(0, 3, c)...) // removes a
		r.write(r.quick, with(0, 4, b)...)
		r.write(r.quick, with(0, 5, a)...) // removes c
		all := r.items("")
		require.NotNil(t, late)
		late()
		assert.Equal(t, all, r.items(""))
		assert.Equal(t, a, of(r, 0))
		r.settled()
	})
	t.Run("orphans are looked for while a writer is at work", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, with(0, 1, a)...)
		orphans := func() int {
			removed, err := r.quick.RemoveOrphanURLs(t.Context(), racers)
			require.NoError(t, err)
			return removed
		}
		var again, happened atomic.Bool
		r.at = func(c storetest.Call) storetest.Action {
			switch {
			case c.Operation != "UpdateItem" || c.Item != "board":
			case !again.Load(): // it ends between url and board
				return storetest.Drop
			case happened.CompareAndSwap(false, true):
				assert.Zero(t, orphans())
			}
			return storetest.Pass
		}
		assert.Equal(t, []string{"throttled"}, outcomes(record(t, r.slow, at(5000), with(0, 2, c)...)))
		assert.Zero(t, orphans(), "it may be about to write the board")
		again.Store(true)
		r.write(r.slow, with(0, 3, b)...)
		assert.True(t, happened.Load())
		assert.Equal(t, b, of(r, 0))
		assert.Equal(t, 1, orphans())
		assert.ElementsMatch(t, []string{a, b}, urls(r))
		r.settled()
	})
	t.Run("an orphan comes back while it is being removed", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, with(0, 1, a)...)
		r.at = func(call storetest.Call) storetest.Action {
			if call.Operation == "UpdateItem" && call.Item == "board" { // it ends between url and board
				return storetest.Drop
			}
			return storetest.Pass
		}
		assert.Equal(t, []string{"throttled"}, outcomes(record(t, r.slow, at(5000), with(0, 2, c)...)))
		r.write(r.quick, with(0, 3, b)...)
		happened := r.when("UpdateItem", "board.urls", func() storetest.Action {
			r.write(r.quick, with(0, 4, c)...)
			return storetest.Pass
		})
		removed, err := r.slow.RemoveOrphanURLs(t.Context(), racers)
		require.NoError(t, err)
		assert.Zero(t, removed)
		assert.True(t, happened())
		assert.Equal(t, c, of(r, 0))
		r.settled()
	})
	t.Run("the product is split", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, with(0, 1, a)...)
		for minute := 2; r.shards() < 2; minute++ {
			r.fill(60, minute)
		}
		assert.Equal(t, a, of(r, 0), "it stands where it stood before")
		r.write(r.quick, with(0, 500, b)...)
		assert.Equal(t, b, of(r, 0))
		r.write(r.quick, with(0, 501, a)...)
		assert.Equal(t, a, of(r, 0))
		r.settled()
	})
}

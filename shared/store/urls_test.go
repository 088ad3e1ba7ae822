package store_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// A crawler whose urls carry a session has another url each time. Its observations must go in all the same, and each must
// not cost a write of a full urls item.
func TestStore_Record_NoRoomForAURL(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	now := time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4, Now: func() time.Time { return now }})
	register(t, s, "bigmart")
	_, err := s.Competitors(t.Context())
	require.NoError(t, err)
	put := func(minute int) meter.Counts {
		sub := seen("P1", "bigmart", at(minute), int64(minute))
		sub.Observation.URL = "https://bigmart.example/p/77?session=" + strings.Repeat("x", 900) + at(minute).String()
		ctx, m := meter.With(t.Context())
		verdicts, err := s.Record(ctx, []price.Submission{sub}, at(10_000), false)
		require.NoError(t, err)
		require.NoError(t, verdicts[0].Err)
		return m.Counts()
	}
	url := func() string {
		product, err := s.Product(t.Context(), "P1", true)
		require.NoError(t, err)
		require.Len(t, product.Boards[0].Offers, 1)
		return product.URLs[product.Boards[0].Offers[0].Current.URL]
	}

	put(0)
	assert.Contains(t, url(), at(0).String())
	const most = 64*2 + 2 // urls as long as these in all urls items of a product
	minute := 1
	var missing, firstMissing int
	var units float64
	for ; missing < 60 && minute < 6*most; minute++ {
		units += put(minute).WriteUnits
		if missing++; url() != "" {
			missing = 0
		} else if firstMissing == 0 {
			firstMissing = minute
		}
	}
	assert.Equal(t, 60, missing, "a missing url reads as none")
	assert.Greater(t, firstMissing, most*2/3, "the items are well filled before one is left out")
	assert.Less(t, units/float64(minute), 6.0, "a board, a url and what was refused on the way")
	assert.Len(t, history(t, s, "P1"), minute, "nothing of the history is lost")
	t.Logf("first missing %d of %d, %.1f units each", firstMissing, most, units/float64(minute))
	assert.LessOrEqual(t, put(minute).Calls, 3, "the board's read and write, and a segment now and then: full items are not asked again")
	now = now.Add(2 * time.Hour)
	_, err = s.Competitors(t.Context())
	require.NoError(t, err)
	assert.Greater(t, put(minute+1).Calls, 3, "an hour later it is, for it may have been cleared")
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
	record(t, s, at(100), in...)
	record(t, s, at(100), sellers(300, 2)...) // splits
	withURLs, all := meter.With(t.Context())
	product, err := s.Product(withURLs, "P2", true)
	require.NoError(t, err)
	assert.Len(t, product.URLs, len(in), "each is stored")
	ctx, m := meter.With(t.Context())
	_, err = s.History(ctx, "P2", store.Window{From: at(1), To: at(2), Limit: 10})
	require.NoError(t, err)
	assert.Less(t, m.Counts().ReadUnits, all.Counts().ReadUnits, "history has no urls and reads none")
	for _, row := range history(t, s, "P2") {
		if row.Observation.ObservedAt == at(1) {
			require.NotEmpty(t, product.URLs[row.Observation.URL])
		}
	}
}

// A damaged url is an error to whoever is shown urls, and to nobody else.
func TestStore_Product_ADamagedURL(t *testing.T) {
	t.Parallel()
	client, table := market(t)
	s := storetestStore(client, table)
	urls := items(t, client, table, "p#P1", "listing")[0]
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
	taken := func(r *race) (bytes, urls int) {
		for _, it := range r.items("listing") {
			n, ok := it["c"].(*types.AttributeValueMemberN)
			require.True(r.t, ok)
			c, err := strconv.Atoi(n.Value)
			require.NoError(r.t, err)
			bytes += c
			urls += len(it) - 3
		}
		return bytes, urls
	}
	const a = "https://bigmart.example/a"
	const b = "https://bigmart.example/b"
	bytes := len("yymmdd " + a)
	t.Run("two writers add to one item, one of them the other's url too", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("UpdateItem", "listing", func() storetest.Action {
			r.write(r.quick, with(0, 1, a)...)
			return storetest.Pass
		})
		r.write(r.slow, append(with(1, 1, a), with(2, 1, b)...)...)
		assert.True(t, happened())
		assert.Equal(t, itemKey("p#"+racers, "listing")["sk"], r.items("listing")[0]["sk"], "as long as the product is not split")
		n, urls := taken(r)
		assert.Equal(t, 2, urls)
		assert.Equal(t, 2*bytes, n, "no byte is counted twice")
		r.settled()
	})
	t.Run("the answer is lost", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("UpdateItem", "listing", func() storetest.Action { return storetest.DropAnswer })
		r.write(r.slow, with(0, 1, a)...)
		assert.True(t, happened())
		n, urls := taken(r)
		assert.Equal(t, 1, urls)
		assert.Equal(t, bytes, n)
		r.settled()
	})
	t.Run("an addition arrives late", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		var late func()
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "UpdateItem" && c.Item == "listing" && late == nil {
				late = c.Send
				return storetest.Drop
			}
			return storetest.Pass
		}
		r.write(r.slow, with(0, 1, a)...)
		all := r.items("")
		require.NotNil(t, late)
		late()
		assert.Equal(t, all, r.items(""))
		r.settled()
	})
}

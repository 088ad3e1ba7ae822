package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// products reads many products at once and returns those that were found, by id, and why others were not.
func products(
	ctx context.Context, s *store.Store, urls bool, ids ...string,
) (found map[string]store.Product, errs map[string]error, err error) {
	found, errs = map[string]store.Product{}, map[string]error{}
	err = s.Products(ctx, ids, urls, func(id string, p store.Product, err error) {
		if err != nil {
			errs[id] = err
			return
		}
		found[id] = p
	})
	return found, errs, err
}

// allProducts reads many products at once, and fails if any was not found.
func allProducts(ctx context.Context, s *store.Store, ids ...string) (map[string]store.Product, error) {
	found, errs, err := products(ctx, s, true, ids...)
	return found, errors.Join(append(slices.Collect(maps.Values(errs)), err)...)
}

// Products are what Product says of each, however many are asked for, with urls and without.
func TestStore_Products(t *testing.T) {
	t.Parallel()
	client, table := market(t)
	s := storetestStore(client, table)
	withURL := sellers(1, 4)[0]
	withURL.Observation.URL = "https://bigmart.example/p/77"
	record(t, s, at(100), seen("P3", "bigmart", at(0), 100), withURL)
	ids := []string{"P3"}
	for i := range 250 {
		ids = append(ids, fmt.Sprint("nobody-knows-", i))
	}
	ids = append(ids, "P1", "P2")
	clock := price.Clock{Now: at(200_000), Retention: storetest.Retention}
	for _, urls := range []bool{false, true} {
		got, unknown, err := products(t.Context(), s, urls, ids...)
		require.NoError(t, err)
		assert.Len(t, unknown, 250)
		for id, err := range unknown {
			assert.Contains(t, id, "nobody-knows-")
			assert.True(t, fault.Is(err, fault.NotFound))
		}
		assert.Len(t, got, 3)
		for id, offers := range map[string]int{"P1": 2, "P2": 20, "P3": 1} {
			want, err := s.Product(t.Context(), id, urls)
			require.NoError(t, err)
			assert.Equal(t, want, got[id])
			assert.Equal(t, want.Catalogued, id != "P3")
			assert.Len(t, want.Live(clock), offers)
			assert.Equal(t, urls, len(got[id].URLs) > 0, id)
		}
		assert.Len(t, got["P1"].Boards, 1)
		assert.Greater(t, len(got["P2"].Boards), 1)
	}

	_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: itemKey("p#P3", "board"), UpdateExpression: aws.String("REMOVE h"),
	})
	require.NoError(t, err)
	got, unreadable, err := products(t.Context(), s, false, "P3", "P1")
	require.NoError(t, err)
	require.ErrorIs(t, unreadable["P3"], board.ErrFormat, "never something less")
	assert.Equal(t, fault.Internal, fault.Of(unreadable["P3"]).Kind)
	assert.Contains(t, got, "P1", "the neighbour is read")

	got, errs, err := products(t.Context(), s, false)
	require.NoError(t, err)
	assert.Empty(t, got)
	assert.Empty(t, errs)
}

// The offers of a split product come in the order of an unsplit one's, and each is found in its shard.
func TestStore_Product_Split(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	clock := price.Clock{Now: at(200_000), Retention: storetest.Retention}
	numbers := map[int]bool{} // of boards
	for offers := 1; offers <= 20; offers++ {
		record(t, s, at(100), sellers(20, 1)[offers-1])
		p, err := s.Product(t.Context(), "P2", true)
		require.NoError(t, err)
		numbers[len(p.Boards)] = true
		assert.Nil(t, p.URLs, "none has a url")
		var sellers []string
		for _, o := range p.Live(clock) {
			sellers = append(sellers, o.Key.SellerID)
			found, ok := p.Find(o.Key)
			require.True(t, ok)
			assert.Equal(t, o, found)
		}
		slices.Sort(sellers)
		assert.Len(t, slices.Compact(sellers), offers)
		_, ok := p.Find(price.OfferKey{ProductID: "P2", CompetitorID: "shopx"})
		assert.False(t, ok)
		assert.Empty(t, p.Live(price.Clock{Now: at(200_000), Retention: 1}), "outside the retention they are gone")
	}
	assert.Greater(t, len(numbers), 1, "it was split on the way")
}

// What DynamoDB leaves over is asked for again until the deadline; what is left then has to be asked for again by the client, and
// the products that were read are told all the same.
func TestStore_Products_PartlyRead(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	seeding := storetestStore(client, table)
	register(t, seeding, "bigmart")
	var ids []string
	var in []price.Submission
	for i := range 250 {
		ids = append(ids, fmt.Sprint("ZU-", i))
		in = append(in, seen(ids[i], "bigmart", at(0), 100))
	}
	record(t, seeding, at(1), in...)
	for name, tt := range map[string]struct {
		urls  bool
		from  int              // the call from which on something befalls them
		to    int              // the last such call
		by    storetest.Action // what
		found int
		ours  bool // it is our mistake
	}{
		"keys are left over once":            {false, 1, 1, storetest.Leave, 250, false},
		"keys are left over once, with urls": {true, 2, 3, storetest.Leave, 250, false},
		"keys are left over for ever":        {false, 1, 99, storetest.Leave, -1, false},
		"the second call is throttled":       {false, 2, 99, storetest.Throttle, 100, false},
		"all calls but the first, with urls": {true, 2, 99, storetest.Throttle, 50, false},
		"all are throttled":                  {false, 1, 99, storetest.Throttle, 0, false},
		"we may not":                         {false, 1, 99, storetest.Deny, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			ctx, end := context.WithCancelCause(t.Context())
			endpoint := storetest.Proxy(t, func(storetest.Call) storetest.Action {
				calls++
				if calls == 12 {
					end(errors.New("the deadline"))
				}
				if calls >= tt.from && calls <= tt.to {
					return tt.by
				}
				return storetest.Pass
			})
			s := store.New(storetest.Client(endpoint), store.Options{Table: table, Retention: storetest.Retention, Width: 1})
			found, errs, err := products(ctx, s, tt.urls, ids...)
			if tt.ours {
				require.Error(t, err)
				assert.Equal(t, fault.Internal, fault.Of(err).Kind)
				return
			}
			require.NoError(t, err)
			assert.Len(t, errs, len(ids)-len(found), "each is told of")
			if tt.found >= 0 {
				assert.Len(t, found, tt.found)
			}
			for id, err := range errs {
				assert.True(t, fault.Is(err, fault.Unavailable), "%s: %v", id, err)
			}
			for _, p := range found {
				assert.Len(t, p.Boards[0].Offers, 1)
			}
		})
	}
}

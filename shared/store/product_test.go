package store_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// Products are what Product says of each, however many are asked for, without those that nobody knows.
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
	found, err := s.Products(t.Context(), ids)
	require.NoError(t, err)
	got := map[string]store.Product{}
	for _, p := range found {
		got[p.ID] = p
	}
	assert.Len(t, got, 3)
	require.Len(t, found, 3)
	clock := price.Clock{Now: at(200_000), Retention: storetest.Retention}
	for id, offers := range map[string]int{"P1": 2, "P2": 20, "P3": 1} {
		want, err := s.Product(t.Context(), id, false)
		require.NoError(t, err)
		assert.Equal(t, want, got[id])
		assert.Equal(t, want.Catalogued, id != "P3")
		assert.Len(t, want.Live(clock), offers)
	}
	assert.Len(t, got["P1"].Boards, 1)
	assert.Greater(t, len(got["P2"].Boards), 1)

	_, err = client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: itemKey("p#P3", "board"), UpdateExpression: aws.String("REMOVE h"),
	})
	require.NoError(t, err)
	_, err = s.Products(t.Context(), []string{"P1", "P3"})
	require.ErrorIs(t, err, board.ErrFormat, "never something less")

	found, err = s.Products(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, found)
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
		assert.Len(t, sellers, offers)
		assert.IsNonDecreasing(t, sellers)
		_, ok := p.Find(price.OfferKey{ProductID: "P2", CompetitorID: "shopx"})
		assert.False(t, ok)
		assert.Empty(t, p.Live(price.Clock{Now: at(200_000), Retention: 1}), "outside the retention they are gone")
	}
	assert.Greater(t, len(numbers), 1, "it was split on the way")
}

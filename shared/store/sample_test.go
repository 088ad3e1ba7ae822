package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

func TestStore_Sample(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	storetest.PutGTIN(t, client, table, "06291041500213", "P0")
	secret := token.Mint("dev")
	require.NoError(t, s.PutToken(t.Context(), token.Record{
		KeyID: secret.KeyID, Digest: secret.Digest(), Client: "c", Scopes: []string{"read"},
	}))
	var want []string
	for i := range 20 {
		id := fmt.Sprintf("P%02d", i)
		want = append(want, id)
		record(t, s, at(100), seen(id, "bigmart", at(i), 100))
	}
	record(t, s, at(100), sellers(60, 1)...) // of P2
	record(t, s, at(100), sellers(60, 2)...)
	require.NotEmpty(t, items(t, client, table, "p#P2", "board#"), "split: it is one product all the same")
	require.NoError(t, s.SetCatalogue(t.Context(), "P-own", board.Catalogue{}, 1))
	want = append(want, "P2", "P-own")

	t.Run("every product is in one segment", func(t *testing.T) {
		const total = 7
		var got []string
		used := 0
		for segment := range int32(total) {
			before := len(got)
			ctx, m := meter.With(t.Context())
			require.NoError(t, s.Sample(ctx, segment, total, func(id string) (bool, error) { got = append(got, id); return true, nil }))
			assert.Positive(t, m.Counts().Calls)
			assert.Positive(t, m.Counts().ReadUnits)
			if len(got) > before {
				used++
			}
		}
		assert.Greater(t, used, 1)
		assert.ElementsMatch(t, want, got)
	})
	t.Run("until the caller has seen enough", func(t *testing.T) {
		n := 0
		require.NoError(t, s.Sample(t.Context(), 0, 1, func(string) (bool, error) { n++; return n < 3, nil }))
		assert.Equal(t, 3, n)
		failure := errors.New("no more")
		require.ErrorIs(t, s.Sample(t.Context(), 0, 1, func(string) (bool, error) { return true, failure }), failure)
	})
	t.Run("a store that does not answer", func(t *testing.T) {
		for action, kind := range map[storetest.Action]bool{storetest.Throttle: true, storetest.Deny: false} {
			broken := storetestStore(storetest.Client(storetest.Proxy(t, func(storetest.Call) storetest.Action { return action })), table)
			err := broken.Sample(t.Context(), 0, 1, func(string) (bool, error) { return true, nil })
			require.ErrorContains(t, err, "sample products: ")
			assert.Equal(t, kind, fault.Is(err, fault.Unavailable))
		}
	})
}

func TestStore_EachSegment(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	flushWhole(t, s)
	record(t, s, at(100), sellers(40, 60)...)
	for minute := range 20 {
		record(t, s, at(100), sellers(40, 61+minute)...)
	}
	p, err := s.Product(t.Context(), "P2", false)
	require.NoError(t, err)
	require.Greater(t, len(p.Boards), 1)

	observations := 0
	for _, b := range p.Boards {
		for _, o := range b.Offers {
			observations += len(o.Tail)
		}
	}
	shards := map[board.Shard]bool{}
	require.NoError(t, s.EachSegment(t.Context(), "P2", func(seg store.SegmentItem) error {
		shards[seg.Shard] = true
		for _, o := range seg.Offers {
			observations += len(o.Observations)
			holder := p.Boards[slices.IndexFunc(p.Boards, func(b board.Board) bool { _, ok := b.Find(o.Key); return ok })]
			assert.Equal(t, seg.Shard, holder.Shard.Ancestor(seg.Shard.N))
			assert.Positive(t, seg.Version)
			assert.Less(t, seg.Version, holder.Version)
		}
		return nil
	}))
	assert.Equal(t, 10*40+40*21, observations)
	assert.Contains(t, shards, board.Shard{}, "the whole board's")
	assert.Greater(t, len(shards), 1, "and those of shards")

	failure := errors.New("no more")
	require.ErrorIs(t, s.EachSegment(t.Context(), "P2", func(store.SegmentItem) error { return failure }), failure)
	require.NoError(t, s.EachSegment(t.Context(), "P7", func(store.SegmentItem) error { return failure }), "it has none")

	for name, broken := range map[string]map[string]types.AttributeValue{
		"its content": {"sk": &types.AttributeValueMemberS{Value: "seg#1#20260706T090000.000#0000000000"}},
		"its shard":   {"sk": &types.AttributeValueMemberS{Value: "late#3.1#20260706T090000.000#0000000001"}},
		"its version": {"sk": &types.AttributeValueMemberS{Value: "seg#1#20260706T090000.000#x"}},
		"its key":     {"sk": &types.AttributeValueMemberS{Value: "seg#1#20260706"}},
	} {
		t.Run(name, func(t *testing.T) {
			id := "P-" + name
			broken["pk"] = &types.AttributeValueMemberS{Value: store.ProductPartition(id)}
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: broken})
			require.NoError(t, err)
			require.ErrorIs(t, s.EachSegment(t.Context(), id, func(store.SegmentItem) error { return nil }), board.ErrFormat)
		})
	}
}

package faultproxy_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/testkit/faultproxy"
	"pricing/shared/testkit/storetest"
)

func TestLimit(t *testing.T) {
	t.Parallel()
	for name, returned := range map[string]types.ReturnConsumedCapacity{
		"by the units that answers state": types.ReturnConsumedCapacityTotal, "by size": types.ReturnConsumedCapacityNone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Unix(0, 0)
			limit := faultproxy.NewLimit(4, func() time.Time { return now })
			_, table := storetest.Table(t)
			pass := func(faultproxy.Call) faultproxy.Action { return faultproxy.Action{Kind: faultproxy.Pass} }
			p := faultproxy.New(storetest.Endpoint(t), limit.Wrap(pass))
			p.Applied = limit.Applied
			url, err := p.Start("127.0.0.1:0")
			require.NoError(t, err)
			t.Cleanup(p.Close)
			client := storetest.Client(url)
			put := func(pk string) error {
				_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item(pk, 1), ReturnConsumedCapacity: returned})
				return err
			}
			transact := func(pk string) error {
				_, err := client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{ReturnConsumedCapacity: returned,
					TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: &table, Item: item(pk, 1)}}}})
				return err
			}
			throttled := func(err error) {
				t.Helper()
				var exceeded *types.ProvisionedThroughputExceededException
				require.ErrorAs(t, err, &exceeded)
				assert.Equal(t, faultproxy.ThrottleReason, *exceeded.ThrottlingReasons[0].Reason)
			}
			for range 4 {
				require.NoError(t, put("a"))
			}
			throttled(put("a"))
			throttled(transact("a"))
			require.NoError(t, put("b"), "another key")
			_, err = client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key("a")})
			require.NoError(t, err, "reads are free")
			assert.Equal(t, 8, limit.Throttled(), "attempts")
			now = now.Add(time.Second / 2) // two units
			require.NoError(t, put("a"))
			require.NoError(t, put("a"))
			throttled(put("a"))
			now = now.Add(time.Hour)
			for range 4 {
				require.NoError(t, put("a"), "what was not used is not kept for longer than a second")
			}
			throttled(put("a"))
		})
	}
	t.Run("a transaction costs what it states", func(t *testing.T) {
		t.Parallel()
		now := time.Unix(0, 0)
		limit := faultproxy.NewLimit(4, func() time.Time { return now })
		decide := limit.Wrap(func(faultproxy.Call) faultproxy.Action { return faultproxy.Action{Kind: faultproxy.Pass} })
		c := faultproxy.Call{Operation: "TransactWriteItems", Keys: []faultproxy.Key{{Table: "t", PK: "a"}, {Table: "t", PK: "b"}}}
		limit.Applied(c, []byte(`{"ConsumedCapacity":[{"TableName":"t","CapacityUnits":8},{"TableName":"u","CapacityUnits":2}]}`))
		one := faultproxy.Call{Operation: "PutItem", Keys: []faultproxy.Key{{Table: "t", PK: "b"}}}
		now = now.Add(time.Second / 4) // 4 - 5 + 1 = 0
		assert.Equal(t, faultproxy.Throttle, decide(one).Kind)
		now = now.Add(time.Millisecond)
		assert.Equal(t, faultproxy.Pass, decide(one).Kind)
	})
}

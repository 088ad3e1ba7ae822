package storetest

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"pricing/shared/store"
)

// Damage gives the board of a product a packed form that no release can read, or its catalogue entry if it has no board.
func Damage(tb testing.TB, client *dynamodb.Client, table, productID string) {
	tb.Helper()
	set := func(sk, condition, expression string, value types.AttributeValue) error {
		_, err := client.UpdateItem(tb.Context(), &dynamodb.UpdateItemInput{
			TableName: &table,
			Key: map[string]types.AttributeValue{
				store.AttrPK: &types.AttributeValueMemberS{Value: store.ProductPartition(productID)},
				store.AttrSK: &types.AttributeValueMemberS{Value: sk},
			},
			ConditionExpression:       &condition,
			UpdateExpression:          &expression,
			ExpressionAttributeValues: map[string]types.AttributeValue{":x": value},
		})
		return err
	}
	err := set("board", "attribute_exists(h)", "SET h = :x", &types.AttributeValueMemberB{Value: []byte{255, 1, 2, 3}})
	var without *types.ConditionalCheckFailedException
	if errors.As(err, &without) {
		err = set("product", "attribute_exists(cat)", "SET cat = :x", &types.AttributeValueMemberS{Value: "X"})
	}
	require.NoError(tb, err)
}

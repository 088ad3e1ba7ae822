package storetest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"pricing/shared/store"
)

// Damage gives the board of a product a packed form that no release can read.
func Damage(tb testing.TB, client *dynamodb.Client, table, productID string) {
	tb.Helper()
	_, err := client.UpdateItem(tb.Context(), &dynamodb.UpdateItemInput{
		TableName: &table,
		Key: map[string]types.AttributeValue{
			store.AttrPK: &types.AttributeValueMemberS{Value: store.ProductPartition(productID)},
			store.AttrSK: &types.AttributeValueMemberS{Value: "board"},
		},
		ConditionExpression:       aws.String("attribute_exists(h)"),
		UpdateExpression:          aws.String("SET h = :h"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":h": &types.AttributeValueMemberB{Value: []byte{255, 1, 2, 3}}},
	})
	require.NoError(tb, err)
}

package engine_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/shared/testkit/storetest"
)

func root(t *testing.T) string {
	t.Helper()
	storetest.Endpoint(t) // skips, or fails, where there is no engine
	root, err := engine.Root()
	require.NoError(t, err)
	return root
}

func TestStart_KeepsAFileBetweenRuns(t *testing.T) {
	t.Parallel()
	dir := root(t)
	template, err := os.ReadFile(filepath.Join(dir, "template.yaml"))
	require.NoError(t, err)
	tables, err := engine.Tables(template)
	require.NoError(t, err)
	require.Len(t, tables, 1)
	db := filepath.Join(t.TempDir(), "dev.db")
	name := "kept"

	first, err := engine.Start(t.Context(), dir, db)
	require.NoError(t, err)
	client := storetest.Client(first.Endpoint())
	require.NoError(t, engine.Create(t.Context(), client, tables[0], name))
	require.NoError(t, engine.Create(t.Context(), client, tables[0], name), "a table that is there is left alone")
	item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}, "sk": &types.AttributeValueMemberS{Value: "b"}}
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item})
	require.NoError(t, err)
	first.Stop()
	first.Stop()                        // a second time harms nothing
	_, err = http.Get(first.Endpoint()) //nolint:noctx,bodyclose // it must not answer
	require.Error(t, err)

	second, err := engine.Start(t.Context(), dir, db)
	require.NoError(t, err)
	defer second.Stop()
	out, err := storetest.Client(second.Endpoint()).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &name, Key: item})
	require.NoError(t, err)
	assert.NotEmpty(t, out.Item)
}

func TestStartAt(t *testing.T) {
	t.Parallel()
	e, err := engine.StartAt(t.Context(), root(t), "127.0.0.2", "")
	require.NoError(t, err)
	defer e.Stop()
	assert.Contains(t, e.Endpoint(), "http://127.0.0.2:")
}

func TestStart_MissingEngine(t *testing.T) {
	t.Parallel()
	_, err := engine.Start(t.Context(), t.TempDir(), "")
	require.ErrorIs(t, err, engine.ErrMissing)
	assert.ErrorContains(t, err, "npm ci --prefix samkit/engine")
}

func TestTables(t *testing.T) {
	t.Parallel()
	tables, err := engine.Tables([]byte(`
Resources:
  B: {Type: AWS::DynamoDB::Table, Properties: {KeySchema: [{AttributeName: id, KeyType: HASH}], AttributeDefinitions: [{AttributeName: id, AttributeType: S}, {AttributeName: at, AttributeType: N}],
    GlobalSecondaryIndexes: [{IndexName: by-at, KeySchema: [{AttributeName: at, KeyType: HASH}], Projection: {ProjectionType: KEYS_ONLY}}]}}
  A: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub "a-${Env}", KeySchema: [{AttributeName: pk, KeyType: HASH}]}}
  F: {Type: AWS::Serverless::Function}
`))
	require.NoError(t, err)
	require.Len(t, tables, 2)
	assert.Equal(t, "A", tables[0].LogicalID)
	assert.Equal(t, "by-at", *tables[1].Create.GlobalSecondaryIndexes[0].IndexName)
	assert.Equal(t, types.BillingModePayPerRequest, tables[1].Create.BillingMode)

	_, err = engine.Tables([]byte("Resources: ["))
	require.Error(t, err)
}

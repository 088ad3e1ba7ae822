package engine_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
)

// start starts an engine until the test ends. Where it was never fetched the test is skipped, but fails in CI.
func start(t *testing.T, host, dbPath string) *engine.Engine {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	e, err := engine.StartAt(t.Context(), root, host, dbPath)
	if errors.Is(err, engine.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(e.Stop)
	return e
}

func client(e *engine.Engine) *dynamodb.Client {
	endpoint := e.Endpoint()
	keys := func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
	}
	return dynamodb.New(dynamodb.Options{Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: aws.CredentialsProviderFunc(keys)})
}

const things = `Resources:
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
`

func TestStart_KeepsAFileBetweenRuns(t *testing.T) {
	t.Parallel()
	tables, err := engine.Tables([]byte(things))
	require.NoError(t, err)
	require.Len(t, tables, 1)
	db := filepath.Join(t.TempDir(), "dev.db")
	name := "kept"

	first := start(t, "127.0.0.1", db)
	require.NoError(t, engine.Create(t.Context(), client(first), tables[0], name))
	require.NoError(t, engine.Create(t.Context(), client(first), tables[0], name), "a table that is there is left alone")
	item := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "a"}}
	_, err = client(first).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item})
	require.NoError(t, err)
	first.Stop()
	first.Stop()                        // a second time harms nothing
	_, err = http.Get(first.Endpoint()) //nolint:noctx,bodyclose // it must not answer
	require.Error(t, err)

	second := start(t, "127.0.0.1", db)
	out, err := client(second).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &name, Key: item})
	require.NoError(t, err)
	assert.NotEmpty(t, out.Item)
}

func TestStartAt(t *testing.T) {
	t.Parallel()
	assert.Contains(t, start(t, "127.0.0.2", "").Endpoint(), "http://127.0.0.2:")
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
  B:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}, {AttributeName: at, AttributeType: N}]
      GlobalSecondaryIndexes:
        - {IndexName: by-at, KeySchema: [{AttributeName: at, KeyType: HASH}], Projection: {ProjectionType: KEYS_ONLY}}
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

func TestRestart(t *testing.T) {
	t.Parallel()
	e := start(t, "127.0.0.1", filepath.Join(t.TempDir(), "data.db"))
	e.Stop()
	<-e.Done()
	again, err := e.Restart(t.Context())
	require.NoError(t, err)
	defer again.Stop()
	assert.Equal(t, e.Endpoint(), again.Endpoint())
	resp, err := http.Get(again.Endpoint()) //nolint:noctx // it answers or the test fails
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

func TestOnlyTable(t *testing.T) {
	t.Parallel()
	table := func(id string) string {
		return "  " + id + ": {Type: AWS::DynamoDB::Table, Properties: {KeySchema: [{AttributeName: pk, KeyType: HASH}]}}\n"
	}
	root := t.TempDir()
	_, err := engine.OnlyTable(root)
	require.ErrorIs(t, err, os.ErrNotExist)
	for resources, says := range map[string]string{
		table("A") + table("B"):                    "the template has 2 tables, not one",
		"  F: {Type: AWS::Serverless::Function}\n": "the template has 0 tables, not one",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "template.yaml"), []byte("Resources:\n"+resources), 0o600))
		_, err = engine.OnlyTable(root)
		require.EqualError(t, err, says)
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "template.yaml"), []byte("Resources:\n"+table("A")), 0o600))
	found, err := engine.OnlyTable(root)
	require.NoError(t, err)
	assert.Equal(t, "A", found.LogicalID)
}

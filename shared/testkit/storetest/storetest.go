// Package storetest gives a test a store on a fresh table of the real engine, made from template.yaml.
//
// One in-memory engine serves a test binary and ends with it. AWS_ENDPOINT_URL_DYNAMODB names another engine. Without any, a
// test is skipped on a laptop, with the reason, and fails where CI is set: a test that did not run proves nothing.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/shared/price"
	"pricing/shared/store"
)

// Retention is the retention of stores made here, long enough for any date a test may use.
const Retention = 4000 * 24 * time.Hour

// New returns a store on a table of its own.
func New(tb testing.TB) *store.Store {
	tb.Helper()
	client, table := Table(tb)
	return store.New(client, store.Options{Table: table, Retention: Retention, Width: 4})
}

// Table makes a fresh table and returns a client and its name, for tests that look at items or need a store with other options.
func Table(tb testing.TB) (client *dynamodb.Client, table string) {
	tb.Helper()
	client = Client(Endpoint(tb))
	declared, err := declaredTable()
	require.NoError(tb, err)
	table = "test-" + strings.ToLower(rand.Text())
	require.NoError(tb, engine.Create(tb.Context(), client, declared, table))
	return client, table
}

// declaredTable is the table as the template has it. Reading the template takes longer than making the table.
var declaredTable = sync.OnceValues(func() (engine.Table, error) {
	root, err := engine.Root()
	if err != nil {
		return engine.Table{}, err
	}
	return engine.OnlyTable(root)
})

// Client returns the store's own client of an endpoint, with dummy credentials. What depends on time is taken out: it does
// not wait between attempts, and an attempt may take as long as it likes, since on a busy machine one that is slow would
// pass for one that is lost.
func Client(endpoint string) *dynamodb.Client { return ClientWithin(endpoint, -1) }

// ClientWithin is Client with a time for each attempt, after which it counts as lost.
func ClientWithin(endpoint string, attempt time.Duration) *dynamodb.Client {
	client := store.NewClient(store.ClientOptions{Region: "eu-west-1", Endpoint: endpoint, Width: 16, AttemptTimeout: attempt,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		})})
	return dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.Retryer = impatient{o.Retryer.(aws.RetryerV2)}
	})
}

// impatient is a retryer that does not wait: as many attempts as the other's, for the same errors, from the same budget.
type impatient struct{ aws.RetryerV2 }

// RetryDelay is how long to wait before an attempt.
func (impatient) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

var shared = sync.OnceValues(func() (*engine.Engine, error) {
	root, err := engine.Root()
	if err != nil {
		return nil, err
	}
	return engine.Start(context.Background(), root, "")
})

// Endpoint returns the URL of the engine that tests of this binary share.
func Endpoint(tb testing.TB) string {
	tb.Helper()
	if endpoint := os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"); endpoint != "" {
		return endpoint
	}
	e, err := shared()
	if errors.Is(err, engine.ErrMissing) && os.Getenv("CI") == "" {
		tb.Skip(err.Error())
	}
	require.NoError(tb, err)
	return e.Endpoint()
}

// PutGTIN makes a gtin belong to a product, as the catalogue does.
func PutGTIN(tb testing.TB, client *dynamodb.Client, table, gtin, productID string) {
	tb.Helper()
	_, err := client.PutItem(tb.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
		store.AttrPK:        &types.AttributeValueMemberS{Value: store.GTINPartition(price.GTIN(gtin))},
		store.AttrSK:        &types.AttributeValueMemberS{Value: "product"},
		store.AttrProductID: &types.AttributeValueMemberS{Value: productID},
	}})
	require.NoError(tb, err)
}

// PutCompetitors registers so many competitors at once, named c-0, c-1 and so on.
func PutCompetitors(tb testing.TB, client *dynamodb.Client, table string, n int) {
	tb.Helper()
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for first := 0; first < n; first += 25 { // as many as a batch takes
		var puts []types.WriteRequest
		for i := first; i < min(first+25, n); i++ {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: map[string]types.AttributeValue{
				store.AttrPK: text(store.CompetitorsPartition()), store.AttrSK: text(fmt.Sprint("c-", i)), store.AttrName: text("x"),
				store.AttrKind: text("retailer"), store.AttrFreshFor: text("PT26H"), store.AttrStatus: text("active"),
			}}})
		}
		out, err := client.BatchWriteItem(tb.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: puts},
		})
		require.NoError(tb, err)
		require.Empty(tb, out.UnprocessedItems)
	}
}

// Seeded returns a store with the market of Seed on a table of its own. Boards of damaged products cannot be read (Damage).
func Seeded(tb testing.TB, damaged ...string) *store.Store {
	tb.Helper()
	client, table := Table(tb)
	s := store.New(client, store.Options{Table: table, Retention: Retention, Width: 4})
	PutGTIN(tb, client, table, "06291041500213", "ZU-1042")
	PutGTIN(tb, client, table, "00000096385074", "self-check-1")
	Seed(tb, s)
	for _, productID := range damaged {
		Damage(tb, client, table, productID)
	}
	return s
}

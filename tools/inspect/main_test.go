package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

var update = flag.Bool("update", false, "write what is printed to testdata: read it before it is committed")

var start = price.At(time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC))

// inspected runs the command on a table.
func inspected(t *testing.T, table string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	env := map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": storetest.Endpoint(t), "AWS_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
	err := run(t.Context(), append([]string{"-table", table}, args...), func(name string) string { return env[name] }, &out)
	return out.String(), err
}

func put(t *testing.T, client *dynamodb.Client, table string, attributes map[string]types.AttributeValue) {
	t.Helper()
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: attributes})
	require.NoError(t, err)
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func TestRun(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})
	storetest.PutGTIN(t, client, table, "06291041500213", "ZU-1042")
	storetest.Seed(t, s)
	_, err := s.PutCatalogueEntry(t.Context(), "ZU-1042", price.CatalogueEntry{
		Title: "Kettle", GTIN: "06291041500213", Brand: "Otto", Tags: []string{"kitchen"}, List: price.Money{Minor: 2499, Currency: "USD"},
	}, nil)
	require.NoError(t, err)
	require.NoError(t, s.PutToken(t.Context(), token.Record{KeyID: "0123456789abcdef", Digest: []byte("secret digest"),
		Client: "crawler-a", Scopes: []string{"ingest", "read"}, Sources: []string{"crawler-a", "feed-*"}, NotBefore: start.Time(),
		Expires: start.Time().Add(24 * time.Hour), Active: true}))

	for name, args := range map[string][]string{
		"product": {"-product", "ZU-1042"}, "gtin": {"-gtin", "6291041500213"}, "competitors": {"-competitors"},
		"token": {"-token", "0123456789abcdef"}, "tokens": {"-tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := inspected(t, table, args...)
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.WriteFile("testdata/"+name+".txt", []byte(got), 0o600))
			}
			want, err := os.ReadFile("testdata/" + name + ".txt")
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
			assert.NotContains(t, got, "digest")
			assert.NotContains(t, got, fmt.Sprintf("%x", "secret digest"))
		})
	}

	t.Run("what is not decoded is printed as it is, and the rest too", func(t *testing.T) {
		put(t, client, table, map[string]types.AttributeValue{"pk": str("p#ZU-1042"), "sk": str("seg#1#20260501T000000.000#0000000001"),
			"h": &types.AttributeValueMemberB{Value: []byte{99, 1}}, "n": &types.AttributeValueMemberN{Value: "4"}})
		put(t, client, table, map[string]types.AttributeValue{"pk": str("p#ZU-1042"), "sk": str("review"),
			"by":    &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"name": str("ann\n")}},
			"flags": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberBOOL{Value: true}}}})
		got, err := inspected(t, table, "-product", "ZU-1042")
		require.EqualError(t, err, "2 items could not be decoded by this release")
		assert.Contains(t, got, "p#ZU-1042 review (43 bytes)\n  NOT DECODED: no known form\n  by: {name: \"ann\\n\"}\n  flags: [true]\n")
		assert.Contains(t, got, "NOT DECODED: segment seg#1#20260501T000000.000#0000000001 of ZU-1042: "+
			"unpack segment: unknown or damaged packed form: format byte\n  h: bytes 6301\n  n: 4\n")
		assert.Contains(t, got, "board v 1: 5 offers")

		put(t, client, table, map[string]types.AttributeValue{"pk": str("t#fedcba9876543210"), "sk": str("token"),
			"digest": &types.AttributeValueMemberB{Value: []byte("secret digest")}})
		got, err = inspected(t, table, "-token", "fedcba9876543210", "-product", "NOPE")
		require.Error(t, err)
		assert.Contains(t, got, "NOT DECODED")
		assert.Contains(t, got, "digest: not shown")
	})
	t.Run("a product that nobody has observed", func(t *testing.T) {
		require.NoError(t, s.SetCatalogue(t.Context(), "ZU-1", board.Catalogue{Discontinued: true}, 1))
		got, err := inspected(t, table, "-product", "ZU-1")
		require.NoError(t, err)
		assert.Contains(t, got, "catalogue D|-|- (status|list|MAP), version 1 of the entry\n  no board yet: never observed\n")
	})
}

// A product with many offers has a directory, shards, shards that were split further, several urls items and segments of
// each generation.
func TestRun_ASplitProduct(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})
	_, err := s.PutCompetitor(t.Context(), price.Competitor{ID: "bigmart", Name: "BigMart", FreshFor: price.DefaultFreshFor, Active: true})
	require.NoError(t, err)
	rounds := append([]int{8, 8, 8, 8, 8, 8, 8, 8, 16, 16}, slices.Repeat([]int{60}, 25)...)
	const late = 22 // the round that was seen before the first
	for round, sellers := range rounds {
		seen := start.Add(time.Duration(round) * time.Hour)
		if round == late {
			seen = start.Add(-time.Hour)
		}
		var in []price.Submission
		for i := range sellers {
			in = append(in, price.Submission{Observation: price.Observation{
				Key:   price.OfferKey{ProductID: "P1", CompetitorID: "bigmart", SellerID: fmt.Sprintf("%0120d", i)},
				Terms: price.Terms{Price: price.Money{Minor: int64(100 + round), Currency: "USD"}},
				URL:   fmt.Sprintf("https://bigmart.example/%d", i), Source: price.Source{ID: "crawler-a", Confidence: price.NoConfidence},
				ObservedAt: seen,
			}})
		}
		verdicts, err := s.Record(t.Context(), in, start.Add(time.Duration(round)*time.Hour), false)
		require.NoError(t, err)
		for _, v := range verdicts {
			require.NoError(t, v.Err)
		}
	}
	got, err := inspected(t, table, "-product", "P1")
	require.NoError(t, err)
	for _, want := range []string{
		"directory v ", " shards, before [", "moved v ", "split further", "board v ", "p#P1 board.urls#", "p#P1 board.urls (",
		"p#P1 seg#1#20260706T", "  segment of label 1, flushed from version ", " observations from 2026-07-06T", "p#P1 seg#16.",
		"  segment of label 16.", "p#P1 late#16.", "  late segment of label 16.", ", late up to 2026-07-06T08:00:00.000Z",
		"url https://bigmart.example/59, carried at 2026-07-07T19:00:00.000Z by crawler-a",
	} {
		assert.True(t, strings.Contains(got, want), want) //nolint:testifylint // what was printed fills pages
	}
	for _, absent := range []string{"NOT DECODED", "(not stored)"} {
		assert.False(t, strings.Contains(got, absent), absent) //nolint:testifylint // likewise
	}
	observations := strings.Count(got, ", id ")
	assert.GreaterOrEqual(t, observations, 8*8+2*16+25*60, "every observation stands somewhere")
}

func TestRun_Faults(t *testing.T) {
	t.Parallel()
	_, table := storetest.Table(t)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"nothing named":       {nil, "say what to print: -product, -gtin, -competitors, -tokens or -token"},
		"nothing stored":      {[]string{"-product", "NOPE"}, "nothing is stored under p#NOPE"},
		"a gtin that is none": {[]string{"-gtin", "6291041500214"}, "-gtin: "},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := inspected(t, table, tt.args...)
			require.ErrorContains(t, err, tt.want)
			assert.Empty(t, out)
		})
	}
}

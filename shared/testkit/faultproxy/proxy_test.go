package faultproxy_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/meter"
	"pricing/shared/store"
	"pricing/shared/testkit/faultproxy"
	"pricing/shared/testkit/storetest"
)

// bench is a table, reached directly and through a proxy.
type bench struct {
	t               *testing.T
	direct, proxied *dynamodb.Client
	table           string
	proxy           *faultproxy.Proxy
	attempts        atomic.Int32
}

func newBench(t *testing.T, decide func(faultproxy.Call) faultproxy.Action) *bench {
	t.Helper()
	b := &bench{t: t}
	b.direct, b.table = storetest.Table(t)
	b.proxy = faultproxy.New(storetest.Endpoint(t), func(c faultproxy.Call) faultproxy.Action {
		b.attempts.Add(1)
		return decide(c)
	})
	b.proxy.Remember = true
	b.proxy.OnError = func(err error) { t.Error(err) }
	url, err := b.proxy.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(b.proxy.Close)
	b.proxied = storetest.Client(url)
	return b
}

// firstly acts on the first so many attempts and lets the others pass.
func firstly(n int, a faultproxy.Action) func(faultproxy.Call) faultproxy.Action {
	return func(c faultproxy.Call) faultproxy.Action {
		if c.Before < n {
			return a
		}
		return faultproxy.Action{Kind: faultproxy.Pass}
	}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// item is an item of a partition with a number.
func item(pk string, n int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{store.AttrPK: text(pk), store.AttrSK: text("board#1"),
		"n": &types.AttributeValueMemberN{Value: strconv.Itoa(n)}}
}

func key(pk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{store.AttrPK: text(pk), store.AttrSK: text("board#1")}
}

// stored is the number of an item, or -1.
func (b *bench) stored(pk string) int {
	b.t.Helper()
	out, err := b.direct.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: &b.table, Key: key(pk),
		ConsistentRead: aws.Bool(true)})
	require.NoError(b.t, err)
	return number(b.t, out.Item)
}

func number(t *testing.T, item map[string]types.AttributeValue) int {
	t.Helper()
	n, ok := item["n"].(*types.AttributeValueMemberN)
	if !ok {
		return -1
	}
	i, err := strconv.Atoi(n.Value)
	require.NoError(t, err)
	return i
}

// create puts an item that must not be there yet.
func (b *bench) create(ctx context.Context, client *dynamodb.Client) error {
	_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.table, Item: item("a", 1),
		ConditionExpression: aws.String("attribute_not_exists(pk)")})
	return err
}

// increase adds 1 to an item's number.
func (b *bench) increase(ctx context.Context, client *dynamodb.Client) error {
	_, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &b.table, Key: key("a"),
		UpdateExpression:          aws.String("ADD n :one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}}})
	return err
}

// Each action, as the store's own client meets it: what it sees, after how many attempts, and what the table holds.
func TestProxy_Actions(t *testing.T) {
	t.Parallel()
	const conditionFailed, throughput = "ConditionalCheckFailedException", "ProvisionedThroughputExceededException"
	tests := map[string]struct {
		kind     faultproxy.Kind
		attempts int    // that it befalls
		want     string // the code of the client's error, or a part of its text
		took     int    // attempts
		stored   int    // the item's number, -1: nothing is stored
	}{
		"pass":                       {faultproxy.Pass, 1, "", 1, 1},
		"drop":                       {faultproxy.Drop, 1, "", 2, 1},
		"drop all":                   {faultproxy.Drop, 9, "connection reset by peer", 4, -1},
		"delay":                      {faultproxy.Delay, 1, "", 1, 1},
		"drop the answer":            {faultproxy.DropAnswer, 1, conditionFailed, 2, 1},
		"close after it":             {faultproxy.CloseAnswer, 1, conditionFailed, 2, 1},
		"close after each":           {faultproxy.CloseAnswer, 9, "EOF", 4, 1},
		"truncate":                   {faultproxy.Truncate, 1, "deserialization failed", 1, 1},
		"wrong checksum":             {faultproxy.WrongChecksum, 1, "", 1, 1},
		"throttle":                   {faultproxy.Throttle, 3, "", 4, 1},
		"throttle all":               {faultproxy.Throttle, 9, throughput, 4, -1},
		"throttling":                 {faultproxy.Throttling, 3, "", 4, 1},
		"throttling all":             {faultproxy.Throttling, 9, "ThrottlingException", 4, -1},
		"request limit":              {faultproxy.RequestLimit, 3, "", 4, 1},
		"request limit all":          {faultproxy.RequestLimit, 9, "RequestLimitExceeded", 4, -1},
		"fail":                       {faultproxy.Fail, 3, "", 4, 1},
		"fail all":                   {faultproxy.Fail, 9, "InternalServerError", 4, -1},
		"unavailable":                {faultproxy.Unavailable, 3, "", 4, 1},
		"unavailable all":            {faultproxy.Unavailable, 9, "StatusCode: 503", 4, -1},
		"deny":                       {faultproxy.Deny, 1, "AccessDeniedException", 1, -1},
		"conflict":                   {faultproxy.Conflict, 1, "TransactionConflictException", 1, -1},
		"never applied, then it is":  {faultproxy.Hang, 1, "", 2, 1},
		"stalled, and then repeated": {faultproxy.Stall, 1, conditionFailed, 2, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, firstly(tt.attempts, faultproxy.Action{Kind: tt.kind}))
			client := b.proxied
			if tt.kind == faultproxy.Hang || tt.kind == faultproxy.Stall { // with the time that an attempt has in earnest
				client = storetest.ClientWithin(aws.ToString(client.Options().BaseEndpoint), 1500*time.Millisecond)
			}
			ctx, m := meter.With(t.Context())
			err := b.create(ctx, client)
			if tt.want == "" {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
				require.ErrorContains(t, err, tt.want)
			}
			assert.EqualValues(t, tt.took, b.attempts.Load(), "attempts that arrived")
			assert.Equal(t, tt.took, m.Counts().Attempts, "attempts that the client made")
			assert.Equal(t, tt.stored, b.stored("a"))
			if tt.want == throughput {
				assert.Equal(t, map[string]int{faultproxy.ThrottleReason: tt.took}, m.Counts().Throttles)
			}
		})
	}
}

func TestProxy_LateApply(t *testing.T) {
	t.Parallel()
	b := newBench(t, firstly(1, faultproxy.Action{Kind: faultproxy.LateApply, Wait: time.Hour}))
	require.NoError(t, b.increase(t.Context(), b.proxied), "the second attempt")
	assert.EqualValues(t, 2, b.attempts.Load())
	assert.Equal(t, 1, b.stored("a"))
	b.proxy.Land()
	assert.Equal(t, 2, b.stored("a"), "the first came after it")
	b.proxy.Land()
	assert.Equal(t, 2, b.stored("a"), "and once")
}

// What is delayed never arrives when the client gave up.
func TestProxy_Delay(t *testing.T) {
	t.Parallel()
	ctx, giveUp := context.WithCancel(t.Context())
	b := newBench(t, func(faultproxy.Call) faultproxy.Action {
		giveUp()
		return faultproxy.Action{Kind: faultproxy.Delay, Wait: time.Hour}
	})
	require.ErrorIs(t, b.increase(ctx, b.proxied), context.Canceled)
	b.proxy.Close()
	assert.Equal(t, -1, b.stored("a"))
}

func TestProxy_Close(t *testing.T) {
	t.Parallel()
	kinds := []faultproxy.Kind{faultproxy.Hang, faultproxy.Stall, faultproxy.Delay, faultproxy.LateApply}
	var arrived atomic.Int32
	all := make(chan struct{})
	b := newBench(t, func(c faultproxy.Call) faultproxy.Action {
		if arrived.Add(1) == int32(len(kinds)) {
			close(all)
		}
		for i, k := range kinds {
			if c.Keys[0].PK == fmt.Sprint("p", i) {
				return faultproxy.Action{Kind: k, Wait: time.Hour}
			}
		}
		return faultproxy.Action{Kind: faultproxy.Pass}
	})
	failed := make(chan error)
	once := dynamodb.New(b.proxied.Options(), func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	for i := range kinds {
		go func() {
			_, err := once.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &b.table, Item: item(fmt.Sprint("p", i), i)})
			failed <- err
		}()
	}
	<-all
	b.proxy.Close()
	for range kinds {
		require.Error(t, <-failed)
	}
	assert.Equal(t, []int{-1, 1, -1, 3}, []int{b.stored("p0"), b.stored("p1"), b.stored("p2"), b.stored("p3")},
		"what stalls was applied, what is late has landed, what hangs or is delayed never arrives")
	require.Error(t, b.increase(t.Context(), once), "it is closed")
	b.proxy.Close() // again does nothing
}

func TestProxy_Transactions(t *testing.T) {
	t.Parallel()
	for kind, code := range map[faultproxy.Kind]string{faultproxy.Cancel: "ValidationError", faultproxy.Collide: "TransactionConflict"} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, firstly(1, faultproxy.Action{Kind: kind}))
			write := func() error {
				_, err := b.proxied.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
					{Put: &types.Put{TableName: &b.table, Item: item("a", 1)}}, {Put: &types.Put{TableName: &b.table, Item: item("b", 2)}},
				}})
				return err
			}
			var cancelled *types.TransactionCanceledException
			require.ErrorAs(t, write(), &cancelled)
			assert.Equal(t, code, *cancelled.CancellationReasons[1].Code)
			assert.Equal(t, -1, b.stored("a"))
			require.NoError(t, write())
			assert.Equal(t, 2, b.stored("b"))
		})
	}
}

func TestProxy_Reads(t *testing.T) {
	t.Parallel()
	action := faultproxy.Action{Kind: faultproxy.Pass}
	b := newBench(t, func(c faultproxy.Call) faultproxy.Action {
		if c.Consistent {
			return faultproxy.Action{Kind: faultproxy.Pass}
		}
		return action
	})
	read := func(consistent bool) int {
		out, err := b.proxied.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key("a"), ConsistentRead: &consistent})
		require.NoError(t, err)
		return number(t, out.Item)
	}
	require.NoError(t, b.increase(t.Context(), b.direct))
	assert.Equal(t, 1, read(false))
	require.NoError(t, b.increase(t.Context(), b.direct))
	assert.Equal(t, 2, read(false))
	action.Kind = faultproxy.Stale
	assert.Equal(t, 1, read(false), "the first answer")
	action.Kind = faultproxy.Missing
	assert.Equal(t, -1, read(false))
	assert.Equal(t, 2, read(true))
	action.Kind = faultproxy.WrongChecksum
	out, err := b.proxied.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key("a")})
	require.NoError(t, err, "the SDK reads no further than the document's end, and so never compares")
	assert.Equal(t, 2, number(t, out.Item))
}

// A batch of four of which a share is processed.
func TestProxy_Leave(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		keep float64
		done int
	}{{0, 0}, {0.25, 1}, {0.49, 1}, {0.5, 2}, {1, 4}} {
		t.Run(fmt.Sprint(tt.keep), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(faultproxy.Call) faultproxy.Action {
				return faultproxy.Action{Kind: faultproxy.Leave, Keep: tt.keep}
			})
			names := []string{"a", "b", "c", "d"}
			var puts []types.WriteRequest
			ask := types.KeysAndAttributes{ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("#n"),
				ExpressionAttributeNames: map[string]string{"#n": "n"}}
			for i, pk := range names {
				puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: item(pk, i)}})
				ask.Keys = append(ask.Keys, key(pk))
			}
			wrote, err := b.proxied.BatchWriteItem(t.Context(),
				&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{b.table: puts}})
			require.NoError(t, err)
			if tt.done == len(names) {
				assert.Empty(t, wrote.UnprocessedItems)
			} else {
				assert.Equal(t, map[string][]types.WriteRequest{b.table: puts[tt.done:]}, wrote.UnprocessedItems)
			}
			for i, pk := range names {
				want := i
				if i >= tt.done {
					want = -1
				}
				assert.Equal(t, want, b.stored(pk), pk)
			}
			for _, put := range puts[tt.done:] {
				_, err := b.direct.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &b.table, Item: put.PutRequest.Item})
				require.NoError(t, err)
			}
			got, err := b.proxied.BatchGetItem(t.Context(),
				&dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{b.table: ask}})
			require.NoError(t, err)
			assert.Len(t, got.Responses[b.table], tt.done)
			if tt.done == len(names) {
				assert.Empty(t, got.UnprocessedKeys)
				return
			}
			left := ask
			left.Keys = ask.Keys[tt.done:]
			assert.Equal(t, map[string]types.KeysAndAttributes{b.table: left}, got.UnprocessedKeys)
		})
	}
}

// What a decision is made from.
func TestProxy_Call(t *testing.T) {
	t.Parallel()
	var calls []faultproxy.Call
	b := newBench(t, func(c faultproxy.Call) faultproxy.Action {
		calls = append(calls, c)
		return faultproxy.Action{Kind: faultproxy.Pass}
	})
	ctx, table := t.Context(), b.table
	require.NoError(t, b.increase(ctx, b.proxied))
	require.NoError(t, b.increase(ctx, b.proxied))
	put := func(pk string) *types.Put { return &types.Put{TableName: &table, Item: item(pk, 1)} }
	_, err := b.proxied.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: put("x")},
		{Delete: &types.Delete{TableName: &table, Key: key("y")}}}})
	require.NoError(t, err)
	_, err = b.proxied.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: {
		{PutRequest: &types.PutRequest{Item: item("x", 1)}}, {DeleteRequest: &types.DeleteRequest{Key: key("y")}}}}})
	require.NoError(t, err)
	_, err = b.proxied.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		table: {Keys: []map[string]types.AttributeValue{key("x")}, ConsistentRead: aws.Bool(true)}}})
	require.NoError(t, err)
	_, err = b.proxied.Scan(ctx, &dynamodb.ScanInput{TableName: &table})
	require.NoError(t, err)
	require.Len(t, calls, 6)
	k := func(pk string) faultproxy.Key { return faultproxy.Key{Table: table, PK: pk, SK: "board#1"} }
	for i, want := range []struct {
		operation, item    string
		before             int
		keys               []faultproxy.Key
		writes, consistent bool
	}{
		{"UpdateItem", "board", 0, []faultproxy.Key{k("a")}, true, false},
		{"UpdateItem", "board", 1, []faultproxy.Key{k("a")}, true, false},
		{"TransactWriteItems", "", 0, []faultproxy.Key{k("x"), k("y")}, true, false},
		{"BatchWriteItem", "", 0, []faultproxy.Key{k("x"), k("y")}, true, false},
		{"BatchGetItem", "", 0, []faultproxy.Key{k("x")}, false, true},
		{"Scan", "", 0, []faultproxy.Key{{Table: table}}, false, false},
	} {
		c := calls[i]
		assert.True(t, c.Is(want.operation, want.item, want.before), "%s %s %d", c.Operation, c.Item, c.Before)
		assert.Equal(t, want.keys, c.Keys, c.Operation)
		assert.Equal(t, want.writes, c.Writes(), c.Operation)
		assert.Equal(t, want.consistent, c.Consistent, c.Operation)
	}
	assert.Equal(t, calls[0].Content(), calls[1].Content())
	assert.NotEqual(t, calls[0].Content(), calls[2].Content())
	assert.Equal(t, "UpdateItem\n"+table+" a board#1", calls[0].Target())
	assert.NotEmpty(t, calls[0].Remote)
}

// What is wrong with the proxy's own side is told, and the client sees no answer.
func TestProxy_Problems(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		target string
		kind   faultproxy.Kind
		want   string
	}{
		"no engine":             {"http://127.0.0.1:1", faultproxy.Pass, "forward PutItem: "},
		"an action that is not": {storetest.Endpoint(t), "x", `PutItem: "x" does not fit this operation`},
		"an action of batches":  {storetest.Endpoint(t), faultproxy.Leave, `PutItem: "leave" does not fit this operation`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var problem error
			p := faultproxy.New(tt.target, func(faultproxy.Call) faultproxy.Action { return faultproxy.Action{Kind: tt.kind} })
			p.OnError = func(err error) { problem = err }
			url, err := p.Start("127.0.0.1:0")
			require.NoError(t, err)
			client := dynamodb.New(storetest.Client(url).Options(), func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
			_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("t"), Item: item("a", 1)})
			var api smithy.APIError
			require.Error(t, err)
			require.NotErrorAs(t, err, &api)
			p.Close()
			require.ErrorContains(t, problem, tt.want)
		})
	}
	t.Run("an address in use", func(t *testing.T) {
		t.Parallel()
		endpoint := storetest.Endpoint(t)
		_, err := faultproxy.New(endpoint, nil).Start(strings.TrimPrefix(endpoint, "http://"))
		require.ErrorContains(t, err, "start the fault proxy: ")
	})
	t.Run("what is no call of DynamoDB passes", func(t *testing.T) {
		t.Parallel()
		p := faultproxy.New(storetest.Endpoint(t), nil) // is not asked
		url, err := p.Start("127.0.0.1:0")
		require.NoError(t, err)
		defer p.Close()
		for _, base := range []string{storetest.Endpoint(t), url} {
			resp, err := http.Get(base + "/")
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Less(t, resp.StatusCode, 500)
		}
	})
}

// What is read over the wire: the checksum fits the body, or on purpose not.
func TestProxy_Checksum(t *testing.T) {
	t.Parallel()
	for kind, right := range map[faultproxy.Kind]bool{faultproxy.Leave: true, faultproxy.WrongChecksum: false} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			_, table := storetest.Table(t)
			p := faultproxy.New(storetest.Endpoint(t), func(faultproxy.Call) faultproxy.Action { return faultproxy.Action{Kind: kind, Keep: 0.5} })
			url, err := p.Start("127.0.0.1:0")
			require.NoError(t, err)
			defer p.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(
				`{"RequestItems":{"`+table+`":{"Keys":[{"pk":{"S":"a"},"sk":{"S":"b"}},{"pk":{"S":"c"},"sk":{"S":"d"}}]}}}`))
			require.NoError(t, err)
			req.Header.Set("X-Amz-Target", "DynamoDB_20120810.BatchGetItem")
			req.Header.Set("Content-Type", "application/x-amz-json-1.0")
			req.Header.Set("Authorization",
				"AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
			req.Header.Set("X-Amz-Date", "20260101T000000Z")
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close() //nolint:errcheck // read to its end
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode, string(body))
			assert.Equal(t, right, resp.Header.Get("X-Amz-Crc32") == fmt.Sprint(crc32.ChecksumIEEE(body)), string(body))
			require.NotEmpty(t, resp.Header.Get("X-Amz-Crc32"))
		})
	}
}

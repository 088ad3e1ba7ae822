package store_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/defaults"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
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

// nothing is a call that any server may answer.
var nothing = &dynamodb.PutItemInput{TableName: aws.String("t"), Item: map[string]types.AttributeValue{}}

// The SDK under faults, as the store relies on it (docs/decisions/0004). If a new version of the SDK behaves otherwise, a case
// fails and the decision has to be looked at again.
func TestSDK_UnderFaults(t *testing.T) {
	t.Parallel()
	const attempts = 4 // of NewClient
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	refusal := func(code string) http.HandlerFunc {
		return answer(400, `{"__type":"com.amazonaws.dynamodb.v20120810#`+code+`","message":"injected"}`)
	}
	isAPIError := func(code string) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			var api smithy.APIError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, code, api.ErrorCode())
		}
	}
	fails := func(t *testing.T, err error) { require.Error(t, err) }
	succeeds := func(t *testing.T, err error) { require.NoError(t, err) }
	unread := func(t *testing.T, err error) { require.ErrorContains(t, err, "deserialization failed") }
	const throughput = "ProvisionedThroughputExceededException"
	const leftovers = `{"UnprocessedItems":{"t":[{"PutRequest":{"Item":{}}}]}}`
	tests := map[string]struct {
		answer   http.HandlerFunc
		attempts int
		check    func(*testing.T, error)
	}{
		"throughput exceeded is retried":   {refusal(throughput), attempts, isAPIError(throughput)},
		"throttling is retried":            {refusal("ThrottlingException"), attempts, isAPIError("ThrottlingException")},
		"request limit is retried":         {refusal("RequestLimitExceeded"), attempts, isAPIError("RequestLimitExceeded")},
		"500 is retried":                   {answer(500, `{"__type":"InternalServerError"}`), attempts, isAPIError("InternalServerError")},
		"503 in HTML is retried":           {answer(503, "<html>busy</html>"), attempts, fails},
		"a failed condition is not":        {refusal("ConditionalCheckFailedException"), 1, isAPIError("ConditionalCheckFailedException")},
		"a transaction's conflict is not":  {refusal("TransactionConflictException"), 1, isAPIError("TransactionConflictException")},
		"a refused permission is not":      {refusal("AccessDeniedException"), 1, isAPIError("AccessDeniedException")},
		"half an answer of 200 is not":     {truncated, 1, unread},
		"a wrong checksum goes unnoticed":  {wrongChecksum, 1, succeeds},
		"leftovers in a 200 are no error":  {answer(200, leftovers), 1, succeeds},
		"a connection that resets is dead": {func(w http.ResponseWriter, _ *http.Request) { hangUp(w) }, attempts, fails},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen.Add(1)
				tt.answer(w, r)
			}))
			defer server.Close()
			_, err := storetest.Client(server.URL).PutItem(t.Context(), nothing)
			tt.check(t, err)
			assert.Equal(t, int64(tt.attempts), seen.Load(), "attempts")
		})
	}
}

// TestSDK_LostAnswer: the SDK repeats a conditional write whose answer was lost, and the caller gets the condition of its own
// successful write. Why the store marks its writes.
func TestSDK_LostAnswer(t *testing.T) {
	t.Parallel()
	for _, kind := range []faultproxy.Kind{faultproxy.DropAnswer, faultproxy.CloseAnswer, faultproxy.Stall} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			direct, table := storetest.Table(t)
			client := storetest.Client(storetest.Proxy(t, func(c storetest.Call) storetest.Action {
				if c.Before == 0 {
					return kind
				}
				return storetest.Pass
			}))
			item := map[string]types.AttributeValue{
				store.AttrPK: &types.AttributeValueMemberS{Value: "a"}, store.AttrSK: &types.AttributeValueMemberS{Value: "b"}}
			ctx, m := meter.With(t.Context())
			_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: item,
				ConditionExpression: aws.String("attribute_not_exists(pk)")}, func(o *dynamodb.Options) {
				if kind == faultproxy.Stall { // the time that an attempt has in earnest, which storetest takes out
					o.HTTPClient = store.NewClient(store.ClientOptions{}).Options().HTTPClient
				}
			})
			var failed *types.ConditionalCheckFailedException
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, 2, m.Counts().Attempts)
			out, err := direct.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: item, ConsistentRead: aws.Bool(true)})
			require.NoError(t, err)
			assert.Equal(t, item, out.Item)
		})
	}
}

// TestSDK_IdleConnectionClosed: a connection that the server closed while it was idle costs no call.
func TestSDK_IdleConnectionClosed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }))
	defer server.Close()
	client := storetest.Client(server.URL)
	for range 3 {
		_, err := client.PutItem(t.Context(), nothing)
		require.NoError(t, err)
		server.CloseClientConnections()
	}
}

// TestSDK_RetryBudget shows the budget that all calls of one client share: many calls that fail at once soon use it up, which
// bounds a storm of retries.
func TestSDK_RetryBudget(t *testing.T) {
	t.Parallel()
	const calls = 200
	for kind, budget := range map[faultproxy.Kind]int{
		faultproxy.Fail:     35,  // 500 tokens, 14 a retry after an error
		faultproxy.Throttle: 100, // 5 a retry after a throttle
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int64
			client := storetest.Client(storetest.Proxy(t, func(storetest.Call) storetest.Action {
				seen.Add(1)
				return kind
			}))
			ctx, m := meter.With(t.Context())
			var gaveUp atomic.Int64
			var wg sync.WaitGroup
			for range calls {
				wg.Go(func() {
					_, err := client.PutItem(ctx, nothing)
					if err == nil {
						t.Error("a call went through")
					}
					if quota := (ratelimit.QuotaExceededError{}); errors.As(err, &quota) {
						gaveUp.Add(1)
					}
				})
			}
			wg.Wait()
			assert.LessOrEqual(t, seen.Load(), int64(calls+budget))
			assert.Equal(t, int(seen.Load()), m.Counts().Attempts)
			assert.Equal(t, int(gaveUp.Load()), m.Counts().QuotaExceeded, "calls that gave up for want of budget are counted, each once")
			assert.GreaterOrEqual(t, m.Counts().QuotaExceeded, calls-budget)
		})
	}
}

// TestSDK_ThrottlingReasons: reasons become a metric's dimension, so only documented ones are kept apart.
func TestSDK_ThrottlingReasons(t *testing.T) {
	t.Parallel()
	reasons := func(member string, reasons ...string) string {
		var all []string
		for _, r := range reasons {
			all = append(all, `{"reason":"`+r+`","resource":"arn:aws:dynamodb:eu-west-1:123456789012:table/t"}`)
		}
		return `,"` + member + `":[` + strings.Join(all, ",") + `]`
	}
	const throughput = "ProvisionedThroughputExceededException"
	const provisioned = "TableReadProvisionedThroughputExceeded"
	tests := map[string]struct {
		code, members string
		want          map[string]int
	}{
		"a hot key": {throughput, reasons("ThrottlingReasons", "TableWriteKeyRangeThroughputExceeded"),
			map[string]int{"TableWriteKeyRangeThroughputExceeded": 1}},
		"the account's limit": {"RequestLimitExceeded", reasons("ThrottlingReasons", "IndexReadAccountLimitExceeded"),
			map[string]int{"IndexReadAccountLimitExceeded": 1}},
		"another exception": {"ThrottlingException", reasons("throttlingReasons", "TableReadMaxOnDemandThroughputExceeded"),
			map[string]int{"TableReadMaxOnDemandThroughputExceeded": 1}},
		"each reason once": {throughput, reasons("ThrottlingReasons", provisioned, provisioned, "TableReadAccountLimitExceeded"),
			map[string]int{provisioned: 1, "TableReadAccountLimitExceeded": 1}},
		"none": {throughput, "", map[string]int{"Unspecified": 1}},
		"one nobody documented": {"ThrottlingException", reasons("throttlingReasons", "TableWrite\u202eWhatever"),
			map[string]int{"Unspecified": 1}},
		"half of one": {"ThrottlingException", reasons("throttlingReasons", "KeyRangeThroughputExceeded", "TableWrite"),
			map[string]int{"Unspecified": 1}},
		"no throttle": {"ResourceNotFoundException", "", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#`+tt.code+`","message":"injected"`+tt.members+`}`)
			}))
			defer server.Close()
			ctx, m := meter.With(t.Context())
			_, err := storetest.Client(server.URL).PutItem(ctx, nothing)
			require.Error(t, err)
			c := m.Counts()
			var want map[string]int
			for reason, n := range tt.want {
				if want == nil {
					want = map[string]int{}
				}
				want[reason] = n * c.Attempts // every attempt is counted
			}
			assert.Equal(t, want, c.Throttles)
		})
	}
}

// TestSDK_HangingServer: without a client timeout the SDK would wait for its caller's deadline. How long it is here makes no
// difference: it is over before the server answers, which it never does.
func TestSDK_HangingServer(t *testing.T) {
	t.Parallel()
	closing := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-closing:
		}
	}))
	defer server.Close()
	defer close(closing)
	ctx, m := meter.With(t.Context())
	client := store.NewClient(store.ClientOptions{Region: "eu-west-1", Endpoint: server.URL, Credentials: keys,
		AttemptTimeout: 20 * time.Millisecond})
	_, err := client.PutItem(ctx, nothing)
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it gives up by itself")
	assert.Equal(t, 4, m.Counts().Attempts)
}

// TestNewClient_Timeouts: the client's own, which storetest takes out in part, and the SDK's of a client within a Region, which the SDK
// gives to a client of its own kind alone.
func TestNewClient_Timeouts(t *testing.T) {
	t.Parallel()
	type client interface {
		GetTimeout() time.Duration
		GetDialer() *net.Dialer
		GetTransport() *http.Transport
	}
	of := func(o store.ClientOptions) client {
		c, ok := store.NewClient(o).Options().HTTPClient.(client)
		require.True(t, ok)
		return c
	}
	c := of(store.ClientOptions{Width: 16})
	assert.Equal(t, 1500*time.Millisecond, c.GetTimeout(), "of an attempt")
	assert.Equal(t, 20*time.Second, c.GetTransport().IdleConnTimeout)
	assert.Equal(t, 16, c.GetTransport().MaxIdleConnsPerHost)
	usual, err := defaults.GetModeConfiguration(aws.DefaultsModeInRegion)
	require.NoError(t, err)
	assert.Equal(t, *usual.ConnectTimeout, c.GetDialer().Timeout)
	assert.Equal(t, *usual.TLSNegotiationTimeout, c.GetTransport().TLSHandshakeTimeout)
	assert.Equal(t, time.Minute, of(store.ClientOptions{AttemptTimeout: time.Minute}).GetTimeout())
	assert.Zero(t, of(store.ClientOptions{AttemptTimeout: -1}).GetTimeout(), "none")
}

// keys are no one's.
var keys = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
})

// TestNewClient_KeepsItsConnection: calls that follow each other share one connection, whose handshake costs more than all else.
// With the SDK's own client about ten of them make a new one.
func TestNewClient_KeepsItsConnection(t *testing.T) {
	t.Parallel()
	const calls = 200
	var connections, seen atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.JSONEq(t, `{"TableName":"t","Item":{}}`, string(body))
		assert.Equal(t, int64(len(body)), r.ContentLength)
		seen.Add(1)
		_, _ = io.WriteString(w, `{}`)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := store.NewClient(store.ClientOptions{Region: "eu-west-1", Endpoint: server.URL, Credentials: keys, Roots: roots, Width: 4,
		AttemptTimeout: -1})
	for range calls {
		_, err := client.PutItem(t.Context(), nothing)
		require.NoError(t, err)
	}
	assert.Equal(t, int64(calls), seen.Load())
	assert.Equal(t, int64(1), connections.Load())
}

// TestNewClient_MeasuresCalls: each call is one for the meter, with its attempts, and the id of the last answer.
func TestNewClient_MeasuresCalls(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := attempts.Add(1)
		w.Header().Set("X-Amzn-Requestid", fmt.Sprint("id-", n))
		if n < 3 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		if n > 4 {
			hangUp(w)
			return
		}
		_, _ = io.WriteString(w, `{}`)
	}))
	defer server.Close()
	client := storetest.Client(server.URL)
	ctx, m := meter.With(t.Context())
	_, err := client.PutItem(ctx, nothing)
	require.NoError(t, err)
	_, err = client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("t"), Key: map[string]types.AttributeValue{}})
	require.NoError(t, err)
	_, err = client.PutItem(ctx, nothing)
	require.Error(t, err)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = client.PutItem(gone, nothing)
	require.ErrorIs(t, err, context.Canceled)
	calls := m.Calls()
	for i := range calls {
		assert.GreaterOrEqual(t, calls[i].Took, time.Duration(0))
		calls[i].Took = 0
	}
	assert.Equal(t, []meter.Call{
		{Operation: "PutItem", Attempts: 3, RequestID: "id-3"},
		{Operation: "GetItem", Attempts: 1, RequestID: "id-4"},
		{Operation: "PutItem", Attempts: 4},
		{Operation: "PutItem"}, // nothing was sent
	}, calls)
	assert.Equal(t, 8, m.Counts().Attempts)
}

func truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"Attributes":{"v":{"N":"1`)
}

func wrongChecksum(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(strings.Repeat("x", 3)))), 10))
	_, _ = io.WriteString(w, `{}`)
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close() // what counts is that it is gone
	}
}

// TestStore_Record_OneProductTakesOneConnection, even of a process that knows nothing yet and notes that it heard from a competitor:
// a handshake takes longer than a call.
func TestStore_Record_OneProductTakesOneConnection(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	register(t, storetestStore(client, table), "bigmart")
	var operations []string
	connections := map[string]bool{}
	proxy := storetest.Proxy(t, func(c storetest.Call) storetest.Action {
		operations = append(operations, c.Operation)
		connections[c.Remote] = true
		return storetest.Pass
	})
	s := storetestStore(storetest.Client(proxy), table)
	verdicts := record(t, s, at(4), seen("P1", "bigmart", at(3), 100))
	require.NoError(t, verdicts[0].Err)
	assert.Equal(t, []string{"Query", "BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem"}, operations, "its url, its board, what was heard")
	assert.Len(t, connections, 1)
}

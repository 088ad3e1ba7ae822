package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/forward"
	"pricing/shared/testkit/metertest"
)

var update = flag.Bool("update", false, "write events/forward-logs")

const ownGroup = "/aws/lambda/pricing-dev-forward-logs"

var now = time.UnixMilli(1783329245112 + 93_400).UTC()

type object = map[string]any

// lines is a delivery of a log group.
func lines(group string, messages ...string) object {
	events := []object{}
	for i, m := range messages {
		events = append(events, object{"id": zeros + string(rune('1'+i)), "timestamp": 1783329245112 + i, "message": m})
	}
	return object{"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": group, "logStream": "2026/07/06/[7]ab",
		"subscriptionFilters": []string{"pricing-dev-forward-logs"}, "logEvents": events}
}

var (
	functionLines = lines("/aws/lambda/pricing-dev-get-health",
		`{"timestamp":"2026-07-06T09:14:05.112Z","level":"INFO","message":"request","requestId":"KHn2hG4wDoEFt9A=",`+
			`"status":200,"_aws":{"Timestamp":1}}`,
		"2026/07/06 09:14:05 fatal error: no JSON\n")
	accessLines = lines("/aws/apigateway/pricing-dev",
		`{"requestId":"KHn2hG4wDoEFt9A=","resourcePath":"/v1/health","status":"200","responseLatency":"7","integrationStatus":"-"}`)
	control = object{"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",
		"subscriptionFilters": []string{}, "logEvents": []object{
			{"id": "", "timestamp": 1783329245112, "message": "CWL CONTROL MESSAGE: Checking health of destination."},
		}}
)

// message is what Lambda puts into the queue when it has given an event up, as SQS hands it to the function.
func message(t *testing.T, id string, event []byte) object {
	t.Helper()
	body, err := json.Marshal(object{
		"version": "1.0", "timestamp": "2026-07-06T09:20:00.000Z",
		"requestContext": object{
			"requestId": "6d3c", "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:pricing-dev-forward-logs:live",
			"condition": "RetriesExhausted", "approximateInvokeCount": 3,
		},
		"requestPayload":  json.RawMessage(event),
		"responseContext": object{"statusCode": 200, "executedVersion": "7", "functionError": "Unhandled"},
		"responsePayload": object{"errorMessage": "send to Logstash: it answers 429 Too Many Requests", "errorType": "wrapError"},
	})
	require.NoError(t, err)
	return object{"messageId": id, "receiptHandle": "AQEB", "body": string(body), "attributes": object{"ApproximateReceiveCount": "1"},
		"messageAttributes": object{}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs",
		"eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:pricing-dev-failed-logs", "awsRegion": "eu-west-1"}
}

// queue is an event of the queue.
func queue(t *testing.T, messages ...object) []byte {
	t.Helper()
	text, err := json.MarshalIndent(object{"Records": messages}, "", "  ")
	require.NoError(t, err)
	return text
}

// stored reads an event of events/forward-logs, which has to be what it was made of.
func stored(t *testing.T, name string, made []byte) []byte {
	t.Helper()
	file := filepath.Join("../../events/forward-logs", name+".json")
	if *update {
		var indented bytes.Buffer
		require.NoError(t, json.Indent(&indented, made, "", "  "))
		require.NoError(t, os.WriteFile(file, append(indented.Bytes(), '\n'), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.JSONEq(t, string(made), string(text), "go test ./functions/forward-logs -update")
	return text
}

// logstash takes what it is told to, and keeps it.
type logstash struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	got    string
}

func newLogstash(t *testing.T, status int) *logstash {
	t.Helper()
	l := &logstash{status: status}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.status == http.StatusOK {
			l.got += string(body)
		}
		w.WriteHeader(l.status)
	}))
	t.Cleanup(l.Close)
	return l
}

// newHandler is the function with a log to be read.
func newHandler(t *testing.T, url string) (*handler, *bytes.Buffer) {
	t.Helper()
	sender, err := forward.NewSender(url, "")
	require.NoError(t, err)
	var log bytes.Buffer
	return &handler{
		forwarder: forward.Forwarder{Sender: sender, Own: ownGroup}, metrics: metertest.Source,
		now: func() time.Time { return now }, log: slog.New(slog.NewJSONHandler(&log, nil)),
	}, &log
}

const zeros = "0000000000000000000000000000000000000000000000000000000"

const functionDocuments = `{"_id":"` + zeros + `1","@timestamp":"2026-07-06T09:14:05.112Z",` +
	`"log_group":"/aws/lambda/pricing-dev-get-health","log_stream":"2026/07/06/[7]ab","timestamp":"2026-07-06T09:14:05.112Z","level":"INFO",` +
	`"message":"request","requestId":"KHn2hG4wDoEFt9A=","status":200}` + "\n" +
	`{"_id":"` + zeros + `2","@timestamp":"2026-07-06T09:14:05.113Z",` +
	`"log_group":"/aws/lambda/pricing-dev-get-health","log_stream":"2026/07/06/[7]ab",` +
	`"message":"2026/07/06 09:14:05 fatal error: no JSON\n"}` + "\n"

const accessDocument = `{"_id":"` + zeros + `1","@timestamp":"2026-07-06T09:14:05.112Z",` +
	`"log_group":"/aws/apigateway/pricing-dev","log_stream":"2026/07/06/[7]ab","requestId":"KHn2hG4wDoEFt9A=","resourcePath":"/v1/health",` +
	`"status":200,"responseLatency":7}` + "\n"

func TestServe(t *testing.T) {
	t.Parallel()
	function, access := delivery(t, functionLines), delivery(t, accessLines)
	tests := map[string]struct {
		event   []byte
		status  int
		want    string // what arrives
		answer  string
		outcome string // of the log line; empty: there is none
		events  int
		err     string
	}{
		"function":  {stored(t, "function", function), 200, functionDocuments, "null", "delivered", 2, ""},
		"access":    {stored(t, "access", access), 200, accessDocument, "null", "delivered", 1, ""},
		"control":   {stored(t, "control", delivery(t, control)), 200, "", "null", "", 0, ""},
		"busy":      {function, 429, "", "", "not-delivered", 0, "it answers 429"},
		"an error":  {function, 500, "", "", "not-delivered", 0, "it answers 500"},
		"no gzip":   {[]byte(`{"awslogs":{"data":"bm8gZ3ppcA=="}}`), 200, "", "", "not-delivered", 0, "unpack the delivery"},
		"no base64": {[]byte(`{"awslogs":{"data":"?"}}`), 200, "", "", "unreadable", 0, "read the event"},
		"no JSON":   {[]byte(`logs`), 200, "", "", "unreadable", 0, "read the event"},
		"another":   {[]byte(`{"source":"aws.events"}`), 200, "", "", "unreadable", 0, "neither log events nor messages"},
		"queue": {stored(t, "queue", queue(t, message(t, "m-1", function), message(t, "m-2", access))), 200, functionDocuments + accessDocument,
			`{"batchItemFailures":[]}`, "redriven", 3, ""},
		"queue, busy": {queue(t, message(t, "m-1", function), message(t, "m-2", access)), 429, "",
			`{"batchItemFailures":[{"itemIdentifier":"m-1"},{"itemIdentifier":"m-2"}]}`, "kept", 0, ""},
		"queue, some unreadable": {queue(t, object{"messageId": "m-1", "body": "text"},
			message(t, "m-2", []byte(`{"awslogs":{"data":"bm8gZ3ppcA=="}}`)), message(t, "m-3", access),
			object{"messageId": "m-4", "body": `{"version":"1.0"}`}), 200, accessDocument,
			`{"batchItemFailures":[{"itemIdentifier":"m-1"},{"itemIdentifier":"m-2"},{"itemIdentifier":"m-4"}]}`, "kept", 1, ""},
		"queue, empty": {[]byte(`{"Records":[]}`), 200, "", `{"batchItemFailures":[]}`, "redriven", 0, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogstash(t, tt.status)
			h, log := newHandler(t, l.URL)
			answer, err := h.serve(t.Context(), tt.event)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, tt.answer, string(answer))
			assert.Equal(t, tt.want, l.got)
			if tt.outcome == "" {
				assert.Empty(t, log.String())
				return
			}
			var line object
			require.NoError(t, json.Unmarshal(log.Bytes(), &line), "one line: %s", log.String())
			assert.Equal(t, []any{"forward-logs", tt.outcome}, []any{line["msg"], line["outcome"]})
			assert.Equal(t, err != nil, line["level"] == "ERROR")
			assert.Equal(t, err != nil || tt.outcome == "kept", line["error"] != nil)
			samples := metertest.Extract(t, log.Bytes())
			assert.Equal(t, tt.events, samples.Sum("ForwardedEvents"))
			if tt.events > 0 {
				assert.Equal(t, 93, samples.Sum("ForwardLagSeconds"), "of the newest event, in the delivery with the newest")
			}
		})
	}
}

// TestServe_OwnLog: the line of a refusal would be an event of the same log group. So there is one of each process, and then silence.
func TestServe_OwnLog(t *testing.T) {
	t.Parallel()
	l := newLogstash(t, 200)
	h, log := newHandler(t, l.URL)
	for range 3 {
		_, err := h.serve(t.Context(), delivery(t, lines(ownGroup, "a line")))
		require.NoError(t, err, "Lambda would call again")
	}
	assert.Empty(t, l.got)
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	assert.Contains(t, log.String(), `"outcome":"own-log-group"`)
	_, err := h.serve(t.Context(), queue(t, message(t, "m-1", delivery(t, lines(ownGroup, "a line")))))
	require.NoError(t, err)
	assert.Empty(t, l.got)
}

// TestServe_Stalled: a Logstash that says nothing is given up before Lambda ends the process, so that its line is written.
func TestServe_Stalled(t *testing.T) {
	t.Parallel()
	p := startPeer(t, rand.New(rand.NewPCG(1, 1)), 0)
	defer p.stop()
	h, log := newHandler(t, "http://"+p.listener.Addr().String())
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(2*time.Second)) // all of it is spare
	defer cancel()
	_, err := h.serve(ctx, delivery(t, functionLines))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, log.String(), `"outcome":"not-delivered"`)
	assert.NoError(t, ctx.Err())
}

func TestFunction(t *testing.T) {
	t.Parallel()
	l := newLogstash(t, 200)
	settings := func(changed ...string) func(string) string {
		values := map[string]string{"LOGSTASH_URL": l.URL, "DEPLOY_ENV": "dev", "LOGSTASH_CREDENTIALS": "user:password"}
		values[changed[0]] = changed[1]
		return func(name string) string { return values[name] }
	}
	f, err := function(settings("AWS_LAMBDA_LOG_GROUP_NAME", ownGroup))
	require.NoError(t, err)
	_, err = f(t.Context(), delivery(t, functionLines))
	require.NoError(t, err)
	assert.Equal(t, []string{functionDocuments}, []string{l.got}) // more than one document is no JSON
	for _, wrong := range [][]string{
		{"LOGSTASH_URL", ""}, {"DEPLOY_ENV", ""}, {"LOGSTASH_URL", "logstash"}, {"LOGSTASH_CREDENTIALS", "secret"},
	} {
		_, err := function(settings(wrong...))
		require.ErrorContains(t, err, "read settings", wrong)
		assert.NotContains(t, err.Error(), "secret")
	}
}

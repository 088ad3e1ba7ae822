package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// account answers the SDK as SQS and Lambda do, for one queue and one function.
type account struct {
	mu      sync.Mutex
	waiting map[string]string // messages by id
	hidden  map[string]string // that have been received
	elsehow int               // messages that the function itself has just tried
	refuses map[string]bool   // messages that Logstash does not take
	broken  bool              // the function
	calls   []string
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, _ := io.ReadAll(r.Body) // what is missing is missed below
	if strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/") {
		a.call(w, r, body)
		return
	}
	var in struct{ QueueName, ReceiptHandle string }
	_ = json.Unmarshal(body, &in)
	answer := map[string]any{}
	switch action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS."); action {
	case "GetQueueUrl":
		if in.QueueName != "pricing-dev-failed-logs" {
			w.Header().Set("X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}`)
			return
		}
		answer["QueueUrl"] = "http://" + r.Host + "/1/" + in.QueueName
	case "ReceiveMessage":
		var messages []map[string]string
		for id, text := range a.waiting {
			messages = append(messages, map[string]string{"MessageId": id, "ReceiptHandle": "handle-" + id, "Body": text})
			a.hidden[id] = text
		}
		a.waiting = map[string]string{}
		answer["Messages"] = messages
	case "DeleteMessage":
		delete(a.hidden, strings.TrimPrefix(in.ReceiptHandle, "handle-"))
	case "GetQueueAttributes":
		answer["Attributes"] = map[string]string{
			"ApproximateNumberOfMessages":           fmt.Sprint(len(a.waiting)),
			"ApproximateNumberOfMessagesNotVisible": fmt.Sprint(len(a.hidden) + a.elsehow),
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(answer)
}

// call answers as the function does. What it does with a message is tested with the function.
func (a *account) call(w http.ResponseWriter, r *http.Request, body []byte) {
	var event struct {
		Records []struct{ MessageID string }
	}
	_ = json.Unmarshal(body, &event)
	a.calls = append(a.calls, r.URL.Path+"?"+r.URL.RawQuery)
	if a.broken {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		_, _ = io.WriteString(w, `{"errorMessage":"broken"}`)
		return
	}
	failures := []map[string]string{}
	for _, m := range event.Records {
		if a.refuses[m.MessageID] {
			failures = append(failures, map[string]string{"itemIdentifier": m.MessageID})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"batchItemFailures": failures})
}

// message is what Lambda puts into the queue, with a delivery of one event.
func message(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s",` +
		`"logEvents":[{"id":"1","timestamp":1,"message":"a"}]}`))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	text, err := json.Marshal(map[string]any{"requestPayload": map[string]any{"awslogs": map[string]any{"data": b.Bytes()}}})
	require.NoError(t, err)
	return string(text)
}

// TestRedrive: what Logstash takes leaves the queue, and nothing else does.
func TestRedrive(t *testing.T) { //nolint:paralleltest // the SDK reads the environment
	readable, noGzip := message(t), `{"requestPayload":{"awslogs":{"data":"bm8gZ3ppcA=="}}}`
	tests := map[string]struct {
		messages map[string]string
		refuses  string
		elsehow  int
		broken   bool
		args     []string
		want     []string // printed
		err      string
		left     []string // in the queue
		calls    int
	}{
		"nothing":       {want: []string{"0 deliveries sent, 0 set aside"}},
		"all are taken": {messages: map[string]string{"a": readable, "b": readable}, want: []string{"2 deliveries sent"}, calls: 2},
		"one is not": {messages: map[string]string{"a": readable, "b": readable}, refuses: "b",
			want: []string{"1 deliveries sent", "b: Logstash did not take it"}, err: "1 deliveries are left", left: []string{"b"}, calls: 2},
		"one cannot be opened": {messages: map[string]string{"a": readable, "b": noGzip, "c": "text", "d": "{}"},
			want: []string{"1 deliveries sent, 0 set aside", "b: it cannot be opened: unpack the delivery",
				"c: it cannot be opened: read the message", "d: it"},
			err: "3 deliveries are left", left: []string{"b", "c", "d"}, calls: 1},
		"one cannot be opened, and is kept": {messages: map[string]string{"a": readable, "b": noGzip}, args: []string{"-keep", "KEEP"},
			want: []string{"1 deliveries sent, 1 set aside", "b.json: it cannot be opened"}, calls: 1},
		"some are hidden": {messages: map[string]string{"a": readable}, elsehow: 2, args: []string{"-for", "1ms"},
			want: []string{"1 deliveries sent"}, err: "2 deliveries are left", calls: 1},
		"the function is broken": {messages: map[string]string{"a": readable}, broken: true, err: `it answers {"errorMessage":"broken"}`,
			left: []string{"a"}, calls: 1},
		"no such queue": {args: []string{"-env", "other"}, err: "find the queue"},
		"half of it":    {args: []string{"-redrive=false"}, err: "say -redrive and -env NAME"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := &account{
				waiting: tt.messages, hidden: map[string]string{}, elsehow: tt.elsehow, refuses: map[string]bool{tt.refuses: true}, broken: tt.broken,
			}
			server := httptest.NewServer(a)
			defer server.Close()
			for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test",
				"AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_MAX_ATTEMPTS": "1"} {
				t.Setenv(name, value)
			}
			folder := t.TempDir()
			args := append([]string{"-redrive", "-env", "dev"}, tt.args...)
			for i := range args {
				if args[i] == "KEEP" {
					args[i] = folder
				}
			}
			var out bytes.Buffer
			err := run(t.Context(), args, &out)
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
			for _, want := range tt.want {
				assert.Contains(t, out.String(), want)
			}
			var left []string
			for id := range a.hidden {
				left = append(left, id)
			}
			assert.ElementsMatch(t, tt.left, left)
			require.Len(t, a.calls, tt.calls)
			for _, call := range a.calls {
				assert.Equal(t, "/2015-03-31/functions/pricing-dev-forward-logs/invocations?Qualifier=live", call)
			}
			files, err := filepath.Glob(filepath.Join(folder, "*.json"))
			require.NoError(t, err)
			if len(tt.args) > 0 && tt.args[0] == "-keep" {
				require.Len(t, files, 1)
				text, err := os.ReadFile(files[0])
				require.NoError(t, err)
				assert.Equal(t, noGzip, string(text))
			}
		})
	}
}

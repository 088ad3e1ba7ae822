// Package gatewaytest runs an endpoint over the complete proxy events in events/<function>, each against its own
// expected answer.
//
// A case is two files: events/<function>/<case>.json is what API Gateway sends, functions/<function>/testdata/<case>.json
// what must come back: status, headers worth checking and body. A case without its other half fails, so neither can be
// forgotten. After a deliberate change `go test ./functions/... -update` writes the answers anew; read the difference.
package gatewaytest

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/config"
	"pricing/shared/gateway"
	"pricing/shared/store"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

var update = flag.Bool("update", false, "write the expected answers anew")

// Now is when every event is received.
var Now = time.Date(2026, 7, 6, 9, 14, 5, 112_000_000, time.UTC)

// Settings are those of a function in a test.
var Settings = config.Settings{Table: "test", Environment: "dev", Region: "eu-west-1", Retention: storetest.Retention}

// answer is an expected answer as its file has it.
type answer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// Run runs every case of the function in the working directory. endpoint makes the endpoint for one case, on a store of
// its own.
func Run(t *testing.T, endpoint func(tb testing.TB) gateway.Endpoint) {
	t.Helper()
	function := folder(t)
	for _, name := range Cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, _ := Metered(t, endpoint(t), Event(t, name))
			got := answer{Status: response.StatusCode, Headers: map[string]string{}}
			for _, header := range []string{"Content-Type", "Retry-After", "ETag"} {
				if v, ok := response.Headers[header]; ok && (header != "Content-Type" || v != "application/json") {
					got.Headers[header] = v
				}
			}
			if response.Body != "" {
				got.Body = json.RawMessage(response.Body)
			}
			assert.Equal(t, "9f2c1d34-5b6a-4c7d-8e9f-0a1b2c3d4e5f", response.Headers["x-request-id"])
			assert.Equal(t, "night-42", response.Headers["x-correlation-id"])
			text, err := json.MarshalIndent(got, "", "  ")
			require.NoError(t, err)
			file := filepath.Join("testdata", name+".json")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, append(text, '\n'), 0o644))
				return
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err, "the case has no expected answer: see the package comment of gatewaytest")
			assert.JSONEq(t, string(want), string(text))
		})
	}
	answers, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	for _, file := range answers {
		_, err := os.Stat(filepath.Join("..", "..", "events", function, filepath.Base(file)))
		assert.NoError(t, err, "an expected answer without its event")
	}
}

// Metered serves an event of the function in the working directory and returns the answer with the metrics that
// CloudWatch takes from the log.
func Metered(tb testing.TB, e gateway.Endpoint, event []byte) (gateway.Response, metertest.Samples) {
	tb.Helper()
	var log bytes.Buffer
	e.Now = func() time.Time { return Now }
	e.Log = slog.New(slog.NewJSONHandler(&log, nil))
	e.Source = metertest.Source
	response := gateway.Serve(tb.Context(), e, event)
	return response, metertest.Extract(tb, log.Bytes())
}

// Outage runs an event on a store that nobody serves: the answer must be a 503 that names no cause and says when to
// come back, never a success.
func Outage(t *testing.T, name string, endpoint func(s *store.Store) gateway.Endpoint) {
	t.Helper()
	t.Setenv("AWS_NEW_RETRIES_2026", "true") // as the template sets it; the SDK gives up sooner
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close()) // nobody listens there now
	e := endpoint(store.New(storetest.Client("http://"+l.Addr().String()), store.Options{Table: "test", Retention: storetest.Retention, Width: 4}))
	e.Now = func() time.Time { return Now }
	e.Log = slog.New(slog.DiscardHandler)
	response := gateway.Serve(t.Context(), e, Event(t, name))
	assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode, response.Body)
	assert.NotEmpty(t, response.Headers["Retry-After"])
	assert.Contains(t, response.Body, "throttled")
	assert.NotContains(t, response.Body, l.Addr().String())
}

// Pages runs an event with limit=1 and then with each cursor that came back, and returns the member of every page that
// holds its rows.
func Pages(t *testing.T, name, member string, e gateway.Endpoint) []json.RawMessage {
	t.Helper()
	e.Now = func() time.Time { return Now }
	e.Log = slog.New(slog.DiscardHandler)
	var event map[string]any
	require.NoError(t, json.Unmarshal(Event(t, name), &event))
	query := map[string][]string{"limit": {"1"}}
	event["multiValueQueryStringParameters"] = query
	var pages []json.RawMessage
	for {
		raw, err := json.Marshal(event)
		require.NoError(t, err)
		response := gateway.Serve(t.Context(), e, raw)
		require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
		var page map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(response.Body), &page))
		pages = append(pages, page[member])
		var next *string
		require.NoError(t, json.Unmarshal(page["next"], &next))
		if next == nil {
			return pages
		}
		require.Less(t, len(pages), 100, "the pages have no end")
		query["cursor"] = []string{*next}
	}
}

// Cases returns the names of the events of the function in the working directory.
func Cases(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "events", folder(tb), "*.json"))
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	return names
}

// Event reads an event of the function in the working directory.
func Event(tb testing.TB, name string) []byte {
	tb.Helper()
	event, err := os.ReadFile(filepath.Join("..", "..", "events", folder(tb), name+".json"))
	require.NoError(tb, err)
	return event
}

func folder(tb testing.TB) string {
	tb.Helper()
	wd, err := os.Getwd()
	require.NoError(tb, err)
	return filepath.Base(wd)
}

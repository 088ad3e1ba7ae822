package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What surrounds the rows of a batch.
const (
	batchHead = `{"observations":[`
	batchTail = `]}`
)

// api is an HTTP server that answers batches as a test wants, and remembers what it was sent.
type api struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	bodies [][]byte
	paths  []string
	// answer is called under the lock, with the number of the batch, from 1.
	answer func(n int, items []json.RawMessage) response
	// other answers everything that is not a batch.
	other func(r *http.Request, body []byte) response
}

type response struct {
	status     int
	retryAfter string
	body       string
}

func newAPI(t *testing.T, answer func(n int, items []json.RawMessage) response) *api {
	a := &api{t: t, answer: answer}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	assert.NoError(a.t, err)
	assert.Equal(a.t, "Bearer secret", r.Header.Get("Authorization"))
	a.paths = append(a.paths, r.Method+" "+r.URL.String())
	var resp response
	if r.URL.Path == "/v1/observations/batch" {
		assert.Equal(a.t, "application/json", r.Header.Get("Content-Type"))
		assert.LessOrEqual(a.t, len(body), 1048576)
		var batch struct{ Observations []json.RawMessage }
		assert.NoError(a.t, json.Unmarshal(body, &batch))
		assert.LessOrEqual(a.t, len(batch.Observations), 500)
		a.bodies = append(a.bodies, body)
		resp = a.answer(len(a.bodies), batch.Observations)
	} else {
		resp = a.other(r, body)
	}
	if resp.retryAfter != "" {
		w.Header().Set("Retry-After", resp.retryAfter)
	}
	w.Header().Set("Date", "Thu, 01 Jan 2026 00:00:00 GMT") // Retry-After may be a date by this clock
	w.WriteHeader(resp.status)
	_, _ = io.WriteString(w, resp.body) // the feeder may give up on a long one
}

// sizes returns how many items each batch had.
func (a *api) sizes() []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	var sizes []int
	for _, b := range a.bodies {
		var batch struct{ Observations []json.RawMessage }
		require.NoError(a.t, json.Unmarshal(b, &batch))
		sizes = append(sizes, len(batch.Observations))
	}
	return sizes
}

// outcomes answers a batch with one outcome per item, as the API does with results=problems.
func outcomes(list ...string) response {
	counts := map[string]int{"received": len(list), "created": 0, "conflict": 0, "rejected": 0, "throttled": 0, "failed": 0}
	results := []any{}
	stored := 0
	for i, outcome := range list {
		counts[outcome]++
		retryable := outcome == "throttled" || outcome == "failed"
		r := map[string]any{"index": i, "outcome": outcome, "retryable": retryable, "warnings": []string{}}
		switch outcome {
		case "failed":
			r["status"], r["problem"] = 500, map[string]any{"type": "urn:problem-type:pricing:internal", "status": 500}
		case "throttled":
			r["status"] = 503
		case "conflict":
			r["status"], r["problem"] = 409, map[string]any{"type": "urn:problem-type:pricing:observation-conflict", "status": 409}
		case "rejected":
			r["status"], r["problem"] = 422, map[string]any{"type": "urn:problem-type:pricing:amount-precision", "status": 422}
		default:
			stored++
			continue
		}
		results = append(results, r)
	}
	resp := response{status: 207}
	switch {
	case stored == len(list):
		resp.status = 200
	case stored == 0 && counts["throttled"] > 0:
		resp.status = 503
	case stored == 0 && counts["failed"] > 0:
		resp.status = 500
	case stored == 0:
		resp.status = 422
	}
	if counts["throttled"]+counts["failed"] > 0 {
		resp.retryAfter = "2"
	}
	text, _ := json.Marshal(map[string]any{"counts": counts, "results": results})
	resp.body = string(text)
	return resp
}

func allCreated(_ int, items []json.RawMessage) response {
	return outcomes(slices.Repeat([]string{"created"}, len(items))...)
}

// outcome is what a run of the command left behind.
type outcome struct {
	exit    int
	stdout  string
	stderr  string
	waited  []time.Duration
	summary Summary
}

// run runs the command with a clock that moves only when the command waits.
func run(ctx context.Context, t *testing.T, a *api, stdin io.Reader, args ...string) outcome {
	t.Helper()
	return runAt(ctx, t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), a, stdin, args...)
}

// runAt is run from a moment on.
func runAt(ctx context.Context, t *testing.T, clock time.Time, a *api, stdin io.Reader, args ...string) outcome {
	t.Helper()
	var o outcome
	var stdout, stderr bytes.Buffer
	var mu sync.Mutex
	p := program{
		stdin: stdin, stdout: &stdout, console: console{w: &stderr},
		now: func() time.Time { mu.Lock(); defer mu.Unlock(); return clock },
		wait: func(ctx context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			o.waited = append(o.waited, d)
			clock = clock.Add(d)
			return ctx.Err()
		},
		jitter: func(most time.Duration) time.Duration { return most }, // the longest it could be
	}
	summary := filepath.Join(t.TempDir(), "summary.json")
	args = append([]string{"-token-file", write(t, "token", "secret\n"), "-summary", summary}, args...)
	if a != nil {
		args = append([]string{"-url", a.URL + "/"}, args...)
	}
	o.exit = p.run(ctx, args)
	o.stdout, o.stderr = stdout.String(), stderr.String()
	if o.exit != exitUsage && !slices.Contains(args, "-explain") {
		text, err := os.ReadFile(summary)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &o.summary))
		s := o.summary
		assert.Equal(t, s.Rows, s.Stored+s.Before+s.Skipped+s.Conflict+s.Rejected+s.Unsendable+s.Failed+s.NotSent, "every row is counted once")
	}
	return o
}

// observations is a file of n lines, whose times rise or fall.
func observations(n int, descending bool) string {
	var b strings.Builder
	for i := range n {
		second := i
		if descending {
			second = n - i
		}
		fmt.Fprintf(&b, `{"productId":"P%d","competitorId":"shop","observedAt":%q}`+"\n", i,
			time.Unix(int64(second), 0).UTC().Format(time.RFC3339))
	}
	return b.String()
}

func zipped(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, content)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// maxLine is the longest row that is sent as it stands: rows has a limit of its own, which is higher.
const maxLine = 32 << 10

var tooLong = `{"a":"` + strings.Repeat("x", maxLine-7) + `"}`

// refusedRow is a line of a file of refused rows.
type refusedRow struct {
	Line    int
	Column  string
	Problem problem
	Row     json.RawMessage
}

func refused(t *testing.T, path string) (rows []refusedRow) {
	t.Helper()
	text, err := os.ReadFile(path + ".rejected.ndjson")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var r refusedRow
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		rows = append(rows, r)
	}
	return rows
}

func TestFeed_batches(t *testing.T) {
	t.Parallel()
	t.Run("500 items", func(t *testing.T) {
		a := newAPI(t, allCreated)
		o := run(t.Context(), t, a, strings.NewReader(observations(1001, false)), "-in-flight", "1")
		assert.Equal(t, exitStored, o.exit, o.stderr)
		assert.Equal(t, []int{500, 500, 1}, a.sizes())
		assert.Equal(t, map[string]int{"created": 1001}, o.summary.Outcomes)
		assert.Equal(t, "POST /v1/observations/batch?results=problems", a.paths[0])
	})
	// 33 lines fill a batch to its last byte: 32 of the longest and one of what is left for it.
	line := func(length, second int) string {
		head := fmt.Sprintf(`{"observedAt":"2026-01-01T00:00:%02dZ","url":"`, second)
		return head + strings.Repeat("x", length-len(head)-2) + "\"}"
	}
	longest := 32768 - 400
	rest := 1048576 - len(batchHead) - len(batchTail) - 32*(longest+1)
	for name, tt := range map[string]struct {
		last  int
		sizes []int
		size  int
	}{
		"exactly 1 MiB": {rest, []int{33}, 1048576},
		"one byte more": {rest + 1, []int{32, 1}, 1048576 - rest - 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, allCreated)
			var b strings.Builder
			for i := range 32 {
				b.WriteString(line(longest, i) + "\n")
			}
			b.WriteString(line(tt.last, 32))
			o := run(t.Context(), t, a, strings.NewReader(b.String()), "-in-flight", "1")
			assert.Equal(t, exitStored, o.exit, o.stderr)
			assert.Equal(t, tt.sizes, a.sizes())
			assert.Len(t, a.bodies[0], tt.size)
		})
	}
	t.Run("several in flight", func(t *testing.T) {
		var arrived sync.WaitGroup
		arrived.Add(3)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrived.Done()
			arrived.Wait() // answers only when three are here at once
			var batch struct{ Observations []json.RawMessage }
			assert.NoError(t, json.NewDecoder(r.Body).Decode(&batch))
			_, _ = io.WriteString(w, allCreated(0, batch.Observations).body)
		}))
		defer server.Close()
		o := run(t.Context(), t, &api{Server: server}, strings.NewReader(observations(1500, false)), "-in-flight", "3")
		assert.Equal(t, exitStored, o.exit, o.stderr)
		assert.Equal(t, 3, o.summary.Requests)
	})
}

func TestFeed_order(t *testing.T) {
	t.Parallel()
	a := newAPI(t, allCreated)
	seen := func(product, at string) string {
		return fmt.Sprintf(`{"productId":%q,"competitorId":"shop","availability":"InStock","price":{"amount":"1","currency":"USD"},`+
			`"source":{"id":"a","kind":"feed"},"observedAt":%q}`, product, at)
	}
	lines := []string{
		seen("third", "2025-12-31T02:00:00+01:00"),
		seen("second", "2025-12-31t00:00:00.000001z"),
		seen("fourth", "2025-12-31T01:00:00Z"), // the instant of third, after it in the file
		seen("first", "2025-12-31T00:00:00Z"),
	}
	file := write(t, "a.ndjson", "\ufeff"+strings.Join(lines, "\r\n")+"\n\n")
	o := run(t.Context(), t, a, nil, file)
	assert.Equal(t, exitStored, o.exit, o.stderr)
	want := []string{lines[3], lines[1], lines[0], lines[2]}
	assert.Equal(t, batchHead+strings.Join(want, ",")+batchTail, string(a.bodies[0]), "in time order, byte for byte")

	o = run(t.Context(), t, nil, nil, "-print", file)
	assert.Equal(t, exitStored, o.exit, o.stderr)
	assert.Equal(t, strings.Join(want, "\n")+"\n", o.stdout)
	assert.Equal(t, map[string]int{"printed": 4}, o.summary.Outcomes)
}

func TestFeed_repeats(t *testing.T) {
	t.Parallel()
	problem := `{"type":"urn:problem-type:pricing:throttled","title":"Busy","status":503}`
	tests := map[string]struct {
		answers     []response
		items       int
		args        []string
		wantSizes   []int
		wantWaited  []time.Duration
		wantOutcome map[string]int
		wantFailed  int
		wantExit    int
	}{
		"only the throttled items of a 207": {
			items: 4, answers: []response{outcomes("created", "throttled", "unchanged", "throttled"), outcomes("throttled", "created"),
				outcomes("duplicate")},
			wantSizes: []int{4, 2, 1}, wantWaited: []time.Duration{2250 * time.Millisecond, 2500 * time.Millisecond},
			wantOutcome: map[string]int{"created": 2, "unchanged": 1, "duplicate": 1},
		},
		"a batch answer of 503": {
			items: 2, answers: []response{outcomes("throttled", "throttled"), outcomes("created", "late")},
			wantSizes: []int{2, 2}, wantWaited: []time.Duration{2250 * time.Millisecond}, wantOutcome: map[string]int{"created": 1, "late": 1},
		},
		"503, 429, 500, 502 without a batch answer": {
			items: 1, answers: []response{{503, "7", problem}, {429, "", problem}, {500, "nonsense", ""}, {502, "", "<html>"}, outcomes("created")},
			wantSizes: []int{1, 1, 1, 1, 1}, wantOutcome: map[string]int{"created": 1},
			wantWaited: []time.Duration{7250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second},
		},
		"Retry-After as a date, and too far away": {
			items: 1, answers: []response{{503, "Thu, 01 Jan 2026 00:00:30 GMT", ""}, {503, "86400", ""}, outcomes("created")},
			wantSizes: []int{1, 1, 1}, wantOutcome: map[string]int{"created": 1},
			wantWaited: []time.Duration{30*time.Second + 250*time.Millisecond, 5*time.Minute + 500*time.Millisecond},
		},
		"backoff has a limit": {
			items: 1, answers: slices.Repeat([]response{{503, "", ""}}, 9), args: []string{"-attempts", "9"}, wantExit: exitRefused, wantFailed: 1,
			wantSizes: []int{1, 1, 1, 1, 1, 1, 1, 1, 1}, wantOutcome: map[string]int{},
			wantWaited: []time.Duration{250e6, 500e6, 1e9, 2e9, 4e9, 8e9, 16e9, 20e9},
		},
		"attempts used up": {
			items: 3, answers: []response{outcomes("created", "throttled", "created"), outcomes("throttled")}, args: []string{"-attempts", "2"},
			wantSizes: []int{3, 1}, wantWaited: []time.Duration{2250 * time.Millisecond}, wantOutcome: map[string]int{"created": 2},
			wantFailed: 1, wantExit: exitRefused,
		},
		"an answer that does not add up is no answer": {
			items: 2, answers: []response{
				outcomes("created"),
				{200, "", `{"counts":{"received":2,"created":1,"throttled":1},"results":[]}`},
				{200, "", `{"counts":{"received":2,"created":1,"rejected":1},"results":[{"index":2,"status":422,"outcome":"rejected"}]}`},
				{200, "", `ok`},
				outcomes("created", "created"),
			},
			wantSizes: []int{2, 2, 2, 2, 2}, wantOutcome: map[string]int{"created": 2},
			wantWaited: []time.Duration{250e6, 500e6, 1e9, 2e9},
		},
		"an outcome we have not heard of": {
			items: 1, answers: []response{outcomes("quarantined")}, wantSizes: []int{1}, wantOutcome: map[string]int{"quarantined": 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, func(n int, _ []json.RawMessage) response { return tt.answers[n-1] })
			o := run(t.Context(), t, a, strings.NewReader(observations(tt.items, false)), tt.args...)
			assert.Equal(t, tt.wantExit, o.exit, o.stderr)
			assert.Equal(t, tt.wantSizes, a.sizes())
			assert.Equal(t, tt.wantWaited, o.waited)
			assert.Equal(t, tt.wantOutcome, o.summary.Outcomes)
			assert.Equal(t, tt.wantFailed, o.summary.Failed)
			assert.Equal(t, len(tt.wantSizes)-1, o.summary.Repeated)
		})
	}
	t.Run("a long wait that the API asks for is told once", func(t *testing.T) {
		answers := []response{{503, "7", ""}, {503, "7", ""}, {503, "4", ""}, outcomes("created")}
		a := newAPI(t, func(n int, _ []json.RawMessage) response { return answers[n-1] })
		o := run(t.Context(), t, a, strings.NewReader(observations(1, false)))
		assert.Equal(t, exitStored, o.exit, o.stderr)
		assert.Equal(t, 1, strings.Count(o.stderr, "the API asks for a wait"))
		assert.Contains(t, o.stderr, "the API asks for a wait of 7s\n")
		assert.Contains(t, o.stderr, "stdin: 1 of 1 observations, 0/s\n", "the progress, since it takes longer than five seconds")
	})
	t.Run("the right ones", func(t *testing.T) {
		a := newAPI(t, func(n int, items []json.RawMessage) response {
			if n == 1 {
				return outcomes("created", "throttled", "created", "throttled")
			}
			return allCreated(n, items)
		})
		run(t.Context(), t, a, strings.NewReader(observations(4, false)))
		assert.Contains(t, string(a.bodies[1]), `"P1"`)
		assert.Contains(t, string(a.bodies[1]), `"P3"`)
	})
	t.Run("an answer of nine megabytes is no answer", func(t *testing.T) {
		a := newAPI(t, func(n int, items []json.RawMessage) response {
			r := allCreated(n, items)
			if n == 1 {
				r.body += strings.Repeat(" ", 9<<20)
			}
			return r
		})
		o := run(t.Context(), t, a, strings.NewReader(observations(2, false)))
		assert.Equal(t, exitStored, o.exit, o.stderr)
		assert.Equal(t, []int{2, 2}, a.sizes())
		assert.Equal(t, map[string]int{"created": 2}, o.summary.Outcomes)
	})
	t.Run("not after an interrupt while it waits", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		a := newAPI(t, func(int, []json.RawMessage) response {
			interrupt()
			return response{503, "7", problem}
		})
		o := run(ctx, t, a, strings.NewReader(observations(3, false)))
		assert.Equal(t, exitRefused, o.exit)
		assert.Equal(t, []int{3}, a.sizes())
		assert.Len(t, o.waited, 1)
		assert.Equal(t, 3, o.summary.Failed, "it is not known whether they are stored")
	})
	t.Run("connection lost", func(t *testing.T) {
		var n atomic.Int32 // the server may still be ending the lost one
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1) == 1 {
				panic(http.ErrAbortHandler)
			}
			_, _ = io.WriteString(w, outcomes("duplicate").body)
		}))
		defer server.Close()
		o := run(t.Context(), t, &api{Server: server}, strings.NewReader(observations(1, false)))
		assert.Equal(t, exitStored, o.exit, o.stderr)
		assert.Equal(t, map[string]int{"duplicate": 1}, o.summary.Outcomes)
	})
}

func TestFeed_refused(t *testing.T) {
	t.Parallel()
	t.Run("items", func(t *testing.T) {
		a := newAPI(t, func(int, []json.RawMessage) response { return outcomes("created", "rejected", "conflict") })
		file := write(t, "a.ndjson", observations(3, true))
		o := run(t.Context(), t, a, nil, file)
		assert.Equal(t, exitRefused, o.exit)
		assert.Equal(t, 1, o.summary.Rejected)
		assert.Equal(t, 1, o.summary.Conflict)
		assert.Equal(t, map[string]int{"amount-precision": 1, "observation-conflict": 1}, o.summary.Reasons)
		rows := refused(t, file)
		require.Len(t, rows, 2)
		assert.Equal(t, 2, rows[0].Line)
		assert.Equal(t, "urn:problem-type:pricing:amount-precision", rows[0].Problem.Type)
		assert.JSONEq(t, `{"productId":"P1","competitorId":"shop","observedAt":"1970-01-01T00:00:02Z"}`, string(rows[0].Row))
		assert.Equal(t, 1, rows[1].Line, "sent in time order, reported by its place in the file")
	})
	t.Run("all items, 422", func(t *testing.T) {
		a := newAPI(t, func(int, []json.RawMessage) response { return outcomes("rejected", "rejected") })
		o := run(t.Context(), t, a, nil, write(t, "a.ndjson", observations(2, false)))
		assert.Equal(t, exitRefused, o.exit)
		assert.Equal(t, 2, o.summary.Rejected)
		assert.Equal(t, 1, o.summary.Requests)
	})
	for status, code := range map[int]string{400: "malformed-json", 413: "too-large", 422: "too-many-items"} {
		t.Run(fmt.Sprint("the whole batch, ", status), func(t *testing.T) {
			a := newAPI(t, func(n int, items []json.RawMessage) response {
				if n == 1 {
					return response{status, "", fmt.Sprintf(`{"type":"urn:problem-type:pricing:%s","title":"T.","status":%d,"detail":"D."}`, code, status)}
				}
				return allCreated(n, items)
			})
			file := write(t, "a.ndjson", observations(501, false))
			o := run(t.Context(), t, a, nil, "-in-flight", "1", file)
			assert.Equal(t, exitRefused, o.exit)
			assert.Equal(t, 500, o.summary.Rejected)
			assert.Equal(t, map[string]int{"created": 1}, o.summary.Outcomes)
			assert.Contains(t, o.stderr, "a batch of 500 observations (first line 1) was refused: "+fmt.Sprint(status))
			assert.Contains(t, o.stderr, code+": T. D.")
			assert.Len(t, refused(t, file), 500)
		})
	}
	t.Run("413 of the gateway, which is no problem document", func(t *testing.T) {
		a := newAPI(t, func(int, []json.RawMessage) response { return response{413, "", `{"message":"Request Too Long"}`} })
		file := write(t, "a.ndjson", observations(1, false))
		run(t.Context(), t, a, nil, file)
		assert.Equal(t, 413, refused(t, file)[0].Problem.Status)
		assert.Contains(t, refused(t, file)[0].Problem.Detail, "Request Too Long")
	})
	t.Run("smaller batches", func(t *testing.T) {
		var sizes []int
		a := newAPI(t, func(n int, items []json.RawMessage) response {
			sizes = append(sizes, len(items))
			return allCreated(n, items)
		})
		o := run(t.Context(), t, a, strings.NewReader(observations(100, false)), "-in-flight", "1", "-batch", "40")
		assert.Equal(t, exitStored, o.exit)
		assert.Equal(t, []int{40, 40, 20}, sizes)
	})
	t.Run("a wrong token ends the run", func(t *testing.T) {
		a := newAPI(t, func(int, []json.RawMessage) response {
			return response{401, "", `{"type":"urn:problem-type:pricing:unauthorized","title":"No valid token","status":401}`}
		})
		o := run(t.Context(), t, a, strings.NewReader(observations(50, false)), "-in-flight", "1", "-batch", "5")
		assert.Equal(t, exitRefused, o.exit)
		assert.LessOrEqual(t, o.summary.Requests, 2)
		assert.Equal(t, 50, o.summary.NotSent)
		assert.Contains(t, o.stderr, "feed: stopped: 401 Unauthorized: unauthorized: No valid token")
	})
	t.Run("a redirect is not followed and ends the run", func(t *testing.T) {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was followed") }))
		defer elsewhere.Close()
		a := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
		defer a.Close()
		o := run(t.Context(), t, &api{Server: a}, strings.NewReader(observations(1, false)))
		assert.Equal(t, exitRefused, o.exit)
		assert.Contains(t, o.stderr, "feed: stopped: 307 Temporary Redirect")
	})
	t.Run("an API that is away ends the run", func(t *testing.T) {
		a := newAPI(t, func(int, []json.RawMessage) response { return response{status: 503} })
		o := run(t.Context(), t, a, strings.NewReader(observations(20*5, false)), "-in-flight", "1", "-attempts", "2", "-batch", "5")
		assert.Equal(t, exitRefused, o.exit)
		assert.Contains(t, o.stderr, "the API does not answer")
		assert.GreaterOrEqual(t, o.summary.Failed, hopeless*5)
		assert.Positive(t, o.summary.NotSent)
	})
	for name, from := range map[string]string{"a file": "a.ndjson", "the standard input": "-"} {
		t.Run("an old file of refused rows that cannot go, of "+name, func(t *testing.T) {
			dir := t.TempDir()
			if from != "-" {
				from = write(t, from, observations(2, false))
			}
			old := settings{rejectedDir: dir}.beside(from, rejectedSuffix)
			require.NoError(t, os.MkdirAll(filepath.Join(old, "a folder"), 0o700))
			a := newAPI(t, allCreated)
			o := run(t.Context(), t, a, strings.NewReader(observations(2, false)), "-rejected-dir", dir, from)
			assert.Equal(t, exitRefused, o.exit)
			assert.Contains(t, o.stderr, "remove the refused rows of an earlier run")
			assert.Empty(t, a.bodies, "or refused rows of two runs would be in one file")
		})
	}
	t.Run("an old file of refused rows goes", func(t *testing.T) {
		a := newAPI(t, allCreated)
		file := write(t, "a.ndjson", observations(1, false))
		require.NoError(t, os.WriteFile(file+".rejected.ndjson", []byte("old"), 0o600))
		assert.Equal(t, exitStored, run(t.Context(), t, a, nil, file).exit)
		assert.NoFileExists(t, file+".rejected.ndjson")
	})
}

func TestFeed_badLines(t *testing.T) {
	t.Parallel()
	good := strings.TrimSpace(observations(1, false))
	deep := func(levels int) string {
		return `{"observedAt":"2026-01-01T00:00:00Z","x":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + "}"
	}
	tests := map[string]struct{ line, wantCode, wantRow string }{
		"not JSON":            {`hello "you"`, "malformed-json", `"hello \"you\""`},
		"cut off":             {`{"a":`, "malformed-json", `"{\"a\":"`},
		"two values":          {`{},{}`, "malformed-json", `"{},{}"`},
		"out of the envelope": {`{}],"observations":[{}`, "malformed-json", `"{}],\"observations\":[{}"`},
		"an array":            {`[1]`, "wrong-type", `[1]`},
		"null":                {`null`, "wrong-type", `null`},
		"not UTF-8":           {"{\"a\":\"\xff\"}", "malformed-json", `"{\"a\":\"\ufffd\"}"`},
		"a lone surrogate":    {`{"a":"\ud800"}`, "malformed-json", `{"a":"\ud800"}`},
		"too deep":            {deep(18), "malformed-json", deep(18)},
		"too long":            {tooLong, "line-too-long", tooLong},
		"very long":           {strings.Repeat("y", 20*maxLine), "line-too-long", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, allCreated)
			file := write(t, "a", good+"\n"+tt.line+"\n"+good)
			o := run(t.Context(), t, a, nil, "-encoding", "utf-8", file) // so that bytes of another encoding concern their row only
			assert.Equal(t, exitRefused, o.exit)
			assert.Equal(t, map[string]int{"created": 2}, o.summary.Outcomes, "the neighbours are sent")
			assert.Equal(t, 1, o.summary.Unsendable)
			rows := refused(t, file)
			require.Len(t, rows, 1)
			assert.Equal(t, 2, rows[0].Line)
			assert.Equal(t, "urn:problem-type:feed:"+tt.wantCode, rows[0].Problem.Type)
			assert.NotEmpty(t, rows[0].Problem.Detail)
			if tt.wantRow != "" {
				assert.JSONEq(t, tt.wantRow, string(rows[0].Row))
			} else {
				assert.Less(t, len(rows[0].Row), 2*shownText)
			}
		})
	}
	t.Run("as deep as may be", func(t *testing.T) {
		a := newAPI(t, allCreated)
		assert.Equal(t, exitStored, run(t.Context(), t, a, strings.NewReader(deep(17))).exit)
	})
	t.Run("many bad lines, but not in a row", func(t *testing.T) {
		bad := strings.Repeat("x\n", maxBadLines-1)
		o := run(t.Context(), t, newAPI(t, allCreated), nil, "-format", "ndjson", write(t, "a", good+"\n"+bad+good+"\n"+bad))
		assert.Equal(t, 2*(maxBadLines-1), o.summary.Unsendable)
		assert.Equal(t, map[string]int{"created": 2}, o.summary.Outcomes)
		assert.Equal(t, map[string]int{"malformed-json": 2 * (maxBadLines - 1)}, o.summary.Reasons)
	})
	t.Run("not a file of rows", func(t *testing.T) {
		file := write(t, "a", good+"\n"+strings.Repeat("x\n", maxBadLines+100))
		o := run(t.Context(), t, newAPI(t, allCreated), nil, "-format", "ndjson", file)
		assert.Equal(t, exitRefused, o.exit)
		assert.Equal(t, maxBadLines+1, o.summary.Unsendable, "and one for the rest of the file")
	})
	t.Run("standard input", func(t *testing.T) {
		dir := t.TempDir()
		o := run(t.Context(), t, newAPI(t, allCreated), strings.NewReader("{x}"), "-rejected-dir", dir, "-")
		assert.Equal(t, exitRefused, o.exit)
		assert.Equal(t, 1, refused(t, filepath.Join(dir, "stdin"))[0].Line)
	})
}

func TestFeed_gzip(t *testing.T) {
	t.Parallel()
	t.Run("by its first bytes", func(t *testing.T) {
		a := newAPI(t, allCreated)
		content := zipped(t, observations(2, false))
		assert.Equal(t, exitStored, run(t.Context(), t, a, nil, write(t, "a.ndjson", content)).exit)
		assert.Equal(t, exitStored, run(t.Context(), t, a, strings.NewReader(content)).exit)
		assert.Equal(t, exitStored, run(t.Context(), t, a, nil, write(t, "plain.gz", observations(2, false))).exit)
		assert.Equal(t, []int{2, 2, 2}, a.sizes())
	})
	for name, cut := range map[string]int{"broken off": 40, "wrong checksum": -1, "only a header": 0} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, allCreated)
			content := []byte(zipped(t, observations(3000, false)))
			switch cut {
			case -1:
				content[len(content)-6] ^= 0xff
			case 0:
				content = content[:3]
			default:
				content = content[:len(content)-cut]
			}
			file := write(t, "a.gz", string(content))
			o := run(t.Context(), t, a, nil, file)
			assert.Equal(t, exitRefused, o.exit)
			if cut != 0 {
				assert.Greater(t, o.summary.Outcomes["created"], 1000, "what came before is sent")
			}
			rows := refused(t, file)
			last := rows[len(rows)-1]
			assert.Equal(t, "urn:problem-type:feed:unreadable", last.Problem.Type)
			assert.Equal(t, "null", string(last.Row))
			assert.Equal(t, o.summary.Rows, last.Line, "the row behind the last one that could be read")
		})
	}
	t.Run("bomb", func(t *testing.T) {
		// A gigabyte of zeros in a megabyte: the parts of a gzip file follow each other.
		bomb := strings.Repeat(zipped(t, strings.Repeat("\x00", 1<<20)), 1<<10)
		packed := &counter{r: strings.NewReader(bomb)}
		o := run(t.Context(), t, newAPI(t, allCreated), packed, "-rejected-dir", t.TempDir())
		assert.Equal(t, exitRefused, o.exit)
		assert.Contains(t, o.stderr, "the file is not text: it is full of zero bytes")
		assert.Less(t, packed.n, 32<<10, "of a megabyte little was read")
	})
}

// counter counts the bytes read.
type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p[:min(len(p), 4096)])
	c.n += n
	return n, err
}

func TestFeed_register(t *testing.T) {
	t.Parallel()
	var put []string
	a := newAPI(t, allCreated)
	a.other = func(r *http.Request, body []byte) response {
		switch {
		case r.Method == http.MethodGet && r.URL.Query().Get("cursor") == "":
			return response{200, "", `{"competitors":[{"competitorId":"bp"}],"next":"a/b"}`}
		case r.Method == http.MethodGet && r.URL.Query().Get("cursor") == "a/b":
			return response{200, "", `{"competitors":[{"competitorId":"shell"}],"next":null}`}
		case r.Method == http.MethodPut:
			put = append(put, r.URL.Path+" "+string(body))
			if len(put) == 1 {
				return response{503, "1", ""}
			}
			return response{201, "", `{}`}
		}
		return response{status: 404}
	}
	row := `{"product":"Diesel","competitor":%q,"seller":"s","price":"1","currency":"AUD","observedAt":"2026-01-01T00:00:00Z"}` + "\n"
	var rows strings.Builder
	for _, competitor := range []string{"BP", "7 Eleven", "Shell", "7 Eleven", "A & B"} {
		fmt.Fprintf(&rows, row, competitor)
	}
	file := write(t, "a", rows.String())
	o := run(t.Context(), t, a, nil, "-map", "mappings/fuel.yaml", "-register-competitors", file)
	assert.Equal(t, exitStored, o.exit, o.stderr)
	seven := `/v1/competitors/7-eleven {"country":"AU","defaultCurrency":"AUD","freshFor":"PT36H","kind":"marketplace","name":"7 Eleven"}`
	ab := `/v1/competitors/a-b {"country":"AU","defaultCurrency":"AUD","freshFor":"PT36H","kind":"marketplace","name":"A & B"}`
	assert.Equal(t, []string{seven, seven, ab}, put)
	assert.Contains(t, o.stderr, "2 competitors registered, 2 were known already")
	assert.Equal(t, registeredAfter, o.waited[len(o.waited)-1], "the API may not know them at once")
	assert.Equal(t, []int{5}, a.sizes())

	t.Run("a lost connection is made anew", func(t *testing.T) {
		var mu sync.Mutex // the server may still be ending the lost one
		var calls []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			call := r.Method + " " + r.URL.Path
			calls = append(calls, call)
			switch {
			case r.URL.Path == "/v1/observations/batch":
				_, _ = io.WriteString(w, outcomes("created").body)
			case !slices.Contains(calls[:len(calls)-1], call):
				panic(http.ErrAbortHandler)
			case r.Method == http.MethodGet:
				_, _ = io.WriteString(w, `{"competitors":[],"next":null}`)
			default:
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, `{}`)
			}
		}))
		defer server.Close()
		o := run(t.Context(), t, &api{Server: server}, strings.NewReader(observations(1, false)), "-register-competitors")
		assert.Equal(t, exitStored, o.exit, o.stderr)
		list, put := "GET /v1/competitors", "PUT /v1/competitors/shop"
		assert.Equal(t, []string{list, list, put, put, "POST /v1/observations/batch"}, calls)
		assert.Equal(t, 2, o.summary.Repeated)
	})
	t.Run("without the scope nothing is sent", func(t *testing.T) {
		a := newAPI(t, allCreated)
		a.other = func(*http.Request, []byte) response {
			return response{403, "", `{"type":"urn:problem-type:pricing:forbidden","title":"Scope catalog is missing","status":403}`}
		}
		o := run(t.Context(), t, a, strings.NewReader(observations(2, false)), "-register-competitors")
		assert.Equal(t, exitRefused, o.exit)
		assert.Contains(t, o.stderr, "register competitors: list: 403 Forbidden: forbidden: Scope catalog is missing")
		assert.Empty(t, a.bodies)
		assert.Equal(t, 2, o.summary.NotSent)
	})
}

func TestFeed_interrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	a := newAPI(t, func(n int, items []json.RawMessage) response {
		if n == 2 {
			interrupt() // while this batch is on its way
		}
		return allCreated(n, items)
	})
	o := run(ctx, t, a, strings.NewReader(observations(50, false)), "-in-flight", "1", "-batch", "5")
	assert.Equal(t, exitRefused, o.exit)
	assert.GreaterOrEqual(t, o.summary.Outcomes["created"], 10, "the answer of a batch on its way is waited for")
	assert.LessOrEqual(t, o.summary.Outcomes["created"], 15)
	assert.Positive(t, o.summary.NotSent)
	assert.Contains(t, o.stderr, "feed: stopped: context canceled")
	assert.Contains(t, o.stderr, "50 rows")
}

func TestFeed_usage(t *testing.T) {
	t.Parallel()
	token := write(t, "token", "secret")
	tests := map[string]struct {
		args []string
		want string
	}{
		"unknown flag":      {[]string{"-nonsense"}, "flag provided but not defined: -nonsense\nfeed: -h lists the flags\n"},
		"flag behind":       {[]string{"mappings/plain.yaml", "-print"}, "-print comes after a file: flags come first, then the files"},
		"no such format":    {[]string{"-print", "-format", "tsv"}, "parquet; a file with tabs or semicolons is csv with a separator"},
		"two ways to try":   {[]string{"-print", "-dry-run"}, "-explain, -print and -dry-run are three different runs: give one of them"},
		"explain and print": {[]string{"-print", "-explain", "2"}, "-explain, -print and -dry-run are three different runs: give one of them"},
		"no token":          {nil, "-token-file is missing; to try a file without the API, use -print or -explain"},
		"token not there":   {[]string{"-token-file", "nowhere"}, "read the token"},
		"file not there":    {[]string{"-token-file", token, "nowhere"}, "nowhere"},
		"a directory":       {[]string{"-token-file", token, "mappings"}, "mappings is a directory"},
		"mapping not there": {[]string{"-token-file", token, "-map", "nowhere"}, "read the mapping"},
		"no address":        {[]string{"-token-file", token, "-url", "localhost"}, "-url"},
		"none in flight":    {[]string{"-token-file", token, "-in-flight", "0"}, "at least 1"},
		"batch too large":   {[]string{"-token-file", token, "-batch", "501"}, "-batch must be from 1 to 500"},
		"no batch":          {[]string{"-token-file", token, "-batch", "0"}, "-batch must be from 1 to 500"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			p := program{stdin: strings.NewReader(""), stdout: io.Discard, console: console{w: &stderr}, now: time.Now}
			assert.Equal(t, exitUsage, p.run(t.Context(), tt.args))
			assert.Contains(t, stderr.String(), tt.want)
		})
	}
}

// TestFeed_summary: what a person is told at the end, after one row of each kind, and after the run that ends the file.
func TestFeed_summary(t *testing.T) {
	t.Parallel()
	file := write(t, "a.ndjson", observations(5, false)+"no JSON\n")
	answers := []response{outcomes("created", "duplicate", "rejected", "conflict", "throttled"), outcomes("throttled"), outcomes("late")}
	a := newAPI(t, func(n int, _ []json.RawMessage) response { return answers[n-1] })
	o := run(t.Context(), t, a, nil, "-attempts", "2", file)
	assert.Equal(t, exitRefused, o.exit)
	assert.Equal(t, `observations without an outcome: 1 of 1 observations could not be stored now (given up after 2 attempts)
refused rows are in `+file+`.rejected.ndjson
what is acknowledged is remembered: run the same command again to send the rest
6 rows in 2.2 s, 1 observations/s, 2 requests (1 of them repeats)
  stored 2, refused 3 (conflict 1, rejected 1, unsendable 1), skipped 0, failed 1, not sent 0
  5 observations: created 1, duplicate 1
  amount-precision 1, such as line 3: urn:problem-type:pricing:amount-precision
  malformed-json 1, such as line 6: Line 1, column 2: invalid character 'o' in literal null (expecting 'u').
  observation-conflict 1, such as line 4: urn:problem-type:pricing:observation-conflict
`, o.stderr)
	assert.InDelta(t, 2.25, o.summary.Seconds, 0)
	assert.InDelta(t, 2/2.25, o.summary.PerSecond, 1e-9)
	assert.Equal(t, []string{file}, o.summary.Files)

	o = run(t.Context(), t, a, nil, "-attempts", "2", file)
	assert.Equal(t, exitRefused, o.exit, "those that were refused before")
	assert.Equal(t, []int{5, 1, 1}, a.sizes())
	assert.Equal(t, file+`: resuming an earlier run: 4 of 5 observations are acknowledged, 1 are left (-restart sends all)
6 rows in 0.0 s, 0 observations/s, 1 requests (0 of them repeats)
  stored 1, refused 1 (conflict 0, rejected 0, unsendable 1), skipped 0, failed 0, not sent 0
  5 observations: late 1
  acknowledged before 4 (refused observations: 2)
  malformed-json 1, such as line 6: Line 1, column 2: invalid character 'o' in literal null (expecting 'u').
`, o.stderr)
	assert.NoFileExists(t, file+".state.json")

	t.Run("nothing to remember", func(t *testing.T) {
		file := write(t, "a.ndjson", observations(1, false))
		a := newAPI(t, func(n int, _ []json.RawMessage) response { return response{status: 503} })
		o := run(t.Context(), t, a, nil, "-attempts", "1", file)
		assert.Equal(t, exitRefused, o.exit)
		assert.NotContains(t, o.stderr, "is remembered")
		assert.Contains(t, o.stderr, "\n  1 observations: none stored\n")
		assert.NotContains(t, o.stderr, "starting over")
		assert.NotContains(t, o.stderr, "such as")
	})
	t.Run("one row to remember", func(t *testing.T) {
		file := write(t, "a.ndjson", observations(2, false))
		a := newAPI(t, func(int, []json.RawMessage) response { return outcomes("created", "throttled") })
		o := run(t.Context(), t, a, nil, "-attempts", "1", file)
		assert.Contains(t, o.stderr, "is remembered")
	})
}

// TestSummary_AllStored: no row that is not stored is made up for by another.
func TestSummary_AllStored(t *testing.T) {
	assert.True(t, Summary{Rows: 3, Before: 1, Outcomes: map[string]int{"created": 2}}.AllStored())
	kinds := []func(*Summary) *int{
		func(s *Summary) *int { return &s.RefusedBefore }, func(s *Summary) *int { return &s.Conflict },
		func(s *Summary) *int { return &s.Rejected }, func(s *Summary) *int { return &s.Unsendable },
		func(s *Summary) *int { return &s.Failed }, func(s *Summary) *int { return &s.NotSent },
		func(s *Summary) *int { return &s.BadReports },
	}
	for i, one := range kinds {
		for _, other := range kinds[i:] {
			s := Summary{}
			*one(&s) = 1
			*other(&s) = 1
			assert.False(t, s.AllStored(), "%+v", s)
		}
	}
}

// broken is a writer that is full.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestFeed_printFails: what could not be printed is no success.
func TestFeed_printFails(t *testing.T) {
	t.Parallel()
	const row = `{"productId":"P1","competitorId":"shop","availability":"InStock","price":{"amount":"1.00","currency":"USD"},` +
		`"source":{"id":"a","kind":"feed"},"observedAt":"2026-01-01T00:00:00Z"}` + "\n"
	for name, rows := range map[string]int{"at the end": 1, "before the end": 100} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			p := program{stdin: strings.NewReader(strings.Repeat(row, rows)), stdout: broken{}, console: console{w: &stderr}, now: time.Now}
			assert.Equal(t, exitRefused, p.run(t.Context(), []string{"-print", "-rejected-dir", t.TempDir()}))
			assert.Contains(t, stderr.String(), "feed: stopped: -: print: no space left\n")
		})
	}
}

// items are observations of rows of their own.
func items(n int) []item {
	all := make([]item, n)
	for i := range all {
		all[i] = item{row: &row{line: i + 1, left: 1}}
	}
	return all
}

func TestReport_progress(t *testing.T) {
	var b bytes.Buffer
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	show := func(width int) string {
		b.Reset()
		r := newReport(console{w: &b, width: width}, now)
		require.NoError(t, r.begin("a.ndjson", filepath.Join(t.TempDir(), "rejected"), afresh))
		r.expect(1000)
		r.settle(map[string]int{"created": 100}, items(100)...)
		clock = clock.Add(99 * time.Millisecond)
		r.settle(map[string]int{"created": 50}, items(50)...)
		clock = clock.Add(time.Millisecond)
		r.settle(map[string]int{"created": 50}, items(50)...)
		clock = clock.Add(4900 * time.Millisecond)
		r.fail("no answer", items(300)...)
		r.say("And on.")
		clock = clock.Add(5 * time.Second)
		r.reject(conflict, items(1)[0], "", problem{})
		require.NoError(t, r.end())
		return b.String()
	}
	lines := strings.Split(show(0), "\n")
	assert.Equal(t, []string{
		"observations without an outcome: no answer", "a.ndjson: 500 of 1000 observations, 100/s", "And on.",
		"a.ndjson: 501 of 1000 observations, 50/s",
	}, lines[:4], "at most every five seconds")
	lines = strings.Split(show(67), "\n")
	assert.Equal(t, []string{
		"\r\x1b[K[###................] 200 of 1000 observations, 2000/s, 0 s left \r\x1b[Kobservations without an outcome: no answer",
		"\r\x1b[K[##########..........] 500 of 1000 observations, 100/s, 5 s left \r\x1b[KAnd on.",
	}, lines[:2], "at most every tenth of a second; a line takes the bar's place")
	assert.Contains(t, lines[2], "\r\x1b[K[##########..........] 501 of 1000 observations, 50/s, 10 s left \r\x1b[Krefused rows are in ")
}

// TestFeed_sample sends the carried sample through its mapping.
func TestFeed_sample(t *testing.T) {
	t.Parallel()
	a := newAPI(t, allCreated)
	o := run(t.Context(), t, a, nil, "-map", "mappings/gpu-rental.yaml", "-rejected-dir", t.TempDir(),
		"../../testdata/gpu-rental-sample.ndjson.gz")
	assert.Equal(t, exitStored, o.exit, o.stderr)
	assert.Equal(t, 2950, o.summary.Rows)
	assert.Equal(t, 6, o.summary.Requests)
}

// full is a disk that takes so many bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), int(*f))
	*f -= full(n)
	if n < len(p) {
		return n, errors.New("no space left")
	}
	return n, nil
}

// TestFeed_printBreaksOff: a row counts as printed only if it is there.
func TestFeed_printBreaksOff(t *testing.T) {
	t.Parallel()
	var whole bytes.Buffer
	file, summary := write(t, "a.csv", asTable(t, ',', shopRows(9))), filepath.Join(t.TempDir(), "summary.json")
	args := []string{"-print", "-map", write(t, "map.yaml", shopMapping), "-summary", summary, file}
	print := func(out io.Writer) (s Summary) {
		p := program{stdout: out, console: console{w: io.Discard}, now: time.Now}
		p.run(t.Context(), args)
		text, err := os.ReadFile(summary)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &s))
		return s
	}
	assert.Equal(t, 9, print(&whole).Stored)
	space := full(len(strings.Join(strings.SplitAfter(whole.String(), "\n")[:4], "")) + 5)
	s := print(&space)
	assert.Equal(t, []int{9, 4, 5}, []int{s.Rows, s.Stored, s.NotSent})
	assert.Equal(t, map[string]int{printed: 4}, s.Outcomes)
}

// TestFeed_sameName: two files never share a file of refused rows, in which only those of one would be left.
func TestFeed_sameName(t *testing.T) {
	t.Parallel()
	one, other, dir := write(t, "a.csv", ""), write(t, "a.csv", ""), t.TempDir()
	for _, trying := range []string{"-print", "-dry-run", "-restart"} {
		o := run(t.Context(), t, newAPI(t, allCreated), nil, trying, "-rejected-dir", dir, one, other)
		assert.Equal(t, exitUsage, o.exit)
		assert.Equal(t, "feed: the refused rows of "+one+" and "+other+" would both be in "+dir+
			"/a.csv.rejected.ndjson: feed them one after the other\n",
			o.stderr)
	}
	o := run(t.Context(), t, nil, nil, "-print", "-dry-run", one)
	assert.Equal(t, "feed: -explain, -print and -dry-run are three different runs: give one of them\n", o.stderr)
}

// TestFeed_printRefuses: nobody is asked, so -print refuses by the API's own rules, and says what stands in a file of another
// encoding.
func TestFeed_printRefuses(t *testing.T) {
	t.Parallel()
	const good = `{"productId":"P","competitorId":"shop","availability":"InStock","price":{"amount":"1","currency":"USD"},` +
		`"sellerId":"Müller","source":{"id":"a","kind":"feed"},"observedAt":"2026-01-01T00:00:00Z"}`
	with := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	lines := []string{
		good,
		with("Müller", "M\xfcller"),
		with("Müller", "M\ufffdller"),
		with(`"sellerId"`, `"url":"javascript:alert(1)","sellerId"`),
		with("P", ".."),
		with("2026-01-01T00:00:00Z", "2026-01-01T00:05:00.001Z"),
		with(`"amount":"1"`, `"amount":"1.999"`),
		with(`"productId":"P",`, ""),
		with(`"kind":"feed"`, `"kind":"robot","confidence":"2"`),
	}
	file := write(t, "a.ndjson", strings.Join(lines, "\n"))
	o := run(t.Context(), t, nil, nil, "-print", "-encoding", "utf-8", file)
	assert.Equal(t, exitRefused, o.exit)
	assert.Equal(t, []string{good + "\n"}, slices.Collect(strings.Lines(o.stdout)))
	var got []string
	for _, row := range refused(t, file+".dry-run") {
		got = append(got, fmt.Sprintf("%d %s: %s", row.Line, row.Problem.code(), row.Problem))
	}
	assert.Equal(t, []string{
		"2 malformed-json: The line has bytes that are no text in the file's encoding. Was the file saved in another one (-encoding)?",
		`3 invalid-field: sellerId: "M` + "\ufffd" + `ller" holds U+FFFD, which stands for bytes that are not UTF-8: ` +
			`was the text sent in another encoding than UTF-8?`,
		`4 invalid-field: url: "javascript:alert(1)" is not an http or https address with a host.`,
		`5 invalid-field: productId: ".." must be 1 to 64 letters, digits and . _ - (but not ., .. or batch).`,
		"6 observed-in-future: observedAt: 2026-01-01T00:05:00.001Z is more than 5 minutes after 2026-01-01T00:00:00.000Z, " +
			"when this was received.",
		"7 amount-precision: price/amount: USD has 2 minor digits; 1.999 has 3.",
		`8 missing-field: productId: One of "productId" and "gtin" is required.`,
		`9 invalid-field: source/kind: "robot" is not one of crawler, feed, manual, vendor. ` +
			`source/confidence: "2" is not a number from "0" to "1" with at most 4 decimals.`,
	}, got)

	for name, content := range map[string]string{
		"a row":      csvHeader + "M\xfcller,shop,InStock,1,USD,a,feed,2026-01-01T00:00:00Z\n",
		"the header": "gr\xf6\xdfe," + csvHeader,
	} {
		o = run(t.Context(), t, nil, nil, "-print", write(t, "a.csv", content))
		assert.Equal(t, exitRefused, o.exit, name)
		assert.Contains(t, o.stderr, "is not UTF-8", name)
		assert.Contains(t, o.stderr, "-encoding windows-1252", name)
	}
}

// TestJudge compares what -print refuses with what the service answers to each case of record-observation.
func TestJudge(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 7, 6, 9, 14, 5, 112_000_000, time.UTC) // when those cases are
	onlyTheServiceKnows := []string{"observed-too-old", "unknown-competitor", "unknown-gtin", "reserved-name", "source-not-allowed",
		"too-many-offers"}
	files, err := filepath.Glob("../../functions/record-observation/testdata/*.json")
	require.NoError(t, err)
	asked := map[bool]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var c struct {
			Body   json.RawMessage
			Store  string
			Answer struct {
				Status int
				Body   struct{ Type, Outcome string }
			}
		}
		require.NoError(t, json.Unmarshal(text, &c), file)
		code := c.Answer.Body.Type[strings.LastIndexByte(c.Answer.Body.Type, ':')+1:]
		if filepath.Base(file) == "item-id-of-a-batch.json" { // a row goes into a batch
			continue
		}
		if c.Body == nil || c.Store != "" || c.Answer.Status == http.StatusUnsupportedMediaType || slices.Contains(onlyTheServiceKnows, code) {
			continue
		}
		wrong := judge(c.Body, received)
		rejected := c.Answer.Body.Outcome == "rejected" || c.Answer.Status == http.StatusBadRequest ||
			c.Answer.Status == http.StatusUnprocessableEntity
		assert.Equal(t, rejected, wrong != nil, "%s: %v", file, wrong)
		asked[rejected]++
	}
	assert.Greater(t, asked[false], 10)
	assert.Greater(t, asked[true], 20)
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

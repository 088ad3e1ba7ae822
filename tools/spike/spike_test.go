package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
	"pricing/tools/internal/localtest"
	"pricing/tools/internal/profile"
)

// tiny is a profile of 44 observations.
const tiny = "0 4\n1 4\n1.5 30\n2.5 30\n3 2\n"

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// spike runs the command and returns its report.
func spike(t *testing.T, getenv func(string) string, args ...string) (report, error) {
	t.Helper()
	var out, problems bytes.Buffer
	err := run(t.Context(), append(args, "-json", "-seed", "7"), getenv, &out, &problems)
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r), "%s%s%v", out.String(), problems.String(), err)
	assert.Equal(t, "seed 7\n", problems.String())
	return r, err
}

func none(string) string { return "" }

// TestRun is a spike with everything that it starts itself.
func TestRun(t *testing.T) {
	t.Parallel()
	storetest.Endpoint(t) // without an engine it cannot run
	r, err := spike(t, none, "-profile", write(t, "tiny", tiny), "-products", "5", "-arrivals", "poisson", "-late", "0.2",
		"-duplicates", "0.2")
	require.NoError(t, err)
	assert.True(t, r.Passed)
	assert.Equal(t, r.Observations, r.Requests)
	assert.Equal(t, r.Requests, r.Statuses[200]+r.Statuses[201]+r.Statuses[503], "on a busy machine some may be throttled")
	assert.Positive(t, r.Outcomes["created"])
	assert.Positive(t, r.Outcomes["duplicate"])
	assert.LessOrEqual(t, r.Acknowledged, r.Observations-r.Outcomes["throttled"], "what was throttled is not")
	assert.Positive(t, r.Acknowledged)
	assert.Zero(t, r.Lost+r.Doubled+r.Foreign)
	assert.Nil(t, r.Latency[2].Value, "there are too few for a P99")
	assert.NotNil(t, r.Latency[0].Value)
}

// TestRun_Elsewhere is a spike on an API that is served already, in batches, then through what claims to have written.
func TestRun_Elsewhere(t *testing.T) {
	t.Parallel()
	served := localtest.New(t).Serve(t, "s")
	getenv := func(name string) string {
		return map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
			"AWS_ENDPOINT_URL": storetest.Endpoint(t), "TABLE_Table": served.Table}[name]
	}
	target, err := url.Parse(served.URL)
	require.NoError(t, err)
	var posts atomic.Int32
	honest := httputil.NewSingleHostReverseProxy(target)
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			switch posts.Add(1) {
			case 3: // acknowledged, but never written
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("X-Correlation-Id", r.Header.Get("X-Correlation-Id"))
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, `{"outcome":"created"}`)
				return
			case 5: // written, but not acknowledged
				honest.ServeHTTP(httptest.NewRecorder(), r)
				w.Header().Set("X-Correlation-Id", r.Header.Get("X-Correlation-Id"))
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = io.WriteString(w, `{"type":"urn:problem-type:pricing:internal"}`)
				return
			}
		}
		honest.ServeHTTP(w, r)
	}))
	t.Cleanup(liar.Close)
	common := []string{"-token-file", write(t, "token", served.Token(t, token.Scopes...)+"\n"), "-profile", write(t, "tiny", tiny),
		"-duplicates", "0"}

	r, err := spike(t, getenv, append(common, "-url", served.URL, "-items", "4")...)
	require.NoError(t, err)
	assert.Equal(t, 4*r.Requests, r.Observations)
	assert.Equal(t, r.Requests, r.Statuses[200]+r.Statuses[207]+r.Statuses[503])
	assert.Equal(t, r.Observations-r.Outcomes["throttled"], r.Acknowledged)

	r, err = spike(t, getenv, append(common, "-url", liar.URL)...)
	require.ErrorIs(t, err, errFailed)
	assert.False(t, r.Passed)
	assert.Equal(t, 1, r.Lost)
	assert.Len(t, r.LostIDs, 1)
	assert.Equal(t, map[string]int{"500 internal": 1}, r.Failures)
	assert.Equal(t, r.Observations-1-r.Outcomes["throttled"], r.Acknowledged)
	assert.Zero(t, r.Doubled+r.Foreign)
}

// What an answer counts for.
func TestCount(t *testing.T) {
	t.Parallel()
	l := load{run: "r", items: 2, due: make([]time.Duration, 3), all: make([]sighting, 6)}
	const throttled = `{"type":"urn:problem-type:pricing:throttled","detail":"Later."}`
	tests := map[string]struct {
		code        uint16
		correlation string
		body        string
		failures    map[string]int
		outcomes    map[string]int
		throttled   map[string]int
		acked       []int
	}{
		"a batch": {200, "r-1", `{"results":[{"index":0,"outcome":"changed"},{"index":1,"outcome":"throttled"}]}`, nil,
			map[string]int{"changed": 1, "throttled": 1}, nil, []int{2}},
		"all successes": {200, "r-0", `{"results":[{"index":0,"outcome":"late"},{"index":1,"outcome":"duplicate"}]}`, nil,
			map[string]int{"late": 1, "duplicate": 1}, nil, []int{0, 1}},
		"a batch of which some are": {207, "r-1", `{"results":[{"index":0,"outcome":"late"},{"index":1,"outcome":"throttled"}]}`, nil,
			map[string]int{"late": 1, "throttled": 1}, nil, []int{2}},
		"a batch of which all are": {503, "r-1", `{"results":[{"index":0,"outcome":"throttled"},{"index":1,"outcome":"throttled"}]}`, nil,
			map[string]int{"throttled": 2}, nil, nil},
		"throttled":      {503, "r-0", throttled, nil, map[string]int{"throttled": 2}, map[string]int{"503 Later.": 1}, nil},
		"by the gateway": {429, "r-0", throttled, nil, map[string]int{"throttled": 2}, map[string]int{"429 Later.": 1}, nil},
		"another 503":    {503, "r-0", `busy`, map[string]int{"503": 1}, nil, nil, nil},
		"another 500":    {500, "r-0", `{"type":"urn:problem-type:pricing:internal"}`, map[string]int{"500 internal": 1}, nil, nil, nil},
		"an observation fails": {200, "r-2", `{"results":[{"index":0,"outcome":"failed"},{"index":1,"outcome":"created"}]}`,
			map[string]int{"observation failed": 1}, map[string]int{"failed": 1, "created": 1}, nil, []int{5}},
		"a result is missing": {200, "r-0", `{"results":[{"index":0,"outcome":"late"}]}`,
			map[string]int{"200 1 results for 2 observations": 1}, nil, nil, nil},
		"out of order": {200, "r-0", `{"results":[{"index":1,"outcome":"late"},{"index":0,"outcome":"late"}]}`,
			map[string]int{"200 result 0 has the index 1": 1}, nil, nil, nil},
		"no JSON":       {200, "r-0", `x`, map[string]int{"200 invalid character 'x' looking for beginning of value": 1}, nil, nil, nil},
		"of nobody":     {200, "s-0", `{}`, map[string]int{"200 without the request's x-correlation-id": 1}, nil, nil, nil},
		"of no request": {200, "r-3", `{}`, map[string]int{"200 without the request's x-correlation-id": 1}, nil, nil, nil},
		"none":          {0, "", ``, map[string]int{"no answer: refused": 1}, nil, nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSent(6)
			s.count(l, &vegeta.Result{Code: tt.code, Body: []byte(tt.body), Error: "refused",
				Headers: http.Header{"X-Correlation-Id": {tt.correlation}}})
			want := make([]bool, 6)
			for _, i := range tt.acked {
				want[i] = true
			}
			assert.Equal(t, want, s.acknowledged)
			assert.Equal(t, counts(tt.throttled), counts(s.throttled))
			assert.Equal(t, map[int]int{int(tt.code): 1}, s.statuses)
			assert.Equal(t, counts(tt.failures), counts(s.failures))
			assert.Equal(t, counts(tt.outcomes), counts(s.outcomes))
		})
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	line := func(function, status, integration, own string) string {
		return fmt.Sprintf(`{"function":%q,"status":%q,"integrationStatus":%q,"functionStatus":%q}`+"\n", function, status, integration, own)
	}
	n, err := failed(write(t, "log", strings.Join([]string{
		line("access", "503", "200", "-"), line("access", "503", "-", "-"), // these two
		line("access", "503", "429", "-"), line("access", "503", "200", "503"), line("access", "201", "200", "201"),
		line("x", "503", "-", "-"), `{"function":"x","status":503}`, "\nx\n"}, "")))
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	_, err = failed("none")
	require.ErrorContains(t, err, "look for failed functions")
}

func TestReport(t *testing.T) {
	t.Parallel()
	var times []time.Duration
	for i := range 500 {
		times = append(times, time.Duration(500-i)*time.Millisecond)
	}
	l := load{run: "r", items: 1, due: make([]time.Duration, 500), all: make([]sighting, 500)}
	s := sent{latency: times, statuses: map[int]int{201: 499, 0: 1}, outcomes: map[string]int{"created": 499},
		failures: map[string]int{"no answer: x": 1}}
	r := newReport(l, s, found{acknowledged: 499, lost: []string{"B", "A"}})
	r.Profile, r.Arrivals = profile.Default.String(), "even"
	var out strings.Builder
	r.text(&out)
	assert.Equal(t, `profile (seconds:observations a second) 0s:5 10s:5 12s:700 30s:700 32s:5 60s:5, even arrivals
500 requests of 1 observations each, 500 in all
statuses      0: 1, 201: 499
outcomes      created: 499
throttled     requests: none
              calls of the store, by the limit of a key: 0
latency, ms   P50 250.0 [228.0-273.0]  P95 475.0 [465.0-485.0]  P99 495.0 [490.0-500.0]  P99.9: not estimable  most 500.0
send lag, ms  P50: not estimable  P95: not estimable  P99: not estimable  P99.9: not estimable
              from when a request was due; in brackets what holds the true value in 95 of 100 runs
failures      no answer: x: 1
acknowledged  499 observations, each counted once: 2 lost, 0 doubled; 0 rows that nobody sent
lost          A
lost          B
FAILED
`, out.String())
}

func TestRun_Refused(t *testing.T) {
	t.Parallel()
	for want, args := range map[string]string{
		`unexpected argument "x"`:                      "x",
		`-arrivals: "odd" is neither even nor poisson`: "-arrivals odd",
		"-items: 501; a request has from 1 to 500":     "-items 501",
		"-products: 0; there are from 1":               "-products 0",
		"-skew: NaN is not between 0 and 10":           "-skew NaN",
		"-duplicates and -late are shares":             "-late 1.5",
		"-units-per-key: 0 is not above 0":             "-units-per-key 0",
		"-duration: -1s is negative":                   "-duration -1s",
		"-url needs -token-file and -table":            "-url http://127.0.0.1:1",
		"-profile none: open none":                     "-profile none",
		"observations; a run has at most 20000000":     "-duration 90000h",
		"-token-file: open none":                       "-token-file none",
		"help requested":                               "-y",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, run(t.Context(), strings.Fields(args), none, io.Discard, io.Discard), want)
		})
	}
}

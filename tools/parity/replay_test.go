package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/tools/parity/judge"
)

// shop is a small service that keeps what is put into it. A forgetful one keeps nothing for names that begin with f.
type shop struct {
	mu        sync.Mutex
	items     map[string]string
	log       []string
	forgetful bool
	at        int
	second    bool // it is another instance: what is no business of anybody differs
}

// ServeHTTP answers GET and PUT of /items/NAME.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a short one shows in the test
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
	name := strings.TrimPrefix(r.URL.Path, "/base/items/")
	if r.Method == http.MethodPut {
		if !s.forgetful || name[0] != 'f' {
			s.items[name] = string(body)
		}
		_, _ = fmt.Fprint(w, `{"stored":true}`)
		return
	}
	s.at++
	instance := "a"
	if s.second {
		instance = "b"
	}
	_, _ = fmt.Fprintf(w, `{"name":%q,"value":%q,"instance":%q,"requests":%d}`, name, s.items[name], instance, s.at)
}

func startShop(t *testing.T, s *shop) string {
	t.Helper()
	s.items = map[string]string{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL + "/base/"
}

const shopRules = `routes:
  - route: PUT /items/{name}
    send: true
    readBack: {get: "/items/{name}", after: 1ms}
  - route: GET /items/{name}
    ignore: [/instance, /requests]
`

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// requests are writes and reads of so many names.
func requests(names int, prefix string) string {
	var b strings.Builder
	for i := range names {
		fmt.Fprintf(&b, "{\"method\":\"PUT\",\"path\":\"/items/%s%d\",\"body\":\"v%d\"}\n", prefix, i, i)
		fmt.Fprintf(&b, "{\"method\":\"GET\",\"path\":\"/items/%s%d?x=1\",\"headers\":{\"Authorization\":\"Basic x\"}}\n", prefix, i)
		fmt.Fprintf(&b, "{\"method\":\"DELETE\",\"path\":\"/items/%s%d\"}\n", prefix, i)
	}
	return b.String()
}

func report(t *testing.T, dir string) judge.Report {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	var r judge.Report
	require.NoError(t, json.Unmarshal(text, &r))
	return r
}

func TestReplay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		names     int
		prefix    string
		forgetful bool
		rules     string
		status    int
		verdict   judge.Verdict
	}{
		"alike":               {names: 60, prefix: "a", rules: shopRules, status: 0, verdict: judge.Equivalent},
		"too few":             {names: 20, prefix: "a", rules: shopRules, status: 3, verdict: judge.NotEnough},
		"the answer is a lie": {names: 60, prefix: "f", rules: shopRules, forgetful: true, status: 1, verdict: judge.Worse},
		"what is no business at all": {names: 60, prefix: "a", rules: strings.ReplaceAll(shopRules, "/instance, ", ""),
			status: 1, verdict: judge.Worse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			legacy, fresh := &shop{}, &shop{forgetful: tt.forgetful, second: true}
			dir := t.TempDir()
			var out bytes.Buffer
			status, err := run(t.Context(), []string{"replay", "-legacy", startShop(t, legacy), "-new", startShop(t, fresh), "-file",
				file(t, "x.jsonl", requests(tt.names, tt.prefix)), "-rules", file(t, "rules.yaml", tt.rules), "-out", dir, "--max-mismatch", "5%",
				"--p99-margin", "none", "-new-token-file", file(t, "token", "abc\n")}, &out, io.Discard)
			require.NoError(t, err)
			assert.Equal(t, tt.status, status, out.String())
			r := report(t, dir)
			assert.Equal(t, tt.verdict, r.Verdict)
			assert.Equal(t, map[string]int{notSent: tt.names}, r.NotCompared, "DELETE goes nowhere")
			require.Len(t, r.Routes, 3)
			assert.Equal(t, "PUT /items/{name} (state after)", r.Routes[2].Name)
			assert.Equal(t, tt.names, r.Routes[2].Compared)
			if tt.forgetful {
				assert.Equal(t, judge.Equivalent, r.Routes[1].Verdict, "the answers to the writes are alike")
				assert.Equal(t, tt.names, r.Routes[2].Mismatch.Count, "the state is not")
			}
			assert.Equal(t, legacy.items["a7"], fresh.items["a7"])
			assert.Len(t, fresh.log, 3*tt.names)
			for _, line := range fresh.log {
				assert.True(t, strings.HasSuffix(line, "Bearer abc"), line)
			}
			for _, name := range []string{"report.html", "report.md", "samples.csv", "run.json"} {
				assert.FileExists(t, filepath.Join(dir, name))
			}
		})
	}
}

// Noise is told from differences by a second legacy target, or found by a run of legacy against itself.
func TestReplay_Noise(t *testing.T) {
	t.Parallel()
	rules := strings.ReplaceAll(shopRules, "/instance, /requests", "/instance")
	legacy, second, fresh := &shop{}, &shop{second: true}, &shop{second: true}
	second.at, fresh.at = 7, 9 // their counters differ
	dir := t.TempDir()
	status, err := run(t.Context(), []string{"replay", "-legacy", startShop(t, legacy), "-new", startShop(t, fresh), "-noise", startShop(t,
		second),
		"-file", file(t, "x.jsonl", requests(100, "a")), "-rules", file(t, "rules.yaml", rules), "-out", dir, "-max-mismatch", "5%",
		"-p99-margin", "none"}, io.Discard, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, 0, status, report(t, dir).Reasons)
	read := report(t, dir).Routes[0]
	require.NotNil(t, read.Noise)
	assert.Equal(t, 100, read.Noise.Count)
	assert.Equal(t, 100, read.Paths[0].Noise)
	assert.False(t, read.Paths[0].RealAfter)

	var out bytes.Buffer
	status, err = run(t.Context(), []string{"aa", "-legacy", startShop(t, &shop{}), "-file", file(t, "x.jsonl", requests(60, "a")),
		"-rules", file(t, "rules.yaml", rules), "-max-mismatch", "5%", "-p99-margin", "none"}, &out, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, 3, status)
	assert.Contains(t, out.String(), "rules have to rule this noise out")
	assert.Contains(t, out.String(), "| `/requests` | value |")
}

// A pilot, its plan, and a run by it.
func TestPlan(t *testing.T) {
	t.Parallel()
	url := startShop(t, &shop{})
	traffic := file(t, "access.log", strings.Repeat(`- - - [06/Jul/2026:09:00:00 +0000] "GET /items/a HTTP/1.1" 200 5`+"\n", 900))
	dir := t.TempDir()
	rules := file(t, "rules.yaml", shopRules)
	common := []string{"-rules", rules, "-max-mismatch", "1%", "-p99-margin", "none"}
	status, err := run(t.Context(), append([]string{"aa", "-legacy", url, "-file", traffic, "-out", dir}, common...), io.Discard, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 0, status, report(t, dir).Reasons)
	var out bytes.Buffer
	plan := filepath.Join(dir, "plan.json")
	status, err = run(t.Context(), append([]string{"plan", "-pilot", filepath.Join(dir, "samples.csv"), "-rate", "5", "-out", plan},
		common...),
		&out, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, 0, status)
	assert.Contains(t, out.String(), "P99: 1 % -> 1.2 % slow needs 42,693 a side, 2.4 h at 5/s")
	assert.Contains(t, out.String(), "GET /items/{name}: 299 requests")
	again := t.TempDir()
	status, err = run(t.Context(), append([]string{"replay", "-legacy", url, "-new", url, "-file", traffic, "-out", again, "-plan", plan},
		common...),
		io.Discard, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, 0, status)
	r := report(t, again)
	assert.GreaterOrEqual(t, r.Compared, 299)
	assert.LessOrEqual(t, r.Compared, 299+16, "it ends with the plan, but for what was under way")
	assert.Equal(t, 900, r.Compared+r.NotCompared[full])
	assert.False(t, r.Early)
}

func TestRun_Mistakes(t *testing.T) {
	t.Parallel()
	good := file(t, "x.jsonl", requests(1, "a"))
	for want, args := range map[string][]string{
		"say proxy, replay":    {},
		"none of proxy":        {"mirror"},
		"-legacy is missing":   {"aa", "-file", good},
		"-new is missing":      {"replay", "-legacy", "http://127.0.0.1:1", "-file", good},
		"-file is missing":     {"aa", "-legacy", "http://127.0.0.1:1"},
		"is no URL of an API":  {"aa", "-legacy", "ftp://x", "-file", good},
		"give a share above 0": {"plan", "-max-mismatch", "0"},
		"unexpected argument":  {"plan", "x"},
		"rules.yaml: line 1":   {"plan", "-rules", file(t, "rules.yaml", "routs: []")},
		"x.jsonl: line 1":      {"aa", "-legacy", "http://127.0.0.1:1", "-file", file(t, "x.jsonl", "{")},
		"-pilot":               {"plan", "-pilot", "missing.csv"},
		"none of statistics":   {"prove", "nothing"},
		"listen for clients":   {"proxy", "-legacy", "http://127.0.0.1:1", "-new", "http://127.0.0.1:1", "-listen", "256.0.0.1:1"},
		"-plan":                {"aa", "-legacy", "http://127.0.0.1:1", "-file", good, "-plan", "missing.json"},
	} {
		status, err := run(t.Context(), args, io.Discard, io.Discard)
		require.ErrorContains(t, err, want)
		assert.Equal(t, statusNoRun, status)
	}
}

// A few of the simulations of prove, to see that they can be run and are not far off.
func TestSimulations(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	for _, share := range coverage(random, usual, 500, 100) {
		assert.GreaterOrEqual(t, share, 0.88)
	}
	worse, equivalent := looking(random, 0.01, 2_000, 100)
	assert.LessOrEqual(t, worse+equivalent, 0.1)
	assert.InDelta(t, 0.8, apart(random, 0.01, 0.012, 42_693, 500), 0.08)
	assert.Positive(t, wholeRuns(random, 3, "aa", usual, 0)[judge.Equivalent])
	naive, blocks := minutes(random, 60)
	assert.Greater(t, naive, blocks)
}

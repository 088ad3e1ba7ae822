package main

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/client"
	"pricing/shared/token"
	"pricing/tools/internal/localtest"
)

// market is a served API on a table of its own.
type market struct {
	url   string
	token string // file
	text  string
}

// serve serves the API on a table of its own until the test ends.
func serve(t testing.TB, p localtest.Project, name string) market {
	t.Helper()
	api := p.Serve(t, name)
	text := api.Token(t, token.Scopes...)
	return market{url: api.URL, token: write(t, "token", text), text: text}
}

// get returns the JSON of a path.
func (m market) get(t *testing.T, path string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.url+path, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+m.text)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, string(text))
	var answer map[string]any
	require.NoError(t, json.Unmarshal(text, &answer))
	return answer
}

// state returns every offer and every row of history of the products, without the time of receipt.
func (m market) state(t *testing.T, products []string) map[string][]any {
	t.Helper()
	all := map[string][]any{}
	for _, product := range products {
		for what, path := range map[string]string{
			"offers":       "/offers?limit=200",
			"observations": "/history?view=raw&from=2025-10-01T00:00:00Z&to=2025-11-01T00:00:00Z",
		} {
			for cursor := ""; ; {
				answer := m.get(t, "/v1/products/"+product+path+cursor)
				rows, ok := answer[what].([]any)
				require.True(t, ok)
				for _, row := range rows {
					delete(row.(map[string]any), "receivedAt")
				}
				all[product+" "+what] = append(all[product+" "+what], rows...)
				next, more := answer["next"].(string)
				if !more {
					break
				}
				cursor = "&cursor=" + url.QueryEscape(next)
			}
		}
	}
	return all
}

// gate lets a number of batches through to a market and holds the others until their client is gone.
type gate struct {
	*httptest.Server
	batches atomic.Int32
	through atomic.Int32 // how many more batches may pass
	held    chan struct{}
}

func newGate(t *testing.T, m market, through int32) *gate {
	t.Helper()
	target, err := url.Parse(m.url)
	require.NoError(t, err)
	g := &gate{held: make(chan struct{}, 64)}
	g.through.Store(through)
	proxy := httputil.NewSingleHostReverseProxy(target)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/observations") {
			if g.through.Add(-1) < 0 {
				_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
				g.held <- struct{}{}
				<-r.Context().Done()
				return
			}
			g.batches.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// TestKilled kills the feeder with SIGKILL while it sends real prices to the real functions on the real engine, and
// starts it again: the store must end as if nothing had happened.
func TestKilled(t *testing.T) {
	t.Parallel()
	p := localtest.New(t, "feed")
	const sample, bad = "../../testdata/gpu-rental-sample.ndjson.gz", 3
	printed := run(t.Context(), t, nil, nil, "-print", "-map", "mappings/gpu-rental.yaml", "-rejected-dir", t.TempDir(), sample)
	var rows []string
	var products []string
	seen := map[string]bool{}
	for line := range strings.Lines(printed.stdout) {
		var o struct{ ProductID string }
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		if !seen[o.ProductID] {
			seen[o.ProductID] = true
			products = append(products, o.ProductID)
		}
		rows = append(rows, line)
	}
	require.Len(t, rows, 2950)
	// A row here that the API refuses, in the first, a middle and the last batch; one that the feeder refuses itself.
	for i, at := range []int{10, 1500, 2900} {
		rows[at] = strings.Replace(rows[at], `"currency":"USD"`, `"currency":"QQQ"`, 1)
		require.Contains(t, rows[at], "QQQ", i)
	}
	rows = append(rows, "no JSON\n")
	content := strings.Join(rows, "")

	whole := serve(t, p, "w")
	feed := func(url string, m market, args ...string) *exec.Cmd {
		flags := []string{"-url", url, "-token-file", m.token, "-register-competitors", "-in-flight", "2"}
		return exec.Command(p.Tool("feed"), append(flags, args...)...)
	}
	reference := write(t, "a.ndjson", content)
	out, err := feed(whole.url, whole, reference).CombinedOutput()
	require.Error(t, err, "rows were refused")
	require.Contains(t, string(out), "refused 4 (conflict 0, rejected 3, unsendable 1), skipped 0, failed 0, not sent 0", string(out))
	want := whole.state(t, products)
	require.Len(t, refused(t, reference), bad+1)

	cut := serve(t, p, "c")
	file := write(t, "a.ndjson", content)
	g := newGate(t, cut, 3)
	// Twice: after three batches of six, then after one more.
	for _, through := range []int32{3, 1} {
		g.through.Store(through)
		cmd := feed(g.URL, cut, file)
		require.NoError(t, cmd.Start())
		<-g.held
		<-g.held // both workers wait, so what passed before is acknowledged and written down
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		require.FileExists(t, file+".state.json")
	}
	require.EqualValues(t, 4, g.batches.Load())
	g.through.Store(100)
	summary := filepath.Join(t.TempDir(), "summary.json")
	out, err = feed(g.URL, cut, "-summary", summary, file).CombinedOutput()
	require.Error(t, err, "rows were refused, some of them before")
	assert.Contains(t, string(out), "2000 of 2950 observations are acknowledged, 950 are left", string(out))
	assert.EqualValues(t, 6, g.batches.Load(), "no batch twice, none left out")
	var sum Summary
	text, err := os.ReadFile(summary)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &sum))
	assert.Equal(t, 2000, sum.Before)
	assert.Equal(t, bad, sum.RefusedBefore+sum.Rejected)
	assert.ElementsMatch(t, refusedLines(t, reference), refusedLines(t, file))
	assert.NoFileExists(t, file+".state.json")
	assert.Equal(t, want, cut.state(t, products))

	// A warm function may know the competitors of a second ago, and what it refuses then would not be sent again.
	t.Run("a competitor that has just been registered is known", func(t *testing.T) {
		row := `{"productId":"P","competitorId":"newcomer","availability":"InStock","price":{"amount":"1","currency":"USD"},` +
			`"source":{"id":"s","kind":"feed"},"observedAt":"2025-10-20T00:00:00Z"}`
		for _, name := range []string{"newcomer-1", "newcomer-2"} { // the first sees to it that the function has just read them
			out, err := feed(cut.url, cut, write(t, "a.ndjson", strings.Replace(row, "newcomer", name, 1))).CombinedOutput()
			require.NoError(t, err, string(out))
		}
	})
	t.Run("shuffled, CSV, by two feeders at once: nothing changes", func(t *testing.T) {
		shuffled := write(t, "shuffled.csv", asCSV(t, rows[:2950]))
		first, second := feed(cut.url, cut, shuffled), feed(cut.url, cut, "-in-flight", "3", shuffled)
		require.NoError(t, first.Start())
		out, err := second.CombinedOutput()
		require.Error(t, err, "the same rows are refused")
		require.Contains(t, string(out), "rejected 3, unsendable 0), skipped 0, failed 0, not sent 0")
		require.Error(t, first.Wait())
		assert.Equal(t, want, cut.state(t, products))
	})
}

// refusedLines returns the numbers of the lines that were refused.
func refusedLines(t *testing.T, file string) (lines []int) {
	t.Helper()
	for _, r := range refused(t, file) {
		lines = append(lines, r.Line)
	}
	return lines
}

// asCSV writes observations as CSV in an order that is not that of time.
func asCSV(t *testing.T, rows []string) string {
	t.Helper()
	names := []string{"productId", "competitorId", "sellerId", "availability", "price.amount", "price.currency",
		"source.id", "source.kind", "observedAt"}
	var b strings.Builder
	out := csv.NewWriter(&b)
	require.NoError(t, out.Write(names))
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(rows))
	for _, i := range order {
		var o client.Submission
		require.NoError(t, json.Unmarshal([]byte(rows[i]), &o))
		require.NoError(t, out.Write([]string{o.ProductID, o.CompetitorID, o.SellerID, string(o.Availability), o.Price.Amount, o.Price.Currency,
			o.Source.ID, string(o.Source.Kind), o.ObservedAt.Format(time.RFC3339Nano)}))
	}
	out.Flush()
	require.NoError(t, out.Error())
	return b.String()
}

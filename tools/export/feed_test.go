package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/client"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
	"pricing/tools/internal/localtest"
)

// fed is what the feeder says of a run, as far as it matters here.
type fed struct {
	Observations int
	Outcomes     map[string]int
}

// served is an API on a table of its own, and programs to fill and export it.
type served struct {
	localtest.API
	p     localtest.Project
	token string
}

func serve(t *testing.T, p localtest.Project, name string) served {
	t.Helper()
	s := served{API: p.Serve(t, name), p: p, token: filepath.Join(t.TempDir(), "token")}
	require.NoError(t, os.WriteFile(s.token, []byte(s.Token(t, token.Scopes...)), 0o600))
	return s
}

// feed feeds files and returns what became of their observations, all of which must be stored.
func (s served) feed(t *testing.T, args ...string) fed {
	t.Helper()
	summary := filepath.Join(t.TempDir(), "summary.json")
	flags := []string{"-url", s.URL, "-token-file", s.token, "-register-competitors", "-rejected-dir", t.TempDir(), "-summary", summary}
	out, err := exec.Command(s.p.Tool("feed"), append(flags, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	text, err := os.ReadFile(summary)
	require.NoError(t, err)
	var sum fed
	require.NoError(t, json.Unmarshal(text, &sum))
	return sum
}

func (s served) store(t *testing.T) *store.Store {
	return store.New(storetest.Client(storetest.Endpoint(t)), store.Options{Table: s.Table, Retention: storetest.Retention, Width: 4})
}

// exported are the files of an export in a format.
func (s served) exported(t *testing.T, format string) []string {
	t.Helper()
	folder := t.TempDir()
	told, err := export(t, "-table", s.Table, "-out", folder, "-format", format, "-rows", "1500")
	require.NoError(t, err, told)
	files, err := filepath.Glob(filepath.Join(folder, "observations-*"))
	require.NoError(t, err)
	months, err := filepath.Glob(filepath.Join(folder, "month=*", "observations-*"))
	require.NoError(t, err)
	return append(files, months...)
}

// identityOf is a line of NDJSON without what is the table's: when and from whom the observation was received.
func identityOf(t *testing.T, lines []string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, line := range lines {
		var o map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		delete(o, "receivedAt")
		delete(o, "client")
		all[o["observationId"].(string)] = o
	}
	return all
}

// histories are the products' histories as the API answers them in CSV, a file each. lines are of an export.
func (s served) histories(t *testing.T, view client.ListHistoryParamsView, lines []string) (files []string) {
	t.Helper()
	params := client.ListHistoryParams{View: view, Order: client.ListHistoryParamsOrderAsc, Limit: 300}
	seen := map[string]bool{}
	for _, line := range lines {
		var o struct {
			ProductID  string
			ObservedAt time.Time
		}
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		seen[o.ProductID] = true
		if params.From.IsZero() || o.ObservedAt.Before(params.From) {
			params.From = o.ObservedAt
		}
		if o.ObservedAt.After(params.To) {
			params.To = o.ObservedAt
		}
	}
	token, err := os.ReadFile(s.token)
	require.NoError(t, err)
	c, err := client.New(s.URL, string(token))
	require.NoError(t, err)
	folder := t.TempDir()
	for product := range seen {
		file, err := os.Create(filepath.Join(folder, product+".csv"))
		require.NoError(t, err)
		require.NoError(t, c.HistoryCSV(t.Context(), product, params, file))
		require.NoError(t, file.Close())
		files = append(files, file.Name())
	}
	return files
}

// TestFedBack feeds a market to the real functions, exports it, and feeds what was exported to the same table and to an
// empty one. The same holds for what the API itself answers in CSV. What it answers is what package oracle makes of the export.
func TestFedBack(t *testing.T) {
	t.Parallel()
	p := localtest.New(t, "feed", "oracle")
	full := serve(t, p, "f")
	sample := full.feed(t, "-map", "../feed/mappings/gpu-rental.yaml", "../../testdata/gpu-rental-sample.ndjson.gz")
	require.Equal(t, 2950, sample.Observations)
	generated := market(t, full.store(t))

	folder := t.TempDir()
	told, err := export(t, "-table", full.Table, "-out", folder)
	require.NoError(t, err, told)
	all := lines(t, folder)
	require.Len(t, all, 2950-sample.Outcomes["duplicate"]+len(generated))

	for _, format := range []string{"ndjson", "csv", "parquet"} {
		files := full.exported(t, format)
		require.Greater(t, len(files), 1)
		again := full.feed(t, files...)
		assert.Equal(t, fed{len(all), map[string]int{"duplicate": len(all)}}, again, "%s into the table that it is from", format)
	}
	raw := full.feed(t, full.histories(t, client.ListHistoryParamsViewRaw, all)...)
	assert.Equal(t, fed{len(all), map[string]int{"duplicate": len(all)}}, raw)
	changes := full.feed(t, full.histories(t, client.ListHistoryParamsViewChanges, all)...)
	assert.Equal(t, map[string]int{"duplicate": changes.Observations}, changes.Outcomes)
	assert.Greater(t, len(all), changes.Observations)
	assert.Greater(t, changes.Observations, 1000)
	args := append([]string{"-url", full.URL, "-token-file", full.token}, full.exported(t, "ndjson")...)
	compared, err := exec.Command(p.Tool("oracle"), args...).CombinedOutput()
	require.NoError(t, err, string(compared))
	t.Log(string(compared))

	empty := serve(t, p, "e")
	first := empty.feed(t, full.exported(t, "csv")...)
	assert.Equal(t, len(all), first.Observations)
	assert.Zero(t, first.Outcomes["duplicate"])
	folder = t.TempDir()
	_, err = export(t, "-table", empty.Table, "-out", folder)
	require.NoError(t, err)
	assert.Equal(t, identityOf(t, all), identityOf(t, lines(t, folder)))
}

// gate is a way to the engine on which scans have few items a page, and can be held until their client is gone.
type gate struct {
	*httptest.Server
	pages chan struct{} // a page passes for each
	held  chan struct{}
}

func newGate(t *testing.T) *gate {
	t.Helper()
	engine, err := url.Parse(storetest.Endpoint(t))
	require.NoError(t, err)
	g := &gate{pages: make(chan struct{}, 1000), held: make(chan struct{}, 10)}
	proxy := httputil.NewSingleHostReverseProxy(engine)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".Scan") {
			select {
			case <-g.pages:
			default:
				g.held <- struct{}{}
				<-r.Context().Done()
				return
			}
			body = bytes.Replace(body, []byte("{"), []byte(`{"Limit":7,`), 1)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// TestKilled kills the program with SIGKILL after any number of pages, again and again, while it exports.
func TestKilled(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	market(t, tab.Store)
	want := unescaped(stored(t, tab.Store, products...))
	binary := filepath.Join(t.TempDir(), "export")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	g := newGate(t)
	command := func(folder string) *exec.Cmd {
		cmd := exec.Command(binary, "-table", tab.name, "-out", folder, "-rows", "400", "-rate", "0")
		cmd.Env = os.Environ()
		for name, value := range environment(t) {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_DYNAMODB="+g.URL)
		return cmd
	}
	folder := filepath.Join(t.TempDir(), "out")
	kills := 0
	for pages := 1; ; pages += 3 { // each run comes further
		for range pages {
			g.pages <- struct{}{}
		}
		cmd := command(folder)
		var told bytes.Buffer
		cmd.Stderr = &told
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			require.NoError(t, err, told.String())
		case <-g.held:
			kills++
			require.NoError(t, cmd.Process.Kill())
			require.Error(t, <-ended)
			require.Empty(t, g.pages)
			continue
		}
		break
	}
	assert.Greater(t, kills, 3)
	assert.Equal(t, want, lines(t, folder))
	assert.Equal(t, len(want), state(t, folder).Counts.Written)
}

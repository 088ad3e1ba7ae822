package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/client"
	"pricing/tools/internal/localtest"
)

// build is the version of a binary that was built without one.
const build = "dev"

// smoke runs the command once, without waiting for a service that is busy.
func smoke(t *testing.T, api, token string, args ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), append([]string{"-url", api + "/", "-token-file", file, "-attempts", "1"}, args...), &stdout, &stderr)
	return stdout.String(), err
}

// change changes an answer and returns its new body.
type change func(r *http.Request, resp *http.Response, body string) string

// broken serves an API with its answers changed.
func broken(t *testing.T, api string, change change) string {
	t.Helper()
	target, err := url.Parse(api)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(resp *http.Response) error {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		text := change(resp.Request, resp, string(body))
		resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		resp.Header.Del("Content-Length")
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

func TestRun(t *testing.T) {
	t.Parallel()
	api := localtest.New(t).Serve(t, "s")
	token := api.Token(t, "ingest", "read", "self-check")
	crowd(t, api)

	t.Run("all is well", func(t *testing.T) {
		t.Parallel()
		for range 2 { // what the first wrote is there the second time
			out, err := smoke(t, api.URL, token, "-commit", build)
			require.NoError(t, err, out)
			assert.Equal(t, len(steps), strings.Count(out, "ok  "))
			for _, s := range steps {
				assert.Contains(t, out, "ok  "+s.name)
			}
			assert.NotContains(t, out, "not proved")
		}
	})
	at := func(method, path string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Method == method && strings.HasPrefix(r.URL.Path, path) }
	}
	// replace changes the body where old is found in it.
	replace := func(match func(*http.Request) bool, old, new string) change {
		return func(r *http.Request, _ *http.Response, body string) string {
			if match(r) {
				return strings.Replace(body, old, new, 1)
			}
			return body
		}
	}
	answer := func(match func(*http.Request) bool, text string) change {
		return func(r *http.Request, _ *http.Response, body string) string {
			if match(r) {
				return text
			}
			return body
		}
	}
	header := func(match func(*http.Request) bool, name, value string) change {
		return func(r *http.Request, resp *http.Response, body string) string {
			if match(r) {
				resp.Header.Set(name, value)
			}
			return body
		}
	}
	status := func(match func(*http.Request) bool, status int) change {
		return func(r *http.Request, resp *http.Response, body string) string {
			if match(r) {
				resp.StatusCode = status
			}
			return body
		}
	}
	without := func(r *http.Request) bool { return r.Header.Get("Authorization") == "" && !at("GET", "/v1/health")(r) }
	unknown := func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer cpi_nobody" }
	same := func(_ *http.Request, _ *http.Response, body string) string { return body }
	health := at("GET", "/v1/health")
	writes := at("POST", "/v1/observations")
	reads := at("GET", "/v1/products/")
	const (
		both           = "ingest read self-check"
		noID           = `bad body: x-request-id is "", not the problem's instance`
		anotherProblem = `unknown token: the problem is "urn:problem-type:pricing:forbidden", not unauthorized`
	)
	tests := map[string]struct {
		change  change
		scopes  string
		args    []string
		wantErr string
	}{
		"another commit":                   {same, both, []string{"-commit", "0a1b2c"}, "health: version is dev, not 0a1b2c"},
		"a service that is ill":            {replace(health, `"ok"`, `"ill"`), both, nil, `health: status is "ill"`},
		"health fails":                     {status(health, 500), both, nil, "health: 500 Internal Server Error"},
		"health leads elsewhere":           {status(health, 302), both, nil, "health: 302 Found"},
		"health is no JSON":                {replace(health, "{", "<"), both, nil, "health: the answer of status 200 makes no sense: "},
		"the service is busy":              {status(health, 503), both, nil, "health: 503 Service Unavailable: "},
		"anyone may read":                  {status(without, 200), both, nil, "no token: status 200, not 401"},
		"a gateway's default answer":       {header(without, "Content-Type", "text/html"), both, nil, `no token: Content-Type is "text/html"`},
		"another problem":                  {replace(unknown, "unauthorized", "forbidden"), both, nil, anotherProblem},
		"another status in the problem":    {replace(unknown, `401`, `403`), both, nil, "unknown token: the problem has status 403"},
		"a token that may change too much": {same, "ingest read catalog", nil, "wrong scope: status 422, not 403"},
		"a token that may not write":       {same, "read", nil, "bad body: status 403, not 400"},
		"a token that may not read":        {same, "ingest self-check", nil, "read back: 403 Forbidden: forbidden: "},
		"an ordinary token":                {same, "ingest read", nil, "write: 422 Unprocessable Entity: reserved-name: "},
		"an answer without its id":         {header(writes, "X-Request-Id", ""), both, nil, noID},
		"a route too many":                 {status(at("GET", "/v1/nothing-here"), 404), both, nil, "unknown route: status 404, not 403"},
		"a write refused":                  {status(created, 500), both, nil, "write: 500 Internal Server Error"},
		"an unknown outcome":               {replace(writes, `"outcome":"`, `"outcome":"mis`), both, nil, `write: the outcome is "mis`},
		"a write that is not idempotent":   {replace(writes, `"duplicate"`, `"late"`), both, nil, `the same write again: the outcome is "late"`},
		"a write that is not there":        {answer(reads, `{"offers":[]}`), both, nil, "read back: there are 0 offers of smoke-"},
		"another write in its place": {replace(reads, `"observationId":"`, `"observationId":"0`), both, nil,
			"read back: the offer of smoke-"},
		"a read that fails": {status(reads, 502), both, nil, "read back: 502 Bad Gateway"},
		"an index that may not be read": {status(func(r *http.Request) bool { return r.URL.Path == "/v1/products" }, 500), both, nil,
			"catalogue: 500 Internal Server Error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := tt.args
			if args == nil {
				args = []string{"-commit", build}
			}
			out, err := smoke(t, broken(t, api.URL, tt.change), api.Token(t, strings.Fields(tt.scopes)...), args...)
			require.ErrorContains(t, err, tt.wantErr)
			step, _, _ := strings.Cut(tt.wantErr, ":")
			assert.NotContains(t, out, "ok  "+step)
		})
	}

	// once changes the first answer alone.
	once := func(change change) change {
		var first sync.Once
		return func(r *http.Request, resp *http.Response, body string) string {
			first.Do(func() { body = change(r, resp, body) })
			return body
		}
	}
	t.Run("a fault is not repeated", func(t *testing.T) {
		t.Parallel()
		_, err := smoke(t, broken(t, api.URL, once(status(health, 500))), token, "-commit", build, "-attempts", "2")
		require.ErrorContains(t, err, "(which is not repeated)")
	})

	t.Run("a clock that is behind", func(t *testing.T) {
		t.Parallel()
		late, writes := replace(created, `"outcome":"`, `"outcome":"late","was":"`), 0
		once := func(r *http.Request, resp *http.Response, body string) string {
			if created(r) {
				writes++
			}
			if writes == 1 {
				return late(r, resp, body)
			}
			return body
		}
		out, err := smoke(t, broken(t, api.URL, once), token, "-commit", build)
		require.NoError(t, err)
		assert.Contains(t, out, "late ")
	})

	// An emulator refuses as the gateway does, in another form.
	plain := func(r *http.Request, resp *http.Response, body string) string {
		if resp.StatusCode >= 400 {
			resp.Header.Set("Content-Type", "application/json")
			return `{"message":"no"}`
		}
		return body
	}
	t.Run("an emulator", func(t *testing.T) {
		t.Parallel()
		out, err := smoke(t, broken(t, api.URL, plain), token, "-commit", build, "-emulator")
		require.NoError(t, err)
		assert.Contains(t, out, "not proved on an emulator: the gateway's own answer for "+
			"no token, unknown token, wrong scope, bad body, unknown route\n")
	})
	t.Run("an emulator that refuses nothing", func(t *testing.T) {
		t.Parallel()
		_, err := smoke(t, broken(t, api.URL, status(unknown, 200)), token, "-commit", build, "-emulator")
		require.ErrorContains(t, err, "unknown token: status 200, not 401")
	})
}

// crowd fills the product of smoke tests: every seller of theirs has an older offer. Others cannot add to it.
func crowd(t *testing.T, api localtest.API) {
	t.Helper()
	record := func(token, seller string, offers int, observedAt time.Time) []client.Result {
		c, err := client.New(api.URL, token)
		require.NoError(t, err)
		var all []client.Submission
		for i := range offers {
			all = append(all, client.Submission{
				ProductID: product, CompetitorID: "self-check", SellerID: fmt.Sprintf("%s-%02d", seller, i),
				Availability: client.AvailabilityInStock, Price: &client.Money{Amount: "0.01", Currency: "EUR"},
				Source: client.Source{ID: "test", Kind: client.SourceKindManual}, ObservedAt: observedAt,
			})
		}
		results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, all)
		require.NoError(t, err)
		return results
	}
	for _, r := range record(api.Token(t, "ingest", "read", "catalog"), "cheap", 101, time.Now()) {
		require.Equal(t, "reserved-name", r.Problem.Code())
	}
	for _, r := range record(api.Token(t, "ingest", "self-check"), "smoke", sellers, time.Now().AddDate(0, -1, 0)) {
		require.Equal(t, "created", r.Outcome)
	}
}

// created matches the writes, not the bad body.
func created(r *http.Request) bool { return r.Method == http.MethodPost && r.ContentLength > 50 }

func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for want, retry := range map[time.Duration]client.Retry{
			1 * time.Second: {Attempts: 1, Err: errors.New("the connection is lost")},
			2 * time.Second: {Attempts: 2, Err: &client.Problem{Status: 429}, Asked: time.Second},
			9 * time.Second: {Attempts: 3, Err: &client.Problem{Status: 503}, Asked: 9 * time.Second},
		} {
			start := time.Now()
			require.NoError(t, patience(t.Context(), retry))
			assert.Equal(t, want, time.Since(start))
		}
		for _, status := range []int{408, 500, 502, 504} {
			require.Error(t, patience(t.Context(), client.Retry{Err: &client.Problem{Status: status}}), "a fault must be seen")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, patience(ctx, client.Retry{Attempts: 1}), context.Canceled)
	})
}

func TestRun_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"-url and -token-file are needed": {"-url", "http://127.0.0.1:9"},
		"read the token":                  {"-url", "http://127.0.0.1:9", "-token-file", filepath.Join(t.TempDir(), "none")},
		"help requested":                  {"-nothing"},
	} {
		var stdout, stderr bytes.Buffer
		require.ErrorContains(t, run(t.Context(), args, &stdout, &stderr), want)
		assert.Empty(t, stdout.String())
	}
}

package localtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/token"
)

// call sends a JSON body with a bearer token and returns status, headers and body.
func (a API) call(t *testing.T, method, path, tok, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if tok != "" {
		req.Header.Set("Authorization", "Bearer "+tok)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(text)
}

// renames gives other names to everything that the template names after the business: paths, functions, folders.
func renames(folders []os.DirEntry) *strings.Replacer {
	pairs := []string{
		"/v1/observations", "/x9/facts", "v1/observations", "x9/facts", "/v1/products/", "/x9/things/",
		"/v1/competitors", "/x9/others", "/v1/health", "/x9/pulse",
		"/offers", "/now", "/history", "/past", "/batch", "/many",
		"v1/offers", "x9/now", "v1/summaries", "x9/sums", "v1/legacy", "x9/old",
	}
	for i, folder := range slices.Backward(folders) { // a longer name before the one that it begins with
		id := ""
		for word := range strings.SplitSeq(folder.Name(), "-") {
			id += strings.ToUpper(word[:1]) + word[1:]
		}
		pairs = append(pairs, folder.Name(), fmt.Sprintf("renamed-%d", i), id, fmt.Sprintf("Renamed%d", i))
	}
	return strings.NewReplacer(append(pairs, "Table", "Heap", "Api", "Door", "pricing-", "other-")...)
}

// intrinsics keeps CloudFormation's own words that the renames would hit.
var intrinsics = regexp.MustCompile(`AWS::[A-Za-z]+::[A-Za-z]+|TableName|RestApi|OpenApiVersion|DescribeTable`)

// routes are the texts in code that name paths: an endpoint's route, the authorizer's policy.
var routes = regexp.MustCompile(`"[^"\n]*v1/[^"\n]*"`)

// rename gives the project other names.
func (p *Project) rename(t *testing.T) {
	t.Helper()
	p.table = "other-"
	folders, err := os.ReadDir(filepath.Join(p.dir, "functions"))
	require.NoError(t, err)
	renames := renames(folders)
	for _, folder := range folders {
		renamed := filepath.Join(p.dir, "functions", renames.Replace(folder.Name()))
		require.NoError(t, os.Rename(filepath.Join(p.dir, "functions", folder.Name()), renamed))
		code, err := filepath.Glob(filepath.Join(renamed, "*.go"))
		require.NoError(t, err)
		for _, file := range code {
			replaceIn(t, file, func(text string) string { return routes.ReplaceAllStringFunc(text, renames.Replace) })
		}
	}
	replaceIn(t, filepath.Join(p.dir, "template.yaml"), func(text string) string {
		var kept []string
		marked := intrinsics.ReplaceAllStringFunc(text, func(word string) string {
			kept = append(kept, word)
			return fmt.Sprintf("\x00%d\x00", len(kept)-1)
		})
		out := renames.Replace(marked)
		for i, word := range kept {
			out = strings.Replace(out, fmt.Sprintf("\x00%d\x00", i), word, 1)
		}
		return out
	})
}

func replaceIn(t *testing.T, file string, replace func(string) string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(replace(string(text))), 0o600))
}

// TestRenamedProject serves the whole project under other names: paths, functions, folders, table. What works only under
// the old ones is built in where it must not be.
func TestRenamedProject(t *testing.T) {
	t.Parallel()
	p := New(t)
	p.rename(t)
	old := &oldService{}
	server := httptest.NewServer(old)
	defer server.Close()
	a := p.Serve(t, "t", "-param", "LegacyUrl="+server.URL+"/api", "-param", "LegacyAuthorization=Basic b2xk")
	for _, name := range []string{"/v1/", "RecordObservation", "ListOffers"} {
		assert.NotContains(t, a.printed, name)
	}
	tok := a.Token(t, token.Scopes...)

	status, _, body := a.call(t, "GET", "/x9/pulse", "", "")
	require.Equal(t, 200, status, body)
	status, _, body = a.call(t, "PUT", "/x9/others/bigmart", tok, `{"name":"BigMart","kind":"retailer"}`)
	require.Equal(t, 201, status, body)
	status, _, body = a.call(t, "POST", "/x9/facts/many", tok, `{"observations":[{"productId":"P1","competitorId":"bigmart",
		"availability":"InStock","price":{"amount":"1.50","currency":"USD"},"source":{"id":"a","kind":"feed"},
		"observedAt":"2026-07-06T09:14:03Z"},{}]}`)
	require.Equal(t, 207, status, body)
	status, _, body = a.call(t, "GET", "/x9/things/P1/now", tok, "")
	require.Equal(t, 200, status, body)
	assert.Contains(t, body, `"amount":"1.50"`)
	status, _, body = a.call(t, "GET", "/x9/things/P1/past?view=raw&from=2026-07-01T00:00:00Z&to=2026-07-10T00:00:00Z", tok, "")
	require.Equal(t, 200, status, body)

	t.Run("what the gateway refuses is a problem of the template's form", func(t *testing.T) {
		const unknown = `{"name":"a","kind":"retailer","x":1}`
		tests := map[string]struct {
			method, path, token, body string
			wantStatus                int
			wantCode                  string
		}{
			"no token":             {"GET", "/x9/others", "", "", 401, "unauthorized"},
			"a wrong token":        {"GET", "/x9/others", "cpi_x", "", 401, "unauthorized"},
			"no such path":         {"GET", "/v1/health", "", "", 403, "forbidden"},
			"no such method":       {"DELETE", "/x9/others", tok, "", 403, "forbidden"},
			"a body without array": {"POST", "/x9/facts/many", tok, `{}`, 400, "malformed-json"},
			"a body no JSON":       {"PUT", "/x9/others/bigmart", tok, `{`, 400, "malformed-json"},
			"an unknown field":     {"PUT", "/x9/others/bigmart", tok, unknown, 400, "malformed-json"},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				status, header, body := a.call(t, tt.method, tt.path, tt.token, tt.body)
				assert.Equal(t, tt.wantStatus, status)
				assert.Equal(t, "application/problem+json", header.Get("Content-Type"))
				assert.NotEmpty(t, header.Get("X-Request-Id"))
				assert.NotEmpty(t, header.Get("X-Correlation-Id"))
				var p struct {
					Type, Instance string
					Status         int
				}
				require.NoError(t, json.Unmarshal([]byte(body), &p), body)
				assert.Equal(t, "urn:problem-type:pricing:"+tt.wantCode, p.Type)
				assert.Equal(t, header.Get("X-Request-Id"), p.Instance)
				assert.Equal(t, tt.wantStatus, p.Status)
			})
		}
	})
	t.Run("limits of a batch", func(t *testing.T) {
		const many = "/x9/facts/many"
		items := strings.TrimSuffix(strings.Repeat(`{"productId":"P1"},`, 501), ",")
		status, _, body := a.call(t, "POST", many, tok, `{"observations":[`+items+`]}`)
		assert.Equal(t, 422, status)
		assert.Contains(t, body, `"pointer":"/observations","code":"too-many-items"`)
		assert.Contains(t, body, `"detail":"At most 500 observations are taken at once, not 501."`)
		status, _, body = a.call(t, "POST", many, tok, `{"observations":[]}`)
		assert.Equal(t, 422, status)
		assert.Contains(t, body, "There is no observation.")
		exact := `{"observations":[` + strings.Repeat(" ", 1<<20-len(`{"observations":[]}`)) + `]}`
		status, _, _ = a.call(t, "POST", many, tok, exact)
		assert.Equal(t, 422, status, "1 MiB is read")
		status, _, body = a.call(t, "POST", many, tok, exact+" ")
		assert.Equal(t, 413, status, "1 MiB + 1 is not")
		assert.Contains(t, body, "too-large")
	})
	t.Run("the old service", func(t *testing.T) { facade(t, a, old, server) })
}

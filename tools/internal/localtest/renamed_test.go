package localtest

import (
	"encoding/json"
	"fmt"
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

// renames gives other names to everything that the template names after the business: paths, functions, folders.
func renames(folders []os.DirEntry) *strings.Replacer {
	pairs := []string{
		"/v1/observations", "/x9/facts", "v1/observations", "x9/facts", "/v1/products", "/x9/things",
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
	p.Table = "other-"
	folders, err := os.ReadDir(filepath.Join(p.Dir, "functions"))
	require.NoError(t, err)
	renames := renames(folders)
	for _, folder := range folders {
		renamed := filepath.Join(p.Dir, "functions", renames.Replace(folder.Name()))
		require.NoError(t, os.Rename(filepath.Join(p.Dir, "functions", folder.Name()), renamed))
		code, err := filepath.Glob(filepath.Join(renamed, "*.go"))
		require.NoError(t, err)
		for _, file := range code {
			replaceIn(t, file, func(text string) string { return routes.ReplaceAllStringFunc(text, renames.Replace) })
		}
	}
	replaceIn(t, filepath.Join(p.Dir, "template.yaml"), func(text string) string {
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
	a := p.Serve(t, "t", "-param", "LegacyUrl="+server.URL+"/api", "-param", "LegacyAuthorization=Basic b2xk",
		"-param", "LegacyPaths="+passedOn)
	for _, name := range []string{"/v1/", "RecordObservation", "ListOffers"} {
		assert.NotContains(t, a.Printed, name)
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
		tests := map[string]struct {
			method, path, token, body string
			wantStatus                int
			wantCode                  string
		}{
			"no token":             {"GET", "/x9/others", "", "", 401, "unauthorized"},
			"a wrong token":        {"GET", "/x9/others", "cpi_x", "", 401, "unauthorized"},
			"an unknown token":     {"GET", "/x9/others", token.Mint(a.Environment).String(), "", 401, "unauthorized"},
			"no such path":         {"GET", "/v1/health", "", "", 403, "forbidden"},
			"no such method":       {"DELETE", "/x9/others", tok, "", 403, "forbidden"},
			"a body without array": {"POST", "/x9/facts/many", tok, `{}`, 400, "malformed-json"},
			"a body of an array":   {"POST", "/x9/facts", tok, `[]`, 400, "malformed-json"},
			"a body no JSON":       {"PUT", "/x9/others/bigmart", tok, `{`, 400, "malformed-json"},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				status, header, body := a.call(t, tt.method, tt.path, tt.token, tt.body)
				assert.Equal(t, tt.wantStatus, status)
				assert.Equal(t, "application/problem+json", header.Get("Content-Type"))
				assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
				assert.Equal(t, "no-store", header.Get("Cache-Control"))
				assert.Equal(t, header.Get("x-amz-apigw-id"), header.Get("X-Request-Id"))
				assert.Equal(t, "night-42", header.Get("X-Correlation-Id"))
				assert.Empty(t, header.Get("X-Validation-Error"))
				var p struct {
					Type, Instance string
					Status         int
				}
				require.NoError(t, json.Unmarshal([]byte(body), &p), body)
				assert.Equal(t, "urn:problem-type:pricing:"+tt.wantCode, p.Type)
				assert.Equal(t, header.Get("X-Request-Id"), p.Instance)
				if name != "no such method" { // DEFAULT_4XX is for several statuses, so its body names none
					assert.Equal(t, tt.wantStatus, p.Status)
				}
			})
		}
	})
	t.Run("the function names every fault, not the gateway the first", func(t *testing.T) {
		status, _, body := a.call(t, "PUT", "/x9/others/bigmart", tok, `{"name":7,"x":1}`)
		assert.Equal(t, 400, status)
		for _, pointer := range []string{"/name", "/kind", "/x"} {
			assert.Contains(t, body, `"pointer":"`+pointer+`"`)
		}
	})
	t.Run("a token is taken as RFC 9110 has it, and of no other scheme", func(t *testing.T) {
		for authorization, want := range map[string]int{
			"Bearer " + tok: 200, "Bearer  " + tok: 200, "bEARER " + tok: 200,
			tok: 401, "Basic " + tok: 401, "Bearer" + tok: 401, "Bearer\t" + tok: 401,
			"Bearer " + tok + "x": 401, "Bearer " + tok + " ,": 401, "Bearer x" + tok: 401, "Bearer " + token.Mint("prod").String(): 401,
		} {
			status, _, body := a.exchange(t, "GET", "/x9/others", map[string]string{"Authorization": authorization}, "")
			assert.Equal(t, want, status, "%.12s... %s", authorization, body)
		}
	})
	t.Run("sellers in another encoding are refused, and so do not become one", func(t *testing.T) {
		for _, seller := range []string{"M\xfcller", "M\xf6ller", "M\xfcller"} { // ISO-8859-1
			status, _, body := a.call(t, "POST", "/x9/facts", tok, `{"productId":"P2","competitorId":"bigmart","availability":"InStock",
				"price":{"amount":"1.50","currency":"USD"},"source":{"id":"a","kind":"feed"},"observedAt":"2026-07-06T09:14:03Z",
				"sellerId":"`+seller+`"}`)
			assert.Equal(t, 422, status)
			assert.Contains(t, body, `"pointer":"/sellerId","code":"invalid-field"`)
			assert.Contains(t, body, `\"M`+"\ufffd"+`ller\" holds U+FFFD, which stands for bytes that are not UTF-8`)
		}
		status, _, body := a.call(t, "GET", "/x9/things/P2/now", tok, "")
		assert.Equal(t, 404, status, body)
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

package localtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/local/samtemplate"
	"pricing/shared/token"
)

// TestOWASP asks the served API about each risk of the OWASP API Security Top 10 of 2023, in its order.
func TestOWASP(t *testing.T) {
	t.Parallel()
	old := &oldService{}
	server := httptest.NewServer(old)
	defer server.Close()
	p := New(t)
	a := p.Serve(t, "o", "-param", "LegacyUrl="+server.URL+"/api", "-param", "LegacyAuthorization=Basic b2xk",
		"-param", "LegacyPaths=orders/*")
	all := a.Token(t, token.Scopes...)
	for _, competitor := range []string{"bigmart", "smallmart"} {
		status, _, body := a.call(t, "PUT", "/v1/competitors/"+competitor, all, `{"name":"A shop","kind":"retailer"}`)
		require.Equal(t, 201, status, body)
	}
	status, _, body := a.call(t, "POST", "/v1/observations", all, observed(nil))
	require.Equal(t, 201, status, body)

	t.Run("API1 broken object level authorization", func(t *testing.T) { owaspObjects(t, a) })
	t.Run("API2 broken authentication", func(t *testing.T) { owaspAuthentication(t, a, all) })
	t.Run("API3 broken object property level authorization", func(t *testing.T) { owaspProperties(t, a, all) })
	t.Run("API4 unrestricted resource consumption", func(t *testing.T) { owaspConsumption(t, a, all) })
	t.Run("API5 broken function level authorization", func(t *testing.T) { owaspFunctions(t, a) })
	t.Run("API6 unrestricted access to sensitive business flows", func(t *testing.T) { owaspFlows(t, a) })
	t.Run("API7 server side request forgery", func(t *testing.T) { owaspForgery(t, a, all, old) })
	t.Run("API8 security misconfiguration", func(t *testing.T) { owaspMisconfiguration(t, a, all) })
	t.Run("API8 security misconfiguration: no client text in logs", func(t *testing.T) {
		markers(t, a, filepath.Join(p.Dir, ".local", "log.ndjson"))
	})
	t.Run("API9 improper inventory management", func(t *testing.T) { owaspInventory(t, a, all) })
	t.Run("API10 unsafe consumption of APIs", func(t *testing.T) { owaspConsuming(t, a, all, old) })
}

// observed is an observation of a moment ago, with members changed; nil takes one away.
func observed(change map[string]any) string {
	document := map[string]any{
		"productId": "T-1", "competitorId": "bigmart", "availability": "InStock", "price": map[string]any{"amount": "19.95", "currency": "USD"},
		"source": map[string]any{"id": "crawler-a", "kind": "crawler"}, "observedAt": time.Now().UTC().Format(time.RFC3339Nano),
	}
	for name, value := range change {
		document[name] = value
		if value == nil {
			delete(document, name)
		}
	}
	text, err := json.Marshal(document)
	if err != nil {
		panic(err) // of a test's own values
	}
	return string(text)
}

// owaspObjects: products and competitors belong to no client. What does is a source: a token that is bound to its own
// cannot write as another.
func owaspObjects(t *testing.T, a API) {
	bound := a.Mint(t, func(r *token.Record) { r.Scopes, r.Sources = []string{token.ScopeIngest}, []string{"feed-*"} })
	status, _, body := a.call(t, "POST", "/v1/observations", bound, observed(nil))
	assert.Equal(t, 422, status)
	assert.Contains(t, body, `{"pointer":"/source/id","code":"source-not-allowed"`)
	by := func(source string) string {
		return observed(map[string]any{"source": map[string]any{"id": source, "kind": "feed"}})
	}
	status, _, body = a.call(t, "POST", "/v1/observations/batch", bound, `{"defaults":{"source":{"id":"crawler-a","kind":"feed"}},
		"observations":[`+observed(map[string]any{"source": nil})+`,`+by("feed-7")+`]}`)
	assert.Equal(t, 207, status, body)
	assert.Contains(t, body, `{"pointer":"/defaults/source/id","code":"source-not-allowed"`)
	status, _, body = a.call(t, "POST", "/v1/observations", bound, by("feed-8"))
	assert.Equal(t, 201, status, body)
}

// owaspAuthentication: whatever is wrong with a token, the answer is the same, and so tells nothing.
func owaspAuthentication(t *testing.T, a API, valid string) {
	mint := func(change func(*token.Record)) string {
		return "Bearer " + a.Mint(t, func(r *token.Record) { r.Scopes = []string{token.ScopeRead}; change(r) })
	}
	expired := func(r *token.Record) { r.Expires = time.Now().Add(-time.Minute) }
	revoked := func(r *token.Record) { r.Active = false }
	early := func(r *token.Record) { r.NotBefore = time.Now().Add(time.Hour) }
	texts := map[string]bool{}
	for name, authorization := range map[string]string{
		"none": "", "no scheme": valid, "another scheme": "Basic " + valid, "garbage": "Bearer x", "cut": "Bearer " + valid[:len(valid)-1],
		"unknown": "Bearer " + token.Mint(a.Environment).String(), "of another environment": "Bearer " + token.Mint("prod").String(),
		"expired": mint(expired), "revoked": mint(revoked), "not valid yet": mint(early), "two tokens": "Bearer " + valid + " " + valid,
	} {
		header := map[string]string{"X-Correlation-Id": "same"}
		if authorization != "" {
			header["Authorization"] = authorization
		}
		status, h, body := a.exchange(t, "GET", "/v1/competitors", header, "")
		assert.Equal(t, 401, status, name)
		texts[strings.ReplaceAll(body, h.Get("X-Request-Id"), "ID")] = true
	}
	assert.Len(t, texts, 1, "one answer for all")
	status, _, _ := a.exchange(t, "GET", "/v1/competitors?access_token="+valid, map[string]string{"Cookie": "token=" + valid}, "")
	assert.Equal(t, 401, status, "a token counts in its header only")
	status, _, body := a.exchange(t, "GET", "/v1/competitors", bearer(valid, nil), "")
	assert.Equal(t, 200, status, body)
}

// owaspProperties: what the server sets is refused in any spelling, and is shown where it belongs only.
func owaspProperties(t *testing.T, a API, all string) {
	for _, name := range []string{"receivedAt", "observationId", "client", "Client", "lastSeenAt", "PRICE", "outcome", "__proto__"} {
		status, _, body := a.call(t, "POST", "/v1/observations", all, observed(map[string]any{name: "x"}))
		assert.Equal(t, 400, status, name)
		assert.Contains(t, body, `{"pointer":"/`+name+`","code":"unknown-field"`)
	}
	twice := strings.Replace(observed(nil), `"productId"`, `"productId":"T-2","productId"`, 1)
	status, _, body := a.call(t, "POST", "/v1/observations", all, twice)
	assert.Equal(t, 400, status)
	assert.Contains(t, body, `{"pointer":"/productId","code":"duplicate-field"`)
	for path, shown := range map[string]bool{"offers": false, "history": false, "history?view=raw": true} {
		_, _, body := a.call(t, "GET", "/v1/products/T-1/"+path, all, "")
		assert.Contains(t, body, `"T-1"`, path)
		assert.Equal(t, shown, strings.Contains(body, `"client":`), path)
	}
}

// owaspConsumption: what a client can make the service do is bounded, and so is the answer.
func owaspConsumption(t *testing.T, a API, all string) {
	refused := func(want int, code, method, path string, header map[string]string, body string) {
		t.Helper()
		status, _, answer := a.exchange(t, method, path, bearer(all, header), body)
		assert.Equal(t, want, status, path)
		assert.Contains(t, answer, "urn:problem-type:pricing:"+code)
		assert.Less(t, len(answer), 20_000)
	}
	refused(422, "invalid-field", "GET", "/v1/products/T-1/offers?limit=201", nil, "")
	refused(422, "invalid-field", "GET", "/v1/products/T-1/history?limit=1001", nil, "")
	refused(422, "invalid-field", "GET", "/v1/products/T-1/history?from=1990-01-01T00:00:00Z", nil, "")
	refused(400, "invalid-field", "GET", "/v1/health?"+strings.Join(names(2_000), "&"), nil, "")
	refused(413, "too-large", "POST", "/v1/observations", nil, observed(map[string]any{"url": strings.Repeat("u", 32<<10)}))
	refused(413, "too-large", "POST", "/v1/observations/batch", nil, `{"observations":[`+strings.Repeat(" ", 1<<20)+`]}`)
	refused(413, "too-large", "POST", "/v1/observations/batch", nil, `{"observations":[`+strings.Repeat("0,", 100_000)+`0]}`)
	refused(422, "too-many-items", "POST", "/v1/observations/batch", nil, `{"observations":[`+strings.Repeat("{},", 500)+`{}]}`)
	deep := `{"observations":[` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `]}`
	refused(400, "malformed-json", "POST", "/v1/observations/batch", nil, deep)

	var bomb bytes.Buffer
	packed := gzip.NewWriter(&bomb)
	_, err := io.Copy(packed, io.LimitReader(zeros{}, 64<<20))
	require.NoError(t, err)
	require.NoError(t, packed.Close())
	gzipped := map[string]string{"Content-Encoding": "gzip"}
	refused(400, "malformed-json", "POST", "/v1/observations/batch", gzipped, bomb.String()) // nobody unpacks it
	refused(415, "media-type", "POST", "/v1/observations/batch", gzipped, `{"observations":[]}`)
}

// zeros reads as zero bytes without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%x", i)
	}
	return out
}

// owaspFunctions calls each route with a token of each scope: only the one that the contract names is let in.
func owaspFunctions(t *testing.T, a API) {
	needs := map[string]string{
		"POST /v1/observations": "ingest", "POST /v1/observations/batch": "ingest", "GET /v1/products/T-1/offers": "read",
		"GET /v1/products/T-1/history": "read", "PUT /v1/competitors/bigmart": "catalog", "GET /v1/competitors": "read",
		"GET /v1/competitors/bigmart": "read", "GET /v1/legacy/orders/1": "read",
		"POST /v1/legacy/orders/1": "catalog", "DELETE /v1/legacy/orders/1": "catalog",
	}
	for _, scope := range append([]string{""}, token.Scopes...) {
		tok := a.Token(t, strings.Fields(scope)...)
		for route, need := range needs {
			method, path, _ := strings.Cut(route, " ")
			status, _, _ := a.call(t, method, path, tok, `{"observations":[]}`)
			assert.Equal(t, scope != need, status == 403, "%s with %q: %d", route, scope, status)
		}
	}
}

// owaspFlows: an ordinary feed can neither set our own price nor touch what the smoke test reads, by whatever name.
func owaspFlows(t *testing.T, a API) {
	ingest := a.Token(t, token.ScopeIngest)
	for name, change := range map[string]map[string]any{
		"our own price":                  {"competitorId": "own"},
		"the smoke test's product":       {"productId": "self-check-smoke"},
		"the smoke test's competitor":    {"competitorId": "self-check"},
		"both":                           {"productId": "self-check-smoke", "competitorId": "self-check"},
		"another name that begins so":    {"productId": "self-check2", "competitorId": "self-check"},
		"another that is not registered": {"competitorId": "self-check-b"},
	} {
		status, _, body := a.call(t, "POST", "/v1/observations", ingest, observed(change))
		assert.Equal(t, 422, status, name)
		assert.Contains(t, body, `"code":"reserved-name"`, name)
	}
	catalog := a.Token(t, token.ScopeCatalog)
	for _, id := range []string{"own", "self-check", "self-check-b"} {
		status, _, body := a.call(t, "PUT", "/v1/competitors/"+id, catalog, `{"name":"x","kind":"retailer"}`)
		assert.Equal(t, 422, status, id)
		assert.Contains(t, body, `"code":"reserved-name"`, id)
	}
}

// owaspForgery: the service calls no address that a client gives it, and the facade calls the old service's paths only.
func owaspForgery(t *testing.T, a API, all string, old *oldService) {
	called := false
	bait := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer bait.Close()
	status, _, body := a.call(t, "POST", "/v1/observations", all, observed(map[string]any{"url": bait.URL + "/page", "productId": "T-3"}))
	require.Equal(t, 201, status, body)
	for _, url := range []string{"javascript:alert(1)", "file:///etc/passwd", "https://user:pw@h/", "http://", "//h/x"} {
		status, _, body := a.call(t, "POST", "/v1/observations", all, observed(map[string]any{"url": url}))
		assert.Equal(t, 422, status, url)
		assert.Contains(t, body, `{"pointer":"/url","code":"invalid-field"`, url)
	}
	misleading := map[string]string{"Host": strings.TrimPrefix(bait.URL, "http://"),
		"X-Original-URL": bait.URL, "X-Rewrite-URL": "/admin", "X-Forwarded-Host": "bait.example"}
	status, _, body = a.exchange(t, "GET", "/v1/legacy/orders/1", bearer(all, misleading), "")
	require.Equal(t, 200, status, body)
	assert.Equal(t, "/api/orders/1", old.last().URL.EscapedPath())
	for _, path := range []string{"admin", "orders/../../admin", "orders/%2e%2e/%2E%2E/admin", "..%2fadmin", "orders/x;y=z",
		"orders/a%5cb", "orders/a%5Cb", "orders/a%00", "orders/%252e%252e/admin", `orders\..\admin`, "orders/.."} {
		before := old.last()
		status, _, _ := a.exchange(t, "GET", "/v1/legacy/"+path, bearer(all, nil), "")
		assert.GreaterOrEqual(t, status, 400, path)
		assert.Less(t, status, 500, path)
		assert.Same(t, before, old.last(), "%s reached the old service", path)
	}
	assert.False(t, called)
}

// owaspMisconfiguration: every answer, a refusal too, forbids sniffing and keeping; no error tells how it is made; no
// page of another origin may call.
func owaspMisconfiguration(t *testing.T, a API, all string) {
	for route, tok := range map[string]string{
		"GET /v1/health": "", "GET /v1/competitors": all, "GET /v1/products/none/offers": all, "POST /v1/observations": all,
		"PUT /v1/competitors/x": "", "GET /v1/nope": all, "OPTIONS /v1/competitors": all, "TRACE /v1/competitors": all,
	} {
		method, path, _ := strings.Cut(route, " ")
		header := map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
		if tok != "" {
			header["Authorization"] = "Bearer " + tok
		}
		status, h, body := a.exchange(t, method, path, header, "{")
		assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), route)
		want := "no-store"
		if h.Get("Etag") != "" {
			want = "private, no-cache"
		}
		assert.Equal(t, want, h.Get("Cache-Control"), "%s %d", route, status)
		assert.NotEmpty(t, h.Get("X-Request-Id"), route)
		for name := range h {
			assert.NotContains(t, name, "Access-Control", route)
			assert.NotContains(t, name, "Powered", route)
		}
		for _, inner := range []string{".go", "goroutine", "dynamodb", "panic", "arn:aws"} {
			assert.NotContains(t, body, inner, route)
		}
	}
}

// owaspInventory: what is served is what the template lists, and only under the one version.
func owaspInventory(t *testing.T, a API, all string) {
	template, err := samtemplate.Load("../../../template.yaml", map[string]string{"DeployEnv": "dev"})
	require.NoError(t, err)
	require.NotEmpty(t, template.API.Methods)
	for _, method := range template.API.Methods {
		assert.True(t, strings.HasPrefix(method.Path, "/v1/"), method.Path)
	}
	for _, path := range []string{"/", "/v0/health", "/v2/health", "/health", "/v1", "/v1/", "/v1/docs", "/v1/openapi.json",
		"/v1/metrics", "/debug/pprof/", "/v1/products/T-1/prices", "/v1/tokens", "/.env", "/dev/v1/health"} {
		status, _, _ := a.call(t, "GET", path, all, "")
		assert.Equal(t, 403, status, path)
	}
}

// owaspConsuming: what the old service answers is passed on as data. It cannot send our token or credentials on, redirect
// the gateway, or answer in our name.
func owaspConsuming(t *testing.T, a API, all string, old *oldService) {
	status, h, _ := a.exchange(t, "GET", "/v1/legacy/orders/elsewhere", bearer(all, nil), "")
	assert.Equal(t, 302, status, "the client is told, the gateway does not follow")
	assert.Equal(t, "https://bait.example/", h.Get("Location"))
	assert.Equal(t, "/api/orders/elsewhere", old.last().URL.Path, "one call")
	status, h, body := a.exchange(t, "GET", "/v1/legacy/orders/hang-up", bearer(all, nil), "")
	assert.Equal(t, 503, status)
	assert.Equal(t, "application/problem+json", h.Get("Content-Type"))
	assert.Contains(t, body, "The outcome is unknown.")
	assert.NotContains(t, body, "127.0.0.1")
}

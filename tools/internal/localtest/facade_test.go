package localtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/token"
)

// oldService stands in for the service behind /x9/old and records what it was sent.
type oldService struct {
	mu    sync.Mutex
	calls int
	got   *http.Request
	body  string
}

// ServeHTTP answers as the path says.
func (o *oldService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a short one shows in the test
	o.mu.Lock()
	o.calls++
	o.got, o.body = r, string(body)
	o.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/gone"):
		w.WriteHeader(http.StatusGone)
		_, _ = io.WriteString(w, "sold")
	case strings.HasSuffix(r.URL.Path, "/elsewhere"):
		http.Redirect(w, r, "https://bait.example/", http.StatusFound)
	case strings.HasSuffix(r.URL.Path, "/hang-up"):
		panic(http.ErrAbortHandler)
	default:
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, "<ok/>")
	}
}

// last returns the last request that came.
func (o *oldService) last() *http.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.got
}

// passedOn are the paths of the old service that the project was told to pass on.
const passedOn = "stock*,orders/*,gone,hang-up,x"

// facade calls the old service through the renamed project, which was told the server's address, passedOn, and "Basic b2xk" as
// credentials.
func facade(t *testing.T, a API, old *oldService, server *httptest.Server) {
	tokens := map[string]string{}
	for _, scope := range token.Scopes {
		tokens[scope] = a.Token(t, scope)
	}

	t.Run("the old service gets its own names and credentials", func(t *testing.T) {
		const path = "/x9/old/stock%2Flevels/7?productId=P1&page=2"
		status, header, body := a.call(t, "POST", path, tokens[token.ScopeCatalog], `{"a":1}`)
		require.Equal(t, 200, status, body)
		assert.Equal(t, "<ok/>", body)
		assert.Equal(t, "text/xml", header.Get("Content-Type"))
		assert.Equal(t, "POST", old.got.Method)
		assert.Equal(t, "/api/stock%2Flevels/7", old.got.URL.EscapedPath())
		assert.Equal(t, "P1", old.got.URL.Query().Get("sku"))
		assert.Equal(t, "2", old.got.URL.Query().Get("page"))
		assert.JSONEq(t, `{"a":1}`, old.body)
		assert.Equal(t, header.Get("x-amz-apigw-id"), old.got.Header.Get("X-Request-Id"))
		assert.Equal(t, []string{"Basic b2xk"}, old.got.Header.Values("Authorization"))
		sent, err := json.Marshal(old.got.Header)
		require.NoError(t, err)
		assert.NotContains(t, string(sent), tokens[token.ScopeCatalog], "our token never leaves")
	})
	t.Run("its own errors are passed on", func(t *testing.T) {
		status, _, body := a.call(t, "GET", "/x9/old/gone", tokens[token.ScopeRead], "")
		assert.Equal(t, 410, status)
		assert.Equal(t, "sold", body)
	})
	t.Run("reading needs read, the rest catalog", func(t *testing.T) {
		for scope, want := range map[string]map[string]int{
			token.ScopeRead:    {"GET": 200, "HEAD": 200, "POST": 403, "PUT": 403, "DELETE": 403},
			token.ScopeCatalog: {"GET": 403, "HEAD": 403, "POST": 200, "PUT": 200, "DELETE": 200},
			token.ScopeIngest:  {"GET": 403, "POST": 403},
		} {
			for method, status := range want {
				got, _, _ := a.call(t, method, "/x9/old/x", tokens[scope], "")
				assert.Equal(t, status, got, "%s %s", scope, method)
			}
		}
		status, _, _ := a.call(t, "GET", "/x9/old/x", "", "")
		assert.Equal(t, 401, status)
	})
	t.Run("only the listed paths are passed on, and none that may mean another one there", func(t *testing.T) {
		for _, path := range []string{"orders/7", "orders/a%20b%2Fc", "stock", "stocks/7", "x"} {
			status, _, body := a.exchange(t, "GET", "/x9/old/"+path, bearer(tokens[token.ScopeRead], nil), "")
			assert.Equal(t, 200, status, "%s: %s", path, body)
			assert.Equal(t, "/api/"+path, old.got.RequestURI)
		}
		calls := old.calls
		for _, path := range []string{
			"admin", "orders", "order/7", "x/7", "hidden/x9/old/orders/7", // not listed
			"../../admin", "orders/../../admin", "%2e%2e/admin", "orders/%2e%2e/%2e%2e/admin", "orders/%2E%2E/admin", "orders/.%2E/admin",
			"orders/..%2fadmin", "orders/a;x=y", "orders/a%3bx=y", `orders/..\admin`, `orders/a\b`, "orders/a%5cb", "orders/a%5Cb",
			"orders/a%00", "orders/%252e%252e/admin", "stock/../admin",
		} {
			for _, scope := range []string{token.ScopeRead, token.ScopeCatalog} {
				method := map[string]string{token.ScopeRead: "GET", token.ScopeCatalog: "PUT"}[scope]
				status, _, body := a.exchange(t, method, "/x9/old/"+path, bearer(tokens[scope], nil), "")
				assert.Equal(t, 403, status, "%s: %s", path, body)
				assert.Contains(t, body, "urn:problem-type:pricing:forbidden", path)
			}
		}
		assert.Equal(t, calls, old.calls)
	})
	t.Run("no header makes another request of it", func(t *testing.T) {
		header := map[string]string{"X-Kept": "m4rk"}
		names := []string{
			"X-HTTP-Method", "x-method-override", "X-Original-Url", "x-rewrite-url", "X-Forwarded-User", "x-REMOTE-user",
			"Cookie", "proxy-authorization",
		}
		for _, name := range names {
			header[name] = "DELETE"
		}
		status, _, body := a.exchange(t, "GET", "/x9/old/x", bearer(tokens[token.ScopeRead], header), "")
		require.Equal(t, 200, status, body)
		assert.Equal(t, "GET", old.got.Method)
		assert.Equal(t, "m4rk", old.got.Header.Get("X-Kept"))
		for _, name := range names {
			assert.Equal(t, []string{""}, old.got.Header.Values(name), name)
		}

		// This one the gateway itself obeys, before the authorizer: the scope has to fit.
		header = map[string]string{"X-HTTP-Method-Override": "DELETE"}
		status, _, _ = a.exchange(t, "GET", "/x9/old/x", bearer(tokens[token.ScopeRead], header), "")
		assert.Equal(t, 403, status)
		status, _, _ = a.exchange(t, "GET", "/x9/old/x", bearer(tokens[token.ScopeCatalog], header), "")
		assert.Equal(t, 200, status)
		assert.Equal(t, "DELETE", old.got.Method)
		assert.Equal(t, []string{""}, old.got.Header.Values("X-HTTP-Method-Override"))
	})
	failed := func(t *testing.T, path string) {
		t.Helper()
		status, header, body := a.call(t, "GET", path, tokens[token.ScopeRead], "")
		assert.Equal(t, 503, status)
		assert.Equal(t, "application/problem+json", header.Get("Content-Type"))
		assert.Equal(t, "1", header.Get("Retry-After"))
		assert.Contains(t, body, "urn:problem-type:pricing:throttled")
		assert.Contains(t, body, `"detail":"The outcome is unknown. Repeat it; under /x9/old only if the old service allows it."`)
	}
	t.Run("a call that it ends is our error", func(t *testing.T) { failed(t, "/x9/old/hang-up") })
	server.Close()
	t.Run("a call that nobody takes is our error", func(t *testing.T) { failed(t, "/x9/old/x") })
}

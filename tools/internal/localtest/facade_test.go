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
	mu   sync.Mutex
	got  *http.Request
	body string
}

// ServeHTTP answers as the path says.
func (o *oldService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a short one shows in the test
	o.mu.Lock()
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

// facade calls the old service through the renamed project, which was told the server's address and "Basic b2xk" as credentials.
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
		assert.Equal(t, header.Get("x-amzn-RequestId"), old.got.Header.Get("X-Request-Id"))
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
	failed := func(t *testing.T, path string) {
		t.Helper()
		status, header, body := a.call(t, "GET", path, tokens[token.ScopeRead], "")
		assert.Equal(t, 503, status)
		assert.Equal(t, "application/problem+json", header.Get("Content-Type"))
		assert.Equal(t, "1", header.Get("Retry-After"))
		assert.Contains(t, body, "urn:problem-type:pricing:throttled")
	}
	t.Run("a call that it ends is our error", func(t *testing.T) { failed(t, "/x9/old/hang-up") })
	server.Close()
	t.Run("a call that nobody takes is our error", func(t *testing.T) { failed(t, "/x9/old/x") })
}

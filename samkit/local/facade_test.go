package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

// oldService stands in for the service behind /v1/legacy and records what it was sent.
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
	case strings.HasSuffix(r.URL.Path, "/hang-up"):
		panic(http.ErrAbortHandler)
	default:
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, "<ok/>")
	}
}

// TestFacade calls the old service through the project's own template.
func TestFacade(t *testing.T) {
	endpoint := storetest.Endpoint(t)
	old := &oldService{}
	server := httptest.NewServer(old)
	defer server.Close()
	path, root := binary(t)
	environment := "f" + strings.ToLower(strconv.FormatInt(time.Now().UnixNano(), 36))
	g := serve(t, path, root, "-dynamodb", endpoint, "-env", environment, "-param", "LegacyUrl="+server.URL+"/api", "-param", "LegacyAuthorization=Basic b2xk")
	s := store.New(storetest.Client(endpoint), store.Options{Table: "pricing-" + environment})
	tokens := map[string]string{}
	for _, scope := range token.Scopes {
		tok := token.Mint(environment)
		require.NoError(t, s.PutToken(t.Context(), token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: "t", Scopes: []string{scope}, Expires: time.Now().Add(time.Hour), Active: true}))
		tokens[scope] = tok.String()
	}

	t.Run("the old service gets its own names and credentials", func(t *testing.T) {
		status, header, body := g.call(t, "POST", "/v1/legacy/stock%2Flevels/7?productId=P1&page=2", tokens[token.ScopeCatalog], `{"a":1}`)
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
		status, _, body := g.call(t, "GET", "/v1/legacy/gone", tokens[token.ScopeRead], "")
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
				got, _, _ := g.call(t, method, "/v1/legacy/x", tokens[scope], "")
				assert.Equal(t, status, got, "%s %s", scope, method)
			}
		}
		status, _, _ := g.call(t, "GET", "/v1/legacy/x", "", "")
		assert.Equal(t, 401, status)
	})
	failed := func(t *testing.T, path string) {
		t.Helper()
		status, header, body := g.call(t, "GET", path, tokens[token.ScopeRead], "")
		assert.Equal(t, 503, status)
		assert.Equal(t, "application/problem+json", header.Get("Content-Type"))
		assert.Equal(t, "1", header.Get("Retry-After"))
		assert.Contains(t, body, "urn:problem-type:pricing:throttled")
	}
	t.Run("a call that it ends is our error", func(t *testing.T) { failed(t, "/v1/legacy/hang-up") })
	server.Close()
	t.Run("a call that nobody takes is our error", func(t *testing.T) { failed(t, "/v1/legacy/x") })
}

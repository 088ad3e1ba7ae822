package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestForeignProject serves a project that was written without this tool in mind: its own module, other folders, a TOKEN
// authorizer, an API key, a mock and a facade.
func TestForeignProject(t *testing.T) {
	t.Parallel()
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path) // a short answer shows in the test
	}))
	defer old.Close()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/library")))
	g := serve(t, dir, "-param", "Catalogue="+old.URL, "-stage-path")
	require.True(t, strings.HasSuffix(g.url, "/test"), g.url)

	const book = `{"isbn":"12%2F3","days":"7","greeting":"Hello","reader":"reader-1"}`
	tests := map[string]struct {
		method, path string
		headers      map[string]string
		body         string
		status       int
		want         string
	}{
		"a function behind an authorizer": {"GET", "/books/12%2F3", map[string]string{"X-Card": "card-1"}, "", 200, book},
		"no card":                         {"GET", "/books/1", nil, "", 401, `{"message":"Unauthorized"}`},
		"a card of another form":          {"GET", "/books/1", map[string]string{"X-Card": "ticket"}, "", 401, `{"message":"Unauthorized"}`},
		"a card nobody has":               {"GET", "/books/1", map[string]string{"X-Card": "card-2"}, "", 401, `{"message":"Unauthorized"}`},
		"no key":                          {"PUT", "/books/1", nil, `{"title":"a"}`, 403, `{"message":"Forbidden"}`},
		"a mock":                          {"GET", "/opening-hours", nil, "", 200, `{"open":"9-17"}`},
		"a facade":                        {"GET", "/catalogue/a/b", nil, "", 200, "/a/b"},
		"an unknown path":                 {"GET", "/nope", nil, "", 403, `{"message":"Missing Authentication Token"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, _, body := g.send(t, tt.method, tt.path, tt.headers, tt.body)
			assert.Equal(t, tt.status, status)
			assert.Equal(t, tt.want, body)
		})
	}
	t.Run("a key, its model and its quota", func(t *testing.T) {
		key := map[string]string{"x-api-key": "branch-office-0123456789"}
		status, header, body := g.send(t, "PUT", "/books/1", key, `{"title":"a"}`)
		assert.Equal(t, 201, status, body)
		assert.Equal(t, "branch", header.Get("X-Branch"))
		status, _, body = g.send(t, "PUT", "/books/1", key, `{}`)
		assert.Equal(t, 400, status)
		assert.JSONEq(t, `{"message": "Invalid request body"}`, body)
		status, _, _ = g.send(t, "PUT", "/books/1", key, `{"title":"a"}`)
		assert.Equal(t, 429, status)
	})
	require.NoError(t, g.cmd.Process.Signal(os.Interrupt))
	require.NoError(t, <-g.done, "exit status 0")
}

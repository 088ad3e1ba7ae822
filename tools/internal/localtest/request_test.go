package localtest

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exchange sends a request and returns status, headers and body of the answer. The path and the names of headers are sent as
// they are written. The body is JSON unless a header says otherwise.
func (a API) exchange(t *testing.T, method, path string, header map[string]string, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.URL, strings.NewReader(body))
	require.NoError(t, err)
	req.URL.Opaque = path
	req.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		req.Header[name] = []string{value}
	}
	if host := header["Host"]; host != "" {
		req.Host = host
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // a redirect is an answer
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(text)
}

// bearer is the header of a token, beside others.
func bearer(tok string, others map[string]string) map[string]string {
	header := map[string]string{"Authorization": "Bearer " + tok}
	maps.Copy(header, others)
	return header
}

// call exchanges with a token, or none, and a correlation id.
func (a API) call(t *testing.T, method, path, tok, body string) (int, http.Header, string) {
	t.Helper()
	header := map[string]string{"x-correlation-id": "night-42"} // as HTTP/2 spells it
	if tok != "" {
		header = bearer(tok, header)
	}
	return a.exchange(t, method, path, header, body)
}

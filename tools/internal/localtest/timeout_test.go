package localtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/testkit/faultproxy"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

var givenTime = regexp.MustCompile(`timeoutInMillis: \d+`)

// TestTimeout: the gateway gives up while the function is still at work. The client is told that the outcome is unknown, the function
// finishes what it began, and the same request sent again is a duplicate.
func TestTimeout(t *testing.T) {
	t.Parallel()
	var stalled atomic.Int64 // so many more writes of a board get no answer, each until the attempt is given up after 1.5 s
	proxy := faultproxy.New(storetest.Endpoint(t), func(c faultproxy.Call) faultproxy.Action {
		if c.Is("UpdateItem", "board", c.Before) && stalled.Add(-1) >= 0 {
			return faultproxy.Action{Kind: faultproxy.Stall}
		}
		return faultproxy.Action{Kind: faultproxy.Pass}
	})
	endpoint, err := proxy.Start("127.0.0.1:0")
	require.NoError(t, err)
	defer proxy.Close()

	p := New(t)
	template := filepath.Join(p.Dir, "template.yaml")
	text, err := os.ReadFile(template)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(template, givenTime.ReplaceAll(text, []byte("timeoutInMillis: 2000")), 0o600))
	served, err := p.Project.Serve("t", endpoint)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, served.Stop()) })
	a := API{served, storetest.Endpoint(t)}
	all := a.Token(t, token.Scopes...)
	until := func(method, path, body string) (status int, answer string) { // the gateway does not give up
		for status = 503; status == 503; {
			status, _, answer = a.call(t, method, path, all, body)
		}
		return status, answer
	}
	status, answer := until("PUT", "/v1/competitors/bigmart", `{"name":"A shop","kind":"retailer"}`)
	require.Equal(t, 201, status, answer)
	status, answer = until("POST", "/v1/observations", observed(map[string]any{"productId": "T-2"})) // the function is warm then
	require.Less(t, status, 300, answer)

	one := observed(nil)
	stalled.Store(2)
	status, _, answer = a.call(t, "POST", "/v1/observations", all, one)
	require.Equal(t, 503, status, answer)
	require.Contains(t, answer, "The outcome is unknown.")
	status, answer = until("POST", "/v1/observations", one)
	assert.Equal(t, 200, status, answer)
	assert.Contains(t, answer, `"outcome":"duplicate"`)
	_, answer = until("GET", "/v1/products/T-1/history?view=raw", "")
	assert.Equal(t, 1, strings.Count(answer, `"observationId"`), answer)
}

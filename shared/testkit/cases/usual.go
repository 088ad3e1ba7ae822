package cases

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/gateway"
)

// usual is something that every endpoint answers alike. Run asks for it with the request of the endpoint's first good
// case, so no endpoint needs a case for it.
type usual struct {
	name   string
	status int
	code   string // of the problem; empty: there is none
	change func(c *Case, good answer)
}

// usuals returns what an endpoint has to answer as any other does.
func usuals(e gateway.Endpoint) []usual {
	text := func(s string) *string { return &s }
	all := []usual{
		{"an unknown parameter", http.StatusBadRequest, "unknown-field", func(c *Case, _ answer) {
			c.Request = and(c.Request, "unknown=1")
		}},
		{"a store that does not answer", http.StatusServiceUnavailable, "throttled", func(c *Case, _ answer) { c.Store = "down" }},
	}
	if e.Scope != "" {
		all = append(all, usual{"a token without the scope", http.StatusForbidden, "forbidden", func(c *Case, _ answer) {
			c.Scopes = text(strings.ReplaceAll(usualScopes, e.Scope, ""))
		}})
	}
	if e.MaxBody > 0 {
		all = append(all,
			usual{"another media type", http.StatusUnsupportedMediaType, "media-type", func(c *Case, _ answer) {
				c.Headers = map[string]*string{"Content-Type": text("text/csv")}
			}},
			usual{"a body that is too long", http.StatusRequestEntityTooLarge, "too-large", func(c *Case, _ answer) { c.PadTo = e.MaxBody + 1 }},
		)
	}
	if strings.HasPrefix(e.Route, http.MethodGet+" ") {
		all = append(all, usual{"what the client has already", http.StatusNotModified, "", func(c *Case, good answer) {
			c.Headers = map[string]*string{"If-None-Match": text(good.Headers["ETag"])}
		}})
	}
	return all
}

// checkUsual asks an endpoint for what it must answer as any other does.
func checkUsual(t *testing.T, endpoint func(boot.Function) gateway.Endpoint) {
	t.Helper()
	for _, u := range usuals(endpoint(boot.Function{Settings: Settings})) {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			c := Read(t, firstGood(t))
			good := c.expected(t)
			u.change(&c, good)
			e := endpoint(boot.Function{Settings: Settings, Store: c.store(t)})
			response, _ := Metered(t, e, c.Event(t, e))
			require.Equal(t, u.status, response.StatusCode, response.Body)
			c.checkContract(t, e, response)
			if u.code == "" {
				assert.Empty(t, response.Body)
				assert.Equal(t, good.Headers["ETag"], response.Headers["ETag"])
				return
			}
			assert.Contains(t, response.Body, "urn:problem-type:pricing:"+u.code)
			assert.NotContains(t, response.Body, "127.0.0.1", "causes are for the log")
			assert.Equal(t, u.status == http.StatusServiceUnavailable, response.Headers["Retry-After"] != "")
		})
	}
}

package cases

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/testkit/contract"
)

// promised is the contract. It is read when the first case needs it.
var promised = sync.OnceValues(func() (contract.Contract, error) { return contract.Load(filepath.Join("..", "..")) })

// checkContract compares a case's answer with the contract, and its request too if nothing in it was refused.
func (c Case) checkContract(t *testing.T, e gateway.Endpoint, response gateway.Response) {
	t.Helper()
	contract, err := promised()
	require.NoError(t, err)
	require.NoError(t, contract.CheckAnswer(e.Route, response.StatusCode, response.Headers, response.Body), c.file)
	if response.StatusCode > http.StatusCreated || strings.Contains(response.Body, `"problem":`) {
		return
	}
	method, path, query := c.target(t)
	sent, _ := c.sent(t).(string)
	request, err := http.NewRequestWithContext(t.Context(), method, path+"?"+query.Encode(), strings.NewReader(sent))
	require.NoError(t, err)
	if sent == "" {
		request.Body = nil
	} else {
		request.Header.Set("Content-Type", "application/json")
	}
	parameters, _ := match(e.Route, method, path)
	for name, value := range parameters {
		parameters[name], err = url.PathUnescape(value)
		require.NoError(t, err)
	}
	require.NoError(t, contract.CheckRequest(e.Route, parameters, request), c.file)
}

// checkParameters compares the scope and the query parameters of an endpoint with the contract: their names, and of each the
// words, the least and the greatest number, the length and the default.
func checkParameters(t *testing.T, endpoint func(boot.Function) gateway.Endpoint) {
	t.Helper()
	contract, err := promised()
	require.NoError(t, err)
	e := endpoint(boot.Function{Settings: Settings})
	operation, err := contract.Operation(e.Route)
	require.NoError(t, err)
	scope, _ := operation.Extensions["x-scope"].(string)
	assert.Equal(t, e.Scope, scope, "the contract's x-scope")
	var names []string
	for _, ref := range operation.Parameters {
		parameter := ref.Value
		if parameter.In != openapi3.ParameterInQuery {
			continue
		}
		names = append(names, parameter.Name)
		t.Run("the parameter "+parameter.Name, func(t *testing.T) {
			t.Parallel()
			c := Read(t, firstGood(t))
			method, path, query := c.target(t)
			ask := func(value any) gateway.Response {
				query.Set(parameter.Name, fmt.Sprint(value))
				if value == nil {
					query.Del(parameter.Name)
				}
				c.Request = method + " " + path + "?" + query.Encode()
				e := endpoint(boot.Function{Settings: Settings, Store: c.store(t)})
				response, _ := Metered(t, e, c.Event(t, e))
				return response
			}
			at := `"/query/` + parameter.Name + `"`
			taken, refused := values(parameter.Schema.Value)
			for _, value := range taken {
				assert.NotContains(t, ask(value).Body, at, "%.80v is promised", value)
			}
			for _, value := range refused {
				assert.Contains(t, ask(value).Body, at, "%.80v is not promised", value)
			}
			if otherwise := parameter.Schema.Value.Default; otherwise != nil {
				assert.Equal(t, firstPage(t, ask(nil)), firstPage(t, ask(otherwise)), "the default is %v", otherwise)
			}
		})
	}
	assert.ElementsMatch(t, e.Query, names, "the contract's query parameters")
	t.Run("all parameters wrong", func(t *testing.T) {
		t.Parallel()
		checkFaults(t, endpoint, operation.Parameters)
	})
}

// checkFaults asks with all parameters wrong at once, of a product by a gtin if that is possible, which would have to be looked up. Each
// fault is told, and the store, which does not answer, is not asked.
func checkFaults(t *testing.T, endpoint func(boot.Function) gateway.Endpoint, parameters openapi3.Parameters) {
	t.Helper()
	c := Read(t, firstGood(t))
	method, path, query := c.target(t)
	var wrong []string
	for _, ref := range parameters {
		if ref.Value.In != openapi3.ParameterInQuery {
			continue
		}
		_, refused := values(ref.Value.Schema.Value)
		query.Set(ref.Value.Name, fmt.Sprint(refused[0]))
		if ref.Value.Name == api.ByParam {
			query.Set(api.ByParam, "gtin")
			_, route, _ := strings.Cut(endpoint(boot.Function{Settings: Settings}).Route, " ")
			path = strings.ReplaceAll(route, "{productId}", "4006381333931")
			continue
		}
		wrong = append(wrong, ref.Value.Name)
	}
	if len(wrong) == 0 {
		return
	}
	c.Request = method + " " + path + "?" + query.Encode()
	c.Store = "down"
	e := endpoint(boot.Function{Settings: Settings, Store: c.store(t)})
	response, _ := Metered(t, e, c.Event(t, e))
	for _, name := range wrong {
		assert.Contains(t, response.Body, `"/query/`+name+`"`, c.Request)
	}
}

// values returns some that a parameter may have, and some that it may not.
func values(s *openapi3.Schema) (taken, refused []any) {
	switch {
	case s.Enum != nil:
		return s.Enum, []any{"no-such-word"}
	case s.Type.Is("boolean"):
		return []any{true, false}, []any{"yes"}
	case s.Type.Is("integer"):
		return []any{*s.Min, *s.Max}, []any{*s.Min - 1, *s.Max + 1}
	case s.MaxLength != nil:
		longest := strings.Repeat("a", int(*s.MaxLength))
		return []any{longest}, []any{longest + "a"}
	}
	return nil, []any{" "} // a pattern, or a timestamp
}

// firstPage returns an answer without its cursor, which stands for the query's parameters too.
func firstPage(t *testing.T, response gateway.Response) map[string]any {
	t.Helper()
	if !isJSON(response) {
		return map[string]any{"": response.Body}
	}
	var answer map[string]any
	require.NoError(t, json.Unmarshal([]byte(response.Body), &answer))
	delete(answer, "next")
	return answer
}

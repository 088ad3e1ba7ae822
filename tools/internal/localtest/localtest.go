// Package localtest serves this project with samkit/local: for the tests of tools that talk to its API, and for its own,
// which show that the project behaves behind the gateway as its template says.
package localtest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
	"pricing/tools/internal/localapi"
)

// Project is a copy of what samkit/local serves, and tools that were built.
type Project struct{ localapi.Project }

// New copies the project and builds samkit/local and the named tools.
func New(t testing.TB, tools ...string) Project {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	p, err := localapi.Build(root, t.TempDir(), tools...)
	require.NoError(t, err)
	return Project{p}
}

// API is a served API on a table of its own.
type API struct {
	*localapi.API
	endpoint string
}

// Serve serves the API in an environment whose name begins with name, until the test ends. The arguments are further ones
// of samkit/local.
func (p Project) Serve(t testing.TB, name string, args ...string) API {
	t.Helper()
	endpoint := storetest.Endpoint(t)
	a, err := p.Project.Serve(name, endpoint, args...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.Stop()) })
	return API{a, endpoint}
}

// At is an API that is served already, on an engine.
func At(a *localapi.API, endpoint string) API { return API{a, endpoint} }

// Token makes a token that is valid for an hour.
func (a API) Token(t testing.TB, scopes ...string) string {
	t.Helper()
	return a.Mint(t, func(r *token.Record) { r.Scopes = scopes })
}

// Mint makes a token; change sets what its record says beside an hour of validity.
func (a API) Mint(t testing.TB, change func(*token.Record)) string {
	t.Helper()
	text, err := a.API.Mint(t.Context(), store.New(storetest.Client(a.endpoint), store.Options{Table: a.Table}), change)
	require.NoError(t, err)
	return text
}

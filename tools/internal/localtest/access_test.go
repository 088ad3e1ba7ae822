package localtest

import (
	"context"
	"maps"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/local/apigateway"
	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
	"pricing/shared/token"
)

// healthy is a function that answers 200.
type healthy struct{}

// Invoke answers.
func (healthy) Invoke(context.Context, string, string, string, []byte) (lambdaruntime.Result, error) {
	return lambdaruntime.Result{Payload: []byte(`{"statusCode":200}`)}, nil
}

// TestWhoMayReachTheAPI tries the options of the project's template for an internal service.
func TestWhoMayReachTheAPI(t *testing.T) {
	const private, listed = "VpcEndpointId", "AllowedSourceIps"
	tests := map[string]struct {
		parameters map[string]string
		from       string
		status     int
	}{
		"anybody":                            {nil, "192.0.2.1:1", 200},
		"a listed address":                   {map[string]string{listed: "10.0.0.0/8,192.0.2.0/24"}, "192.0.2.1:1", 200},
		"an address of version 6":            {map[string]string{listed: "2001:db8::/32"}, "[2001:db8::1]:1", 200},
		"another address":                    {map[string]string{listed: "10.0.0.0/8,192.0.2.128/25"}, "192.0.2.1:1", 403},
		"from outside of a private API":      {map[string]string{private: "vpce-0123abcd"}, "192.0.2.1:1", 403},
		"a private API, a listed address":    {map[string]string{private: "vpce-0123abcd", listed: "192.0.2.0/24"}, "192.0.2.1:1", 403},
		"the address that a client makes up": {map[string]string{listed: "10.0.0.0/8"}, "192.0.2.1:1", 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			parameters := map[string]string{"DeployEnv": "dev"}
			maps.Copy(parameters, tt.parameters)
			template, err := samtemplate.Load("../../../template.yaml", parameters)
			require.NoError(t, err)
			gateway, err := apigateway.New(apigateway.Options{API: template.API, Functions: healthy{}})
			require.NoError(t, err)
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/health", nil)
			r.RemoteAddr = tt.from
			r.Header.Set("X-Forwarded-For", "10.0.0.1")
			w := httptest.NewRecorder()
			gateway.ServeHTTP(w, r)
			assert.Equal(t, tt.status, w.Code, w.Body.String())
			if tt.status == 403 {
				assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
				assert.Contains(t, w.Body.String(), "urn:problem-type:pricing:forbidden")
			}
		})
	}
}

// silent is an authorizer whose policy says nothing of the facade.
type silent struct{}

// Invoke answers.
func (silent) Invoke(context.Context, string, string, string, []byte) (lambdaruntime.Result, error) {
	return lambdaruntime.Result{Payload: []byte(`{"principalId":"reader","policyDocument":{"Version":"2012-10-17",
		"Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:*/*/GET/v1/products*"}]}}`)}, nil
}

// TestWhoMayReachTheFacade: API Gateway adds up what the API's policy and the authorizer's allow. An address that may call the
// API must not thereby be allowed what its token is not. The facade has no function that would check a scope once more.
func TestWhoMayReachTheFacade(t *testing.T) {
	t.Parallel()
	template, err := samtemplate.Load("../../../template.yaml", map[string]string{"DeployEnv": "dev", "AllowedSourceIps": "192.0.2.0/24"})
	require.NoError(t, err)
	gateway, err := apigateway.New(apigateway.Options{API: template.API, Functions: silent{}})
	require.NoError(t, err)
	tests := map[string]int{
		"/v1/legacy/orders": 403, "/v1/competitors": 403,
		"/v1/products/a/offers": 503, // allowed; the function's answer is none
	}
	for path, status := range tests {
		r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
		r.RemoteAddr = "192.0.2.1:1"
		r.Header.Set("Authorization", "Bearer "+token.Mint("dev").String())
		w := httptest.NewRecorder()
		gateway.ServeHTTP(w, r)
		assert.Equal(t, status, w.Code, path)
	}
}

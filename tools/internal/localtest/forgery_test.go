package localtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/local/apigateway"
	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
	"pricing/shared/token"
)

// forged is what a client sends in order to close a text of a JSON template and to add members of its own.
const forged = `m4rk","status":200,"x":"`

// failing is an authorizer that allows everything, in front of functions that fail, or are late.
type failing struct{ err error }

// Invoke answers or fails.
func (f failing) Invoke(_ context.Context, function, _, _ string, _ []byte) (lambdaruntime.Result, error) {
	if function == "AuthorizeRequestFunction" {
		return lambdaruntime.Result{Payload: []byte(`{"principalId":"crawler-a","policyDocument":{"Version":"2012-10-17",
			"Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}]}}`)}, nil
	}
	return lambdaruntime.Result{}, f.err
}

// object reads an object and refuses a member that stands twice.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	members := map[string]any{}
	d := json.NewDecoder(strings.NewReader(text))
	_, err := d.Token()
	require.NoError(t, err, text)
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err, text)
		require.NotContains(t, members, name, text)
		var value any
		require.NoError(t, d.Decode(&value), text)
		members[name.(string)] = value
	}
	_, err = d.Token()
	require.NoError(t, err, text)
	_, err = d.Token()
	require.ErrorIs(t, err, io.EOF, text)
	return members
}

// TestForgery: whatever a client sends, the gateway's own answers and its access log hold no text of it, are JSON, and name
// one id that the client cannot choose. Only the header x-correlation-id comes back.
func TestForgery(t *testing.T) {
	t.Parallel()
	const bearer = "Bearer "
	tok := bearer + token.Mint("dev").String()
	now := time.Now() // it stands still, or a slow machine would never use a throttle up
	crashed := &lambdaruntime.Error{Type: "errorString", Message: "out of memory"}
	tests := map[string]struct {
		method, path, authorization, body string
		fails                             error
		parameters                        map[string]string
		status                            int
	}{
		"no token":             {"GET", "/v1/competitors", "", "", nil, nil, 401},
		"no token of ours":     {"GET", "/v1/competitors", bearer + forged, "", nil, nil, 401},
		"no such path":         {"GET", "/v1/nothing", "", "", nil, nil, 403},
		"no such path, token":  {"GET", "/v1/nothing", tok, "", nil, nil, 403},
		"no such method":       {forged, "/v1/competitors", tok, "", nil, nil, 403},
		"an address not ours":  {"GET", "/v1/health", "", "", nil, map[string]string{"AllowedSourceIps": "10.0.0.0/8"}, 403},
		"a body no JSON":       {"PUT", "/v1/competitors/a", tok, forged, nil, nil, 400},
		"a body no object":     {"POST", "/v1/observations", tok, `["m4rk"]`, nil, nil, 400},
		"a batch of no list":   {"POST", "/v1/observations/batch", tok, `{"m4rk":1,"observations":{"m4rk":1}}`, nil, nil, 400},
		"too many requests":    {"GET", "/v1/health", "", "", nil, nil, 429},
		"a function that died": {"GET", "/v1/health", "", "", crashed, nil, 503},
		"a function too late":  {"GET", "/v1/health", "", "", context.DeadlineExceeded, nil, 503},
		"functions used up":    {"GET", "/v1/health", "", "", lambdaruntime.ErrThrottled, nil, 503},
		"nobody at the facade": {"GET", "/v1/legacy/m4rk?m4rk=1", tok, "", nil, nil, 503},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parameters := map[string]string{"DeployEnv": "dev", "LegacyUrl": "http://127.0.0.1:1"}
			for name, value := range tt.parameters {
				parameters[name] = value
			}
			template, err := samtemplate.Load("../../../template.yaml", parameters)
			require.NoError(t, err)
			var log string
			gateway, err := apigateway.New(apigateway.Options{
				API: template.API, Functions: failing{errors.Join(tt.fails)}, Access: func(line string) { log = line },
				Now: func() time.Time { return now },
			})
			require.NoError(t, err)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, bytes.NewBufferString(tt.body))
			r.Method = tt.method
			r.Host = forged
			for _, name := range []string{
				"x-amzn-RequestId", "X-Amz-Apigw-Id", "X-Request-Id", "User-Agent", "Referer", "X-Forwarded-For", "X-Forwarded-Host", "Origin",
				"Accept", "X-Api-Key", "Cookie",
			} {
				r.Header.Set(name, forged)
			}
			r.Header["x-correlation-id"] = []string{forged}
			r.Header.Set("X-Amzn-Trace-Id", "Root="+forged+";Parent="+forged)
			if tt.authorization != "" {
				r.Header.Set("Authorization", tt.authorization)
			}
			if tt.method == forged {
				r.Header.Set("X-HTTP-Method-Override", forged)
			}
			if tt.status == http.StatusTooManyRequests { // the health check's own throttle is 40 at once
				for range 40 {
					gateway.ServeHTTP(httptest.NewRecorder(), r)
				}
			}
			w := httptest.NewRecorder()
			gateway.ServeHTTP(w, r)

			require.Equal(t, tt.status, w.Code, w.Body.String())
			problem := object(t, w.Body.String())
			line := object(t, log)
			assert.NotContains(t, w.Body.String(), "m4rk")
			assert.NotContains(t, log, "m4rk")
			id := w.Header().Get("X-Request-Id")
			assert.Regexp(t, `^[A-Z2-7]{15}=$`, id, "the gateway's own")
			assert.Equal(t, id, problem["instance"])
			assert.Equal(t, id, line["requestId"])
			if status, ok := problem["status"]; ok { // the defaults' have none
				assert.EqualValues(t, tt.status, status)
			}
			for name, values := range w.Header() {
				if !strings.EqualFold(name, "x-correlation-id") && !strings.EqualFold(name, "x-amzn-RequestId") { // AWS echoes the latter
					assert.NotContains(t, strings.Join(values, "\n"), "m4rk", name)
				}
			}
			assert.Equal(t, forged, w.Header().Get("X-Correlation-Id"))
			assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		})
	}
}

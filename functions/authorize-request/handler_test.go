package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/shared/store"
	"pricing/shared/testkit/gatewaytest"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

// market is a store with one token of each kind, and what the events' placeholders stand for.
func market(t *testing.T) (*store.Store, *strings.Replacer) {
	t.Helper()
	s := storetest.New(t)
	mint := func(environment string, change func(*token.Record)) token.Token {
		tok := token.Mint(environment)
		r := token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: "crawler-a", Scopes: []string{"ingest", "read"},
			NotBefore: gatewaytest.Now.Add(-time.Hour), Expires: gatewaytest.Now.Add(time.Hour), Active: true}
		change(&r)
		require.NoError(t, s.PutToken(t.Context(), r))
		return tok
	}
	valid := mint("dev", func(*token.Record) {})
	wrong := token.Mint("dev")
	forged := strings.Replace(wrong.String(), wrong.KeyID, valid.KeyID, 1)
	return s, strings.NewReplacer(
		"{{valid}}", valid.String(), "{{unknown}}", token.Mint("dev").String(),
		"{{wrong-secret}}", token.Seal(forged[:len(forged)-8]), "{{other-environment}}", mint("prod", func(*token.Record) {}).String(),
		"{{expired}}", mint("dev", func(r *token.Record) { r.Expires = gatewaytest.Now }).String(),
		"{{not-yet}}", mint("dev", func(r *token.Record) { r.NotBefore = gatewaytest.Now.Add(time.Second) }).String(),
		"{{revoked}}", mint("dev", func(r *token.Record) { r.Active = false }).String(),
		"{{no-scopes}}", mint("dev", func(r *token.Record) { r.Scopes = nil }).String(),
	)
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	s, tokens := market(t)
	want := map[string]string{ // outcome; the principal is crawler-a wherever there is a policy
		"allowed": "Allow", "other-method": "Allow", "lower-case-scheme": "Allow", "no-scopes": "Deny",
		"no-header": "Unauthorized", "no-bearer": "Unauthorized", "basic": "Unauthorized", "malformed": "Unauthorized", "unknown-key": "Unauthorized",
		"wrong-secret": "Unauthorized", "other-environment": "Unauthorized", "expired": "Unauthorized", "not-yet": "Unauthorized", "revoked": "Unauthorized",
	}
	for _, name := range gatewaytest.Cases(t) {
		t.Run(name, func(t *testing.T) {
			event := tokens.Replace(string(gatewaytest.Event(t, name)))
			var log bytes.Buffer
			call := authorize(s, metertest.Source, "dev", func() time.Time { return gatewaytest.Now }, slog.New(slog.NewJSONHandler(&log, nil)))
			out, err := call(t.Context(), []byte(event))
			assert.NotContains(t, log.String(), "cpi_", "no token in the log")
			samples := metertest.Extract(t, log.Bytes())
			if want[name] == "Unauthorized" {
				require.EqualError(t, err, "Unauthorized", "API Gateway answers 401 for this text only")
				assert.Contains(t, log.String(), `"outcome":"unauthorized"`)
				return
			}
			require.NoError(t, err)
			assert.Positive(t, samples.Sum("SdkAttempts"))
			var a answer
			require.NoError(t, json.Unmarshal(out, &a))
			assert.Equal(t, "crawler-a", a.PrincipalID)
			require.Len(t, a.Policy.Statement, 1)
			assert.Equal(t, want[name], a.Policy.Statement[0].Effect)
			for _, resource := range a.Policy.Statement[0].Resource {
				assert.True(t, strings.HasPrefix(resource, "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/dev/"), resource)
				assert.LessOrEqual(t, len(resource), 512)
			}
			if name != "no-scopes" {
				assert.Equal(t, "ingest read", a.Context["scopes"])
			}
		})
	}
}

func TestAuthorize_ThePolicyIsTheSameForEveryMethod(t *testing.T) {
	t.Parallel()
	s, tokens := market(t)
	call := authorize(s, metertest.Source, "dev", func() time.Time { return gatewaytest.Now }, slog.New(slog.DiscardHandler))
	one, err := call(t.Context(), []byte(tokens.Replace(string(gatewaytest.Event(t, "allowed")))))
	require.NoError(t, err)
	two, err := call(t.Context(), []byte(tokens.Replace(string(gatewaytest.Event(t, "other-method")))))
	require.NoError(t, err)
	assert.JSONEq(t, string(one), string(two), "API Gateway caches it by token, whatever the method was")
}

// Each client's policy is its own: nothing of the client asked for before may be left in it.
func TestAuthorize_TwoClients(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	call := authorize(s, metertest.Source, "dev", func() time.Time { return gatewaytest.Now }, slog.New(slog.DiscardHandler))
	event := string(gatewaytest.Event(t, "allowed"))
	var policies []answer
	for client, scopes := range map[string][]string{"crawler-a": {"ingest"}, "pricing-b": {"read"}} {
		tok := token.Mint("dev")
		require.NoError(t, s.PutToken(t.Context(), token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: client, Scopes: scopes,
			NotBefore: gatewaytest.Now, Expires: gatewaytest.Now.Add(time.Hour), Active: true}))
		out, err := call(t.Context(), []byte(strings.ReplaceAll(event, "{{valid}}", tok.String())))
		require.NoError(t, err)
		var a answer
		require.NoError(t, json.Unmarshal(out, &a))
		assert.Equal(t, client, a.PrincipalID)
		assert.Equal(t, map[string]string{"clientId": client, "scopes": scopes[0], "keyId": tok.KeyID}, a.Context)
		policies = append(policies, a)
	}
	for _, resource := range policies[0].Policy.Statement[0].Resource {
		assert.NotContains(t, policies[1].Policy.Statement[0].Resource, resource)
	}
}

func TestAuthorize_AnOutageIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	_, tokens := market(t)
	var log bytes.Buffer
	call := authorize(down{}, metertest.Source, "dev", func() time.Time { return gatewaytest.Now }, slog.New(slog.NewJSONHandler(&log, nil)))
	_, err := call(t.Context(), []byte(tokens.Replace(string(gatewaytest.Event(t, "allowed")))))
	require.Error(t, err)
	assert.NotEqual(t, "Unauthorized", err.Error())
	assert.Contains(t, log.String(), `"outcome":"internal"`, "what the alarm's filter looks for")
}

type down struct{}

func (down) FindToken(context.Context, string) (token.Record, error) {
	return token.Record{}, errors.New("no answer")
}
func (down) TouchToken(context.Context, token.Record, time.Time) error { return nil }

// TestPermits_CoverEveryRoute holds the policy against the template: each route must be allowed by just the scope that
// api.md gives it.
func TestPermits_CoverEveryRoute(t *testing.T) {
	text, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	var template struct {
		Resources struct {
			Api struct {
				Properties struct {
					DefinitionBody struct {
						Paths map[string]map[string]struct {
							Security []any `yaml:"security"`
						} `yaml:"paths"`
					} `yaml:"DefinitionBody"`
				} `yaml:"Properties"`
			} `yaml:"Api"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &template))
	const facade = "/v1/legacy/{proxy+}"
	scopes := map[string]string{
		"POST /v1/observations": "ingest", "POST /v1/observations/batch": "ingest", "GET /v1/products/{productId}/offers": "read",
		"GET /v1/products/{productId}/history": "read", "PUT /v1/competitors/{competitorId}": "catalog", "GET /v1/competitors": "read", "GET /v1/health": "",
	}
	for _, verb := range []string{"GET", "HEAD"} {
		scopes[verb+" "+facade] = "read"
	}
	for _, verb := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		scopes[verb+" "+facade] = "catalog"
	}
	routes := 0
	for path, methods := range template.Resources.Api.Properties.DefinitionBody.Paths {
		if operation, ok := methods["x-amazon-apigateway-any-method"]; ok {
			delete(methods, "x-amazon-apigateway-any-method")
			for _, verb := range []string{"get", "head", "post", "put", "patch", "delete", "options"} {
				methods[verb] = operation
			}
		}
		for verb, operation := range methods {
			route := strings.ToUpper(verb) + " " + path
			want, ok := scopes[route]
			require.True(t, ok, "a route whose scope this test does not know: "+route)
			assert.Equal(t, want == "", len(operation.Security) == 0, route)
			routes++
			for scope, patterns := range permits {
				allowed := false
				for _, p := range patterns {
					allowed = allowed || matches(p, strings.ToUpper(verb)+path)
				}
				if want != "" {
					assert.Equal(t, scope == want, allowed, "%s by %s", route, scope)
				}
			}
		}
	}
	assert.Len(t, scopes, routes)
}

// matches compares as IAM does, where * is any text; the patterns have it at the end only.
func matches(pattern, s string) bool {
	prefix, ok := strings.CutSuffix(pattern, "*")
	return ok && strings.HasPrefix(s, prefix) || pattern == s
}

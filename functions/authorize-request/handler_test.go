package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

// market is a store with one token of each kind, and what the cases' placeholders stand for.
func market(t *testing.T) (*store.Store, *strings.Replacer) {
	t.Helper()
	s := storetest.New(t)
	mint := func(environment string, change func(*token.Record)) token.Token {
		tok := token.Mint(environment)
		r := token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: "crawler-a", Scopes: []string{"ingest", "read"},
			NotBefore: cases.Now.Add(-time.Hour), Expires: cases.Now.Add(time.Hour), Active: true}
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
		"{{expired}}", mint("dev", func(r *token.Record) { r.Expires = cases.Now }).String(),
		"{{not-yet}}", mint("dev", func(r *token.Record) { r.NotBefore = cases.Now.Add(time.Second) }).String(),
		"{{revoked}}", mint("dev", func(r *token.Record) { r.Active = false }).String(),
		"{{no-scopes}}", mint("dev", func(r *token.Record) { r.Scopes = nil }).String(),
	)
}

// TestAuthorize: a case's answer is the policy, or the error for which API Gateway answers 401 in place of 500.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	cases.CheckEvents(t, func(c cases.Case) []byte { return c.AuthorizerEvent(t) })
	s, tokens := market(t)
	for _, name := range cases.Names(t) {
		t.Run(name, func(t *testing.T) {
			c := cases.Read(t, name)
			event := tokens.Replace(string(c.AuthorizerEvent(t)))
			var log bytes.Buffer
			call := authorize(s, metertest.Source, "dev", func() time.Time { return cases.Now }, slog.New(slog.NewJSONHandler(&log, nil)))
			out, err := call(t.Context(), []byte(event))
			assert.NotContains(t, log.String(), "cpi_", "no token in the log")
			samples := metertest.Extract(t, log.Bytes())
			if err != nil {
				assert.Contains(t, log.String(), `"outcome":"unauthorized"`)
				c.Check(t, fmt.Appendf(nil, `{"error": %q}`, err))
				return
			}
			assert.Positive(t, samples.Sum("SdkAttempts"))
			var a answer
			require.NoError(t, json.Unmarshal(out, &a))
			for _, resource := range a.Policy.Statement[0].Resource {
				assert.LessOrEqual(t, len(resource), 512)
			}
			key := a.Context["keyId"] // another one each time
			assert.Contains(t, event, "_"+key+"_")
			c.Check(t, bytes.ReplaceAll(out, []byte(key), []byte("{{key}}")))
		})
	}
}

func TestAuthorize_ThePolicyIsTheSameForEveryMethod(t *testing.T) {
	t.Parallel()
	s, tokens := market(t)
	call := authorize(s, metertest.Source, "dev", func() time.Time { return cases.Now }, slog.New(slog.DiscardHandler))
	one, err := call(t.Context(), []byte(tokens.Replace(string(cases.Read(t, "allowed").AuthorizerEvent(t)))))
	require.NoError(t, err)
	two, err := call(t.Context(), []byte(tokens.Replace(string(cases.Read(t, "other-method").AuthorizerEvent(t)))))
	require.NoError(t, err)
	assert.JSONEq(t, string(one), string(two), "API Gateway caches it by token, whatever the method was")
}

// Each client's policy is its own: nothing of the client asked for before may be left in it.
func TestAuthorize_TwoClients(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	call := authorize(s, metertest.Source, "dev", func() time.Time { return cases.Now }, slog.New(slog.DiscardHandler))
	event := string(cases.Read(t, "allowed").AuthorizerEvent(t))
	var policies []answer
	for client, scopes := range map[string][]string{"crawler-a": {"ingest"}, "pricing-b": {"read"}} {
		tok := token.Mint("dev")
		require.NoError(t, s.PutToken(t.Context(), token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: client, Scopes: scopes,
			NotBefore: cases.Now, Expires: cases.Now.Add(time.Hour), Active: true}))
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
	call := authorize(down{}, metertest.Source, "dev", func() time.Time { return cases.Now }, slog.New(slog.NewJSONHandler(&log, nil)))
	_, err := call(t.Context(), []byte(tokens.Replace(string(cases.Read(t, "allowed").AuthorizerEvent(t)))))
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

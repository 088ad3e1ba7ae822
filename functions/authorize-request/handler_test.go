package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

// passedOn are the paths of the old service that the tests' authorizer lets through.
var passedOn = []string{"orders/*", "stock"}

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
		"{{bound}}", mint("dev", func(r *token.Record) { r.Sources = []string{"crawler-a", "feed-*"} }).String(),
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
			call := authorize(s, metertest.Source, "dev", passedOn, func() time.Time { return cases.Now }, slog.New(slog.NewJSONHandler(&log, nil)))
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
			key := a.Context["keyId"] // another one each time
			assert.Contains(t, event, "_"+key+"_")
			c.Check(t, bytes.ReplaceAll(out, []byte(key), []byte("{{key}}")))
		})
	}
}

func TestAuthorize_ThePolicyIsTheSameForEveryMethod(t *testing.T) {
	t.Parallel()
	s, tokens := market(t)
	call := authorize(s, metertest.Source, "dev", passedOn, func() time.Time { return cases.Now }, slog.New(slog.DiscardHandler))
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
	call := authorize(s, metertest.Source, "dev", passedOn, func() time.Time { return cases.Now }, slog.New(slog.DiscardHandler))
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
		assert.Equal(t, map[string]string{"clientId": client, "scopes": scopes[0], "sources": "", "keyId": tok.KeyID}, a.Context)
		policies = append(policies, a)
	}
	for _, a := range policies {
		assert.Equal(t, a.PrincipalID == "crawler-a", a.Policy.permits("POST/v1/observations/batch"))
		assert.Equal(t, a.PrincipalID == "pricing-b", a.Policy.permits("GET/v1/competitors"))
	}
}

// scripted is a store that answers as it is told, and reports two kinds of throttling.
type scripted struct {
	record       token.Record
	find, touch  error
	findThrottle map[string]int
}

func (s scripted) FindToken(ctx context.Context, _ string) (token.Record, error) {
	meter.Add(ctx, meter.Counts{Calls: 1, Attempts: 3, ReadUnits: 0.5, Throttles: s.findThrottle})
	return s.record, s.find
}

func (s scripted) TouchToken(ctx context.Context, _ token.Record, _ time.Time) error {
	meter.Add(ctx, meter.Counts{Calls: 1, Attempts: 1, WriteUnits: 1})
	return s.touch
}

// TestAuthorize_Line: what the log has of each outcome. Nothing in it is a token, and what is absent is left out. The alarm's
// filter looks for the outcome internal.
func TestAuthorize_Line(t *testing.T) {
	t.Parallel()
	valid := token.Mint("dev")
	record := token.Record{KeyID: valid.KeyID, Digest: valid.Digest(), Client: "crawler-a", Scopes: []string{"read"},
		NotBefore: cases.Now, Expires: cases.Now.Add(time.Hour), Active: true}
	revoked, others := record, record
	revoked.Active = false
	others.Active, others.Digest = false, token.Mint("dev").Digest()
	event := fmt.Sprintf(`{"type":"TOKEN","authorizationToken":"Bearer %s","methodArn":"%sGET/v1/competitors"}`, valid, stageArn)
	type object = map[string]any
	tests := map[string]struct {
		db    scripted
		event string
		err   string
		want  object
	}{
		"allowed": {scripted{record: record, touch: errors.New("no answer")}, event, "", object{
			"level": "INFO", "outcome": "allowed", "clientId": "crawler-a",
			"storeCalls": 2.0, "readUnits": 0.5, "writeUnits": 1.0, "sdkAttempts": 4.0, "storeMs": 0.0,
		}},
		"unknown": {scripted{find: fault.New(fault.NotFound, "", "")}, event, "Unauthorized", object{
			"level": "INFO", "outcome": "unauthorized", "errorCode": "token-unknown",
			"storeCalls": 1.0, "readUnits": 0.5, "writeUnits": 0.0, "sdkAttempts": 3.0, "storeMs": 0.0,
		}},
		"revoked": {scripted{record: revoked}, event, "Unauthorized", object{
			"level": "INFO", "outcome": "unauthorized", "errorCode": "token-revoked", "clientId": "crawler-a", "keyId": valid.KeyID,
			"storeCalls": 1.0, "readUnits": 0.5, "writeUnits": 0.0, "sdkAttempts": 3.0, "storeMs": 0.0,
		}},
		"another's secret": {scripted{record: others}, event, "Unauthorized", object{
			"level": "INFO", "outcome": "unauthorized", "errorCode": "token-unknown",
			"storeCalls": 1.0, "readUnits": 0.5, "writeUnits": 0.0, "sdkAttempts": 3.0, "storeMs": 0.0,
		}},
		"no token": {scripted{record: record}, `{"authorizationToken":"Bearer"}`, "Unauthorized", object{
			"level": "INFO", "outcome": "unauthorized", "errorCode": "token-malformed",
			"storeCalls": 0.0, "readUnits": 0.0, "writeUnits": 0.0, "sdkAttempts": 0.0, "storeMs": 0.0,
		}},
		"an outage is not the client's fault": {scripted{find: errors.New("no answer")}, event, "no answer", object{
			"level": "ERROR", "outcome": "internal", "error": "no answer",
			"storeCalls": 1.0, "readUnits": 0.5, "writeUnits": 0.0, "sdkAttempts": 3.0, "storeMs": 0.0,
		}},
		"no event": {scripted{record: record}, `{`, "decode the authorizer's event: unexpected end of JSON input", object{
			"level": "ERROR", "outcome": "internal", "error": "decode the authorizer's event: unexpected end of JSON input",
			"storeCalls": 0.0, "readUnits": 0.0, "writeUnits": 0.0, "sdkAttempts": 0.0, "storeMs": 0.0,
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := cases.Now.Add(-12 * time.Millisecond)
			now := func() time.Time { clock = clock.Add(12 * time.Millisecond); return clock }
			var log bytes.Buffer
			answer, err := authorize(tt.db, meter.Source{}, "dev", nil, now, slog.New(slog.NewJSONHandler(&log, nil)))(t.Context(), []byte(tt.event))
			if tt.err == "" {
				require.NoError(t, err)
				assert.NotEmpty(t, answer)
			} else {
				require.EqualError(t, err, tt.err)
				assert.Nil(t, answer)
			}
			var line object
			require.NoError(t, json.Unmarshal(log.Bytes(), &line), log.String())
			delete(line, "time")
			tt.want["msg"] = "authorize"
			tt.want["durationMs"] = 12.0
			assert.Equal(t, tt.want, line)
		})
	}
}

// TestAuthorize_Metrics: they are members of the line, and what does not fit into one is in lines of its own.
func TestAuthorize_Metrics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	db := scripted{find: errors.New("no answer"), findThrottle: map[string]int{"KeyRange": 2, "Account": 1}}
	call := authorize(db, metertest.Source, "dev", nil, time.Now, slog.New(slog.NewJSONHandler(&log, nil)))
	event := fmt.Appendf(nil, `{"authorizationToken":"Bearer %s"}`, token.Mint("dev"))
	_, err := call(t.Context(), event)
	require.Error(t, err)
	samples := metertest.Extract(t, log.Bytes())
	assert.Equal(t, 3, samples.Sum("SdkAttempts"))
	assert.Equal(t, 2, samples.Sum("ThrottledByReason", "Reason=KeyRange"))
	assert.Equal(t, 1, samples.Sum("ThrottledByReason", "Reason=Account"))
	assert.NotContains(t, log.String(), "DeadlineLeftMs", "it has no deadline")

	log.Reset()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err = call(ctx, event)
	require.Error(t, err)
	left := metertest.Extract(t, log.Bytes()).Sum("DeadlineLeftMs")
	assert.Positive(t, left)
	assert.LessOrEqual(t, left, int(time.Hour.Milliseconds()))
}

// TestAuthorizer: the function is built from its settings and from the paths that the template tells it alone.
func TestAuthorizer(t *testing.T) {
	t.Setenv("LEGACY_PATHS", "orders/*,stock")
	s := storetest.New(t)
	tok := token.Mint("dev")
	require.NoError(t, s.PutToken(t.Context(), token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: "crawler-a",
		Scopes: []string{"read"}, NotBefore: time.Now().Add(-time.Minute), Expires: time.Now().Add(time.Minute), Active: true}))
	out, err := authorizer(boot.Function{Settings: cases.Settings, Store: s, Metrics: metertest.Source})(t.Context(),
		fmt.Appendf(nil, `{"type":"TOKEN","authorizationToken":"Bearer %s","methodArn":"%sGET/v1/competitors"}`, tok, stageArn))
	require.NoError(t, err)
	var a answer
	require.NoError(t, json.Unmarshal(out, &a))
	for call, want := range map[string]bool{"stock": true, "orders/7": true, "orders": false, "stocks": false, "orders/7,stock": true} {
		assert.Equal(t, want, a.Policy.permits("GET/v1/legacy/"+call), call)
	}
}

// TestPermits: each route is allowed by the scope that its endpoint names, and by no other. Both are read where they are
// declared: an endpoint's in its code, the facade's, which has no function, in template.yaml.
func TestPermits(t *testing.T) {
	t.Parallel()
	scopes := endpointScopes(t)
	open := map[string]bool{}
	for route, operation := range templateRoutes(t) {
		open[route] = len(operation.Security) == 0
		if operation.Integration.Type == "aws_proxy" {
			continue
		}
		said := regexp.MustCompile(`^Scope (\w+) for GET and HEAD, (\w+) for the rest\.`).FindStringSubmatch(operation.Description)
		require.Len(t, said, 3, "%s: its description does not say the scopes", route)
		scopes[route] = said[2]
		if method, _, _ := strings.Cut(route, " "); method == http.MethodGet || method == http.MethodHead {
			scopes[route] = said[1]
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(open)), slices.Collect(maps.Keys(scopes)), "routes of the template and of the code")
	for route, scope := range scopes {
		assert.Equal(t, scope == "", open[route], "%s: open in the template, without a scope in the code", route)
	}
	policies := map[string]policy{}
	for _, scope := range token.Scopes {
		policies[scope] = allow(token.Record{Scopes: []string{scope}}, stageArn+"GET/v1/health", []string{"*"}).Policy
	}
	require.Empty(t, unfit(policies, scopes))

	broken := maps.Clone(scopes)
	broken["POST /v1/imports"] = token.ScopeIngest
	assert.Equal(t, []string{"POST /v1/imports: allowed by [], not by ingest alone"}, unfit(policies, broken), "a new endpoint")
	more := maps.Clone(policies)
	more[token.ScopeRead] = policy{Statement: slices.Concat(more[token.ScopeRead].Statement, more[token.ScopeCatalog].Statement)}
	assert.Contains(t, unfit(more, scopes), "PUT /v1/competitors/{competitorId}: allowed by [catalog read], not by catalog alone",
		"another scope")
}

// stageArn begins the ARN of every call to the API.
const stageArn = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/dev/"

// permits decides as IAM does about a method and path, where * is any text and a statement that denies wins.
func (p policy) permits(call string) bool {
	allowed := false
	for _, s := range p.Statement {
		for _, resource := range s.Resource {
			pattern := strings.ReplaceAll(regexp.QuoteMeta(resource), `\*`, ".*")
			if regexp.MustCompile("^" + pattern + "$").MatchString(stageArn + call) {
				if s.Effect == "Deny" {
					return false
				}
				allowed = true
			}
		}
	}
	return allowed
}

// unfit lists the routes that another set of scopes allows than the one that it needs.
func unfit(policies map[string]policy, scopes map[string]string) (wrong []string) {
	for route, want := range scopes {
		if want == "" {
			continue // it needs no token
		}
		var allowed []string
		for scope, p := range policies {
			if p.permits(strings.Replace(route, " ", "", 1)) {
				allowed = append(allowed, scope)
			}
		}
		slices.Sort(allowed)
		if !slices.Equal(allowed, []string{want}) {
			wrong = append(wrong, fmt.Sprintf("%s: allowed by %v, not by %s alone", route, allowed, want))
		}
	}
	return wrong
}

// TestAllow_Facade: of the old service only the listed paths are passed on, and of these none that may mean another path
// there. What the API itself is asked is none of its business.
func TestAllow_Facade(t *testing.T) {
	t.Parallel()
	all := token.Record{Scopes: token.Scopes}
	listed := allow(all, stageArn+"GET/v1/health", passedOn).Policy
	everything := allow(all, stageArn+"GET/v1/health", []string{"*"}).Policy
	nothing := allow(all, stageArn+"GET/v1/health", nil).Policy
	tests := map[string]struct{ listed, everything bool }{
		"orders/7": {true, true}, "orders/": {true, true}, "orders/a%20b/c%2Fd": {true, true}, "stock": {true, true},
		"orders/...7": {false, false},
		"orders":      {false, true}, "orders-2/7": {false, true}, "stock/7": {false, true}, "stocks": {false, true}, "ORDERS/7": {false, true},
		"x/orders/7": {false, true}, "hidden/v1/legacy/orders/7": {false, true}, "hidden/v1/legacy/stock": {false, true},
		"../admin": {false, false}, "orders/../../admin": {false, false}, "orders/..": {false, false}, "..": {false, false},
		"orders/%2e%2e/x": {false, false}, "orders/%2E%2E/x": {false, false}, "orders/%2e./x": {false, false}, "orders/.%2E/x": {false, false},
		"orders/a;x=y": {false, false}, "orders/a%3bx=y": {false, false}, "orders/a%3Bx=y": {false, false},
		`orders/..\admin`: {false, false}, `orders/a\b`: {false, false}, "orders/a%5cb": {false, false}, "orders/a%5Cb": {false, false},
		"orders/a%00": {false, false}, "orders/%252e%252e/x": {false, false},
	}
	for path, want := range tests {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			call := method + "/v1/legacy/" + path
			assert.Equal(t, want.listed, listed.permits(call), call)
			assert.Equal(t, want.everything, everything.permits(call), call)
			assert.False(t, nothing.permits(call), call)
		}
	}
	assert.True(t, nothing.permits("GET/v1/products/a..b;c%2e/offers"))
}

// TestAllow_Size makes the largest policies that LegacyPaths permits: API Gateway takes 512 characters of a resource, and of a
// policy, at WebSocket APIs at least, 8 KB.
func TestAllow_Size(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:a1b2c3d4e5/sixteen-letters-/GET/v1/health"
	one := []string{strings.Repeat("x", 200)}
	six := slices.Repeat([]string{strings.Repeat("x", (200-5)/6)}, 6)
	for _, legacy := range [][]string{one, six} {
		made := allow(token.Record{Scopes: token.Scopes}, arn, legacy).Policy
		text, err := json.Marshal(made)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(text), 8<<10)
		for _, s := range made.Statement {
			for _, resource := range s.Resource {
				assert.LessOrEqual(t, len(resource), 512)
			}
		}
	}
}

// endpointScopes returns the scope of each route as the functions name both, in their gateway.Endpoint, as texts. The code
// is parsed, since a command cannot be imported.
func endpointScopes(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../*/handler.go")
	require.NoError(t, err)
	scopes := map[string]string{}
	for _, file := range files {
		code, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(code, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			kind, ok := literal.Type.(*ast.SelectorExpr)
			if !ok || fmt.Sprint(kind.X, ".", kind.Sel) != "gateway.Endpoint" {
				return true
			}
			fields := map[string]string{}
			for _, element := range literal.Elts {
				pair, ok := element.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				if text, ok := pair.Value.(*ast.BasicLit); ok && text.Kind == gotoken.STRING {
					fields[fmt.Sprint(pair.Key)], err = strconv.Unquote(text.Value)
					require.NoError(t, err)
				}
			}
			scopes[fields["Route"]] = fields["Scope"]
			return true
		})
	}
	return scopes
}

// operation is what the test reads of one method of a path.
type operation struct {
	Description string `yaml:"description"`
	Security    []any  `yaml:"security"`
	Integration struct {
		Type string `yaml:"type"`
	} `yaml:"x-amazon-apigateway-integration"`
}

// templateRoutes returns the routes of template.yaml, with each method that stands for any.
func templateRoutes(t *testing.T) map[string]operation {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	var template struct {
		Resources struct {
			Api struct {
				Properties struct {
					DefinitionBody struct {
						Paths map[string]map[string]operation `yaml:"paths"`
					} `yaml:"DefinitionBody"`
				} `yaml:"Properties"`
			} `yaml:"Api"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &template))
	routes := map[string]operation{}
	for path, methods := range template.Resources.Api.Properties.DefinitionBody.Paths {
		for method, o := range methods {
			methods := []string{strings.ToUpper(method)}
			if method == "x-amazon-apigateway-any-method" {
				methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
			}
			for _, m := range methods {
				routes[m+" "+path] = o
			}
		}
	}
	return routes
}

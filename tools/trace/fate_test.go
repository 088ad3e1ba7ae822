package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// fates are what became of the data of the recorded failures.
var fates = map[string][]string{
	"stored": {
		"an observation", "an answer of the engine is lost", "the client has gone",
	},
	"stored, by an earlier request": {
		"one that was sent before",
	},
	"nothing was stored": {
		"401: no token", "401: not the form of a token", "401: a mistyped token", "401: unknown", "401: of another environment",
		"401: expired", "401: revoked", "401: not yet valid", "403: scope, asked", "403: scope, policy from the cache",
		"404: no such route", "404: no such route, no token", "400: no object, refused by the gateway",
		"400: a field of the wrong type", "409: an observation that contradicts one", "409: a gtin in use", "412", "413",
		"413: longer than the gateway takes", "415", "422", "422: a reserved name", "a source that the token is not bound to",
		"429: the gateway's throttle", "a path that is not passed on", "403: an address that may not", "AWS: beyond ClientRateLimit",
	},
	"none was sent": {
		"404: no such product", "400: an unknown parameter", "406", "a panic", "a crash", "an exit", "an answer too long",
		"a process that dies at its start", "the engine is down: a read", "the engine fails", "no permission",
		"the engine does not answer", "the gateway gives up", "a timeout", "a function is throttled",
		"the timeout of one without a token", "AWS: out of memory", "AWS: timeout", "AWS: timeout, by Lambda's id",
		"AWS: a fatal error", "AWS: a process that dies at its start", "AWS: a function is throttled",
		"AWS: a function that the gateway may not call", "AWS: an authorizer of which nothing is known",
		"AWS: the authorizer out of memory", "AWS: a certificate that is not trusted", "AWS: the same by its trace",
		"AWS: the same by its correlation id", "AWS: the gateway gives up",
	},
	"1 of 2 items stored; 1 refused": {
		"a batch of which one is refused",
	},
	"none of ours: only the old service knows what became of what it was sent": {
		"the old service answers", "the old service fails", "the old service refuses", "the old service hangs up",
		"the old service is slow", "nobody is at the old service",
	},
	"not stored; repeat it": {
		"the engine is down: a write", "writes are throttled",
	},
	"nothing was stored; repeat it": {
		"the authorizer cannot read the table", "no permission of the authorizer", "the authorizer is throttled",
		"the authorizer's timeout",
	},
	"none was sent; what the product had before may be damaged: see the section": {
		"a board that cannot be decoded: a read",
	},
	"not stored; what the product had before may be damaged: see the section": {
		"a board that cannot be decoded: a write",
	},
	"1 of 2 items stored; 1 not stored, and what their products had before may be damaged: see the section": {
		"a board that cannot be decoded: one of a batch",
	},
	"not acknowledged: it may or may not be stored; repeat it": {
		"all answers to a write are lost",
	},
}

// TestData: what became of what was sent is said of each recorded failure, and as it was.
func TestData(t *testing.T) {
	t.Parallel()
	from := written(t, lines(t, recordings...))
	want := map[string]string{}
	for fate, names := range fates {
		for _, name := range names {
			want[name] = fate
		}
	}
	for _, f := range failures(t) {
		assert.Equal(t, want[f.Name], why(one(t, from, f.ID)).Data, f.Name)
	}
}

// TestData_Certain: a write is not stored for certain only where nothing tried to write, or each try was refused by a throttle. An answer
// that was lost may be that of a write.
func TestData_Certain(t *testing.T) {
	t.Parallel()
	const read1, write3 = `,"calls":[{"operation":"BatchGetItem","attempts":1}`, `{"operation":"UpdateItem","attempts":3}]`
	const some = `,"calls":[` + write3
	tests := map[string]struct{ line, want string }{
		"nothing tried to write":    {`"storeCalls":1` + read1 + `]`, notStored},
		"each try was refused":      {`"storeCalls":2,"Reason":"TableWriteX","ThrottledByReason":3` + read1 + `,` + write3, notStored},
		"the sum of several":        {`"storeCalls":1,"Reason":"TableWriteX","ThrottledByReason":[2,1]` + some, notStored},
		"all but one":               {`"storeCalls":1,"Reason":"TableWriteX","ThrottledByReason":2` + some, uncertain},
		"reads were refused":        {`"storeCalls":1,"Reason":"TableReadX","ThrottledByReason":3` + some, uncertain},
		"something was written":     {`"storeCalls":1,"writeUnits":1,"Reason":"TableWriteX","ThrottledByReason":3` + some, uncertain},
		"no throttle":               {`"storeCalls":1` + some, uncertain},
		"a call is not in the line": {`"storeCalls":2,"Reason":"TableWriteX","ThrottledByReason":3` + some, uncertain},
		"no call is in the line":    {`"storeCalls":1`, uncertain},
		"a batch":                   {`"items":3,"throttled":2,"storeCalls":1` + read1 + `]`, "1 of 3 items stored; 2 not stored; repeat them"},
		"a batch without its calls": {`"items":3,"throttled":3,"storeCalls":1`,
			"0 of 3 items stored; 3 not acknowledged: they may or may not be stored; repeat them"},
		"a dry run": {`"dryRun":true,"storeCalls":1`, "nothing was stored: it was a dry run"},
	}
	for name, tt := range tests {
		e := read(`{"function":"F","route":"POST /v1/observations","status":503,"errorCode":"throttled",`+tt.line+`}`, "")
		assert.Equal(t, tt.want, data(way{function: side{line: &e}}, "store-throttled"), name)
	}
	e := read(`{"route":"POST /v1/observations","status":201,"outcome":"created"}`, "")
	g := read(`{"requestId":"r","status":"503","errorType":"INTEGRATION_TIMEOUT"}`, accessLog)
	assert.Equal(t, "stored, though the client was not told so; it may repeat it", data(way{gateway: &g, function: side{line: &e}}, ""))
	assert.Equal(t, perhaps, data(way{gateway: &g}, ""), "the path has reads and writes")
}

// TestKind: of each route of the template it is right by the function's line, by its name alone, and by the gateway's path as far as that
// tells.
func TestKind(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	var template struct {
		Resources struct {
			API struct {
				Properties struct {
					DefinitionBody struct {
						Paths map[string]map[string]struct {
							Integration struct {
								Type string    `yaml:"type"`
								URI  yaml.Node `yaml:"uri"`
							} `yaml:"x-amazon-apigateway-integration"`
						} `yaml:"paths"`
					} `yaml:"DefinitionBody"`
				} `yaml:"Properties"`
			} `yaml:"Api"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(source, &template))
	id := regexp.MustCompile(`([A-Z]\w+)Function`)
	capital := regexp.MustCompile(`\B[A-Z]`)
	tried := 0
	for path, operations := range template.Resources.API.Properties.DefinitionBody.Paths {
		for method, operation := range operations {
			if operation.Integration.Type != "aws_proxy" {
				continue
			}
			tried++
			want := kindOf(strings.ToUpper(method) + " " + path)
			m := id.FindStringSubmatch(operation.Integration.URI.Value)
			require.NotNil(t, m, path)
			name := strings.ToLower(capital.ReplaceAllString(m[1], "-$0"))
			for _, log := range []string{m[0], "pricing-a-put-" + name} {
				assert.Equal(t, want, way{function: side{report: &entry{log: log}}}.kind(), log)
			}
			g := entry{members: members{ResourcePath: text(path)}}
			assert.Contains(t, []requestKind{want, either}, way{gateway: &g}.kind(), path)
		}
	}
	assert.Greater(t, tried, 15)
}

// TestDo: each next step names a line of the runbook, and there stands the heading that it quotes.
func TestDo(t *testing.T) {
	t.Parallel()
	written, err := os.ReadFile(filepath.Join("../..", runbook))
	require.NoError(t, err)
	page := strings.Split(string(written), "\n")
	form := regexp.MustCompile(`^ops/runbook\.md:(\d+) "(.+)"$`)
	for _, r := range rules {
		assert.Equal(t, r.section == "", r.step == "", r.code)
		if r.section == "" {
			continue
		}
		m := form.FindStringSubmatch(place(r.section))
		require.NotNil(t, m, "%s: there is no section %s", r.code, r.section)
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		assert.Equal(t, m[2], strings.ReplaceAll(strings.TrimLeft(page[n-1], "# "), "`", ""), r.code)
	}
	assert.Equal(t, "ops/runbook.md#none", place("none"), "as where the runbook is not")
}

// TestPrint: what somebody on call needs comes first, and the way after it says nothing twice.
func TestPrint(t *testing.T) {
	t.Parallel()
	from := written(t, lines(t, recordings...))
	printed := func(name string) string {
		for _, f := range failures(t) {
			if f.Name == name {
				got, err := told(t, from, options{ids: []string{f.ID}})
				require.NoError(t, err)
				return got
			}
		}
		require.Fail(t, name)
		return ""
	}
	got := printed("writes are throttled")
	assert.Regexp(t, `(?s)^request \S+  \S+T\S+Z  POST /v1/observations  503  client t\n\n  cause .*\n  layer    store\n  product  O-1\n`+
		`  data     not stored; repeat it\n  do       let one client .* \(ops/runbook.md:\d+ "table-write-throttles"\)\n\n   1  gateway `, got)
	assert.Equal(t, 1, strings.Count(got, "4 attempts"))
	assert.NotContains(t, got, "attempts: ")
	assert.NotContains(t, got, "TableWriteKeyRange")
	assert.Contains(t, got, "UpdateItem, DynamoDB's status 400, ProvisionedThroughputExceededException")
	assert.Regexp(t, `UpdateItem, \S+ ms, 4 attempts, DynamoDB's id \S+\n`, got)
	assert.Contains(t, got, "ms left before its timeout")
	assert.Contains(t, got, "token accepted before (policy from the cache)")
	got = printed("a process that dies at its start")
	assert.Contains(t, got, `version 1, its process wrote at its start: "read settings: TABLE_NAME is not set"`)
	got = printed("the engine fails")
	assert.Equal(t, 1, strings.Count(got, "InternalServerError"), "the cause has it")
	got = printed("a board that cannot be decoded: a write")
	assert.NotContains(t, got, "cannot be read or written")
	assert.Equal(t, 1, strings.Count(got, "packed form"))
	assert.NotContains(t, printed("AWS: an authorizer of which nothing is known"), "policy from the cache")
}

// TestMeant: an id that is mistyped is found where only one can be meant.
func TestMeant(t *testing.T) {
	t.Parallel()
	line := func(id string) string {
		return `{"function":"access","requestTime":"06/Jul/2026:09:14:03 +0000","requestId":"` + id + `","status":"200"}`
	}
	from := written(t, []string{line("KHn2hG4wDo01t9A="), line("khN2hG4wDo02t9A="), line("khn2hG4wDo02t9A="), line("xKHn2hG4wDo01t9A=")})
	for _, id := range []string{"KHn2hG4wDo01t9A=", "KHn2hG4wDo01t9A", "khn2hg4wdo01T9a=", "khn2hg4wdo01T9a"} {
		got, err := told(t, from, options{ids: []string{id}})
		require.NoError(t, err, id)
		assert.Contains(t, got, "request KHn2hG4wDo01t9A=")
	}
	_, err := told(t, from, options{ids: []string{"khn2hG4wDo02t9a"}})
	require.ErrorContains(t, err, "but there are khN2hG4wDo02t9A= and khn2hG4wDo02t9A=")
	for _, id := range []string{"KHn2hG4wDo0", "=", "Hn2hG4wDo01t9A="} {
		_, err = told(t, from, options{ids: []string{id}})
		require.ErrorContains(t, err, "no line has the id "+id+" in ", "a part of one is none")
	}
	got, err := told(t, from, options{ids: []string{"KHn2hG4wDo01t9A", "none", "xkhn2hG4wDo01t9A"}})
	require.ErrorContains(t, err, "no line has the id none in ")
	assert.Contains(t, got, "request KHn2hG4wDo01t9A=")
	assert.Contains(t, got, "request xKHn2hG4wDo01t9A=", "after the one that is not there")
}

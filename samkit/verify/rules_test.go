package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/samkit/verify/lint"
	"pricing/samkit/verify/rules"
)

// parcels is a template that breaks no rule.
const parcels = "testdata/parcels/template.yaml"

// TestRules breaks parcels in one place after another, with the intrinsic functions in both forms.
func TestRules(t *testing.T) {
	t.Parallel()
	good, config := readParcels(t)

	type fixture struct {
		name, template string
		environments   map[string]rules.Environment
		want           []string
	}
	var fixtures []fixture
	add := func(name string, want []string, edits ...string) {
		template, samconfig := good, config
		for i := 0; i < len(edits); i += 2 {
			file := &template
			if strings.Contains(samconfig, edits[i]) {
				file = &samconfig
			}
			require.Contains(t, *file, edits[i], name)
			*file = strings.Replace(*file, edits[i], edits[i+1], 1)
		}
		environments, err := readEnvironments(filepath.Join(filepath.Dir(write(t, template, samconfig)), "samconfig.toml"))
		require.NoError(t, err)
		fixtures = append(fixtures, fixture{name, template, environments, want})
	}
	add("good", nil)
	for _, rule := range rules.All() {
		assert.NotEmpty(t, ruleFaults[rule.Name], "%s has no fixture", rule.Name)
		for i, f := range ruleFaults[rule.Name] {
			assert.Contains(t, strings.Join(f.want, "\n"), "("+rule.Name, "the fixture does not break its rule")
			add(fmt.Sprintf("%s %d", rule.Name, i), f.want, f.old, f.broken)
		}
	}
	assert.Len(t, ruleFaults, len(rules.All()), "a fixture for no rule")
	for name, edits := range harmless {
		add(name, nil, edits...)
	}

	var all []deployable
	for _, f := range fixtures {
		var long any
		require.NoError(t, yaml.Unmarshal([]byte(lengthen(t, f.template)), &long))
		all = append(all, deployable{long, f.environments})
	}
	transformed := transformAll(t, append(all, deployable{fixtures[0].template, fixtures[0].environments}))
	// The transform makes the same of both forms, so it runs once for both.
	hash := regexp.MustCompile(`[0-9a-f]{40}|(ApiDeployment)[0-9a-f]{10}`) // of the body's text, with its order of keys
	for environment, long := range transformed[0] {
		short := transformed[len(all)][environment]
		require.JSONEq(t, hash.ReplaceAllString(string(long.Transformed), "$1"), hash.ReplaceAllString(string(short.Transformed), "$1"))
	}
	for i, f := range fixtures {
		for spelling, text := range map[string]string{"short": f.template, "long": lengthen(t, f.template)} {
			t.Run(f.name+", "+spelling, func(t *testing.T) {
				t.Parallel()
				s := &source{path: "template.yaml", text: []byte(text)}
				require.NoError(t, yaml.Unmarshal(s.text, &s.root))
				project, err := rules.New(s.text, transformed[i])
				require.NoError(t, err)
				var got []string
				for _, m := range s.tidy(checkRules(project), len(transformed[i])) {
					if m.File == s.path {
						assert.Positive(t, m.Line, m)
					}
					m.File, m.Line, m.Consequence, m.Fix = "", 0, "", ""
					got = append(got, strings.TrimPrefix(m.String(), ": "))
				}
				assert.ElementsMatch(t, f.want, got)
			})
		}
	}
}

// TestRules_Junk: a template may be broken in ways that no rule is about. Every third value in parcels is replaced by
// something else, one after another, and all rules must still run to their end.
func TestRules_Junk(t *testing.T) {
	t.Parallel()
	good, _ := readParcels(t)
	environment := rules.Environment{Parameters: map[string]string{"Stage": "prod"}}
	environment.Transformed = transformAll(t, []deployable{{good, map[string]rules.Environment{"prod": environment}}})[0]["prod"].Transformed
	var source, transformed any
	require.NoError(t, yaml.Unmarshal([]byte(lengthen(t, good)), &source))
	require.NoError(t, json.Unmarshal(environment.Transformed, &transformed))

	junk := []any{"x", nil, []any{}, map[string]any{}, []any{"a", map[string]any{"Ref": "b"}}}
	tried := 0
	try := func() {
		text, err := json.Marshal(source)
		require.NoError(t, err)
		e := environment
		e.Transformed, err = json.Marshal(transformed)
		require.NoError(t, err)
		project, err := rules.New(text, map[string]rules.Environment{"prod": e})
		require.NoError(t, err)
		project.Check()
		project.Functions("prod")
	}
	var spoil func(v any)
	spoil = func(v any) {
		each := func(old any, set func(any)) {
			tried++
			set(junk[tried%len(junk)])
			if tried%3 == 0 { // each of them takes milliseconds
				try()
			}
			set(old)
			spoil(old)
		}
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				each(v[key], func(to any) { v[key] = to })
			}
		case []any:
			for i := range v {
				each(v[i], func(to any) { v[i] = to })
			}
		}
	}
	spoil(transformed)
	spoil(source)
	assert.Greater(t, tried, 1000)
}

// TestRules_Table: every rule has a name of its own and says what a reader needs.
func TestRules_Table(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range rules.All() {
		assert.False(t, seen[r.Name], "two rules %s", r.Name)
		seen[r.Name] = true
		assert.Regexp(t, `^[a-z-]+$`, r.Name)
		assert.Regexp(t, `.\.$`, r.Doc, r.Name)
		assert.Regexp(t, `^[^;\n]+[^.\n]$`, r.Consequence, r.Name) // a part of a line
		assert.Regexp(t, `^[^\n]+[^.\n]$`, r.Fix, r.Name)
	}
}

// deployable is a template, as text or already parsed, with its environments.
type deployable struct {
	template     any
	environments map[string]rules.Environment
}

// transformAll returns the environments of every template with what they would get.
func transformAll(t *testing.T, all []deployable) []map[string]rules.Environment {
	t.Helper()
	var requests []lint.Request
	for _, one := range all {
		for _, name := range slices.Sorted(maps.Keys(one.environments)) {
			requests = append(requests, lint.Request{Template: one.template, Parameters: one.environments[name].Parameters})
		}
	}
	answers, err := python(t).Transform(t.Context(), requests)
	require.NoError(t, err)
	got := make([]map[string]rules.Environment, len(all))
	for i, one := range all {
		got[i] = map[string]rules.Environment{}
		for _, name := range slices.Sorted(maps.Keys(one.environments)) {
			e := one.environments[name]
			e.Transformed, answers = answers[0], answers[1:]
			got[i][name] = e
		}
	}
	return got
}

// lengthen writes a template's intrinsic functions in their long form.
func lengthen(t *testing.T, short string) string {
	t.Helper()
	var root yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(short), &root))
	var long func(n *yaml.Node) *yaml.Node
	long = func(n *yaml.Node) *yaml.Node {
		for i, c := range n.Content {
			n.Content[i] = long(c)
		}
		name, ok := strings.CutPrefix(n.Tag, "!")
		if !ok || strings.HasPrefix(name, "!") {
			return n
		}
		n.Tag, n.Style = "", n.Style&^yaml.TaggedStyle
		if n.Kind == yaml.ScalarNode {
			n.Tag = "!!str"
		}
		if name == "GetAtt" {
			id, attribute, _ := strings.Cut(n.Value, ".")
			n = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Line: n.Line, Content: []*yaml.Node{
				{Kind: yaml.ScalarNode, Value: id}, {Kind: yaml.ScalarNode, Value: attribute},
			}}
		}
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: name}, n}}
	}
	text, err := yaml.Marshal(long(&root))
	require.NoError(t, err)
	require.NotRegexp(t, `[^"'\w$]!\w`, strings.ReplaceAll(string(text), "${!stage", ""))
	return string(text)
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	good, _ := readParcels(t)
	parameters := map[string]string{"Stage": "prod", "CarrierUrl": "https://carrier.example", "CarrierKey": "x"}
	environments := map[string]rules.Environment{"prod": {Parameters: parameters}}
	elsewhere := strings.Replace(good, "CodeUri: check/\n", "CodeUri: check/\n      Role: arn:aws:iam::123456789012:role/check\n", 1)
	transformed := transformAll(t, []deployable{{good, environments}, {elsewhere, environments}})
	read := func(i int, text string) *rules.Project {
		project, err := rules.New([]byte(text), transformed[i])
		require.NoError(t, err)
		return project
	}
	project := read(0, good)
	variables := []string{"STAGE", "TABLE"}
	assert.Equal(t, []rules.Function{
		{ID: "CheckFunction", Folder: "check", Variables: variables, Actions: []string{}},
		{ID: "PurgeFunction", Folder: "purge", Variables: variables, Actions: []string{"sqs:SendMessage"}, Scheduled: true},
		{
			ID: "RegisterFunction", Folder: "register", Variables: variables, Routes: []string{"POST /parcels"},
			Actions: []string{
				"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query",
				"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
			},
		},
		{ // by a policy template of SAM
			ID: "TrackFunction", Folder: "track", Variables: variables, Routes: []string{"GET /parcels/{parcelId}"},
			Actions: []string{"dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"},
		},
	}, project.Functions("prod"))
	assert.Nil(t, project.Functions("test"))
	assert.Equal(t, []string{"check", "purge", "register", "track"}, project.Folders())
	assert.Nil(t, read(1, elsewhere).Functions("prod")[0].Actions)
}

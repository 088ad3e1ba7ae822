package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/samkit/verify/lint"
	"pricing/samkit/verify/rules"
)

// fault is a mistake made in a copy of a template, and what must be reported.
type fault struct {
	old, broken string
	want        []string
}

// toolFaults are edits of parcels, of which each tool must find its own.
var toolFaults = []fault{
	{"BillingMode:", "BilingMode:", []string{
		"Resources.Parcels.Properties: 'ProvisionedThroughput' is a required property (cfn-lint E3639)",
		"Resources.Parcels.Properties.BilingMode: Additional properties are not allowed ('BilingMode' was unexpected. " +
			"Did you mean 'BillingMode'?) (cfn-lint E3002)",
	}},
	{"functions/${RegisterFunction.Arn}", "functions/${RegistrFunction.Arn}", []string{
		integrationOf("/parcels.post") + "uri.Fn::Sub: 'RegistrFunction' is not one of [...] (cfn-lint E1019)",
		integrationOf("/parcels.post") + "uri: arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/" +
			"${RegistrFunction.Arn}:current/invocations invokes no function; the import fails, or every call is answered with 500; " +
			"write arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}:live/invocations (lambda-uri)",
	}},
	{"{description: Up.}", "!If [IsProd, {description: Up.}, {}]", []string{
		body + "paths./status.get.responses.200: 'description' is a required property (openapi-spec-validator, only test)",
		"Resources.Api.Properties.DefinitionBody: invalid paths: invalid path /status: invalid operation GET: " +
			"a short description of the response is required (kin-openapi, only test)",
	}},
	{"security: [{Badge: [], Key: []}]", "security: [{Bdge: [], Key: []}]", []string{
		"Resources.Api.Properties.DefinitionBody: invalid paths: invalid path /parcels: invalid operation POST: " +
			`security requirement /paths/~1parcels/post/security/0/Bdge refers to undefined security scheme "Bdge" (kin-openapi)`,
	}},
	{"town: {type: string, ", "town: {type: string, required: [], ", []string{
		body + "components.schemas.Place: at '/properties/town/required': minItems: got 0, want 1 (draft 4)",
		body + "components.schemas.Parcel: at '/properties/town/required': minItems: got 0, want 1 (draft 4)", // refers to it
		body + "components.schemas.Place.properties.town.required: [] should be non-empty (openapi-spec-validator)",
	}},
}

func integrationOf(method string) string {
	return body + "paths." + method + ".x-amazon-apigateway-integration."
}

// refused is an edit that the transform refuses.
var refused = fault{"      Timeout: 10\n", "      Timeot: 10\n", []string{
	"Resources.RegisterFunction: Resource with id [RegisterFunction] is invalid. " +
		"property Timeot not defined for resource of type AWS::Serverless::Function (sam transform)",
	"Resources.RegisterFunction.Properties.Timeot: Additional properties are not allowed ('Timeot' was unexpected. " +
		"Did you mean 'Timeout'?) (cfn-lint E3002)",
}}

func TestRun(t *testing.T) {
	t.Parallel()
	python(t)
	template, config := readParcels(t)
	tests := map[string]struct {
		faults    []fault
		samconfig string
		want      []string
		notes     []string // are no mistakes
	}{
		"every tool finds its own": {
			faults:    toolFaults,
			samconfig: strings.Replace(config, "TokenTtl=60", "TokenTtl=61", 1),
			want:      []string{"samconfig.toml: Parameters.TokenTtl: '61' is not one of [0, 60, 300] (cfn-lint E2900, only prod)"},
		},
		"what the transform refuses": {faults: []fault{refused}, samconfig: config},
		// To OpenAPI {proxy+} is a parameter of that name, to API Gateway its name is proxy.
		"nothing, with a method below a greedy path": {
			faults: []fault{{old: "x-amazon-apigateway-any-method:", broken: "post:"}}, samconfig: config,
		},
		"what somebody has to decide": {
			samconfig: strings.Replace(config, "CarrierKey=to be replaced", "CarrierKey=undecided", 1),
			notes:     []string{"samconfig.toml: note: prod cannot be deployed before somebody has decided CarrierKey"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := template
			want := tt.want
			for _, f := range tt.faults {
				require.Contains(t, broken, f.old)
				broken = strings.Replace(broken, f.old, f.broken, 1)
				for _, line := range f.want {
					want = append(want, "template.yaml: "+line)
				}
			}
			path := write(t, broken, tt.samconfig)

			var stdout, stderr bytes.Buffer
			status := run(t.Context(), []string{path}, &stdout, &stderr)
			assert.Equal(t, min(1, len(want)), status)
			assert.ElementsMatch(t, append(slices.Clone(want), tt.notes...), lines(stdout.String(), filepath.Dir(path)))
			assert.Contains(t, stderr.String(), noCode)
			assert.Contains(t, stderr.String(), fmt.Sprintf("verify: %s in %s: ", count(len(want), "mistake"), path))
		})
	}
}

// TestRun_Code: a template with code beside it that does not fit, the same in both environments, and a plain template.
func TestRun_Code(t *testing.T) {
	t.Parallel()
	python(t)
	template, config := readParcels(t)
	path := write(t, template, config)
	root := filepath.Dir(path)
	create := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	create("go.mod", "module parcels\n\ngo 1.26\n")
	for folder, read := range map[string]string{
		"check": `"STAGE"`, "purge": `"STAGE"`, "register": `"STAGE"`, "track": `"STAGE")+os.Getenv("MISSPELT"`,
	} {
		create(folder+"/main.go", "package main\n\nimport \"os\"\n\nfunc main() { println(os.Getenv(\"TABLE\") + os.Getenv("+read+")) }\n")
	}
	create("bucket.yaml", "Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {BucketNam: x}}}\n")
	plain := filepath.Join(root, "bucket.yaml")

	var stdout, stderr bytes.Buffer
	assert.Equal(t, 1, run(t.Context(), []string{"-plain", plain, path}, &stdout, &stderr))
	told := strings.ReplaceAll(stdout.String(), root+"/", "")
	for _, want := range []string{
		"track/main.go:5: Resources.TrackFunction: reads MISSPELT, which the template does not set; ",
		"register: Resources.RegisterFunction: its role allows dynamodb:PutItem, but its code calls nothing; ",
		"bucket.yaml:1: Resources.Bucket.Properties.BucketNam: Additional properties are not allowed",
	} {
		assert.Contains(t, told, want)
	}
	looked := "verify: 10 mistakes in %s and %s: %d rules, 4 functions, 2 environments\n"
	assert.Equal(t, fmt.Sprintf(looked, path, plain, len(rules.All())), stderr.String())
}

// lines returns the output's lines without the folder and the line numbers.
func lines(output, folder string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), folder+"/")
		file, rest, _ := strings.Cut(line, ": ")
		file, _, _ = strings.Cut(file, ":")
		lines = append(lines, file+": "+rest)
	}
	return lines
}

func TestRun_usage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"a flag":                  {[]string{"-x"}, "usage: verify"},
		"two":                     {[]string{"a", "b"}, "usage: verify"},
		"nothing to compare with": {[]string{"-compare", "dev"}, "usage: verify"},
		"a plain comparison":      {[]string{"-plain", "a", "-compare", "dev", "prod"}, "usage: verify"},
		"no template":             {[]string{filepath.Join(t.TempDir(), "template.yaml")}, "read the template: "},
		"no plain template": {
			[]string{"-plain", filepath.Join(t.TempDir(), "plain.yaml"), write(t, "Resources: {}", "version = 0.1\n")}, "read the template: ",
		},
		"no environments": {
			[]string{write(t, "Resources: {}", "version = 0.1\n")}, "no environment has deploy.parameters",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			assert.Equal(t, 2, run(t.Context(), tt.args, &stdout, &stderr))
			assert.Contains(t, stderr.String(), tt.want)
			assert.Empty(t, stdout.String())
		})
	}
}

// TestRun_Unreadable: of a text that is not a template, cfn-lint alone says so.
func TestRun_Unreadable(t *testing.T) {
	t.Parallel()
	python(t)
	_, config := readParcels(t)
	tests := map[string]struct{ text, want string }{
		"empty":       {"", ":1: 'Resources' is a required property (cfn-lint E1001)"},
		"not YAML":    {"a: [", ":2: did not find expected node content (cfn-lint E0000)"},
		"a key twice": {"Resources: {A: {Type: X}, A: {Type: Y}}", ":1: Duplicate found 'A' (line 1) (cfn-lint E0000)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.text, config)
			var stdout, stderr bytes.Buffer
			assert.Equal(t, 1, run(t.Context(), []string{path}, &stdout, &stderr))
			assert.Contains(t, strings.Split(stdout.String(), "\n"), path+tt.want)
			assert.Contains(t, stderr.String(), ": 0 rules, 0 functions, 2 environments")
		})
	}
}

// TestCheckOpenAPI_Greedy: kin-openapi must see AWS's {key+} as the parameter key, and still report one that is not declared.
func TestCheckOpenAPI_Greedy(t *testing.T) {
	t.Parallel()
	body := func(parameter string) []byte {
		return []byte(`{"openapi": "3.0.1", "info": {"title": "x", "version": "1"}, "paths": {"/labels/{key+}": {"get": {
			"parameters": [{"name": "` + parameter + `", "in": "path", "required": true, "schema": {"type": "string"}}],
			"responses": {"200": {"description": "x"}}}}}}`)
	}
	assert.Empty(t, checkOpenAPI(t.Context(), body("key")))
	assert.NotEmpty(t, checkOpenAPI(t.Context(), body("other")))
}

func TestSource_tidy(t *testing.T) {
	t.Parallel()
	s, err := readSource(write(t, "Resources:\n  Api:\n    Properties:\n      DefinitionBody:\n        servers: [{}, {url: x}]\n", ""))
	require.NoError(t, err)
	here := func(m Mistake) Mistake {
		m.File = s.path
		return m
	}
	path := []string{"Resources", "Api", "Properties", "Body", "servers", "1", "url"}
	source := []string{"Resources", "Api", "Properties", "DefinitionBody", "servers", "1", "url"}

	t.Run("found in all environments, or in one", func(t *testing.T) {
		got := s.tidy([]Mistake{
			{Path: path, What: "both", Environment: "dev"}, {Path: path, What: "both", Environment: "prod"},
			{Path: path, What: "one", Environment: "prod"}, {Path: path, What: "one", Environment: "prod"},
		}, 2)
		assert.Equal(t, []Mistake{
			here(Mistake{Line: 5, Path: source, What: "both"}),
			here(Mistake{Line: 5, Path: source, What: "one", Environment: "prod"}),
		}, got)
	})
	t.Run("missing in the source: its parent's line", func(t *testing.T) {
		got := s.tidy([]Mistake{{Path: []string{"Resources", "Api", "Type"}, What: "is required"}}, 1)
		assert.Equal(t, s.path+":2: Resources.Api.Type: is required ()", got[0].String())
	})
	t.Run("made by the transform: the line of what it was made for", func(t *testing.T) {
		got := s.tidy([]Mistake{{Path: []string{"Resources", "ApiStage"}, What: "no", Tool: "x", Environment: "dev"}}, 2)
		assert.Equal(t, s.path+":2: Resources.ApiStage: no (x, only dev)", got[0].String())
	})
	t.Run("long and of several lines", func(t *testing.T) {
		got := s.tidy([]Mistake{{What: "a\n  b " + strings.Repeat("é", 300)}}, 1)
		assert.Equal(t, "a b "+strings.Repeat("é", 196)+"...", got[0].What)
	})
}

// noCode is logged for a template without a Go module beside it.
const noCode = "verify: no go.mod beside the template, so it is compared with no code\n"

// readParcels returns the template parcels and its environments.
func readParcels(t *testing.T) (template, samconfig string) {
	t.Helper()
	read := func(path string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	return read(parcels), read(filepath.Join(filepath.Dir(parcels), "samconfig.toml"))
}

// write makes a folder with a template and its environments.
func write(t *testing.T, template, samconfig string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "template.yaml")
	require.NoError(t, os.WriteFile(path, []byte(template), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "samconfig.toml"), []byte(samconfig), 0o644))
	return path
}

// python returns the Python that has the checks, which `make python` installs.
func python(t *testing.T) lint.Python {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	p, err := lint.Find(root)
	require.NoError(t, err)
	return p
}

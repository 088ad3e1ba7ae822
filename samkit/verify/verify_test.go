package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/samkit/verify/lint"
)

// noCode is said of a template that stands alone.
const noCode = "verify: no go.mod beside the template, so it is not held against any code\n"

// fault is a mistake made in a copy of the template, and what must be said of it.
type fault struct {
	old, broken string
	want        []string
}

func TestRun(t *testing.T) {
	t.Parallel()
	needPython(t)
	tests := map[string]struct {
		faults    []fault
		samconfig string
		want      []string
	}{
		"every tool finds its own": {
			faults: []fault{
				{"BillingMode:", "BilingMode:", []string{
					"Resources.Table.Properties: 'ProvisionedThroughput' is a required property (cfn-lint E3639)",
					"Resources.Table.Properties.BilingMode: Additional properties are not allowed ('BilingMode' was unexpected. Did you mean 'BillingMode'?) (cfn-lint E3002)",
				}},
				{"functions/${ListHistoryFunction.Arn}", "functions/${ListHistryFunction.Arn}", []string{
					"Resources.Api.Properties.DefinitionBody.paths./v1/products/{productId}/history.get.x-amazon-apigateway-integration.uri.Fn::Sub: 'ListHistryFunction' is not one of [...] (cfn-lint E1019)",
					"Resources.Api.Properties.DefinitionBody.paths./v1/products/{productId}/history.get.x-amazon-apigateway-integration.uri: arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${ListHistryFunction.Arn}:live/invocations invokes no function; " +
						"the import fails or every call answers 500; write arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}:live/invocations (lambda-uri)",
				}},
				// The condition is false here, so it is the second branch that counts.
				{"{description: 'Alive.'}", "!If [HasAlarmEndpoint, {description: 'Alive.'}, {}]", []string{
					"Resources.Api.Properties.DefinitionBody.paths./v1/health.get.responses.200: 'description' is a required property (openapi-spec-validator)",
					"Resources.Api.Properties.DefinitionBody: invalid paths: invalid path /v1/health: invalid operation GET: a short description of the response is required (kin-openapi)",
				}},
				{"security: [{Token: []}]", "security: [{Tken: []}]", []string{
					`Resources.Api.Properties.DefinitionBody: invalid paths: invalid path /v1/observations: invalid operation POST: security requirement /paths/~1v1~1observations/post/security/0/Tken refers to undefined security scheme "Tken" (kin-openapi)`,
				}},
				{"productId: {type: string, ", "productId: {type: string, required: [], ", []string{
					"Resources.Api.Properties.DefinitionBody.components.schemas.Observation: at '/properties/productId/required': minItems: got 0, want 1 (draft 4)",
					"Resources.Api.Properties.DefinitionBody.components.schemas.Observation.properties.productId.required: [] should be non-empty (openapi-spec-validator)",
				}},
			},
			samconfig: "[dev.deploy.parameters]\nparameter_overrides = 'DeployEnv=dev'\n[prod.deploy.parameters]\nparameter_overrides = ['DeployEnv=prod', 'LogRetentionDays=8']\n",
			want:      []string{"samconfig.toml: Parameters.LogRetentionDays: '8' is not one of [1, 3, 5, 7, 14, 30, 60, 90, 180, 365] (cfn-lint E2900, only prod)"},
		},
		"what the transform refuses": {
			faults: []fault{{"MemorySize: 512", "MemorySze: 512", []string{
				"Resources.RecordObservationsFunction: Resource with id [RecordObservationsFunction] is invalid. property MemorySze not defined for resource of type AWS::Serverless::Function (sam transform)",
				"Resources.RecordObservationsFunction.Properties.MemorySze: Additional properties are not allowed ('MemorySze' was unexpected. Did you mean 'MemorySize'?) (cfn-lint E3002)",
			}}},
			samconfig: "[dev.deploy.parameters]\nparameter_overrides = 'DeployEnv=dev'\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("../../template.yaml")
			require.NoError(t, err)
			template := string(text)
			want := tt.want
			for _, f := range tt.faults {
				require.Contains(t, template, f.old)
				template = strings.Replace(template, f.old, f.broken, 1)
				for _, line := range f.want {
					want = append(want, "template.yaml: "+line)
				}
			}
			path := write(t, template, tt.samconfig)

			var stdout, stderr bytes.Buffer
			status := run(t.Context(), []string{path}, &stdout, &stderr)
			assert.Equal(t, 1, status)
			assert.Equal(t, noCode, stderr.String())
			assert.ElementsMatch(t, want, lines(stdout.String(), filepath.Dir(path)))
		})
	}
}

// TestRun_Good: neither this project's template nor one that has nothing to do with it has a mistake. The first is looked
// at without its code, which the tests of package code hold it against.
func TestRun_Good(t *testing.T) {
	t.Parallel()
	needPython(t)
	for _, folder := range []string{"../..", filepath.Dir(parcels)} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			template, err := os.ReadFile(filepath.Join(folder, "template.yaml"))
			require.NoError(t, err)
			samconfig, err := os.ReadFile(filepath.Join(folder, "samconfig.toml"))
			require.NoError(t, err)
			var stdout, stderr bytes.Buffer
			assert.Zero(t, run(t.Context(), []string{write(t, string(template), string(samconfig))}, &stdout, &stderr))
			assert.Empty(t, stdout.String())
			assert.Equal(t, noCode, stderr.String())
		})
	}
}

// TestRun_GreedyMethod: to OpenAPI {proxy+} is a parameter of that name, to API Gateway its name is proxy.
func TestRun_GreedyMethod(t *testing.T) {
	t.Parallel()
	needPython(t)
	good, err := os.ReadFile(parcels)
	require.NoError(t, err)
	samconfig, err := os.ReadFile(filepath.Join(filepath.Dir(parcels), "samconfig.toml"))
	require.NoError(t, err)
	template := strings.NewReplacer("x-amazon-apigateway-any-method:", "post:").Replace(string(good))
	var stdout, stderr bytes.Buffer
	assert.Zero(t, run(t.Context(), []string{write(t, template, string(samconfig))}, &stdout, &stderr))
	assert.Empty(t, stdout.String())
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
		"a flag":      {[]string{"-x"}, "usage: verify"},
		"two":         {[]string{"a", "b"}, "usage: verify"},
		"no template": {[]string{filepath.Join(t.TempDir(), "template.yaml")}, "read the template: "},
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

// TestCheckOpenAPI_Greedy: kin-openapi must see AWS's {key+} as the parameter key, and still miss one that is not declared.
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

func TestInstall_missing(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "samkit", "verify"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "samkit", "verify", "requirements.txt"), nil, 0o644))
	t.Setenv("PATH", "")
	_, err := lint.Install(t.Context(), root, &bytes.Buffer{})
	require.ErrorContains(t, err, `install the Python checks: python3 -m venv: exec: "python3": executable file not found`)
	left, err := os.ReadDir(filepath.Join(root, ".local"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// write makes a folder with a template and its environments.
func write(t *testing.T, template, samconfig string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "template.yaml")
	require.NoError(t, os.WriteFile(path, []byte(template), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "samconfig.toml"), []byte(samconfig), 0o644))
	return path
}

// needPython installs the Python checks before tests use them side by side.
func needPython(t *testing.T) {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	if _, err := lint.Install(context.Background(), root, os.Stderr); err != nil {
		if os.Getenv("CI") == "" {
			t.Skip(err)
		}
		require.NoError(t, err)
	}
}

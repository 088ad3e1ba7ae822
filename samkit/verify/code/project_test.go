package code

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/samkit/engine"
	"pricing/samkit/verify/rules"
)

// readFunctions reads this project's template. Intrinsic functions are read as their argument.
func readFunctions(t *testing.T, text string) []rules.Function {
	t.Helper()
	var template struct {
		Globals struct {
			Function struct {
				Environment struct {
					Variables map[string]string `yaml:"Variables"`
				} `yaml:"Environment"`
			} `yaml:"Function"`
		} `yaml:"Globals"`
		Resources map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				CodeURI  string `yaml:"CodeUri"`
				Role     string `yaml:"Role"`
				Policies []struct {
					Document struct {
						Statement []struct {
							Action []string `yaml:"Action"`
						} `yaml:"Statement"`
					} `yaml:"PolicyDocument"`
				} `yaml:"Policies"`
				Definition struct {
					Paths map[string]map[string]struct {
						Integration struct {
							URI string `yaml:"uri"`
						} `yaml:"x-amazon-apigateway-integration"`
					} `yaml:"paths"`
				} `yaml:"DefinitionBody"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &template))
	var functions []rules.Function
	for _, id := range slices.Sorted(maps.Keys(template.Resources)) {
		r := template.Resources[id]
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		f := rules.Function{ID: id, Folder: r.Properties.CodeURI, Variables: slices.Sorted(maps.Keys(template.Globals.Function.Environment.Variables))}
		role := template.Resources[strings.TrimSuffix(r.Properties.Role, ".Arn")].Properties
		for _, policy := range role.Policies {
			for _, statement := range policy.Document.Statement {
				f.Actions = append(f.Actions, statement.Action...)
			}
		}
		for p, methods := range template.Resources["Api"].Properties.Definition.Paths {
			for method, operation := range methods {
				if strings.Contains(operation.Integration.URI, "${"+id+".Arn}") {
					f.Routes = append(f.Routes, strings.ToUpper(method)+" "+p)
				}
			}
		}
		functions = append(functions, f)
	}
	return functions
}

// TestCheck_project holds this project's template to its code; a template broken in one place must show it.
func TestCheck_project(t *testing.T) {
	t.Parallel()
	root, err := engine.Root()
	require.NoError(t, err)
	file, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	require.NoError(t, err)
	text := string(file)
	p, err := load(t.Context(), root, readFunctions(t, text))
	require.NoError(t, err)
	require.Empty(t, p.check(readFunctions(t, text)))

	tests := map[string]struct {
		old, broken string
		want        []string
	}{
		"an action less": {"[dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:PutItem, dynamodb:Query, dynamodb:UpdateItem]", "[dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:Query, dynamodb:UpdateItem]",
			[]string{"needs dynamodb:PutItem, which its role does not allow"}},
		"an action more":                    {"Action: [dynamodb:GetItem]", "Action: [dynamodb:GetItem, dynamodb:Query]", []string{"functions/get-health: GetHealthFunction: its role allows dynamodb:Query, but its code calls dynamodb:GetItem"}},
		"the authorizer may not note a use": {"[dynamodb:GetItem, dynamodb:UpdateItem]", "[dynamodb:GetItem]", []string{"shared/store/tokens.go: AuthorizeRequestFunction: Store.updateToken needs dynamodb:UpdateItem"}},
		"a variable's name": {"HISTORY_DAYS:", "HISTORY_DAY:", slices.Concat(
			slices.Repeat([]string{"reads HISTORY_DAYS, which the template does not give it"}, 8), slices.Repeat([]string{"is given the variable HISTORY_DAY, which nothing"}, 8))},
		"the name of a variable of the SDK": {"AWS_NEW_RETRIES_2026:", "AWS_NEW_RETRY_2026:", slices.Repeat([]string{"is given the variable AWS_NEW_RETRY_2026, which nothing"}, 8)},
		"a function of another's route": {"functions/${GetHealthFunction.Arn}", "functions/${ListCompetitorsFunction.Arn}", []string{
			"functions/get-health/handler.go: GetHealthFunction: its code names the route GET /v1/health, but the template wires it to nothing",
			"functions/list-competitors: ListCompetitorsFunction: is wired to GET /v1/health, which is the route of GetHealthFunction",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text, tt.old)
			sees(t, tt.want, p.check(readFunctions(t, strings.Replace(text, tt.old, tt.broken, 1))))
		})
	}
}

package code

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/shared/engine"
)

// readFunctions reads this project's template. Intrinsic functions are read as their argument.
func readFunctions(t *testing.T, text string) []Function {
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
	var functions []Function
	for _, id := range slices.Sorted(maps.Keys(template.Resources)) {
		r := template.Resources[id]
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		f := Function{ID: id, Folder: r.Properties.CodeURI, Variables: slices.Sorted(maps.Keys(template.Globals.Function.Environment.Variables))}
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

// TestCheck_project holds this project's template to its code. That it can fail shows in a copy broken in each way.
func TestCheck_project(t *testing.T) {
	t.Parallel()
	root, err := engine.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	require.NoError(t, err)
	found, err := Check(root, readFunctions(t, string(text)))
	require.NoError(t, err)
	assert.Empty(t, found)
}

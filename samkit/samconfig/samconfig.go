// Package samconfig reads the environments of a samconfig.toml: what `sam deploy --config-env NAME` would deploy.
package samconfig

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Environment is one table of the file.
type Environment struct {
	Stack      string            // stack_name
	Parameters map[string]string // parameter_overrides: the template's parameters that are not left to their defaults
}

// Read reads all environments of a file, by name; at least one. It refuses two of which one is called like the other and a hyphen more:
// permissions on pricing-dev-* are for dev, and would hold for all that dev-two has.
func Read(path string) (map[string]Environment, error) { return read(path, "deploy") }

// Verified reads the same and those that are there to be verified alone, [NAME.verify.parameters]: nothing deploys them. They have values
// of parameters by which a template makes what none of the others asks for.
func Verified(path string) (map[string]Environment, error) { return read(path, "deploy", "verify") }

func read(path string, commands ...string) (map[string]Environment, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the environments: %w", err)
	}
	tables := map[string]any{} // one table per environment, beside the file's version
	if err := toml.Unmarshal(text, &tables); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	environments := map[string]Environment{}
	for name, table := range tables {
		table, _ := table.(map[string]any)
		for _, command := range commands {
			action, _ := table[command].(map[string]any)
			given, ok := action["parameters"].(map[string]any)
			if !ok {
				continue
			}
			values, err := readOverrides(given["parameter_overrides"])
			if err != nil {
				return nil, fmt.Errorf("%s: %s.%s.parameters.parameter_overrides: %w", path, name, command, err)
			}
			stack, _ := given["stack_name"].(string)
			environments[name] = Environment{Stack: stack, Parameters: values}
		}
	}
	if len(environments) == 0 {
		return nil, fmt.Errorf("%s: no environment has deploy.parameters", path)
	}
	for _, name := range slices.Sorted(maps.Keys(environments)) {
		for _, other := range slices.Sorted(maps.Keys(environments)) {
			if strings.HasPrefix(other, name+"-") {
				return nil, fmt.Errorf("%s: the name of the environment %s begins with %s-, so the roles of %s would reach it: rename it, "+
					"with %s at its end", path, other, name, name, name)
			}
		}
	}
	return environments, nil
}

// readOverrides reads "A=1 B=2" or ["A=1", "B=2"].
func readOverrides(v any) (map[string]string, error) {
	var fields []string
	switch v := v.(type) {
	case nil:
	case string:
		fields = strings.Fields(v)
	case []any:
		for _, field := range v {
			fields = append(fields, fmt.Sprint(field))
		}
	default:
		return nil, fmt.Errorf("neither text nor a list: %v", v)
	}
	values := map[string]string{}
	for _, field := range fields {
		name, value, ok := strings.Cut(field, "=")
		if !ok || strings.ContainsAny(field, `"'`) || strings.Contains(field, "ParameterKey=") {
			return nil, fmt.Errorf("%s: write Name=value without quotes; a value with spaces needs the list form", field)
		}
		if _, ok := values[name]; ok {
			return nil, fmt.Errorf("%s is set twice", name)
		}
		values[name] = value
	}
	return values, nil
}

package samconfig

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Declaration is what a template says of a parameter.
type Declaration struct {
	Default string `yaml:"Default"`
	NoEcho  bool   `yaml:"NoEcho"`
}

// Unmarked is the text that Marked replaces. It is in the description of the functions and in that of the API.
const Unmarked = "parameters unknown"

// Marked returns a template with a hash in place of Unmarked: of the parameters that reach its functions' environment and its API's
// definition, those that only decide a condition there too. SAM publishes a version of a function, and deploys an API to its stage, when
// their text has changed. A new value of a parameter changes no text, so without the hash it would reach the stack and nothing else.
// Where no value is given the template's default counts. The value of a secret (NoEcho) is not hashed, since it might be guessed from the
// hash; where one is given each hash is a new one.
func Marked(template []byte, parameters map[string]string) ([]byte, error) {
	var t struct {
		Parameters map[string]Declaration `yaml:"Parameters"`
		Conditions map[string]yaml.Node   `yaml:"Conditions"`
		Globals    struct {
			Function struct {
				Environment yaml.Node `yaml:"Environment"`
			} `yaml:"Function"`
		} `yaml:"Globals"`
		Resources map[string]struct {
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(template, &t); err != nil {
		return nil, fmt.Errorf("mark the template: %w", err)
	}
	text := string(template)
	if !strings.Contains(text, Unmarked) {
		return nil, fmt.Errorf("mark the template: it does not say %q anywhere", Unmarked)
	}
	places := []*yaml.Node{&t.Globals.Function.Environment}
	for _, r := range t.Resources {
		for i := 0; i+1 < len(r.Properties.Content); i += 2 {
			if name := r.Properties.Content[i].Value; name == "DefinitionBody" || name == "Environment" {
				places = append(places, r.Properties.Content[i+1])
			}
		}
	}
	hash := sha256.New()
	found := 0
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		if !slices.ContainsFunc(places, func(n *yaml.Node) bool { return mentions(n, name, t.Conditions) }) {
			continue
		}
		found++
		value, given := parameters[name]
		switch {
		case t.Parameters[name].NoEcho && given:
			value = rand.Text()
		case !given:
			value = t.Parameters[name].Default
		}
		_, _ = fmt.Fprintf(hash, "%q=%q\n", name, value) // never fails
	}
	if found == 0 {
		return nil, errors.New("mark the template: no parameter reaches a function or the API")
	}
	return []byte(strings.ReplaceAll(text, Unmarked, fmt.Sprintf("parameters %.8x", hash.Sum(nil)))), nil
}

// mentions reports whether a Ref or Sub below a node names a parameter, or a condition that does. Text that only looks like one counts too.
func mentions(n *yaml.Node, parameter string, conditions map[string]yaml.Node) bool {
	if n.Value == parameter || strings.Contains(n.Value, "${"+parameter+"}") {
		return true
	}
	if condition, ok := conditions[n.Value]; ok && n.Kind == yaml.ScalarNode {
		others := maps.Clone(conditions) // one that refers to itself ends
		delete(others, n.Value)
		if mentions(&condition, parameter, others) {
			return true
		}
	}
	return slices.ContainsFunc(n.Content, func(below *yaml.Node) bool { return mentions(below, parameter, conditions) })
}

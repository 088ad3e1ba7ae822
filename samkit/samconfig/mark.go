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

// Unmarked is what Marked replaces. It stands in the description of the functions and in that of the API.
const Unmarked = "parameters unknown"

// Marked returns a template with a hash of what parameters put into its functions' environment and its API's definition
// in place of Unmarked. SAM publishes a version of a function, and deploys an API to its stage, when the text of either
// has changed; a parameter's new value changes no text, so that without the hash it would reach the stack and nobody
// else. A value that is not given is the template's default. A secret's (NoEcho) does not go into the hash, from which it
// might be guessed: one that is given makes each hash another.
func Marked(template []byte, parameters map[string]string) ([]byte, error) {
	var t struct {
		Parameters map[string]struct {
			Default string `yaml:"Default"`
			NoEcho  bool   `yaml:"NoEcho"`
		} `yaml:"Parameters"`
		Globals struct {
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
	hash, found := sha256.New(), 0
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		if !slices.ContainsFunc(places, func(n *yaml.Node) bool { return mentions(n, name) }) {
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

// mentions tells whether a Ref or Sub below a node names a parameter. A text that only looks like one counts too.
func mentions(n *yaml.Node, parameter string) bool {
	return n.Value == parameter || strings.Contains(n.Value, "${"+parameter+"}") ||
		slices.ContainsFunc(n.Content, func(below *yaml.Node) bool { return mentions(below, parameter) })
}

package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pricing/samkit/local/samtemplate"
)

// Environment is one environment of samconfig.toml.
type Environment struct {
	Stack       string // stack_name; may be empty
	Parameters  map[string]string
	Transformed json.RawMessage // the template as the SAM transform leaves it; empty where the transform refuses it
}

// Project is a template with its environments.
type Project struct {
	source       map[string]any
	environments map[string]Environment
	stacks       map[string]*Stack // by environment
}

// Stack is what one environment would get.
type Stack struct {
	project     *Project
	environment string
	resources   map[string]resource
	outputs     map[string]any
	apis        []*api // those whose body is in the template
}

type resource struct {
	id, kind   string
	properties map[string]any
	whole      map[string]any // with DependsOn, DeletionPolicy and the like
}

// New reads a template's text and its environments. It fails if the text is empty or not YAML.
func New(source []byte, environments map[string]Environment) (*Project, error) {
	p := &Project{environments: environments, stacks: map[string]*Stack{}}
	long, err := samtemplate.Long(source)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	p.source = object(long) // nil: cfn-lint says that it is not a template
	for name, e := range environments {
		if len(e.Transformed) == 0 {
			continue
		}
		var transformed map[string]any
		if err := json.Unmarshal(e.Transformed, &transformed); err != nil {
			return nil, fmt.Errorf("read the transformed template of %s: %w", name, err)
		}
		p.stacks[name] = newStack(p, name, transformed)
	}
	return p, nil
}

func newStack(p *Project, name string, transformed map[string]any) *Stack {
	r := newResolver(transformed, p.environments[name].Parameters)
	s := &Stack{project: p, environment: name, resources: map[string]resource{}}
	for id, v := range object(transformed["Resources"]) {
		if condition, ok := object(v)["Condition"].(string); ok && !r.condition(condition) {
			continue
		}
		whole := object(r.resolve(v))
		kind, _ := whole["Type"].(string)
		s.resources[id] = resource{id: id, kind: kind, properties: object(whole["Properties"]), whole: whole}
	}
	for _, res := range s.of("AWS::ApiGateway::RestApi") {
		if body := object(res.properties["Body"]); body != nil {
			s.apis = append(s.apis, newAPI(s, res.id, body))
		}
	}
	s.outputs = object(r.resolve(transformed["Outputs"]))
	return s
}

// of returns the resources of some types, by id.
func (s *Stack) of(kinds ...string) []resource {
	var list []resource
	for _, id := range slices.Sorted(maps.Keys(s.resources)) {
		if slices.Contains(kinds, s.resources[id].kind) {
			list = append(list, s.resources[id])
		}
	}
	return list
}

// at is the path of something in a resource.
func (r resource) at(keys ...string) []string {
	return slices.Concat([]string{"Resources", r.id}, keys)
}

// property is the path of something in a resource's properties.
func (r resource) property(keys ...string) []string {
	return r.at(append([]string{"Properties"}, keys...)...)
}

// is reports whether a value means this resource: a reference to it, or the physical name it has by a property.
func (r resource) is(value any, name string) bool {
	return value == "<"+r.id+">" || name != "" && value == "<"+r.id+"."+name+">" || value != nil && value == r.properties[name]
}

// object is v as a mapping, or nil.
func object(v any, keys ...string) map[string]any {
	m, _ := v.(map[string]any)
	for _, key := range keys {
		m, _ = m[key].(map[string]any)
	}
	return m
}

// list is v as a list; a single value is a list of one, as CloudFormation and IAM have it.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func text(v any) string {
	if v == nil {
		return ""
	}
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// number reads a number, which is text in a parameter's value.
func number(v any) (float64, bool) {
	f, err := strconv.ParseFloat(text(v), 64)
	return f, err == nil
}

// unknown reports whether only a deployment knows a value.
func unknown(v any) bool { return strings.HasPrefix(text(v), "<") }

func isTrue(v any) bool { return text(v) == "true" }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func below(path []string, keys ...string) []string { return slices.Concat(path, keys) }

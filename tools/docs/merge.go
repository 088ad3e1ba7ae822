package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

type object = map[string]any

// contract is docs/contract.yaml: the document itself, and what of it is compared with the template.
type contract struct {
	document object
	Paths    map[string]map[string]struct {
		Scope      string      `yaml:"x-scope"`
		Parameters []parameter `yaml:"parameters"`
		Responses  object      `yaml:"responses"`
	} `yaml:"paths"`
	Undescribed map[string]string `yaml:"x-undescribed"`
	Components  struct {
		Parameters map[string]parameter `yaml:"parameters"`
	} `yaml:"components"`
}

// parameter is one of an operation, in either file. One with a Ref stands below the contract's components.
type parameter struct {
	Ref      string `yaml:"$ref"`
	Name     string `yaml:"name"`
	In       string `yaml:"in"`
	Required bool   `yaml:"required"`
}

// template is the part of template.yaml that is used.
type template struct {
	Parameters map[string]struct {
		Default yaml.Node `yaml:"Default"`
	} `yaml:"Parameters"`
	Resources struct {
		Api struct { //nolint:revive // its name in the template
			Properties struct {
				MethodSettings []struct {
					HTTPMethod   string    `yaml:"HttpMethod"`
					ResourcePath string    `yaml:"ResourcePath"`
					Rate         yaml.Node `yaml:"ThrottlingRateLimit"`
					Burst        yaml.Node `yaml:"ThrottlingBurstLimit"`
				} `yaml:"MethodSettings"`
				DefinitionBody struct {
					Paths     map[string]map[string]operation `yaml:"paths"`
					Responses map[string]gatewayResponse      `yaml:"x-amazon-apigateway-gateway-responses"`
				} `yaml:"DefinitionBody"`
			} `yaml:"Properties"`
		} `yaml:"Api"`
	} `yaml:"Resources"`
}

// operation is one of the template's.
type operation struct {
	ID          string                `yaml:"operationId"`
	Summary     string                `yaml:"summary"`
	Description string                `yaml:"description"`
	Security    []map[string][]string `yaml:"security"`
	Parameters  []parameter           `yaml:"parameters"`
	Body        object                `yaml:"requestBody"`
	Responses   object                `yaml:"responses"`
	Integration struct {
		TimeoutMillis int `yaml:"timeoutInMillis"`
	} `yaml:"x-amazon-apigateway-integration"`
}

// gatewayResponse is what the gateway answers by itself.
type gatewayResponse struct {
	Status    int               `yaml:"statusCode"`
	Headers   map[string]string `yaml:"responseParameters"`
	Templates map[string]string `yaml:"responseTemplates"`
}

// read reads both files of the project.
func read(project fs.FS) (contract, template, error) {
	var c contract
	var t template
	for file, to := range map[string][]any{contractFile: {&c, &c.document}, templateFile: {&t}} {
		text, err := fs.ReadFile(project, file)
		if err != nil {
			return c, t, fmt.Errorf("read the two halves: %w", err)
		}
		for _, into := range to {
			if err := yaml.Unmarshal(text, into); err != nil {
				return c, t, fmt.Errorf("read %s: %w", file, err)
			}
		}
	}
	return c, t, nil
}

// merge returns the contract with what the template says of its operations. The text is the same for the same files.
func merge(c contract, t template) ([]byte, error) {
	delete(c.document, "x-undescribed") // routes of the template that no reader of the document sees
	api := t.Resources.Api.Properties.DefinitionBody
	for path, methods := range c.document["paths"].(object) {
		for method, described := range methods.(object) {
			o := api.Paths[path][method]
			into := described.(object)
			into["operationId"] = o.ID
			into["summary"] = o.Summary
			into["description"] = o.Description
			into["security"] = o.Security
			into["x-timeout-millis"] = o.Integration.TimeoutMillis
			throttle, err := t.throttle(strings.ToUpper(method), path)
			if err != nil {
				return nil, err
			}
			into["x-throttle"] = throttle
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // for people
	e.SetIndent("", "  ")
	err := e.Encode(c.document)
	return b.Bytes(), err
}

// throttle returns how often an operation may be called, as long as no environment says otherwise.
func (t template) throttle(method, path string) (object, error) {
	out := object{}
	for _, s := range t.Resources.Api.Properties.MethodSettings { // those of one method after those of all
		if s.HTTPMethod != "*" && (s.HTTPMethod != method || s.ResourcePath != path) {
			continue
		}
		for name, node := range map[string]yaml.Node{"perSecond": s.Rate, "burst": s.Burst} {
			if node.IsZero() {
				continue
			}
			text := node.Value
			if node.Tag == "!Ref" {
				text = t.Parameters[node.Value].Default.Value
			}
			n, err := strconv.Atoi(text)
			if err != nil {
				return nil, fmt.Errorf("throttle of %s %s: %w", method, path, err)
			}
			out[name] = n
		}
	}
	return out, nil
}

// differences returns a line for each route, parameter, status or scope by which the two files differ.
func differences(c contract, t template) []string {
	var wrong []string
	add := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	paths := t.Resources.Api.Properties.DefinitionBody.Paths
	for path, methods := range paths {
		for method, o := range methods {
			route := strings.ToUpper(strings.TrimSuffix(strings.TrimPrefix(method, "x-amazon-apigateway-"), "-method")) + " " + path
			described, ok := c.Paths[path][method]
			if c.Undescribed[route] != "" && !ok {
				continue
			}
			if !ok {
				add("%s: the contract does not describe it", route)
				continue
			}
			if want := scope(o); described.Scope != want {
				add("%s: x-scope of the contract is %q, the template's description says %q", route, described.Scope, want)
			}
			if open := len(o.Security) == 0; open != (described.Scope == "") {
				add("%s: the template's security and the contract's x-scope %q differ", route, described.Scope)
			}
			ours := c.parameters(described.Parameters)
			theirs := c.parameters(o.Parameters)
			for _, p := range missing(ours, theirs) {
				add("%s: the template lacks the parameter %s", route, p)
			}
			for _, p := range missing(theirs, ours) {
				add("%s: the contract lacks the parameter %s", route, p)
			}
			for _, s := range missing(slices.Collect(maps.Keys(described.Responses)), slices.Collect(maps.Keys(o.Responses))) {
				add("%s: the template's responses lack %s", route, s)
			}
			for _, s := range missing(slices.Collect(maps.Keys(o.Responses)), slices.Collect(maps.Keys(described.Responses))) {
				add("%s: the contract's responses lack %s", route, s)
			}
			_, body := c.document["paths"].(object)[path].(object)[method].(object)["requestBody"]
			if body != (o.Body != nil) {
				add("%s: one of the two has a request body, the other none", route)
			}
		}
	}
	for path, methods := range c.Paths {
		for method := range methods {
			if _, ok := paths[path][method]; !ok {
				add("%s %s: the template has no such route", strings.ToUpper(method), path)
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

// scope returns the scope that the first words of an operation's description name.
func scope(o operation) string {
	words := strings.Fields(o.Description)
	if len(words) < 2 || words[0] != "Scope" {
		return ""
	}
	return strings.Trim(words[1], ".")
}

// parameters describes the parameters that the gateway knows: a header needs no declaration there.
func (c contract) parameters(all []parameter) []string {
	var out []string
	for _, p := range all {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = c.Components.Parameters[name]
		}
		if p.In != "header" {
			out = append(out, fmt.Sprintf("%s in %s, required: %t", p.Name, p.In, p.Required))
		}
	}
	return out
}

// missing returns what stands in all and not in some.
func missing(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

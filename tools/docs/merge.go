package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

type object = map[string]any

// described is docs/contract.yaml: the document itself, and what of it is compared with the template.
type described struct {
	document object
	Paths    map[string]map[string]struct {
		Scope      string      `yaml:"x-scope"`
		Parameters []parameter `yaml:"parameters"`
		Body       object      `yaml:"requestBody"`
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
		Api struct {
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

// variable is one of the gateway's, in a text that it answers.
var variable = regexp.MustCompile(`\$?context\.[A-Za-z.]+|method\.request\.header\.[A-Za-z-]+`)

// exampleID stands for such variables in examples: a request's id.
const exampleID = "KHn2hG4wDoEFt9A="

// read reads both files of the project, and the cases that the contract takes its examples from.
func read(project fs.FS) (described, template, error) {
	var c described
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
	return c, t, t.examples(project, c.document, "")
}

// merge returns the contract with what the template says of its operations. The text is the same for the same files.
func merge(c described, t template) ([]byte, error) {
	delete(c.document, "x-undescribed") // routes of the template that no reader of the document sees
	api := t.Resources.Api.Properties.DefinitionBody
	for path, methods := range c.document["paths"].(object) {
		for method, operation := range methods.(object) {
			o := api.Paths[path][method]
			into := operation.(object)
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
	encoded := "/" + strings.ReplaceAll(path, "/", "~1")
	for _, of := range [][2]string{{"*", "/*"}, {method, encoded}} { // its own setting comes before that of all
		for _, s := range t.Resources.Api.Properties.MethodSettings {
			if [2]string{s.HTTPMethod, s.ResourcePath} != of {
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
	}
	return out, nil
}

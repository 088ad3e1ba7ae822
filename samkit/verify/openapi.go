package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// checkBodies checks the OpenAPI bodies of each environment's APIs.
func checkBodies(ctx context.Context, bodies map[string]map[string]json.RawMessage) []Mistake {
	var found []Mistake
	for environment, apis := range bodies {
		for api, body := range apis {
			found = append(found, checkBody(ctx, environment, api, body)...)
		}
	}
	return found
}

// checkBody checks the OpenAPI body of one API with the tools that exist in Go.
func checkBody(ctx context.Context, environment, api string, body json.RawMessage) []Mistake {
	var found []Mistake
	add := func(tool string, err error, path ...string) {
		found = append(found, Mistake{
			Path: slices.Concat([]string{"Resources", api, "Properties", "Body"}, path),
			What: err.Error(), Tool: tool, Environment: environment,
		})
	}
	for _, err := range checkOpenAPI(ctx, body) {
		add("kin-openapi", err)
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		add("draft 4", err)
		return found
	}
	for _, path := range models(root) {
		if err := compileModel(root, path); err != nil {
			add("draft 4", err, path...)
		}
	}
	return found
}

func checkOpenAPI(ctx context.Context, body []byte) []error {
	body, err := ungreedy(body)
	if err != nil {
		return []error{err}
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(body) // resolves references
	if err == nil {
		err = doc.Validate(ctx, openapi3.EnableMultiError())
	}
	if err == nil {
		return nil
	}
	var several openapi3.MultiError
	if errors.As(err, &several) {
		return several
	}
	return []error{err}
}

// ungreedy writes paths such as /a/{proxy+} as /a/{proxy}. The plus is AWS's own: OpenAPI takes it for a part of the
// parameter's name.
func ungreedy(body []byte) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, err
	}
	paths, _ := doc["paths"].(map[string]any)
	for path, item := range maps.Clone(paths) {
		if plain := strings.ReplaceAll(path, "+}", "}"); plain != path {
			delete(paths, path)
			paths[plain] = item
		}
	}
	return json.Marshal(doc)
}

// models returns the paths of all schemas that API Gateway makes models of: the named ones, and those of request bodies.
func models(body any) [][]string {
	var paths [][]string
	schemas := at(body, "components", "schemas")
	for _, name := range keys(schemas) {
		paths = append(paths, []string{"components", "schemas", name})
	}
	routes := at(body, "paths")
	for _, route := range keys(routes) {
		for _, method := range keys(at(routes, route)) {
			content := at(routes, route, method, "requestBody", "content")
			for _, media := range keys(content) {
				// One that refers to a named model adds nothing: kin-openapi follows the reference.
				if schema, ok := at(content, media, "schema").(map[string]any); ok && schema["$ref"] == nil {
					paths = append(paths, []string{"paths", route, method, "requestBody", "content", media, "schema"})
				}
			}
		}
	}
	return paths
}

func keys(v any) []string {
	m, _ := v.(map[string]any)
	return slices.Sorted(maps.Keys(m))
}

// compileModel compiles one schema of the body as JSON Schema draft 4, which API Gateway's models are.
func compileModel(body any, path []string) error {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(jsonschema.SchemeURLLoader{}) // a model refers to models of the same body, never to a file
	const url = "template:///body"
	if err := c.AddResource(url, body); err != nil {
		return err
	}
	pointer := ""
	for _, key := range path {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D").Replace(key)
	}
	_, err := c.Compile(url + "#" + pointer)
	var invalid *jsonschema.SchemaValidationError
	var fault *jsonschema.ValidationError
	if errors.As(err, &invalid) && errors.As(invalid.Err, &fault) {
		return errors.New(strings.Join(leaves(fault), "; "))
	}
	return err
}

// leaves returns the actual faults of a schema. Those above them only say that something below is wrong.
func leaves(e *jsonschema.ValidationError) []string {
	if len(e.Causes) == 0 {
		return []string{e.Error()}
	}
	var faults []string
	for _, cause := range e.Causes {
		faults = append(faults, leaves(cause)...)
	}
	return faults
}

func at(v any, keys ...string) any {
	for _, key := range keys {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

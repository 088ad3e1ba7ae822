package apigateway

import (
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pricing/tools/local/samtemplate"
)

// models holds the compiled body models of all methods by media type.
type models struct {
	byMethod map[*samtemplate.Method]map[string]*jsonschema.Schema
}

// compileModels compiles the models as JSON Schema draft 4, which is what API Gateway knows.
func compileModels(api *samtemplate.API) (*models, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	schemas := make(map[string]any, len(api.Schemas))
	for name, schema := range api.Schemas {
		schemas[name] = schema
	}
	root := map[string]any{"components": map[string]any{"schemas": schemas}}
	bodies := map[string]any{}
	root["bodies"] = bodies
	m := &models{byMethod: map[*samtemplate.Method]map[string]*jsonschema.Schema{}}
	pointers := map[*samtemplate.Method]map[string]string{}
	for i := range api.Methods {
		method := &api.Methods[i]
		pointers[method] = map[string]string{}
		for media, text := range method.Bodies {
			schema, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				return nil, fmt.Errorf("%s %s: body model: %w", method.HTTPMethod, method.Path, err)
			}
			name := fmt.Sprintf("%d-%d", i, len(pointers[method]))
			bodies[name] = schema
			pointers[method][media] = "api.json#/bodies/" + name
		}
	}
	if err := compiler.AddResource("api.json", root); err != nil {
		return nil, fmt.Errorf("body models: %w", err)
	}
	for method, byMedia := range pointers {
		m.byMethod[method] = map[string]*jsonschema.Schema{}
		for media, pointer := range byMedia {
			schema, err := compiler.Compile(pointer)
			if err != nil {
				return nil, fmt.Errorf("%s %s: body model: %w", method.HTTPMethod, method.Path, err)
			}
			m.byMethod[method][media] = schema
		}
	}
	return m, nil
}

// checkParameters asks that required parameters are there and not blank; nothing else about them is ever checked.
func (x *exchange) checkParameters() bool {
	missing := map[string]string{}
	for _, p := range x.route.Required {
		where := map[string]string{"header": "header", "path": "path", "query": "querystring"}[p.In]
		if expression := "method.request." + where + "." + p.Name; strings.TrimSpace(x.value(expression)) == "" {
			missing[expression] = p.Name
		}
	}
	if len(missing) == 0 {
		return true
	}
	names := make([]string, 0, len(missing))
	for _, expression := range sortedNames(missing) {
		names = append(names, missing[expression])
	}
	message := "Missing required request parameters: [" + strings.Join(names, ", ") + "]"
	x.refuse("BAD_REQUEST_PARAMETERS", message, message)
	return false
}

// checkBody validates the body against the model of its media type; without one for the type nothing is checked. An
// empty body counts as {}.
func (x *exchange) checkBody() bool {
	media := x.r.Header.Get("Content-Type")
	if parsed, _, err := mime.ParseMediaType(media); err == nil {
		media = parsed
	}
	if media == "" {
		media = "application/json"
	}
	byMedia := x.g.models.byMethod[x.route]
	schema, ok := byMedia[media]
	if !ok {
		schema, ok = byMedia["$default"]
	}
	if !ok {
		return true
	}
	body := string(x.body)
	if strings.TrimSpace(body) == "" {
		body = "{}"
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err == nil {
		err = schema.Validate(document)
	}
	if err == nil {
		return true
	}
	reason := validationText(err)
	x.context["error.validationErrorString"] = reason
	x.refuse("BAD_REQUEST_BODY", "", "the body does not fit its model: "+reason)
	return false
}

// validationText says in one line what a model refused.
func validationText(err error) string {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return "[not JSON]"
	}
	var reasons []string
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			text := e.Error()
			if _, after, ok := strings.Cut(text, "\n"); ok {
				text = after
			}
			reasons = append(reasons, strings.TrimPrefix(strings.TrimSpace(text), "- "))
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(invalid)
	return "[" + strings.ReplaceAll(strings.Join(reasons, ", "), "\n", " ") + "]"
}

package apigateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pricing/samkit/local/samtemplate"
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
		schemas[name] = asImported(schema)
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
			bodies[name] = asImported(schema)
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

// asImported is a schema without the keywords that API Gateway does not keep or check.
func asImported(schema any) any {
	switch s := schema.(type) {
	case map[string]any:
		out := make(map[string]any, len(s))
		for keyword, value := range s {
			switch keyword {
			case "minProperties", "maxProperties": // dropped on import
			case "minItems", "maxItems":
				if arrayLengthsAreChecked {
					out[keyword] = value
				}
			case "enum", "default", "example":
				out[keyword] = value // values, not schemas
			case "properties", "patternProperties", "definitions":
				named, _ := value.(map[string]any)
				of := make(map[string]any, len(named))
				for name, sub := range named {
					of[name] = asImported(sub)
				}
				out[keyword] = of
			default:
				out[keyword] = asImported(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(s))
		for i := range s {
			out[i] = asImported(s[i])
		}
		return out
	}
	return schema
}

// checkParameters checks that required parameters are present and not blank. API Gateway checks nothing else of them.
func (x *exchange) checkParameters() bool {
	if !x.route.CheckParams {
		return true
	}
	missing := map[string]string{}
	for _, p := range x.route.Parameters {
		where := map[string]string{"header": "header", "path": "path", "query": "querystring"}[p.In]
		if expression := "method.request." + where + "." + p.Name; p.Required && strings.TrimSpace(x.value(expression)) == "" {
			missing[expression] = p.Name
		}
	}
	if len(missing) == 0 {
		return true
	}
	names := make([]string, 0, len(missing))
	for _, expression := range slices.Sorted(maps.Keys(missing)) {
		names = append(names, missing[expression])
	}
	message := "Missing required request parameters: [" + strings.Join(names, ", ") + "]"
	return x.refuse("BAD_REQUEST_PARAMETERS", message, message)
}

// checkBody validates the body against the model of its media type. A type without a model is not checked; a method without
// any model takes every JSON. An empty body counts as {}.
func (x *exchange) checkBody() bool {
	if !x.route.CheckBody {
		return true
	}
	media := x.r.Header.Get("Content-Type")
	if !mediaParametersCount {
		media = mediaType(media)
	}
	if media == "" {
		media = "application/json"
	}
	byMedia := x.g.models.byMethod[x.route]
	schema, ok := byMedia[media]
	if !ok {
		schema, ok = byMedia["$default"]
	}
	if !ok && (len(byMedia) > 0 || media != "application/json") {
		return true
	}
	body := string(x.body)
	if strings.TrimSpace(body) == "" {
		body = "{}"
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err == nil && schema != nil {
		err = schema.Validate(document)
	}
	if err == nil {
		return true
	}
	reason := validationText(err)
	x.context["error.validationErrorString"] = reason
	return x.refuse("BAD_REQUEST_BODY", "", "the body does not fit its model: "+reason)
}

// validationText says in one line what does not fit the model.
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

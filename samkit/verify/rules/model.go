package rules

import (
	"regexp"
	"slices"
)

// modelRules are about the JSON schemas, draft 4, that API Gateway makes models of.
func modelRules() []Rule {
	return []Rule{
		{
			Name: "model-name", Doc: "A model's name consists of letters and digits only.",
			Consequence: "the import fails: model name must be alphanumeric",
			Fix:         "rename it, and change the references to it",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					for _, name := range sorted(object(a.body, "components", "schemas")) {
						if !modelName.MatchString(name) {
							report(below(a.root, "components", "schemas", name), "%q is not a valid model name", name)
						}
					}
				}
			},
		},
		{
			Name: "model-keyword", Doc: "A model uses only keywords that the gateway's draft 4 validation knows.",
			Consequence: "the import drops the keyword, so that bodies are not checked as the model says, or fails",
			Fix:         "write it in draft 4 (oneOf with type \"null\" for nullable, an enum of one value for const), or check it in the function",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					a.eachModel(func(at []string, schema map[string]any) {
						eachSchema(at, schema, func(at []string, schema map[string]any) {
							for _, key := range sorted(schema) {
								switch value := schema[key]; {
								case slices.Contains(unknownKeywords, key):
									report(below(at, key), "the keyword %s is not supported", key)
								case key == "format" && slices.Contains(unknownFormats, text(value)):
									report(below(at, key), "the format %s is not supported", text(value))
								case (key == "exclusiveMinimum" || key == "exclusiveMaximum") && !isBool(value):
									report(below(at, key), "%s is a number, as in draft 6", key)
								}
							}
						})
					})
				}
			},
		},
	}
}

var (
	modelName       = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	unknownKeywords = []string{
		// OpenAPI's own
		"nullable", "readOnly", "writeOnly", "default", "discriminator", "example", "deprecated",
		// dropped on import
		"minProperties", "maxProperties",
		// draft 6 and later
		"const", "contains", "propertyNames", "examples", "if", "then", "else", "$id", "$defs", "$anchor", "dependentRequired",
		"dependentSchemas", "prefixItems", "unevaluatedItems", "unevaluatedProperties", "minContains", "maxContains",
		"contentEncoding", "contentMediaType",
	}
	unknownFormats = []string{"int32", "int64", "decimal"}
)

func isBool(v any) bool { return text(v) == "true" || text(v) == "false" }

// eachModel calls f for every schema that the gateway makes a model of: the named ones, and those in a request body or a
// response.
func (a *api) eachModel(f func(at []string, schema map[string]any)) {
	schemas := object(a.body, "components", "schemas")
	for _, name := range sorted(schemas) {
		f(below(a.root, "components", "schemas", name), object(schemas[name]))
	}
	content := func(at []string, of map[string]any) {
		media := object(of["content"])
		for _, name := range sorted(media) {
			f(below(at, "content", name, "schema"), object(media[name], "schema"))
		}
	}
	for _, o := range a.operations {
		content(below(o.at, "requestBody"), object(o.fields["requestBody"]))
		responses := object(o.fields["responses"])
		for _, status := range sorted(responses) {
			content(below(o.at, "responses", status), object(responses[status]))
		}
	}
}

// eachSchema calls f for a schema and every schema within it, but does not follow references. A property's name is not a
// keyword, even when it looks like one.
func eachSchema(at []string, schema map[string]any, f func(at []string, schema map[string]any)) {
	if schema == nil || schema["$ref"] != nil {
		return
	}
	f(at, schema)
	for _, key := range []string{"properties", "patternProperties", "definitions"} {
		named := object(schema[key])
		for _, name := range sorted(named) {
			eachSchema(below(at, key, name), object(named[name]), f)
		}
	}
	for _, key := range []string{"items", "additionalProperties", "additionalItems", "not"} {
		eachSchema(below(at, key), object(schema[key]), f)
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf", "items"} {
		items, _ := schema[key].([]any)
		for i, item := range items {
			eachSchema(below(at, key, text(i)), object(item), f)
		}
	}
}

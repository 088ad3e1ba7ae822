package rules

import (
	"regexp"
	"slices"
	"strings"
)

// bodyRules are about paths, methods, parameters and security in the OpenAPI body, and about how SAM takes it over.
func bodyRules() []Rule {
	return []Rule{
		{
			Name: "unknown-validator", Doc: "Every request validator in use is declared under x-amazon-apigateway-request-validators.",
			Consequence: "the import fails, or nothing is validated: requests without required parameters or with any body reach the function",
			Fix:         "declare it at the root of the body, or use a declared name",
			stack: func(s *Stack, report report) {
				const key = "x-amazon-apigateway-request-validator"
				for _, a := range s.apis {
					declared := object(a.body[key+"s"])
					check := func(fields map[string]any, at []string) {
						if name, ok := fields[key]; ok && declared[text(name)] == nil {
							report(below(at, key), "there is no validator %q", text(name))
						}
					}
					check(a.body, a.root)
					for _, o := range a.operations {
						check(o.fields, o.at)
					}
				}
			},
		},
		{
			Name: "variable-siblings", Doc: "Each level of the paths has at most one variable segment.",
			Consequence: "the import fails: a sibling of this resource already has a variable path part",
			Fix:         "give the parameter the same name everywhere at this level, or put a fixed segment before one of them",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					seen := map[string]string{} // the variable segment below each parent
					for _, path := range sorted(object(a.body["paths"])) {
						segments := strings.Split(path, "/")
						for i, segment := range segments {
							if !variable(segment) {
								continue
							}
							parent := strings.Join(segments[:i], "/")
							if other, ok := seen[parent]; ok && other != segment {
								report(below(a.root, "paths", path), "%s and %s are both variable below %s/", segment, other, parent)
								break
							}
							seen[parent] = segment
						}
					}
				}
			},
		},
		{
			Name: "greedy-child", Doc: "Nothing follows a greedy segment such as {proxy+}.",
			Consequence: "the import fails: a greedy path variable must be the last part of a path",
			Fix:         "end the path with the greedy segment",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					for _, path := range sorted(object(a.body["paths"])) {
						if i := strings.Index(path, "+}"); i >= 0 && i+2 < len(path) {
							report(below(a.root, "paths", path), "%s follows a greedy segment", path[i+2:])
						}
					}
				}
			},
		},
		{
			Name: "path-segment", Doc: "A path segment consists of letters, digits and _-.,: only, or is one whole parameter.",
			Consequence: "the import fails: resource's path part is not valid",
			Fix:         "make the parameter a segment of its own, and leave out other characters",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					for _, path := range sorted(object(a.body["paths"])) {
						for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
							if !segmentForm.MatchString(segment) {
								report(below(a.root, "paths", path), "%q is not a valid path segment", segment)
								break
							}
						}
					}
				}
			},
		},
		{
			Name: "repeated-parameter", Doc: "A parameter's name is unique among the headers, path and query of a method.",
			Consequence: "the import fails, or keeps only one of them",
			Fix:         "rename one of the two",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					places := map[string]string{}
					for _, p := range o.parameters {
						if in, ok := places[p.name]; ok && in != p.in {
							report(o.at, "the parameter %s is in both %s and %s", p.name, in, p.in)
						}
						places[p.name] = p.in
					}
				})
			},
		},
		{
			Name: "parameter-constraint", Doc: "A parameter's schema has only a type: the gateway checks nothing but presence.",
			Consequence: "the gateway drops the constraint and passes on every value, so code that relies on it works on unchecked input",
			Fix:         "check it in the function, and state it in the description",
			stack: func(s *Stack, report report) {
				s.each(func(a *api, o operation) {
					for _, p := range o.parameters {
						for _, key := range sorted(object(a.deref(p.fields["schema"]))) {
							if slices.Contains(constraints, key) {
								report(below(p.at, "schema", key), "the parameter %s has %s", p.name, key)
							}
						}
					}
				})
			},
		},
		{
			Name: "body-on-get", Doc: "GET, HEAD and DELETE have no body model.",
			Consequence: "a missing body is validated as {}, so every ordinary request may be answered with 400",
			Fix:         "remove requestBody and take parameters from the query",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					if o.fields["requestBody"] != nil && slices.Contains([]string{"get", "head", "delete"}, o.method) {
						report(below(o.at, "requestBody"), "%s has a request body", o.name())
					}
				})
			},
		},
		{
			Name: "content-types", Doc: "A body that is validated and has several content types has a model under $default.",
			Consequence: "a body of a type that has no model is not validated at all",
			Fix:         "add a $default model, or accept one content type",
			stack: func(s *Stack, report report) {
				s.each(func(a *api, o operation) {
					content := object(a.deref(o.fields["requestBody"]), "content")
					if a.validatesBody(o) && len(content) > 1 && content["$default"] == nil {
						report(below(o.at, "requestBody", "content"), "%s accepts %s and has no $default model",
							o.name(), strings.Join(sorted(content), " and "))
					}
				})
			},
		},
		{
			Name: "no-security", Doc: "Every operation states its security; [] means that anyone may call it.",
			Consequence: "anyone may call it",
			Fix:         "name the security scheme, or write security: [] where no token is needed",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					given, ok := o.fields["security"]
					if !ok {
						report(below(o.at, "security"), "%s has no security", o.name())
					}
					for i, requirement := range list(given) {
						if len(object(requirement)) == 0 {
							report(below(o.at, "security", text(i)), "%s may be called without a security scheme", o.name())
						}
					}
				})
			},
		},
		{
			Name: "root-security", Doc: "Security is set at each operation, not at the root.",
			Consequence: "the gateway ignores it, and the operations that rely on it are open to anyone",
			Fix:         "move it to each operation",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					if a.body["security"] != nil {
						report(below(a.root, "security"), "security is set at the root of the body")
					}
				}
			},
		},
		{
			Name: "scheme-type", Doc: "A security scheme has the type apiKey, whatever it means.",
			Consequence: "the import ignores the scheme, and the operations that name it are open to anyone",
			Fix:         "write type: apiKey with a name and in: header, and put the authorizer below it",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					a.eachScheme(func(at []string, name string, scheme map[string]any) {
						switch {
						case scheme["type"] != "apiKey":
							report(below(at, "type"), "the scheme %s is of type %s", name, text(scheme["type"]))
						case scheme["in"] != "header" || text(scheme["name"]) == "":
							report(at, "the scheme %s needs in: header and a name", name)
						}
					})
				}
			},
		},
		{
			Name: "scheme-authorizer", Doc: "A security scheme has an authorizer or an authtype, or is the API key x-api-key.",
			Consequence: "nothing checks it, and the operations that name it are open to anyone",
			Fix:         "add x-amazon-apigateway-authtype and x-amazon-apigateway-authorizer, or write name: x-api-key for API keys",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					a.eachScheme(func(at []string, name string, scheme map[string]any) {
						key := strings.EqualFold(text(scheme["name"]), "x-api-key")
						checked := scheme["x-amazon-apigateway-authtype"] != nil || scheme["x-amazon-apigateway-authorizer"] != nil
						if scheme["type"] == "apiKey" && !key && !checked {
							report(at, "the scheme %s has no authorizer", name)
						}
					})
				}
			},
		},
		{
			Name: "identity-source", Doc: "The identitySource of a token authorizer is a header; a request authorizer's may be several values.",
			Consequence: "the import fails with invalid identity source, or every call to a cached authorizer is answered with 401",
			Fix: "write method.request.header.<name>; a request authorizer may list several, " +
				"also of method.request.querystring, context and stageVariables",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					for _, au := range a.authorizers() {
						kind, source := text(au.fields["type"]), au.fields["identitySource"]
						form := identitySource
						if kind == "token" {
							form = tokenSource
						}
						// A token's default is the header that the scheme names; a request needs none without a cache.
						none := source == nil && (kind == "token" || text(au.fields["authorizerResultTtlInSeconds"]) == "0")
						if (kind == "token" || kind == "request") && !none && !form.MatchString(text(source)) {
							report(below(au.at, "identitySource"), "the identity source of a %s authorizer is %q", kind, text(source))
						}
					}
				}
			},
		},
		{
			Name: "authorizer-ttl", Doc: "authorizerResultTtlInSeconds is from 0 to 3600.",
			Consequence: "the import fails",
			Fix:         "write a number from 0, which turns the cache off, to 3600",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					for _, au := range a.authorizers() {
						ttl, ok := au.fields["authorizerResultTtlInSeconds"]
						if seconds, isNumber := number(ttl); ok && !unknown(ttl) && (!isNumber || seconds < 0 || seconds > 3600) {
							report(below(au.at, "authorizerResultTtlInSeconds"), "%s is not from 0 to 3600", text(ttl))
						}
					}
				}
			},
		},
		{
			Name: "body-alias", Doc: "The body names an alias as ${Function.Arn}:alias, never as ${Function.Alias}.",
			Consequence: "cfn-lint rejects it, and the SAM CLI serves no route for it and skips the authorizer",
			Fix:         "write ${Function.Arn}:live, where live is the function's AutoPublishAlias",
			source: func(p *Project, report report) {
				for id, r := range p.sourceResources("AWS::Serverless::Api") {
					walk(object(r["Properties"])["DefinitionBody"], []string{"Resources", id, "Properties", "DefinitionBody"}, func(at []string, v any) {
						if match := aliasAttribute.FindString(text(v)); match != "" {
							report(at, "%s is used in the body", match)
						}
					})
				}
			},
		},
		{
			Name: "body-version", Doc: "The body is an OpenAPI 3.0 document.",
			Consequence: "the import fails, or takes the document for something else: it knows 2.0 and 3.0 only, and these rules read 3.0",
			Fix:         "write openapi: 3.0.1, and only what that version has",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					if version := cmpAny(a.body["openapi"], a.body["swagger"]); !strings.HasPrefix(text(version), "3.0.") {
						report(below(a.root, "openapi"), "the body is OpenAPI %s", text(version))
					}
				}
			},
		},
		{
			Name: "openapi-version", Doc: "An API with a DefinitionBody sets OpenApiVersion.",
			Consequence: "SAM deploys a second stage called Stage, which has no throttles and no logs",
			Fix:         "write OpenApiVersion: 3.0.1",
			source: func(p *Project, report report) {
				p.eachAPI(func(id string, property func(string) any) {
					if property("DefinitionBody") != nil && property("OpenApiVersion") == nil {
						report([]string{"Resources", id, "Properties", "OpenApiVersion"}, "OpenApiVersion is not set")
					}
				})
			},
		},
		{
			Name: "always-deploy", Doc: "AlwaysDeploy is off.",
			Consequence: "every deployment replaces the API's deployment, even if nothing has changed, and no two transforms are the same",
			Fix:         "remove AlwaysDeploy",
			source: func(p *Project, report report) {
				p.eachAPI(func(id string, property func(string) any) {
					if isTrue(property("AlwaysDeploy")) {
						report([]string{"Resources", id, "Properties", "AlwaysDeploy"}, "AlwaysDeploy is on")
					}
				})
			},
		},
		{
			Name: "fail-on-warnings", Doc: "FailOnWarnings is on.",
			Consequence: "the import leaves out of the API what it cannot read, with a warning that nobody sees",
			Fix:         "write FailOnWarnings: true",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					if !isTrue(a.resource().properties["FailOnWarnings"]) {
						report(a.resource().property("FailOnWarnings"), "FailOnWarnings is not on")
					}
				}
			},
		},
		{
			Name: "event-route", Doc: "The path and method of a function's Api event are in the API's body.",
			Consequence: "the function gets a permission for a route that does not exist, and its callers get 403",
			Fix:         "add the method to the body, or correct or remove the event",
			source: func(p *Project, report report) {
				for id, r := range p.sourceResources("AWS::Serverless::Function") {
					events := object(r["Properties"], "Events")
					for _, name := range sorted(events) {
						event := object(events[name])
						properties := object(event["Properties"])
						api := text(object(properties["RestApiId"])["Ref"])
						body := object(p.source, "Resources", api, "Properties", "DefinitionBody")
						if event["Type"] != "Api" || body == nil {
							continue
						}
						at := []string{"Resources", id, "Properties", "Events", name, "Properties"}
						item := object(body, "paths", text(properties["Path"]))
						switch method := strings.ToLower(text(properties["Method"])); {
						case item == nil:
							report(below(at, "Path"), "there is no path %s in %s", text(properties["Path"]), api)
						case item[anyKey] == nil && (item[method] == nil || !slices.Contains(methodKeys, method)):
							report(below(at, "Method"), "%s has no method %s", text(properties["Path"]), method)
						}
					}
				}
			},
		},
	}
}

const oneSource = `(method\.request\.(header|querystring)\.` + fieldName + `|stageVariables\.\w+|context\.[\w.]+)`

var (
	segmentForm    = regexp.MustCompile(`^([\w.,:-]*|\{[\w.,:-]+\+?\})$`)
	tokenSource    = regexp.MustCompile(`^method\.request\.header\.` + fieldName + `$`)
	identitySource = regexp.MustCompile(`^` + oneSource + `(\s*,\s*` + oneSource + `)*$`)
	aliasAttribute = regexp.MustCompile(`\$\{\w+\.Alias\}|^\w+\.Alias$`)
	constraints    = []string{
		"pattern", "enum", "const", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
		"minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "default", "nullable", "oneOf", "anyOf", "allOf", "not",
	}
)

func variable(segment string) bool { return strings.HasPrefix(segment, "{") }

// validatesBody reports whether the operation's validator looks at the body.
func (a *api) validatesBody(o operation) bool {
	name, ok := o.fields["x-amazon-apigateway-request-validator"]
	if !ok {
		name = a.body["x-amazon-apigateway-request-validator"]
	}
	return isTrue(object(a.body, "x-amazon-apigateway-request-validators", text(name))["validateRequestBody"])
}

// sourceResources returns the resources of a type as written, by logical id.
func (p *Project) sourceResources(kind string) map[string]map[string]any {
	found := map[string]map[string]any{}
	for id, v := range object(p.source["Resources"]) {
		if r := object(v); r["Type"] == kind {
			found[id] = r
		}
	}
	return found
}

// eachAPI calls f for every SAM API as written, with its properties or those of Globals.
func (p *Project) eachAPI(f func(id string, property func(string) any)) {
	for id, r := range p.sourceResources("AWS::Serverless::Api") {
		f(id, func(name string) any {
			if v, ok := object(r["Properties"])[name]; ok {
				return v
			}
			return object(p.source, "Globals", "Api")[name]
		})
	}
}

// walk calls f for every scalar below v.
func walk(v any, at []string, f func(at []string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range sorted(v) {
			walk(v[key], below(at, key), f)
		}
	case []any:
		for i, item := range v {
			walk(item, below(at, text(i)), f)
		}
	default:
		f(at, v)
	}
}

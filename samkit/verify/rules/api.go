package rules

import (
	"regexp"
	"slices"
	"strings"
)

// api is the body of one REST API.
type api struct {
	stack      *Stack
	id         string
	body       map[string]any
	root       []string // the body's path
	operations []operation
}

// operation is one method of one path.
type operation struct {
	path, method string // the method in lower case, any for x-amazon-apigateway-any-method
	at           []string
	fields       map[string]any
	integration  map[string]any // nil: none
	kind         string         // the integration's type in lower case
	parameters   []parameter    // of the method and of its path
}

type parameter struct {
	name, in string // in: path, query, header
	at       []string
	fields   map[string]any
}

const integrationKey = "x-amazon-apigateway-integration"

// methodKeys are the keys of a path that are methods.
var methodKeys = []string{"delete", "get", "head", "options", "patch", "post", "put", anyKey}

const anyKey = "x-amazon-apigateway-any-method"

func newAPI(s *Stack, id string, body map[string]any) *api {
	a := &api{stack: s, id: id, body: body, root: []string{"Resources", id, "Properties", "Body"}}
	paths := object(body["paths"])
	for _, path := range sorted(paths) {
		item := object(paths[path])
		shared := a.parameters(below(a.root, "paths", path), item)
		for _, key := range sorted(item) {
			if !slices.Contains(methodKeys, strings.ToLower(key)) {
				continue
			}
			at := below(a.root, "paths", path, key)
			o := operation{path: path, method: strings.ToLower(key), at: at, fields: object(item[key])}
			if key == anyKey {
				o.method = "any"
			}
			if o.integration = object(a.deref(o.fields[integrationKey])); o.integration != nil {
				o.kind = strings.ToLower(text(o.integration["type"]))
			}
			o.parameters = append(a.parameters(at, o.fields), shared...)
			a.operations = append(a.operations, o)
		}
	}
	return a
}

func (a *api) parameters(at []string, of map[string]any) []parameter {
	var all []parameter
	for i, v := range list(of["parameters"]) {
		fields := object(a.deref(v))
		all = append(all, parameter{
			name: text(fields["name"]), in: text(fields["in"]), fields: fields,
			at: below(at, "parameters", text(i)),
		})
	}
	return all
}

// deref follows a reference within the body.
func (a *api) deref(v any) any {
	for range 10 {
		ref, ok := object(v)["$ref"].(string)
		if !ok {
			return v
		}
		v = any(a.body)
		for key := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			v = object(v)[strings.NewReplacer("~1", "/", "~0", "~").Replace(key)]
		}
	}
	return nil
}

// each calls f for every operation of every API.
func (s *Stack) each(f func(*api, operation)) {
	for _, a := range s.apis {
		for _, o := range a.operations {
			f(a, o)
		}
	}
}

// name is the operation as people write it: GET /parcels.
func (o operation) name() string { return strings.ToUpper(o.method) + " " + o.path }

// under is a path below the integration.
func (o operation) under(keys ...string) []string {
	return slices.Concat(o.at, []string{integrationKey}, keys)
}

// lambda reports whether the integration calls a function.
func (o operation) lambda() bool {
	return o.kind == "aws_proxy" || o.kind == "aws" && strings.Contains(text(o.integration["uri"]), ":lambda:path/")
}

// resource is the API's own resource.
func (a *api) resource() resource { return a.stack.resources[a.id] }

// isRef reports whether a value is the API's id.
func (a *api) isRef(v any) bool { return v == "<"+a.id+">" }

// stages are the stages of the API, by resource id.
func (a *api) stages() []resource {
	var stages []resource
	for _, r := range a.stack.of("AWS::ApiGateway::Stage") {
		if a.isRef(r.properties["RestApiId"]) {
			stages = append(stages, r)
		}
	}
	return stages
}

// stageProperty is the path of a stage's property: SAM makes the stage from properties of the API.
func (a *api) stageProperty(stage resource, keys ...string) []string {
	if object(a.stack.project.source, "Resources", stage.id) == nil {
		return a.resource().property(keys...)
	}
	return stage.property(keys...)
}

// authorizer is a security scheme that calls a function.
type authorizer struct {
	name   string
	at     []string
	fields map[string]any // of x-amazon-apigateway-authorizer
}

func (a *api) authorizers() []authorizer {
	var all []authorizer
	a.eachScheme(func(at []string, name string, scheme map[string]any) {
		const key = "x-amazon-apigateway-authorizer"
		if fields := object(scheme, key); fields != nil {
			all = append(all, authorizer{name: name, fields: fields, at: below(at, key)})
		}
	})
	return all
}

// calls reports whether the API calls a function, by a method or as an authorizer.
func (a *api) calls(f resource) bool {
	is := func(uri any) bool {
		id, _, ok := a.stack.called(uri)
		return ok && id == f.id
	}
	return slices.ContainsFunc(a.operations, func(o operation) bool { return is(o.integration["uri"]) }) ||
		slices.ContainsFunc(a.authorizers(), func(au authorizer) bool { return is(au.fields["authorizerUri"]) })
}

// eachScheme visits the security schemes by name.
func (a *api) eachScheme(f func(at []string, name string, scheme map[string]any)) {
	schemes := object(a.body, "components", "securitySchemes")
	for _, name := range sorted(schemes) {
		f(below(a.root, "components", "securitySchemes", name), name, object(schemes[name]))
	}
}

var invocation = regexp.MustCompile(`^arn:[^:]+:apigateway:[^:]+:lambda:path/2015-03-31/functions/(.+)/invocations$`)

// called returns the function that an invocation URI names, even if the URI is not quite valid: lambda-uri reports that.
func (s *Stack) called(uri any) (function, alias string, ok bool) {
	_, rest, found := strings.Cut(text(uri), "/functions/")
	if !found {
		return "", "", false
	}
	target, _, _ := strings.Cut(rest, "/")
	return s.function(target)
}

// function returns the logical id of the stack's function that a reference, name or ARN means, and the version or alias
// that qualifies it.
func (s *Stack) function(v any) (id, alias string, ok bool) {
	name := text(v)
	if rest, found := strings.CutPrefix(name, "arn:"); found {
		if parts := strings.SplitN(rest, ":", 6); len(parts) == 6 {
			name = parts[5]
		}
	}
	name, alias, _ = strings.Cut(name, ":")
	if symbol, found := strings.CutPrefix(name, "<"); found {
		symbol = strings.TrimSuffix(strings.TrimSuffix(symbol, ">"), ".Arn")
		switch r := s.resources[symbol]; r.kind {
		case "AWS::Lambda::Function":
			return symbol, alias, true
		case "AWS::Lambda::Alias":
			id, _, ok = s.function(r.properties["FunctionName"])
			return id, text(r.properties["Name"]), ok
		}
	}
	for _, r := range s.of("AWS::Lambda::Function") {
		if r.properties["FunctionName"] == name {
			return r.id, alias, true
		}
	}
	return "", alias, false
}

// eachWrongURI calls f for every uri that should invoke a function and does not, or that refers to a function that is not in
// the stack.
func (s *Stack) eachWrongURI(f func(at []string, uri any)) {
	check := func(at []string, uri any) {
		match := invocation.FindStringSubmatch(text(uri))
		if _, _, found := s.called(uri); match == nil || !found && unknown(match[1]) {
			f(at, uri)
		}
	}
	for _, a := range s.apis {
		for _, o := range a.operations {
			if o.kind == "aws_proxy" {
				check(o.under("uri"), o.integration["uri"])
			}
		}
		for _, au := range a.authorizers() {
			if au.fields["type"] != "cognito_user_pools" {
				check(below(au.at, "authorizerUri"), au.fields["authorizerUri"])
			}
		}
	}
}

// mayCallUnseen reports whether there is such a uri, or an API whose body cannot be seen. Either may be meant to call a
// function that nothing seems to call.
func (s *Stack) mayCallUnseen() bool {
	found := false
	s.eachWrongURI(func([]string, any) { found = true })
	for _, r := range s.of("AWS::ApiGateway::RestApi") {
		found = found || r.properties["BodyS3Location"] != nil || r.properties["Body"] != nil && object(r.properties["Body"]) == nil
	}
	return found
}

// aliases returns the aliases of a function.
func (s *Stack) aliases(function string) []string {
	var names []string
	for _, r := range s.of("AWS::Lambda::Alias") {
		if id, _, ok := s.function(r.properties["FunctionName"]); ok && id == function {
			names = append(names, text(r.properties["Name"]))
		}
	}
	return names
}

// functions are the stack's functions.
func (s *Stack) functions() []resource { return s.of("AWS::Lambda::Function") }

// authorizerFunctions are the functions that some API uses as authorizers, by logical id.
func (s *Stack) authorizerFunctions() map[string]bool {
	ids := map[string]bool{}
	for _, a := range s.apis {
		for _, au := range a.authorizers() {
			if id, _, ok := s.called(au.fields["authorizerUri"]); ok {
				ids[id] = true
			}
		}
	}
	return ids
}

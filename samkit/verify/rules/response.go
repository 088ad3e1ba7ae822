package rules

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// responseRules are about the gateway's own answers.
func responseRules() []Rule {
	return []Rule{
		{
			Name: "response-type", Doc: "A gateway response is for one of the 21 types there are.",
			Consequence: "the import fails, or the refusals it was meant for keep AWS's own form",
			Mend:        "write one of the names in gateway responses' documentation, such as UNAUTHORIZED or DEFAULT_4XX",
			stack: func(s *Stack, report report) {
				s.eachResponse(func(_ *api, r response) {
					if !slices.Contains(responseTypes, r.name) {
						report(r.at, "there is no response type %s", r.name)
					}
				})
			},
		},
		{
			Name: "too-large-response", Doc: "REQUEST_TOO_LARGE has no gateway response: it cannot be customised.",
			Consequence: "callers get AWS's own 413 although the contract says otherwise",
			Mend:        "drop it, and answer 413 from the function by a lower limit",
			stack: func(s *Stack, report report) {
				s.eachResponse(func(_ *api, r response) {
					if r.name == "REQUEST_TOO_LARGE" {
						report(r.at, "REQUEST_TOO_LARGE is customised")
					}
				})
			},
		},
		{
			Name: "failure-status", Doc: "A customised INTEGRATION_FAILURE has a statusCode.",
			Consequence: "function errors and Lambda throttling, else 502 and 500, answer 504",
			Mend:        "write a statusCode; 503 with Retry-After fits",
			stack: func(s *Stack, report report) {
				s.eachResponse(func(_ *api, r response) {
					if r.name == "INTEGRATION_FAILURE" && r.fields["statusCode"] == nil {
						report(below(r.at, "statusCode"), "INTEGRATION_FAILURE has no statusCode")
					}
				})
			},
		},
		{
			Name: "default-status", Doc: "DEFAULT_4XX and DEFAULT_5XX have no statusCode.",
			Consequence: "every type of the class that is not set itself answers with this status",
			Mend:        "drop statusCode and set the types that need one",
			stack: func(s *Stack, report report) {
				s.eachResponse(func(_ *api, r response) {
					if strings.HasPrefix(r.name, "DEFAULT_") && r.fields["statusCode"] != nil {
						report(below(r.at, "statusCode"), "%s has a statusCode", r.name)
					}
				})
			},
		},
		{
			Name: "token-echo", Doc: "DEFAULT_4XX does not print the error's message.",
			Consequence: "a wrong path with a bearer token is answered with that token in the body, and logs and caches keep it",
			Mend:        "write a fixed text",
			stack: func(s *Stack, report report) {
				s.eachResponse(func(_ *api, r response) {
					if r.name != "DEFAULT_4XX" {
						return
					}
					for _, media := range sorted(r.templates) {
						if strings.Contains(text(r.templates[media]), "$context.error.message") {
							report(below(r.at, "responseTemplates", media), "DEFAULT_4XX prints the error's message")
						}
					}
					for _, header := range sorted(r.headers) {
						if strings.HasPrefix(text(r.headers[header]), "context.error.message") {
							report(below(r.at, "responseParameters", header), "DEFAULT_4XX prints the error's message")
						}
					}
				})
			},
		},
		{
			Name: "response-variable", Doc: "A gateway response's template has no variable that the gateway does not replace.",
			Consequence: "callers read the variable's name: the templates are not VTL, and an unknown name stays as text",
			Mend:        "use $context, $stageVariables or method.request variables that exist",
			stack: func(s *Stack, report report) {
				s.eachResponse(func(_ *api, r response) {
					for _, media := range sorted(r.templates) {
						for _, match := range dollar.FindAllString(text(r.templates[media]), -1) {
							name, isContext := strings.CutPrefix(match, "$context.")
							if !isContext && !strings.HasPrefix(match, "$stageVariables.") || isContext && !contextVariable(name) {
								report(below(r.at, "responseTemplates", media), "%s is not replaced", match)
							}
						}
					}
				})
			},
		},
		{
			Name: "response-json", Doc: "A gateway response's JSON template stays JSON whatever its variables hold.",
			Consequence: "a quotation mark in a message or a client's value breaks the answer's JSON",
			Mend:        "use $context.error.messageString without quotation marks around it, keep client text out, put other variables in quotation marks",
			stack: func(s *Stack, report report) {
				s.eachResponse(func(_ *api, r response) {
					for _, media := range sorted(r.templates) {
						if !strings.HasSuffix(media, "json") {
							continue
						}
						template := text(r.templates[media])
						if !json.Valid([]byte(variables.ReplaceAllStringFunc(template, worst))) {
							report(below(r.at, "responseTemplates", media), "%s", brokenBy(template))
						}
					}
				})
			},
		},
	}
}

// response is one customised gateway response.
type response struct {
	name               string
	at                 []string
	fields             map[string]any
	headers, templates map[string]any
}

func (s *Stack) eachResponse(f func(*api, response)) {
	for _, a := range s.apis {
		const key = "x-amazon-apigateway-gateway-responses"
		responses := object(a.body[key])
		for _, name := range sorted(responses) {
			fields := object(responses[name])
			f(a, response{
				name: name, at: below(a.root, key, name), fields: fields,
				headers: object(fields["responseParameters"]), templates: object(fields["responseTemplates"]),
			})
		}
	}
}

var responseTypes = []string{
	"BAD_REQUEST_PARAMETERS", "BAD_REQUEST_BODY", "UNAUTHORIZED", "ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "INVALID_API_KEY",
	"WAF_FILTERED", "EXPIRED_TOKEN", "INVALID_SIGNATURE", "RESOURCE_NOT_FOUND", "REQUEST_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE",
	"THROTTLED", "QUOTA_EXCEEDED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE",
	"INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "DEFAULT_4XX", "DEFAULT_5XX",
}

var (
	dollar    = regexp.MustCompile(`\$\{?[A-Za-z]\w*(\.\w+)*`)
	variables = regexp.MustCompile(`\$context(\.[\w-]+)+|\$stageVariables\.\w+|method\.request\.(querystring|path|header)\.[\w-]+`)
)

// worst is the worst that a variable may hold in a JSON text.
func worst(variable string) string {
	name, ok := strings.CutPrefix(variable, "$context.")
	switch {
	case name == "error.messageString":
		return `"x"` // quoted by the gateway
	case name == "requestTimeEpoch":
		return "0"
	case !ok && !strings.HasPrefix(variable, "$stageVariables."), // a client's
		slices.Contains([]string{"error.message", "error.validationErrorString", "path", "identity.userAgent", "integrationErrorMessage", "integration.error"}, name),
		strings.HasPrefix(name, "authorizer.") && !slices.Contains([]string{"authorizer.latency", "authorizer.status", "authorizer.integrationLatency", "authorizer.integrationStatus"}, name),
		strings.HasPrefix(name, "requestOverride."):
		return `x"y`
	}
	return "x-1" // no number, no quotation mark
}

// brokenBy names the first variable that alone breaks a template.
func brokenBy(template string) string {
	for _, name := range variables.FindAllString(template, -1) {
		alone := variables.ReplaceAllStringFunc(template, func(v string) string {
			if v == name {
				return worst(v)
			}
			return "0" // fits both within and without quotation marks
		})
		if !json.Valid([]byte(alone)) {
			return name + " breaks the JSON"
		}
	}
	return "the template is no JSON"
}

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
			Name: "response-type", Doc: "A gateway response is for one of the 21 existing types.",
			Consequence: "the import fails, or the refusals that were meant keep AWS's own form",
			Fix:         "write one of the names from the documentation of gateway responses, such as UNAUTHORIZED or DEFAULT_4XX",
			stack: func(s *Stack, report report) {
				s.eachResponse(func(_ *api, r response) {
					if !slices.Contains(responseTypes, r.name) {
						report(r.at, "there is no response type %s", r.name)
					}
				})
			},
		},
		{
			Name: "too-large-response", Doc: "There is no gateway response for REQUEST_TOO_LARGE: it cannot be customised.",
			Consequence: "callers get AWS's own 413 although the contract says otherwise",
			Fix:         "remove it, and let the function answer 413 at a lower limit",
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
			Consequence: "function errors and throttling by Lambda, otherwise 502 and 500, are answered with 504",
			Fix:         "write a statusCode, such as 503 with Retry-After",
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
			Consequence: "every type of this class that has no response of its own is answered with this status",
			Fix:         "remove statusCode, and set it for the types that need one",
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
			Consequence: "a request for a wrong path with a bearer token gets that token back in the body, where logs and caches keep it",
			Fix:         "write a fixed text",
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
				})
			},
		},
		{
			Name: "response-variable", Doc: "A gateway response's template has only variables that the gateway replaces.",
			Consequence: "callers see the variable's name: the templates are not VTL, and an unknown name stays as it is",
			Fix:         "use $context, $stageVariables or method.request variables that exist",
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
			Name: "response-json", Doc: "A gateway response's JSON template is valid JSON whatever its variables hold.",
			Consequence: "a quotation mark in a message breaks the answer's JSON",
			Fix:         "use $context.error.messageString without quotation marks around it, and put other variables in quotation marks",
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

// freeText are the variables that may hold any text, though no caller chooses it: client-text is about that.
var freeText = []string{"error.message", "integrationErrorMessage", "integration.error"}

// authorizerNumbers are the variables of authorizers that hold no text of a function.
var authorizerNumbers = []string{
	"authorizer.latency", "authorizer.status", "authorizer.integrationLatency", "authorizer.integrationStatus",
}

// worst is the value of a variable that is hardest on a JSON text.
func worst(variable string) string {
	name := strings.TrimPrefix(variable, "$context.")
	switch {
	case name == "error.messageString":
		return `"x"` // quoted by the gateway
	case name == "requestTimeEpoch":
		return "0"
	case slices.Contains(freeText, name), strings.HasPrefix(name, "authorizer.") && !slices.Contains(authorizerNumbers, name):
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
	return "the template is not JSON"
}

package rules

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// mostMillis is how long the gateway waits for an integration at most, which is also the default.
const mostMillis = 29_000

// integrationRules are about what a method calls, and how requests are mapped to it.
func integrationRules() []Rule {
	return []Rule{
		{
			Name: "no-integration", Doc: "Every method has an integration.",
			Consequence: "the deployment fails: no integration defined for method",
			Fix:         "add x-amazon-apigateway-integration",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					if o.integration == nil {
						report(o.at, "%s has no integration", o.name())
					}
				})
			},
		},
		{
			Name: "integration-type", Doc: "An integration's type is aws_proxy, http_proxy, aws, http or mock.",
			Consequence: "the import fails: invalid integration type",
			Fix:         "write aws_proxy, http_proxy, aws, http or mock",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					if o.integration != nil && !slices.Contains([]string{"aws_proxy", "http_proxy", "aws", "http", "mock"}, o.kind) {
						report(o.under("type"), "%q is not an integration type", text(o.integration["type"]))
					}
				})
			},
		},
		{
			Name: "integration-post", Doc: "A Lambda integration calls with httpMethod POST, whatever its own method is.",
			Consequence: "every call is answered with 500",
			Fix:         "write httpMethod: POST",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					if method := o.integration["httpMethod"]; o.kind == "aws_proxy" && method != "POST" {
						report(o.under("httpMethod"), "%s calls its function with httpMethod %q", o.name(), text(method))
					}
				})
			},
		},
		{
			Name: "lambda-uri", Doc: "An aws_proxy integration's uri invokes a function of this stack or a function named by its full ARN.",
			Consequence: "the import fails, or every call is answered with 500",
			Fix:         "write arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}:live/invocations",
			stack: func(s *Stack, report report) {
				s.eachWrongURI(func(at []string, uri any) { report(at, "%s invokes no function", text(uri)) })
			},
		},
		{
			Name: "integration-alias", Doc: "The API calls a function through an alias that the function has.",
			Consequence: "without an alias a deployment reaches all callers at once and cannot be rolled back, " +
				"and with one that does not exist every call is answered with 500",
			Fix: "set AutoPublishAlias: live at the function, and write ${Function.Arn}:live in the uri",
			stack: func(s *Stack, report report) {
				check := func(at []string, uri any) {
					id, alias, ok := s.called(uri)
					if ok && !slices.Contains(s.aliases(id), alias) {
						report(at, "%s is called by %s, but its aliases are [%s]", id, cmp.Or(alias, "no alias"), strings.Join(s.aliases(id), " "))
					}
				}
				for _, a := range s.apis {
					for _, o := range a.operations {
						if o.lambda() {
							check(o.under("uri"), o.integration["uri"])
						}
					}
					for _, au := range a.authorizers() {
						check(below(au.at, "authorizerUri"), au.fields["authorizerUri"])
					}
				}
			},
		},
		{
			Name: "timeout-range", Doc: "timeoutInMillis is from 50 to 29000.",
			Consequence: "the import fails: timeout should be between 50 ms and 29000 ms",
			Fix:         "write a number from 50 to 29000",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					value, ok := o.integration["timeoutInMillis"]
					if millis, isNumber := number(value); ok && !unknown(value) && (!isNumber || millis < 50 || millis > mostMillis) {
						report(o.under("timeoutInMillis"), "%s is not from 50 to %d", text(value), mostMillis)
					}
				})
			},
		},
		{
			Name: "timeout-margin", Doc: "A Lambda integration's timeout is below the gateway's limit of 29 s.",
			Consequence: "the gateway gives up at its limit: the caller gets 504 while the function is still at work",
			Fix:         "write a timeoutInMillis that is below 29000 and above the function's Timeout",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					millis, ok := number(o.integration["timeoutInMillis"])
					if o.lambda() && (!ok && o.integration["timeoutInMillis"] == nil || millis == mostMillis) {
						report(o.under("timeoutInMillis"), "%s waits for the full %d ms", o.name(), mostMillis)
					}
				})
			},
		},
		{
			Name: "function-timeout", Doc: "A function's Timeout is below its integration's timeout.",
			Consequence: "the caller gets 504 and repeats the request while the function is still working on the first one",
			Fix:         "lower the function's Timeout, or raise timeoutInMillis",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					id, _, ok := s.called(o.integration["uri"])
					limit, set := number(o.integration["timeoutInMillis"])
					if !ok || !o.lambda() || !set {
						return
					}
					seconds, isNumber := number(s.resources[id].properties["Timeout"])
					if !isNumber {
						seconds = 3 // Lambda's default
					}
					if seconds*1000 >= limit {
						report(o.under("timeoutInMillis"), "%s may take %s ms, but the gateway waits only %s ms", id, text(seconds*1000), text(limit))
					}
				})
			},
		},
		{
			Name: "bad-mapping", Doc: "A mapping goes from an expression that the gateway knows to a place that it knows.",
			Consequence: "the import fails: invalid mapping expression specified",
			Fix: "write method.request.<header|querystring|path>.<name>, context.<name>, stageVariables.<name> " +
				"or a 'static value' in single quotes",
			stack: func(s *Stack, report report) {
				s.each(func(a *api, o operation) {
					check := func(at []string, mappings map[string]any, to, from *regexp.Regexp) {
						for _, target := range sorted(mappings) {
							value := text(mappings[target])
							switch {
							case !to.MatchString(target):
								report(below(at, target), "nothing can be mapped to %s", target)
							case !from.MatchString(value) || !knownContext(value):
								report(below(at, target), "%s is not a mapping expression", value)
							}
						}
					}
					check(o.under("requestParameters"), object(o.integration["requestParameters"]), requestTarget, requestSource)
					responses := object(o.integration["responses"])
					for _, pattern := range sorted(responses) {
						at := o.under("responses", pattern, "responseParameters")
						check(at, object(responses[pattern], "responseParameters"), responseTarget, responseSource)
					}
				})
				s.eachResponse(func(_ *api, r response) {
					for _, target := range sorted(r.headers) {
						value := text(r.headers[target])
						switch {
						case !refusalTarget.MatchString(target):
							report(below(r.at, "responseParameters", target), "nothing can be mapped to %s", target)
						case !refusalSource.MatchString(value) || !knownContext(value):
							report(below(r.at, "responseParameters", target), "%s is not a mapping expression", value)
						}
					}
				})
			},
		},
		{
			Name: "undeclared-mapping", Doc: "Every parameter that is mapped is declared by its method.",
			Consequence: "the import fails: invalid mapping expression parameter specified",
			Fix:         "declare the parameter at the operation",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					mappings := object(o.integration["requestParameters"])
					for _, target := range sorted(mappings) {
						match := mappedParameter.FindStringSubmatch(text(mappings[target]))
						if match == nil {
							continue
						}
						in := map[string]string{"querystring": "query"}[match[1]]
						in = cmp.Or(in, match[1])
						if !slices.ContainsFunc(o.parameters, func(p parameter) bool { return p.in == in && p.name == match[2] }) {
							report(o.under("requestParameters", target), "%s does not declare the %s parameter %s", o.name(), in, match[2])
						}
					}
				})
			},
		},
		{
			Name: "forbidden-header", Doc: "No mapping sets a header that the gateway keeps to itself.",
			Consequence: "every call is answered with 500",
			Fix:         "remove the mapping",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					for _, target := range sorted(object(o.integration["requestParameters"])) {
						header, ok := strings.CutPrefix(strings.ToLower(target), "integration.request.header.")
						if ok && (slices.Contains(keptHeaders, header) || o.lambda() && slices.Contains(keptForLambda, header)) {
							report(o.under("requestParameters", target), "%s must not be mapped", strings.TrimPrefix(target, "integration.request.header."))
						}
					}
				})
			},
		},
		{
			Name: "http-uri", Doc: "An HTTP integration's uri is a full http or https URL.",
			Consequence: "the import fails: invalid HTTP endpoint specified for URI",
			Fix:         "write a URL with a host; if a parameter holds it, give the parameter a value in every environment",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					if uri := text(o.integration["uri"]); o.http() && !httpURL.MatchString(uri) {
						report(o.under("uri"), "%q is not a URL", uri)
					}
				})
			},
		},
		{
			Name: "http-method", Doc: "An HTTP integration states the httpMethod that it calls with.",
			Consequence: "the import fails: enumeration value for HttpMethod must be non-empty",
			Fix:         "write an httpMethod; ANY is the caller's own",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					method := text(o.integration["httpMethod"])
					if o.http() && !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"}, method) {
						report(o.under("httpMethod"), "%q is not an HTTP method", method)
					}
				})
			},
		},
		{
			Name: "uri-parameter", Doc: "Every {name} in an HTTP integration's uri gets its value from a mapping to integration.request.path.name.",
			Consequence: "the backend is called with the text {name} in the uri",
			Fix:         "map integration.request.path.name from method.request.path",
			stack: func(s *Stack, report report) {
				s.each(func(_ *api, o operation) {
					if !o.http() {
						return
					}
					mappings := object(o.integration["requestParameters"])
					for _, match := range uriParameter.FindAllStringSubmatch(text(o.integration["uri"]), -1) {
						if name := match[1]; mappings["integration.request.path."+name] == nil {
							report(o.under("uri"), "nothing is mapped to {%s}", name)
						}
					}
				})
			},
		},
	}
}

const (
	fieldName  = `[!#$%&'*+.^_|~0-9A-Za-z-]+`
	jsonPath   = `body(\..+|\[.+)?`
	everywhere = `'.*'|context\.[\w.-]+|stageVariables\.\w+`
	inRequest  = `((path|(multivalue)?(header|querystring))\.` + fieldName + `|` + jsonPath + `)`
	inResponse = `((multivalue)?header\.` + fieldName + `|` + jsonPath + `)`
)

var (
	requestTarget   = regexp.MustCompile(`^integration\.request\.(header|querystring|path)\.` + fieldName + `$`)
	requestSource   = regexp.MustCompile(`^(method\.request\.` + inRequest + `|` + everywhere + `)$`)
	responseTarget  = regexp.MustCompile(`^method\.response\.header\.` + fieldName + `$`)
	responseSource  = regexp.MustCompile(`^(integration\.response\.` + inResponse + `|` + everywhere + `)$`)
	refusalTarget   = regexp.MustCompile(`^gatewayresponse\.header\.` + fieldName + `$`)
	refusalSource   = regexp.MustCompile(`^(method\.request\.(header|querystring|path)\.` + fieldName + `|` + everywhere + `)$`)
	mappedParameter = regexp.MustCompile(`^method\.request\.(?:multivalue)?(header|querystring|path)\.(.+)$`)
	uriParameter    = regexp.MustCompile(`(?:^|[^$])\{([^}]+)\}`)
	// A host that only a deployment knows stands in angle brackets, a stage variable in ${}.
	httpURL = regexp.MustCompile(`^(<[^>]+>|\$\{stageVariables\.|https?://([\w<$\[]))`)

	keptHeaders   = []string{"content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"}
	keptForLambda = []string{"authorization", "connection", "expect", "proxy-authenticate", "te"}
)

func (o operation) http() bool { return o.kind == "http_proxy" || o.kind == "http" }

// knownContext reports whether a mapping from the context names a variable that exists. It is true for other mappings.
func knownContext(mapping string) bool {
	name, ok := strings.CutPrefix(mapping, "context.")
	return !ok || contextVariable(name)
}

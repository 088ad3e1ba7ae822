package rules

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// stageRules are about stages, their logs and settings, domain names and usage plans.
func stageRules() []Rule {
	return []Rule{
		{
			Name: "access-log", Doc: "Every stage has an access log.",
			Consequence: "requests that the gateway refuses, which no function sees, leave no trace",
			Fix:         "add an AccessLogSetting with a log group and a format",
			stack: func(s *Stack, report report) {
				s.eachStage(func(a *api, stage resource) {
					if text(object(stage.properties, "AccessLogSetting")["Format"]) == "" {
						report(a.stageProperty(stage, "AccessLogSetting"), "the stage has no access log")
					}
				})
			},
		},
		{
			Name: "execution-log", Doc: "The log group of a stage that logs its execution is in the stack.",
			Consequence: "the gateway makes the log group itself, and keeps and bills everything in it for ever",
			Fix: "add an AWS::Logs::LogGroup with RetentionInDays, named API-Gateway-Execution-Logs_, the API's id, / and the stage's name; " +
				"the gateway takes no other name",
			stack: func(s *Stack, report report) {
				s.eachSetting(func(a *api, stage resource, at []string, setting map[string]any) {
					name := "API-Gateway-Execution-Logs_<" + a.id + ">/" + text(stage.properties["StageName"])
					level := text(setting["LoggingLevel"])
					made := slices.ContainsFunc(s.of("AWS::Logs::LogGroup"), func(r resource) bool { return r.properties["LogGroupName"] == name })
					if level != "" && level != "OFF" && !made {
						report(below(at, "LoggingLevel"), "the log group %s is not in this stack", name)
					}
				})
			},
		},
		{
			Name: "stage-name", Doc: "A stage's name consists of letters, digits, _ and - only.",
			Consequence: "the deployment fails: stage name only allows a-zA-Z0-9-_",
			Fix:         "leave out other characters",
			stack: func(s *Stack, report report) {
				s.eachStage(func(a *api, stage resource) {
					if name := text(stage.properties["StageName"]); !unknown(name) && !stageName.MatchString(name) {
						report(a.stageProperty(stage, "StageName"), "%q is not a valid stage name", name)
					}
				})
			},
		},
		{
			Name: "log-context", Doc: "The access log's format uses $context variables that exist, and nothing else.",
			Consequence: "the field is - in every line",
			Fix:         "correct the name",
			stack: func(s *Stack, report report) {
				s.eachFormat(func(at []string, format string) {
					for _, match := range dollar.FindAllString(format, -1) {
						if name, ok := strings.CutPrefix(match, "$context."); !ok || !contextVariable(name) {
							report(at, "there is no variable %s", match)
						}
					}
				})
			},
		},
		{
			Name: "log-request-id", Doc: "The access log's format has $context.requestId or $context.extendedRequestId.",
			Consequence: "the deployment fails: the gateway demands one of them, and without it no line can be found by the id that the caller has",
			Fix:         "add $context.extendedRequestId, which is unique and which no caller chooses",
			stack: func(s *Stack, report report) {
				s.eachFormat(func(at []string, format string) {
					if !requestID.MatchString(format) {
						report(at, "the format has no request id")
					}
				})
			},
		},
		{
			Name: "log-token", Doc: "The access log's format leaves the Authorization header out.",
			Consequence: "whoever reads the log gets the callers' tokens",
			Fix:         "remove it; $context.authorizer.principalId says who called",
			stack: func(s *Stack, report report) {
				s.eachFormat(func(at []string, format string) {
					if match := authorizationHeader.FindString(format); match != "" {
						report(at, "the format prints %s", match)
					}
				})
			},
		},
		{
			Name: "method-settings-encoding", Doc: "MethodSettings writes a path as /~1one~1{two}: every slash after the first is ~1.",
			Consequence: "the deployment fails: invalid method setting path",
			Fix:         "write /~1 for the path's first slash and ~1 for each further one; /* means all paths, / the root",
			stack: func(s *Stack, report report) {
				s.eachSetting(func(_ *api, _ resource, at []string, setting map[string]any) {
					if path := text(setting["ResourcePath"]); !settingForm.MatchString(path) {
						report(below(at, "ResourcePath"), "%q is not an encoded path", path)
					}
				})
			},
		},
		{
			Name: "method-settings-path", Doc: "MethodSettings is for a path and a method that the body has.",
			Consequence: "the deployment fails, or the throttle or log level applies to nothing",
			Fix:         "name a path and a method of the body",
			stack: func(s *Stack, report report) {
				s.eachSetting(func(a *api, _ resource, at []string, setting map[string]any) {
					path, method := text(setting["ResourcePath"]), text(setting["HttpMethod"])
					if path == "/*" || !settingForm.MatchString(path) {
						return
					}
					route := strings.ReplaceAll(strings.TrimPrefix(path, "/"), "~1", "/")
					route = "/" + strings.TrimPrefix(route, "/")
					methods := a.methods(route)
					switch {
					case methods == nil:
						report(below(at, "ResourcePath"), "there is no path %s", route)
					case method != "*" && !slices.Contains(methods, strings.ToLower(method)) && !slices.Contains(methods, "any"):
						report(below(at, "HttpMethod"), "%s has no method %s", route, method)
					}
				})
			},
		},
		{
			Name: "domain-tls", Doc: "A domain name says which TLS it takes, and takes none before 1.2.",
			Consequence: "clients may use TLS 1.0, which can be broken",
			Fix:         "write SecurityPolicy: TLS_1_2, or one of the newer policies",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::ApiGateway::DomainName") {
					if policy := text(r.properties["SecurityPolicy"]); policy == "" || policy == "TLS_1_0" {
						report(r.property("SecurityPolicy"), "the SecurityPolicy of %s is %q", r.id, policy)
					}
				}
			},
		},
		{
			Name: "domain-endpoint", Doc: "An API that has a domain name answers nowhere else (disableExecuteApiEndpoint).",
			Consequence: "clients hold on to the gateway's own address, which is another one when the stack is made anew",
			Fix: "write DisableExecuteApiEndpoint: true, or in the body servers: [{url: /, " + endpointKey +
				": {disableExecuteApiEndpoint: true}}]",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::ApiGateway::BasePathMapping") {
					for _, a := range s.apis {
						closed := false
						for _, server := range list(a.body["servers"]) {
							closed = closed || isTrue(object(server, endpointKey)["disableExecuteApiEndpoint"])
						}
						if a.isRef(r.properties["RestApiId"]) && !closed {
							report(below(a.root, "servers"), "%s has a domain name and answers at its own address too", a.id)
						}
					}
				}
			},
		},
		{
			Name: "plan-order", Doc: "Usage plans and API keys of a stage are created after the stage.",
			Consequence: "the deployment fails now and then, because the stage does not exist yet",
			Fix:         "add DependsOn with the stage's logical id, which is ApiStage if StageName is an intrinsic function",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::ApiKey") {
					key, in := "ApiStages", "Stage"
					if r.kind == "AWS::ApiGateway::ApiKey" {
						key, in = "StageKeys", "StageName"
					}
					for i, v := range list(r.properties[key]) {
						use := object(v)
						for _, a := range s.apis {
							for _, stage := range a.stages() {
								after := slices.Contains(list(r.whole["DependsOn"]), any(stage.id)) || use[in] == "<"+stage.id+">"
								if a.isRef(cmpAny(use["ApiId"], use["RestApiId"])) && !after {
									report(r.property(key, text(i)), "%s does not depend on %s", r.id, stage.id)
								}
							}
						}
					}
				}
			},
		},
		{
			Name: "quota-period", Doc: "A usage plan's quota is per DAY, WEEK or MONTH.",
			Consequence: "the deployment fails",
			Fix:         "write DAY, WEEK or MONTH",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::ApiGateway::UsagePlan") {
					quota := object(r.properties, "Quota")
					if period := text(quota["Period"]); quota != nil && !slices.Contains([]string{"DAY", "WEEK", "MONTH"}, period) {
						report(r.property("Quota", "Period"), "the period is %q", period)
					}
				}
			},
		},
		{
			Name: "plan-method", Doc: "A usage plan's throttle is for a path and a method that the body has.",
			Consequence: "the deployment fails: invalid method path",
			Fix:         "write it as /path/METHOD, as in the body",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::ApiGateway::UsagePlan") {
					for i, v := range list(r.properties["ApiStages"]) {
						throttles := object(v, "Throttle")
						for _, key := range sorted(throttles) {
							cut := max(strings.LastIndex(key, "/"), 0)
							for _, a := range s.apis {
								methods := a.methods(cmp.Or(key[:cut], "/"))
								if a.isRef(object(v)["ApiId"]) && !slices.Contains(methods, strings.ToLower(key[cut+1:])) && !slices.Contains(methods, "any") {
									report(r.property("ApiStages", text(i), "Throttle", key), "there is no method %s", key)
								}
							}
						}
					}
				}
			},
		},
	}
}

const endpointKey = "x-amazon-apigateway-endpoint-configuration"

var (
	requestID           = regexp.MustCompile(`\$context\.(requestId|extendedRequestId)\b`)
	authorizationHeader = regexp.MustCompile(`(?i)[\w$.]*header[^\s$"]*authorization`)
	stageName           = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	settingForm         = regexp.MustCompile(`^(/|/\*|/~1[^/]*)$`)
)

func (s *Stack) eachStage(f func(*api, resource)) {
	for _, a := range s.apis {
		for _, stage := range a.stages() {
			f(a, stage)
		}
	}
}

func (s *Stack) eachFormat(f func(at []string, format string)) {
	s.eachStage(func(a *api, stage resource) {
		if format := text(object(stage.properties, "AccessLogSetting")["Format"]); format != "" {
			f(a.stageProperty(stage, "AccessLogSetting", "Format"), format)
		}
	})
}

func (s *Stack) eachSetting(f func(a *api, stage resource, at []string, setting map[string]any)) {
	s.eachStage(func(a *api, stage resource) {
		for i, v := range list(stage.properties["MethodSettings"]) {
			f(a, stage, a.stageProperty(stage, "MethodSettings", text(i)), object(v))
		}
	})
}

// methods are the methods of a path in lower case, or nil if there is no such path.
func (a *api) methods(path string) []string {
	var methods []string
	for _, o := range a.operations {
		if o.path == path {
			methods = append(methods, o.method)
		}
	}
	return methods
}

// contextVariable reports whether the gateway has a variable $context.NAME for logs, mappings and answers.
func contextVariable(name string) bool {
	return contextName.MatchString(name)
}

// contextName matches the developer guide's list for REST APIs. Functions and callers name what is below authorizer and
// the overrides.
var contextName = regexp.MustCompile(`^(` + strings.Join([]string{
	`accountId|apiId|awsEndpointRequestId2?|cipherSuite|deploymentId|domainName|domainPrefix|endpointType|extendedRequestId`,
	`httpMethod|integrationErrorMessage|integrationLatency|integrationStatus|isCanaryRequest|path|protocol`,
	`requestId|requestTime|requestTimeEpoch|resourceId|resourcePath|responseLatency|responseLength|stage|status|tlsVersion`,
	`wafResponseCode|webaclArn|xrayTraceId`,
	`(authenticate|authorize|waf)\.(error|latency|status)`,
	`authorizer\.(claims\.)?[\w-]+`,
	`customDomain\.(basePathMatched|routingRuleIdMatched)`,
	`error\.(message|messageString|responseType|validationErrorString)`,
	`identity\.(accountId|apiKey|apiKeyId|caller)`,
	`identity\.(cognitoAuthenticationProvider|cognitoAuthenticationType|cognitoIdentityId|cognitoIdentityPoolId)`,
	`identity\.(principalOrgId|sourceIp|user|userAgent|userArn|vpcId|vpceId)`,
	`identity\.clientCert\.(clientCertPem|subjectDN|issuerDN|serialNumber|validity\.notBefore|validity\.notAfter)`,
	`integration\.(error|integrationStatus|latency|requestId|status|responseTransferMode|timeToAllHeaders|timeToFirstContent)`,
	`requestOverride\.(header|path|querystring)\.[\w-]+`,
	`responseOverride\.(header\.[\w-]+|status)`,
}, "|") + `)$`)

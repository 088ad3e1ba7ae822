package apigateway

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"pricing/samkit/local/samtemplate"
)

// mapped evaluates a mapping expression for a header, path or query value; "" if it has none.
func (x *exchange) mapped(expression string) string {
	if text, ok := static(expression); ok {
		return text
	}
	return strings.ReplaceAll(x.value(expression), "\n", " ")
}

// static is the text of an expression in single quotes.
func static(expression string) (string, bool) {
	if len(expression) >= 2 && expression[0] == '\'' && expression[len(expression)-1] == '\'' {
		return expression[1 : len(expression)-1], true
	}
	return "", false
}

// value returns what method.request.*, context.* or stageVariables.* stand for; "" if absent. Names of headers and
// query parameters are matched in their case (guide, "important notes").
func (x *exchange) value(expression string) string {
	if name, ok := strings.CutPrefix(expression, "context."); ok {
		return x.contextValue(name)
	}
	if name, ok := strings.CutPrefix(expression, "stageVariables."); ok {
		return x.g.o.API.Variables[name]
	}
	rest, ok := strings.CutPrefix(expression, "method.request.")
	if !ok {
		return ""
	}
	where, name, _ := strings.Cut(rest, ".")
	switch where {
	case "header":
		if name == "Host" {
			return x.r.Host
		}
		return last(x.sent[name])
	case "querystring":
		return last(x.query[name])
	case "multivalueheader":
		return strings.Join(x.sent[name], ",")
	case "multivaluequerystring":
		return strings.Join(x.query[name], ",")
	case "path":
		return x.params[name]
	}
	return ""
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// contextValue returns a $context value; "" when it has none.
func (x *exchange) contextValue(name string) string {
	if v, ok := x.context[name]; ok {
		return v
	}
	api := x.g.o.API
	switch name {
	case "requestId":
		return x.requestID
	case "extendedRequestId":
		return x.extended
	case "requestTime":
		return x.start.UTC().Format(requestTime)
	case "requestTimeEpoch":
		return fmt.Sprint(x.start.UnixMilli())
	case "httpMethod":
		return x.method
	case "path":
		return x.fullPath
	case "stage":
		return api.Stage
	case "apiId":
		return api.ID
	case "accountId":
		return samtemplate.AccountID
	case "deploymentId":
		return deploymentID
	case "domainName":
		return x.r.Host
	case "domainPrefix":
		return strings.Split(x.r.Host, ".")[0]
	case "protocol":
		return "HTTP/1.1"
	case "identity.sourceIp":
		return x.sourceIP()
	case "identity.userAgent":
		return x.r.UserAgent()
	case "identity.apiKey":
		if x.apiKey != nil {
			return x.apiKey.Value
		}
	case "identity.apiKeyId":
		if x.apiKey != nil {
			return strings.ToLower(x.apiKey.LogicalID)
		}
	case "status":
		return fmt.Sprint(x.log.Status)
	case "responseLatency":
		return fmt.Sprint(x.g.o.Now().Sub(x.start).Milliseconds())
	case "xrayTraceId":
		return strings.TrimPrefix(strings.Split(x.trace, ";")[0], "Root=")
	case "resourcePath":
		if x.route != nil {
			return x.route.Path
		}
	case "resourceId":
		if x.route != nil {
			return resourceID(x.route)
		}
	}
	if entry, ok := strings.CutPrefix(name, "authorizer."); ok {
		if v, ok := x.principal[entry]; ok {
			return fmt.Sprint(v)
		}
	}
	return ""
}

var logVariable = regexp.MustCompile(`\$context\.[A-Za-z0-9_.]*[A-Za-z0-9_]`)

// accessLine is the access log's line of the request; what has no value prints "-".
func (x *exchange) accessLine() string {
	return logVariable.ReplaceAllStringFunc(x.g.o.API.LogFormat, func(v string) string {
		if value := x.contextValue(strings.TrimPrefix(v, "$context.")); value != "" {
			return value
		}
		return "-"
	})
}

var (
	target     = regexp.MustCompile(`^integration\.request\.(header|path|querystring)\.([^.\s]+)$`)
	expression = regexp.MustCompile(`^(?:'[^']*'|(?:context|stageVariables)\.[A-Za-z0-9_.-]+|` +
		`method\.request\.(?:header|path|querystring|multivalueheader|multivaluequerystring)\.[^\s]+)$`)
	segment    = regexp.MustCompile(`\{([A-Za-z0-9._-]+)\+?\}`)
	stageValue = regexp.MustCompile(`\$\{stageVariables\.([A-Za-z0-9_]+)\}`)
	vtl        = regexp.MustCompile(`#(?:set|if|else|elseif|foreach|end|macro)\b|\$(?:input|util)\b`)
)

// checkIntegration refuses at the start what could only fail later, or be ignored without a word.
func checkIntegration(m *samtemplate.Method) error {
	const place = "x-amazon-apigateway-integration"
	i := m.Integration
	for to, from := range i.Parameters {
		if !target.MatchString(to) {
			return fmt.Errorf("%s.requestParameters.%s: is not a place in the backend's request", place, to)
		}
		if !expression.MatchString(from) {
			return fmt.Errorf("%s.requestParameters.%s: %q is not supported as a mapping", place, to, from)
		}
	}
	if i.Type != samtemplate.Mock {
		if len(i.Templates) > 0 {
			return fmt.Errorf("%s.requestTemplates: only integrations that are not proxies have them", place)
		}
		return nil
	}
	check := func(where, template string) error {
		if found := vtl.FindString(inputParams.ReplaceAllString(template, "")); found != "" {
			return fmt.Errorf("%s.%s: %s is not supported; templates may use $context, $stageVariables and $input.params", place, where, found)
		}
		return nil
	}
	for media, template := range i.Templates {
		if err := check("requestTemplates."+media, template); err != nil {
			return err
		}
	}
	for pattern, response := range i.Responses {
		if _, err := regexp.Compile(pattern); err != nil && pattern != "default" {
			return fmt.Errorf("%s.responses.%s: %w", place, pattern, err)
		}
		for media, template := range response.Templates {
			if err := check("responses."+pattern+".responseTemplates."+media, template); err != nil {
				return err
			}
		}
	}
	return nil
}

// backendHeader sets a header by its own spelling and drops other spellings of it.
func backendHeader(h http.Header, name string, values ...string) {
	for other := range h {
		if strings.EqualFold(other, name) {
			delete(h, other)
		}
	}
	if len(values) > 0 {
		h[name] = values
	}
}

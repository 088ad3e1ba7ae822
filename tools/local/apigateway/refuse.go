package apigateway

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// kind is what API Gateway does for one type of gateway response unless the template says otherwise.
type kind struct {
	status    int    // in the table of defaults, used when the type is customised without a status
	plain     int    // uncustomised, where that differs; 0: the same
	message   string // "" is null
	errorType string // x-amzn-ErrorType
	running   bool   // raised in the execution stage: the default body then has a space after the colon
}

const internalMessage = "Internal server error"

// kinds is the table of gateway responses (docs: "Gateway response types"; error types recorded, or as noted).
var kinds = map[string]kind{
	"ACCESS_DENIED":                  {status: 403, message: "User is not authorized to access this resource", errorType: "AccessDeniedException"},
	"API_CONFIGURATION_ERROR":        {status: 500, message: internalMessage, errorType: "ApiConfigurationException"}, // unverified
	"AUTHORIZER_CONFIGURATION_ERROR": {status: 500, errorType: "AuthorizerConfigurationException"},
	"AUTHORIZER_FAILURE":             {status: 500, errorType: "AuthorizerFailureException"}, // unverified
	"BAD_REQUEST_BODY":               {status: 400, message: "Invalid request body", errorType: "BadRequestException"},
	"BAD_REQUEST_PARAMETERS":         {status: 400, message: "Invalid request parameters", errorType: "BadRequestException"},
	"EXPIRED_TOKEN":                  {status: 403, message: "The security token included in the request is expired", errorType: "ExpiredTokenException"}, // unverified
	"INTEGRATION_FAILURE":            {status: 504, plain: 502, message: internalMessage, errorType: "InternalServerErrorException", running: true},
	"INTEGRATION_TIMEOUT":            {status: 504, message: "Endpoint request timed out", errorType: "InternalServerErrorException", running: true},
	"INVALID_API_KEY":                {status: 403, message: "Forbidden", errorType: "ForbiddenException"},
	"INVALID_SIGNATURE":              {status: 403, message: "The request signature we calculated does not match the signature you provided", errorType: "InvalidSignatureException"}, // unverified
	"MISSING_AUTHENTICATION_TOKEN":   {status: 403, message: "Missing Authentication Token", errorType: "MissingAuthenticationTokenException"},
	"QUOTA_EXCEEDED":                 {status: 429, message: "Limit Exceeded", errorType: "LimitExceededException"},
	"REQUEST_TOO_LARGE":              {status: 413, message: "Request Too Long", errorType: "BadRequestException"},
	"RESOURCE_NOT_FOUND":             {status: 404, message: "Not Found", errorType: "ResourceNotFoundException"}, // unverified
	"THROTTLED":                      {status: 429, message: "Too Many Requests", errorType: "TooManyRequestsException"},
	"UNAUTHORIZED":                   {status: 401, message: "Unauthorized", errorType: "UnauthorizedException"},
	"UNSUPPORTED_MEDIA_TYPE":         {status: 415, message: "Unsupported Media Type", errorType: "BadRequestException"},
	"WAF_FILTERED":                   {status: 403, message: "Forbidden", errorType: "ForbiddenException"},
}

// refuse answers with a gateway response; an empty message is the type's own. reason is for the person at the terminal.
func (x *exchange) refuse(name, message, reason string) {
	k := kinds[name]
	if message == "" {
		message = k.message
	}
	status := k.status
	if k.plain != 0 {
		status = k.plain
	}
	x.refuseAs(name, status, k.errorType, message, reason)
}

// refuseAs answers with a gateway response whose uncustomised status is given. A type that the template sets uses its
// own values and the table's; one that it does not set falls back to DEFAULT_4XX or DEFAULT_5XX.
func (x *exchange) refuseAs(name string, status int, errorType, message, reason string) {
	api := x.g.o.API
	set, customised := api.Responses[name]
	if customised && name != "REQUEST_TOO_LARGE" { // which cannot be customised
		if k, known := kinds[name]; known {
			status = k.status
		}
	} else {
		fallback := "DEFAULT_4XX"
		if status >= http.StatusInternalServerError {
			fallback = "DEFAULT_5XX"
		}
		if set, customised = api.Responses[fallback]; name == "REQUEST_TOO_LARGE" {
			customised = false
		}
	}
	if customised && set.StatusCode != 0 {
		status = set.StatusCode
	}
	quoted := "null"
	if message != "" {
		text, _ := json.Marshal(message) // a text
		quoted = string(text)
	}
	x.context["error.message"], x.context["error.messageString"], x.context["error.responseType"] = message, quoted, name
	x.log.Status, x.log.Reason = status, reason
	x.identify()
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("x-amzn-ErrorType", errorType)
	body := `{"message":` + quoted + `}`
	if kinds[name].running {
		body = `{"message": ` + quoted + `}`
	}
	if customised {
		if template, ok := set.Templates["application/json"]; ok {
			body = x.substitute(template)
		}
		for _, parameter := range sortedNames(set.Parameters) {
			if header, ok := strings.CutPrefix(parameter, "gatewayresponse.header."); ok {
				if v := x.mapping(set.Parameters[parameter]); v != "" {
					h[http.CanonicalHeaderKey(header)] = []string{v}
				}
			}
		}
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write([]byte(body)) // the client may have gone
}

// mapping evaluates a header mapping: 'static', context.*, stageVariables.* or method.request.*.
func (x *exchange) mapping(expression string) string {
	switch {
	case len(expression) >= 2 && expression[0] == '\'' && expression[len(expression)-1] == '\'':
		return expression[1 : len(expression)-1]
	case strings.HasPrefix(expression, "context."):
		return strings.ReplaceAll(x.contextValue(strings.TrimPrefix(expression, "context.")), "\n", " ")
	case strings.HasPrefix(expression, "stageVariables."):
		return x.g.o.API.Variables[strings.TrimPrefix(expression, "stageVariables.")]
	}
	return x.value(expression)
}

var variable = regexp.MustCompile(`\$(context|stageVariables)\.[A-Za-z0-9_.-]*[A-Za-z0-9_-]|\$?method\.request\.(?:querystring|path|header)\.[A-Za-z0-9_-]+`)

// substitute fills a gateway response's template. It is not VTL: only these variables are replaced.
func (x *exchange) substitute(template string) string {
	return variable.ReplaceAllStringFunc(template, func(v string) string {
		return x.mapping(strings.TrimPrefix(v, "$"))
	})
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

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

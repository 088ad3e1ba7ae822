package apigateway

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"pricing/samkit/local/samtemplate"
)

// kind is what API Gateway does for one type of gateway response unless the template says otherwise.
type kind struct {
	status    int    // of a type that the template sets without a status
	plain     int    // of a type that the template does not set, where that differs; 0: the same
	message   string // "" is null
	errorType string // x-amzn-ErrorType
	running   bool   // raised in the execution stage: its quoted message has a leading space
	fixed     bool   // cannot be customised
}

const internalMessage = "Internal server error"

// kinds is the table of all gateway responses ("Gateway response types" of the developer guide). Error types are recorded
// unless noted.
var kinds = map[string]kind{
	"ACCESS_DENIED": {status: 403, message: "User is not authorized to access this resource",
		errorType: "AccessDeniedException"},
	"API_CONFIGURATION_ERROR": {status: 500, message: internalMessage,
		errorType: "ApiConfigurationException", running: true}, // error type unverified
	"AUTHORIZER_CONFIGURATION_ERROR": {status: 500, errorType: "AuthorizerConfigurationException"},
	"AUTHORIZER_FAILURE":             {status: 500, errorType: "AuthorizerFailureException"}, // error type unverified
	"BAD_REQUEST_BODY":               {status: 400, message: "Invalid request body", errorType: "BadRequestException", running: true},
	"BAD_REQUEST_PARAMETERS":         {status: 400, message: "Invalid request parameters", errorType: "BadRequestException", running: true},
	"DEFAULT_4XX":                    {errorType: "IncompleteSignatureException"}, // for an Authorization that is not a signature
	"DEFAULT_5XX":                    {},
	"EXPIRED_TOKEN": {status: 403, message: "The security token included in the request is expired",
		errorType: "ExpiredTokenException"}, // unverified
	"INTEGRATION_FAILURE": {status: 504, plain: 502, message: internalMessage,
		errorType: "InternalServerErrorException", running: true},
	"INTEGRATION_TIMEOUT": {status: 504, message: "Endpoint request timed out",
		errorType: "InternalServerErrorException", running: true},
	"INVALID_API_KEY": {status: 403, message: "Forbidden", errorType: "ForbiddenException"},
	"INVALID_SIGNATURE": {status: 403, message: "The request signature we calculated does not match the signature you provided",
		errorType: "InvalidSignatureException"}, // unverified
	"MISSING_AUTHENTICATION_TOKEN": {status: 403, message: "Missing Authentication Token", errorType: "MissingAuthenticationTokenException"},
	"QUOTA_EXCEEDED":               {status: 429, message: "Limit Exceeded", errorType: "LimitExceededException"},
	"REQUEST_TOO_LARGE":            {status: 413, message: "Request Too Long", errorType: "BadRequestException", running: true, fixed: true},
	"RESOURCE_NOT_FOUND":           {status: 404, message: "Not Found", errorType: "ResourceNotFoundException"}, // unverified
	"THROTTLED":                    {status: 429, message: "Too Many Requests", errorType: "TooManyRequestsException"},
	"UNAUTHORIZED":                 {status: 401, message: "Unauthorized", errorType: "UnauthorizedException"},
	"UNSUPPORTED_MEDIA_TYPE":       {status: 415, message: "Unsupported Media Type", errorType: "BadRequestException", running: true},
	"WAF_FILTERED":                 {status: 403, message: "Forbidden", errorType: "ForbiddenException"},
}

// defaultTemplate is the body of every type (recorded). The space in some answers belongs to the message.
const defaultTemplate = `{"message":$context.error.messageString}`

// refuse answers with a gateway response; an empty message means that of the type. The reason is for the person at the
// terminal. It returns false, so that a check can end with it.
func (x *exchange) refuse(name, message, reason string) bool {
	k := kinds[name]
	if message == "" {
		message = k.message
	}
	status := k.status
	if k.plain != 0 {
		status = k.plain
	}
	return x.refuseAs(name, status, message, reason)
}

// refuseAs is refuse with the status of a type that the template does not set. Such a type falls back to DEFAULT_4XX or
// DEFAULT_5XX; one that the template sets has its own values and the table's.
func (x *exchange) refuseAs(name string, status int, message, reason string) bool {
	k := kinds[name]
	set, customised := x.g.o.API.Responses[name]
	switch {
	case k.fixed:
		set, customised = samtemplate.GatewayResponse{}, false
	case customised && k.status != 0:
		status = k.status
	case !customised:
		set, customised = x.g.o.API.Responses[fallback(status)]
	}
	if customised && set.StatusCode != 0 {
		status = set.StatusCode
	}
	quoted := "null"
	if message != "" {
		quoted = quote(message)
		if k.running {
			quoted = " " + quoted
		}
	}
	x.context["error.message"], x.context["error.messageString"], x.context["error.responseType"] = message, quoted, name
	x.log.Reason, x.log.Status = reason, status
	h := x.w.Header()
	media, template := "application/json", defaultTemplate
	if len(set.Templates) > 0 {
		if text, ok := set.Templates[media]; ok {
			template = text
		} else {
			media = slices.Sorted(maps.Keys(set.Templates))[0]
			template = set.Templates[media]
		}
	}
	h["Content-Type"] = []string{media}
	h["x-amzn-ErrorType"] = []string{k.errorType}
	for _, parameter := range slices.Sorted(maps.Keys(set.Parameters)) {
		if header, ok := strings.CutPrefix(parameter, "gatewayresponse.header."); ok {
			if v := x.mapped(set.Parameters[parameter]); v != "" {
				h[http.CanonicalHeaderKey(header)] = []string{v}
			}
		}
	}
	x.respond(status, []byte(x.substitute(template)))
	return false
}

// fallback returns the type that a status falls back to.
func fallback(status int) string {
	if status >= http.StatusInternalServerError {
		return "DEFAULT_5XX"
	}
	return "DEFAULT_4XX"
}

// refusePlain answers in the gateway's own form where no gateway response applies.
func (x *exchange) refusePlain(status int, errorType, message string) {
	h := x.w.Header()
	h["Content-Type"], h["x-amzn-ErrorType"] = []string{"application/json"}, []string{errorType}
	x.respond(status, []byte(`{"message":`+quote(message)+`}`))
}

func quote(s string) string {
	text, _ := encode(s) // cannot fail: it is a text
	return string(text)
}

var variable = regexp.MustCompile(`\$(context|stageVariables)\.[A-Za-z0-9_.-]*[A-Za-z0-9_-]|` +
	`\$?method\.request\.(?:querystring|path|header)\.[A-Za-z0-9_-]+`)

// substitute fills a gateway response's template. It is not VTL: only these variables are replaced, and nothing is
// escaped on the way.
func (x *exchange) substitute(template string) string {
	return variable.ReplaceAllStringFunc(template, func(v string) string {
		return x.value(strings.TrimPrefix(v, "$"))
	})
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

package apigateway_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/local/apigateway"
	"pricing/samkit/local/samtemplate"
)

// testCase is one thing that API Gateway does, under the section and words it is known by. Empty fields are not looked at.
type testCase struct {
	name    string
	setup   setup
	request string
	status  int
	body    string            // whole
	holds   []string          // texts that the body holds
	header  map[string]string // "" is absent
	reason  string            // that the terminal's line holds
	calls   string            // function that must have been called, "none" for no function at all
	event   func(*testing.T, map[string]any)
	then    func(*testing.T, *api) // more requests to the same gateway
}

const (
	bearer = "\nAuthorization: Bearer "
	typed  = "\nContent-Type: application/json\n\n"
)

func problem(kind string) map[string]string {
	return map[string]string{"Content-Type": "application/json", "X-Amzn-Errortype": kind}
}

func path(want string, full string, params map[string]any) func(*testing.T, map[string]any) {
	return func(t *testing.T, e map[string]any) {
		assert.Equal(t, want, e["path"])
		assert.Equal(t, full, e["requestContext"].(map[string]any)["path"])
		if params == nil {
			assert.Nil(t, e["pathParameters"])
		} else {
			assert.Equal(t, params, e["pathParameters"])
		}
	}
}

var missing = testCase{status: 403, body: `{"message":"Missing Authentication Token"}`,
	header: problem("MissingAuthenticationTokenException"), calls: "none"}

func is(base testCase, name, request string) testCase {
	base.name, base.request = name, request
	return base
}

var routing = []testCase{
	is(missing, "1.1 unknown path", "GET /nope"),
	is(missing, "1.1 known path, undeclared method", "POST /only-get"),
	is(missing, "1.1 known path, OPTIONS", "OPTIONS /only-get"),
	is(missing, "1.1 OPTIONS of the server as a whole", "OPTIONS *"),
	{name: "1.1 known path, HEAD is not derived from GET", request: "HEAD /only-get", status: 403, header: missing.header, calls: "none"},
	is(missing, "1.1 double slash between segments of a non-greedy route", "GET /items//special"),
	{name: "1.1 unknown stage", setup: setup{stagePath: true}, request: "GET /prod/echo", status: 403, body: `{"message":"Forbidden"}`,
		header: problem("ForbiddenException")},
	{name: "1.1 unknown path with an Authorization that is not SigV4", request: "GET /nope" + bearer + "abc", status: 403,
		header: problem("IncompleteSignatureException"),
		holds:  []string{"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '"},
		calls:  "none"},
	{name: "1.1 the same under DEFAULT_4XX, not MISSING_AUTHENTICATION_TOKEN", request: "GET /nope" + bearer + "abc", status: 403,
		body:  "four",
		setup: responses(text("DEFAULT_4XX", "four"), text("MISSING_AUTHENTICATION_TOKEN", "missing"))},
	{name: "1.1 unknown path with SigV4", request: "GET /nope\nAuthorization: AWS4-HMAC-SHA256 Credential=x", status: 403,
		header: problem("MissingAuthenticationTokenException")},
	{name: "1.1 x-amazon-apigateway-any-method takes PATCH", request: "PATCH /echo", status: 200, calls: "Echo"},
	{name: "1.1 x-amazon-apigateway-any-method takes HEAD", request: "HEAD /echo", status: 200, calls: "Echo"},
	is(missing, "1.1 x-amazon-apigateway-any-method takes no TRACE", "TRACE /echo"),
	{name: "1.1 a concrete method on the same path wins", request: "DELETE /echo", status: 204, calls: "none"},
	{name: "1.1 X-HTTP-Method-Override", request: "POST /only-get\nX-HTTP-Method-Override: GET", status: 200,
		event: func(t *testing.T, e map[string]any) { assert.Equal(t, "GET", e["httpMethod"]) }},
	{name: "1.1 precedence: static before {param}", request: "GET /items/special", status: 200,
		header: map[string]string{"X-Function": "Special"}},
	{name: "1.1 precedence: static before {proxy+}", request: "GET /files/readme", status: 200,
		event: func(t *testing.T, e map[string]any) { assert.Equal(t, "/files/readme", e["resource"]) }},
	{name: "1.1 trailing slash", request: "GET /items/7/", status: 200, event: path("/items/7/", "/dev/items/7/", map[string]any{"id": "7"})},
	{name: "1.1 trailing slash of {proxy+}", request: "GET /files/a/b/", status: 200,
		event: path("/files/a/b/", "/dev/files/a/b/", map[string]any{"proxy": "a/b"})},
	{name: "1.1 double slash inside {proxy+}", request: "GET /files/proxy-value//double-slash", status: 200,
		event: path("/files/proxy-value//double-slash", "/dev/files/proxy-value//double-slash",
			map[string]any{"proxy": "proxy-value//double-slash"})},
	{name: "1.1 extra slash before the stage", setup: setup{stagePath: true}, request: "GET //dev/only-get", status: 200,
		event: path("/only-get", "/dev/only-get", nil)},
	{name: "1.1 extra slash after the stage", setup: setup{stagePath: true}, request: "GET /dev//only-get", status: 200,
		event: path("/only-get", "/dev//only-get", nil)},
	is(missing, "1.1 {proxy+} needs a segment", "GET /files/"),
	{name: "1.1 path and parameters stay as sent", request: "GET /items/test%2Balias@x%20y%3F%25%23%C3%A9", status: 200,
		event: path("/items/test%2Balias@x%20y%3F%25%23%C3%A9", "/dev/items/test%2Balias@x%20y%3F%25%23%C3%A9",
			map[string]any{"id": "test%2Balias@x%20y%3F%25%23%C3%A9"})},
	{name: "1.1 %2F and %252F do not split a segment", request: "GET /items/slash%2Fvalue%252F", status: 200,
		event: path("/items/slash%2Fvalue%252F", "/dev/items/slash%2Fvalue%252F", map[string]any{"id": "slash%2Fvalue%252F"})},
	{name: "1.1 query values are decoded once", request: "GET /echo?a=1%2B2&b=1+2&c=%3F&d=%252B&e=&f=%C3%A9&g", status: 200,
		event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, map[string]any{"a": "1+2", "b": "1 2", "c": "?", "d": "%2B", "e": "", "f": "é", "g": ""}, e["queryStringParameters"])
		}},
	{name: "1.1 repeated names", request: "GET /echo?a=1&b=x&a=2", status: 200, event: func(t *testing.T, e map[string]any) {
		assert.Equal(t, map[string]any{"a": "2", "b": "x"}, e["queryStringParameters"])
		assert.Equal(t, map[string]any{"a": []any{"1", "2"}, "b": []any{"x"}}, e["multiValueQueryStringParameters"])
	}},
	{name: "1.1 | { } must be sent encoded", request: "GET /echo?a={b}", status: 400, calls: "none"},
	{name: "1.1 ; splits the data", request: "GET /echo?a=1;b=2", status: 200, event: func(t *testing.T, e map[string]any) {
		assert.Equal(t, map[string]any{"a": "1", "b": "2"}, e["queryStringParameters"])
	}},
	{name: "1.1 names are matched case-sensitively", request: "GET /required?ISSUER=1&qs1=2\nX-Header-Param: a", status: 400,
		holds: []string{"[x-header-param, issuer]"}},
}

// responses sets the template's gateway responses: "TYPE: {...}" each.
func responses(types ...string) setup {
	return setup{replace: []string{"BODY_EXTENSIONS: {}", "x-amazon-apigateway-gateway-responses: {" + strings.Join(types, ", ") + "}"}}
}

// text is a gateway response with a template for its body, and more of its properties.
func text(name, template string, more ...string) string {
	return name + ": {" + strings.Join(append(more, "responseTemplates: {application/json: "+template+"}"), ", ") + "}"
}

// resourcePolicy sets the API's resource policy.
func resourcePolicy(statements ...string) setup {
	return setup{replace: []string{"BODY_EXTENSIONS: {}",
		"x-amazon-apigateway-policy: {Version: '2012-10-17', Statement: [" + strings.Join(statements, ", ") + "]}"}}
}

const (
	allowAll = `{Effect: Allow, Principal: "*", Action: "execute-api:Invoke", Resource: "execute-api:/*"}`
	denyHere = `{Effect: Deny, Principal: "*", Action: "execute-api:Invoke", Resource: "execute-api:/*", ` +
		`Condition: {IpAddress: {"aws:SourceIp": 127.0.0.0/8}}}`
)

// denyIf denies under a condition.
func denyIf(resource, condition string) string {
	return `{Effect: Deny, Principal: "*", Action: "execute-api:Invoke", Resource: "` + resource + `", Condition: {` + condition + `}}`
}

var order = []testCase{
	{name: "1.2 size before route", request: "GET /nope\nX-Long: " + strings.Repeat("x", 10_241), status: 431, calls: "none"},
	{name: "1.2 route before the resource policy", setup: resourcePolicy(allowAll, denyHere), request: "GET /nope", status: 403,
		header: problem("MissingAuthenticationTokenException")},
	{name: "1.2 the resource policy's denials before the authorizer", setup: resourcePolicy(allowAll, denyHere), request: "GET /request",
		status: 403, holds: []string{"with an explicit deny"}, calls: "none"},
	{name: "1.2 authorizer before key", request: "GET /both?q=1", status: 401, calls: "none"},
	{name: "1.2 key before validation", request: "GET /both" + bearer + "good", status: 403, header: problem("ForbiddenException")},
	{name: "1.2 parameters before body", request: "POST /required" + typed + "{}", status: 400,
		body: `{"message": "Missing required request parameters: [q]"}`},
	{name: "1.2 validation before the integration", request: "GET /required", status: 400, calls: "none"},
}

var badBody = testCase{status: 400, body: `{"message": "Invalid request body"}`, header: problem("BadRequestException"), calls: "none"}

func because(c testCase, reason string) testCase {
	c.reason = reason
	return c
}

var validation = []testCase{
	{name: "1.3 parameters: type, pattern, enum, minimum and format are never checked",
		request: "GET /required?issuer=x&qs1=y\nx-header-param: b", status: 200},
	{name: "1.3 parameters: blank counts as missing", request: "GET /required?issuer=%20&qs1=\nx-header-param:", status: 400,
		holds: []string{"[x-header-param, issuer, qs1]"}},
	{name: "1.3 message: all missing names, sorted by place", request: "GET /required", status: 400,
		body: `{"message": "Missing required request parameters: [x-header-param, issuer, qs1]"}`, header: problem("BadRequestException"),
		reason: "[x-header-param, issuer, qs1]"},
	because(is(badBody, "1.3 body violates the model", "POST /modelled"+typed+`{"size":1}`), "missing property 'name'"),
	because(is(badBody, "1.3 body is not JSON", "POST /modelled"+typed+`{"name":`), "[not JSON]"),
	is(badBody, "1.3 body has more behind it", "POST /modelled"+typed+`{"name":"a"} x`),
	{name: "1.3 the reason is in $context.error.validationErrorString",
		setup:   responses(text("BAD_REQUEST_BODY", `"$context.error.validationErrorString|$context.error.message"`)),
		request: "POST /modelled" + typed + `{}`, status: 400, body: "[at '': missing property 'name']|Invalid request body"},
	{name: "1.3 both wrong: only the parameter message", request: "POST /required" + typed + "{}", status: 400,
		holds: []string{"Missing required request parameters: [q]"}},
	{name: "1.3 which model: no matching type, no validation", request: "POST /modelled\nContent-Type: text/plain\n\n{", status: 200},
	is(badBody, "1.3 which model: $default matches every type", "PUT /modelled\nContent-Type: text/plain\n\n{}"),
	is(badBody, "1.3 no Content-Type header is application/json", "POST /modelled\n\n{}"),
	is(badBody, "1.3 parameters of the Content-Type are ignored", "POST /modelled\nContent-Type: application/json; charset=utf-8\n\n{}"),
	is(badBody, "1.3 empty body is {}: a body model on GET answers 400", "GET /modelled"),
	{name: "1.3 empty body is {}: passes without required", request: "PATCH /modelled", status: 200},
	{name: "1.3 no body model: anything that parses passes", request: "DELETE /modelled" + typed + "[1]", status: 200},
	is(badBody, "1.3 no body model: what does not parse fails", "DELETE /modelled"+typed+"{"),
	{name: "1.3 validator absent: nothing is checked",
		setup: setup{replace: []string{"x-amazon-apigateway-request-validator: params", "x-nothing: here"}}, request: "GET /required",
		status: 200},
	{name: "1.3 an operation's validator overrides the default", request: "POST /modelled" + typed + `{"name":"a"}`, status: 200},
	{name: "1.3 not checked: unknown query and header names", request: "GET /items/1?unknown=1\nX-Unknown: 1", status: 200},
	{name: "1.3 not checked: duplicate JSON keys, size of numbers", request: "POST /modelled" + typed + `{"name":"a","name":"b","size":1e400}`,
		status: 200},
	{name: "1.3 not checked: extra members without additionalProperties", request: "PATCH /modelled" + typed + `{"a":1,"b":2}`, status: 200},
	is(badBody, "1.3 additionalProperties: false", "POST /modelled"+typed+`{"name":"a","b":2}`),
	{name: "1.4 $ref between models and oneOf validate", request: "POST /modelled" + typed + `{"name":"a","size":{"w":1}}`, status: 200,
		then: func(t *testing.T, a *api) {
			assert.Equal(t, 400, a.send(t, "POST /modelled"+typed+`{"name":"a","size":{"h":1}}`).status)
		}},
	is(badBody, "1.4 draft 4: exclusiveMinimum is a boolean", "POST /draft4"+typed+`{"n":1}`),
	{name: "1.4 minItems and minProperties are not checked", request: "POST /lengths" + typed + `{"list":[1]}`, status: 200,
		then: func(t *testing.T, a *api) {
			assert.Equal(t, 400, a.send(t, "POST /lengths"+typed+`{"minItems":1}`).status, "a property of that name is one")
		}},
	{name: "1.4 root-level security is ignored", request: "GET /only-get", status: 200},
}

var gatewayResponses = []testCase{
	{name: "1.5 default template, no extra headers", request: "GET /nope", status: 403, body: `{"message":"Missing Authentication Token"}`,
		header: map[string]string{"Content-Type": "application/json", "X-Amzn-Trace-Id": ""},
		then: func(t *testing.T, a *api) {
			r := a.send(t, "GET /nope")
			assert.NotEmpty(t, r.header.Get("x-amzn-RequestId"))
			assert.NotEmpty(t, r.header.Get("x-amz-apigw-id"))
			assert.Contains(t, r.raw, "\r\nx-amzn-RequestId: ", "as AWS spells it")
		}},
	{name: "1.5 problem+json by a header",
		setup: responses(text("MISSING_AUTHENTICATION_TOKEN", `'{"type":"x"}'`,
			`responseParameters: {gatewayresponse.header.Content-Type: "'application/problem+json'"}`)),
		request: "GET /nope", status: 403, body: `{"type":"x"}`, header: map[string]string{"Content-Type": "application/problem+json"}},
	{name: "1.5 BAD_REQUEST_PARAMETERS", request: "GET /required", status: 400, header: problem("BadRequestException")},
	is(badBody, "1.5 BAD_REQUEST_BODY", "POST /modelled\n\n{}"),
	{name: "1.5 UNAUTHORIZED", request: "GET /request", status: 401, body: `{"message":"Unauthorized"}`,
		header: problem("UnauthorizedException"), reason: "method.request.header.Authorization"},
	{name: "1.5 ACCESS_DENIED", request: "GET /request" + bearer + "silent", status: 403,
		body: `{"message":"User is not authorized to access this resource"}`, header: problem("AccessDeniedException")},
	{name: "1.5 ACCESS_DENIED, explicit deny", request: "GET /request" + bearer + "deny", status: 403,
		body: `{"message":"User is not authorized to access this resource with an explicit deny"}`, header: problem("AccessDeniedException")},
	{name: "1.5 ACCESS_DENIED (resource policy)", setup: resourcePolicy(allowAll, denyHere), request: "GET /only-get", status: 403,
		header: problem("AccessDeniedException"),
		body: `{"message":"User: anonymous is not authorized to perform: execute-api:Invoke on resource: ` +
			`arn:aws:execute-api:eu-west-1:123456789012:api/dev/GET/only-get with an explicit deny"}`},
	is(missing, "1.5 MISSING_AUTHENTICATION_TOKEN", "GET /nope"),
	{name: "1.5 INVALID_API_KEY", request: "GET /keyed", status: 403, body: `{"message":"Forbidden"}`, header: problem("ForbiddenException"),
		calls: "none"},
	{name: "1.5 REQUEST_TOO_LARGE cannot be customised",
		setup:   responses(text("REQUEST_TOO_LARGE", "own", "statusCode: 400"), text("DEFAULT_4XX", "own")),
		request: "POST /result\n\n" + strings.Repeat("x", 6_291_456), status: 413, body: `{"message": "Request Too Long"}`,
		header: problem("BadRequestException")},
	{name: "1.5 UNSUPPORTED_MEDIA_TYPE", request: "POST /mock\nContent-Type: text/csv\n\na", status: 415,
		body: `{"message": "Unsupported Media Type"}`, header: problem("BadRequestException")},
	{name: "1.5 THROTTLED", request: "GET /shut", status: 429, body: `{"message":"Too Many Requests"}`,
		header: problem("TooManyRequestsException"), calls: "none"},
	{name: "1.5 API_CONFIGURATION_ERROR", request: "GET /no-url", status: 500, body: `{"message": "Internal server error"}`,
		header: problem("ApiConfigurationException")},
	{name: "1.5 AUTHORIZER_FAILURE", request: "GET /request" + bearer + "error", status: 500, body: `{"message":null}`,
		header: problem("AuthorizerFailureException"), reason: "no database"},
	{name: "1.5 AUTHORIZER_CONFIGURATION_ERROR", request: "GET /request" + bearer + "malformed", status: 500, body: `{"message":null}`,
		header: problem("AuthorizerConfigurationException")},
	{name: "1.5 INTEGRATION_FAILURE, function error", request: "GET /fail", status: 502, body: `{"message": "Internal server error"}`,
		header: problem("InternalServerErrorException"), reason: "out of paper"},
	{name: "1.5 INTEGRATION_FAILURE, Lambda throttling", request: "GET /fail?how=throttled", status: 500,
		body: `{"message": "Internal server error"}`},
	{name: "1.5 INTEGRATION_TIMEOUT", request: "GET /fail?how=slow", status: 504, body: `{"message": "Endpoint request timed out"}`,
		header: problem("InternalServerErrorException"), reason: "timeoutInMillis (100)"},
	{name: "1.5 DEFAULT_4XX and DEFAULT_5XX are fallbacks",
		setup:   responses(text("DEFAULT_4XX", "four"), text("DEFAULT_5XX", "five", "statusCode: 599")),
		request: "GET /keyed", status: 403, body: "four", then: func(t *testing.T, a *api) {
			r := a.send(t, "GET /fail")
			assert.Equal(t, 599, r.status)
			assert.Equal(t, "five", r.body)
		}},
	{name: "1.5 only $context, $stageVariables and method.request are replaced", request: "GET /nope?q=1\nX-A: h", status: 403,
		body: `#set($a=1) $input.body /dev/nope blue h 1 `,
		setup: responses(text("MISSING_AUTHENTICATION_TOKEN", "'#set($a=1) $input.body $context.path $stageVariables.color "+
			"$method.request.header.X-A method.request.querystring.q $context.nothing'"))},
	{name: "1.5 messageString has quotes, message and validationErrorString are not escaped", request: "POST /modelled" + typed + `{"a\"b":1}`,
		status: 400,
		setup: responses(text("BAD_REQUEST_BODY", "'$context.error.messageString|$context.error.message|"+
			"$context.error.responseType|$context.error.validationErrorString'")),
		holds: []string{` "Invalid request body"|Invalid request body|BAD_REQUEST_BODY|`, `a"b`}},
	{name: "1.5 messageString is null without a message", request: "GET /request" + bearer + "error", status: 500, body: "null|",
		setup: responses(text("AUTHORIZER_FAILURE", "'$context.error.messageString|$context.error.message'"))},
	{name: "1.5 headers: static or mapped", request: "GET /nope?q=7\nX-A: h", status: 403,
		header: map[string]string{"Retry-After": "1", "X-Stage": "dev", "X-Query": "7", "X-Color": "blue", "X-None": ""},
		setup: responses(`MISSING_AUTHENTICATION_TOKEN: {responseParameters: {gatewayresponse.header.Retry-After: "'1'", ` +
			`gatewayresponse.header.X-Stage: context.stage, gatewayresponse.header.X-Query: method.request.querystring.q, ` +
			`gatewayresponse.header.X-Color: stageVariables.color, gatewayresponse.header.X-None: method.request.header.none}}`)},
	{name: "1.5 a set type ignores DEFAULT_*", request: "GET /request" + bearer + "error", status: 500, body: `{"message":null}`,
		setup: responses("AUTHORIZER_FAILURE: {}", text("DEFAULT_5XX", "five", "statusCode: 599"))},
	{name: "1.5 INTEGRATION_FAILURE set without status is 504", setup: responses("INTEGRATION_FAILURE: {}"),
		request: "GET /fail?how=throttled", status: 504, then: func(t *testing.T, a *api) {
			assert.Equal(t, 504, a.send(t, "GET /fail").status)
		}},
	{name: "1.5 INTEGRATION_FAILURE with a status covers every failure of a function",
		setup: responses("INTEGRATION_FAILURE: {statusCode: 503}"), request: "GET /fail?how=throttled", status: 503,
		then: func(t *testing.T, a *api) {
			assert.Equal(t, 503, a.send(t, "GET /fail").status)
			assert.Equal(t, 503, a.send(t, "GET /unpermitted").status)
		}},
}

var events = []testCase{
	{name: "1.6 every key; absent maps and an absent body are null", setup: setup{replace: []string{"Variables: {color: blue}", "Name: x"}},
		request: "GET /only-get", status: 200, event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, []string{"body", "headers", "httpMethod", "isBase64Encoded", "multiValueHeaders", "multiValueQueryStringParameters",
				"path", "pathParameters",
				"queryStringParameters", "requestContext", "resource", "stageVariables"}, keysOf(e))
			for _, name := range []string{"body", "pathParameters", "queryStringParameters", "multiValueQueryStringParameters", "stageVariables"} {
				assert.Nil(t, e[name], name)
			}
			assert.Equal(t, false, e["isBase64Encoded"])
		}},
	{name: "1.6 requestContext", request: "GET /echo", status: 200, event: func(t *testing.T, e map[string]any) {
		c := e["requestContext"].(map[string]any)
		assert.Equal(t, []string{"accountId", "apiId", "deploymentId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod",
			"identity", "operationName", "path", "protocol",
			"requestId", "requestTime", "requestTimeEpoch", "resourceId", "resourcePath", "stage"}, keysOf(c))
		assert.Equal(t, "/dev/echo", c["path"])
		assert.Equal(t, "/echo", c["resourcePath"])
		assert.Equal(t, "HTTP/1.1", c["protocol"])
		assert.Equal(t, "10/Jul/2026:19:19:04 +0000", c["requestTime"])
		assert.EqualValues(t, 1783711144000, c["requestTimeEpoch"])
		assert.Equal(t, "echo", c["operationName"])
		assert.Equal(t, "dev", c["stage"])
	}},
	{name: "1.6 requestContext.path has the stage also where it is served at /", request: "GET /only-get", status: 200,
		event: path("/only-get", "/dev/only-get", nil)},
	{name: "1.6 identity", request: "GET /echo", status: 200, event: func(t *testing.T, e map[string]any) {
		id := e["requestContext"].(map[string]any)["identity"].(map[string]any)
		assert.Equal(t, []string{"accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType",
			"cognitoIdentityId", "cognitoIdentityPoolId",
			"principalOrgId", "sourceIp", "user", "userAgent", "userArn"}, keysOf(id))
		assert.Equal(t, "127.0.0.1", id["sourceIp"])
		assert.Nil(t, id["user"])
	}},
	{name: "1.6 identity on methods that need a key", request: "GET /keyed\nx-api-key: key-in-the-plan-00000", status: 200,
		event: func(t *testing.T, e map[string]any) {
			id := e["requestContext"].(map[string]any)["identity"].(map[string]any)
			assert.Equal(t, "key-in-the-plan-00000", id["apiKey"])
			assert.Equal(t, "key", id["apiKeyId"])
		}},
	{name: "1.6 requestContext.authorizer", request: "GET /request" + bearer + "good", status: 200,
		event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, map[string]any{"principalId": "client-1", "text": "a", "number": "1.5", "flag": "true", "integrationLatency": 0.0},
				e["requestContext"].(map[string]any)["authorizer"])
		}},
	{name: "1.6 requestContext.authorizer: whole numbers keep their digits", request: "GET /request" + bearer + "numbers", status: 200,
		event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, map[string]any{"principalId": "client-1", "integrationLatency": 0.0, "id": "12345678901234567890",
				"past": "-9007199254740993", "part": "0.1", "million": "1000000", "half": "1.5"},
				e["requestContext"].(map[string]any)["authorizer"])
		}},
	{name: "1.6 headers, query and path that are not UTF-8", request: "GET /items/M\xfcller?a=M%FCller&b=%E2%82x&c=M\xf6ller\nX-A: M\xe4ller",
		status: 200, event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, map[string]any{"a": "M\ufffdller", "b": "\ufffdx", "c": "M\ufffdller"}, e["queryStringParameters"])
			assert.Equal(t, "M\ufffdller", e["headers"].(map[string]any)["X-A"])
			path("/items/M\ufffdller", "/dev/items/M\ufffdller", map[string]any{"id": "M\ufffdller"})(t, e)
		}},
	{name: "1.6 headers keep the client's casing",
		request: "GET /echo\nx-LOWER-Mixed: 1\nauthorization: Basic eA==\nuser-agent: me\nx-forwarded-for: 10.0.0.1", status: 200,
		event: func(t *testing.T, e map[string]any) {
			h := e["headers"].(map[string]any)
			assert.Equal(t, "1", h["x-LOWER-Mixed"])
			assert.Equal(t, "Basic eA==", h["Authorization"])
			assert.Equal(t, "me", h["User-Agent"])
			assert.Equal(t, "10.0.0.1, 127.0.0.1", h["X-Forwarded-For"])
			assert.NotEmpty(t, h["Host"])
		}},
	{name: "1.6 repeated headers", request: "GET /echo\nX-A: 1\nX-A: 2", status: 200, event: func(t *testing.T, e map[string]any) {
		assert.Equal(t, "2", e["headers"].(map[string]any)["X-A"])
		assert.Equal(t, []any{"1", "2"}, e["multiValueHeaders"].(map[string]any)["X-A"])
	}},
	{name: "1.6 never in the event",
		request: "POST /echo\nConnection: close\nContent-MD5: x\nMax-Forwards: 1\nProxy-Authenticate: x\nServer: x\nTE: trailers\n" +
			"Upgrade: h2c\nWWW-Authenticate: x\n\nbody",
		status: 200, event: func(t *testing.T, e map[string]any) {
			for name := range e["headers"].(map[string]any) {
				switch http.CanonicalHeaderKey(name) {
				case "Connection", "Content-Length", "Content-Md5", "Expect", "Max-Forwards", "Proxy-Authenticate", "Server", "Te", "Trailer",
					"Transfer-Encoding", "Upgrade", "Www-Authenticate":
					assert.Fail(t, name)
				}
			}
		}},
	{name: "1.6 never in the event, of a chunked body",
		request: "POST /echo\nTrailer: X-End\nTransfer-Encoding: chunked\n\n4\r\nbody\r\n0\r\nX-End: 1\r\n\r\n", status: 200,
		event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, "body", e["body"])
			assert.ElementsMatch(t,
				[]string{"Accept", "Host", "User-Agent", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"},
				keysOf(e["headers"]))
		}},
	{name: "1.6 added headers", request: "GET /echo", status: 200, event: func(t *testing.T, e map[string]any) {
		h := e["headers"].(map[string]any)
		assert.Equal(t, "AmazonAPIGateway_api", h["User-Agent"])
		assert.Equal(t, "application/json", h["Accept"])
		assert.Equal(t, "http", h["X-Forwarded-Proto"])
		assert.NotEmpty(t, h["X-Forwarded-Port"])
		assert.Regexp(t, `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]$`, h["X-Amzn-Trace-Id"])
	}},
	{name: "1.6 a client's Root and Parent are kept",
		request: "GET /echo\nX-Amzn-Trace-Id: Root=1-00000000-000000000000000000000001;Parent=00000000000000aa", status: 200,
		event: func(t *testing.T, e map[string]any) {
			assert.Contains(t, e["headers"].(map[string]any)["X-Amzn-Trace-Id"], "Root=1-00000000-000000000000000000000001;Parent=00000000000000aa")
		}},
	{name: "1.6 a client can set requestId", request: "GET /echo\nx-amzn-RequestId: mine", status: 200,
		header: map[string]string{"X-Amzn-Requestid": "mine"}, event: func(t *testing.T, e map[string]any) {
			c := e["requestContext"].(map[string]any)
			assert.Equal(t, "mine", c["requestId"])
			assert.NotEqual(t, "mine", c["extendedRequestId"])
		}},
}

var malformed = testCase{status: 502, body: `{"message": "Internal server error"}`, header: problem("InternalServerErrorException"),
	calls: "Raw", reason: "malformed function response"}

func gives(name, result string, c testCase) testCase {
	c.name, c.request = name, "POST /result\n\n"+result
	return c
}

var results = []testCase{
	gives("1.7 statusCode only", `{"statusCode":200}`,
		testCase{status: 200, body: "", header: map[string]string{"Content-Type": "application/json", "Content-Length": "0"}}),
	gives("1.7 statusCode as text", `{"statusCode":"201"}`, testCase{status: 201}),
	gives("1.7 only headers", `{"headers":{"X-A":"1"}}`, testCase{status: 200, header: map[string]string{"X-A": "1"}}),
	gives("1.7 nothing at all", `{}`, testCase{status: 200}),
	gives("1.7 headers: null", `{"statusCode":200,"headers":null,"multiValueHeaders":null,"body":null}`, testCase{status: 200}),
	gives("1.7 an extra key", `{"statusCode":200,"extra":1}`, malformed),
	gives("1.7 cookies, an HTTP API's key", `{"statusCode":200,"cookies":[]}`, malformed),
	gives("1.7 statusCode not a number", `{"statusCode":"test"}`, malformed),
	gives("1.7 statusCode of HTTP's own", `{"statusCode":101}`, malformed),
	gives("1.7 a multiValueHeaders value that is not a list", `{"multiValueHeaders":{"X-A":"1"}}`, malformed),
	gives("1.7 a bare JSON string", `"hello"`, malformed),
	gives("1.7 null", `null`, malformed),
	gives("1.7 array", `[]`, malformed),
	gives("1.7 invalid JSON", `{"statusCode":`, malformed),
	gives("1.7 header value a number", `{"headers":{"X-A":1}}`, malformed),
	gives("1.7 header value an object", `{"headers":{"X-A":{}}}`, malformed),
	gives("1.7 body that is not a string", `{"body":{"a":1}}`, malformed),
	gives("1.7 header value a boolean", `{"headers":{"X-A":true,"X-B":false}}`,
		testCase{status: 200, header: map[string]string{"X-A": "true", "X-B": "false"}}),
	gives("1.7 the same header in both maps", `{"headers":{"x-a":"single"},"multiValueHeaders":{"X-A":["m1","m2"]}}`,
		testCase{status: 200, header: map[string]string{"X-A": "m1, m2, single"}}),
	gives("1.7 isBase64Encoded and first Accept type not binary", `{"isBase64Encoded":true,"body":"`+base64Of("hi")+`"}`,
		testCase{status: 200, body: base64Of("hi")}),
	{name: "1.7 isBase64Encoded and first Accept type binary",
		request: "POST /result\nAccept: application/octet-stream, text/plain\n\n" + `{"isBase64Encoded":true,"body":"` + base64Of("hi") + `"}`,
		status:  200, body: "hi"},
	{name: "1.7 only the first Accept type counts",
		request: "POST /result\nAccept: text/plain, application/octet-stream\n\n" + `{"isBase64Encoded":true,"body":"` + base64Of("hi") + `"}`,
		status:  200, body: base64Of("hi")},
	{name: "1.7 undecodable base64 where decoding applies",
		request: "POST /result\nAccept: application/octet-stream\n\n" + `{"isBase64Encoded":true,"body":"%"}`, status: 500,
		body: `{"message": "Internal server error"}`},
	gives("1.7 headers the gateway keeps to itself",
		`{"headers":{"Connection":"a","Content-Length":"7","Date":"b","Server":"c","Transfer-Encoding":"chunked",`+
			`"WWW-Authenticate":"d"},"body":"x"}`,
		testCase{status: 200, body: "x",
			header: map[string]string{"X-Amzn-Remapped-Connection": "a", "X-Amzn-Remapped-Content-Length": "7", "X-Amzn-Remapped-Date": "b",
				"X-Amzn-Remapped-Server": "c", "X-Amzn-Remapped-Www-Authenticate": "d", "Transfer-Encoding": ""}}),
	{name: "1.7 handler error", request: "GET /fail", status: 502, body: `{"message": "Internal server error"}`},
	{name: "1.7 concurrency exhausted is 500, never 429", request: "GET /fail?how=throttled", status: 500,
		body: `{"message": "Internal server error"}`},
	{name: "1.7 no AWS::Lambda::Permission", request: "GET /unpermitted", status: 500, calls: "none",
		reason: "no AWS::Lambda::Permission lets the gateway call Unpermitted"},
	{name: "1.7 a permission for another method", setup: setup{replace: []string{"/*/GET/items/special", "/*/GET/items/other"}},
		request: "GET /items/special", status: 500, calls: "none"},
	gives("1.7 integration timeout passed", "wait", testCase{status: 504, body: `{"message": "Endpoint request timed out"}`, calls: "Raw"}),
	{name: "1.7 integration httpMethod not POST", request: "GET /by-get", status: 500, body: `{"message": "Internal server error"}`,
		calls: "none", reason: "httpMethod is GET"},
	gives("1.7 successful answers carry ids and the trace", `{"statusCode":200}`, testCase{status: 200, then: func(t *testing.T, a *api) {
		r := a.send(t, "POST /result\n\n{}")
		for _, name := range []string{"X-Amzn-Trace-Id", "X-Amzn-Requestid", "X-Amz-Apigw-Id"} {
			assert.NotEmpty(t, r.header.Get(name), name)
		}
	}}),
	gives("1.7 the ids are the gateway's own", `{"headers":{"X-Amzn-RequestId":"theirs","X-Amz-Apigw-Id":"theirs"}}`,
		testCase{status: 200, then: func(t *testing.T, a *api) {
			r := a.send(t, "POST /result\n\n"+`{"headers":{"X-Amzn-RequestId":"theirs","X-Amz-Apigw-Id":"theirs"}}`)
			assert.Len(t, r.header.Values("x-amzn-RequestId"), 1)
			assert.Len(t, r.header.Values("x-amz-apigw-id"), 1)
			assert.NotContains(t, r.raw, "theirs")
		}}),
	gives("1.7 Set-Cookie is not joined", `{"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]}}`,
		testCase{status: 200, then: func(t *testing.T, a *api) {
			assert.Equal(t, []string{"a=1", "b=2"},
				a.send(t, "POST /result\n\n"+`{"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]}}`).header.Values("Set-Cookie"))
		}}),
}

// status sends a request again and again and returns the statuses.
func (a *api) statuses(t *testing.T, n int, request string) []int {
	t.Helper()
	var all []int
	for range n {
		all = append(all, a.send(t, request).status)
	}
	return all
}

const planned = "\nx-api-key: key-in-the-plan-00000"

var throttles = []testCase{
	{name: "1.8 stage throttle of one path, slashes encoded", request: "GET /slow/1", status: 200, then: func(t *testing.T, a *api) {
		assert.Equal(t, []int{200, 429, 429}, a.statuses(t, 3, "GET /slow/2"), "two at once, one a second")
		assert.Contains(t, a.entry().Reason, "the stage's throttle")
		a.wait(time.Second)
		assert.Equal(t, []int{200, 429}, a.statuses(t, 2, "GET /slow/3"))
	}},
	{name: "1.8 a setting for all methods gives each its own bucket",
		setup:   setup{replace: []string{`HttpMethod: GET, ResourcePath: "/~1slow~1{id}"`, `HttpMethod: "*", ResourcePath: "/*"`}},
		request: "GET /only-get", status: 200, then: func(t *testing.T, a *api) {
			assert.Equal(t, []int{200, 429}, a.statuses(t, 2, "GET /only-get"))
			assert.Equal(t, []int{200, 200, 429}, a.statuses(t, 3, "GET /echo"))
		}},
	{name: "1.8 usage plan: rate and burst", request: "GET /keyed" + planned, status: 200, then: func(t *testing.T, a *api) {
		assert.Equal(t, []int{200, 200, 429}, a.statuses(t, 3, "GET /keyed"+planned))
		assert.Contains(t, a.entry().Reason, "usage plan Plan")
		a.wait(time.Second)
		assert.Equal(t, []int{200, 429}, a.statuses(t, 2, "GET /keyed"+planned))
	}},
	{name: "1.8 usage plan: an entry for the method", request: "POST /keyed" + planned, status: 200, then: func(t *testing.T, a *api) {
		assert.Equal(t, []int{429}, a.statuses(t, 1, "POST /keyed"+planned))
		assert.Equal(t, []int{200}, a.statuses(t, 1, "GET /keyed"+planned), "the others have their own")
	}},
	{name: "1.8 usage plan before stage",
		setup:   setup{replace: []string{`HttpMethod: GET, ResourcePath: "/~1slow~1{id}"`, `HttpMethod: GET, ResourcePath: /~1keyed`}},
		request: "GET /keyed" + planned, status: 200, then: func(t *testing.T, a *api) {
			assert.Equal(t, []int{200, 429}, a.statuses(t, 2, "GET /keyed"+planned))
			assert.Contains(t, a.entry().Reason, "the stage's throttle", "it has two at once, the plan three")
			assert.Equal(t, []int{429}, a.statuses(t, 1, "GET /keyed"+planned))
			assert.Contains(t, a.entry().Reason, "usage plan Plan", "asked first, and used up by what the stage refused")
		}},
	{name: "1.8 account: 5,000 at once", request: "GET /only-get", status: 200, then: func(t *testing.T, a *api) {
		for range 4_999 { // what is refused later counts as well, and costs less
			a.serve(t, "/required")
		}
		assert.Equal(t, 429, a.serve(t, "/required"))
		assert.Contains(t, a.entry().Reason, "the account's throttle")
	}},
	{name: "1.8 throttles come with the key check, after the authorizer",
		setup:   setup{replace: []string{`HttpMethod: GET, ResourcePath: /~1shut`, `HttpMethod: GET, ResourcePath: /~1request`}},
		request: "GET /request" + bearer + "good", status: 429, calls: "Authorizer"},
	{name: "1.8 quota", request: "GET /keyed\nx-api-key: key-with-a-quota-00000", status: 200, then: func(t *testing.T, a *api) {
		const request = "GET /keyed\nx-api-key: key-with-a-quota-00000"
		assert.Equal(t, []int{200, 429}, a.statuses(t, 2, request), "three less the offset")
		r := a.send(t, request)
		assert.Contains(t, r.body, `{"message":"Limit Exceeded"}`)
		assert.Equal(t, "LimitExceededException", r.header.Get("x-amzn-ErrorType"))
		a.wait(5 * time.Hour) // 10 July 19:19 -> the 11th
		assert.Equal(t, []int{200, 200, 200, 429}, a.statuses(t, 4, request))
	}},
	{name: "1.8 quota of a week", setup: setup{replace: []string{"Period: DAY", "Period: WEEK"}},
		request: "GET /keyed\nx-api-key: key-with-a-quota-00000", status: 200, then: func(t *testing.T, a *api) {
			const request = "GET /keyed\nx-api-key: key-with-a-quota-00000"
			assert.Equal(t, []int{200, 429}, a.statuses(t, 2, request))
			a.wait(24 * time.Hour) // Saturday
			assert.Equal(t, []int{429}, a.statuses(t, 1, request))
			a.wait(24 * time.Hour)
			assert.Equal(t, []int{200}, a.statuses(t, 1, request))
		}},
	{name: "1.8 quota of a month", setup: setup{replace: []string{"Period: DAY", "Period: MONTH"}},
		request: "GET /keyed\nx-api-key: key-with-a-quota-00000", status: 200, then: func(t *testing.T, a *api) {
			const request = "GET /keyed\nx-api-key: key-with-a-quota-00000"
			assert.Equal(t, []int{200, 429}, a.statuses(t, 2, request))
			a.wait(20 * 24 * time.Hour) // 30 July
			assert.Equal(t, []int{429}, a.statuses(t, 1, request))
			a.wait(48 * time.Hour)
			assert.Equal(t, []int{200}, a.statuses(t, 1, request))
		}},
	{name: "1.8 API key unknown", request: "GET /keyed\nx-api-key: nobody", status: 403, body: `{"message":"Forbidden"}`,
		reason: "is not a key of the template"},
	{name: "1.8 API key disabled", request: "GET /keyed\nx-api-key: key-that-is-disabled-0", status: 403, reason: "DisabledKey is disabled"},
	{name: "1.8 API key in no plan of this stage", request: "GET /keyed\nx-api-key: key-in-no-plan-at-all-0", status: 403,
		reason: "LooseKey is in no usage plan"},
	{name: "1.8 API key without a value is made", request: "GET /keyed\nx-api-key: namelesskey000000000", status: 403,
		reason: "NamelessKey is in no usage plan"},
	{name: "1.8 authorizer and key on one method", request: "GET /both?q=1" + bearer + "good" + planned, status: 200},
	{name: "1.8 key source AUTHORIZER",
		setup:   setup{replace: []string{"BODY_EXTENSIONS: {}", "x-amazon-apigateway-api-key-source: AUTHORIZER"}},
		request: "GET /both?q=1" + bearer + "key", status: 200, then: func(t *testing.T, a *api) {
			assert.Equal(t, 403, a.send(t, "GET /both?q=1"+bearer+"good"+planned).status, "the header does not count then")
			assert.Contains(t, a.entry().Reason, "usageIdentifierKey is missing")
		}},
}

var authorizers = []testCase{
	{name: "1.9 TOKEN input", request: "GET /token" + bearer + "one method", status: 200, calls: "Authorizer",
		then: func(t *testing.T, a *api) {
			assert.JSONEq(t,
				`{"type":"TOKEN","authorizationToken":"Bearer one method","methodArn":"arn:aws:execute-api:eu-west-1:123456789012:api/dev/GET/token"}`,
				a.given["Authorizer"])
		}},
	{name: "1.9 TOKEN regex mismatch", request: "GET /token" + bearer + "UPPER", status: 401, calls: "none",
		reason: "identityValidationExpression"},
	{name: "1.9 TOKEN regex: a part of the token does not count", request: "GET /token" + bearer + "goodX", status: 401, calls: "none",
		then: func(t *testing.T, a *api) {
			assert.Equal(t, 401, a.send(t, "GET /token\nAuthorization: A Bearer good").status)
			assert.Empty(t, a.calls)
			assert.Equal(t, 200, a.send(t, "GET /token"+bearer+"good").status)
		}},
	{name: "1.9 TOKEN regex: before the cache", request: "GET /token" + bearer + "good", status: 200, then: func(t *testing.T, a *api) {
		assert.Equal(t, 401, a.send(t, "GET /token"+bearer+"good!").status)
		assert.Equal(t, 200, a.send(t, "GET /token"+bearer+"good").status)
		assert.Equal(t, 1, a.calls["Authorizer"])
	}},
	{name: "1.9 TOKEN missing", request: "GET /token", status: 401, calls: "none"},
	{name: "1.9 REQUEST input is the event", request: "GET /request/7?a=1" + bearer + "good", status: 200, calls: "Authorizer",
		then: func(t *testing.T, a *api) {
			var e map[string]any
			require.NoError(t, json.Unmarshal([]byte(a.given["Authorizer"]), &e))
			assert.Equal(t,
				[]string{"headers", "httpMethod", "methodArn", "multiValueHeaders", "multiValueQueryStringParameters", "path", "pathParameters",
					"queryStringParameters", "requestContext", "resource", "stageVariables", "type"}, keysOf(e))
			assert.Equal(t, "REQUEST", e["type"])
			assert.Equal(t, "arn:aws:execute-api:eu-west-1:123456789012:api/dev/GET/request/7", e["methodArn"])
			assert.Equal(t, map[string]any{"id": "7"}, e["pathParameters"])
		}},
	{name: "1.9 REQUEST: several identity sources, all needed", request: "GET /two-sources?tenant=x" + bearer + "good", status: 200,
		then: func(t *testing.T, a *api) {
			assert.Equal(t, 401, a.send(t, "GET /two-sources"+bearer+"good").status)
			assert.Contains(t, a.entry().Reason, "method.request.querystring.tenant")
			assert.Equal(t, 200, a.send(t, "GET /two-sources?tenant=x"+bearer+"good").status)
			assert.Equal(t, 1, a.calls["Authorizer"], "cached")
			assert.Equal(t, 200, a.send(t, "GET /two-sources?tenant=y"+bearer+"good").status)
			assert.Equal(t, 2, a.calls["Authorizer"], "the key is all values")
		}},
	{name: "1.9 output without a policy", request: "GET /request" + bearer + "malformed", status: 500, body: `{"message":null}`},
	{name: "1.9 output with a nested context", request: "GET /request" + bearer + "nested", status: 500, body: `{"message":null}`,
		reason: "context.list is neither"},
	{name: "1.9 output with a Resource of more than 512 characters", request: "GET /request" + bearer + "long", status: 500,
		reason: "longer than 512"},
	{name: "1.9 a method ARN of more than 1,600 bytes", request: "GET /request/" + strings.Repeat("x", 1600) + bearer + "good", status: 414,
		calls: "none"},
	{name: "1.9 cache: TTL 300 by default", request: "GET /request" + bearer + "good", status: 200, then: func(t *testing.T, a *api) {
		a.wait(299 * time.Second)
		assert.Equal(t, []int{200}, a.statuses(t, 1, "GET /request"+bearer+"good"))
		assert.Equal(t, 1, a.calls["Authorizer"])
		a.wait(time.Second)
		assert.Equal(t, []int{200}, a.statuses(t, 1, "GET /request"+bearer+"good"))
		assert.Equal(t, 2, a.calls["Authorizer"])
	}},
	{name: "1.9 cache: TTL of the template", request: "GET /token" + bearer + "good", status: 200, then: func(t *testing.T, a *api) {
		a.wait(60 * time.Second)
		assert.Equal(t, []int{200}, a.statuses(t, 1, "GET /token"+bearer+"good"))
		assert.Equal(t, 2, a.calls["Authorizer"])
	}},
	{name: "1.9 cache: TTL 0 is off, and a missing source is the function's to judge", request: "GET /uncached" + bearer + "good", status: 200,
		then: func(t *testing.T, a *api) {
			assert.Equal(t, []int{200}, a.statuses(t, 1, "GET /uncached"+bearer+"good"))
			assert.Equal(t, 2, a.calls["Authorizer"])
			assert.Equal(t, []int{200}, a.statuses(t, 1, "GET /uncached"))
			assert.Equal(t, 3, a.calls["Authorizer"])
		}},
	{name: "1.9 cache: a policy of one method makes the next one 403", request: "GET /request" + bearer + "one method", status: 200,
		then: func(t *testing.T, a *api) {
			assert.Equal(t, 403, a.send(t, "POST /request"+bearer+"one method").status)
			assert.Equal(t, 1, a.calls["Authorizer"])
		}},
	{name: "1.9 cache: denials too", request: "GET /request" + bearer + "deny", status: 403, then: func(t *testing.T, a *api) {
		assert.Equal(t, 403, a.send(t, "GET /request"+bearer+"deny").status)
		assert.Equal(t, 1, a.calls["Authorizer"])
	}},
	{name: "1.9 cache: failures are not kept", request: "GET /request" + bearer + "error", status: 500, then: func(t *testing.T, a *api) {
		assert.Equal(t, 500, a.send(t, "GET /request"+bearer+"error").status)
		assert.Equal(t, 2, a.calls["Authorizer"])
	}},
	{name: "1.9 failure: error text exactly Unauthorized", request: "GET /request" + bearer + "unauthorized", status: 401,
		body: `{"message":"Unauthorized"}`},
	{name: "1.9 failure: any other error", request: "GET /request" + bearer + "error", status: 500, body: `{"message":null}`},
	{name: "1.9 failure: two answers", request: "GET /request" + bearer + "two answers", status: 500, body: `{"message":null}`,
		reason: "malformed answer"},
	{name: "1.9 failure: timeout", request: "GET /request" + bearer + "timeout", status: 500, body: `{"message":null}`},
	{name: "1.9 the integration's timeout does not apply to the authorizer", request: "GET /patient" + bearer + "patient", status: 200},
	{name: "1.9 failure: policy silent", request: "GET /request" + bearer + "silent", status: 403},
	{name: "1.9 failure: explicit deny", request: "GET /request" + bearer + "deny", status: 403, holds: []string{"with an explicit deny"}},
	{name: "1.9 no AWS::Lambda::Permission for the authorizer", request: "GET /forbidden-authorizer" + bearer + "good", status: 500,
		body: `{"message":null}`, calls: "none", reason: "no AWS::Lambda::Permission"},
	{name: "1.9 resource policy: without an authorizer an explicit Allow is needed",
		setup:   resourcePolicy(denyIf("execute-api:/*", `NotIpAddress: {"aws:SourceIp": [127.0.0.1]}`)),
		request: "GET /only-get", status: 403, holds: []string{"is not authorized to perform"}, then: func(t *testing.T, a *api) {
			assert.Equal(t, 200, a.send(t, "GET /request"+bearer+"good").status, "the authorizer's policy allows")
		}},
	{name: "1.9 resource policy: Allow * and Deny NotIpAddress", request: "GET /only-get", status: 200,
		setup: resourcePolicy(allowAll, denyIf("execute-api:/dev/*", `NotIpAddress: {"aws:SourceIp": ["10.0.0.0/8", 127.0.0.1]}`))},
	{name: "1.9 resource policy: a denied source", setup: resourcePolicy(allowAll, denyHere), request: "GET /request" + bearer + "good",
		status: 403, holds: []string{"with an explicit deny"}, calls: "none", reason: "from 127.0.0.1"},
	{name: "1.9 resource policy: Allow decides where the authorizer's policy is silent", setup: resourcePolicy(allowAll),
		request: "GET /request" + bearer + "silent", status: 200},
	{name: "1.9 resource policy: a VPC endpoint that a laptop does not have",
		setup:   resourcePolicy(allowAll, denyIf("execute-api:/*", `StringNotEquals: {"aws:SourceVpce": vpce-1}`)),
		request: "GET /only-get", status: 403, holds: []string{"with an explicit deny"}},
}

var sizes = []testCase{
	{name: "1.10 payload of 10 MB", request: "POST /old/x\n\n" + strings.Repeat("x", 10<<20), status: 200},
	{name: "1.10 payload of 10 MB and 1", request: "POST /old/x\n\n" + strings.Repeat("x", 10<<20+1), status: 413,
		body: "HTTP content length exceeded 10485760 bytes.", header: map[string]string{"X-Amzn-Errortype": "", "Content-Type": "text/plain"},
		calls: "none"},
	{name: "1.10 Lambda request", request: "POST /result\n\n" + strings.Repeat("x", 6_291_456), status: 413,
		body: `{"message": "Request Too Long"}`, calls: "none"},
	{name: "1.10 a body that is not chunked as it says", request: "POST /echo\nTransfer-Encoding: chunked\n\nno length\r\n", status: 400,
		calls: "none", reason: "malformed"},
	{name: "1.10 a body that does not come", setup: setup{bodyTime: 50 * time.Millisecond},
		request: "POST /echo\nTransfer-Encoding: chunked\n\n5\r\nhello\r\n", status: 408, calls: "none", reason: "did not come in time"},
	{name: "1.10 Lambda request: as the bytes of JSON, not of its escapes",
		request: "POST /echo\nContent-Type: text/plain\n\n" + strings.Repeat("<", 2<<20), status: 200,
		event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, strings.Repeat("<", 2<<20), e["body"])
		}},
	{name: "1.10 all header values together",
		request: "GET /echo\nX-A: " + strings.Repeat("x", 5_200) + "\nX-B: " + strings.Repeat("x", 5_200), status: 431,
		body: "HTTP header is larger than 10240 bytes."},
	{name: "1.10 URL", request: "GET /echo?" + strings.Repeat("x", 10_240), status: 414, calls: "none"},
	{name: "1.10 integration timeout", request: "GET /fail?how=slow", status: 504},
}

var others = []testCase{
	{name: "1.11 binary request body", request: "POST /echo\nContent-Type: application/octet-stream\n\n\xff\x00", status: 200,
		event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, true, e["isBase64Encoded"])
			assert.Equal(t, base64Of("\xff\x00"), e["body"])
		}},
	{name: "1.11 text request body", request: "POST /echo\nContent-Type: text/plain\n\nhé", status: 200,
		event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, false, e["isBase64Encoded"])
			assert.Equal(t, "hé", e["body"])
		}},
	{name: "1.11 text request body that is not UTF-8",
		request: "POST /echo\nContent-Type: text/plain\n\nM\xfcller M\xf6ller \xff\xfe \xe2\x82 \xf0\x9f\x98x \xc0\xaf \ufffd \xe2", status: 200,
		event: func(t *testing.T, e map[string]any) {
			assert.Equal(t, false, e["isBase64Encoded"])
			assert.Equal(t, "M\ufffdller M\ufffdller \ufffd\ufffd \ufffd \ufffdx \ufffd\ufffd \ufffd \ufffd", e["body"])
		}},
	{name: "1.11 binaryMediaTypes */* covers all", setup: setup{replace: []string{"application~1octet-stream", "'*~1*'"}},
		request: "POST /echo\nContent-Type: text/plain\n\nhi", status: 200,
		event: func(t *testing.T, e map[string]any) { assert.Equal(t, base64Of("hi"), e["body"]) }},
	{name: "1.11 stage variables in the event", request: "GET /only-get", status: 200, event: func(t *testing.T, e map[string]any) {
		assert.Equal(t, map[string]any{"color": "blue"}, e["stageVariables"])
	}},
	{name: "1.11 stage variables in URIs, missing is empty", request: "GET /staged", status: 200,
		then: func(t *testing.T, a *api) { assert.Equal(t, "/blue/", a.backend[0].URL.Path) }},
	{name: "1.11 access log",
		setup: accessLog("requestId", "status", "error.responseType", "resourcePath", "httpMethod", "error.messageString", "nope",
			"integration.status", "responseLength", "authorizer.principalId", "identity.apiKeyId"),
		request: "GET /request" + bearer + "good\nx-amzn-RequestId: r1", status: 200, then: func(t *testing.T, a *api) {
			a.send(t, "GET /nope\nx-amzn-RequestId: r2")
			a.send(t, "GET /fail\nx-amzn-RequestId: r3")
			a.send(t, "POST /result\nx-amzn-RequestId: r4\n\n"+`{"statusCode":404,"body":"none"}`)
			require.Len(t, a.access, 4)
			assert.Regexp(t, `^r1 200 - /request GET - - 200 \d+ client-1 -$`, a.access[0])
			assert.Equal(t, `r2 403 MISSING_AUTHENTICATION_TOKEN - GET "Missing Authentication Token" - - 42 - -`, a.access[1])
			assert.Equal(t, `r3 502 INTEGRATION_FAILURE /fail GET  "Internal server error" - - 36 - -`, a.access[2])
			assert.Equal(t, `r4 404 - /result POST - - 404 4 - -`, a.access[3])
		}},
	{name: "1.11 access log: what the gateway measured",
		setup: accessLog("authorizer.status", "authorizer.error", "integrationErrorMessage", "integration.integrationStatus",
			"integration.latency", "responseLatency", "xrayTraceId"),
		request: "GET /request" + bearer + "error", status: 500, then: func(t *testing.T, a *api) {
			a.send(t, "GET /fail")
			assert.Regexp(t, `^500 errorString: no database - - - \d+ 1-[0-9a-f-]+$`, a.access[0])
			assert.Regexp(t, `^- - out of paper 200 \d+ \d+ 1-[0-9a-f-]+$`, a.access[1])
		}},
	{name: "1.11 mock", request: "GET /mock?code=200", status: 200, header: map[string]string{"X-Color": "blue", "X-Fixed": "yes"},
		holds: []string{`"color":"blue"`}, calls: "none", then: func(t *testing.T, a *api) {
			r := a.send(t, "GET /mock?code=404")
			assert.Equal(t, 418, r.status)
			assert.Equal(t, `{"tea":true}`, r.body)
			assert.Equal(t, "plain", a.send(t, "GET /mock?code=200\nAccept: text/plain").body)
		}},
	{name: "1.11 mock: names without quotation marks, as the CDK writes them", setup: mockTemplate("{statusCode: 200}"),
		request: "PUT /mock", status: 200},
	{name: "1.11 mock: nearly JSON", setup: mockTemplate(` {a: 'b', 'statusCode' :200,} `), request: "PUT /mock", status: 200},
	{name: "1.11 mock: a statusCode further in", setup: mockTemplate("{a: {statusCode: 200}}"), request: "PUT /mock", status: 500,
		reason: "gives no statusCode"},
	{name: "1.11 mock: a statusCode that is no number", setup: mockTemplate("{statusCode: ok}"), request: "PUT /mock", status: 500,
		reason: "gives no statusCode"},
	{name: "1.11 mock without an answer for the status", request: "PUT /mock", status: 500,
		reason: "no response of the mock fits the status 500"},
}

// mockTemplate sets the request template of PUT /mock.
func mockTemplate(text string) setup {
	return setup{replace: []string{`'{"statusCode": 500}'`, `"` + text + `"`}}
}

// accessLog sets the access log's format: $context values, one after the other.
func accessLog(values ...string) setup {
	return setup{replace: []string{"ACCESS_LOG", "'$context." + strings.Join(values, " $context.") + "'"}}
}

func backend(t *testing.T, a *api) *http.Request {
	t.Helper()
	require.NotEmpty(t, a.backend)
	return a.backend[len(a.backend)-1]
}

var facade = []testCase{
	{name: "1.11 façade: method, path and body go on", request: "PUT /old/a%2Fb/c%20d?x=1\nContent-Type: text/csv\n\na;b", status: 200,
		then: func(t *testing.T, a *api) {
			r := backend(t, a)
			assert.Equal(t, "PUT", r.Method)
			assert.Equal(t, "/base/a%2Fb/c%20d?tag=ours&x=1", r.RequestURI)
			assert.Equal(t, "a;b", a.bodies[0])
			assert.Equal(t, "text/csv", r.Header.Get("Content-Type"))
		}},
	{name: "1.11 façade: a text body that is not UTF-8, and a binary one",
		request: "PUT /old/a\nContent-Type: text/csv\n\nM\xfcller", status: 200,
		then: func(t *testing.T, a *api) {
			assert.Equal(t, 200, a.send(t, "PUT /old/a\nContent-Type: application/octet-stream\n\nM\xfcller").status)
			assert.Equal(t, []string{"M\ufffdller", "M\xfcller"}, a.bodies)
		}},
	{name: "1.11 façade: {proxy} is filled only by its mapping", request: "GET /unmapped/x", status: 200, then: func(t *testing.T, a *api) {
		assert.Equal(t, "/{proxy}", backend(t, a).URL.Path)
	}},
	{name: "1.11 façade: dropped and added headers",
		request: "GET /old/x\nContent-Encoding: gzip\nVia: 1.1 x\nTE: trailers\nProxy-Authenticate: x\nX-Kept: 1", status: 200,
		then: func(t *testing.T, a *api) {
			r := backend(t, a)
			for _, name := range []string{"Content-Encoding", "Via", "Te", "Proxy-Authenticate"} {
				assert.Empty(t, r.Header.Get(name), name)
			}
			assert.Equal(t, "1", r.Header.Get("X-Kept"))
			assert.Equal(t, "api", r.Header.Get("X-Amzn-Apigateway-Api-Id"))
			assert.NotEmpty(t, r.Header.Get("X-Amzn-Trace-Id"))
			assert.Equal(t, "AmazonAPIGateway_api", r.Header.Get("User-Agent"))
			assert.Equal(t, "application/json", r.Header.Get("Accept"))
			assert.NotEqual(t, a.addr, r.Host, "the backend's own")
		}},
	{name: "1.11 façade: a mapped header replaces, a mapped query value is appended",
		request: "GET /old/x?tag=theirs&article=A1\nx-replaced: theirs" + bearer + "our-token", status: 200, then: func(t *testing.T, a *api) {
			r := backend(t, a)
			assert.Equal(t, []string{"ours"}, r.Header.Values("X-Replaced"))
			assert.Equal(t, []string{"Basic b2xk"}, r.Header.Values("Authorization"))
			assert.NotEmpty(t, r.Header.Get("X-Request-Id"))
			assert.Equal(t, []string{"theirs,ours"}, r.URL.Query()["tag"])
			assert.Equal(t, "A1", r.URL.Query().Get("number"))
		}},
	{name: "1.11 façade: an empty static value takes a header from the client, however it is spelled",
		setup:   setup{replace: []string{`integration.request.header.X-Replaced: "'ours'"`, `integration.request.header.X-Replaced: "''"`}},
		request: "GET /old/x\nx-rePLACED: theirs", status: 200, then: func(t *testing.T, a *api) {
			assert.Equal(t, []string{""}, backend(t, a).Header.Values("X-Replaced"))
		}},
	{name: "1.11 façade: a mapping can restore Host", request: "GET /renamed-host", status: 200, then: func(t *testing.T, a *api) {
		assert.Equal(t, "old.example.com", backend(t, a).Host)
	}},
	{name: "1.11 mapping Content-Length is 500 on every call", request: "GET /length", status: 500, reason: "Content-Length is not allowed",
		then: func(t *testing.T, a *api) { assert.Empty(t, a.backend) }},
	{name: "1.11 mapping Authorization to a function is 500", request: "GET /mapped-lambda", status: 500, calls: "none"},
	{name: "1.11 mappings of aws_proxy are not applied", request: "GET /unapplied", status: 200,
		event: func(t *testing.T, e map[string]any) { assert.NotContains(t, e["headers"], "X-Added") }},
	{name: "1.11 façade: response", request: "GET /old/x", status: 404, body: "gone",
		setup: setup{ends: func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range map[string]string{"Server": "old", "Connection": "keep-alive", "x-amzn-RequestId": "theirs",
				"Content-Encoding": "identity", "Via": "1.1 y", "X-Own": "1"} {
				w.Header().Set(name, value)
			}
			w.WriteHeader(404)
			_, _ = w.Write([]byte("gone"))
		}}, header: map[string]string{"X-Amzn-Remapped-Server": "old", "X-Amzn-Remapped-Connection": "keep-alive",
			"X-Amzn-Remapped-X-Amzn-Requestid": "theirs", "X-Amzn-Remapped-Content-Length": "4",
			"Content-Encoding": "", "Via": "", "X-Own": "1"}, then: func(t *testing.T, a *api) {
			assert.NotEqual(t, "theirs", a.send(t, "GET /old/x").header.Get("x-amzn-RequestId"))
		}},
	{name: "1.11 façade: a redirect is passed on", request: "GET /old/x", status: 302, header: map[string]string{"Location": "/elsewhere"},
		setup: setup{ends: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(302)
		}}},
	{name: "1.11 façade: invalid URI", request: "GET /no-url", status: 500, body: `{"message": "Internal server error"}`,
		reason: "is not an http or https URL"},
	{name: "1.11 façade: refused connection", request: "GET /nowhere", status: 500, body: `{"message": "Internal server error"}`,
		reason: "connection refused"},
	{name: "1.11 façade: TLS error", request: "GET /no-tls", status: 504, body: `{"message": "Network error communicating with endpoint"}`,
		reason: "certificate"},
	{name: "1.11 façade: timeout", request: "GET /old/x", status: 504, body: `{"message": "Endpoint request timed out"}`,
		setup: setup{replace: []string{"timeoutInMillis: 29000", "timeoutInMillis: 50"},
			ends: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		reason: "timeoutInMillis (50)"},
}

// TestNew_ResponseTypes: the types that there are, and no other.
func TestNew_ResponseTypes(t *testing.T) {
	t.Parallel()
	types := []string{"ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE", "BAD_REQUEST_BODY",
		"BAD_REQUEST_PARAMETERS",
		"DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_API_KEY", "INVALID_SIGNATURE",
		"MISSING_AUTHENTICATION_TOKEN",
		"QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED", "UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED"}
	api := &samtemplate.API{Responses: map[string]samtemplate.GatewayResponse{}}
	for _, name := range types {
		api.Responses[name] = samtemplate.GatewayResponse{}
	}
	_, err := apigateway.New(apigateway.Options{API: api})
	require.NoError(t, err)
	api.Responses["UNAUTHORISED"] = samtemplate.GatewayResponse{}
	_, err = apigateway.New(apigateway.Options{API: api})
	require.EqualError(t, err, "x-amazon-apigateway-gateway-responses.UNAUTHORISED: there is no such type")
}

// TestNew_Paths: what API Gateway does not import is not served.
func TestNew_Paths(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		paths []string
		want  string
	}{
		"right": {[]string{"/", "/a/{x}", "/a/{x}/b.png", "/a/{x}/{y}", "/a/b-c_d.e,f:g", "/b/{y}", "/b/{y}/c/{rest+}", "/a/{x}"}, ""},
		"a parameter that is a part of a segment": {[]string{"/a/{x}.png"}, `path /a/{x}.png: API Gateway imports no segment "{x}.png"`},
		"another character":                       {[]string{"/a/b~c"}, `path /a/b~c: API Gateway imports no segment "b~c"`},
		"two parameters in one place": {
			[]string{"/a/{x}", "/a/{y}/b"}, "path /a/{y}/b: API Gateway imports only one of {x} and {y} below /a/",
		},
		"a parameter beside a greedy one": {
			[]string{"/{x}/a", "/{proxy+}"}, "path /{proxy+}: API Gateway imports only one of {x} and {proxy+} below /",
		},
		"behind a greedy one": {[]string{"/a/{x+}/b"}, "path /a/{x+}/b: nothing may follow {x+}"},
		"no slash":            {[]string{"a"}, "path a: does not begin with a slash"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &samtemplate.API{}
			for _, path := range tt.paths {
				api.Methods = append(api.Methods, samtemplate.Method{Path: path, HTTPMethod: "GET",
					Integration: samtemplate.Integration{Type: samtemplate.HTTPProxy}})
			}
			_, err := apigateway.New(apigateway.Options{API: api})
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
		})
	}
}

// TestCases holds the gateway to what is known of API Gateway, case by case.
func TestCases(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	all := slices.Concat(routing, order, validation, gatewayResponses, events, results, throttles, authorizers, sizes, others, facade)
	for _, c := range all {
		require.False(t, names[c.name], c.name)
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func (c testCase) run(t *testing.T) {
	a := start(t, c.setup)
	got := a.send(t, c.request)
	require.Equal(t, c.status, got.status, got.body)
	if c.body != "" {
		assert.Equal(t, c.body, got.body)
	}
	for _, text := range c.holds {
		assert.Contains(t, got.body, text)
	}
	for name, want := range c.header {
		assert.Equal(t, want, got.header.Get(name), name)
	}
	switch c.calls {
	case "":
	case "none":
		assert.Empty(t, a.calls)
	default:
		assert.Equal(t, 1, a.calls[c.calls], a.calls)
	}
	if c.reason != "" {
		assert.Contains(t, a.entry().Reason, c.reason)
		assert.Equal(t, c.status, a.entry().Status)
	}
	if c.event != nil {
		c.event(t, got.event(t))
	}
	if c.then != nil {
		c.then(t, a)
	}
}

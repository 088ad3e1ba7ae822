package apigateway

import (
	"encoding/base64"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"

	"pricing/tools/local/samtemplate"
)

const (
	apiID       = "local"
	requestTime = "02/Jan/2006:15:04:05 -0700"
)

// dropped headers never reach a function (recorded).
var dropped = map[string]bool{
	"Connection": true, "Content-Length": true, "Content-Md5": true, "Expect": true, "Max-Forwards": true, "Proxy-Authenticate": true, "Server": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Www-Authenticate": true,
}

// event builds the proxy event, payload version 1. Absent maps and an absent body are null.
func (x *exchange) event() map[string]any {
	e := x.request()
	e["body"], e["isBase64Encoded"] = nil, false
	switch {
	case len(x.body) == 0:
	case x.isBinary(x.r.Header.Get("Content-Type")):
		e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString(x.body), true
	default:
		e["body"] = string(x.body)
	}
	return e
}

// request is the part of the event that an authorizer gets as well.
func (x *exchange) request() map[string]any {
	single, multi := x.headers()
	context := map[string]any{
		"accountId": samtemplate.AccountID, "apiId": apiID, "deploymentId": "local", "domainName": x.r.Host, "domainPrefix": strings.Split(x.r.Host, ".")[0],
		"extendedRequestId": x.extended, "httpMethod": x.method, "path": x.fullPath, "protocol": "HTTP/1.1", "requestId": x.requestID,
		"requestTime": x.start.UTC().Format(requestTime), "requestTimeEpoch": x.start.UnixMilli(), "resourceId": hash(x.route.ResourcePath)[:6],
		"resourcePath": x.route.ResourcePath, "stage": x.g.o.API.Stage,
		"identity": map[string]any{
			"accessKey": nil, "accountId": nil, "caller": nil, "cognitoAuthenticationProvider": nil, "cognitoAuthenticationType": nil,
			"cognitoIdentityId": nil, "cognitoIdentityPoolId": nil, "principalOrgId": nil, "sourceIp": x.sourceIP(), "user": nil,
			"userAgent": x.r.UserAgent(), "userArn": nil,
		},
	}
	if x.route.OperationID != "" {
		context["operationName"] = x.route.OperationID
	}
	if x.principal != nil {
		context["authorizer"] = x.principal
	}
	e := map[string]any{
		"resource": x.route.ResourcePath, "path": x.path, "httpMethod": x.method, "headers": orNull(single), "multiValueHeaders": orNull(multi),
		"queryStringParameters": nil, "multiValueQueryStringParameters": nil, "pathParameters": orNull(x.params),
		"stageVariables": orNull(x.g.o.API.Variables), "requestContext": context,
	}
	if query := parseQuery(x.r.URL.RawQuery); len(query) > 0 {
		last := map[string]string{}
		for name, values := range query {
			last[name] = values[len(values)-1]
		}
		e["queryStringParameters"], e["multiValueQueryStringParameters"] = last, query
	}
	return e
}

func orNull[V any](m map[string]V) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

// parseQuery decodes values once; ";" splits like "&".
func parseQuery(raw string) map[string][]string {
	out := map[string][]string{}
	for _, pair := range strings.FieldsFunc(raw, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescape(name), unescape(value)
		out[name] = append(out[name], value)
	}
	return out
}

func unescape(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// headers returns the request's headers, last value and all values, with those that API Gateway adds. Names come in
// canonical form here, which a function must not rely on: AWS keeps the client's casing.
func (x *exchange) headers() (single map[string]string, multi map[string][]string) {
	single, multi = map[string]string{}, map[string][]string{}
	add := func(name string, values ...string) {
		single[name], multi[name] = values[len(values)-1], values
	}
	for name, values := range x.r.Header {
		if !dropped[name] {
			add(name, values...)
		}
	}
	_, port, _ := net.SplitHostPort(x.r.Host) // no port is empty
	if port == "" {
		port = "80"
	}
	add("Host", x.r.Host)
	add("X-Forwarded-For", strings.TrimPrefix(strings.Join(append(x.r.Header.Values("X-Forwarded-For"), x.sourceIP()), ", "), ", "))
	add("X-Forwarded-Port", port)
	add("X-Forwarded-Proto", "http")
	add("X-Amzn-Trace-Id", x.trace)
	if single["User-Agent"] == "" {
		add("User-Agent", "AmazonAPIGateway_"+apiID)
	}
	if single["Accept"] == "" {
		add("Accept", "application/json")
	}
	return single, multi
}

func (x *exchange) isBinary(media string) bool {
	if parsed, _, err := mime.ParseMediaType(media); err == nil {
		media = parsed
	}
	for _, t := range x.g.o.API.Binary {
		if t == "*/*" || t == media {
			return true
		}
	}
	return false
}

// firstAccept is the only media type of Accept that counts for binary answers.
func firstAccept(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
	return strings.TrimSpace(first)
}

package apigateway

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"pricing/samkit/local/samtemplate"
)

const (
	deploymentID = "local"
	requestTime  = "02/Jan/2006:15:04:05 -0700"
)

// resourceID is derived from the path; on AWS it is random.
func resourceID(m *samtemplate.Method) string { return hex.EncodeToString([]byte(hash(m.Path)))[:6] }

// dropped headers never reach a function or backend (recorded).
var dropped = map[string]bool{
	"Connection": true, "Content-Length": true, "Content-Md5": true, "Expect": true, "Max-Forwards": true,
	"Proxy-Authenticate": true, "Server": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
	"Www-Authenticate": true,
}

// encode is json.Marshal without the escapes of <, > and &, which could make an event several times as long.
func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
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

// utf8Text is a text as the gateway hands it on (textIsUTF8). Each byte that is not UTF-8 becomes U+FFFD, and so do, together,
// bytes that begin a character which then breaks off. Texts in another encoding that differ may become equal.
func utf8Text(s string) string {
	if utf8.ValidString(s) || !textIsUTF8 {
		return s
	}
	var text strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		for r == utf8.RuneError && size < min(utf8.UTFMax-1, len(s)) && !utf8.FullRuneInString(s[:size+1]) {
			size++
		}
		text.WriteRune(r)
		s = s[size:]
	}
	return text.String()
}

// request is the part of the event that an authorizer gets as well.
func (x *exchange) request() map[string]any {
	single, multi := x.headers()
	identity := map[string]any{
		"accessKey": nil, "accountId": nil, "caller": nil, "cognitoAuthenticationProvider": nil, "cognitoAuthenticationType": nil,
		"cognitoIdentityId": nil, "cognitoIdentityPoolId": nil, "principalOrgId": nil, "sourceIp": x.sourceIP(), "user": nil,
		"userAgent": nil, "userArn": nil,
	}
	if agent := x.r.UserAgent(); agent != "" {
		identity["userAgent"] = agent
	}
	if x.apiKey != nil {
		identity["apiKey"], identity["apiKeyId"] = x.apiKey.Value, strings.ToLower(x.apiKey.LogicalID)
	}
	context := map[string]any{
		"accountId": samtemplate.AccountID, "apiId": x.g.o.API.ID, "deploymentId": deploymentID, "stage": x.g.o.API.Stage,
		"domainName": x.r.Host, "domainPrefix": strings.Split(x.r.Host, ".")[0], "protocol": "HTTP/1.1",
		"httpMethod": x.method, "path": x.fullPath, "resourceId": resourceID(x.route), "resourcePath": x.route.Path,
		"requestId": x.requestID, "extendedRequestId": x.extended,
		"requestTime": x.start.UTC().Format(requestTime), "requestTimeEpoch": x.start.UnixMilli(), "identity": identity,
	}
	if x.route.OperationID != "" {
		context["operationName"] = x.route.OperationID
	}
	if x.principal != nil {
		context["authorizer"] = x.principal
	}
	e := map[string]any{
		"resource": x.route.Path, "path": x.path, "httpMethod": x.method, "headers": orNull(single), "multiValueHeaders": orNull(multi),
		"queryStringParameters": nil, "multiValueQueryStringParameters": nil, "pathParameters": orNull(x.params),
		"stageVariables": orNull(x.g.o.API.Variables), "requestContext": context,
	}
	if len(x.query) > 0 {
		single := map[string]string{}
		for name, values := range x.query {
			single[name] = last(values)
		}
		e["queryStringParameters"], e["multiValueQueryStringParameters"] = single, x.query
	}
	return e
}

func orNull[V any](m map[string]V) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

// parseQuery decodes values once; ";" separates like "&".
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
		s = decoded
	}
	return utf8Text(s)
}

// headers returns the last value and all values of each request header, and of those that API Gateway adds.
func (x *exchange) headers() (single map[string]string, multi map[string][]string) {
	single, multi = map[string]string{}, map[string][]string{}
	add := func(name string, values ...string) {
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = utf8Text(v)
		}
		single[name], multi[name] = texts[len(texts)-1], texts
	}
	for name, values := range x.sent {
		if canonical := http.CanonicalHeaderKey(name); !dropped[canonical] && canonical != "X-Amzn-Trace-Id" {
			add(name, values...)
		}
	}
	_, port, _ := net.SplitHostPort(x.r.Host) // without a port it is empty
	if port == "" {
		port = "80"
	}
	add("Host", x.r.Host)
	add("X-Forwarded-For", strings.TrimPrefix(strings.Join(append(x.r.Header.Values("X-Forwarded-For"), x.sourceIP()), ", "), ", "))
	add("X-Forwarded-Port", port)
	add("X-Forwarded-Proto", "http")
	add("X-Amzn-Trace-Id", x.trace)
	if x.r.UserAgent() == "" {
		add("User-Agent", "AmazonAPIGateway_"+x.g.o.API.ID)
	}
	if x.r.Header.Get("Accept") == "" {
		add("Accept", "application/json")
	}
	return single, multi
}

func (x *exchange) isBinary(media string) bool {
	if media == "" {
		return false
	}
	media = mediaType(media)
	for _, t := range x.g.o.API.Binary {
		if t == "*/*" || t == media {
			return true
		}
	}
	return false
}

// firstAccept is the first media type of Accept, the only one that counts for binary answers.
func firstAccept(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
	return strings.TrimSpace(first)
}

// mediaType is a Content-Type without its parameters.
func mediaType(s string) string {
	if parsed, _, err := mime.ParseMediaType(s); err == nil {
		return parsed
	}
	return s
}

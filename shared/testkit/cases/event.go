package cases

import (
	"bytes"
	_ "embed" // event.json
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pricing/shared/gateway"
)

// sameForAll is what every event has.
//
//go:embed event.json
var sameForAll []byte

// usualScopes are those of the usual token.
const usualScopes = "ingest read catalog"

type object = map[string]any

// Event returns the complete proxy event of a case's request to an endpoint.
func (c Case) Event(tb testing.TB, e gateway.Endpoint) []byte {
	tb.Helper()
	method, path, query := c.target(tb)
	parameters, ok := match(e.Route, method, path)
	require.True(tb, ok, "%s: %s is no request to %s", c.file, c.Request, e.Route)
	_, resource, _ := strings.Cut(e.Route, " ")

	var event object
	require.NoError(tb, json.Unmarshal(sameForAll, &event))
	event["resource"] = resource
	event["path"] = path
	event["httpMethod"] = method
	event["pathParameters"] = orNull(parameters)
	event["queryStringParameters"] = orNull(last(query))
	event["multiValueQueryStringParameters"] = orNull(query)
	context := event["requestContext"].(object)
	context["resourcePath"] = resource
	context["path"] = "/dev" + path
	context["httpMethod"] = method

	headers := event["headers"].(object)
	if e.Scope != "" {
		headers["Authorization"] = "Bearer cpi_dev_redacted"
	}
	if c.sent(tb) != nil {
		headers["Content-Type"] = "application/json"
	}
	for name, value := range c.Headers {
		for usual := range headers {
			if strings.EqualFold(usual, name) {
				delete(headers, usual)
			}
		}
		if value != nil {
			headers[name] = *value
		}
	}
	lists := object{}
	for name, value := range headers {
		lists[name] = []any{value}
	}
	event["multiValueHeaders"] = lists

	event["body"] = c.sent(tb)
	event["isBase64Encoded"] = false
	if e.Scope != "" {
		scopes := usualScopes
		if c.Scopes != nil {
			scopes = *c.Scopes
		}
		context["authorizer"] = object{
			"principalId": "crawler-a", "clientId": "crawler-a", "scopes": scopes, "sources": c.Sources, "keyId": "0123456789abcdef",
			"integrationLatency": 3,
		}
	}
	return encode(tb, event)
}

// AuthorizerEvent returns the event by which API Gateway asks a TOKEN authorizer about a case's request: its only header is
// Authorization.
func (c Case) AuthorizerEvent(tb testing.TB) []byte {
	tb.Helper()
	method, path, _ := c.target(tb)
	authorization := c.Headers["Authorization"]
	require.NotNil(tb, authorization, "%s: without the header API Gateway asks no authorizer", c.file)
	return encode(tb, object{
		"type": "TOKEN", "authorizationToken": *authorization,
		"methodArn": "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/dev/" + method + path,
	})
}

// target takes the request apart: the path stays as it is sent, the query is decoded, as API Gateway does.
func (c Case) target(tb testing.TB) (method, path string, query url.Values) {
	tb.Helper()
	method, rest, _ := strings.Cut(c.Request, " ")
	path, text, _ := strings.Cut(rest, "?")
	query, err := url.ParseQuery(text)
	require.NoError(tb, err, c.Request)
	return method, path, query
}

// sent is the body; nil: there is none.
func (c Case) sent(tb testing.TB) any {
	tb.Helper()
	body := bytes.NewBufferString(c.Text)
	if c.Body != nil {
		require.NoError(tb, json.Compact(body, c.Body))
	}
	body.WriteString(strings.Repeat(" ", max(0, c.PadTo-body.Len())))
	if body.Len() == 0 {
		return nil
	}
	return body.String()
}

// match returns the path parameters of a request to a route, as they are sent.
func match(route, method, path string) (parameters map[string]string, ok bool) {
	verb, resource, _ := strings.Cut(route, " ")
	names, values := strings.Split(resource, "/"), strings.Split(path, "/")
	if verb != method || len(names) != len(values) {
		return nil, false
	}
	parameters = map[string]string{}
	for i, name := range names {
		switch {
		case strings.HasPrefix(name, "{") && values[i] != "":
			parameters[strings.Trim(name, "{}")] = values[i]
		case name != values[i]:
			return nil, false
		}
	}
	return parameters, true
}

// last returns of each parameter the value that counts where there may be one only.
func last(query url.Values) map[string]string {
	values := map[string]string{}
	for name, all := range query {
		values[name] = all[len(all)-1]
	}
	return values
}

// orNull returns a map, or what API Gateway sends for an empty one.
func orNull[M ~map[string]V, V any](m M) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

func encode(tb testing.TB, v any) []byte {
	tb.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // for people
	require.NoError(tb, e.Encode(v))
	return bytes.TrimSpace(b.Bytes())
}

package cases

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/gateway"
)

const question = `{
  "request": "GET /v1/things",
  "headers": { "If-None-Match":"*" }`

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := parse([]byte(question + ",\n  \"answer\": {\"status\": 200}\n}\n"))
	require.NoError(t, err)
	assert.Equal(t, question+",\n  \"answer\": ", string(c.question), "what -update leaves as it was") //nolint:testifylint // byte for byte
	c, err = parse([]byte(question + "\n}\n"))
	require.NoError(t, err)
	assert.Nil(t, c.Answer)
	assert.Equal(t, question+",\n  \"answer\": ", string(c.question), "where -update writes") //nolint:testifylint // byte for byte
	c, err = parse([]byte(`{"request": "GET /v1/things"}`))
	require.NoError(t, err)
	assert.Equal(t, "{\n  \"request\": \"GET /v1/things\",\n  \"answer\": ", string(c.question)) //nolint:testifylint // byte for byte

	for name, text := range map[string]string{
		"an unknown member":           question + ",\n  \"scope\": \"read\"\n}\n",
		"a member of no meaning":      question + ",\n  \"store\": \"slow\"\n}\n",
		"two bodies":                  question + ",\n  \"body\": {}, \"text\": \"{\"\n}\n",
		"something behind the answer": "{\n  \"answer\": {},\n  \"request\": \"GET /v1/things\"\n}\n",
		"text behind the case":        question + "\n}\n{}\n",
		"no JSON":                     question,
	} {
		_, err := parse([]byte(text))
		assert.Error(t, err, name)
	}
}

func TestInLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", width)
	got := inLines(t, []byte(`{"a":{"b":[1,{}],"c":"{"},"d":["`+long+`",{"e":null}]}`), "  ")
	assert.Equal(t, `{
    "a": {"b": [1, {}], "c": "{"},
    "d": [
      "`+long+`",
      {"e": null}
    ]
  }`, got)
}

func TestRoute_Compare(t *testing.T) {
	t.Parallel()
	r := route{"GET /v1/things", []string{"200", "404", "429"}}
	assert.Empty(t, r.compare(map[string]string{"all": "200", "none": "404"}))
	assert.Equal(t, []string{
		"GET /v1/things: no case is answered 404, which stands in the template's responses",
		"GET /v1/things: the template's responses lack 422, the answer of odd",
	}, r.compare(map[string]string{"all": "200", "odd": "422"}))
}

// TestEvent: of a request only what differs has to be said, and API Gateway's ways with it are kept.
func TestEvent(t *testing.T) {
	t.Parallel()
	e := gateway.Endpoint{Route: "PUT /v1/things/{id}/name", Scope: "catalog"}
	custom, scopes := "text/plain", "read"
	c := Case{
		Request: "PUT /v1/things/a%2Fb/name?q=a%20b+c&q=d%26", Headers: map[string]*string{"content-type": &custom, "Accept": nil},
		Scopes: &scopes, Body: json.RawMessage("{\n  \"a\": \"\\ud800\",\n  \"a\": 1.0\n}"), PadTo: 25,
	}
	var event struct {
		Resource, Path, HTTPMethod            string
		PathParameters, QueryStringParameters map[string]string
		MultiValueQueryStringParameters       map[string][]string
		Headers                               map[string]string
		MultiValueHeaders                     map[string][]string
		Body                                  string
		RequestContext                        struct {
			ResourcePath, Path, HTTPMethod string
			Authorizer                     struct{ Scopes string }
		}
	}
	require.NoError(t, json.Unmarshal(c.Event(t, e), &event))
	assert.Equal(t, "/v1/things/{id}/name", event.Resource)
	assert.Equal(t, "/v1/things/a%2Fb/name", event.Path)
	assert.Equal(t, "/v1/things/{id}/name", event.RequestContext.ResourcePath)
	assert.Equal(t, "/dev/v1/things/a%2Fb/name", event.RequestContext.Path)
	assert.Equal(t, "PUT", event.RequestContext.HTTPMethod)
	assert.Equal(t, map[string]string{"id": "a%2Fb"}, event.PathParameters, "as it is sent")
	assert.Equal(t, map[string][]string{"q": {"a b c", "d&"}}, event.MultiValueQueryStringParameters, "decoded")
	assert.Equal(t, map[string]string{"q": "d&"}, event.QueryStringParameters)
	assert.Equal(t, "text/plain", event.Headers["content-type"])
	assert.NotContains(t, event.Headers, "Content-Type")
	assert.NotContains(t, event.MultiValueHeaders, "Accept")
	assert.Equal(t, []string{"text/plain"}, event.MultiValueHeaders["content-type"])
	assert.Equal(t, `{"a":"\ud800","a":1.0}   `, event.Body) //nolint:testifylint // byte for byte
	assert.Equal(t, "read", event.RequestContext.Authorizer.Scopes)
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, request := range []string{"GET /v1/things/", "GET /v1/things", "GET /v1/things/1/name", "PUT /v1/things/1", "GET /v1/thing/1"} {
		method, path, _ := strings.Cut(request, " ")
		_, ok := match("GET /v1/things/{id}", method, path)
		assert.False(t, ok, request)
	}
}

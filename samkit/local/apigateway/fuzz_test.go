package apigateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"pricing/samkit/local/apigateway"
	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
)

// FuzzResult: whatever a function gives, the client gets one well-formed answer.
func FuzzResult(f *testing.F) {
	for _, seed := range []string{
		`{"statusCode":200,"headers":{"A":"b"},"multiValueHeaders":{"a":["c",true]},"body":"x","isBase64Encoded":true}`,
		`null`, `{"statusCode":"1e2"}`,
		`{"headers":{"":"a","A b":"c","X":"d\ne"}}`, `{"multiValueHeaders":{"X":[]}}`, `{"statusCode":101}`, `{"statusCode":304,"body":"x"}`} {
		f.Add(seed)
	}
	gateway := single(f)
	f.Fuzz(func(t *testing.T, result string) {
		w := httptest.NewRecorder()
		gateway(t, result).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/f", nil))
		got := w.Result()
		defer got.Body.Close() //nolint:errcheck // in memory
		require.GreaterOrEqual(t, got.StatusCode, 100)
		require.Contains(t, got.Header, "x-amz-apigw-id")
	})
}

// single makes gateways with one route whose function gives a certain result.
func single(f *testing.F) func(t *testing.T, result string) http.Handler {
	template, err := samtemplate.Parse([]byte(`
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: f/, Runtime: provided.al2023, Events: {E: {Type: Api, Properties: {Path: /f, Method: get}}}}
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: x
      DefinitionBody:
        openapi: 3.0.1
        paths:
          /f:
            get:
              x-amazon-apigateway-integration:
                type: aws_proxy
                httpMethod: POST
                uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations"
`), nil)
	require.NoError(f, err)
	return func(t *testing.T, result string) http.Handler {
		gateway, err := apigateway.New(apigateway.Options{API: template.API, Functions: always(result)})
		require.NoError(t, err)
		return gateway
	}
}

// always is a function that gives this result.
type always string

// Invoke gives it.
func (a always) Invoke(context.Context, string, string, string, []byte) (lambdaruntime.Result, error) {
	return lambdaruntime.Result{Payload: []byte(a)}, nil
}

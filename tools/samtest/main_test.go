package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/samtest"
	"pricing/shared/testkit/storetest"
)

func TestSameAnswer(t *testing.T) {
	t.Parallel()
	want := []byte(`{"answer":{"status":404,"headers":{"Content-Type":"application/problem+json"},"body":{"a":1}}}`)
	headers := `"headers":{"Content-Type":"application/problem+json","x-request-id":"1"}`
	require.NoError(t, sameAnswer([]byte(`{"statusCode":404,`+headers+`,"body":"{\"a\": 1}"}`), want))
	require.NoError(t, sameAnswer([]byte(`{"statusCode":304}`), []byte(`{"answer":{"status":304}}`)))
	for name, bad := range map[string]string{
		"status": `{"statusCode":200,` + headers + `,"body":"{\"a\": 1}"}`,
		"body":   `{"statusCode":404,` + headers + `,"body":"{\"a\": 2}"}`,
		"empty":  `{"statusCode":404,` + headers + `}`,
		"text":   `{"statusCode":404,` + headers + `,"body":"a"}`,
		"header": `{"statusCode":404,"headers":{},"body":"{\"a\": 1}"}`,
		"error":  `{"errorMessage":"x","errorType":"y"}`,
		"none":   ``,
	} {
		assert.Error(t, sameAnswer([]byte(bad), want), name)
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	policy := `{"principalId":"invoked","policyDocument":{"Statement":[{"Effect":"Deny"},{"Effect":"Allow"}]}}`
	require.NoError(t, allows([]byte(policy)))
	for _, other := range []string{"", "{}", strings.Replace(policy, "Allow", "Deny", 1), strings.Replace(policy, "invoked", "other", 1)} {
		require.Error(t, allows([]byte(other)), other)
	}
}

// TestInvocations reads every event and every expected answer, and finds each function in the template.
func TestInvocations(t *testing.T) {
	t.Chdir("../..")
	template, err := os.ReadFile("template.yaml")
	require.NoError(t, err)
	_, table := storetest.Table(t)
	all, err := invocations(t.Context(), storetest.Endpoint(t), table)
	require.NoError(t, err)
	require.Len(t, all, len(invoked)+1)
	for _, i := range all {
		assert.Contains(t, string(template), "\n  "+i.Function+":\n", i.What)
		assert.NotContains(t, string(i.Event), "{{", i.What)
		assert.Error(t, i.Check([]byte("{}")), i.What)
	}
}

func TestAs(t *testing.T) {
	t.Parallel()
	c := as("feed", as("all", with("Accept", "*/*", samtest.Get("/"))))
	assert.Equal(t, map[string]string{"Authorization": "Bearer {{feed}}", "Accept": "*/*"}, c.Header, "the last client counts")
	for _, r := range alike {
		for _, value := range r.Call.Header {
			if client, ok := strings.CutPrefix(value, "Bearer {{"); ok {
				assert.Contains(t, clients, strings.TrimSuffix(client, "}}"), r.What)
			}
		}
	}
}

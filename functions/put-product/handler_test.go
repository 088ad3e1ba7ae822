package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

// TestEndpoint_IfMatch: an ETag stands for just what is stored, and what was put with it is what it was given for.
func TestEndpoint_IfMatch(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.New(t)})
	put := func(title, header, value string) gateway.Response {
		t.Helper()
		c := cases.Case{Request: "PUT /v1/products/P1", Body: json.RawMessage(`{"title":"` + title + `"}`)}
		if header != "" {
			c.Headers = map[string]*string{header: &value}
		}
		response, _ := cases.Metered(t, e, c.Event(t, e))
		return response
	}
	first := put("a", "", "")
	require.Equal(t, http.StatusCreated, first.StatusCode)
	old := first.Headers["ETag"]
	second := put("b", "If-Match", old)
	require.Equal(t, http.StatusOK, second.StatusCode)
	tag := second.Headers["ETag"]
	assert.NotEqual(t, old, tag)
	for _, tt := range []struct {
		header, value string
		status        int
	}{
		{"If-Match", old, http.StatusPreconditionFailed},
		{"If-Match", "W/" + tag, http.StatusPreconditionFailed},
		{"If-Match", `"x"`, http.StatusPreconditionFailed},
		{"If-None-Match", "*", http.StatusPreconditionFailed},
		{"If-None-Match", tag, http.StatusPreconditionFailed},
		{"If-None-Match", old, http.StatusOK},
		{"If-Match", "*", http.StatusOK},
		{"If-Match", tag, http.StatusOK},
		{"if-match", old + ", " + tag, http.StatusOK},
		{"If-Match", "W/" + tag + `, ` + tag, http.StatusOK},
		{"If-Match", `W/"x",` + tag, http.StatusOK},
		{"If-Match", old + ", W/" + tag, http.StatusPreconditionFailed},
		{"If-Match", " * ", http.StatusOK},
		{"If-None-Match", old + ", W/" + tag, http.StatusPreconditionFailed},
	} {
		response := put("b", tt.header, tt.value)
		assert.Equal(t, tt.status, response.StatusCode, "%s: %s", tt.header, tt.value)
		if tt.status == http.StatusOK {
			assert.Equal(t, tag, response.Headers["ETag"], "equal content keeps it")
			assert.Equal(t, second.Body, response.Body)
			assert.Equal(t, "no-store", response.Headers["Cache-Control"])
		}
	}
}

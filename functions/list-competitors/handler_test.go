package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

// TestEndpoint_ForgedCursors: a cursor that nobody was given is judged like a parameter.
func TestEndpoint_ForgedCursors(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	for position, status := range map[string]int{"bigmart": http.StatusOK, "gone": http.StatusOK, "x": http.StatusBadRequest,
		"Big Mart": http.StatusBadRequest} {
		response := cases.Forged(t, e, "GET /v1/competitors", position)
		assert.Equal(t, status, response.StatusCode, position)
		assert.Equal(t, status == http.StatusBadRequest, strings.Contains(response.Body, "urn:problem-type:pricing:cursor-invalid"), position)
	}
}

// TestEndpoint_Pages: row by row comes what one page holds, and the last page says so.
func TestEndpoint_Pages(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	pages := cases.Pages(t, e, "GET /v1/competitors", "competitors")
	var whole struct {
		Body struct {
			Rows []json.RawMessage `json:"competitors"`
		}
	}
	require.NoError(t, json.Unmarshal(cases.Read(t, "all").Answer, &whole))
	require.Len(t, pages, len(whole.Body.Rows))
	for i, row := range whole.Body.Rows {
		assert.JSONEq(t, "["+string(row)+"]", string(pages[i]))
	}
}

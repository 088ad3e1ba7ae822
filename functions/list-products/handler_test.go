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
	for position, status := range map[string]int{
		"4 CAT-2": http.StatusOK, "4 ZU-1042": http.StatusOK, "15 ": http.StatusOK, "15": http.StatusBadRequest, "16 ": http.StatusBadRequest,
		"-1 ": http.StatusBadRequest, "04 ZU-1042": http.StatusBadRequest, "5 ZU-1042": http.StatusBadRequest, "x": http.StatusBadRequest,
		"4 a b": http.StatusBadRequest,
	} {
		response := cases.Forged(t, e, "GET /v1/products", position)
		assert.Equal(t, status, response.StatusCode, position)
		assert.Equal(t, status == http.StatusBadRequest, strings.Contains(response.Body, "urn:problem-type:pricing:cursor-invalid"), position)
	}
}

// TestEndpoint_Pages: row by row comes what one page holds; the last page may be empty.
func TestEndpoint_Pages(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	var whole struct {
		Body struct {
			Rows []json.RawMessage `json:"products"`
		}
	}
	require.NoError(t, json.Unmarshal(cases.Read(t, "all").Answer, &whole))
	var rows []json.RawMessage
	for _, page := range cases.Pages(t, e, "GET /v1/products", "products") {
		var some []json.RawMessage
		require.NoError(t, json.Unmarshal(page, &some))
		rows = append(rows, some...)
	}
	require.Len(t, rows, len(whole.Body.Rows))
	for i, row := range whole.Body.Rows {
		assert.JSONEq(t, string(row), string(rows[i]))
	}
}

func FuzzParsePosition(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := parsePosition(text)
		if ok && text != "" {
			require.True(t, at.Valid())
			require.Equal(t, text, positionText(at))
		}
	})
}

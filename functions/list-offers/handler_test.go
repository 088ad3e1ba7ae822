package main

import (
	"encoding/json"
	"net/http"
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

// TestEndpoint_ForgedCursors: a cursor that nobody was given is judged like the parameters.
func TestEndpoint_ForgedCursors(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	const path = "GET /v1/products/ZU-1042/offers"
	tests := map[string]struct {
		request, position string
		wantStatus        int
	}{
		"an amount":    {path, `{"c":"USD","r":2449,"k":"bigmart"}`, http.StatusOK},
		"no amount":    {path, `{"c":"","r":0,"k":"shopx"}`, http.StatusOK},
		"a moment":     {path + "?sort=observedAt", `{"c":"","r":-1783328400000,"k":"shopx"}`, http.StatusOK},
		"free":         {path, `{"c":"JPY","r":0,"k":"kyoto"}`, http.StatusOK},
		"no document":  {path, "x", http.StatusBadRequest},
		"no number":    {path, `{"c":"USD","r":"1","k":"bigmart"}`, http.StatusBadRequest},
		"no offer":     {path, `{"c":"USD","r":1,"k":"bigmart||"}`, http.StatusBadRequest},
		"no offer's":   {path, `{"c":"USD","r":1,"k":""}`, http.StatusBadRequest},
		"a debt":       {path, `{"c":"USD","r":-1,"k":"bigmart"}`, http.StatusBadRequest},
		"no currency":  {path, `{"c":"usd","r":1,"k":"bigmart"}`, http.StatusBadRequest},
		"only a rank":  {path, `{"c":"","r":1,"k":"bigmart"}`, http.StatusBadRequest},
		"not filtered": {path + "?competitorId=shopx", `{"c":"USD","r":1,"k":"bigmart"}`, http.StatusBadRequest},
		"an amount where moments are sorted": {path + "?sort=observedAt", `{"c":"USD","r":1,"k":"bigmart"}`,
			http.StatusBadRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := cases.Forged(t, e, tt.request, tt.position)
			assert.Equal(t, tt.wantStatus, response.StatusCode, response.Body)
			if tt.wantStatus != http.StatusOK {
				assert.Contains(t, response.Body, "urn:problem-type:pricing:cursor-invalid")
			}
		})
	}
}

// TestEndpoint_Pages: row by row comes what one page holds, and the last page says so.
func TestEndpoint_Pages(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	pages := cases.Pages(t, e, "GET /v1/products/ZU-1042/offers", "offers")
	var whole struct {
		Body struct {
			Rows []json.RawMessage `json:"offers"`
		}
	}
	require.NoError(t, json.Unmarshal(cases.Read(t, "landed").Answer, &whole))
	require.Len(t, pages, len(whole.Body.Rows))
	for i, row := range whole.Body.Rows {
		assert.JSONEq(t, "["+string(row)+"]", string(pages[i]))
	}
}

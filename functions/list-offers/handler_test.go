package main

import (
	"encoding/json"
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

package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
	"pricing/shared/testkit/gatewaytest"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, func(tb testing.TB) gateway.Endpoint {
		return endpoint(boot.Function{Settings: gatewaytest.Settings, Store: storetest.Seeded(tb)})
	})
}

func TestEndpoint_Outage(t *testing.T) {
	gatewaytest.Outage(t, "all", func(s *store.Store) gateway.Endpoint {
		return endpoint(boot.Function{Settings: gatewaytest.Settings, Store: s})
	})
}

// TestEndpoint_Pages: row by row comes what one page holds, and the last page says so.
func TestEndpoint_Pages(t *testing.T) {
	t.Parallel()
	pages := gatewaytest.Pages(t, "all", "competitors", endpoint(boot.Function{Settings: gatewaytest.Settings, Store: storetest.Seeded(t)}))
	text, err := os.ReadFile("testdata/all.json")
	require.NoError(t, err)
	var whole struct {
		Body struct {
			Rows []json.RawMessage `json:"competitors"`
		}
	}
	require.NoError(t, json.Unmarshal(text, &whole))
	require.Len(t, pages, len(whole.Body.Rows))
	for i, row := range whole.Body.Rows {
		assert.JSONEq(t, "["+string(row)+"]", string(pages[i]))
	}
}

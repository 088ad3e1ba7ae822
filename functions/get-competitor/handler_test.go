package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/price"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

// TestEndpoint_OneOfMany: neighbours whose names begin alike do not get in between a competitor and its health.
func TestEndpoint_OneOfMany(t *testing.T) {
	t.Parallel()
	s := storetest.Seeded(t)
	for _, id := range []string{"bigmart-2", "bigmart0", "bigmar", "bigmartt"} {
		_, err := s.PutCompetitor(t.Context(), price.Competitor{ID: id, Name: id, FreshFor: price.DefaultFreshFor, Active: true})
		require.NoError(t, err)
	}
	e := endpoint(boot.Function{Settings: cases.Settings, Store: s})
	for id, seen := range map[string]bool{"bigmart": true, "bigmart-2": false, "bigmart0": false, "bigmar": false} {
		response, _ := cases.Metered(t, e, cases.Case{Request: "GET /v1/competitors/" + id}.Event(t, e))
		require.Equal(t, http.StatusOK, response.StatusCode)
		var c struct {
			CompetitorID string
			Health       struct{ LastReceivedAt *string }
		}
		require.NoError(t, json.Unmarshal([]byte(response.Body), &c))
		assert.Equal(t, id, c.CompetitorID)
		assert.Equal(t, seen, c.Health.LastReceivedAt != nil, id)
	}
}

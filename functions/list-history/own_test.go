package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/price"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

// TestEndpoint_Own: our own prices stand in the history like any other's.
func TestEndpoint_Own(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	var in []price.Submission
	for _, competitor := range []string{price.Own, "bigmart"} {
		in = append(in, price.Submission{Observation: price.Observation{
			Key: price.OfferKey{ProductID: "P1", CompetitorID: competitor}, Terms: price.Terms{Price: price.Money{Minor: 1, Currency: "USD"}},
			Source: price.Source{ID: "erp", Confidence: price.NoConfidence}, ObservedAt: price.At(cases.Now),
		}})
	}
	_, err := db.Record(t.Context(), in, price.At(cases.Now), false)
	require.NoError(t, err)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	for query, want := range map[string][]string{"": {"own", "bigmart"}, "?competitorId=own": {"own"}, "?competitorId=bigmart": {"bigmart"}} {
		response, _ := cases.Metered(t, e, cases.Case{Request: "GET /v1/products/P1/history" + query}.Event(t, e))
		var body struct {
			Observations []struct{ CompetitorID string }
		}
		require.NoError(t, json.Unmarshal([]byte(response.Body), &body), response.Body)
		var got []string
		for _, o := range body.Observations {
			got = append(got, o.CompetitorID)
		}
		assert.Equal(t, want, got, query)
	}
}

package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

// TestEndpoint_Own: our own price is shown to those who ask for it, and never goes stale or leaves, however old it is.
func TestEndpoint_Own(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	observations := []price.Submission{
		{Observation: price.Observation{Key: price.OfferKey{CompetitorID: price.Own}}},
		{Observation: price.Observation{Key: price.OfferKey{CompetitorID: "bigmart"}}},
	}
	for i := range observations {
		o := &observations[i].Observation
		o.Key.ProductID = "P1"
		o.Terms.Price = price.Money{Minor: 100, Currency: "USD"}
		o.Source = price.Source{ID: "erp", Confidence: price.NoConfidence}
		o.ObservedAt = price.At(cases.Now)
	}
	verdicts, err := db.Record(t.Context(), observations, price.At(cases.Now), false)
	require.NoError(t, err)
	for _, v := range verdicts {
		require.NoError(t, v.Err)
	}

	settings := cases.Settings
	settings.Retention = 400 * 24 * time.Hour
	e := endpoint(boot.Function{Settings: settings, Store: db})
	e.Log = slog.New(slog.DiscardHandler)
	type offer struct {
		CompetitorID string
		StaleAt      *string
		Stale        bool
	}
	staleAt := "2026-07-07T11:14:05.112Z"
	ours := offer{"own", nil, false}
	theirs := offer{"bigmart", &staleAt, false}
	later := theirs
	later.Stale = true
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		query string
		after time.Duration
		want  []offer
	}{
		"nobody asks":                           {"", 0, []offer{theirs}},
		"not wanted":                            {"?includeOwn=false", 0, []offer{theirs}},
		"wanted":                                {"?includeOwn=true", 0, []offer{theirs, ours}},
		"asked for alone":                       {"?competitorId=own", 0, []offer{ours}},
		"alone all the same":                    {"?competitorId=own&includeOwn=false", 0, []offer{ours}},
		"with another filter":                   {"?includeOwn=true&competitorId=bigmart", 0, []offer{theirs}},
		"two days later":                        {"?includeOwn=true", 2 * day, []offer{later, ours}},
		"two days later, nothing that is stale": {"?includeOwn=true&includeStale=false", 2 * day, []offer{ours}},
		"when the retention is over":            {"?includeOwn=true", 401 * day, []offer{ours}},
		"and nobody asks":                       {"", 401 * day, []offer{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := e
			e.Now = func() time.Time { return cases.Now.Add(tt.after) }
			response := gateway.Serve(t.Context(), e, cases.Case{Request: "GET /v1/products/P1/offers" + tt.query}.Event(t, e))
			require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
			var body struct{ Offers []offer }
			require.NoError(t, json.Unmarshal([]byte(response.Body), &body))
			assert.Equal(t, tt.want, body.Offers)
		})
	}

	// An observation that comes later than another one and is of the past is late data like anybody's.
	observations[0].Observation.ObservedAt = price.At(cases.Now.Add(-day))
	observations[0].Observation.Terms.Price.Minor = 90
	verdicts, err = db.Record(t.Context(), observations[:1], price.At(cases.Now), false)
	require.NoError(t, err)
	assert.Equal(t, "late", verdicts[0].Outcome())
	product, err := db.Product(t.Context(), "P1", false)
	require.NoError(t, err)
	own, found := product.Find(price.OfferKey{ProductID: "P1", CompetitorID: price.Own})
	require.True(t, found)
	assert.Equal(t, price.Money{Minor: 90, Currency: "USD"}, own.Previous.Price)
	listed, err := db.Competitors(t.Context())
	require.NoError(t, err)
	assert.NotContains(t, listed, price.Own)
}

// TestEndpoint_Own_ForgedCursor: a cursor at our own offer is none of a query that does not show it.
func TestEndpoint_Own_ForgedCursor(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	for query, want := range map[string]int{"": http.StatusBadRequest, "?includeOwn=true": http.StatusOK, "?competitorId=own": http.StatusOK} {
		response := cases.Forged(t, e, "GET /v1/products/ZU-1042/offers"+query, `{"c":"USD","r":1,"k":"own"}`)
		assert.Equal(t, want, response.StatusCode, response.Body)
	}
}

package main

import (
	"context"
	"encoding/json"
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

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

// TestEndpoint_Retention: the window that is usual before a to reaches behind the retention's end, where nothing is shown
// even if it is still stored.
func TestEndpoint_Retention(t *testing.T) {
	t.Parallel()
	settings := cases.Settings
	settings.Retention = 36 * time.Hour // until 2026-07-04T21:14:05
	e := endpoint(boot.Function{Settings: settings, Store: storetest.Seeded(t)})
	question := cases.Case{Request: "GET /v1/products/ZU-1042/history?view=raw&to=2026-07-05T12:00:00Z"}
	response, _ := cases.Metered(t, e, question.Event(t, e))
	require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
	var body struct{ Observations []struct{ ObservedAt string } }
	require.NoError(t, json.Unmarshal([]byte(response.Body), &body))
	require.Len(t, body.Observations, 1, "two more are stored between from and the retention's end")
	assert.Equal(t, "2026-07-05T09:14:03.000Z", body.Observations[0].ObservedAt)
}

// TestEndpoint_Pages walks the changes of a product, newest first, while prices come in and time goes on: the window stays
// that of the first page, nothing is shown twice and what has not changed is not shown.
func TestEndpoint_Pages(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	now := cases.Now
	seen := func(at string, amount int64) {
		observedAt, err := price.ParseTimestamp(at)
		require.NoError(t, err)
		verdicts, err := db.Record(t.Context(), []price.Submission{{Observation: price.Observation{
			Key:   price.OfferKey{ProductID: "ZU-1042", CompetitorID: "bigmart"},
			Terms: price.Terms{Price: price.Money{Minor: amount, Currency: "USD"}, Shipping: price.Money{Minor: 299, Currency: "USD"}},
			URL:   "https://bigmart.example/p/77", Source: price.Source{ID: "feed-b", Confidence: price.NoConfidence}, ObservedAt: observedAt,
		}}}, price.At(now), false)
		require.NoError(t, err)
		require.NoError(t, verdicts[0].Err)
	}
	seen("2026-07-05T10:00:00Z", 2150) // as at 09:14:03
	seen("2026-06-20T10:00:00Z", 2100)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	inner, calls := e.Handle, 0
	e.Handle = func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		now = now.Add(time.Hour)
		r.Received = now
		answer, err := inner(ctx, r)
		switch calls++; calls {
		case 1:
			seen("2026-07-06T08:20:00Z", 1800) // in front of the page: not shown
		case 2:
			seen("2026-07-05T08:00:00Z", 2199) // behind it
		}
		return answer, err
	}
	var shown []string
	for _, page := range cases.Pages(t, e, "GET /v1/products/ZU-1042/history", "observations") {
		var rows []struct {
			CompetitorID string
			ObservedAt   string
		}
		require.NoError(t, json.Unmarshal(page, &rows))
		for _, row := range rows {
			shown = append(shown, row.CompetitorID+" "+row.ObservedAt)
		}
	}
	assert.Equal(t, []string{
		"shopx 2026-07-06T08:14:03.000Z", "kyoto 2026-07-06T07:14:03.000Z", "shopx 2026-07-05T21:14:03.000Z",
		"bigmart 2026-07-05T09:14:03.000Z", "bigmart 2026-07-05T08:00:00.000Z", "bigmart 2026-07-04T21:14:03.000Z",
		"bigmart 2026-07-04T09:14:03.000Z", "bigmart 2026-06-20T10:00:00.000Z",
	}, shown)
}

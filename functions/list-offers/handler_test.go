package main

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
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

// TestEndpoint_TheMomentAnOfferGoesStale: at staleAt an offer is stale, a millisecond before it is not, by its own word as well
// as by the filter's.
func TestEndpoint_TheMomentAnOfferGoesStale(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	anHourAgo := price.At(cases.Now).Add(-time.Hour) // for as long an offer of shopx is fresh
	for seller, observedAt := range map[string]price.Timestamp{"stale": anHourAgo, "fresh": anHourAgo + 1} {
		verdicts, err := db.Record(t.Context(), []price.Submission{{Observation: price.Observation{
			Key:    price.OfferKey{ProductID: "P1", CompetitorID: "shopx", SellerID: seller},
			Terms:  price.Terms{Price: price.Money{Minor: 100, Currency: "USD"}},
			Source: price.Source{ID: "feed-b", Confidence: price.NoConfidence}, ObservedAt: observedAt,
		}}}, price.At(cases.Now), false)
		require.NoError(t, err)
		require.NoError(t, verdicts[0].Err)
	}
	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	stale := func(query string) map[string]bool {
		response, _ := cases.Metered(t, e, cases.Case{Request: "GET /v1/products/P1/offers?" + query}.Event(t, e))
		var body struct {
			Offers []struct {
				SellerID string
				Stale    bool
			}
		}
		require.NoError(t, json.Unmarshal([]byte(response.Body), &body))
		sellers := map[string]bool{}
		for _, o := range body.Offers {
			sellers[o.SellerID] = o.Stale
		}
		return sellers
	}
	assert.Equal(t, map[string]bool{"stale": true, "fresh": false}, stale("includeStale=true"))
	assert.Equal(t, map[string]bool{"fresh": false}, stale("includeStale=false"))
}

// TestEndpoint_NoListOfCompetitors: offers of nobody are no answer when only the competitors cannot be read.
func TestEndpoint_NoListOfCompetitors(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	e.Handle = list(halfDown{db}, api.NewClock(cases.Settings.Retention))
	response, _ := cases.Metered(t, e, cases.Case{Request: "GET /v1/products/ZU-1042/offers"}.Event(t, e))
	assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode, response.Body)
}

// halfDown is a store that answers for products alone.
type halfDown struct{ *store.Store }

func (halfDown) Competitors(context.Context) (map[string]store.Competitor, error) {
	return nil, fault.New(fault.Unavailable, fault.CodeThrottled, "Down.")
}

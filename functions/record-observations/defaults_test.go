package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

type object = map[string]any

// batchOf serves a batch of one item that lacks what its defaults hold, and returns the item's result.
func batchOf(t *testing.T, e gateway.Endpoint, defaults, item object) api.Result {
	t.Helper()
	body, err := json.Marshal(object{"defaults": defaults, "observations": []object{item}})
	require.NoError(t, err)
	e.Now = func() time.Time { return cases.Now }
	e.Log = slog.New(slog.DiscardHandler)
	response := gateway.Serve(t.Context(), e, cases.Case{Request: e.Route, Body: body}.Event(t, e))
	var answer struct{ Results []api.Result }
	require.NoError(t, json.Unmarshal([]byte(response.Body), &answer), response.Body)
	require.Len(t, answer.Results, 1, response.Body)
	return answer.Results[0]
}

// TestEndpoint_PointersIntoDefaults: a fault of a member that came from the defaults points there, whichever package
// finds it, for every member that defaults may hold.
func TestEndpoint_PointersIntoDefaults(t *testing.T) {
	t.Parallel()
	money := func(amount string) object { return object{"amount": amount, "currency": "USD"} }
	good := func() object {
		return object{
			"competitorId": "bigmart", "sellerId": "Otto", "region": "DE", "itemCondition": "Used", "audience": "app", "availability": "InStock",
			"price": money("10.00"), "shipping": money("1.00"), "listPrice": money("12.00"),
			"priceType": "regular", "promotion": object{"label": "a"}, "url": "https://bigmart.example/1",
			"source":     object{"id": "crawler-a", "kind": "crawler", "confidence": "0.9"},
			"observedAt": "2026-07-06T09:00:00Z",
		}
	}
	tests := map[string]struct {
		value   any
		pointer string // of the fault
		status  int
	}{
		"competitorId, ill-formed": {"B", "/defaults/competitorId", http.StatusUnprocessableEntity},
		"competitorId, unknown":    {"nobody", "/defaults/competitorId", http.StatusUnprocessableEntity},
		"sellerId":                 {"\t", "/defaults/sellerId", http.StatusUnprocessableEntity},
		"region":                   {"*", "/defaults/region", http.StatusUnprocessableEntity},
		"itemCondition":            {"Old", "/defaults/itemCondition", http.StatusUnprocessableEntity},
		"audience":                 {"all", "/defaults/audience", http.StatusUnprocessableEntity},
		"observedAt":               {"now", "/defaults/observedAt", http.StatusUnprocessableEntity},
		"availability, ill-formed": {"in stock", "/defaults/availability", http.StatusUnprocessableEntity},
		"availability, other":      {"PreOrder", "/defaults/availability", http.StatusConflict},
		"price, ill-formed":        {money("1.234"), "/defaults/price/amount", http.StatusUnprocessableEntity},
		"price, other":             {money("9.00"), "/defaults/price", http.StatusConflict},
		"shipping, other currency": {object{"amount": "1.00", "currency": "EUR"}, "/defaults/shipping/currency", http.StatusUnprocessableEntity},
		"shipping, other":          {money("2.00"), "/defaults/shipping", http.StatusConflict},
		"listPrice, ill-formed":    {"12.00", "/defaults/listPrice", http.StatusUnprocessableEntity},
		"listPrice, other":         {money("13.00"), "/defaults/listPrice", http.StatusConflict},
		"priceType, ill-formed":    {"cheap", "/defaults/priceType", http.StatusUnprocessableEntity},
		"priceType, other":         {"clearance", "/defaults/priceType", http.StatusConflict},
		"promotion, ill-formed":    {object{"minQuantity": 0}, "/defaults/promotion/minQuantity", http.StatusUnprocessableEntity},
		"promotion, other":         {object{"label": "b"}, "/defaults/promotion", http.StatusConflict},
		"url, ill-formed":          {"\n", "/defaults/url", http.StatusUnprocessableEntity},
		"source, ill-formed":       {object{"id": "crawler-a", "kind": "spy"}, "/defaults/source/kind", http.StatusUnprocessableEntity},
		"source, other kind": {object{"id": "crawler-a", "kind": "feed", "confidence": "0.9"}, "/defaults/source/kind",
			http.StatusConflict},
		"source, other confidence": {object{"id": "crawler-a", "kind": "crawler", "confidence": "0.8"}, "/defaults/source/confidence",
			http.StatusConflict},
		"source, without its kind":  {object{"id": "crawler-a"}, "/defaults/source/kind", http.StatusUnprocessableEntity},
		"promotion, taken away":     {nil, "/defaults/promotion", http.StatusConflict},
		"listPrice, taken away":     {nil, "/defaults/listPrice", http.StatusConflict},
		"priceType, of wrong type":  {1, "/defaults/priceType", http.StatusUnprocessableEntity},
		"observedAt, in the future": {"2026-07-07T09:00:00Z", "/defaults/observedAt", http.StatusUnprocessableEntity},
	}
	covered := object{}
	for name, tt := range tests {
		member := memberOf(name)
		covered[member] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
			first := batchOf(t, e, good(), object{"productId": "ZU-1"})
			require.Equal(t, http.StatusCreated, first.Status, first)

			defaults := good()
			defaults[member] = tt.value
			got := batchOf(t, e, defaults, object{"productId": "ZU-1"})
			assert.Equal(t, tt.status, got.Status)
			require.NotNil(t, got.Problem)
			require.Len(t, got.Problem.Errors, 1)
			assert.Equal(t, tt.pointer, got.Problem.Errors[0].Pointer)

			// The same member, sent in the item, is faulty there.
			value := defaults[member]
			delete(defaults, member)
			got = batchOf(t, e, defaults, object{"productId": "ZU-1", member: value})
			require.NotNil(t, got.Problem)
			require.Len(t, got.Problem.Errors, 1)
			assert.Equal(t, "/observations/0"+tt.pointer[len("/defaults"):], got.Problem.Errors[0].Pointer)
		})
	}
	for member := range good() {
		assert.Contains(t, covered, member, "a member that defaults may hold has no case")
	}
}

// memberOf is what stands before the comma of a case's name.
func memberOf(name string) string {
	member, _, _ := strings.Cut(name, ",")
	return member
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

// TestEndpoint_Many: 500 products of 8 offers cost what their boards cost: five calls, and half a unit for each product. Each entry has
// the summary of its own product.
func TestEndpoint_Many(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	const offers = 8
	var in []price.Submission
	var ids []string
	for n := range api.QueryIDs {
		ids = append(ids, fmt.Sprint("M-", n))
		for i := range offers {
			o := price.Observation{
				Key:        price.OfferKey{ProductID: ids[n], CompetitorID: "bigmart", SellerID: fmt.Sprint("seller-", i)},
				Terms:      price.Terms{Price: price.Money{Minor: int64(1000*n + i), Currency: "USD"}, Shipping: price.Money{Currency: "USD"}},
				Source:     price.Source{ID: "crawler-a"},
				ObservedAt: price.At(cases.Now),
			}
			if i == 0 {
				o.Key = price.OfferKey{ProductID: ids[n], CompetitorID: price.Own}
			}
			in = append(in, price.Submission{Observation: o, Writer: price.Writer{Own: true}})
		}
	}
	for first := 0; first < len(in); first += 500 {
		verdicts, err := db.Record(t.Context(), in[first:first+500], price.At(cases.Now), false)
		require.NoError(t, err)
		for _, v := range verdicts {
			require.NoError(t, v.Err)
		}
	}
	require.NoError(t, db.SetCatalogue(t.Context(), ids[7], board.Catalogue{MAP: price.Money{Minor: 7003, Currency: "USD"}}, 1))

	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	var spent meter.Counts
	inner := e.Handle
	e.Handle = func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		ctx, m := meter.With(ctx)
		answer, err := inner(ctx, r)
		spent = m.Counts()
		return answer, err
	}
	body, err := json.Marshal(map[string]any{"productIds": ids, "basis": "price", "per": "offer", "reference": "min"})
	require.NoError(t, err)
	response, _ := cases.Metered(t, e, cases.Case{Request: "POST /v1/summaries/query", Body: body}.Event(t, e))
	require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
	assert.Equal(t, 5, spent.Calls)
	assert.LessOrEqual(t, spent.ReadUnits, 260.0)

	var told struct {
		Results []struct {
			ProductID string
			Summary   struct {
				Own        struct{ Amount string }
				Market     struct{ Min, Median string }
				Position   struct{ Rank int }
				PriceIndex struct{ Value string }
				Map        *struct{ Breaches []map[string]any }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(response.Body), &told))
	require.Len(t, told.Results, len(ids))
	for n, r := range told.Results {
		amount := func(minor int) string { return price.Money{Minor: int64(minor), Currency: "USD"}.Amount() }
		require.Equal(t, ids[n], r.ProductID)
		require.Equal(t, amount(1000*n), r.Summary.Own.Amount)
		require.Equal(t, amount(1000*n+1), r.Summary.Market.Min)
		require.Equal(t, amount(1000*n+4), r.Summary.Market.Median)
		require.Equal(t, 1, r.Summary.Position.Rank)
		require.Equal(t, n == 7, r.Summary.Map != nil)
	}
	assert.Equal(t, "0.00", told.Results[0].Summary.PriceIndex.Value)
	require.Len(t, told.Results[7].Summary.Map.Breaches, 2)
	assert.NotContains(t, told.Results[7].Summary.Map.Breaches[0], "belowSince")
	assert.NotContains(t, response.Body, `"excluded":`)
	assert.NotContains(t, response.Body, `"window`)
}

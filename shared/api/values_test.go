package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
)

// TestOffersFilter_OneSetOfRules: whatever is asked for, as parameters of a URL or as members of a body, the same is refused with the
// same words, and the same offers pass.
func TestOffersFilter_OneSetOfRules(t *testing.T) {
	t.Parallel()
	words := map[string][]string{
		"competitorId": {"own", "bigmart", "B", ""}, "sellerId": {"none", "Otto", "", " x", "\u0000"}, "region": {"none", "DE", "*", ""},
		"itemCondition": {"New", "Used", "new", ""}, "audience": {"public", "app", "all"}, "currency": {"USD", "BGN", "usd", ""},
	}
	truths := []string{"inStock", "includeStale", "includeOwn"}
	rapid.Check(t, func(rt *rapid.T) {
		parameters := map[string]string{}
		members := map[string]any{}
		for _, name := range api.OffersFilterParams {
			if !rapid.Bool().Draw(rt, name+" is sent") {
				if rapid.Bool().Draw(rt, name+" is null") {
					members[name] = nil
				}
				continue
			}
			if text, ok := words[name]; ok {
				parameters[name] = rapid.SampledFrom(text).Draw(rt, name)
				members[name] = parameters[name]
				continue
			}
			require.Contains(rt, truths, name)
			truth := rapid.Bool().Draw(rt, name)
			parameters[name] = map[bool]string{true: "true", false: "false"}[truth]
			members[name] = truth
		}
		key := price.OfferKey{
			CompetitorID: rapid.SampledFrom(words["competitorId"]).Draw(rt, "competitor"),
			SellerID:     rapid.SampledFrom([]string{"", "Otto"}).Draw(rt, "seller"), Region: rapid.SampledFrom([]string{"", "DE"}).Draw(rt, "of"),
			Condition: price.Condition(rapid.IntRange(0, 1).Draw(rt, "condition")),
		}
		at := api.SortObservedAt.Position(&board.Offer{Key: key})

		var byURL, byBody bool
		var urlFaults, bodyFaults []fault.Field
		response := query(t, parameters, func(p *gateway.Params) { byURL = api.ReadOffersFilter(p).Has(at) })
		if response.StatusCode != http.StatusOK {
			var problem gateway.Problem
			require.NoError(rt, json.Unmarshal([]byte(response.Body), &problem))
			urlFaults = problem.Errors
		}
		body, err := json.Marshal(map[string]any{"productIds": []string{"P1"}, "filter": members})
		require.NoError(rt, err)
		bulk, err := api.ReadBulk(body, "filter")
		require.NoError(rt, err)
		byBody = api.ReadOffersFilter(bulk.Object("filter", api.OffersFilterParams...)).Has(at)
		if err := bulk.Err(); err != nil {
			bodyFaults = fault.Of(err).Fields
		}
		assert.Equal(rt, relative("/query", urlFaults), relative("/filter", bodyFaults))
		assert.Equal(rt, byURL, byBody)
	})
}

// relative takes the beginning off the pointers of faults.
func relative(begin string, faults []fault.Field) (all []fault.Field) {
	for _, f := range faults {
		f.Pointer = f.Pointer[len(begin):]
		all = append(all, f)
	}
	return all
}

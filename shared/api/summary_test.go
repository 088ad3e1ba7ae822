package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/api"
	"pricing/shared/price"
	"pricing/shared/testkit/oracle"
	"pricing/shared/testkit/oracleof"
)

// TestNewSummary_Oracle compares whole documents of random markets with those of the oracle, which knows nothing of this code.
func TestNewSummary_Oracle(t *testing.T) {
	t.Parallel()
	met := map[string]int{}
	for range 5 { // a market in which our own shipping is unknown is rare
		rapid.Check(t, compareSummary(met))
	}
	for _, what := range []string{"position", "quartiles", "index", "breach", "below since", "not compared", "is lowest", "is not lowest",
		"changes", "undecided", "no-own-price", "own-out-of-stock", "own-other-currency", "own-shipping-unknown", "empty-market",
		"competitor-inactive", "stale", "not-in-stock", "other-currency", "shipping-unknown"} {
		assert.Positive(t, met[what], "the random markets have no "+what)
	}
}

// compareSummary compares the documents of a random market and counts what they show.
func compareSummary(met map[string]int) func(*rapid.T) {
	return func(t *rapid.T) {
		now := price.At(time.Date(2026, 7, 6, rapid.IntRange(0, 23).Draw(t, "hour"), 30, 0, 0, time.UTC))
		observations := drawHistory(t, now)
		q, asked := drawQuestion(t)
		mapPrice := price.Money{}
		if rapid.Bool().Draw(t, "has a MAP price") {
			mapPrice.Minor = rapid.Int64Range(1, 1000).Draw(t, "MAP")
			mapPrice.Currency = rapid.SampledFrom([]string{"USD", "KWD"}).Draw(t, "its currency")
		}
		shops := map[string]price.Competitor{
			"inactive": {ID: "inactive"}, "gamma": {ID: "gamma", Active: true}, // usually stale
		}
		for _, id := range []string{"alpha", "beta", "delta", "epsilon"} {
			shops[id] = price.Competitor{ID: id, Active: true, FreshFor: 20 * 24 * time.Hour}
		}

		known := oracle.Known{Now: now.Time(), Shops: map[string]oracle.Shop{}, MAP: oracleof.Money(mapPrice), Digits: func(currency string) int {
			return map[string]int{"USD": 2, "KWD": 3, "JPY": 0}[currency]
		}}
		for id, c := range shops {
			known.Shops[id] = oracle.Shop{FreshFor: c.FreshFor, Active: c.Active}
		}
		s := price.Snapshot{Now: now, MAP: mapPrice, Competitor: func(id string) price.Competitor { return shops[id] }}
		byKey := map[price.OfferKey][]price.Observation{}
		for _, o := range observations {
			byKey[o.Key] = append(byKey[o.Key], o)
		}
		for _, key := range slices.SortedFunc(maps.Keys(byKey), price.OfferKey.Compare) {
			var theirs []oracle.Observation
			for _, o := range byKey[key] {
				theirs = append(theirs, oracleof.Observation(o))
			}
			offer := oracle.Fold(theirs)
			known.Offers = append(known.Offers, offer)
			known.Rows = append(known.Rows, theirs...)
			current := byKey[key][slices.IndexFunc(byKey[key], func(o price.Observation) bool { return o.ID() == offer.Current.ID })]
			s.Offers = append(s.Offers, price.Offer{Current: current, FirstSeen: price.At(offer.FirstSeen),
				LastChanged: price.At(offer.LastChanged)})
		}
		if asked.Days > 0 {
			w := price.NewWindow(now, asked.Days)
			for _, o := range observations {
				if o.ObservedAt >= w.From && o.ObservedAt <= w.To() {
					w.Rows = append(w.Rows, o)
				}
			}
			s.Window = &w
		}

		want := oracle.Summary(known, asked)
		got := api.NewSummary("P", price.Summarize(s, q), "")
		require.JSONEq(t, text(t, withMembers(want, "productId", "P", "windowOmitted", nil)), text(t, got))
		count(met, got)

		bulk := withMembers(want, "productId", "P")
		delete(bulk, "window")
		delete(bulk, "excluded")
		delete(bulk, "windowOmitted")
		if check, ok := bulk["map"].(map[string]any); ok {
			breaches, _ := check["breaches"].([]any)
			for _, b := range breaches {
				row, _ := b.(map[string]any)
				delete(row, "belowSince")
			}
		}
		require.JSONEq(t, text(t, bulk), text(t, api.NewBulkSummary("P", price.Summarize(s, q))))
	}
}

// count notes what a summary shows, so that the property is not proved on markets in which nothing happens.
func count(met map[string]int, s api.Summary) {
	note := func(what string, there bool) {
		if there {
			met[what]++
		}
	}
	note("position", s.Position != nil)
	note("quartiles", s.Market.Q1.Present())
	note("index", s.PriceIndex != nil && s.PriceIndex.Value.Present())
	note("undecided", s.Position != nil && s.Position.Undecided > 0)
	if s.NotPositioned != nil {
		met[*s.NotPositioned]++
	}
	for reason := range s.ExcludedCounts {
		met[string(reason)]++
	}
	if s.MAP != nil {
		note("breach", len(s.MAP.Breaches) > 0)
		note("below since", slices.ContainsFunc(s.MAP.Breaches, func(b api.MAPBreach) bool { return *b.BelowSince != price.NoTime }))
		note("not compared", len(s.MAP.NotCompared) > 0)
	}
	if s.Window != nil {
		note("is lowest", s.Window.IsLowest != nil && *s.Window.IsLowest)
		note("is not lowest", s.Window.IsLowest != nil && !*s.Window.IsLowest)
		note("changes", s.Window.Changes > 0)
	}
}

// drawHistory draws what was observed of a product in the last weeks, each observation once. Some are of one moment.
func drawHistory(t *rapid.T, now price.Timestamp) (all []price.Observation) {
	ids := map[string]bool{}
	draw := rapid.Custom(func(t *rapid.T) price.Observation {
		o := price.Observation{Key: price.OfferKey{ProductID: "P",
			CompetitorID: rapid.SampledFrom([]string{"own", "alpha", "beta", "gamma", "delta", "epsilon", "inactive"}).Draw(t, "competitor"),
			Region:       rapid.SampledFrom([]string{"", "", "", "", "", "BY"}).Draw(t, "region"),
		}}
		switch rapid.IntRange(0, 9).Draw(t, "another market") {
		case 0, 1:
			o.Key.Condition = price.ConditionUsed
		case 2, 3:
			o.Key.Audience = price.AudienceApp
		}
		if o.Key.CompetitorID != price.Own {
			o.Key.SellerID = rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(t, "seller")
		}
		o.Source = price.Source{ID: rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "source"),
			Confidence: rapid.SampledFrom([]price.Confidence{price.NoConfidence, 5000, 9000}).Draw(t, "confidence")}
		o.ObservedAt = now.Add(-time.Duration(rapid.IntRange(0, 80).Draw(t, "times 7 hours ago")) * 7 * time.Hour)
		currency := rapid.SampledFrom([]string{"USD", "USD", "USD", "KWD"}).Draw(t, "currency")
		o.Terms.Price = price.Money{Minor: rapid.Int64Range(0, 1000).Draw(t, "price"), Currency: currency}
		if rapid.IntRange(0, 3).Draw(t, "shipping is known") > 0 {
			o.Terms.Shipping = price.Money{Minor: rapid.SampledFrom([]int64{0, 299}).Draw(t, "shipping"), Currency: currency}
		}
		o.Terms.Availability = rapid.SampledFrom([]price.Availability{price.AvailabilityInStock, price.AvailabilityInStock,
			price.AvailabilityLimitedAvailability, price.AvailabilityInStoreOnly, price.AvailabilityOnlineOnly, price.AvailabilityPreOrder,
			price.AvailabilityOutOfStock}).Draw(t, "availability")
		if o.Terms.Availability.PriceOptional() && rapid.Bool().Draw(t, "has no price") {
			o.Terms.Price = price.Money{}
			o.Terms.Shipping = price.Money{}
		}
		return o
	})
	for _, o := range rapid.SliceOfN(draw, rapid.SampledFrom([]int{0, 30, 60}).Draw(t, "at least"), 90).Draw(t, "observations") {
		if !ids[o.ID()] {
			all = append(all, o)
		}
		ids[o.ID()] = true
	}
	return all
}

// drawQuestion draws a query, and the same in the API's words.
func drawQuestion(t *rapid.T) (price.SummaryQuery, oracle.Question) {
	asked := oracle.Question{
		Seller:       rapid.SampledFrom([]string{"", "", "", "", "", "none", "x"}).Draw(t, "asked seller"),
		Condition:    rapid.SampledFrom([]string{"New", "New", "New", "New", "Used"}).Draw(t, "asked condition"),
		Audience:     rapid.SampledFrom([]string{"public", "public", "public", "public", "app"}).Draw(t, "asked audience"),
		Region:       rapid.SampledFrom([]string{"none", "none", "none", "none", "BY"}).Draw(t, "asked region"),
		Basis:        rapid.SampledFrom([]string{"landed", "price"}).Draw(t, "basis"),
		Reference:    rapid.SampledFrom([]string{"median", "mean", "min", "competitor:beta"}).Draw(t, "reference"),
		Per:          rapid.SampledFrom([]string{"competitor", "offer"}).Draw(t, "per"),
		IncludeStale: rapid.Bool().Draw(t, "include stale"),
		Currency:     rapid.SampledFrom([]string{"", "", "USD", "JPY"}).Draw(t, "asked currency"),
		Days:         rapid.SampledFrom([]int{0, 1, 7, 30, 30}).Draw(t, "days"),
	}
	q := price.SummaryQuery{Reference: price.Reference(asked.Reference), PerOffer: asked.Per == "offer", IncludeStale: asked.IncludeStale,
		Currency: asked.Currency}
	q.Basis, _ = price.ParseBasis(asked.Basis)
	q.Market.Condition, _ = price.ParseCondition(asked.Condition)
	q.Market.Audience, _ = price.ParseAudience(asked.Audience)
	if asked.Region != "none" {
		q.Market.Region = asked.Region
	}
	switch asked.Seller {
	case "":
	case "none":
		q.Market.Seller = new(string)
	default:
		q.Market.Seller = &asked.Seller
	}
	return q, asked
}

func text(t require.TestingT, v any) string {
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return string(out)
}

// withMembers returns a copy of a document with more members, each a name and a value.
func withMembers(document map[string]any, members ...any) map[string]any {
	out := maps.Clone(document)
	for i := 0; i < len(members); i += 2 {
		out[fmt.Sprint(members[i])] = members[i+1]
	}
	return out
}

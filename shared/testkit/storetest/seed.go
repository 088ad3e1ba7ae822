package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pricing/shared/price"
	"pricing/shared/store"
)

// Seed gives a store a small market, the same for every case of an endpoint: the competitors bigmart, shopx (fresh for an
// hour) and kyoto, an inactive one called closed, the gtin 6291041500213 of ZU-1042, and observations of ZU-1042 and ZU-7007.
func Seed(tb testing.TB, s *store.Store) {
	tb.Helper()
	for _, c := range []price.Competitor{
		{ID: "bigmart", Name: "BigMart", Domain: "bigmart.example", Country: "US", DefaultCurrency: "USD",
			FreshFor: price.DefaultFreshFor, Active: true},
		{ID: "shopx", Name: "ShopX", Kind: price.Marketplace, FreshFor: time.Hour, Active: true},
		{ID: "kyoto", Name: "Kyoto 京都", FreshFor: price.DefaultFreshFor, Active: true},
		{ID: "closed", Name: "Closed", FreshFor: price.DefaultFreshFor},
	} {
		_, err := s.PutCompetitor(tb.Context(), c)
		require.NoError(tb, err)
	}
	seedMarket(tb, s)
	day := price.At(time.Date(2026, 7, 5, 9, 14, 3, 0, time.UTC))
	usd := func(minor int64) price.Money { return price.Money{Minor: minor, Currency: "USD"} }
	seen := func(competitor string, at price.Timestamp, terms price.Terms) price.Submission {
		return price.Submission{Writer: price.Writer{Client: "night-run"}, Observation: price.Observation{
			Key: price.OfferKey{ProductID: "ZU-1042", CompetitorID: competitor}, Terms: terms,
			URL: "https://bigmart.example/p/77", Source: price.Source{ID: "crawler-a", Confidence: 9700}, ObservedAt: at,
		}}
	}
	used := seen("shopx", day.Add(12*time.Hour), price.Terms{Price: usd(1500), Availability: price.AvailabilityLimitedAvailability})
	used.Observation.Key.SellerID = "Otto & Söhne|100 %"
	used.Observation.Key.Condition = price.ConditionUsed
	used.Observation.Key.Region = "DE"
	observations := []price.Submission{
		seen("bigmart", day.Add(-24*time.Hour), price.Terms{Price: usd(2200), Shipping: usd(299)}),
		seen("bigmart", day, price.Terms{Price: usd(2150), Shipping: usd(299)}),
		seen("shopx", day.Add(23*time.Hour), price.Terms{Price: usd(2399), ListPrice: usd(2999), PriceType: price.PriceTypePromotional,
			Promotion: price.Promotion{Present: true, Label: "Sommer", ValidThrough: day.Add(240 * time.Hour), MinQuantity: 2}}),
		seen("kyoto", day.Add(22*time.Hour), price.Terms{
			Price: price.Money{Minor: 3000, Currency: "JPY"}, Shipping: price.Money{Currency: "JPY"},
		}),
		seen("bigmart", day.Add(-12*time.Hour), price.Terms{Availability: price.AvailabilityOutOfStock}),
		used,
	}
	observations[4].Observation.Key.Audience = price.AudienceMember
	verdicts, err := s.Record(tb.Context(), observations, price.At(time.Date(2026, 7, 6, 8, 30, 0, 0, time.UTC)), false)
	require.NoError(tb, err)
	for _, v := range verdicts {
		require.NoError(tb, v.Err)
	}
}

// seedCatalogue puts two products into the catalogue that nobody has observed: CAT-1 with everything, of version 2, and CAT-2 with
// as little as can be.
func seedCatalogue(tb testing.TB, s *store.Store) {
	tb.Helper()
	usd := func(minor int64) price.Money { return price.Money{Minor: minor, Currency: "USD"} }
	whole := price.CatalogueEntry{Title: "Kettle 1.7 l", GTIN: "4012345678901", MPN: "K-17", Brand: "Otto & Söhne", Category: "kitchen",
		Tags: []string{"steel", "sale"}, List: usd(2999), MAP: usd(2100)}
	for _, e := range []store.ProductEntry{
		{ProductID: "CAT-1", CatalogueEntry: price.CatalogueEntry{Title: "Kettle"}},
		{ProductID: "CAT-1", CatalogueEntry: whole},
		{ProductID: "CAT-2", CatalogueEntry: price.CatalogueEntry{Title: "Toaster", Discontinued: true}},
	} {
		_, err := s.PutCatalogueEntry(tb.Context(), e.ProductID, e.CatalogueEntry, nil)
		require.NoError(tb, err)
	}
}

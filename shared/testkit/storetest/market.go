package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// seedMarket gives the product ZU-7007 a market with something of everything that a summary tells: our own price, a MAP price,
// three competitors that can be compared, and offers that cannot.
func seedMarket(tb testing.TB, s *store.Store) {
	tb.Helper()
	const product = "ZU-7007"
	var observations []price.Submission
	seen := func(competitorID, sellerID, observedAt, amount, shipping, currency string) {
		money := func(amount string) price.Money {
			if amount == "" {
				return price.Money{}
			}
			m, wrong := price.ParseMoney(amount, currency, price.NoTime)
			require.Nil(tb, wrong)
			return m
		}
		at, err := price.ParseTimestamp(observedAt)
		require.NoError(tb, err)
		observations = append(observations, price.Submission{
			Writer: price.Writer{Client: "night-run", Own: true},
			Observation: price.Observation{
				Key:    price.OfferKey{ProductID: product, CompetitorID: competitorID, SellerID: sellerID},
				Terms:  price.Terms{Price: money(amount), Shipping: money(shipping)},
				Source: price.Source{ID: "crawler-a", Confidence: price.NoConfidence}, ObservedAt: at,
			},
		})
	}
	seen(price.Own, "", "2026-06-20T06:00:00Z", "24.99", "0.00", "USD")
	seen("bigmart", "", "2026-07-03T09:00:00Z", "22.50", "2.99", "USD")
	seen("bigmart", "", "2026-07-04T09:00:00Z", "20.50", "2.99", "USD")
	seen("bigmart", "", "2026-07-05T09:14:00Z", "19.95", "2.99", "USD")
	seen("kyoto", "", "2026-07-06T07:14:00Z", "26.49", "0.00", "USD")
	seen("kyoto", "tokyo", "2026-07-06T07:14:00Z", "2980", "0", "JPY")
	seen("shopx", "acme", "2026-07-06T08:14:30Z", "25.00", "2.99", "USD")
	seen("shopx", "bulk", "2026-07-06T08:14:30Z", "31.00", "0.00", "USD")
	seen("shopx", "dealz", "2026-07-06T08:14:30Z", "18.50", "", "USD")
	seen("shopx", "gone", "2026-07-01T00:00:00Z", "17.00", "1.00", "USD")
	verdicts, err := s.Record(tb.Context(), observations, price.At(time.Date(2026, 7, 6, 8, 30, 0, 0, time.UTC)), false)
	require.NoError(tb, err)
	for _, v := range verdicts {
		require.NoError(tb, v.Err)
	}
	require.NoError(tb, s.SetCatalogue(tb.Context(), product, board.Catalogue{MAP: price.Money{Minor: 2100, Currency: "USD"}}, 1))
}

package board_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/testkit/oracle"
	"pricing/shared/testkit/oracleof"
)

var bigmart = price.OfferKey{ProductID: "P", CompetitorID: "bigmart"}

// seenAt is an observation of an offer; no currency: one without a price.
func seenAt(t require.TestingT, key price.OfferKey, at string, minor int64, currency string, a price.Availability) board.Row {
	observedAt, err := price.ParseTimestamp(at)
	require.NoError(t, err)
	return board.Row{Key: key, Observation: board.Observation{
		Terms:  price.Terms{Price: price.Money{Minor: minor, Currency: currency}, Availability: a},
		Source: price.Source{ID: "crawler-a", Confidence: price.NoConfidence}, ObservedAt: observedAt,
	}}
}

func TestDaily(t *testing.T) {
	t.Parallel()
	const in, out = price.AvailabilityInStock, price.AvailabilityOutOfStock
	shopx := price.OfferKey{ProductID: "P", CompetitorID: "shopx", SellerID: "a"}
	midnight := func(text string) price.Timestamp {
		at, err := price.ParseTimestamp(text + "T00:00:00Z")
		require.NoError(t, err)
		return at
	}
	confident := seenAt(t, bigmart, "2026-07-05T23:59:59.999Z", 1700, "USD", in)
	confident.Observation.Source = price.Source{ID: "crawler-b", Confidence: 5000}
	rows := []board.Row{
		seenAt(t, shopx, "2026-07-05T12:00:00Z", 3000, "JPY", in),
		seenAt(t, bigmart, "2026-07-04T00:00:00Z", 2000, "USD", in),
		seenAt(t, bigmart, "2026-07-04T06:00:00Z", 1800, "USD", out), // a price whatever the availability
		seenAt(t, bigmart, "2026-07-04T12:00:00Z", 2100, "USD", price.AvailabilityOnlineOnly),
		seenAt(t, bigmart, "2026-07-04T18:00:00Z", 1900, "EUR", price.AvailabilityPreOrder),
		seenAt(t, bigmart, "2026-07-04T23:59:59.999Z", 0, "", out),
		seenAt(t, bigmart, "2026-07-05T00:00:00Z", 0, "", out),
		confident, // the later of two at one moment
		seenAt(t, bigmart, "2026-07-05T23:59:59.999Z", 1600, "USD", in),
		seenAt(t, bigmart, "2026-07-06T00:00:00Z", 0, "", price.AvailabilitySoldOut),
		seenAt(t, bigmart, "1969-12-31T23:59:59.999Z", 0, "USD", in),
	}
	usd := func(date string, key price.OfferKey) board.DayKey {
		return board.DayKey{Date: midnight(date), Offer: key, Currency: "USD"}
	}
	assert.Equal(t, []board.Day{
		{DayKey: usd("1969-12-31", bigmart), N: 1, InStock: 1},
		{DayKey: board.DayKey{Date: midnight("2026-07-04"), Offer: bigmart, Currency: "EUR"},
			Open: 1900, Low: 1900, High: 1900, Close: 1900, N: 5, InStock: 2},
		{DayKey: usd("2026-07-04", bigmart), Open: 2000, Low: 1800, High: 2100, Close: 2100, N: 5, InStock: 2},
		{DayKey: usd("2026-07-05", bigmart), Open: 1600, Low: 1600, High: 1700, Close: 1700, N: 3, InStock: 2},
		{DayKey: board.DayKey{Date: midnight("2026-07-05"), Offer: shopx, Currency: "JPY"},
			Open: 3000, Low: 3000, High: 3000, Close: 3000, N: 1, InStock: 1},
		{DayKey: board.DayKey{Date: midnight("2026-07-06"), Offer: bigmart}, N: 1},
	}, board.Daily(rows))
	assert.Empty(t, board.Daily(nil))
}

// drawRows draws the observations of some offers around three midnights.
func drawRows(t *rapid.T) []board.Row {
	first := price.At(time.Date(2026, 7, 4, 23, 59, 59, 998_000_000, time.UTC))
	kind := rapid.Custom(func(t *rapid.T) board.Row {
		r := board.Row{Key: price.OfferKey{ProductID: "P", CompetitorID: rapid.SampledFrom([]string{"bigmart", "shopx"}).Draw(t, "competitor"),
			Audience: price.Audience(rapid.IntRange(0, 1).Draw(t, "audience"))}}
		days := time.Duration(rapid.IntRange(0, 2).Draw(t, "days"))
		r.Observation = board.Observation{
			ObservedAt: first.Add(days*24*time.Hour + time.Duration(rapid.IntRange(0, 4).Draw(t, "ms"))*time.Millisecond),
			Source: price.Source{ID: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "source"),
				Confidence: rapid.SampledFrom([]price.Confidence{price.NoConfidence, 0, 9700}).Draw(t, "confidence")},
			Terms: price.Terms{Availability: price.Availability(rapid.IntRange(0, 9).Draw(t, "availability"))},
		}
		if currency := rapid.SampledFrom([]string{"", "EUR", "USD"}).Draw(t, "currency"); currency != "" {
			r.Observation.Terms.Price = price.Money{Minor: rapid.Int64Range(0, 5).Draw(t, "minor"), Currency: currency}
		}
		return r
	})
	return rapid.SliceOfNDistinct(kind, 0, 40, func(r board.Row) string { return r.Observation.ID(r.Key) }).Draw(t, "rows")
}

// TestDaily_Property: the days are those of the oracle, in any order of the observations, and of whole days computed apart they
// are the same as of all together.
func TestDaily_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t)
		days := board.Daily(rows)
		observations := make([]oracle.Observation, len(rows))
		for i, row := range rows {
			observations[i] = oracleof.Row(row)
		}
		var got []oracle.Day
		for _, d := range days {
			got = append(got, oracle.Day{Key: oracleof.Key(d.Offer), Date: d.Date.Date(), Currency: d.Currency,
				Open: d.Open, Low: d.Low, High: d.High, Close: d.Close, N: d.N, InStock: d.InStock})
		}
		require.Equal(t, oracle.Days(observations), got)
		require.True(t, slices.IsSortedFunc(days, func(a, b board.Day) int { return a.Compare(b.DayKey) }))

		shuffled := slices.Clone(rows)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		require.Equal(t, days, board.Daily(shuffled))

		border := price.At(time.Date(2026, 7, 4+rapid.IntRange(0, 3).Draw(t, "border"), 0, 0, 0, 0, time.UTC))
		var before, behind []board.Row
		for _, row := range rows {
			if row.Observation.ObservedAt < border {
				before = append(before, row)
			} else {
				behind = append(behind, row)
			}
		}
		require.Equal(t, days, append(board.Daily(before), board.Daily(behind)...))
	})
}

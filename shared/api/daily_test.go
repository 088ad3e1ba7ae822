package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/oracle"
)

func TestNewDay_Cells(t *testing.T) {
	t.Parallel()
	day := board.Day{DayKey: board.DayKey{Date: price.At(time.Date(2026, 7, 6, 0, 0, 0, 0, time.UTC)),
		Offer: price.OfferKey{ProductID: "P", CompetitorID: "shopx", SellerID: "=1+1", Condition: price.ConditionUsed,
			Audience: price.AudienceApp, Region: "DE"}, Currency: "KWD"}, Open: 1, Low: 0, High: 12345, Close: 2000, N: 3, InStock: 2}
	none := board.Day{DayKey: board.DayKey{Date: day.Date, Offer: price.OfferKey{CompetitorID: "bigmart"}}, N: 1}
	text := api.CSVOf(api.DayColumns(), "P", []api.Day{api.NewDay(day), api.NewDay(none)})
	assert.Equal(t, "text/csv; charset=utf-8; header=present", text.ContentType)
	assert.Equal(t, "productId,competitorId,sellerId,itemCondition,audience,region,date,currency,open,low,high,close,inStockFraction,n\r\n"+
		"P,shopx,'=1+1,Used,app,DE,2026-07-06,KWD,0.001,0.000,12.345,2.000,0.6667,3\r\n"+
		"P,bigmart,,New,public,,2026-07-06,,,,,,0.0000,1\r\n", string(text.Content))
}

// TestNewDay_InStockFraction: four decimals, and of two that are as near the even one.
func TestNewDay_InStockFraction(t *testing.T) {
	t.Parallel()
	for want, of := range map[string][2]int{
		"0.0000": {0, 7}, "1.0000": {7, 7}, "0.3333": {1, 3}, "0.6667": {2, 3}, "0.0002": {3, 20000}, "0.0004": {7, 20000}, "0.0001": {1, 10000},
	} {
		assert.Equal(t, want, api.NewDay(board.Day{InStock: of[0], N: of[1]}).InStockFraction)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200_000).Draw(t, "n")
		inStock := rapid.IntRange(0, n).Draw(t, "inStock")
		require.Equal(t, oracle.Fraction(inStock, n), api.NewDay(board.Day{InStock: inStock, N: n}).InStockFraction)
	})
}

func TestNewCoverage(t *testing.T) {
	t.Parallel()
	at := func(day, hour int) price.Timestamp { return price.At(time.Date(2026, 7, day, hour, 0, 0, 0, time.UTC)) }
	sufficient := func(days int, from, to price.Timestamp) (int, bool) {
		c := api.NewCoverage(from, to, &store.Coverage{First: from, Days: days})
		require.Equal(t, days, *c.ObservedDays)
		return c.RequestedDays, *c.Sufficient
	}
	for _, tt := range []struct {
		days     int
		from, to price.Timestamp
		want     int
		enough   bool
	}{
		{1, at(6, 9), at(6, 9), 1, true}, {0, at(6, 9), at(6, 9), 1, false},
		{4, at(1, 23), at(5, 0), 5, true}, {3, at(1, 23), at(5, 0), 5, false},
		{24, at(1, 0), at(31, 0) - 1, 30, true}, {23, at(1, 0), at(31, 0) - 1, 30, false},
		{25, at(1, 0), at(31, 0), 31, true}, {24, at(1, 0), at(31, 0), 31, false},
	} {
		requested, enough := sufficient(tt.days, tt.from, tt.to)
		assert.Equal(t, tt.want, requested)
		assert.Equal(t, tt.enough, enough, "%d of %d", tt.days, requested)
	}
	unknown := api.NewCoverage(at(1, 0), at(2, 0), nil)
	assert.Equal(t, api.Coverage{From: price.NoTime, RequestedDays: 2}, unknown)
}

package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pricing/shared/board"
	"pricing/shared/price"
)

var (
	monday = price.At(time.Date(2026, 7, 6, 0, 0, 0, 0, time.UTC))
	week   = board.Span{From: monday, To: monday.Add(7 * day)}
)

// at is an offer that was seen once, as many hours after the week's beginning.
func at(hours int, competitor string, amount int64, currency string, shipping int64) board.Offer {
	terms := price.Terms{Price: price.Money{Minor: amount, Currency: currency}}
	if currency == "" {
		terms.Availability = price.AvailabilitySoldOut
	}
	if shipping >= 0 {
		terms.Shipping = price.Money{Minor: shipping, Currency: currency}
	}
	seen := monday.Add(time.Duration(hours) * time.Hour)
	return board.Offer{Key: price.OfferKey{ProductID: "P1", CompetitorID: competitor}, FirstSeen: seen, RunStart: seen,
		Previous: board.Previous{At: price.NoTime}, Current: board.Observation{ObservedAt: seen, Terms: terms}}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	const unknown = -1
	soldOut := at(3, "sold-out", 0, "", unknown)
	soldOut.Previous = board.Previous{At: monday, Price: price.Money{Minor: 5, Currency: "EUR"}}
	early := at(200, "early", 1, "USD", 0)
	early.FirstSeen = monday.Add(-time.Hour)
	var many []board.Offer
	for i := range 12 {
		many = append(many, at(i, "c"+strconv.Itoa(10+i), int64(100-i), "USD", 0))
	}
	type offers = []board.Offer
	for name, tt := range map[string]struct {
		offers   offers
		want     []string
		currency string
		dearer   int
		foreign  []string
	}{
		"none": {nil, nil, "", 0, nil},
		"by landed price, unknown last": {
			offers{at(1, "a", 100, "USD", unknown), at(1, "b", 200, "USD", 50), at(1, "c", 190, "USD", 70)},
			[]string{"b", "c", "a"}, "USD", 0, nil},
		"unknown by price, no price last": {
			offers{at(1, "a", 0, "", unknown), at(1, "b", 300, "USD", unknown), at(1, "c", 200, "USD", unknown)},
			[]string{"c", "b", "a"}, "USD", 0, nil},
		"own first": {offers{at(1, "a", 100, "USD", 0), at(1, "own", 900, "USD", unknown)}, []string{"own", "a"}, "USD", 0, nil},
		"in our own currency": {
			offers{at(1, "a", 1, "USD", 0), at(1, "b", 1, "USD", 0), at(1, "own", 9, "EUR", 0)},
			[]string{"own"}, "EUR", 0, []string{"USD"}},
		"in that of most": {
			offers{at(1, "a", 1, "USD", 0), at(1, "b", 1, "USD", 0), at(1, "c", 1, "EUR", 0)},
			[]string{"a", "b"}, "USD", 0, []string{"EUR"}},
		"ties by code": {offers{at(1, "a", 1, "USD", 0), at(1, "c", 1, "JPY", 0)}, []string{"c"}, "JPY", 0,
			[]string{"USD"}},
		"the last price of what is sold out": {offers{soldOut}, []string{"sold-out"}, "EUR", 0, nil},
		"eight, the cheapest":                {many, []string{"c21", "c20", "c19", "c18", "c17", "c16", "c15", "c14"}, "USD", 4, nil},
		"seen in the window": {
			offers{at(-1, "before", 1, "USD", 0), at(169, "after", 1, "USD", 0), early, at(0, "first", 2, "USD", 0), at(168, "last", 3, "USD", 0)},
			[]string{"early", "first", "last"}, "USD", 0, nil},
		"our own from before it": {offers{at(-999, "own", 1, "USD", 0)}, []string{"own"}, "USD", 0, nil},
		"not our own of later":   {offers{at(169, "own", 1, "USD", 0)}, nil, "", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := choose(tt.offers, week)
			var keys []string
			for _, o := range got.offers {
				keys = append(keys, o.Key.CompetitorID)
			}
			assert.Equal(t, tt.want, keys)
			assert.Equal(t, tt.currency, got.currency)
			assert.Equal(t, tt.dearer, got.dearer)
			assert.Equal(t, tt.foreign, got.currencies)
			assert.Equal(t, len(tt.foreign) > 0, got.foreign > 0)
		})
	}
}

// TestView_Notes: what is not shown is said.
func TestView_Notes(t *testing.T) {
	t.Parallel()
	v := view{frame: frame{window: week, read: monday.Add(30 * time.Hour)}, others: 1,
		choice: choice{currency: "USD", offers: make([]board.Offer, 8), dearer: 15, foreign: 3, currencies: []string{"EUR", "JPY"}}}
	assert.Equal(t, []string{
		"USD without shipping.", "8 of 23 offers, those with the lowest prices.", "Not shown: 3 offers in EUR, JPY.",
		"Not shown: 1 price in another currency.",
		"Too much for one picture: nothing before 2026-07-07 06:00 was read.", "2026-07-06 to 2026-07-13 UTC.",
	}, v.notes())
	v = view{frame: frame{window: board.Span{From: monday, To: monday.Add(time.Hour)}, read: monday}}
	assert.Equal(t, []string{"2026-07-06 00:00 to 2026-07-06 01:00 UTC."}, v.notes())
	v = view{frame: frame{window: week}, choice: choice{offers: []board.Offer{at(1, "a", 1, "USD", 0)}, dearer: 1}}
	assert.Contains(t, v.notes(), "1 of 2 offers, those with the lowest landed prices.")
}

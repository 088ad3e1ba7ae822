package board

import (
	"cmp"
	"slices"
	"strings"

	"pricing/shared/price"
)

// DayKey says which day of which offer, and in which currency. Days are of UTC.
type DayKey struct {
	Date     price.Timestamp // the day's first moment
	Offer    price.OfferKey
	Currency string // empty: no price was seen that day
}

// Compare orders days by date, offer key and currency.
func (k DayKey) Compare(other DayKey) int {
	return cmp.Or(cmp.Compare(k.Date, other.Date), k.Offer.Compare(other.Offer), strings.Compare(k.Currency, other.Currency))
}

// Day is what was observed of an offer on one day, and of its prices in one currency. Shipping and list price play no part, nor
// does the availability: a price of what is out of stock counts like any other.
type Day struct {
	DayKey
	// Prices in minor units of the currency: of the first and the last observation that has one in it, the lowest and the highest.
	Open, Low, High, Close int64
	// How many observations there are of the offer on that day, in any currency or without a price, and how many of them in stock.
	N, InStock int
}

// Daily folds observations, each of them once and in any order, to days in order. An offer has a day for each currency in which it
// had a price, and one without a currency where it had none. Nothing is carried over from the day before.
func Daily(rows []Row) []Day {
	sorted := slices.SortedFunc(slices.Values(rows), func(a, b Row) int {
		return cmp.Or(
			cmp.Compare(a.Observation.ObservedAt.Day(), b.Observation.ObservedAt.Day()), a.Key.Compare(b.Key),
			Compare(a.Key, a.Observation, b.Observation))
	})
	var days []Day
	for len(sorted) > 0 {
		key := dayKey(sorted[0])
		n := slices.IndexFunc(sorted, func(r Row) bool { return dayKey(r) != key })
		if n < 0 {
			n = len(sorted)
		}
		days = append(days, oneDay(key, sorted[:n])...)
		sorted = sorted[n:]
	}
	return days
}

func dayKey(r Row) DayKey { return DayKey{Date: r.Observation.ObservedAt.Day(), Offer: r.Key} }

// oneDay folds an offer's observations of one day, of which there is at least one, the earliest first.
func oneDay(key DayKey, rows []Row) []Day {
	var days []Day
	inStock := 0
	for _, r := range rows {
		terms := r.Observation.Terms
		if terms.Availability.InStock() {
			inStock++
		}
		if !terms.Price.Present() {
			continue
		}
		seen := terms.Price.Minor
		i := slices.IndexFunc(days, func(d Day) bool { return d.Currency == terms.Price.Currency })
		if i < 0 {
			i = len(days)
			key.Currency = terms.Price.Currency
			days = append(days, Day{DayKey: key, Open: seen, Low: seen, High: seen})
		}
		d := &days[i]
		d.Low = min(d.Low, seen)
		d.High = max(d.High, seen)
		d.Close = seen
	}
	if len(days) == 0 {
		days = []Day{{DayKey: key}}
	}
	for i := range days {
		days[i].N = len(rows)
		days[i].InStock = inStock
	}
	slices.SortFunc(days, func(a, b Day) int { return a.Compare(b.DayKey) })
	return days
}

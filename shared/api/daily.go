package api

import (
	"fmt"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// Day is the document of a day of an offer, in UTC, and of its prices in one currency. What it has no price for is null.
type Day struct {
	CompetitorID    string          `json:"competitorId"`
	SellerID        *string         `json:"sellerId"`
	Condition       price.Condition `json:"itemCondition"`
	Audience        price.Audience  `json:"audience"`
	Region          *string         `json:"region"`
	Date            string          `json:"date"`
	Currency        *string         `json:"currency"`
	Open            *string         `json:"open"`
	Low             *string         `json:"low"`
	High            *string         `json:"high"`
	Close           *string         `json:"close"`
	InStockFraction string          `json:"inStockFraction"` // four decimals
	N               int             `json:"n"`
}

// NewDay describes a day.
func NewDay(d board.Day) Day {
	amount := func(minor int64) *string { return orNull(price.Money{Minor: minor, Currency: d.Currency}.Amount()) }
	if d.Currency == "" {
		amount = func(int64) *string { return nil }
	}
	return Day{
		CompetitorID:    d.Offer.CompetitorID,
		SellerID:        orNull(d.Offer.SellerID),
		Condition:       d.Offer.Condition,
		Audience:        d.Offer.Audience,
		Region:          orNull(d.Offer.Region),
		Date:            d.Date.Date(),
		Currency:        orNull(d.Currency),
		Open:            amount(d.Open),
		Low:             amount(d.Low),
		High:            amount(d.High),
		Close:           amount(d.Close),
		InStockFraction: fraction(d.InStock, d.N),
		N:               d.N,
	}
}

// fraction returns a part of n, which is not 0, as decimal text with four decimals, rounded half to even.
func fraction(part, n int) string {
	const one = 10_000
	rounded, rest := part*one/n, part*one%n
	if 2*rest > n || 2*rest == n && rounded%2 == 1 {
		rounded++
	}
	return fmt.Sprintf("%d.%04d", rounded/one, rounded%one)
}

// Coverage is the document that says how much of a window was observed. Days are those of UTC that the window touches.
type Coverage struct {
	From          price.Timestamp `json:"from"` // the first observation; null if there is none, or if that is not known
	RequestedDays int             `json:"requestedDays"`
	ObservedDays  *int            `json:"observedDays"` // null: a page's budget did not reach so far
	Sufficient    *bool           `json:"sufficient"`
}

// NewCoverage describes how much of a window was found; nil: that is not known.
func NewCoverage(from, to price.Timestamp, found *store.Coverage) Coverage {
	c := Coverage{From: price.NoTime, RequestedDays: int((to.Day()-from.Day())/price.OneDay) + 1}
	if found != nil {
		c.From = found.First
		c.ObservedDays = &found.Days
		sufficient := price.NewWindowCoverage(found.Days, c.RequestedDays).Sufficient
		c.Sufficient = &sufficient
	}
	return c
}

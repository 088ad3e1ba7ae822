package main

import (
	"cmp"
	"encoding/json"

	"pricing/shared/board"
	"pricing/shared/price"
)

// position is where an offer stands in the order that was asked for.
type position struct {
	Currency string `json:"c"` // empty: unknown, last
	Rank     int64  `json:"r"` // minor units, or observedAt turned round
	Key      string `json:"k"` // the offer key's text

	key price.OfferKey
}

// position orders amounts by currency code, then amount, and times newest first.
func (q query) position(o board.Offer) position {
	at := position{Key: board.KeyText(o.Key), key: o.Key}
	amount := o.Current.Terms.Landed()
	switch q.sort {
	case "observedAt":
		at.Rank = -int64(o.Current.ObservedAt)
		return at
	case "price":
		amount = o.Current.Terms.Price
	}
	at.Currency = amount.Currency
	at.Rank = amount.Minor
	return at
}

// has reports whether the query may have an offer at a position. That of a cursor may be made up.
func (q query) has(at position) bool {
	switch {
	case !q.matches(at.key):
		return false
	case q.sort == "observedAt":
		return at.Currency == ""
	case at.Currency == "":
		return at.Rank == 0
	}
	_, known := price.MinorDigits(at.Currency)
	return known && at.Rank >= 0
}

func (p position) compare(other position) int {
	if (p.Currency == "") != (other.Currency == "") {
		if p.Currency == "" {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(p.Currency, other.Currency), cmp.Compare(p.Rank, other.Rank), p.key.Compare(other.key))
}

// text is the position as a cursor keeps it.
func (p position) text() string {
	text, _ := json.Marshal(p) // plain data
	return string(text)
}

func parsePosition(productID, cursor string) (*position, error) {
	var at position
	err := json.Unmarshal([]byte(cursor), &at)
	if err == nil {
		at.key, err = board.ParseKey(productID, at.Key)
	}
	return &at, err
}

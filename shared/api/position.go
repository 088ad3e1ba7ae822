package api

import (
	"cmp"
	"encoding/json"

	"pricing/shared/board"
	"pricing/shared/price"
)

// Sort is an order of offers: by an amount, first by its currency's code, those without the amount last; or by observedAt, newest
// first. Offers that are equal in that stand in the order of their keys.
type Sort string

// The orders of offers.
const (
	SortLanded     Sort = "landed"
	SortPrice      Sort = "price"
	SortObservedAt Sort = "observedAt"
)

// ReadSort reads the parameter `sort`.
func ReadSort(q Query) Sort {
	return Sort(q.Word("sort", string(SortLanded), string(SortPrice), string(SortObservedAt)))
}

// Position is where an offer stands in an order.
type Position struct {
	Currency string `json:"c"` // empty: unknown, last
	Rank     int64  `json:"r"` // minor units, or observedAt turned round
	Key      string `json:"k"` // the offer key's text, once Text has made it

	key price.OfferKey
}

// Position returns where an offer stands in the order.
func (s Sort) Position(o *board.Offer) Position {
	at := Position{key: o.Key}
	amount := o.Current.Terms.Landed()
	switch s {
	case SortObservedAt:
		at.Rank = -int64(o.Current.ObservedAt)
		return at
	case SortPrice:
		amount = o.Current.Terms.Price
	}
	at.Currency = amount.Currency
	at.Rank = amount.Minor
	return at
}

// Has reports whether an offer may stand at the position, which may be made up.
func (s Sort) Has(at Position) bool {
	switch {
	case s == SortObservedAt:
		return at.Currency == ""
	case at.Currency == "":
		return at.Rank == 0
	}
	_, known := price.MinorDigits(at.Currency)
	return known && at.Rank >= 0
}

// Compare orders positions of one order; negative: p comes first.
func (p Position) Compare(other Position) int {
	if (p.Currency == "") != (other.Currency == "") {
		if p.Currency == "" {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(p.Currency, other.Currency), cmp.Compare(p.Rank, other.Rank), p.key.Compare(other.key))
}

// Text is the position as a cursor keeps it.
func (p Position) Text() string {
	p.Key = board.KeyText(p.key)
	text, _ := json.Marshal(p) // plain data
	return string(text)
}

// ParsePosition reads what Text wrote about an offer. Of which product, a cursor does not say: see Of.
func ParsePosition(cursor string) (*Position, error) {
	var at Position
	err := json.Unmarshal([]byte(cursor), &at)
	if err == nil {
		at.key, err = board.ParseKey("", at.Key)
	}
	return &at, err
}

// Of returns the position among the offers of a product.
func (p Position) Of(productID string) Position {
	p.key.ProductID = productID
	return p
}

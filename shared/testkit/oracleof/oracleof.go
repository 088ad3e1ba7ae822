// Package oracleof turns the product's values into the oracle's, for what compares the two. The oracle itself must not know them.
package oracleof

import (
	"fmt"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/testkit/oracle"
)

// Observation returns an observation as the oracle has it, under the id that the oracle gives it.
func Observation(o price.Observation) oracle.Observation {
	out := oracle.Observation{
		Key: Key(o.Key),
		Terms: oracle.Terms{Price: Money(o.Terms.Price), Shipping: Money(o.Terms.Shipping), ListPrice: Money(o.Terms.ListPrice),
			Availability: o.Terms.Availability.String(), PriceType: o.Terms.PriceType.String()},
		At: o.ObservedAt.Time(), Source: o.Source.ID, Kind: o.Source.Kind.String(), Confidence: o.Source.Confidence.String(), URL: o.URL,
	}
	if p := o.Terms.Promotion; p.Present {
		out.Promotion = &oracle.Promotion{Label: p.Label}
		if p.ValidThrough != price.NoTime {
			out.Promotion.ValidThrough = p.ValidThrough.String()
		}
		if p.MinQuantity != 0 {
			out.Promotion.MinQuantity = fmt.Sprint(p.MinQuantity)
		}
	}
	out.ID = oracle.Identity(out)
	return out
}

// Row returns a stored observation as the oracle has it. Its url is not known.
func Row(row board.Row) oracle.Observation {
	seen := row.Observation
	return Observation(price.Observation{Key: row.Key, Terms: seen.Terms, Source: seen.Source, ObservedAt: seen.ObservedAt})
}

// Key returns an offer's key as the oracle has it.
func Key(k price.OfferKey) oracle.Key {
	return oracle.Key{Product: k.ProductID, Competitor: k.CompetitorID, Seller: k.SellerID, Condition: k.Condition.String(),
		Region: k.Region, Audience: k.Audience.String()}
}

// Money returns an amount as the oracle has it: nil when there is none.
func Money(m price.Money) *oracle.Money {
	if !m.Present() {
		return nil
	}
	return &oracle.Money{Minor: m.Minor, Currency: m.Currency}
}

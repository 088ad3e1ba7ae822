package api

import (
	"slices"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
	"pricing/shared/store"
)

// OffersFilterParams are the parameters of an OffersFilter.
var OffersFilterParams = slices.Concat(FilterParams, []string{"inStock", "includeStale", "includeOwn", "currency"})

// OffersFilter says which of a product's current offers are asked for.
type OffersFilter struct {
	keys         KeyFilter
	inStock      bool
	includeStale bool
	includeOwn   bool
	currency     string // of the price; empty: any, or none
}

// ReadOffersFilter reads the filter of current offers. Our own offer is among them only when it is asked for.
func ReadOffersFilter(q Query) OffersFilter {
	f := OffersFilter{keys: ReadKeyFilter(q)}
	f.inStock = q.Bool("inStock", false)
	f.includeStale = q.Bool("includeStale", true)
	f.includeOwn = q.Bool("includeOwn", false) || f.keys.own()
	f.currency = ReadCurrency(q)
	return f
}

// ReadCurrency reads the parameter `currency`, empty when it was not sent. Of a currency that was withdrawn there may be prices
// yet.
func ReadCurrency(q Query) string {
	currency, sent := q.Text("currency")
	if _, known := price.MinorDigits(currency); sent && !known {
		q.Fault("currency", fault.CodeCurrencyUnknown, jsondoc.Quote(currency)+" is not an ISO 4217 currency code.")
	}
	return currency
}

func (f OffersFilter) passes(o *board.Offer, c price.Competitor, now price.Timestamp) bool {
	terms := o.Current.Terms
	return f.has(o.Key) &&
		(!f.inStock || terms.Availability.InStock()) &&
		(f.currency == "" || terms.Price.Currency == f.currency) &&
		(f.includeStale || !c.Stale(o.Current.ObservedAt, now))
}

// Has reports whether an offer that stands at a position may pass.
func (f OffersFilter) Has(at Position) bool { return f.has(at.key) }

func (f OffersFilter) has(key price.OfferKey) bool {
	return f.keys.Passes(key) && (f.includeOwn || key.CompetitorID != price.Own)
}

// ChosenOffer is an offer that was asked for.
type ChosenOffer struct {
	At         Position // in the order that was asked for
	Offer      *board.Offer
	Competitor price.Competitor
}

// Choose returns the current offers of a product that pass, in order.
func (f OffersFilter) Choose(
	product store.Product, competitors map[string]store.Competitor, sort Sort, clock price.Clock,
) []ChosenOffer {
	live := product.Live(clock)
	chosen := make([]ChosenOffer, 0, len(live))
	for i := range live {
		o := &live[i]
		competitor := CompetitorOf(competitors, o.Key)
		if f.passes(o, competitor, clock.Now) {
			chosen = append(chosen, ChosenOffer{sort.Position(o), o, competitor})
		}
	}
	slices.SortFunc(chosen, func(a, b ChosenOffer) int { return a.At.Compare(b.At) })
	return chosen
}

// CompetitorOf returns the competitor of an offer. One that is not in the list, as our own is not, has nothing but its id.
func CompetitorOf(competitors map[string]store.Competitor, key price.OfferKey) price.Competitor {
	c := competitors[key.CompetitorID].Competitor
	c.ID = key.CompetitorID
	return c
}

// ReadURLs reads the parameter `include`, which says whether the offers' urls are shown.
func ReadURLs(q Query, otherwise bool) bool {
	words := []string{"none", "url"}
	if otherwise {
		slices.Reverse(words)
	}
	return q.Word("include", words...) == "url"
}

package main

import (
	"context"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
)

// mostPerProduct is the most offers that are shown of a product and currency.
const mostPerProduct = 20

type reader interface {
	api.BulkReader
	Competitors(context.Context) (map[string]store.Competitor, error)
}

// found is what the entry of a product says of its offers.
type found struct {
	Matched   int         `json:"matched"` // how many the filter lets pass
	Offers    []api.Offer `json:"offers"`
	Truncated bool        `json:"truncated"` // more of them are there than are shown
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "POST /v1/offers/query", Scope: "read", MaxBody: api.QueryBytes,
		Handle: query(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func query(db reader, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		q, err := api.ReadBulk(r.Body, "filter", "sort", "perProductLimit", "include")
		if err != nil {
			return gateway.Answer{}, err
		}
		filter := api.ReadOfferFilter(q.Object("filter", api.OfferFilterParams...))
		sort := api.ReadSort(q)
		most := q.Int("perProductLimit", mostPerProduct, mostPerProduct)
		urls := api.ReadURLs(q, false)
		if err := q.Err(); err != nil {
			return gateway.Answer{}, err
		}
		competitors, err := db.Competitors(ctx)
		if err != nil {
			return gateway.Answer{}, err
		}
		now := clock(r)
		return q.Answer(ctx, db, urls, func(p store.Product) any {
			chosen := filter.Choose(p, competitors, sort, now)
			shown := first(chosen, most)
			return found{Matched: len(chosen), Offers: api.NewOffers(shown, p, urls, now.Now), Truncated: len(shown) < len(chosen)}
		})
	}
}

// first returns the first offers of each currency, at most so many. Those without a price are a group of their own.
func first(offers []api.ChosenOffer, most int) []api.ChosenOffer {
	shown := offers[:0:0]
	have := map[string]int{}
	for _, o := range offers {
		currency := o.Offer.Current.Terms.Price.Currency
		if have[currency]++; have[currency] <= most {
			shown = append(shown, o)
		}
	}
	return shown
}

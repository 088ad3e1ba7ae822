package main

import (
	"context"
	"slices"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
)

const (
	usualLimit    = 100
	greatestLimit = 200
)

type reader interface {
	api.GTINs
	Product(ctx context.Context, productID string, urls bool) (store.Product, error)
	Competitors(context.Context) (map[string]store.Competitor, error)
}

type answer struct {
	ProductID string      `json:"productId"`
	Offers    []api.Offer `json:"offers"`
	Next      *string     `json:"next"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/products/{productId}/offers", Scope: "read",
		Query:  slices.Concat([]string{api.ByParam}, api.FilterParams, []string{"inStock", "includeStale", "sort", "include"}, api.PageParams),
		Handle: list(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func list(db reader, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		id, err := api.FindProductID(ctx, p, db)
		if err != nil {
			return gateway.Answer{}, err
		}
		q, err := readQuery(p, id)
		if err != nil {
			return gateway.Answer{}, err
		}
		product, err := db.Product(ctx, q.productID, true)
		if err != nil {
			return gateway.Answer{}, err
		}
		competitors, err := db.Competitors(ctx)
		if err != nil {
			return gateway.Answer{}, err
		}
		now := clock(r)
		offers := q.choose(product, competitors, now)
		out := answer{ProductID: q.productID, Offers: []api.Offer{}}
		for i, o := range offers {
			if len(out.Offers) == q.page.Limit {
				out.Next = q.page.Next(offers[i-1].at.text())
				break
			}
			out.Offers = append(out.Offers, api.NewOffer(o.offer, o.competitor, product.URL(o.offer), now.Now))
		}
		return gateway.Answer{Body: out}, nil
	}
}

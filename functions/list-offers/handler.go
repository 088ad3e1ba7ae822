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
		Query:  slices.Concat([]string{api.ByParam}, api.OffersFilterParams, []string{"sort", "include"}, api.PageParams),
		Handle: list(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func list(db reader, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		q := readQuery(p)
		id, err := api.FindProductID(ctx, p, db)
		if err != nil {
			return gateway.Answer{}, err
		}
		product, err := db.Product(ctx, id, q.urls)
		if err != nil {
			return gateway.Answer{}, err
		}
		competitors, err := db.Competitors(ctx)
		if err != nil {
			return gateway.Answer{}, err
		}
		now := clock(r)
		offers := q.filter.Choose(product, competitors, q.sort, now)
		if q.after != nil {
			after := q.after.Of(id)
			offers = slices.DeleteFunc(offers, func(o api.ChosenOffer) bool { return o.At.Compare(after) <= 0 })
		}
		out := answer{ProductID: id}
		if len(offers) > q.page.Limit {
			offers = offers[:q.page.Limit]
			out.Next = q.page.Next(offers[q.page.Limit-1].At.Text())
		}
		out.Offers = api.NewOffers(offers, product, q.urls, now.Now)
		return gateway.Answer{Body: out}, nil
	}
}

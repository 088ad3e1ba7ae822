package main

import (
	"context"
	"slices"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	usualLimit    = 100
	greatestLimit = 200
)

type reader interface {
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
		Query:  slices.Concat(api.FilterParams, []string{"inStock", "includeStale", "sort", "include"}, api.PageParams),
		Handle: list(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func list(db reader, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		q, err := readQuery(r.Params())
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
		offers := q.choose(product, competitors, clock(r))
		out := answer{ProductID: q.productID, Offers: []api.Offer{}}
		for i, o := range offers {
			if len(out.Offers) == q.page.Limit {
				out.Next = q.page.Next(offers[i-1].at.text())
				break
			}
			out.Offers = append(out.Offers, o.document)
		}
		return gateway.Answer{Body: out}, nil
	}
}

type query struct {
	productID    string
	matches      api.Filter
	inStock      bool
	includeStale bool
	sort         string
	page         api.Page
	after        *position // of the page; nil: it is the first
}

func readQuery(p *gateway.Params) (query, error) {
	q := query{productID: api.ProductID(p), matches: api.ReadFilter(p)}
	q.inStock = p.Bool("inStock", false)
	q.includeStale = p.Bool("includeStale", true)
	q.sort = p.Word("sort", "landed", "price", "observedAt")
	p.Word("include", "url")
	q.page = api.ReadPage(p, usualLimit, greatestLimit)
	if q.page.After != "" {
		var err error
		if q.after, err = parsePosition(q.productID, q.page.After); err != nil {
			q.page.Invalid()
		}
	}
	return q, p.Err()
}

// placed is an offer and its place in the order that was asked for.
type placed struct {
	at       position
	document api.Offer
}

// choose returns the offers that were asked for behind the page's beginning, in order.
func (q query) choose(product store.Product, competitors map[string]store.Competitor, clock price.Clock) []placed {
	var chosen []placed
	for _, o := range product.Live(clock) {
		at := q.position(o)
		if !q.matches(o.Key) || q.inStock && !o.Current.Terms.Availability.InStock() || q.after != nil && at.compare(*q.after) <= 0 {
			continue
		}
		document := api.NewOffer(o, competitors[o.Key.CompetitorID].Competitor, product.URLs[o.Current.URL], clock.Now)
		if q.includeStale || !document.Stale {
			chosen = append(chosen, placed{at, document})
		}
	}
	slices.SortFunc(chosen, func(a, b placed) int { return a.at.compare(b.at) })
	return chosen
}

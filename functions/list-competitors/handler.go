package main

import (
	"context"
	"maps"
	"slices"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	usualLimit    = 100
	greatestLimit = 500
)

type lister interface {
	ListCompetitors(context.Context) (map[string]store.Competitor, error)
}

type answer struct {
	Competitors []api.Competitor `json:"competitors"`
	Next        *string          `json:"next"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{Route: "GET /v1/competitors", Scope: "read", Query: api.PageParams, Handle: list(f.Store)}
}

func list(db lister) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		page := api.ReadPage(p, usualLimit, greatestLimit)
		if page.After != "" && !price.CheckCompetitorID(page.After) {
			page.Invalid()
		}
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		competitors, err := db.ListCompetitors(ctx)
		if err != nil {
			return gateway.Answer{}, err
		}
		out := answer{Competitors: []api.Competitor{}}
		for _, id := range slices.Sorted(maps.Keys(competitors)) {
			if id <= page.After {
				continue
			}
			if n := len(out.Competitors); n == page.Limit {
				out.Next = page.Next(out.Competitors[n-1].ID)
				break
			}
			out.Competitors = append(out.Competitors, api.WithHealth(competitors[id]))
		}
		return gateway.Answer{Body: out}, nil
	}
}

package main

import (
	"context"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
)

type finder interface {
	FindCompetitor(ctx context.Context, id string) (store.Competitor, error)
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{Route: "GET /v1/competitors/{competitorId}", Scope: "read", Handle: get(f.Store)}
}

func get(db finder) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		id := api.CompetitorID(p)
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		c, err := db.FindCompetitor(ctx, id)
		if err != nil {
			return gateway.Answer{}, err
		}
		return gateway.Answer{Body: api.WithHealth(c)}, nil
	}
}

package main

import (
	"context"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

type reader interface {
	api.BulkReader
	Competitors(context.Context) (map[string]store.Competitor, error)
}

// found is what the entry of a product says of its market.
type found struct {
	Summary api.BulkSummary `json:"summary"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "POST /v1/summaries/query", Scope: "read", MaxBody: api.QueryBytes,
		Handle: query(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func query(db reader, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		q, err := api.ReadBulk(r.Body, api.SummaryParams...)
		if err != nil {
			return gateway.Answer{}, err
		}
		summary := api.ReadSummaryQuery(q)
		if err := q.Err(); err != nil {
			return gateway.Answer{}, err
		}
		competitors, err := db.Competitors(ctx)
		if err != nil {
			return gateway.Answer{}, err
		}
		now := clock(r)
		return q.Answer(ctx, db, false, func(p store.Product) any {
			return found{api.NewBulkSummary(p.ID, price.Summarize(api.Snapshot(p, competitors, now), summary))}
		})
	}
}

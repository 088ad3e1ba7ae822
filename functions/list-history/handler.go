package main

import (
	"context"
	"slices"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
)

type historian interface {
	api.GTINs
	History(ctx context.Context, productID string, w store.Window) (store.Page, error)
}

type answer struct {
	ProductID    string            `json:"productId"`
	Observations []api.Observation `json:"observations"`
	Next         *string           `json:"next"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/products/{productId}/history", Scope: "read",
		Query:  slices.Concat([]string{api.ByParam}, api.SpanParams, api.FilterParams, []string{"view", "order"}, api.PageParams),
		Handle: list(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func list(db historian, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		id, err := api.FindProductID(ctx, p, db)
		if err != nil {
			return gateway.Answer{}, err
		}
		window, page := readWindow(p, id, clock(r))
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		found, err := db.History(ctx, id, window)
		if err != nil {
			return gateway.Answer{}, err
		}
		out := answer{ProductID: id, Observations: make([]api.Observation, len(found.Rows))}
		for i, row := range found.Rows {
			out.Observations[i] = api.NewObservation(row)
			if !window.Changes {
				out.Observations[i].Client = row.Observation.Client
			}
		}
		if found.Next != nil {
			out.Next = page.Next(cursor{window.To, *found.Next}.text())
		}
		return gateway.Answer{Body: out, Cause: api.SuspectCause(found.Suspect)}, nil
	}
}

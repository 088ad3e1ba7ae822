package main

import (
	"context"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
)

type answer struct {
	Retry   bool         `json:"retry,omitempty"`
	Counts  api.Counts   `json:"counts"`
	Results []api.Result `json:"results"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{Route: "POST /v1/products/batch", Scope: "catalog", MaxBody: api.BatchBytes, Handle: put(f.Store)}
}

func put(db api.ProductPutter) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		items, err := read(r.Body, api.Writer(r), price.At(r.Received))
		if err != nil {
			return gateway.Answer{}, err
		}
		api.PutProducts(ctx, db, items)
		tally := api.TallyProducts(items)
		out := answer{Counts: api.NewCounts(tally), Results: api.NewResults(items)}
		out.Retry = out.Counts.Retry()
		return gateway.Answer{
			Status: out.Counts.Status(), Body: out, Items: tally, Retry: out.Retry, Cause: api.Cause(items),
		}, nil
	}
}

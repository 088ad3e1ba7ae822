package main

import (
	"context"
	"net/http"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

type putter interface {
	PutCompetitor(context.Context, price.Competitor) (isNew bool, err error)
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "PUT /v1/competitors/{competitorId}", Scope: "catalog", MaxBody: api.SingleBytes, Handle: put(f.Store),
	}
}

func put(db putter) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		body, err := jsondoc.Parse(r.Body)
		if err != nil {
			return gateway.Answer{}, err
		}
		p := r.Params()
		id := api.CompetitorID(p)
		if price.Reserved(id) {
			p.Add("/path/competitorId", fault.CodeReservedName, "The competitor own and names that begin with self-check are reserved.")
		}
		c := price.ReadCompetitor(id, p.At(body, ""), price.At(r.Received))
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		isNew, err := db.PutCompetitor(ctx, c)
		if err != nil {
			return gateway.Answer{}, err
		}
		status := http.StatusOK
		if isNew {
			status = http.StatusCreated
		}
		return gateway.Answer{Status: status, Body: api.NewCompetitor(c)}, nil
	}
}

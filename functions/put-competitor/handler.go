package main

import (
	"context"
	"net/http"

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
	return gateway.Endpoint{Route: "PUT /v1/competitors/{competitorId}", Scope: "catalog", MaxBody: gateway.SingleBytes, Handle: put(f.Store)}
}

func put(db putter) func(context.Context, *gateway.Request) (gateway.Answer, error) {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		id, err := r.Path("competitorId")
		if err != nil {
			return gateway.Answer{}, err
		}
		body, err := jsondoc.Parse(r.Body)
		if err != nil {
			return gateway.Answer{}, err
		}
		var reader jsondoc.Reader
		switch {
		case !price.CheckCompetitorID(id):
			reader.Add("/path/competitorId", fault.CodeInvalidField, "A competitorId has 2 to 40 of a-z, 0-9 and -.")
		case price.Reserved(id):
			reader.Add("/path/competitorId", fault.CodeInvalidField, "Names beginning with self-check are reserved.")
		}
		c := price.ReadCompetitor(id, reader.At(body, ""))
		if err := reader.Err(); err != nil {
			return gateway.Answer{}, err
		}
		isNew, err := db.PutCompetitor(ctx, c)
		if err != nil {
			return gateway.Answer{}, err
		}
		if isNew {
			return gateway.Answer{Status: http.StatusCreated, Body: c}, nil
		}
		return gateway.Answer{Body: c}, nil
	}
}

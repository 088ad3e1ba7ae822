package main

import (
	"context"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/store"
)

type finder interface {
	api.GTINs
	FindCatalogueEntry(ctx context.Context, productID string) (store.CatalogueItem, error)
	Product(ctx context.Context, productID string, urls bool) (store.Product, error)
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/products/{productId}", Scope: "read", Query: []string{api.ByParam}, Handle: get(f.Store),
	}
}

func get(db finder) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		id, err := api.FindProductID(ctx, p, db)
		if err != nil {
			return gateway.Answer{}, err
		}
		entry, err := db.FindCatalogueEntry(ctx, id)
		switch {
		case err == nil:
			return gateway.Answer{Body: api.NewProduct(entry)}, nil
		case !fault.Is(err, fault.NotFound):
			return gateway.Answer{}, err
		}
		if _, err := db.Product(ctx, id, false); err != nil { // nor was it observed
			return gateway.Answer{}, err
		}
		return gateway.Answer{Body: api.Product{ID: id}}, nil
	}
}

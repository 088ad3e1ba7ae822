package main

import (
	"context"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
	"pricing/shared/store"
)

type putter interface {
	PutCatalogueEntry(
		ctx context.Context, productID string, e price.CatalogueEntry, allow func(stored store.CatalogueItem) error,
	) (store.Put, error)
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "PUT /v1/products/{productId}", Scope: "catalog", MaxBody: api.SingleBytes, Handle: put(f.Store),
	}
}

func put(db putter) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		body, err := jsondoc.Parse(r.Body)
		if err != nil {
			return gateway.Answer{}, err
		}
		p := r.Params()
		id := api.ProductID(p)
		if detail := api.Writer(r).PutFault(id); detail != "" {
			p.Add("/path/productId", fault.CodeReservedName, detail)
		}
		e := price.ReadCatalogueEntry(p.At(body, ""), price.At(r.Received))
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		put, err := db.PutCatalogueEntry(ctx, id, e, func(stored store.CatalogueItem) error {
			if stored.Version == 0 {
				return r.MayReplace(nil)
			}
			return r.MayReplace(api.NewProduct(stored))
		})
		if err != nil {
			return gateway.Answer{}, err
		}
		stored := store.CatalogueItem{CatalogueEntry: e, ProductID: id, Version: put.Version}
		return gateway.Answer{Status: api.ProductStatus(put), Body: api.NewProduct(stored), Stored: true}, nil
	}
}

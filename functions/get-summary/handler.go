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

type reader interface {
	api.GTINs
	Product(ctx context.Context, productID string, urls bool) (store.Product, error)
	Competitors(context.Context) (map[string]store.Competitor, error)
	Whole(ctx context.Context, product store.Product, w store.Window, most float64) (store.Page, error)
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/products/{productId}/summary", Scope: "read",
		Query:  slices.Concat([]string{api.ByParam}, api.SummaryParams, []string{"window"}),
		Handle: summarize(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func summarize(db reader, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		now := clock(r)
		query := api.ReadSummaryQuery(p)
		days := readDays(p, now.Retention)
		id, err := api.FindProductID(ctx, p, db)
		if err != nil {
			return gateway.Answer{}, err
		}
		product, err := db.Product(ctx, id, false)
		if err != nil {
			return gateway.Answer{}, err
		}
		competitors, err := db.Competitors(ctx)
		if err != nil {
			return gateway.Answer{}, err
		}
		snapshot := api.Snapshot(product, competitors, now)
		past, err := readPast(ctx, db, product, query, price.NewWindow(now.Now, days))
		if err != nil {
			return gateway.Answer{}, err
		}
		snapshot.Window = past.window
		return gateway.Answer{
			Body: api.NewSummary(id, price.Summarize(snapshot, query), past.omitted), Cause: api.SuspectCause(past.suspect),
		}, nil
	}
}

// past is what was read of a product's history.
type past struct {
	window  *price.Window // nil: it was not read
	omitted string        // why not, if it was asked for
	suspect []string      // segments; see store.Told
}

// readPast reads what a summary needs of the history. A window of no days is not read.
func readPast(ctx context.Context, db reader, product store.Product, query price.SummaryQuery, w price.Window) (past, error) {
	if w.Days == 0 {
		return past{}, nil
	}
	checked := product.Catalogue.MAP.Present()
	page, err := db.Whole(ctx, product, store.Window{From: w.From, To: w.To(), Match: func(k price.OfferKey) bool {
		return query.Market.Has(k) || checked && query.Market.Advertises(k)
	}}, store.WindowUnits)
	if err != nil || page.Next != nil { // half a window would have a wrong low
		return past{omitted: api.WindowTooLarge}, err
	}
	w.Rows = api.Observed(page.Rows)
	return past{window: &w, suspect: page.Suspect}, nil
}

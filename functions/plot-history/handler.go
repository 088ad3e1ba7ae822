package main

import (
	"context"
	"slices"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

type historian interface {
	api.GTINs
	Product(ctx context.Context, productID string, urls bool) (store.Product, error)
	Whole(ctx context.Context, product store.Product, w store.Window, most float64) (store.Page, error)
	History(ctx context.Context, productID string, w store.Window) (store.Page, error)
	Competitors(context.Context) (map[string]store.Competitor, error)
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/products/{productId}/history.svg", Scope: "read",
		Query:  slices.Concat(api.SpanParams, api.FilterParams, []string{api.ByParam, "width", "height"}),
		Handle: plot(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

// policy lets a picture use its own style sheet and nothing more.
const policy = "default-src 'none'; style-src 'unsafe-inline'"

func plot(db historian, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		now := clock(r)
		f := frame{window: api.ReadSpan(p, now.Now, now)}
		filter := api.ReadKeyFilter(p)
		f.width = p.IntFrom("width", 800, 240, 2000)
		f.height = p.IntFrom("height", 320, 120, 1200)
		var err error
		if f.productID, err = api.FindProductID(ctx, p, db); err != nil {
			return gateway.Answer{}, err
		}
		f.window.To = max(f.window.From, min(f.window.To, now.Now))
		product, err := db.Product(ctx, f.productID, false)
		if err != nil {
			return gateway.Answer{}, err
		}
		competitors, err := db.Competitors(ctx)
		if err != nil {
			return gateway.Answer{}, err
		}
		offers := slices.DeleteFunc(product.Live(now), func(o board.Offer) bool { return !filter.Passes(o.Key) })
		chosen := choose(offers, f.window)
		h := history{historian: db, product: product, kept: now.Now.Add(-now.Retention)}
		if err := h.read(ctx, f.window, chosen); err != nil {
			return gateway.Answer{}, err
		}
		f.read = h.from
		picture := draw(newView(f, chosen, h.rows, competitors))
		return gateway.Answer{
			Body: gateway.Text{ContentType: "image/svg+xml", Content: picture, Policy: policy}, Cause: api.SuspectCause(h.suspect),
		}, nil
	}
}

// history is what was read for a picture.
type history struct {
	historian
	product store.Product
	kept    price.Timestamp // what is older left the retention

	rows    []board.Row
	from    price.Timestamp // since when all rows of the window were read
	units   float64
	suspect []string // segments; see store.Told
}

// add takes in what was read.
func (h *history) add(page store.Page) {
	h.rows = append(h.rows, page.Rows...)
	h.units += page.Units
	h.suspect = append(h.suspect, page.Suspect...)
}

// read reads the chosen offers in a window, from its end on and as far as the read units reach.
func (h *history) read(ctx context.Context, window board.Span, chosen choice) error {
	h.from = window.From
	if len(chosen.offers) == 0 {
		return nil
	}
	page, err := h.Whole(ctx, h.product, store.Window{
		From: max(window.From, h.kept), To: window.To, Match: chosen.has, Descending: true,
	}, store.WindowUnits)
	if err != nil {
		return err
	}
	h.add(page)
	if page.Next != nil {
		h.from = page.Next.ObservedAt
	}
	for _, o := range chosen.offers {
		if isOwn(o.Key) {
			if err := h.readOwn(ctx, o, h.from); err != nil {
				return err
			}
		}
	}
	return nil
}

// readOwn adds the price that an offer of our own had at a moment: it lasts until it is changed, however long ago it was seen. Either
// the board has it, or it is read if there are units left for a page.
func (h *history) readOwn(ctx context.Context, o board.Offer, at price.Timestamp) error {
	switch {
	case o.RunStart < at:
		seen := o.Current
		if seen.ObservedAt >= at { // one of those that were read; the first of its run had the same terms
			seen.ObservedAt = o.RunStart
		}
		h.rows = append(h.rows, board.Row{Key: o.Key, Observation: seen})
	case o.FirstSeen < at && h.units+store.PageUnits <= store.WindowUnits:
		page, err := h.History(ctx, h.product.ID, store.Window{
			From: max(o.FirstSeen, h.kept), To: at - 1, Offer: &o.Key, Descending: true, Limit: 1,
		})
		if err != nil {
			return err
		}
		h.add(page)
	}
	return nil
}

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
		if f.productID, err = api.FindProductID(ctx, p, db); err == nil {
			err = p.Err()
		}
		if err != nil {
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
		h := history{historian: db, productID: f.productID, kept: now.Now.Add(-now.Retention), pages: mostPages}
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

// mostPages is how many pages of the history are read for a picture, each of about store.PageUnits read units: 200 units.
const mostPages = 200 / store.PageUnits

// pageRows is the most rows of a page. Its read units run out before.
const pageRows = 100_000

// history is what was read for a picture.
type history struct {
	historian
	productID string
	kept      price.Timestamp // what is older left the retention
	pages     int             // that may still be read

	rows    []board.Row
	from    price.Timestamp // since when all rows of the window were read
	suspect []string        // segments; see store.Told
}

func (h *history) page(ctx context.Context, w store.Window) (store.Page, error) {
	h.pages--
	w.Descending = true
	page, err := h.History(ctx, h.productID, w)
	h.rows = append(h.rows, page.Rows...)
	h.suspect = append(h.suspect, page.Suspect...)
	return page, err
}

// read reads the chosen offers in a window, from its end on and as far as the pages reach.
func (h *history) read(ctx context.Context, window board.Span, chosen choice) error {
	w := store.Window{From: max(window.From, h.kept), To: window.To, Match: chosen.has, Limit: pageRows}
	for more := len(chosen.offers) > 0; more && h.pages > 0; more = w.After != nil {
		page, err := h.page(ctx, w)
		if err != nil {
			return err
		}
		w.After = page.Next
	}
	h.from = window.From
	if w.After != nil {
		h.from = w.After.ObservedAt
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
// the board has it, or it is read if a page may still be read.
func (h *history) readOwn(ctx context.Context, o board.Offer, at price.Timestamp) error {
	switch {
	case o.RunStart < at:
		seen := o.Current
		if seen.ObservedAt >= at { // one of those that were read; the first of its run had the same terms
			seen.ObservedAt = o.RunStart
		}
		h.rows = append(h.rows, board.Row{Key: o.Key, Observation: seen})
	case o.FirstSeen < at && h.pages > 0:
		only := func(key price.OfferKey) bool { return key == o.Key }
		_, err := h.page(ctx, store.Window{From: max(o.FirstSeen, h.kept), To: at - 1, Match: only, Limit: 1})
		return err
	}
	return nil
}

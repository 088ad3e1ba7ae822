package main

import (
	"slices"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

type query struct {
	productID    string
	matches      api.Filter
	inStock      bool
	includeStale bool
	sort         string
	page         api.Page
	after        *position // of the page; nil: it is the first
}

func readQuery(p *gateway.Params, productID string) (query, error) {
	q := query{productID: productID, matches: api.ReadFilter(p)}
	q.inStock = p.Bool("inStock", false)
	q.includeStale = p.Bool("includeStale", true)
	q.sort = p.Word("sort", "landed", "price", "observedAt")
	p.Word("include", "url")
	q.page = api.ReadPage(p, usualLimit, greatestLimit)
	if q.page.After != "" {
		var err error
		if q.after, err = parsePosition(q.productID, q.page.After); err != nil || !q.has(*q.after) {
			q.page.Invalid()
		}
	}
	return q, p.Err()
}

// placed is an offer, its place in the order that was asked for, and its competitor.
type placed struct {
	at         position
	offer      board.Offer
	competitor price.Competitor
}

// choose returns the offers that were asked for behind the page's beginning, in order.
func (q query) choose(product store.Product, competitors map[string]store.Competitor, clock price.Clock) []placed {
	var chosen []placed
	for _, o := range product.Live(clock) {
		at := q.position(o)
		if !q.matches(o.Key) || q.inStock && !o.Current.Terms.Availability.InStock() || q.after != nil && at.compare(*q.after) <= 0 {
			continue
		}
		competitor := competitors[o.Key.CompetitorID].Competitor
		if q.includeStale || clock.Now < competitor.StaleAt(o.Current.ObservedAt) {
			chosen = append(chosen, placed{at, o, competitor})
		}
	}
	slices.SortFunc(chosen, func(a, b placed) int { return a.at.compare(b.at) })
	return chosen
}

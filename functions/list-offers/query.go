package main

import (
	"pricing/shared/api"
	"pricing/shared/gateway"
)

type query struct {
	productID string
	filter    api.OffersFilter
	sort      api.Sort
	urls      bool // they are shown
	page      api.Page
	after     *api.Position // of the page; nil: it is the first
}

// readQuery reads what is asked for, but for the product and the position.
func readQuery(p *gateway.Params) query {
	return query{
		filter: api.ReadOffersFilter(p), sort: api.ReadSort(p), urls: api.ReadURLs(p, true),
		page: api.ReadPage(p, usualLimit, greatestLimit),
	}
}

// readPosition reads the position that the cursor names in the product's offers.
func (q *query) readPosition() {
	if q.page.After == "" {
		return
	}
	var err error
	if q.after, err = api.ParsePosition(q.productID, q.page.After); err != nil || !q.sort.Has(*q.after) || !q.filter.Has(*q.after) {
		q.page.Invalid()
	}
}

package main

import (
	"pricing/shared/api"
	"pricing/shared/gateway"
)

type query struct {
	productID string
	filter    api.OfferFilter
	sort      api.Sort
	urls      bool // they are shown
	page      api.Page
	after     *api.Position // of the page; nil: it is the first
}

func readQuery(p *gateway.Params) (query, error) {
	q := query{productID: api.ProductID(p), filter: api.ReadOfferFilter(p), sort: api.ReadSort(p), urls: api.ReadURLs(p, true)}
	q.page = api.ReadPage(p, usualLimit, greatestLimit)
	if q.page.After != "" {
		var err error
		if q.after, err = api.ParsePosition(q.productID, q.page.After); err != nil || !q.sort.Has(*q.after) || !q.filter.Has(*q.after) {
			q.page.Invalid()
		}
	}
	return q, p.Err()
}

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

func readQuery(p *gateway.Params, productID string) (query, error) {
	q := query{productID: productID, filter: api.ReadOffersFilter(p), sort: api.ReadSort(p), urls: api.ReadURLs(p, true)}
	q.page = api.ReadPage(p, usualLimit, greatestLimit)
	if q.page.After != "" {
		var err error
		if q.after, err = api.ParsePosition(q.productID, q.page.After); err != nil || !q.sort.Has(*q.after) || !q.filter.Has(*q.after) {
			q.page.Invalid()
		}
	}
	return q, p.Err()
}

package main

import (
	"pricing/shared/api"
	"pricing/shared/gateway"
)

// query is what is asked for of a product's offers.
type query struct {
	filter api.OffersFilter
	sort   api.Sort
	urls   bool // they are shown
	page   api.Page
	after  *api.Position // of the page; nil: it is the first
}

func readQuery(p *gateway.Params) query {
	q := query{
		filter: api.ReadOffersFilter(p), sort: api.ReadSort(p), urls: api.ReadURLs(p, true),
		page: api.ReadPage(p, usualLimit, greatestLimit),
	}
	if q.page.After != "" {
		var err error
		if q.after, err = api.ParsePosition(q.page.After); err != nil || !q.sort.Has(*q.after) || !q.filter.Has(*q.after) {
			q.page.Invalid()
		}
	}
	return q
}

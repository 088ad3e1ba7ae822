package main

import (
	"context"
	"fmt"
	"math"

	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
)

// found is what the table holds of what was sent.
type found struct {
	acknowledged int      // observations, each once
	lost         []string // acknowledged, but not there as they were sent: their ids
	doubled      int      // rows of an observation that has one already
	foreign      int      // rows that nobody sent
}

// check looks every acknowledged observation up in the history of its product.
func check(ctx context.Context, table *store.Store, l load, acknowledged []bool) (found, error) {
	type expected struct {
		price        price.Money
		acknowledged bool
	}
	products := map[int]map[string]expected{} // by observationId
	for i, s := range l.all {
		if products[s.product] == nil {
			products[s.product] = map[string]expected{}
		}
		id := s.id(l.run)
		before := products[s.product][id] // a duplicate has the same price
		products[s.product][id] = expected{s.price(), before.acknowledged || acknowledged[i]}
	}
	var f found
	for product, sent := range products {
		stored, err := history(ctx, table, productID(l.run, product))
		if err != nil {
			return f, err
		}
		for id, e := range sent {
			if !e.acknowledged {
				continue
			}
			f.acknowledged++
			if prices := stored[id]; len(prices) == 0 || prices[0] != e.price {
				f.lost = append(f.lost, id)
			}
		}
		for id, prices := range stored {
			if _, ok := sent[id]; !ok {
				f.foreign += len(prices)
				continue
			}
			f.doubled += len(prices) - 1
		}
	}
	return f, nil
}

// history is all that the table holds of a product: the prices of the rows by observationId.
func history(ctx context.Context, table *store.Store, productID string) (map[string][]price.Money, error) {
	stored := map[string][]price.Money{}
	w := store.Window{To: math.MaxInt64, Limit: 1000}
	for {
		page, err := table.History(ctx, productID, w)
		if fault.Is(err, fault.NotFound) {
			return stored, nil
		}
		if err != nil {
			return nil, fmt.Errorf("look up %s: %w", productID, err)
		}
		for _, row := range page.Rows {
			id := price.ID(row.Key, row.Observation.ObservedAt, row.Observation.Source.ID)
			stored[id] = append(stored[id], row.Observation.Terms.Price)
		}
		if page.Next == nil {
			return stored, nil
		}
		w.After = page.Next
	}
}

package store

import (
	"context"
	"fmt"
	"strings"

	"pricing/shared/fault"
	"pricing/shared/price"
)

// ProductOfGTIN returns the id of the product that has a gtin, strongly consistent. A gtin that no product has is a NotFound fault.
func (s *Store) ProductOfGTIN(ctx context.Context, g price.GTIN) (string, error) {
	it, err := s.find(ctx, GTINPartition(g), productSK, true)
	switch {
	case fault.Is(err, fault.NotFound):
		return "", fault.New(fault.NotFound, fault.CodeUnknownGTIN, noProductHas(g))
	case err != nil:
		return "", fmt.Errorf("find gtin: %w", err)
	}
	return text(it, AttrProductID), nil
}

// ProductsOfGTINs returns the ids of the products that have gtins, by gtin, eventually consistent: one that was stored within about
// a second may be missing. A gtin that no product has is left out; one may be asked for twice. A call reads a hundred. With an Unavailable
// fault come those that were read; nothing is known of the others.
func (s *Store) ProductsOfGTINs(ctx context.Context, gtins []price.GTIN) (map[price.GTIN]string, error) {
	products, err := s.productsOfGTINs(ctx, gtins, false)
	if err != nil {
		err = fmt.Errorf("find gtins: %w", err)
	}
	return products, err
}

func (s *Store) productsOfGTINs(ctx context.Context, gtins []price.GTIN, consistent bool) (map[price.GTIN]string, error) {
	asked := map[price.GTIN]bool{}
	var keys []item
	for _, g := range gtins {
		if !asked[g] {
			asked[g] = true
			keys = append(keys, key(GTINPartition(g), productSK))
		}
	}
	items, _, err := s.batchGet(ctx, keys, consistent)
	products := make(map[price.GTIN]string, len(items))
	for _, it := range items {
		products[price.GTIN(strings.TrimPrefix(text(it, AttrPK), gtinPrefix))] = text(it, AttrProductID)
	}
	return products, err
}

func noProductHas(g price.GTIN) string { return "No product has the gtin " + string(g) + "." }

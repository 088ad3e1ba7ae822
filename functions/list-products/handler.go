package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	usualLimit    = 100
	greatestLimit = 500
)

type lister interface {
	ListCatalogue(
		ctx context.Context, filter store.CatalogueFilter, after store.CataloguePosition, limit int,
	) ([]store.CatalogueItem, *store.CataloguePosition, error)
}

type answer struct {
	Products []api.Product `json:"products"`
	Next     *string       `json:"next"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/products", Scope: "read", Query: slices.Concat([]string{"status", "brand", "category", "tag"}, api.PageParams),
		Handle: list(f.Store),
	}
}

func list(db lister) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		filter := store.CatalogueFilter{
			Brand: named(p, "brand", price.NameFault), Category: named(p, "category", price.NameFault), Tag: named(p, "tag", price.TagFault),
		}
		filter.Status, _ = p.Checked("status", func(s string) bool { return slices.Contains(price.StatusWords, s) },
			"one of "+strings.Join(price.StatusWords, ", "))
		page := api.ReadPage(p, usualLimit, greatestLimit)
		after, ok := parsePosition(page.After)
		if !ok {
			page.Invalid()
		}
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		entries, next, err := db.ListCatalogue(ctx, filter, after, page.Limit)
		if err != nil {
			return gateway.Answer{}, err
		}
		out := answer{Products: make([]api.Product, len(entries))}
		for i, e := range entries {
			out.Products[i] = api.NewProduct(e)
		}
		if next != nil {
			out.Next = page.Next(positionText(*next))
		}
		return gateway.Answer{Body: out}, nil
	}
}

// named reads a parameter that is compared with what entries have. wrong says in a sentence why none has such a value.
func named(p *gateway.Params, name string, wrong func(string) string) string {
	value, sent := p.Text(name)
	if !sent {
		return ""
	}
	if detail := wrong(value); detail != "" {
		p.Fault(name, fault.CodeInvalidField, detail)
	}
	return value
}

// positionText is a position as a cursor keeps it.
func positionText(p store.CataloguePosition) string {
	return strconv.Itoa(p.Bucket) + " " + p.ProductID
}

// parsePosition is the inverse of positionText; an empty text is the beginning. A cursor may be made up.
func parsePosition(text string) (at store.CataloguePosition, ok bool) {
	if text == "" {
		return store.CataloguePosition{}, true
	}
	bucket, id, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(bucket)
	at = store.CataloguePosition{Bucket: n, ProductID: id}
	return at, err == nil && at.Valid() && positionText(at) == text && (id == "" || price.CheckProductID(id))
}

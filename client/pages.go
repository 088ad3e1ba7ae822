package client

import (
	"context"
	"errors"
	"iter"
)

// Offers yields the current offers of a product, page after page. An error is the last thing it yields.
func (c *Client) Offers(ctx context.Context, productID string, params ListOffersParams) iter.Seq2[Offer, error] {
	return pages(params.Cursor, func(cursor string) ([]Offer, string, error) {
		params.Cursor = cursor
		page, err := c.ListOffers(ctx, productID, params)
		if err != nil {
			return nil, "", err
		}
		return page.Offers, page.Next, nil
	})
}

// History yields the observations of a product, page after page. An error is the last thing it yields.
func (c *Client) History(ctx context.Context, productID string, params ListHistoryParams) iter.Seq2[Observation, error] {
	return pages(params.Cursor, func(cursor string) ([]Observation, string, error) {
		params.Cursor = cursor
		page, err := c.ListHistory(ctx, productID, params)
		if err != nil {
			return nil, "", err
		}
		return page.Observations, page.Next, nil
	})
}

// Products yields the products of the catalogue, page after page, in no order. An error is the last thing it yields.
func (c *Client) Products(ctx context.Context, params ListProductsParams) iter.Seq2[Product, error] {
	return pages(params.Cursor, func(cursor string) ([]Product, string, error) {
		params.Cursor = cursor
		page, err := c.ListProducts(ctx, params)
		if err != nil {
			return nil, "", err
		}
		return page.Products, page.Next, nil
	})
}

// Competitors yields the registered competitors, page after page. An error is the last thing it yields.
func (c *Client) Competitors(ctx context.Context, params ListCompetitorsParams) iter.Seq2[Competitor, error] {
	return pages(params.Cursor, func(cursor string) ([]Competitor, string, error) {
		params.Cursor = cursor
		page, err := c.ListCompetitors(ctx, params)
		if err != nil {
			return nil, "", err
		}
		return page.Competitors, page.Next, nil
	})
}

// pages yields the rows of all pages, of which some may have none. Each iteration begins at the first page again.
func pages[T any](first string, list func(cursor string) (rows []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for cursor := first; ; {
			rows, next, err := list(cursor)
			if err == nil && next != "" && next == cursor {
				err = errors.New("the page after this one is the same page")
			}
			if err != nil {
				yield(none, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}

package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strings"
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

// History yields the observations of a product, page after page, by the view changes or raw. An error is the last thing it yields.
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

// HistoryDays yields the days of a product's history, page after page: the view daily. An error is the last thing it yields.
func (c *Client) HistoryDays(ctx context.Context, productID string, params ListHistoryParams) iter.Seq2[HistoryDay, error] {
	params.View = ListHistoryParamsViewDaily
	return pages(params.Cursor, func(cursor string) ([]HistoryDay, string, error) {
		params.Cursor = cursor
		page, err := c.ListHistory(ctx, productID, params)
		if err != nil {
			return nil, "", err
		}
		return page.Days, page.Next, nil
	})
}

// HistoryCSV writes a product's history, in any view, as CSV to w: all pages, with one header. What it has written when there is an
// error are whole pages, unless the error is w's.
func (c *Client) HistoryCSV(ctx context.Context, productID string, params ListHistoryParams, w io.Writer) error {
	begun := false
	for page, err := range pages(params.Cursor, func(cursor string) ([][]byte, string, error) {
		params.Cursor = cursor
		table, next, err := c.historyCSV(ctx, productID, params)
		return [][]byte{table}, next, err
	}) {
		if err != nil {
			return err
		}
		if begun {
			_, page, _ = bytes.Cut(page, []byte("\n")) // no name of a column has a line end
		}
		if _, err := w.Write(page); err != nil {
			return err
		}
		begun = true
	}
	return nil
}

// historyCSV reads a page, and the cursor of the next one.
func (c *Client) historyCSV(ctx context.Context, productID string, params ListHistoryParams) (table []byte, next string, err error) {
	path := "/v1/products/" + url.PathEscape(productID) + "/history"
	err = c.repeat(ctx, http.MethodGet, path, params.query(), "text/csv", nil, func(r reply) error {
		if media, _, err := mime.ParseMediaType(r.header.Get("Content-Type")); err != nil || media != "text/csv" {
			return fmt.Errorf("the answer of status %d makes no sense: it is no CSV: %q", r.status, r.beginning())
		}
		table = r.body
		next, err = nextOf(r.header.Get("Link"))
		return err
	})
	return table, next, err
}

// nextOf returns the cursor of the page that a header Link names as the next; empty: there is none.
func nextOf(link string) (cursor string, err error) {
	if link == "" {
		return "", nil
	}
	target, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	address, err := url.Parse(target)
	if err == nil {
		cursor = address.Query().Get("cursor")
	}
	if !ok || cursor == "" {
		return "", fmt.Errorf("the header Link makes no sense: %q", link)
	}
	return cursor, nil
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

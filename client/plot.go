package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// PlotHistory calls GET /v1/products/{productId}/history.svg: draw the price history of a product. It returns an SVG document.
func (c *Client) PlotHistory(ctx context.Context, productID string, params PlotHistoryParams) ([]byte, error) {
	path := fmt.Sprintf("/v1/products/%s/history.svg", url.PathEscape(productID))
	picture, err := call[[]byte](ctx, c, http.MethodGet, path, params.query(), nil)
	if err != nil {
		return nil, err
	}
	return *picture, nil
}

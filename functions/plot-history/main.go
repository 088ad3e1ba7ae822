// Command plot-history draws the price history of a product: GET /v1/products/{productId}/history.svg.
package main

import "pricing/shared/boot"

func main() { boot.StartWithCompetitors(endpoint) }

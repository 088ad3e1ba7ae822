// Command get-summary summarizes the market of a product: GET /v1/products/{productId}/summary.
package main

import "pricing/shared/boot"

func main() { boot.StartWithCompetitors(endpoint) }

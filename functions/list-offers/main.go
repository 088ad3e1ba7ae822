// Command list-offers lists the current offers of a product: GET /v1/products/{productId}/offers.
package main

import "pricing/shared/boot"

func main() { boot.StartWithCompetitors(endpoint) }

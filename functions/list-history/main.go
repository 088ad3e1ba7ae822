// Command list-history lists the observations of a product, or its price changes: GET /v1/products/{productId}/history.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

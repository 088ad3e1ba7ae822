// Command list-history lists what was observed of a product: GET /v1/products/{productId}/history.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

// Command list-products walks the catalogue: GET /v1/products.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

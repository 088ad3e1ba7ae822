// Command put-products puts up to 500 products into the catalogue: POST /v1/products/batch.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

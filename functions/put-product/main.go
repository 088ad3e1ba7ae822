// Command put-product puts one product into the catalogue: PUT /v1/products/{productId}.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

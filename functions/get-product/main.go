// Command get-product reads one product: GET /v1/products/{productId}.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

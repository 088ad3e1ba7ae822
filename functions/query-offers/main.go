// Command query-offers lists the current offers of up to 500 products: POST /v1/offers/query.
package main

import "pricing/shared/boot"

func main() { boot.StartWithCompetitors(endpoint) }

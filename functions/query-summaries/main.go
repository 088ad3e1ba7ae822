// Command query-summaries summarizes the markets of up to 500 products: POST /v1/summaries/query.
package main

import "pricing/shared/boot"

func main() { boot.StartWithCompetitors(endpoint) }

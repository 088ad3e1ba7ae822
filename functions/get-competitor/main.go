// Command get-competitor answers one competitor with the health of its feed: GET /v1/competitors/{competitorId}.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

// Command list-competitors lists the competitors with the health of their feeds: GET /v1/competitors.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

// Command put-competitor registers or changes a competitor: PUT /v1/competitors/{competitorId}.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

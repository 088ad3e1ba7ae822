// Command get-health tells whether the service is alive, its version and limits: GET /v1/health.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

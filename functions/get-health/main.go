// Command get-health says whether the service is alive, and its version and limits: GET /v1/health.
package main

import "pricing/shared/boot"

func main() { boot.Start(endpoint) }

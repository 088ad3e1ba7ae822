// Command record-observations records a batch of competitor prices, the service's main job: POST /v1/observations/batch.
package main

import "pricing/shared/boot"

func main() { boot.StartWithCompetitors(endpoint) }

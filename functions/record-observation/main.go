// Command record-observation records one competitor price: POST /v1/observations.
package main

import "pricing/shared/boot"

func main() { boot.StartWithCompetitors(endpoint) }

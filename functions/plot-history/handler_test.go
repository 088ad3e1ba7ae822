package main

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"

	"pricing/shared/gateway"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/metertest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint, func(t *testing.T, response gateway.Response, _ metertest.Samples) {
		policy, wanted := response.Headers["Content-Security-Policy"], ""
		if response.StatusCode == 200 {
			wanted = "default-src 'none'; style-src 'unsafe-inline'"
		}
		assert.Equal(t, wanted, policy)
		assert.Equal(t, "nosniff", response.Headers["X-Content-Type-Options"])
	})
}

// update is the flag of the cases: write what is expected anew.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

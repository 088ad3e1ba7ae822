package main

import (
	"testing"

	"pricing/shared/testkit/cases"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

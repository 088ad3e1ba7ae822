package main

import (
	"testing"

	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/gatewaytest"
	"pricing/shared/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, func(tb testing.TB) gateway.Endpoint {
		return endpoint(boot.Function{Settings: gatewaytest.Settings, Store: storetest.Seeded(tb)})
	})
}

package main

import (
	"testing"

	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
	"pricing/shared/testkit/gatewaytest"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, func(tb testing.TB) gateway.Endpoint {
		return endpoint(boot.Function{Settings: gatewaytest.Settings, Store: storetest.Seeded(tb)})
	})
}

func TestEndpoint_Outage(t *testing.T) {
	gatewaytest.Outage(t, "ok", func(s *store.Store) gateway.Endpoint {
		return endpoint(boot.Function{Settings: gatewaytest.Settings, Store: s})
	})
}

package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	gatewaytest.Outage(t, "created", func(s *store.Store) gateway.Endpoint {
		return endpoint(boot.Function{Settings: gatewaytest.Settings, Store: s})
	})
}

// TestEndpoint_Metrics: what is acknowledged is accepted in the metrics, under its own outcome; nothing else is.
func TestEndpoint_Metrics(t *testing.T) {
	t.Parallel()
	for _, name := range gatewaytest.Cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := endpoint(boot.Function{Settings: gatewaytest.Settings, Store: storetest.Seeded(t)})
			response, samples := gatewaytest.Metered(t, e, gatewaytest.Event(t, name))
			var body struct {
				Outcome string
				DryRun  bool
			}
			require.NoError(t, json.Unmarshal([]byte(response.Body), &body))
			switch {
			case body.DryRun:
				assert.NotContains(t, samples, "Accepted Environment=dev", "nothing was stored")
			case response.StatusCode < http.StatusMultipleChoices:
				assert.Equal(t, 1, samples.Sum("Accepted"))
				assert.Equal(t, 1, samples.Sum(strings.ToUpper(body.Outcome[:1])+body.Outcome[1:]))
			case response.StatusCode == http.StatusConflict:
				assert.Equal(t, 1, samples.Sum("Conflict"))
				assert.Zero(t, samples.Sum("Accepted"))
			case response.StatusCode == http.StatusUnprocessableEntity:
				assert.Equal(t, 1, samples.Sum("Rejected"))
				assert.Zero(t, samples.Sum("Accepted"))
			default:
				assert.Zero(t, samples.Sum("Accepted"))
			}
		})
	}
}

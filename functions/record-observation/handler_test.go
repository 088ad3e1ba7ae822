package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/gateway"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/metertest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint, checkMetrics)
}

// checkMetrics: what is acknowledged is accepted in the metrics, under its own outcome; nothing else is.
func checkMetrics(t *testing.T, response gateway.Response, samples metertest.Samples) {
	t.Helper()
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
}

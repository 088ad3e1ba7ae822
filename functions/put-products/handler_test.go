package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/contract"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

// puts sends products with a title each, and returns the outcomes in order.
func puts(t *testing.T, s *store.Store, ids ...string) (outcomes []string, response gateway.Response, samples metertest.Samples) {
	t.Helper()
	products := make([]map[string]string, len(ids))
	for i, id := range ids {
		products[i] = map[string]string{"productId": id, "title": "Kettle"}
	}
	body, err := json.Marshal(map[string]any{"products": products})
	require.NoError(t, err)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: s})
	response, samples = cases.Metered(t, e, cases.Case{Request: "POST /v1/products/batch", Body: body}.Event(t, e))
	promised, err := contract.Load(filepath.Join("..", ".."))
	require.NoError(t, err)
	require.NoError(t, promised.CheckAnswer(e.Route, response.StatusCode, response.Headers, response.Body))
	var told answer
	require.NoError(t, json.Unmarshal([]byte(response.Body), &told))
	for i, r := range told.Results {
		assert.Equal(t, i, r.Index)
		assert.Equal(t, ids[i], *r.ProductID)
		outcomes = append(outcomes, r.Outcome)
	}
	assert.Equal(t, len(ids), told.Counts.Received)
	return outcomes, response, samples
}

// TestEndpoint_Repeated: as many as a batch takes; sent again, all is as it was. No metric takes them for observations.
func TestEndpoint_Repeated(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	var ids []string
	for i := range api.BatchItems {
		ids = append(ids, fmt.Sprint("P-", i))
	}
	for _, want := range []string{"created", "unchanged"} {
		outcomes, response, samples := puts(t, s, ids...)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Len(t, outcomes, len(ids))
		for _, outcome := range outcomes {
			require.Equal(t, want, outcome)
		}
		assert.Zero(t, samples.Sum("Accepted"))
		assert.Zero(t, samples.Sum("BatchSize"))
	}
}

// TestEndpoint_ADamagedEntry: a product whose entry cannot be read is told so, its neighbours are stored, and we hear of it.
func TestEndpoint_ADamagedEntry(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})
	puts(t, s, "P1")
	storetest.Damage(t, client, table, "P1")
	for _, tt := range []struct {
		ids, outcomes []string
		status        int
	}{
		{[]string{"P1", "P2"}, []string{"failed", "created"}, http.StatusMultiStatus},
		{[]string{"P1"}, []string{"failed"}, http.StatusInternalServerError},
	} {
		outcomes, response, samples := puts(t, s, tt.ids...)
		assert.Equal(t, tt.outcomes, outcomes)
		assert.Equal(t, tt.status, response.StatusCode)
		assert.NotEmpty(t, response.Headers["Retry-After"])
		assert.NotContains(t, response.Body, "catalogue \"X\"", "the cause is ours to read")
		assert.Equal(t, 1, samples.Sum("InternalErrors"))
	}
}

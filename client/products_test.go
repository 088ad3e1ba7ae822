package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/client"
)

// TestPutProducts: any number of products is divided into batches, and what can be repeated is repeated.
func TestPutProducts(t *testing.T) {
	t.Parallel()
	var sizes []int
	s := serve(t, func(n int, r request) answer {
		require.Equal(t, "POST /v1/products/batch", r.method+" "+r.path)
		var batch struct{ Products []client.ProductBatchItem }
		require.NoError(t, json.Unmarshal([]byte(r.body), &batch))
		sizes = append(sizes, len(batch.Products))
		list := make([]string, len(batch.Products))
		for i, p := range batch.Products {
			list[i] = "created"
			assert.Equal(t, "Kettle", p.Title)
			switch {
			case p.ProductID == "P7":
				list[i] = "conflict"
			case p.ProductID == "P501" && n == 2:
				list[i] = "throttled"
			}
		}
		return withStatus(207, outcomes(r.path, list...))
	})
	c, waits := connect(t, s, client.WithInFlight(1))
	var all []client.ProductBatchItem
	for i := range 502 {
		all = append(all, client.ProductBatchItem{ProductID: fmt.Sprint("P", i), Title: "Kettle"})
	}
	results, err := c.PutProducts(t.Context(), all)
	require.NoError(t, err)
	assert.Equal(t, []int{500, 2, 1}, sizes)
	assert.Len(t, waits.list, 1)
	require.Len(t, results, 502)
	for i, r := range results {
		assert.Equal(t, i, r.Index)
		want := "created"
		if i == 7 {
			want = "conflict"
			require.NotNil(t, r.Problem)
		}
		assert.Equal(t, want, r.Outcome, i)
	}
}

// TestPutProducts_Refused: what refuses a whole batch is no result of its products, but an error.
func TestPutProducts_Refused(t *testing.T) {
	t.Parallel()
	s := serve(t, func(int, request) answer {
		return answer{status: 403, body: `{"type":"urn:problem-type:pricing:forbidden","title":"Forbidden","status":403,"errors":[]}`}
	})
	c, _ := connect(t, s)
	results, err := c.PutProducts(t.Context(), []client.ProductBatchItem{{ProductID: "P1", Title: "Kettle"}})
	problem, ok := errors.AsType[*client.Problem](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, "forbidden", problem.Code())
	require.Len(t, results, 1)
	assert.Equal(t, "throttled", results[0].Outcome)
}

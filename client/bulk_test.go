package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/client"
)

// TestOffersOf: whatever an answer has no room for, throttles or cannot read, each id gets its own entry in the end, and is asked for
// no more often than helps.
func TestOffersOf(t *testing.T) {
	t.Parallel()
	var query client.OffersQuery
	query.Sort = client.OffersQuerySortPrice
	for i := range 900 {
		query.ProductIDs = append(query.ProductIDs, fmt.Sprint("P-", i))
	}
	for i := range 300 {
		query.GTINs = append(query.GTINs, fmt.Sprint("G-", i))
	}
	asked := map[string]int{}
	throttledRounds := 0
	s := serve(t, func(n int, r request) answer {
		var q client.OffersQuery
		if err := json.Unmarshal([]byte(r.body), &q); err != nil {
			return answer{status: http.StatusBadRequest}
		}
		assert.Equal(t, client.OffersQuerySortPrice, q.Sort)
		assert.LessOrEqual(t, len(q.ProductIDs)+len(q.GTINs), client.QueryIDs)
		var found client.OffersFound
		for i, id := range append(q.ProductIDs, q.GTINs...) {
			e := client.OffersEntry{Index: i, Status: http.StatusOK, ProductID: id}
			if i >= len(q.ProductIDs) {
				e.GTIN = id
			}
			asked[id]++
			switch {
			case id == "P-7", id == "P-8" && asked[id] == 1:
				e.Status = http.StatusInternalServerError
			case id == "P-9":
				e.Status = http.StatusNotFound
			case id == "G-5" && asked[id] < 3, n == 2 && i%2 == 1 && i > 10:
				e.Status = http.StatusServiceUnavailable
			case i > 400:
				e.Status = http.StatusRequestEntityTooLarge
			}
			found.Results = append(found.Results, e)
		}
		if slices.ContainsFunc(found.Results, func(e client.OffersEntry) bool { return e.Status == http.StatusServiceUnavailable }) {
			throttledRounds++
		}
		body, err := json.Marshal(found)
		if err != nil {
			return answer{status: http.StatusBadRequest}
		}
		return answer{status: http.StatusMultiStatus, body: string(body)}
	})
	c, waited := connect(t, s)
	got := map[int]client.OffersEntry{}
	for e, err := range c.OffersOf(t.Context(), query) {
		require.NoError(t, err)
		require.NotContains(t, got, e.Index, "each comes once")
		got[e.Index] = e
	}
	require.Len(t, got, 1200)
	for i, e := range got {
		want := fmt.Sprint("P-", i)
		if i >= 900 {
			want = fmt.Sprint("G-", i-900)
			require.Equal(t, want, e.GTIN)
		}
		require.Equal(t, want, e.ProductID)
		status := map[string]int{"P-7": http.StatusInternalServerError, "P-9": http.StatusNotFound}[want]
		if status == 0 {
			status = http.StatusOK
		}
		require.Equal(t, status, e.Status, want)
	}
	assert.Equal(t, 2, asked["P-7"], "once more: perhaps it is mended")
	assert.Equal(t, 2, asked["P-8"])
	assert.Equal(t, 1, asked["P-9"])
	assert.Equal(t, 3, asked["G-5"])
	assert.Len(t, waited.list, throttledRounds, "only for what is throttled")
}

// TestOffersOf_Ends: it gives up when nothing comes of asking, and at once when nothing can.
func TestOffersOf_Ends(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status   int
		body     string
		entries  int
		requests int
		says     string // the error; empty: none
	}{
		"throttled for ever": {http.StatusMultiStatus, `{"results":[{"index":0,"status":200},{"index":1,"status":503}]}`, 2, 3,
			"1 of 1 products"},
		"never any room": {http.StatusMultiStatus, `{"results":[{"index":0,"status":413}]}`, 1, 1, ""},
		"not allowed":    {http.StatusForbidden, `{}`, 0, 1, "403"},
		"another answer": {http.StatusOK, `{"results":[]}`, 0, 1, "0 entries for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(n int, _ request) answer {
				if n > 1 && name == "throttled for ever" {
					return answer{status: http.StatusMultiStatus, body: `{"results":[{"index":0,"status":503}]}`}
				}
				return answer{status: tt.status, body: tt.body}
			})
			query := client.OffersQuery{ProductIDs: []string{"P-1", "P-2"}[:max(1, min(2, tt.entries))]}
			var failed error
			entries := 0
			c, _ := connect(t, s, client.WithAttempts(3))
			for _, err := range c.OffersOf(t.Context(), query) {
				if failed = err; err == nil {
					entries++
				}
			}
			assert.Len(t, s.got, tt.requests)
			if tt.says == "" {
				require.NoError(t, failed)
				assert.Equal(t, tt.entries, entries)
				return
			}
			require.ErrorContains(t, failed, tt.says)
		})
	}
}

// TestSummariesOf: the other members of the query go with each request, and entries get the index among all.
func TestSummariesOf(t *testing.T) {
	t.Parallel()
	query := client.SummariesQuery{Basis: client.SummariesQueryBasisPrice, ProductIDs: make([]string, client.QueryIDs+1)}
	s := serve(t, func(_ int, r request) answer {
		var q client.SummariesQuery
		if err := json.Unmarshal([]byte(r.body), &q); err != nil {
			t.Error(err)
		}
		assert.Equal(t, client.SummariesQueryBasisPrice, q.Basis)
		found := client.SummariesFound{Results: make([]client.SummariesEntry, len(q.ProductIDs))}
		for i := range found.Results {
			found.Results[i] = client.SummariesEntry{Index: i, Status: http.StatusOK, Summary: &client.BulkSummary{Currency: "USD"}}
		}
		body, err := json.Marshal(found)
		if err != nil {
			t.Error(err)
		}
		return answer{status: http.StatusOK, body: string(body)}
	})
	c, _ := connect(t, s)
	n := 0
	for e, err := range c.SummariesOf(t.Context(), query) {
		require.NoError(t, err)
		assert.Equal(t, n, e.Index)
		assert.Equal(t, "USD", e.Summary.Currency)
		n++
	}
	assert.Equal(t, client.QueryIDs+1, n)
	assert.Len(t, s.got, 2)
}

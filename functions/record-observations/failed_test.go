package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/contract"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

// of is a good item of a product.
func of(product string) object {
	item := good()
	item["itemId"] = product
	item["productId"] = product
	return item
}

// TestEndpoint_ADamagedBoard: of items whose board cannot be read each is told so, with no word about the cause; their
// neighbours are stored; and we hear of it whatever the whole answer is.
func TestEndpoint_ADamagedBoard(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})
	storetest.Seed(t, s)
	damaged := []string{"DAMAGED-1", "DAMAGED-2"}
	require.Equal(t, http.StatusOK, sent(t, s, object{"observations": []object{of(damaged[0]), of(damaged[1])}}).StatusCode)
	for _, product := range damaged {
		storetest.Damage(t, client, table, product)
	}
	stands := func() (all []any) {
		for _, product := range damaged {
			items, err := s.Items(t.Context(), store.ProductPartition(product))
			require.NoError(t, err)
			all = append(all, items)
		}
		return all
	}
	before := stands()
	bad := of("BAD")
	bad["competitorId"] = "nobody"
	busy := lossy{s, map[string]string{"BUSY": "no answer"}}
	promised, err := contract.Load(filepath.Join("..", ".."))
	require.NoError(t, err)

	tests := map[string]struct {
		query  string
		items  []object
		status int
		counts api.Counts
		want   []string // outcomes
	}{
		"among good ones": {"", []object{of("A-1"), of(damaged[0]), of("A-2"), of(damaged[1])}, http.StatusMultiStatus,
			api.Counts{Received: 4, Created: 2, Failed: 2}, []string{"created", "failed", "created", "failed"}},
		"among problems alone": {"?results=problems", []object{of("B-1"), of(damaged[0])}, http.StatusMultiStatus,
			api.Counts{Received: 2, Created: 1, Failed: 1}, []string{"failed"}},
		"alone": {"", []object{of(damaged[0])}, http.StatusInternalServerError, api.Counts{Received: 1, Failed: 1}, []string{"failed"}},
		"beside one that is refused": {"", []object{of(damaged[0]), bad}, http.StatusInternalServerError,
			api.Counts{Received: 2, Failed: 1, Rejected: 1}, []string{"failed", "rejected"}},
		"behind one that is to be repeated": {"", []object{of("BUSY"), of(damaged[0])}, http.StatusServiceUnavailable,
			api.Counts{Received: 2, Failed: 1, Throttled: 1}, []string{"throttled", "failed"}},
		"in a dry run": {"?dryRun=true", []object{of("A-3"), of(damaged[0])}, http.StatusOK,
			api.Counts{Received: 2, Created: 1, Failed: 1}, []string{"created", "failed"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(object{"observations": tt.items})
			require.NoError(t, err)
			var log bytes.Buffer
			e := endpoint(boot.Function{Settings: cases.Settings})
			e.Handle = record(busy, api.NewClock(cases.Settings.Retention))
			e.Now = func() time.Time { return cases.Now }
			e.Log = slog.New(slog.NewJSONHandler(&log, nil))
			e.Source = metertest.Source
			response := gateway.Serve(t.Context(), e, cases.Case{Request: e.Route + tt.query, Body: body}.Event(t, e))

			assert.Equal(t, tt.status, response.StatusCode, response.Body)
			assert.Equal(t, "1", response.Headers["Retry-After"])
			require.NoError(t, promised.CheckAnswer(e.Route, response.StatusCode, response.Headers, response.Body))
			var got told
			require.NoError(t, json.Unmarshal([]byte(response.Body), &got))
			assert.True(t, got.Retry)
			assert.Equal(t, tt.counts, got.Counts)
			var outcomes []string
			for _, r := range got.Results {
				outcomes = append(outcomes, r.Outcome)
				if r.Outcome != store.OutcomeFailed {
					continue
				}
				assert.Equal(t, http.StatusInternalServerError, r.Status)
				assert.True(t, r.Retryable)
				assert.Empty(t, r.ObservationID)
				assert.Empty(t, r.Warnings)
				assert.Equal(t, &gateway.Problem{Type: "urn:problem-type:pricing:internal", Title: "Internal error",
					Status: http.StatusInternalServerError, Errors: []fault.Field{},
					Detail: "Something went wrong on our side. The request id finds it in our logs."}, r.Problem)
			}
			assert.Equal(t, tt.want, outcomes)

			var line map[string]any
			first, _, _ := strings.Cut(log.String(), "\n")
			require.NoError(t, json.Unmarshal([]byte(first), &line))
			assert.Equal(t, "ERROR", line["level"])
			assert.Contains(t, line["error"], "board of DAMAGED-")
			assert.Contains(t, line["error"], board.ErrFormat.Error())
			assert.Equal(t, 1, metertest.Extract(t, log.Bytes()).Sum("InternalErrors"))
		})
	}
	for product, stored := range map[string]bool{"A-1": true, "A-2": true, "B-1": true, "A-3": false} {
		_, err := s.Product(t.Context(), product, false)
		assert.Equal(t, stored, err == nil, product)
	}
	assert.Equal(t, before, stands(), "nobody writes over what he cannot read")
}

// TestEndpoint_TooManyOffers: a part of a product may be full of offers. A further one is refused, and those that exist stay
// writable.
func TestEndpoint_TooManyOffers(t *testing.T) {
	t.Parallel()
	s := storetest.Seeded(t)
	var crowd []string // sellers whose offers stand in one shard, however often the product is split
	for n := 0; len(crowd) < board.MaxShardOffers+10; n++ {
		seller := fmt.Sprintf("seller %d", n)
		if board.ShardOf(price.OfferKey{CompetitorID: "shopx", SellerID: seller}, board.MaxShards).I == 0 {
			crowd = append(crowd, seller)
		}
	}
	batch := func(at string, sellers []string) (int, told) {
		t.Helper()
		items := make([]object, len(sellers))
		for i, seller := range sellers {
			items[i] = object{"productId": "CROWDED", "sellerId": seller}
		}
		response := sent(t, s, object{"observations": items, "defaults": object{
			"competitorId": "shopx", "availability": "InStock", "price": good()["price"], "source": good()["source"], "observedAt": at}})
		var got told
		require.NoError(t, json.Unmarshal([]byte(response.Body), &got), response.Body)
		return response.StatusCode, got
	}
	const half = board.MaxShardOffers / 2
	status, got := batch("2026-07-06T09:00:00Z", crowd[:half])
	require.Equal(t, http.StatusOK, status, got)
	status, got = batch("2026-07-06T09:01:00Z", crowd[half:])
	assert.Equal(t, http.StatusMultiStatus, status)
	assert.False(t, got.Retry)
	assert.Equal(t, api.Counts{Received: half + 10, Created: half, Rejected: 10}, got.Counts)
	var full []string
	for i, r := range got.Results {
		if r.Outcome != store.OutcomeRejected {
			continue
		}
		full = append(full, crowd[half+i])
		assert.Equal(t, http.StatusUnprocessableEntity, r.Status)
		assert.False(t, r.Retryable)
		assert.Equal(t, "urn:problem-type:pricing:too-many-offers", r.Problem.Type)
		assert.Equal(t, "Too many offers", r.Problem.Title)
		require.Len(t, r.Problem.Errors, 1)
		assert.Equal(t, "/defaults/competitorId", r.Problem.Errors[0].Pointer)
		assert.Equal(t, fault.CodeTooManyOffers, r.Problem.Errors[0].Code)
	}
	status, got = batch("2026-07-06T09:02:00Z", full)
	assert.Equal(t, http.StatusUnprocessableEntity, status)
	assert.Equal(t, api.Counts{Received: 10, Rejected: 10}, got.Counts, "of a request that creates none but these")
	status, got = batch("2026-07-06T09:03:00Z", crowd[:half])
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, api.Counts{Received: half, Unchanged: half}, got.Counts)
	product, err := s.Product(t.Context(), "CROWDED", false)
	require.NoError(t, err)
	assert.Len(t, product.Live(price.Clock{Now: price.At(cases.Now), Retention: storetest.Retention}), board.MaxShardOffers)
}

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

// metered serves a case on a store and returns the metrics beside what the client was told.
func metered(t *testing.T, db api.Recorder, name string) (gateway.Response, told, metertest.Samples) {
	t.Helper()
	e := endpoint(boot.Function{Settings: cases.Settings})
	e.Handle = record(db, api.NewClock(cases.Settings.Retention))
	response, samples := cases.Metered(t, e, cases.Read(t, name).Event(t, e))
	var body told
	require.NoError(t, json.Unmarshal([]byte(response.Body), &body), response.Body)
	return response, body, samples
}

// checkMetrics: for each case the metrics count what the answer counts, and at least as much is accepted in them as was
// acknowledged.
func checkMetrics(t *testing.T, response gateway.Response, samples metertest.Samples) {
	t.Helper()
	var body told
	require.NoError(t, json.Unmarshal([]byte(response.Body), &body), response.Body)
	if body.DryRun {
		assert.Positive(t, body.Counts.Changed+body.Counts.Created)
		body.Counts = api.Counts{} // nothing was stored
	}
	added := body.Counts.Created + body.Counts.Changed + body.Counts.Unchanged + body.Counts.Late
	assert.Equal(t, map[string]int{
		"Created": body.Counts.Created, "Changed": body.Counts.Changed, "Unchanged": body.Counts.Unchanged, "Late": body.Counts.Late,
		"Duplicate": body.Counts.Duplicate, "Conflict": body.Counts.Conflict, "Rejected": body.Counts.Rejected,
		"Throttled": body.Counts.Throttled, "BatchSize": body.Counts.Received,
		"Accepted": added + body.Counts.Duplicate,
	}, sums(samples, "Created", "Changed", "Unchanged", "Late", "Duplicate", "Conflict", "Rejected", "Throttled", "BatchSize", "Accepted"))
	assert.Len(t, samples["IngestLagSeconds Environment=dev"], added)
}

func sums(samples metertest.Samples, names ...string) map[string]int {
	sums := map[string]int{}
	for _, name := range names {
		sums[name] = samples.Sum(name)
	}
	return sums
}

// TestMetrics_RejectedByCode: each code is told apart, and they add up.
func TestMetrics_RejectedByCode(t *testing.T) {
	t.Parallel()
	_, body, samples := metered(t, storetest.Seeded(t), "every-rejection")
	codes := map[string]int{}
	for _, r := range body.Results {
		if r.Outcome == "rejected" {
			codes[strings.TrimPrefix(r.Problem.Type, "urn:problem-type:pricing:")]++
		}
	}
	assert.Greater(t, len(codes), 5)
	for code, n := range codes {
		assert.Equal(t, n, samples.Sum("Rejected", "Code="+code), code)
	}
}

// TestMetrics_StoreTroubles: what the store met on the way is told with the request that met it.
func TestMetrics_StoreTroubles(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	storetest.Seed(t, store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4}))
	proxied := store.New(storetest.Client(storetest.Proxy(t, func(c storetest.Call) storetest.Action {
		switch {
		case c.Is("BatchGetItem", "", 0):
			return storetest.Leave
		case c.Is("UpdateItem", "board", 0):
			return storetest.Throttle
		case c.Is("UpdateItem", "board", 1):
			return storetest.DropAnswer
		}
		return storetest.Pass
	})), store.Options{Table: table, Retention: storetest.Retention, Width: 1})
	_, body, samples := metered(t, proxied, "all-stored")
	assert.Equal(t, body.Counts.Received, samples.Sum("Accepted"))
	assert.Equal(t, 1, samples.Sum("ThrottledByReason", "Reason="+storetest.ThrottleReason))
	assert.Equal(t, 1, samples.Sum("ThrottledByReason"))
	assert.Equal(t, 1, samples.Sum("ConditionalOwnWrite"))
	assert.Positive(t, samples.Sum("Unprocessed"))
	assert.Greater(t, samples.Sum("SdkAttempts"), 2)
}

// panicking is a store that fails in the worst way once everything is stored.
type panicking struct{ *store.Store }

func (p panicking) Record(ctx context.Context, in []price.Submission, received price.Timestamp, dryRun bool) ([]store.Verdict, error) {
	_, _ = p.Store.Record(ctx, in, received, dryRun)
	panic("worst")
}

// TestMetrics_Panic: nothing is acknowledged, so nothing need be accepted; what it cost is told all the same.
func TestMetrics_Panic(t *testing.T) {
	t.Parallel()
	response, _, samples := metered(t, panicking{storetest.Seeded(t)}, "all-stored")
	assert.Equal(t, http.StatusInternalServerError, response.StatusCode)
	assert.Zero(t, samples.Sum("Accepted"))
	assert.Positive(t, samples.Sum("SdkAttempts"))
}

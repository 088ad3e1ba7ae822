package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint, checkMetrics)
}

// told is what these tests read of an answer.
type told struct {
	DryRun  bool
	Retry   bool
	Counts  api.Counts
	Results []api.Result
}

// asked serves one case.
func asked(t *testing.T, ctx context.Context, db api.Recorder, name string) (response gateway.Response, body told) {
	t.Helper()
	e := endpoint(boot.Function{Settings: cases.Settings})
	e.Handle = record(db, api.NewClock(cases.Settings.Retention))
	e.Now = func() time.Time { return cases.Now }
	e.Log = slog.New(slog.DiscardHandler)
	response = gateway.Serve(ctx, e, cases.Read(t, name).Event(t, e))
	require.NoError(t, json.Unmarshal([]byte(response.Body), &body), response.Body)
	return response, body
}

// stored lists the ids in the whole history of the product that the cases are about.
func stored(t *testing.T, s *store.Store) map[string]bool {
	t.Helper()
	now := price.At(cases.Now) // the cases' clocks are up to a minute ahead
	window := store.Window{From: now.Add(-cases.Settings.Retention), To: now.Add(time.Minute), Limit: 1000}
	page, err := s.History(t.Context(), "ZU-1042", window)
	require.NoError(t, err)
	require.Nil(t, page.Next)
	ids := map[string]bool{}
	for _, row := range page.Rows {
		ids[price.ID(row.Key, row.Observation.ObservedAt, row.Observation.Source.ID)] = true
	}
	return ids
}

// TestEndpoint_StoresJustTheGoodOnes reads back what stands between items of every code that refuses one.
func TestEndpoint_StoresJustTheGoodOnes(t *testing.T) {
	t.Parallel()
	s := storetest.Seeded(t)
	before := stored(t, s)
	_, body := asked(t, t.Context(), s, "every-rejection")
	after := stored(t, s)
	good := 0
	for _, r := range body.Results {
		if r.Status == http.StatusCreated {
			assert.True(t, after[r.ObservationID], "item %d", r.Index)
			good++
		}
	}
	assert.Positive(t, good)
	assert.Len(t, after, len(before)+good, "nothing else was")
}

// lossy is a store that cannot tell what became of some products, and why.
type lossy struct {
	*store.Store
	causes map[string]string // by product
}

func (l lossy) Record(ctx context.Context, in []price.Submission, received price.Timestamp, dryRun bool) ([]store.Verdict, error) {
	verdicts, err := l.Store.Record(ctx, in, received, dryRun)
	for i, s := range in {
		if cause, ok := l.causes[s.Observation.Key.ProductID]; ok {
			unknown := fault.New(fault.Unavailable, fault.CodeThrottled, "x").Because(errors.New(cause))
			verdicts[i] = store.Verdict{ProductID: s.Observation.Key.ProductID, Err: unknown}
		}
	}
	return verdicts, err
}

// TestEndpoint_OneItemUnknown: a mixed answer says which item to repeat, and when.
func TestEndpoint_OneItemUnknown(t *testing.T) {
	t.Parallel()
	response, body := asked(t, t.Context(), lossy{storetest.Seeded(t), map[string]string{"ZU-2000": "no answer"}}, "documented")
	assert.Equal(t, http.StatusMultiStatus, response.StatusCode)
	assert.NotEmpty(t, response.Headers["Retry-After"])
	assert.True(t, body.Retry)
	assert.Equal(t, api.Counts{Received: 3, Changed: 1, Rejected: 1, Throttled: 1}, body.Counts)
	require.Len(t, body.Results, 3)
	for i, retryable := range []bool{false, false, true} {
		assert.Equal(t, retryable, body.Results[i].Retryable)
	}
	last := body.Results[2]
	assert.Equal(t, http.StatusServiceUnavailable, last.Status)
	assert.Equal(t, "urn:problem-type:pricing:throttled", last.Problem.Type)
}

// broken is a store of which nothing can be said.
type broken struct{}

func (broken) Record(context.Context, []price.Submission, price.Timestamp, bool) ([]store.Verdict, error) {
	return nil, errors.New("of our own making")
}

// TestEndpoint_OurOwnMistake: where nothing can be said of any item, there is no result that says something.
func TestEndpoint_OurOwnMistake(t *testing.T) {
	t.Parallel()
	response, body := asked(t, t.Context(), broken{}, "all-stored")
	assert.Equal(t, http.StatusInternalServerError, response.StatusCode)
	assert.Contains(t, response.Body, "urn:problem-type:pricing:internal")
	assert.NotContains(t, response.Body, "of our own making")
	assert.Nil(t, body.Results)
}

// TestEndpoint_WhyIsLogged: the log line of a batch says why the first of its items has to be repeated.
func TestEndpoint_WhyIsLogged(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		causes map[string]string
		want   any
	}{
		"nothing to repeat": {nil, nil},
		"two items":         {map[string]string{"ZU-1042": "the first", "ZU-2000": "the second"}, "throttled: x: the first"},
		"the last item":     {map[string]string{"ZU-2000": "the second"}, "throttled: x: the second"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			e := endpoint(boot.Function{Settings: cases.Settings})
			e.Handle = record(lossy{storetest.Seeded(t), tt.causes}, api.NewClock(cases.Settings.Retention))
			e.Now = func() time.Time { return cases.Now }
			e.Log = slog.New(slog.NewJSONHandler(&log, nil))
			gateway.Serve(t.Context(), e, cases.Read(t, "documented").Event(t, e))
			var line map[string]any
			require.NoError(t, json.Unmarshal(log.Bytes(), &line))
			assert.Equal(t, tt.want, line["error"])
			assert.Equal(t, tt.want != nil, line["level"] == "WARN")
		})
	}
}

// TestEndpoint_NearDeadline: work that could not end in time is not begun, and every item may be repeated.
func TestEndpoint_NearDeadline(t *testing.T) {
	t.Parallel()
	s := storetest.Seeded(t)
	before := stored(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // less than the adapter keeps in reserve
	defer cancel()
	response, body := asked(t, ctx, s, "all-stored")
	assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	assert.NotEmpty(t, response.Headers["Retry-After"])
	assert.True(t, body.Retry)
	assert.Equal(t, body.Counts.Received, body.Counts.Throttled)
	assert.Positive(t, body.Counts.Received)
	assert.Equal(t, before, stored(t, s))
}

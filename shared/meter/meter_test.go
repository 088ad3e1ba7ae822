package meter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/meter"
)

func TestAdd(t *testing.T) {
	ctx, m := meter.With(t.Context())
	_, other := meter.With(ctx)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { meter.Add(ctx, meter.Counts{Calls: 1, Attempts: 2, ReadUnits: 0.5, WriteUnits: 1}) })
	}
	wg.Wait()
	assert.Equal(t, meter.Counts{Calls: 8, Attempts: 16, ReadUnits: 4, WriteUnits: 8}, m.Counts())
	assert.Zero(t, other.Counts(), "each request counts for itself")
	meter.Add(context.Background(), meter.Counts{Calls: 1}) // nobody counts: no harm

	meter.Add(ctx, meter.Counts{Throttles: map[string]int{"a": 1}})
	m.Counts().Throttles["a"] = 7
	meter.Add(ctx, meter.Counts{Throttles: map[string]int{"a": 1, "b": 1}})
	assert.Equal(t, map[string]int{"a": 2, "b": 1}, m.Counts().Throttles, "what was returned is the caller's")
}

func TestAddCall(t *testing.T) {
	ctx, m := meter.With(t.Context())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { meter.AddCall(ctx, meter.Call{Operation: "GetItem", Attempts: 2}) })
	}
	wg.Wait()
	assert.Len(t, m.Calls(), 8)
	assert.Equal(t, meter.Counts{Attempts: 16}, m.Counts(), "how many calls they were for, the store says")
	meter.AddCall(context.Background(), meter.Call{}) // nobody counts: no harm
	m.Calls()[0].Operation = "x"
	assert.Equal(t, "GetItem", m.Calls()[0].Operation, "what was returned is the caller's")
}

// TestAttrs_ManyCalls: a line lists 500 calls at most, which are then those that took longest.
func TestAttrs_ManyCalls(t *testing.T) {
	for _, n := range []int{500, 501} {
		ctx, m := meter.With(t.Context())
		for i := range n {
			meter.AddCall(ctx, meter.Call{Operation: "GetItem", Took: time.Duration(i+1) * time.Millisecond, Attempts: 1})
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).LogAttrs(ctx, slog.LevelInfo, "", append(m.Attrs(), m.CallList(0, true)...)...)
		var line struct {
			Calls []struct{ Ms float64 }
		}
		require.NoError(t, json.Unmarshal(log.Bytes(), &line))
		require.Len(t, line.Calls, 500)
		first, last := 1.0, 500.0 // in the order in which they ended
		if n > 500 {
			first, last = 501, 2
		}
		assert.InDelta(t, first, line.Calls[0].Ms, 0)
		assert.InDelta(t, last, line.Calls[499].Ms, 0)
	}
}

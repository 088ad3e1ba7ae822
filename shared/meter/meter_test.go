package meter_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

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

// Package meter counts what one request costs at the store: calls, attempts and capacity units.
//
// The meter travels in the context because its two ends do not know each other: store adds to it, gateway prints it
// in the request's log line. Counting is safe from several goroutines; a context without a meter is counted nowhere.
package meter

import (
	"context"
	"sync"
)

// Counts is what a request has used so far. Units are DynamoDB capacity units as the store reported them.
type Counts struct {
	Calls      int // API calls made by the code
	Attempts   int // HTTP requests sent, the SDK's own retries included
	ReadUnits  float64
	WriteUnits float64
}

// Meter gathers counts.
type Meter struct {
	mu sync.Mutex
	c  Counts
}

type key struct{}

// With returns a context that carries a new meter, and the meter.
func With(ctx context.Context) (context.Context, *Meter) {
	m := &Meter{}
	return context.WithValue(ctx, key{}, m), m
}

// Add adds to the meter of ctx, if it has one.
func Add(ctx context.Context, c Counts) {
	m, ok := ctx.Value(key{}).(*Meter)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.c.Calls += c.Calls
	m.c.Attempts += c.Attempts
	m.c.ReadUnits += c.ReadUnits
	m.c.WriteUnits += c.WriteUnits
}

// Counts returns what was added so far.
func (m *Meter) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.c
}

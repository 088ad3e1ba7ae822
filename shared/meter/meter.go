// Package meter counts what one request did, for its log line and its metrics: calls, attempts, capacity units and
// errors of the store, and what became of its observations.
//
// The meter travels in the context because its two ends do not know each other: store adds to it, gateway prints it
// in the request's log line. Counting is safe from several goroutines; without a meter in the context nothing is counted.
// Metrics are members of that same line (emf.go), so a request without a line has none.
package meter

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Counts is what a request has used so far. Units are DynamoDB capacity units as the store reported them.
type Counts struct {
	Calls      int // API calls made by the code
	Attempts   int // HTTP requests sent, the SDK's own retries included
	ReadUnits  float64
	WriteUnits float64

	Throttles     map[string]int // refused attempts by the reason that DynamoDB gave, of a closed list
	QuotaExceeded int            // calls the SDK gave up because its budget of retries was used up
	Unprocessed   int            // keys that DynamoDB left over in answers that report success
	OwnWrites     int            // conditions refused that turned out to be met by this request's own write
}

// Call is one call of the store: an operation of DynamoDB with all its attempts.
type Call struct {
	Operation string        // DynamoDB's name of it, such as UpdateItem
	Took      time.Duration // from asking to the last attempt's answer, the waits between attempts included
	Attempts  int           // HTTP requests sent
	RequestID string        // DynamoDB's, of the last attempt that was answered; empty: none was, or it had no id
}

// Items is what became of a request's observations, or of its products.
type Items struct {
	Outcomes map[string]int  // by the words of the API, such as created
	Rejected map[string]int  // those rejected, by their fault's code
	Lags     []time.Duration // from observedAt to receivedAt, of those stored now for the first time
	DryRun   bool            // nothing was stored: no metric counts it
	Products bool            // they are no observations: no metric counts them
}

// Total is the number of observations, or of products.
func (i Items) Total() int {
	total := 0
	for _, n := range i.Outcomes {
		total += n
	}
	return total
}

// Meter gathers counts.
type Meter struct {
	cold bool
	mu   sync.Mutex
	c    Counts
	made []Call // in the order in which they ended
}

type key struct{}

// warm is false until the process has had its first meter. It is the package's only state, about the process and not
// about any request.
var warm atomic.Bool

// With returns a context that carries a new meter, and the meter.
func With(ctx context.Context) (context.Context, *Meter) {
	m := &Meter{cold: !warm.Swap(true)}
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
	for reason, n := range c.Throttles {
		if m.c.Throttles == nil {
			m.c.Throttles = map[string]int{}
		}
		m.c.Throttles[reason] += n
	}
	m.c.QuotaExceeded += c.QuotaExceeded
	m.c.Unprocessed += c.Unprocessed
	m.c.OwnWrites += c.OwnWrites
}

// AddCall adds a call that has ended to the meter of ctx, if it has one, and its attempts to the counts. Counts.Calls is the store's
// to add.
func AddCall(ctx context.Context, call Call) {
	m, ok := ctx.Value(key{}).(*Meter)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.c.Attempts += call.Attempts
	m.made = append(m.made, call)
}

// Calls returns the calls that have ended so far, in the order in which they did.
func (m *Meter) Calls() []Call {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.made)
}

// Counts returns what was added so far.
func (m *Meter) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.c
	c.Throttles = maps.Clone(c.Throttles)
	return c
}

// Cold reports whether this is the first request of the process.
func (m *Meter) Cold() bool { return m.cold }

package faultproxy

import (
	"encoding/json"
	"math"
	"sync"
	"time"
)

// Limit throttles writes to hot partition keys, as DynamoDB does at 1,000 write units a second: a token bucket per partition key
// that holds a second's units. A call passes while its keys have units left, so those that are under way at once may take more;
// what they took too much is missing afterwards. Reads are free: their limit is another one, three times as high.
type Limit struct {
	units float64 // a second
	now   func() time.Time

	mu        sync.Mutex
	buckets   map[partition]bucket
	throttled int
}

type partition struct{ table, pk string }

type bucket struct {
	left float64
	at   time.Time
}

// NewLimit returns a limit of so many write units a second and key.
func NewLimit(unitsPerSecond float64, now func() time.Time) *Limit {
	return &Limit{units: unitsPerSecond, now: now, buckets: map[partition]bucket{}}
}

// Wrap returns a decision that throttles calls over the limit, and leaves the others to next. Set Applied as the Proxy's, too: it
// takes the units of what was written.
func (l *Limit) Wrap(next func(Call) Action) func(Call) Action {
	return func(c Call) Action {
		if c.Writes() && l.over(c) {
			return Action{Kind: Throttle}
		}
		return next(c)
	}
}

// Throttled is how many calls were throttled so far.
func (l *Limit) Throttled() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.throttled
}

func (l *Limit) over(c Call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range c.Keys {
		if l.left(partition{k.Table, k.PK}) <= 0 {
			l.throttled++
			return true
		}
	}
	return false
}

// left is what a key has now.
func (l *Limit) left(p partition) float64 {
	b, known := l.buckets[p]
	if !known {
		return l.units
	}
	return min(l.units, b.left+l.units*l.now().Sub(b.at).Seconds())
}

// Applied takes the units that a write consumed: those that its answer states, or else one for each KB of the call. Those of a
// batch or a transaction are shared out evenly among its items.
func (l *Limit) Applied(c Call, answer []byte) {
	if !c.Writes() || len(c.Keys) == 0 {
		return
	}
	each := consumed(c, answer) / float64(len(c.Keys))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range c.Keys {
		p := partition{k.Table, k.PK}
		l.buckets[p] = bucket{l.left(p) - each, l.now()}
	}
}

// consumed is how many write units a call took.
func consumed(c Call, answer []byte) float64 {
	type capacity struct{ CapacityUnits float64 }
	var one struct{ ConsumedCapacity capacity }
	if json.Unmarshal(answer, &one) == nil && one.ConsumedCapacity.CapacityUnits > 0 {
		return one.ConsumedCapacity.CapacityUnits
	}
	var many struct{ ConsumedCapacity []capacity } // of a batch or a transaction, by table
	sum := 0.0
	if json.Unmarshal(answer, &many) == nil {
		for _, each := range many.ConsumedCapacity {
			sum += each.CapacityUnits
		}
	}
	if sum > 0 {
		return sum
	}
	return math.Ceil(float64(len(c.body)) / 1024)
}

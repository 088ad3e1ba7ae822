// Package api holds the documents of the API: what more than one endpoint reads or writes, once for all of them.
//
// It stands between the handlers and the packages below: a handler reads with it, asks the store, and answers with it.
// A document is a struct whose JSON is what clients see; values (money, times, words) write their own JSON. Note
// that an item of a batch may take members from the batch's defaults, so a fault's pointer is made here alone, by
// Item.Err, from where the member really stood in the request.
package api

import (
	"time"

	"pricing/shared/gateway"
	"pricing/shared/price"
)

// The limits of requests, which GET /v1/health publishes.
const (
	SingleBytes = 32 << 10 // body of one observation or competitor
	BatchItems  = 500
	BatchBytes  = 1 << 20
	QueryIDs    = 500      // of a bulk query, ids and gtins together
	QueryBytes  = 64 << 10 // body of a bulk query
)

// Clock says, for a request, what its rules about time are judged by.
type Clock func(*gateway.Request) price.Clock

// NewClock returns the clock of a function that keeps observations for the retention. A request's now is when it was
// received.
func NewClock(retention time.Duration) Clock {
	return func(r *gateway.Request) price.Clock {
		return price.Clock{Now: price.At(r.Received), Retention: retention}
	}
}

// orNull makes a text that may be empty a JSON text or null.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

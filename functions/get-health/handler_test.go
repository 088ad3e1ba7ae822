package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/testkit/cases"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

// table is one whose reads are counted.
type table struct {
	reads int // not guarded: the race detector sees two at once
	err   error
}

func (d *table) Ping(context.Context) error {
	d.reads++
	return d.err
}

// asked returns a function that asks an endpoint on a table at a moment, for the status.
func asked(t *testing.T, db pinger) func(time.Time) int {
	t.Helper()
	e := endpoint(boot.Function{Settings: cases.Settings})
	e.Handle = health(db, cases.Settings)
	e.Log = slog.New(slog.DiscardHandler)
	event := cases.Read(t, "ok").Event(t, e)
	return func(now time.Time) int {
		e := e // several ask at once
		e.Now = func() time.Time { return now }
		return gateway.Serve(t.Context(), e, event).StatusCode
	}
}

// TestHealth_OneReadASecond: whoever asks more often hears of the last read, be it good or bad.
func TestHealth_OneReadASecond(t *testing.T) {
	t.Parallel()
	down := fault.New(fault.Unavailable, fault.CodeThrottled, "x")
	var db table
	ask := asked(t, &db)
	for i, step := range []struct {
		after  time.Duration // the first request
		err    error         // of the table at that moment
		status int
		reads  int // until then
	}{
		{0, nil, http.StatusOK, 1},
		{999 * time.Millisecond, down, http.StatusOK, 1},
		{time.Second, down, http.StatusServiceUnavailable, 2},
		{1999 * time.Millisecond, nil, http.StatusServiceUnavailable, 2},
		{2 * time.Second, nil, http.StatusOK, 3},
		{2500 * time.Millisecond, nil, http.StatusOK, 3},
		{3500 * time.Millisecond, down, http.StatusServiceUnavailable, 4},
	} {
		db.err = step.err
		assert.Equal(t, step.status, ask(cases.Now.Add(step.after)), "step %d", i)
		assert.Equal(t, step.reads, db.reads, "step %d", i)
	}
}

// TestHealth_ManyAtOnce: many at one moment cost one read.
func TestHealth_ManyAtOnce(t *testing.T) {
	t.Parallel()
	var db table
	ask := asked(t, &db)
	var clients sync.WaitGroup
	for i := range 50 {
		clients.Go(func() {
			assert.Equal(t, http.StatusOK, ask(cases.Now.Add(time.Duration(i)*time.Millisecond)))
		})
	}
	clients.Wait()
	assert.Equal(t, 1, db.reads)
}

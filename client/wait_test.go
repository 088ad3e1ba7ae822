package client

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shortest, longest := time.Hour, time.Duration(0)
		for range 1000 {
			start := time.Now()
			require.NoError(t, sleep(t.Context(), Retry{Asked: 2 * time.Second, Backoff: time.Second}))
			waited := time.Since(start)
			shortest, longest = min(shortest, waited), max(longest, waited)
		}
		assert.GreaterOrEqual(t, shortest, 2*time.Second, "never less than the server asks for")
		assert.Less(t, shortest, 2050*time.Millisecond)
		assert.LessOrEqual(t, longest, 3*time.Second)
		assert.Greater(t, longest, 2950*time.Millisecond, "all of the backoff is used")
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, sleep(ctx, Retry{Asked: time.Hour}), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

package start

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestCollectSeldom: the heap may grow to five times what is alive, within three quarters of a known memory.
func TestCollectSeldom(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	collectSeldom(0)
	assert.Equal(t, limit, debug.SetMemoryLimit(-1), "unknown")
	assert.Equal(t, 100, debug.SetGCPercent(100))
	collectSeldom(256)
	assert.Equal(t, int64(192<<20), debug.SetMemoryLimit(-1))
	assert.Equal(t, 400, debug.SetGCPercent(100))
}

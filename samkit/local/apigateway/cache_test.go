package apigateway

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestPolicyCache: it never grows past its size, and the newest answer is in it.
func TestPolicyCache(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 10, 19, 19, 4, 0, time.UTC)
	c := policyCache{entries: map[string]cachedPolicy{}}
	for i := range 2*cacheSize + 1 {
		key := strconv.Itoa(i)
		c.keep(key, authorizerAnswer{PrincipalID: key}, now.Add(time.Minute))
		answer, ok := c.find(key, now)
		assert.True(t, ok)
		assert.Equal(t, key, answer.PrincipalID)
		assert.LessOrEqual(t, len(c.entries), cacheSize)
	}
	_, ok := c.find("0", now)
	assert.False(t, ok)
}

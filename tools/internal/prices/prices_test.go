package prices

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	t.Parallel()
	l, err := Read()
	require.NoError(t, err)
	assert.Regexp(t, `^20[0-9]{2}-[01][0-9]$`, l.AsOf)
	cost, err := l.Cost("apiRequests", 2_000_000)
	require.NoError(t, err)
	assert.InDelta(t, 7, cost, 1e-9)
	_, err = l.Cost("nat", 1)
	require.ErrorContains(t, err, "no price nat")
}

func TestParse_Wrong(t *testing.T) {
	t.Parallel()
	const good = "region: r\nasOf: 2026-01\nprices:\n  a: {usd: 1, per: 1, unit: u, source: https://aws.amazon.com/a}\n"
	_, err := parse([]byte(good))
	require.NoError(t, err)
	for text, want := range map[string]string{
		"":                           "EOF",
		"region: r\nasOf: 2026-01\n": "without region",
		good + "  b: {usd: 1, per: 1, unit: u}\n":                                      "b needs usd",
		good + "  b: {per: 1, unit: u, source: https://aws.amazon.com/a}\n":            "b needs usd",
		good + "  b: {usd: 1, per: 1, unit: u, source: https://example.com}\n":         "b needs usd",
		good + "  b: {usd: 1, pr: 1, unit: u, source: https://aws.amazon.com/a}\n":     "field pr not found",
		good + "  b: {usd: .nan, per: 1, unit: u, source: https://aws.amazon.com/a}\n": "b needs usd",
		good + "  a: {usd: 2, per: 1, unit: u, source: https://aws.amazon.com/a}\n":    "already defined",
	} {
		_, err := parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
)

// The counts depend on the seed alone, so a change that makes the store dearer than it was designed to be fails here.
func TestGoalsAreMet(t *testing.T) {
	root, err := engine.Root()
	require.NoError(t, err)
	b, stop, err := newBench(t.Context(), root, &bytes.Buffer{})
	require.NoError(t, err)
	defer stop()
	b.seed = 1
	b.warm = 3
	b.measured = 4
	b.alone = true
	goals, err := b.measureGoals(t.Context())
	require.NoError(t, err)
	require.Len(t, goals, 5)
	for _, g := range goals {
		assert.LessOrEqual(t, g.got, g.limit, "%s (%s): %s", g.what, g.unit, g.verdict())
		assert.Positive(t, g.got, g.what)
	}
}

func TestRun(t *testing.T) {
	var first bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-quick", "-contention", "-seed", "7"}, &first))
	assert.Contains(t, first.String(), "seed 7")
	assert.Regexp(t, `(?m)^ +8 +0 +0 `, first.String(), "nothing lost, nothing doubled")
	assert.Regexp(t, `(?m)^ +400 +0 +0 `, first.String())
}

func TestMarket(t *testing.T) {
	b := bench{seed: 3}
	m := newMarket(shape{products: 3, offers: 4, idLength: 10}, b.random(1))
	scan, received := m.scan()
	next, _ := m.scan()
	require.Len(t, scan, 3)
	ids := map[string]bool{}
	for p := range scan {
		require.Len(t, scan[p], 4)
		for o, first := range scan[p] {
			assert.Len(t, first.Key.CompetitorID, 10)
			assert.Less(t, first.ObservedAt, received)
			assert.Less(t, first.ObservedAt, next[p][o].ObservedAt)
			ids[first.ID()] = true
			ids[next[p][o].ID()] = true
		}
	}
	assert.Len(t, ids, 24, "all observations differ")
	for how, want := range map[mode]int{single: 12, catalog: 4, centred: 1} {
		requests := how.requests(scan)
		assert.Len(t, requests, want, how.String())
		n := 0
		for _, r := range requests {
			n += len(r)
		}
		assert.Equal(t, 12, n, how.String())
	}
}

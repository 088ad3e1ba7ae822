package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/tools/bench/bootstrap"
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

// A page of a product whose shards were all flushed several times costs about what it shows, and reads several shards at once.
func TestPagesCostWhatTheyShow(t *testing.T) {
	root, err := engine.Root()
	require.NoError(t, err)
	b, stop, err := newBench(t.Context(), root, &bytes.Buffer{})
	require.NoError(t, err)
	defer stop()
	b.seed = 1
	pages, err := b.measurePages(t.Context(), past{offers: 100, observations: 20_000})
	require.NoError(t, err)
	require.Len(t, pages, 12)
	assert.Equal(t, "changes, page 1", pages[0].what)
	atOnce := pages[10:]
	assert.Equal(t, "8 offers at once", atOnce[0].what)
	assert.Equal(t, "100 offers at once", atOnce[1].what)
	for _, p := range atOnce {
		assert.LessOrEqual(t, p.units, 100.0, p.what)
		assert.LessOrEqual(t, p.calls, 24.0, p.what)
	}
	for _, p := range pages[:10] {
		assert.LessOrEqual(t, p.units, 40.0, p.what)
	}
	for _, p := range pages {
		assert.LessOrEqual(t, p.megabytes, 64.0, p.what)
		assert.Positive(t, p.rows, p.what)
	}
	assert.Equal(t, int64(width), pages[0].inFlight)
}

// One more observation and a page cost about the same however much there is; what the usual design reads grows.
func TestMatrix(t *testing.T) {
	root, err := engine.Root()
	require.NoError(t, err)
	b, stop, err := newBench(t.Context(), root, &bytes.Buffer{})
	require.NoError(t, err)
	defer stop()
	b.seed = 1
	rows, err := b.measureMatrix(t.Context(), past{offers: 10, observations: 5_000})
	require.NoError(t, err)
	require.Len(t, rows, 3)
	oneMore, page, whole := rows[0], rows[1], rows[2]
	assert.InDelta(t, 2, oneMore.theirs.writes, 0, "an item of the history, and the latest")
	assert.InDelta(t, 2, oneMore.theirs.calls, 0)
	assert.Less(t, oneMore.ours.writes, 2.0)
	assert.Positive(t, oneMore.ours.reads)
	assert.LessOrEqual(t, page.ours.reads, 40.0)
	assert.Greater(t, page.theirs.reads, 2*page.ours.reads, "all of the month")
	assert.InDelta(t, 10, page.theirs.calls, 0, "a partition an offer")
	assert.Positive(t, whole.ours.reads)
	assert.InDelta(t, 1, whole.theirs.calls, 0)
	for _, r := range rows {
		assert.Positive(t, r.times, r.what)
	}
}

func TestRun(t *testing.T) {
	var first bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-quick", "-contention", "-seed", "7"}, &first))
	assert.Contains(t, first.String(), "seed 7")
	assert.Regexp(t, `(?m)^ +8 +0 +0 `, first.String(), "nothing lost, nothing doubled")
	assert.Regexp(t, `(?m)^ +400 +0 +0 `, first.String())
}

// A walk of the catalogue misses nothing and shows nothing twice while others are put; what it costs follows its entries.
func TestRun_Catalogue(t *testing.T) {
	var said bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-quick", "-catalogue", "-products", "1200"}, &said))
	assert.Regexp(t, `(?m)^ +put, new +1200 +1\.\d+ +\d\.\d+ +3\.000`, said.String())
	assert.Regexp(t, `(?m)^ +put, as they were +1200 +1\.\d+ +1\.\d+ +2\.000`, said.String())
	assert.Regexp(t, `(?m)^ +walked +1200 +0\.0\d\d +0\.000 +0\.0\d\d`, said.String())
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

// TestRun_Starts: the functions as they are deployed and the usual code answer as Lambda would ask them, over TLS. What it costs is not
// judged here.
func TestRun_Starts(t *testing.T) {
	for _, what := range []string{"cold", "warm"} {
		t.Run(what, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), []string{what, "-rounds", "1", "-quick", "-instructions=false"}, &out))
			for _, name := range order {
				assert.Regexp(t, `(?m)^ +`+name+` .* ms  x\d+\.\d\d `, out.String())
			}
			assert.Contains(t, out.String(), "x usual code")
		})
	}
	require.Error(t, run(t.Context(), []string{"cold", "-rounds", "0"}, &bytes.Buffer{}))
	require.Error(t, run(t.Context(), []string{"cool"}, &bytes.Buffer{}))
}

// TestBeside: ratios are taken within a round, so that a slow round slows down both.
func TestBeside(t *testing.T) {
	var rounds [][]bootstrap.Sample
	for _, ms := range [][3]time.Duration{{10, 5, 5}, {100, 60, 40}, {20, 8, 8}} {
		rounds = append(rounds, []bootstrap.Sample{{WarmCPU: ms[0]}, {WarmCPU: ms[1]}, {WarmCPU: ms[2]}})
	}
	got := beside(rounds, func(s bootstrap.Sample) float64 { return float64(s.WarmCPU) })
	require.Len(t, got, 3)
	assert.Equal(t, figure{median: 20, ratio: 1}, got[0])
	assert.InDelta(t, 8, got[1].median, 0)
	assert.InDelta(t, 0.5, got[1].ratio, 1e-9, "of 0.5, 0.6 and 0.4")
	assert.InDelta(t, 0.05, got[1].spread, 1e-9)
	assert.InDelta(t, 0.4, got[2].ratio, 1e-9)
}

// What has to be asked for again is told by the entries; a problem of one has a status as well, which is not counted.
func TestReadBulkAnswer(t *testing.T) {
	got, err := readBulkAnswer(`{"results":[{"productId":"a","status":200},
		{"productId":"b","status":413,"retryable":true,"problem":{"status":413}},
		{"productId":"c","status":503,"retryable":true},{"productId":"d","status":404,"retryable":false},{"productId":"e","status":200}]}`)
	require.NoError(t, err)
	assert.Equal(t, bulkAnswer{found: 2, throttled: 1, tooLarge: 1, again: []string{"b", "c"}}, got)
	_, err = readBulkAnswer(`{"results":`)
	require.Error(t, err)
}

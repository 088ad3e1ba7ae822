package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func planned(t *testing.T, args ...string) (p plan) {
	t.Helper()
	var out strings.Builder
	require.NoError(t, run(append([]string{"-plan", "-json", "-template", "../../template.yaml"}, args...), &out, io.Discard))
	require.NoError(t, json.Unmarshal([]byte(out.String()), &p))
	return p
}

func profileFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "profile")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// TestPlan: the spike from 5 to 700 and a minute at 700. The numbers are those of the formula and of the price by hand.
func TestPlan(t *testing.T) {
	t.Parallel()
	p := planned(t, "-profile", profileFile(t, "0 5\n10 5\n12 700\n80 700\n"), "-schedule", "05:45-07:00@Europe/Berlin")
	assert.Equal(t, 42, p.Environments, "700 x 0.050 x 1.2")
	assert.Equal(t, 10, p.Spike)
	require.Len(t, p.Choices, 3)
	none, most := p.Choices[0], p.Choices[2]
	assert.InDelta(t, 42*0.25*75*60*365/12*0.0000033334, most.Dollars, 1e-9, "0.25 GB for 75 minutes a day")
	assert.Zero(t, none.Dollars)
	assert.Zero(t, most.Minute.Cold)
	assert.InDelta(t, 41_300, none.Minute.Requests, 1500)
	assert.Positive(t, none.Minute.Cold)
	assert.Less(t, none.Share, 0.01)
	assert.False(t, p.Worth)

	slow := planned(t, "-start", "10s")
	assert.True(t, slow.Worth, "a start that takes ten seconds makes hundreds of environments")
	batches := planned(t, "-items", "20", "-p95", "400ms", "-p50", "200ms")
	assert.Equal(t, "record-observations", batches.Function)
	assert.Equal(t, 512, batches.MemoryMB)
	assert.Equal(t, 17, batches.Environments, "35 x 0.4 x 1.2")
	first := planned(t, "-limit", "10")
	assert.Positive(t, first.Choices[0].All.Throttled, "a first account's 10 are not enough")
}

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run([]string{"-plan", "-template", "../../template.yaml"}, &out, io.Discard))
	assert.Contains(t, out.String(), "record-observation: 42 environments = 700 requests/s at the peak x 50ms (P95) x 1.2")
	assert.Contains(t, out.String(), "Not worth it: without any,")
	out.Reset()
	require.NoError(t, run([]string{"-plan", "-bearable", "0", "-template", "../../template.yaml"}, &out, io.Discard))
	assert.Contains(t, out.String(), "Deploy with PrewarmSchedule=05:45-07:00@UTC PrewarmEnvironments=42")
	for args, want := range map[string]string{
		"":                                   "nothing to do",
		"-plan x":                            `unexpected argument "x"`,
		"-plan -items 0":                     "-items: 0",
		"-plan -p50 1s":                      "the second is the longer",
		"-plan -start -1s":                   "-start: -1s",
		"-plan -limit 0":                     "-limit: 0",
		"-plan -bearable NaN":                "-bearable: NaN",
		"-plan -profile none":                "-profile none: open none",
		"-plan -template none":               "open none",
		"-plan -schedule 5:45":               `"5:45" is not of the form`,
		"-plan -schedule 05:45-05:45@UTC":    "at the same minute",
		"-plan -schedule 05:45-06:45@Utopia": "time zone",
	} {
		require.ErrorContains(t, run(strings.Fields(args), io.Discard, io.Discard), want, args)
	}
}

// The night between two days counts as one.
func TestReadSchedule(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"05:45-07:00@UTC": 75 * time.Minute, "23:50-00:10@America/Argentina/Buenos_Aires": 20 * time.Minute,
	} {
		got, err := readSchedule(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
}

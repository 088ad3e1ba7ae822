package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pricing/tools/internal/localtest"
)

// BenchmarkFeed_Share sends real prices to the real functions on the real engine. cpu-share is the part of all the processors' time that
// the feeder itself takes: it must not be what makes a feed slow. rows/s is the whole run's.
func BenchmarkFeed_Share(b *testing.B) {
	p := localtest.New(b, "feed")
	const sample = "../../testdata/gpu-rental-sample.ndjson.gz"
	var feeder, all float64
	for i := 0; b.Loop(); i++ {
		m := serve(b, p, "s"+strconv.Itoa(i)) // a table of its own, so that every row is stored
		before := processorTime(b)
		cmd := exec.Command(p.Tool("feed"), "-url", m.url, "-token-file", m.token, "-register-competitors", "-restart",
			"-map", "mappings/gpu-rental.yaml", "-rejected-dir", b.TempDir(), sample)
		out, err := cmd.CombinedOutput()
		require.NoError(b, err, string(out))
		own := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		feeder += own
		all += own + processorTime(b) - before
	}
	b.ReportMetric(feeder/all, "cpu-share")
	b.ReportMetric(2950*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// processorTime is the time in seconds that this process and all below it have had so far, as long as they live.
func processorTime(b *testing.B) float64 {
	b.Helper()
	const ticks = 100 // a second, on Linux
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(b, err)
	require.NotEmpty(b, stats, "Linux only")
	parent, time := map[string]string{}, map[string]float64{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest) // from the third field of proc(5) on
		user, errUser := strconv.ParseFloat(f[11], 64)
		system, errSystem := strconv.ParseFloat(f[12], 64)
		require.NoError(b, errUser)
		require.NoError(b, errSystem)
		pid := filepath.Base(filepath.Dir(path))
		parent[pid], time[pid] = f[1], (user+system)/ticks
	}
	own := strconv.Itoa(os.Getpid())
	sum := 0.0
	for pid := range time {
		for at := pid; at != "" && at != "0"; at = parent[at] {
			if at == own {
				sum += time[pid]
				break
			}
		}
	}
	return sum
}

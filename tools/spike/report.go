package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"pricing/tools/internal/stats"
)

// report is the outcome of a run, as -json prints it. Times are in milliseconds.
type report struct {
	Seed         uint64         `json:"seed"`
	Run          string         `json:"run"` // in the products' ids
	Profile      string         `json:"profile"`
	Arrivals     string         `json:"arrivals"`
	Items        int            `json:"itemsPerRequest"`
	Requests     int            `json:"requests"`
	Observations int            `json:"observations"`
	Statuses     map[int]int    `json:"statuses"` // 0: no answer
	Outcomes     map[string]int `json:"outcomes"` // of observations
	Throttled    map[string]int `json:"throttledRequests"`
	Calls        int            `json:"throttledCalls"` // of the store, by the fault proxy
	Latency      []percentile   `json:"latencyMs"`
	Lag          []percentile   `json:"sendLagMs"`
	Failures     map[string]int `json:"failures"`
	Acknowledged int            `json:"acknowledged"`
	Lost         int            `json:"lost"`
	LostIDs      []string       `json:"lostObservationIds,omitempty"` // the first few
	Doubled      int            `json:"doubled"`
	Foreign      int            `json:"foreign"`
	Passed       bool           `json:"passed"`
}

// percentile is null where there are too few values for an interval.
type percentile struct {
	P     float64   `json:"p"`
	Value *float64  `json:"value"`
	Range []float64 `json:"interval95,omitempty"`
}

// few is how many lost observations are named.
const few = 10

func newReport(l load, s sent, f found) report {
	r := report{Run: l.run, Items: l.items, Requests: len(l.due), Observations: len(l.all), Statuses: s.statuses, Outcomes: s.outcomes,
		Throttled: s.throttled, Latency: percentiles(s.latency), Lag: percentiles(s.lag), Failures: s.failures,
		Acknowledged: f.acknowledged, Lost: len(f.lost), Doubled: f.doubled, Foreign: f.foreign}
	slices.Sort(f.lost)
	r.LostIDs = f.lost[:min(few, len(f.lost))]
	r.Passed = len(s.failures) == 0 && r.Lost == 0 && r.Doubled == 0 && r.Foreign == 0
	return r
}

// percentiles are those of a report: the last is the greatest value, which needs no interval.
func percentiles(times []time.Duration) []percentile {
	sorted := stats.Sorted(times)
	var all []percentile
	for _, p := range []float64{0.5, 0.95, 0.99, 0.999} {
		each := percentile{P: p * 100}
		if q, ok := stats.Estimate(sorted, p); ok {
			value := milliseconds(q.Value)
			each.Value, each.Range = &value, []float64{milliseconds(q.Low), milliseconds(q.High)}
		}
		all = append(all, each)
	}
	if len(sorted) > 0 {
		greatest := milliseconds(sorted[len(sorted)-1])
		all = append(all, percentile{P: 100, Value: &greatest})
	}
	return all
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// text prints the report for people.
func (r report) text(out io.Writer) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) } // a report that nobody reads is no failure
	line("profile (seconds:observations a second) %s, %s arrivals", r.Profile, r.Arrivals)
	line("%d requests of %d observations each, %d in all", r.Requests, r.Items, r.Observations)
	line("statuses      %s", counts(r.Statuses))
	line("outcomes      %s", counts(r.Outcomes))
	line("throttled     requests: %s", counts(r.Throttled))
	line("              calls of the store, by the limit of a key: %d", r.Calls)
	line("latency, ms   %s", describe(r.Latency))
	line("send lag, ms  %s", describe(r.Lag))
	line("              from when a request was due; in brackets what holds the true value in 95 of 100 runs")
	line("failures      %s", counts(r.Failures))
	line("acknowledged  %d observations, each counted once: %d lost, %d doubled; %d rows that nobody sent",
		r.Acknowledged, r.Lost, r.Doubled, r.Foreign)
	for _, id := range r.LostIDs {
		line("lost          %s", id)
	}
	verdict := "passed"
	if !r.Passed {
		verdict = "FAILED"
	}
	line("%s", verdict)
}

func describe(all []percentile) string {
	var parts []string
	for _, p := range all {
		name := fmt.Sprintf("P%g", p.P)
		switch {
		case p.Value == nil:
			parts = append(parts, name+": not estimable")
		case p.Range == nil:
			parts = append(parts, fmt.Sprintf("most %.1f", *p.Value))
		default:
			parts = append(parts, fmt.Sprintf("%s %.1f [%.1f-%.1f]", name, *p.Value, p.Range[0], p.Range[1]))
		}
	}
	return strings.Join(parts, "  ")
}

// counts lists how many there are of what, in the order of their names.
func counts[K int | string](of map[K]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%v: %d", name, of[name]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

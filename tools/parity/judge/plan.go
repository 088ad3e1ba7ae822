package judge

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"pricing/tools/internal/stats"
	"pricing/tools/parity/compare"
)

// Planned is what a plan says of a route.
type Planned struct {
	Route string
	Target
	Pairs    int     // of the pilot, warm
	Rate     float64 // a second, in the pilot
	Mismatch int     // requests to show that answers agree
	Latency  int     // to show that they are not slower; 0: the pilot is too small, or T too close
	Seconds  float64
}

// Plan plans a run from a pilot's samples: T of each route and how many requests show with the power of the settings that its answers agree
// and that it is as fast as legacy, if it is.
func Plan(pilot io.Reader, rules *compare.Rules, s Settings) ([]Planned, error) {
	samples, err := readSamples(pilot)
	if err != nil {
		return nil, err
	}
	var all []Planned
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		route := &compare.Route{}
		for _, r := range rules.Routes {
			if r.Name == name {
				route = r
			}
		}
		all = append(all, planRoute(name, route, samples[name], s))
	}
	return all, nil
}

func planRoute(name string, route *compare.Route, samples []sample, s Settings) Planned {
	p := Planned{Route: name}
	p.Effect = 1
	budget, margin := s.MaxMismatch, s.P99Margin
	if route.MaxMismatch != nil {
		budget = float64(*route.MaxMismatch)
	}
	if route.P99Margin != nil {
		margin = float64(*route.P99Margin)
	}
	var legacy []float64
	last := time.Duration(0)
	for _, v := range samples {
		last = max(last, v.at)
		if !v.cold[0] {
			legacy = append(legacy, v.legacy)
		}
	}
	slices.Sort(legacy)
	p.Pairs = len(legacy)
	p.Rate = float64(len(samples)) / max(1, last.Seconds())
	if budget >= 0 {
		p.Mismatch = stats.Seen(0, budget, s.Alpha)
	}
	p.Requests = p.Mismatch
	if q, ok := stats.Estimate(legacy, 1-slowShare); ok && margin >= 0 {
		p.P99, p.T = q.Value, q.Value*(1+margin)
		p.latency(samples, s)
	}
	p.Seconds = float64(p.Requests) / p.Rate
	return p
}

// latency plans by the share of the pilot's legacy requests that are slower than T. Its upper limit of 80 % is taken, since the pilot
// knows it no better.
func (p *Planned) latency(samples []sample, s Settings) {
	minutes := map[time.Duration]stats.Count{}
	k := 0
	for _, v := range samples {
		if v.cold[0] {
			continue
		}
		m := minutes[v.at/time.Minute]
		m.N++
		if v.legacy > p.T {
			m.K++
			k++
		}
		minutes[v.at/time.Minute] = m
	}
	p.Effect = stats.DesignEffect(slices.Collect(maps.Values(minutes)))
	p.Slower = stats.ClopperPearson(float64(k)/p.Effect, float64(p.Pairs)/p.Effect, 0.2).High
	n := float64(stats.Showing(p.Slower, slowShare, s.Alpha, s.Power)) * p.Effect
	if n == 0 {
		p.T = 0
		return
	}
	planned := n
	for range 5 { // the run estimates the design effect anew, from as many minutes as it takes
		planned = n * stats.Allowance(planned/p.Rate/60)
	}
	p.Latency = int(math.Ceil(planned))
	warm := float64(p.Pairs) / float64(len(samples))
	p.Latency = int(math.Ceil(float64(p.Latency) / warm))
	p.Requests = max(p.Requests, p.Latency)
}

// PlanText prints a plan, and, for a rate of all requests a second, what can be told apart at all.
func PlanText(w io.Writer, all []Planned, s Settings, rate float64) error {
	var errs error
	line := func(format string, args ...any) {
		if _, err := fmt.Fprintf(w, format+"\n", args...); err != nil {
			errs = err
		}
	}
	at := func(n int) string { return fmt.Sprintf("%s at %g/s", hours(float64(n)/rate/3600), rate) }
	line("Fixed for the run: error %s (two-sided where two rates are told apart, one-sided for a verdict), power %s.", percent(s.Alpha),
		percent(s.Power))
	line("\nTo tell both sides apart, requests on each side:")
	for _, c := range [][3]float64{{99, 0.01, 0.011}, {99, 0.01, 0.012}, {99, 0.01, 0.0125}, {99, 0.01, 0.015}, {99, 0.01, 0.02},
		{95, 0.05, 0.06}, {50, 0.5, 0.55}} {
		n := stats.TwoProportions(c[1], c[2], s.Alpha, s.Power)
		line("  P%g: %s -> %s slow needs %s a side, %s", c[0], percent(c[1]), percent(c[2]), count(n), at(n))
	}
	if s.MaxMismatch > 0 {
		line("\nTo show that at most %s of the answers differ:", percent(s.MaxMismatch))
		for k := range 4 {
			n := stats.Seen(k, s.MaxMismatch, s.Alpha)
			line("  %d that differ: %s requests, %s", k, count(n), at(n))
		}
	}
	if len(all) == 0 {
		return errs
	}
	longest := 0.0
	line("\nBy the pilot:")
	for _, p := range all {
		longest = max(longest, p.Seconds)
		line("  %s: %s requests, %s at its %.3g/s", p.Route, count(p.Requests), hours(p.Seconds/3600), p.Rate)
		switch {
		case p.P99 == 0:
			line("    P99 is not estimable from %s warm requests: no T is agreed, and latency is judged by the run's own P99", count(p.Pairs))
		case p.T == 0:
			line("    P99 %s ms; from %s requests it is not known well enough to agree on a T: make the pilot longer or the margin wider",
				short(p.P99), count(p.Pairs))
		default:
			line("    T %s ms (P99 %s and the margin), up to %s slower in the pilot: %s requests; answers: %s", short(p.T), short(p.P99),
				percent(p.Slower), count(p.Latency), count(p.Mismatch))
		}
		if p.Effect > 1.005 {
			line("    minutes differ: a request counts for %.2f", 1/p.Effect)
		}
	}
	line("In all %s.", hours(longest/3600))
	return errs
}

// Targets is the plan as the settings of a run take it.
func Targets(all []Planned) map[string]Target {
	out := map[string]Target{}
	for _, p := range all {
		out[p.Route] = p.Target
	}
	return out
}

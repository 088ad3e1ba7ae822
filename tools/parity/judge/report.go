package judge

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"pricing/tools/internal/stats"
	"pricing/tools/parity/compare"
)

// Verdict is what the data says.
type Verdict string

// The verdicts.
const (
	Equivalent Verdict = "equivalent"
	Worse      Verdict = "worse"
	NotEnough  Verdict = "not enough data"
)

// slowShare is the share of requests that may be slower than T: a claim about P99.
const slowShare = 0.01

// Report is the outcome of a run, or a look at it. Times are in milliseconds, rates between 0 and 1.
type Report struct {
	Settings    Settings       `json:"settings"`
	Began       time.Time      `json:"began"`
	Seconds     float64        `json:"seconds"`
	Early       bool           `json:"early"` // not all that was planned has been compared
	Looks       int            `json:"looks"` // before this one
	Verdict     Verdict        `json:"verdict"`
	Reasons     []string       `json:"reasons"`
	Compared    int            `json:"compared"`
	NotCompared map[string]int `json:"notCompared"`
	Routes      []Route        `json:"routes"`
}

// Route is the outcome of a route.
type Route struct {
	Name      string         `json:"route"`
	Verdict   Verdict        `json:"verdict"`
	Compared  int            `json:"compared"`
	Statuses  map[string]int `json:"statuses"` // legacy/new
	Reused    [2]float64     `json:"reusedConnections"`
	Agreement Rate           `json:"agreement"`
	Mismatch  Claim          `json:"mismatch"`
	Noise     *Rate          `json:"noise,omitempty"`
	Slower    *Claim         `json:"slower,omitempty"`
	T         *Threshold     `json:"threshold,omitempty"`
	Latency   []Percentile   `json:"latency"`
	Paired    *Estimate      `json:"medianPairedDifference,omitempty"`
	Blocks    string         `json:"blocks,omitempty"` // what the differences of percentiles were resampled by
	Cold      []Cold         `json:"cold"`
	Paths     []Path         `json:"paths"`
	RuledOut  []RuledOut     `json:"ruledOut"`

	tails [2][]tailPoint
}

// Rate is how many there were of how many, with the Wilson interval.
type Rate struct {
	Count    int            `json:"count"`
	Of       int            `json:"of"`
	Value    float64        `json:"rate"`
	Interval stats.Interval `json:"interval95"`
}

func newRate(k, n int) Rate {
	r := Rate{Count: k, Of: n, Interval: stats.Wilson(float64(k), float64(n), 0.05)}
	if n > 0 {
		r.Value = float64(k) / float64(n)
	}
	return r
}

// Claim is a rate that is to be within a budget.
type Claim struct {
	Rate
	Budget float64        `json:"budget"`
	Judged bool           `json:"judged"`
	Limits stats.Interval `json:"limits"`         // each of them one-sided
	Effect float64        `json:"designEffect"`   // requests count for this many times fewer
	Needed int            `json:"needed"`         // more requests, to show it; 0: shown, or none that would do
	Hours  float64        `json:"neededHours"`    // at the rate of the run
	Hint   string         `json:"hint,omitempty"` // why no number would do
	Power  float64        `json:"achievedPower"`  // to show it, at the rate seen

	low, high float64 // counts, which differ where T is not agreed
	noise     *Rate
	early     bool
}

// Threshold is what requests are to be faster than.
type Threshold struct {
	Value   float64 `json:"ms"`
	Low     float64 `json:"lowMs"` // where it is not agreed: by the limits of the legacy P99
	High    float64 `json:"highMs"`
	Agreed  bool    `json:"agreed"` // before the run
	Legacy  Rate    `json:"legacySlower"`
	OnlyNew int     `json:"onlyNewSlower"`
	OnlyOld int     `json:"onlyLegacySlower"`
	McNemar float64 `json:"mcNemar"` // the probability of pairs so uneven when the sides are alike
}

// Percentile is one of both sides; a side is null where it cannot be estimated.
type Percentile struct {
	P          float64   `json:"p"`
	Legacy     *Estimate `json:"legacy"`
	New        *Estimate `json:"new"`
	Difference *Estimate `json:"difference"` // new minus legacy, resampled by blocks
}

// Estimate is a value with the interval that holds the true one in 95 of 100 runs.
type Estimate struct {
	Value float64 `json:"ms"`
	Low   float64 `json:"lowMs"`
	High  float64 `json:"highMs"`
}

// Cold are the cold starts and new connections of a side.
type Cold struct {
	Side   string   `json:"side"`
	Share  Rate     `json:"share"`
	Median *float64 `json:"medianMs"`
	Most   *float64 `json:"mostMs"`
}

// Path is a place in which answers differ.
type Path struct {
	Path      string          `json:"path"`
	Kind      compare.Kind    `json:"kind"`
	Count     int             `json:"count"`
	Noise     int             `json:"noise"`
	Beyond    *stats.Interval `json:"beyondNoise,omitempty"` // the difference of the two rates
	RealAfter bool            `json:"more,omitempty"`        // it is more than noise, all paths considered (Holm)
	Legacy    string          `json:"legacy"`                // redacted
	New       string          `json:"new"`
}

// RuledOut is a place in which answers differ and a rule says that it does not count.
type RuledOut struct {
	Path  string `json:"path"`
	Rule  string `json:"rule"`
	Count int    `json:"count"`
}

// Report judges what has been counted so far. final is set at the end of a run whose requests all were sent; any other look before the
// planned number is an early one.
func (r *Run) Report(now time.Time, final bool) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Report{Settings: r.settings, Began: r.began, Seconds: now.Sub(r.began).Seconds(), NotCompared: maps.Clone(r.counts), Looks: r.looks,
		Reasons: []string{}}
	early := map[string]bool{}
	for name, at := range r.routes {
		planned := r.settings.Plan[name].Requests
		open := r.settings.Open || r.settings.Mode == "proxy" // who ends a proxy decides when: without a plan that is a look, too
		early[name] = planned == 0 && (!final || open) || at.compared() < planned
		out.Early = out.Early || early[name]
		out.Compared += at.compared()
	}
	alpha := r.settings.Alpha
	if (r.looks > 0 || out.Early) && !r.settings.Open {
		alpha /= 2 // the other half is for the end of the run, or was spent by looking
	}
	for _, name := range slices.Sorted(maps.Keys(r.routes)) {
		out.Routes = append(out.Routes, r.routes[name].report(name, r.settings, early[name], alpha, now.Sub(r.began)))
	}
	if !final {
		r.looks++
	}
	out.judge(alpha)
	return out
}

// judge sets the verdicts. Of all claims together at most the share alpha may seem broken by chance (Holm); to be equivalent all of them
// have to be shown, which needs no such care.
func (r *Report) judge(alpha float64) {
	type claim struct {
		*Claim
		route *Route
		what  string
	}
	var claims []claim
	for i := range r.Routes {
		route := &r.Routes[i]
		route.Verdict = Equivalent
		if route.Mismatch.Judged {
			claims = append(claims, claim{&route.Mismatch, route, "answers that differ"})
		}
		if route.Slower != nil && route.Slower.Judged {
			claims = append(claims, claim{route.Slower, route, "slower than T"})
		}
	}
	var p []float64
	for _, c := range claims {
		p = append(p, c.broken(alpha, len(claims)))
	}
	r.Verdict = Equivalent
	if len(claims) == 0 {
		r.Verdict, r.Reasons = NotEnough, append(r.Reasons, "nothing was compared")
	}
	broken := false
	for i, fallen := range stats.Holm(p, alpha) {
		c := claims[i]
		switch {
		case fallen:
			if c.route.Verdict = Worse; r.Settings.Mode == "aa" {
				c.route.Verdict = NotEnough
			}
			broken = true
			r.Reasons = append(r.Reasons, fmt.Sprintf("%s: %s: at least %s, the budget is %s", c.route.Name, c.what, percent(c.Limits.Low),
				percent(c.Budget)))
		case c.Limits.High > c.Budget || c.Hint != "":
			if c.route.Verdict != Worse {
				c.route.Verdict = NotEnough
			}
			text := fmt.Sprintf("%s: %s: up to %s, the budget is %s", c.route.Name, c.what, percent(c.Limits.High), percent(c.Budget))
			switch {
			case c.Hint != "":
				text += "; " + c.Hint
			case c.Needed > 0:
				text += fmt.Sprintf("; about %s more are needed, %s at this rate", count(c.Needed), hours(c.Hours))
			}
			r.Reasons = append(r.Reasons, text)
		}
	}
	if broken && r.Settings.Mode == "aa" {
		r.Reasons = append(r.Reasons, "both sides are the legacy one, which is not worse than itself: rules have to rule this noise out")
	}
	for _, route := range r.Routes {
		switch {
		case route.Verdict == Worse:
			r.Verdict = Worse
		case route.Verdict == NotEnough && r.Verdict == Equivalent:
			r.Verdict = NotEnough
		}
	}
	const mostShed = 0.05
	if shed := r.NotCompared[Shed]; float64(shed) > mostShed*float64(shed+r.Compared) {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%s requests were shed: what was compared may not be like the rest", count(shed)))
		if r.Verdict == Equivalent {
			r.Verdict = NotEnough
		}
	}
}

// Shed is the reason of requests that the new side had no room for.
const Shed = "shed"

// broken is the probability of so many when the rate is the budget. Limits that are no probability are asked at their share of alpha.
func (c *Claim) broken(alpha float64, claims int) float64 {
	if c.Hint == hintFew || c.Hint == hintEarly || c.Of == 0 {
		return 1
	}
	if c.early || c.noise != nil {
		if c.limits(alpha/float64(claims)).Low > c.Budget {
			return 0
		}
		return 1
	}
	p := stats.AboveLimit(c.low/c.Effect, float64(c.Of)/c.Effect, c.Budget)
	if c.low != c.high { // half of alpha was spent for T
		p = min(1, 2*p)
	}
	return p
}

// limits are those of the rate, each of them one-sided.
func (c *Claim) limits(alpha float64) stats.Interval {
	n := float64(c.Of) / c.Effect
	low, high := c.low/c.Effect, c.high/c.Effect
	switch {
	case c.noise != nil:
		_, in := stats.Newcombe(low, n, float64(c.noise.Count)/c.Effect, float64(c.noise.Of)/c.Effect, 2*alpha)
		return stats.Interval{Low: max(0, in.Low), High: in.High}
	case c.early:
		return stats.Sequence(low, n, alpha)
	case low != high:
		return stats.Interval{Low: stats.ClopperPearson(low, n, alpha/2).Low, High: stats.ClopperPearson(high, n, alpha/2).High}
	}
	return stats.ClopperPearson(low, n, alpha)
}

const (
	hintFew    = "P99 is not estimable with so few requests"
	hintEarly  = "before the end of a run latency is judged only by a T that was agreed (plan)"
	hintBudget = "no number of requests would show it: the rate seen is not within the budget"
)

// need computes limits and what is missing.
func (c *Claim) need(s Settings, alpha float64, duration time.Duration) {
	c.Limits = c.limits(alpha)
	c.Power = stats.Power(int(float64(c.Of)/c.Effect), c.Value, c.Budget, alpha)
	if !c.Judged || c.Limits.High <= c.Budget || c.Hint != "" {
		return
	}
	rate := c.high / max(1, float64(c.Of))
	if c.noise != nil {
		rate = max(0, rate-c.noise.Value)
	}
	n := stats.Showing(rate, c.Budget, alpha, s.Power)
	if n == 0 {
		c.Hint = hintBudget
		return
	}
	c.Needed = max(1, int(float64(n)*c.Effect)-c.Of)
	if c.Of > 0 {
		c.Hours = float64(c.Needed) / float64(c.Of) * duration.Hours()
	}
}

func (r *routeRun) report(name string, s Settings, early bool, alpha float64, duration time.Duration) Route {
	out := Route{Name: name, Compared: r.compared(), Statuses: maps.Clone(r.statuses)}
	var different, noisy []stats.Count
	k, noise := 0, 0
	for _, m := range r.minutes {
		k, noise = k+m.different, noise+m.noisy
		different = append(different, stats.Count{K: m.different, N: m.n})
		noisy = append(noisy, stats.Count{K: m.noisy, N: m.n})
	}
	for i, reused := range r.reused {
		out.Reused[i] = float64(reused) / max(1, float64(out.Compared))
	}
	out.Agreement = newRate(out.Compared-k, out.Compared)
	budget := s.MaxMismatch
	if r.route.MaxMismatch != nil {
		budget = float64(*r.route.MaxMismatch)
	}
	out.Mismatch = Claim{Rate: newRate(k, out.Compared), Budget: budget, Judged: budget >= 0, Effect: stats.DesignEffect(different),
		low: float64(k), high: float64(k), early: early}
	if r.noisy {
		rate := newRate(noise, out.Compared)
		out.Noise, out.Mismatch.noise = &rate, &rate
		out.Mismatch.Effect = max(out.Mismatch.Effect, stats.DesignEffect(noisy))
	}
	out.Mismatch.need(s, alpha, duration)
	r.reportPaths(&out)
	if !r.state {
		r.latency(&out, s, early, alpha, duration)
	}
	return out
}

func (r *routeRun) reportPaths(out *Route) {
	out.Paths, out.RuledOut = []Path{}, []RuledOut{}
	var p []float64
	for key, at := range r.paths {
		path := Path{Path: key.path, Kind: key.kind, Count: at.raw, Noise: at.noise, Legacy: at.legacy, New: at.new}
		if r.noisy {
			n := float64(out.Compared)
			_, in := stats.Newcombe(float64(at.raw), n, float64(at.noise), n, 0.05)
			path.Beyond = &in
		}
		out.Paths = append(out.Paths, path)
	}
	slices.SortFunc(out.Paths, func(a, b Path) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Path, b.Path), strings.Compare(string(a.Kind), string(b.Kind)))
	})
	if r.noisy {
		for _, path := range out.Paths { // raw and noise are as likely when there is nothing else
			p = append(p, stats.McNemar(path.Count, path.Noise))
		}
		for i, more := range stats.Holm(p, 0.05) {
			out.Paths[i].RealAfter = more && out.Paths[i].Count > out.Paths[i].Noise
		}
	}
	for rule, n := range r.ruledOut {
		out.RuledOut = append(out.RuledOut, RuledOut{rule.Path, rule.Rule, n})
	}
	slices.SortFunc(out.RuledOut, func(a, b RuledOut) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Path, b.Path), strings.Compare(a.Rule, b.Rule))
	})
}

// latency compares the warm requests.
func (r *routeRun) latency(out *Route, s Settings, early bool, alpha float64, duration time.Duration) {
	var warm []sample
	var sides [2][]float64
	var cold [2][]float64
	for _, v := range r.samples {
		for i, took := range []float64{v.legacy, v.new} {
			if v.cold[i] && (i == 0 || !v.failed) {
				cold[i] = append(cold[i], took)
			}
		}
		if !v.cold[0] && !v.cold[1] || v.failed && !v.cold[0] {
			warm = append(warm, v)
			sides[0] = append(sides[0], v.legacy)
			if !v.failed {
				sides[1] = append(sides[1], v.new)
			}
		}
	}
	for i, side := range []string{"legacy", "new"} {
		c := Cold{Side: side, Share: newRate(len(cold[i]), len(r.samples))}
		if slices.Sort(cold[i]); len(cold[i]) > 0 {
			c.Median, c.Most = &cold[i][(len(cold[i])-1)/2], &cold[i][len(cold[i])-1]
		}
		out.Cold = append(out.Cold, c)
		slices.Sort(sides[i])
		out.tails[i] = tail(sides[i])
	}
	quantiles := []float64{0.5, 0.95, 0.99}
	differences, blocks := resample(warm, quantiles)
	out.Blocks = blocks
	for i, q := range quantiles {
		p := Percentile{P: 100 * q, Legacy: estimate(sides[0], q), New: estimate(sides[1], q)}
		if differences != nil && p.Legacy != nil && p.New != nil {
			p.Difference = &Estimate{differences[i].Value, differences[i].Low, differences[i].High}
		}
		out.Latency = append(out.Latency, p)
	}
	var apart []float64
	for _, v := range warm {
		if !v.failed {
			apart = append(apart, v.new-v.legacy)
		}
	}
	slices.Sort(apart)
	out.Paired = estimate(apart, 0.5)
	r.slower(out, s, warm, sides[0], early, alpha, duration)
}

func estimate(sorted []float64, q float64) *Estimate {
	e, ok := stats.Estimate(sorted, q)
	if !ok {
		return nil
	}
	return &Estimate{e.Value, e.Low, e.High}
}

// slower makes the claim about P99.
func (r *routeRun) slower(out *Route, s Settings, warm []sample, legacy []float64, early bool, alpha float64, duration time.Duration) {
	margin := s.P99Margin
	if r.route.P99Margin != nil {
		margin = float64(*r.route.P99Margin)
	}
	c := &Claim{Budget: slowShare, Judged: margin >= 0, early: early, Effect: 1}
	out.Slower = c
	t := &Threshold{}
	if agreed := s.Plan[out.Name].T; agreed > 0 {
		*t = Threshold{Value: agreed, Low: agreed, High: agreed, Agreed: true}
	} else if low, high, ok := stats.RanksWith(len(legacy), 1-slowShare, alpha/2); ok && margin >= 0 {
		q, _ := stats.Estimate(legacy, 1-slowShare)
		*t = Threshold{Value: q.Value * (1 + margin), Low: legacy[low-1] * (1 + margin), High: legacy[high-1] * (1 + margin)}
	} else {
		c.Rate = newRate(0, len(warm))
		c.Limits = stats.Interval{Low: 0, High: 1}
		c.Hint = hintFew
		return
	}
	out.T = t
	k, old := 0, 0
	minutes := map[time.Duration]stats.Count{}
	for _, v := range warm {
		was, is := v.legacy > t.Value, v.new > t.Value || v.failed
		m := minutes[v.at/time.Minute]
		m.N++
		if is {
			k++
			m.K++
		}
		minutes[v.at/time.Minute] = m
		if was {
			old++
		}
		switch {
		case is && !was:
			t.OnlyNew++
		case was && !is:
			t.OnlyOld++
		}
		if v.new > t.High || v.failed {
			c.low++
		}
		if v.new > t.Low || v.failed {
			c.high++
		}
	}
	t.Legacy, t.McNemar = newRate(old, len(warm)), stats.McNemar(t.OnlyNew, t.OnlyOld)
	c.Rate = newRate(k, len(warm))
	c.Effect = stats.DesignEffect(slices.Collect(maps.Values(minutes)))
	switch {
	case early && !t.Agreed:
		c.Hint = hintEarly
	case t.Agreed && len(warm) < stats.Seen(0, slowShare, alpha):
		c.Hint = hintFew
	}
	c.need(s, alpha, duration)
	if c.Hint == hintBudget && !t.Agreed { // its own P99 lies within the limits that it is compared by
		c.Hint, c.Needed, c.Hours = "", 0, 0
		if n := stats.Showing(c.Value, slowShare, alpha/2, s.Power); n > 0 {
			c.Needed = max(1, int(float64(n)*c.Effect)-len(warm))
			c.Hours = float64(c.Needed) / float64(len(warm)) * duration.Hours()
		} else {
			c.Hint = hintBudget
		}
	}
}

// resample estimates the differences of percentiles by blocks: minutes, or, in a shorter run, thirty parts of it.
func resample(warm []sample, quantiles []float64) ([]stats.Difference, string) {
	answered := slices.DeleteFunc(slices.Clone(warm), func(v sample) bool { return v.failed })
	slices.SortStableFunc(answered, func(a, b sample) int { return cmp.Compare(a.at, b.at) })
	numbers := map[time.Duration]int{}
	for _, v := range answered {
		if _, ok := numbers[v.at/time.Minute]; !ok {
			numbers[v.at/time.Minute] = len(numbers)
		}
	}
	const parts, enough = 30, 20
	blocks, name := len(numbers), "minutes"
	if blocks < enough {
		blocks, name = parts, fmt.Sprintf("%d parts of the run, which was too short for minutes", parts)
	}
	if len(answered) < 10*parts {
		return nil, ""
	}
	pairs := make([]stats.Pair, len(answered))
	for i, v := range answered {
		block := numbers[v.at/time.Minute]
		if len(numbers) < enough {
			block = i * parts / len(answered)
		}
		pairs[i] = stats.Pair{First: v.legacy, Second: v.new, Block: block}
	}
	all, ok := stats.BootstrapDifferences(pairs, blocks, quantiles, rand.New(rand.NewPCG(uint64(len(pairs)), 1)))
	if !ok {
		return nil, ""
	}
	return all, name
}

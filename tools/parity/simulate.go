package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"pricing/tools/internal/stats"
	"pricing/tools/parity/compare"
	"pricing/tools/parity/judge"
)

// times are those of a simulated service: log-normal with the median 12 ms, and 0.8 % cold starts of 250 ms and more.
type times struct {
	cold, median, sigma float64
}

var usual = times{cold: 0.008, median: 12, sigma: 0.46}

func (t times) draw(random *rand.Rand) (ms float64, cold bool) {
	if random.Float64() < t.cold {
		return 250 + 50*random.ExpFloat64(), true
	}
	return t.median * math.Exp(t.sigma*random.NormFloat64()), false
}

// quantile is the true one.
func (t times) quantile(p float64) float64 {
	low, high := 0.0, 1e5
	for range 100 {
		middle := (low + high) / 2
		below := (1 - t.cold) * distuv.UnitNormal.CDF(math.Log(middle/t.median)/t.sigma)
		if middle > 250 {
			below += t.cold * (1 - math.Exp(-(middle-250)/50))
		}
		if below < p {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// statistics simulates how often intervals hold and verdicts are right.
func (p *proof) statistics(runs int) {
	random := rand.New(rand.NewPCG(11, 18))
	p.say("Intervals of 95 %% in %d simulated runs, log-normal with cold starts: how often they hold the true percentile", runs)
	for _, n := range []int{500, 2_000, 10_000} {
		for q, share := range coverage(random, usual, n, runs) {
			p.atLeast(fmt.Sprintf("n %d, P%g", n, 100*[]float64{0.5, 0.95, 0.99}[q]), share, 0.94)
		}
	}
	p.say("\nVerdicts while looking after every request, %d runs at the edge of the budget: how often any of 20,000 looks is wrong", runs)
	for _, budget := range []float64{0.001, 0.01} {
		worse, equivalent := looking(random, budget, 20_000, runs)
		p.atMost(fmt.Sprintf("budget %g: ever worse", budget), worse, 0.05)
		p.atMost(fmt.Sprintf("budget %g: ever equivalent", budget), equivalent, 0.05)
	}
	p.atMost("looks and the planned end together, 42,693 requests: ever worse", lookingAndEnd(random, 0.01, 42_693, runs), 0.05)
	p.say("\nPower at the planned number, simulated")
	const many = 20_000
	p.atLeast("P99 1 % -> 1.2 % slow, 42,693 a side: both sides told apart (z test)",
		apart(random, 0.01, 0.012, 42_693, many), 0.794) // the formula's own power is 0.80; the simulation knows it to 0.006
	p.atMost("the same when both are 1 % slow: told apart by chance", apart(random, 0.01, 0.01, 42_693, many), 0.055)
	p.atLeast("1.2 % slow against the budget of 1 %, 42,693 requests: worse", broken(random, 0.012, 0.01, 42_693, many), 0.80)
	n := stats.Showing(0.0005, 0.001, 0.05, 0.8)
	p.atLeast(fmt.Sprintf("0.05 %% differ, budget 0.1 %%, planned %d: equivalent", n), stats.Power(n, 0.0005, 0.001, 0.05), 0.80)

	whole := min(runs, 300)
	p.say("\nWhole runs, from a pilot of 5,000 requests at 5/s and its plan to the verdict, %d of them", whole)
	alike := wholeRuns(random, whole, "replay", usual, 0) // as aa it could not be worse, whatever the numbers
	p.atLeast("two sides alike, as in A/A, with the planned number: equivalent", alike[judge.Equivalent], 0.80)
	p.atMost("two sides alike, not known to be one, with the planned number: worse", alike[judge.Worse], 0.05)
	const tooFew = 1_000
	few := wholeRuns(random, whole, "aa", usual, tooFew)
	p.atLeast("A/A with 1,000 requests: not enough data", few[judge.NotEnough], 1)
	few = wholeRuns(random, whole, "replay", usual, tooFew)
	p.atMost("a new side like the old one, with 1,000 requests: worse", few[judge.Worse], 0.05)
	slow := usual
	slow.median *= 1.3
	slower := wholeRuns(random, whole, "replay", slow, 0)
	p.atLeast("the new side 30 % slower, margin 10 %: worse", slower[judge.Worse], 0.80)
	p.atMost("the new side 30 % slower: equivalent", slower[judge.Equivalent], 0.05)
	slow.median = usual.median * 1.1
	edge := wholeRuns(random, whole, "replay", slow, 0)
	p.say("        the new side 10 %% slower, which is the margin itself: worse %.3f, equivalent %.3f", edge[judge.Worse],
		edge[judge.Equivalent])

	naive, blocks := minutes(random, min(runs, 1_000))
	p.say("\nRequests that are slow by the minute, at the edge of the budget: worse without regard to minutes in %.3f of the runs", naive)
	p.atMost("with regard to them", blocks, 0.08)
}

// coverage is how often the intervals of P50, P95 and P99 hold the true values.
func coverage(random *rand.Rand, t times, n, runs int) (share [3]float64) {
	quantiles := [3]float64{0.5, 0.95, 0.99}
	var truth [3]float64
	for i, q := range quantiles {
		truth[i] = t.quantile(q)
	}
	values := make([]float64, n)
	for range runs {
		for i := range values {
			values[i], _ = t.draw(random)
		}
		sorted(values)
		for i, q := range quantiles {
			if e, ok := stats.Estimate(values, q); ok && e.Low <= truth[i] && truth[i] <= e.High {
				share[i] += 1 / float64(runs)
			}
		}
	}
	return share
}

// looking is how often a look says worse, and equivalent, when the rate is the budget itself.
func looking(random *rand.Rand, budget float64, most, runs int) (worse, equivalent float64) {
	for range runs {
		k, above, below := 0.0, false, false
		excluded := func(n float64) bool { return stats.Excluded(k, n, budget, 0.05) }
		// The lower limit rises only with a hit, the upper one falls until the next: no look but these two can say more.
		for n := 1.0; n <= float64(most); n++ {
			if random.Float64() < budget {
				below = below || k < budget*(n-1) && excluded(n-1)
				k++
				above = above || k > budget*n && excluded(n)
			}
		}
		below = below || k < budget*float64(most) && excluded(float64(most))
		if above {
			worse += 1 / float64(runs)
		}
		if below {
			equivalent += 1 / float64(runs)
		}
	}
	return worse, equivalent
}

// lookingAndEnd is how often a planned run that was looked at all the time ever says worse when the rate is the budget.
func lookingAndEnd(random *rand.Rand, budget float64, planned, runs int) (worse float64) {
	for range runs {
		k, ever := 0.0, false
		for n := 1.0; n <= float64(planned) && !ever; n++ {
			if random.Float64() < budget {
				k++
				ever = k/n > budget && stats.Excluded(k, n, budget, 0.025)
			}
		}
		if ever || stats.ClopperPearson(k, float64(planned), 0.025).Low > budget {
			worse += 1 / float64(runs)
		}
	}
	return worse
}

// apart is how often the usual test tells two rates apart.
func apart(random *rand.Rand, p1, p2 float64, n, runs int) (share float64) {
	first := distuv.Binomial{N: float64(n), P: p1, Src: random}
	second := distuv.Binomial{N: float64(n), P: p2, Src: random}
	for range runs {
		a, b := first.Rand()/float64(n), second.Rand()/float64(n)
		mean := (a + b) / 2
		if math.Abs(a-b) > distuv.UnitNormal.Quantile(0.975)*math.Sqrt(2*mean*(1-mean)/float64(n)) {
			share += 1 / float64(runs)
		}
	}
	return share
}

// broken is how often a claim is.
func broken(random *rand.Rand, rate, budget float64, n, runs int) (share float64) {
	draw := distuv.Binomial{N: float64(n), P: rate, Src: random}
	for range runs {
		if stats.ClopperPearson(draw.Rand(), float64(n), 0.05).Low > budget {
			share += 1 / float64(runs)
		}
	}
	return share
}

// wholeRuns are the verdicts of runs of n requests, 0 for the planned number, each after a pilot of its own.
func wholeRuns(random *rand.Rand, runs int, mode string, fresh times, n int) map[judge.Verdict]float64 {
	share := map[judge.Verdict]float64{}
	for range runs {
		share[wholeRun(random, mode, fresh, n)] += 1 / float64(runs)
	}
	for v, s := range share { // what adding up has lost
		share[v] = math.Round(s*1e9) / 1e9
	}
	return share
}

func wholeRun(random *rand.Rand, mode string, fresh times, n int) judge.Verdict {
	const pilot, rate = 5_000, 5.0
	route := &compare.Route{Name: "GET /x"}
	s := judge.Settings{Mode: "aa", Alpha: 0.05, Power: 0.8, MaxMismatch: 0.001, P99Margin: 0.1}
	fill := func(s judge.Settings, fresh times, n int) *judge.Run {
		run := judge.NewRun(s, time.Unix(0, 0))
		for i := range n {
			run.Add(route, judge.Pair{At: time.Unix(0, 0).Add(time.Duration(float64(i) / rate * float64(time.Second))),
				Legacy: simulated(usual, random), New: simulated(fresh, random)})
		}
		return run
	}
	var samples bytes.Buffer
	if err := fill(s, usual, pilot).WriteSamples(&samples); err != nil {
		panic(err) // a buffer takes all
	}
	plan, err := judge.Plan(&samples, &compare.Rules{}, s)
	if err != nil {
		panic(err) // it was written so
	}
	s.Plan = judge.Targets(plan)
	s.Mode = mode
	n = cmp.Or(n, s.Plan[route.Name].Requests)
	return fill(s, fresh, n).Report(time.Unix(0, 0).Add(time.Duration(float64(n)/rate)*time.Second), true).Verdict
}

func simulated(t times, random *rand.Rand) judge.Side {
	took, cold := t.draw(random)
	return judge.Side{Status: 200, Took: time.Duration(took * float64(time.Millisecond)), Reused: true, Cold: cold}
}

// minutes is how often a claim at the edge seems broken when requests are slow by the minute: without and with regard to that.
func minutes(random *rand.Rand, runs int) (naive, blocks float64) {
	const n, perMinute, budget = 144, 300, 0.01
	for range runs {
		var all []stats.Count
		k := 0.0
		for range n {
			rate := 0.005
			if random.Float64() < 0.1 { // each tenth minute is eleven times slower
				rate = 0.055
			}
			c := stats.Count{K: int(distuv.Binomial{N: perMinute, P: rate, Src: random}.Rand()), N: perMinute}
			all, k = append(all, c), k+float64(c.K)
		}
		if stats.ClopperPearson(k, n*perMinute, 0.05).Low > budget {
			naive += 1 / float64(runs)
		}
		effect := stats.DesignEffect(all)
		if stats.ClopperPearson(k/effect, n*perMinute/effect, 0.05).Low > budget {
			blocks += 1 / float64(runs)
		}
	}
	return naive, blocks
}

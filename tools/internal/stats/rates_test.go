package stats_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"pricing/tools/internal/stats"
)

// The sizes of a published table: so many requests of which so many may differ show that a rate is below the limit.
func TestSeen(t *testing.T) {
	t.Parallel()
	for limit, want := range map[float64][]int{
		0.05:   {59, 93, 124, 153, 181, 208},
		0.01:   {299, 473, 628, 773, 913, 1_049},
		0.001:  {2_995, 4_742, 6_294, 7_752, 9_151, 10_511},
		0.0001: {29_956},
	} {
		for k, n := range want {
			assert.Equal(t, n, stats.Seen(k, limit, 0.05), "%v, %d seen", limit, k)
		}
	}
}

func TestTwoProportions(t *testing.T) {
	t.Parallel()
	for rates, want := range map[[2]float64]int{
		{0.01, 0.011}: 163_095, {0.01, 0.012}: 42_693, {0.01, 0.0125}: 27_937, {0.01, 0.015}: 7_750, {0.01, 0.02}: 2_319,
		{0.05, 0.06}: 8_158, {0.05, 0.0625}: 5_333, {0.5, 0.55}: 1_565,
	} {
		assert.Equal(t, want, stats.TwoProportions(rates[0], rates[1], 0.05, 0.8), "%v", rates)
	}
}

func TestShowing(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 2_995, stats.Showing(0, 0.001, 0.05, 0.8), "what never differs needs as many as nothing seen in n")
	assert.Zero(t, stats.Showing(0.01, 0.01, 0.05, 0.8), "no number shows that a rate is below what it is")
	for _, p := range []float64{0.0001, 0.0005, 0.0008} {
		n := stats.Showing(p, 0.001, 0.05, 0.8)
		assert.GreaterOrEqual(t, stats.Power(n, p, 0.001, 0.05), 0.8, "%v", p)
		assert.Less(t, stats.Power(n*9/10, p, 0.001, 0.05), 0.8, "%v: a tenth fewer are not enough", p)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	// Examples of R: prop.test(10, 100, correct=FALSE), binom.test(10, 100), mcnemar exact of 5 and 15, Newcombe's 56/70 and 48/80.
	wilson := stats.Wilson(10, 100, 0.05)
	assert.InDelta(t, 0.05523, wilson.Low, 1e-5)
	assert.InDelta(t, 0.17437, wilson.High, 1e-5)
	exact := stats.ClopperPearson(10, 100, 0.025)
	assert.InDelta(t, 0.04900, exact.Low, 1e-5)
	assert.InDelta(t, 0.17622, exact.High, 1e-5)
	assert.InDelta(t, 0.04139, stats.McNemar(5, 15), 1e-5)
	assert.InDelta(t, 1, stats.McNemar(0, 0), 0)
	d, in := stats.Newcombe(56, 70, 48, 80, 0.05)
	assert.InDelta(t, 0.2, d, 1e-9)
	assert.InDelta(t, 0.0524, in.Low, 1e-4)
	assert.InDelta(t, 0.3339, in.High, 1e-4)
	assert.Equal(t, []bool{true, false, false, true}, stats.Holm([]float64{0.01, 0.04, 0.03, 0.005}, 0.05))
}

func TestLimits_Properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100_000).Draw(t, "n")
		k := float64(rapid.IntRange(0, n).Draw(t, "k"))
		seen := k / float64(n)
		alpha := rapid.SampledFrom([]float64{0.01, 0.05, 0.2}).Draw(t, "alpha")
		limit := rapid.Float64Range(0.0001, 0.9999).Draw(t, "limit")
		exact := stats.ClopperPearson(k, float64(n), alpha)
		if math.Abs(exact.Low-limit) > 1e-9 {
			assert.Equal(t, exact.Low > limit, stats.AboveLimit(k, float64(n), limit) < alpha, "the limit and the probability say the same")
		}
		sequence := stats.Sequence(k, float64(n), alpha)
		for name, in := range map[string]stats.Interval{
			"wilson": stats.Wilson(k, float64(n), alpha), "exact": exact, "sequence": sequence,
		} {
			assert.True(t, 0 <= in.Low && in.Low <= seen+1e-9 && seen-1e-9 <= in.High && in.High <= 1, "%s %v %v", name, in, seen)
		}
		assert.LessOrEqual(t, sequence.Low, exact.Low+1e-9, "looking at any time costs certainty")
		assert.GreaterOrEqual(t, sequence.High, exact.High-1e-9)
		if limit < sequence.Low-1e-9 || limit > sequence.High+1e-9 {
			assert.True(t, stats.Excluded(k, float64(n), limit, alpha))
		}
	})
}

// Who looks after every request is wrong no more often than the sequence says; with limits for one look it would be far more often.
func TestSequence_FalseAlarms(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	const runs, most, rate = 300, 2_000, 0.05
	wrong, naive := 0, 0
	for range runs {
		k, ever, once := 0.0, false, false
		for n := 1.0; n <= most; n++ {
			if random.Float64() < rate {
				k++
				ever = ever || stats.Excluded(k, n, rate, 0.05)
				once = once || stats.AboveLimit(k, n, rate) < 0.05
			}
		}
		if ever {
			wrong++
		}
		if once {
			naive++
		}
	}
	assert.LessOrEqual(t, float64(wrong)/runs, 0.05+3*math.Sqrt(0.05*0.95/runs))
	assert.Greater(t, naive, 2*wrong+10, "the simulation would notice")
}

func TestDesignEffect(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 9))
	alike, minutes := make([]stats.Count, 200), make([]stats.Count, 200)
	for i := range alike {
		alike[i] = stats.Count{K: int(distuv.Binomial{N: 300, P: 0.1, Src: random}.Rand()), N: 300}
		minutes[i] = stats.Count{N: 300}
		if random.Float64() < 0.1 { // all requests of a minute are slow together
			minutes[i].K = 300
		}
	}
	assert.InDelta(t, 1, stats.DesignEffect(alike), 0.3)
	assert.InDelta(t, 300, stats.DesignEffect(minutes), 3)
	assert.InDelta(t, 1, stats.DesignEffect(nil), 0)
	assert.InDelta(t, 1, stats.DesignEffect([]stats.Count{{K: 0, N: 5}, {K: 0, N: 5}}), 0)
}

func TestBootstrapDifferences(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	pairs := make([]stats.Pair, 6_000)
	for i := range pairs {
		pairs[i] = stats.Pair{First: random.ExpFloat64(), Second: 1 + random.ExpFloat64(), Block: i / 100}
	}
	all, ok := stats.BootstrapDifferences(pairs, 60, []float64{0.5, 0.95}, random)
	require.True(t, ok)
	for _, d := range all {
		assert.True(t, d.Low <= d.Value && d.Value <= d.High && d.Low < 1 && 1 < d.High, "%+v", d)
		assert.Less(t, d.High-d.Low, 0.7)
	}
	_, ok = stats.BootstrapDifferences(pairs[:1000], 10, []float64{0.5}, random)
	assert.False(t, ok)

	// Without resampling it is the difference of the estimates.
	var first, second []float64
	for _, p := range pairs {
		first, second = append(first, p.First), append(second, p.Second)
	}
	one, _ := stats.Estimate(stats.Sorted(first), 0.95)
	two, _ := stats.Estimate(stats.Sorted(second), 0.95)
	assert.InDelta(t, two.Value-one.Value, all[1].Value, 1e-12)
}

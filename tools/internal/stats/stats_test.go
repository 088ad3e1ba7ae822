package stats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/tools/internal/stats"
)

// The ranks of a published table.
func TestRanks(t *testing.T) {
	t.Parallel()
	type ranks struct{ low, high int }
	none := ranks{}
	for n, want := range map[int][4]ranks{ // P50, P95, P99, P99.9
		500:    {{228, 273}, {465, 485}, {490, 500}, none},
		1_000:  {{469, 532}, {936, 964}, {983, 997}, none},
		2_000:  {{956, 1_045}, {1_880, 1_920}, {1_971, 1_989}, none},
		10_000: {{4_902, 5_099}, {9_457, 9_543}, {9_880, 9_920}, {9_983, 9_997}},
		50_000: {{24_781, 25_220}, {47_404, 47_596}, {49_456, 49_544}, {49_936, 49_964}},
	} {
		for i, p := range []float64{0.5, 0.95, 0.99, 0.999} {
			t.Run(fmt.Sprint(n, " ", p), func(t *testing.T) {
				t.Parallel()
				low, high, ok := stats.Ranks(n, p)
				require.Equal(t, want[i] != none, ok)
				if ok {
					assert.Equal(t, want[i].low, low)
					assert.Equal(t, want[i].high, high)
				}
			})
		}
	}
}

func TestRanks_Smallest(t *testing.T) {
	t.Parallel()
	for p, want := range map[float64]int{0.5: 6, 0.95: 72, 0.99: 368, 0.999: 3_688} {
		n := 0
		for ok := false; !ok; {
			n++
			_, _, ok = stats.Ranks(n, p)
		}
		assert.Equal(t, want, n, "P%v", p*100)
	}
}

func TestRanks_Properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 3000).Draw(t, "n")
		p := rapid.Float64Range(0.01, 0.99).Draw(t, "p")
		low, high, ok := stats.Ranks(n, p)
		if !ok {
			return
		}
		assert.True(t, 1 <= low && float64(low) <= float64(n)*p && float64(n)*p <= float64(high) && high <= n, "%d-%d", low, high)
		mirrorLow, mirrorHigh, ok := stats.Ranks(n, 1-p) // the same values in descending order
		require.True(t, ok)
		assert.InDelta(t, n+1-high, mirrorLow, 1) // what 1-p loses may move it across a limit
		assert.InDelta(t, n+1-low, mirrorHigh, 1)
	})
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	values := rand.New(rand.NewPCG(1, 2)).Perm(1000) // 0 to 999
	sorted := stats.Sorted(values)
	assert.NotEqual(t, sorted, values, "they are left as they are")
	q, ok := stats.Estimate(sorted, 0.99)
	require.True(t, ok)
	assert.Equal(t, stats.Quantile[int]{Value: 989, Low: 982, High: 996}, q)
	q, ok = stats.Estimate(sorted, 0.5)
	require.True(t, ok)
	assert.Equal(t, stats.Quantile[int]{Value: 499, Low: 468, High: 531}, q)
	_, ok = stats.Estimate(sorted, 0.999)
	assert.False(t, ok)
	_, ok = stats.Estimate([]int{}, 0.5)
	assert.False(t, ok)
}

// In many samples of times with a long tail and cold starts the interval holds the true quantile as often as it says.
func TestEstimate_Coverage(t *testing.T) {
	t.Parallel()
	const rounds = 200
	random := rand.New(rand.NewPCG(7, 7))
	const cold = 0.008
	sample := func() float64 {
		if random.Float64() < cold {
			return 250 + 50*random.ExpFloat64()
		}
		return 12 * math.Exp(0.46*random.NormFloat64())
	}
	below := func(x float64) float64 { // the distribution's function
		warm := 0.5 * math.Erfc(-math.Log(x/12)/0.46/math.Sqrt2)
		late := 0.0
		if x > 250 {
			late = 1 - math.Exp(-(x-250)/50)
		}
		return (1-cold)*warm + cold*late
	}
	for _, n := range []int{500, 2000} {
		for _, p := range []float64{0.5, 0.95, 0.99} {
			low, high := 0.0, 1e4
			for range 100 {
				if middle := (low + high) / 2; below(middle) < p {
					low = middle
				} else {
					high = middle
				}
			}
			hits := 0
			for range rounds {
				values := make([]float64, n)
				for i := range values {
					values[i] = sample()
				}
				q, ok := stats.Estimate(stats.Sorted(values), p)
				require.True(t, ok)
				if q.Low <= high && high <= q.High {
					hits++
				}
			}
			coverage := float64(hits) / rounds // which is at least 95 %, give or take three standard deviations of the simulation
			assert.GreaterOrEqual(t, coverage, 0.95-3*math.Sqrt(0.95*0.05/rounds), "n %d P%v", n, p*100)
		}
	}
}

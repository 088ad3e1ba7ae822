package profile

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRead(t *testing.T) {
	t.Parallel()
	p, err := Read([]byte("# a morning\n0 5\n\n10 5 # quiet\n12.5 7e2\n"))
	require.NoError(t, err)
	assert.Equal(t, Profile{{0, 5}, {10, 5}, {12.5, 700}}, p)
	assert.Equal(t, "0s:5 10s:5 12.5s:700", p.String())
	assert.InDelta(t, 700, p.Peak(), 0)
	assert.InDelta(t, 50+2.5*705/2, p.Observations(), 1e-9)
	assert.Equal(t, Profile{{0, 5}, {20, 5}, {25, 700}}, p.Scaled(25*time.Second))
	for text, want := range map[string]string{
		"":             "0 points are no profile",
		"0 5":          "1 points are no profile",
		"0 5\n1":       "line 2: write seconds and rate",
		"0 5\nx 1":     `line 2: "x" is no number from 0`,
		"0 5\n1 -1":    `line 2: "-1" is no number from 0`,
		"0 5\n1 NaN":   `line 2: "NaN" is no number from 0`,
		"0 5\n1 Inf":   `line 2: "Inf" is no number from 0`,
		"1 5\n2 5":     "line 1: the seconds begin with 0",
		"0 5\n0 5":     "line 2: the seconds begin with 0 and grow",
		"0 0\n1 0":     "0 observations; a run has from 1 to 20000000",
		"0 1\n1e300 1": "1e+300 observations; a run has from 1",
	} {
		_, err := Read([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

// What is read has a rate at every time, and requests that are due in its time, in order.
func FuzzRead(f *testing.F) {
	f.Add("0 5\n10 5\n12 700\n")
	f.Add("0 0\n1e-3 1e4 # steep\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Read([]byte(text))
		if err != nil || p.Observations() > 10_000 {
			return
		}
		due := p.Due(1, false, nil)
		require.InDelta(t, p.Observations(), len(due), 1)
		require.True(t, slices.IsSorted(due))
		for _, at := range due {
			require.True(t, at >= 0 && at.Seconds() <= p.Seconds()+1e-6, "%v of %v", at, p)
		}
	})
}

func drawProfile(t *rapid.T) Profile {
	p := Profile{{0, rapid.Float64Range(0, 100).Draw(t, "rate")}}
	for range rapid.IntRange(1, 5).Draw(t, "points") {
		p = append(p, Point{p.Seconds() + rapid.Float64Range(0.1, 20).Draw(t, "seconds"), rapid.Float64Range(0, 100).Draw(t, "rate")})
	}
	return p
}

// upTo is how many observations there are in the first seconds.
func (p Profile) upTo(seconds float64) float64 {
	sum := 0.0
	for i := range p[1:] {
		from, to := p[i], p[i+1]
		if seconds < to.At {
			return sum + (from.Rate+p.Rate(seconds))/2*(seconds-from.At)
		}
		sum += p.between(i)
	}
	return sum
}

// Even arrivals keep to the profile: up to any time as many are due as it says, give or take one.
func TestDue_Even(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawProfile(t)
		items := rapid.IntRange(1, 20).Draw(t, "items")
		due := p.Due(items, false, nil)
		at := rapid.Float64Range(0, p.Seconds()).Draw(t, "at")
		n := 0
		for n < len(due) && due[n].Seconds() <= at {
			n++
		}
		assert.InDelta(t, p.upTo(at)/float64(items), n, 1)
		assert.True(t, slices.IsSorted(due))
	})
}

// Poisson arrivals keep to it on average, vary as a Poisson process does, and come again from the same seed.
func TestDue_Poisson(t *testing.T) {
	t.Parallel()
	p := Profile{{0, 0}, {10, 100}, {20, 0}} // 1,000, half of them in the first half
	const runs = 400
	var counts, firsts []float64
	for seed := range uint64(runs) {
		due := p.Due(1, true, rand.New(rand.NewPCG(seed, 1)))
		assert.True(t, slices.IsSorted(due))
		assert.Equal(t, due, p.Due(1, true, rand.New(rand.NewPCG(seed, 1))))
		first := slices.IndexFunc(due, func(at time.Duration) bool { return at >= 10*time.Second })
		counts, firsts = append(counts, float64(len(due))), append(firsts, float64(first))
	}
	mean := func(all []float64) (mean, variance float64) {
		for _, x := range all {
			mean += x / runs
		}
		for _, x := range all {
			variance += (x - mean) * (x - mean) / runs
		}
		return mean, variance
	}
	all, variance := mean(counts)
	assert.InDelta(t, 1000, all, 8, "five standard deviations of the mean")
	assert.InDelta(t, 1000, variance, 350, "five of the variance")
	half, _ := mean(firsts)
	assert.InDelta(t, 500, half, 6)
}

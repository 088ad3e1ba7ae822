package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is what holds a true value.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// z is the quantile p of the normal distribution.
func z(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// Wilson is the interval of a rate of which k in n were seen, two-sided with the error alpha. Of nothing it is all there is.
func Wilson(k, n, alpha float64) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	p, c := k/n, z(1-alpha/2)
	middle, half := p+c*c/(2*n), c*math.Sqrt(p*(1-p)/n+c*c/(4*n*n))
	in := Interval{(middle - half) / (1 + c*c/n), (middle + half) / (1 + c*c/n)}
	if k <= 0 { // what rounding leaves there
		in.Low = 0
	}
	if k >= n {
		in.High = 1
	}
	return in
}

// ClopperPearson has the limits of a rate of which k in n were seen, each of them one-sided with the error alpha.
func ClopperPearson(k, n, alpha float64) Interval {
	in := Interval{0, 1}
	if n <= 0 {
		return in
	}
	if k > 0 {
		in.Low = mathext.InvRegIncBeta(k, n-k+1, alpha)
	}
	if k < n {
		in.High = mathext.InvRegIncBeta(k+1, n-k, 1-alpha)
	}
	return in
}

// AboveLimit is the probability to see at least k in n when the rate is the limit: small if the rate is above it.
func AboveLimit(k, n, limit float64) float64 {
	if k <= 0 || n <= 0 {
		return 1
	}
	return mathext.RegIncBeta(k, n-k+1, limit)
}

// Newcombe is the difference of the rates k1 in n1 and k2 in n2, two-sided with the error alpha.
func Newcombe(k1, n1, k2, n2, alpha float64) (difference float64, in Interval) {
	if n1 <= 0 || n2 <= 0 {
		return 0, Interval{-1, 1}
	}
	first, second := Wilson(k1, n1, alpha), Wilson(k2, n2, alpha)
	p1, p2 := k1/n1, k2/n2
	d := p1 - p2
	return d, Interval{d - math.Hypot(p1-first.Low, second.High-p2), d + math.Hypot(first.High-p1, p2-second.Low)}
}

// McNemar is the probability of discordant pairs as uneven as b and c, or more, when either kind is equally likely.
func McNemar(b, c int) float64 {
	n := b + c
	if n == 0 {
		return 1
	}
	return min(1, 2*distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(min(b, c))))
}

// Holm says which of many hypotheses fall when all of them together may err with the probability alpha.
func Holm(p []float64, alpha float64) []bool {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return a - b
	})
	fallen := make([]bool, len(p))
	for i, at := range order {
		if p[at] > alpha/float64(len(p)-i) {
			break
		}
		fallen[at] = true
	}
	return fallen
}

// TwoProportions is how many requests each side needs so that the rates p1 and p2 are told apart, two-sided with the error alpha,
// with this power.
func TwoProportions(p1, p2, alpha, power float64) int {
	mean := (p1 + p2) / 2
	root := z(1-alpha/2)*math.Sqrt(2*mean*(1-mean)) + z(power)*math.Sqrt(p1*(1-p1)+p2*(1-p2))
	return int(math.Ceil(root * root / ((p2 - p1) * (p2 - p1))))
}

// Seen is the smallest number of requests of which k may have been seen while the upper one-sided limit of the rate is within limit.
func Seen(k int, limit, alpha float64) int {
	within := func(n int) bool { return n > k && mathext.RegIncBeta(float64(k+1), float64(n-k), limit) >= 1-alpha }
	return smallest(k+1, within)
}

// smallest is the first number from low on for which a condition holds that stays true from there on; 0: none below a billion.
func smallest(low int, holds func(int) bool) int {
	const most = 1_000_000_000
	high := max(low, 1)
	for !holds(high) {
		if low, high = high, high*2; high > most {
			return 0
		}
	}
	for low < high {
		if middle := (low + high) / 2; holds(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return high
}

// Showing is how many requests show, with this power and the one-sided error alpha, that a rate which is p is within limit. It is 0
// when p is not below the limit, or so close to it that a billion would not do.
func Showing(p, limit, alpha, power float64) int {
	if p >= limit {
		return 0
	}
	n := Seen(0, limit, alpha)
	for k := 0; n > 0 && n < 1_000_000_000; {
		// Of n requests k may be seen. The next number for which k+1 may be is where the power rises again.
		if (distuv.Binomial{N: float64(n), P: p}).CDF(float64(k)) >= power {
			return n
		}
		k += 1 + k/50 // in large numbers one more makes no difference
		n = Seen(k, limit, alpha)
	}
	return 0
}

// Power is the probability that n requests show that a rate which is p is within limit, with the one-sided error alpha.
func Power(n int, p, limit, alpha float64) float64 {
	if n < Seen(0, limit, alpha) {
		return 0
	}
	k := smallest(1, func(k int) bool { return Seen(k, limit, alpha) > n }) - 1
	return distuv.Binomial{N: float64(n), P: p}.CDF(float64(k))
}

package stats

import "math"

// Sequence is an interval of a rate, k in n seen so far, that holds at every moment of a run with the error alpha for the whole of it:
// one may look at it after each request and stop when one likes.
//
// It is all rates that a mixture of rates (Beta ½, ½) does not make look unlikely by the factor 1/alpha. That ratio is a martingale
// under the true rate, so by Ville's inequality it ever reaches 1/alpha with at most the probability alpha.
func Sequence(k, n, alpha float64) Interval {
	in := Interval{0, 1}
	if n <= 0 {
		return in
	}
	seen := k / n
	if k > 0 {
		in.Low = edge(0, seen, func(p float64) bool { return !Excluded(k, n, p, alpha) })
	}
	if k < n {
		in.High = edge(1, seen, func(p float64) bool { return !Excluded(k, n, p, alpha) })
	}
	return in
}

// Excluded says that a rate is outside Sequence.
func Excluded(k, n, rate, alpha float64) bool {
	if rate <= 0 || rate >= 1 {
		return rate <= 0 && k > 0 || rate >= 1 && k < n
	}
	likelihood := k*math.Log(rate) + (n-k)*math.Log1p(-rate)
	return logBeta(k+0.5, n-k+0.5)-logBeta(0.5, 0.5)-likelihood >= -math.Log(alpha)
}

// edge is where the way from outside to inside enters what holds.
func edge(outside, inside float64, holds func(float64) bool) float64 {
	for range 60 {
		if middle := (outside + inside) / 2; holds(middle) {
			inside = middle
		} else {
			outside = middle
		}
	}
	return outside
}

func logBeta(a, b float64) float64 {
	first, _ := math.Lgamma(a)
	second, _ := math.Lgamma(b)
	both, _ := math.Lgamma(a + b)
	return first + second - both
}

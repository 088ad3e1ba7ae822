// Package stats estimates percentiles of measured values with an interval of 95 %, from order statistics, which assume nothing
// about their distribution; and rates with their limits, how many requests are needed to tell two of them apart, and limits that
// hold whenever one looks.
//
// What surprises: below a smallest number of values there is no interval and so no estimate. A P99 of 300 requests is an
// accident, not a measurement. A claim about a percentile is one about a rate: "P99 is at most T" says that at most 1 % are
// slower than T. Rates take fractions for counts, because requests of one minute are alike and count for fewer.
package stats

import (
	"cmp"
	"math"
	"slices"
)

// tail is the probability that is left outside on either side of an interval.
const tail = 0.025

// Ranks returns the ranks, counted from 1, of the two of n sorted values that enclose the quantile p (0 < p < 1) in at least
// 95 % of all samples: with B ~ Bin(n, p), low is the largest rank with P(B < low) <= 0.025 and high the smallest with
// P(B >= high) <= 0.025. ok is false when n is too small for both to exist.
func Ranks(n int, p float64) (low, high int, ok bool) { return RanksWith(n, p, tail) }

// RanksWith is Ranks with another probability that is left outside on either side.
func RanksWith(n int, p, tail float64) (low, high int, ok bool) {
	below := 0.0 // P(B < low+1)
	for k := 0; k <= n; k++ {
		if below += probability(n, p, k); below > tail {
			low = k
			break
		}
	}
	above := 0.0 // P(B >= high-1)
	high = n + 1
	for k := n; k >= 0; k-- {
		if above += probability(n, p, k); above > tail {
			high = k + 1
			break
		}
	}
	return low, high, low >= 1 && high <= n
}

// probability is P(B = k) for B ~ Bin(n, p).
func probability(n int, p float64, k int) float64 {
	logChoose := logFactorial(n) - logFactorial(k) - logFactorial(n-k)
	return math.Exp(logChoose + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

func logFactorial(n int) float64 {
	v, _ := math.Lgamma(float64(n + 1)) // is positive
	return v
}

// Quantile is an estimate of a quantile with its interval.
type Quantile[T cmp.Ordered] struct{ Value, Low, High T }

// Estimate returns the quantile p of sorted values: the value at rank ceil(n p), and the interval of Ranks. ok is false when
// there are too few values.
func Estimate[T cmp.Ordered](sorted []T, p float64) (q Quantile[T], ok bool) {
	low, high, ok := Ranks(len(sorted), p)
	if !ok {
		return q, false
	}
	at := int(math.Ceil(float64(len(sorted))*p - 1e-9)) // n p may lie just above a whole number
	return Quantile[T]{sorted[at-1], sorted[low-1], sorted[high-1]}, true
}

// Sorted returns the values in order, for Estimate.
func Sorted[T cmp.Ordered](values []T) []T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted
}

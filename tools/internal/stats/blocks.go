package stats

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Count is how many of N requests of a block, such as a minute, were of a kind.
type Count struct{ K, N int }

// DesignEffect is by how much the rate of a kind varies more between blocks than chance would have it, and never below 1. Requests
// count for that many times fewer. It is 1 where there is nothing to compare: of one block, or of a rate that is 0 or 1.
func DesignEffect(blocks []Count) float64 {
	k, n := 0.0, 0.0
	for _, b := range blocks {
		k, n = k+float64(b.K), n+float64(b.N)
	}
	if len(blocks) < 2 || k == 0 || k == n {
		return 1
	}
	p, sum := k/n, 0.0
	for _, b := range blocks {
		d := float64(b.K) - p*float64(b.N)
		sum += d * d
	}
	m := float64(len(blocks))
	return max(1, m/(m-1)*sum/(n*p*(1-p)))
}

// Allowance is the factor by which a plan is enlarged since DesignEffect, estimated from so many blocks, is above 1 by chance in one run
// of five by that much.
func Allowance(blocks float64) float64 {
	if blocks < 2 {
		return 1
	}
	return 1 + z(0.8)*math.Sqrt(2/(blocks-1))
}

// Pair is a measurement of both sides, and the block that it was made in.
type Pair struct {
	First, Second float64
	Block         int
}

// Difference is by how much a percentile of the second side is above that of the first.
type Difference struct{ Value, Low, High float64 }

// rounds is how often BootstrapDifferences resamples.
const rounds = 1000

// fewestBlocks is below which a resample of whole blocks says nothing.
const fewestBlocks = 20

// BootstrapDifferences estimates the differences of the quantiles by resampling whole blocks, both sides together: what was slow for a
// minute was so for all its requests, on both sides. ok is false when there are fewer than 20 blocks. The blocks are numbered from 0.
func BootstrapDifferences(pairs []Pair, blocks int, quantiles []float64, random *rand.Rand) (all []Difference, ok bool) {
	if blocks < fewestBlocks || len(pairs) == 0 {
		return nil, false
	}
	sizes := make([]int, blocks)
	first, second := make([]point, len(pairs)), make([]point, len(pairs))
	for i, p := range pairs {
		sizes[p.Block]++
		first[i], second[i] = point{p.First, p.Block}, point{p.Second, p.Block}
	}
	for _, side := range [][]point{first, second} { // from the top: the percentiles asked for are high ones
		slices.SortFunc(side, func(a, b point) int { return cmp.Compare(b.value, a.value) })
	}
	order := slices.Clone(quantiles)
	slices.SortFunc(order, func(a, b float64) int { return cmp.Compare(b, a) })
	weights := make([]int, blocks)
	for b := range weights {
		weights[b] = 1
	}
	differences := func(total int) map[float64]float64 {
		low, high := weighted(first, weights, total, order), weighted(second, weights, total, order)
		out := map[float64]float64{}
		for i, q := range order {
			out[q] = high[i] - low[i]
		}
		return out
	}
	values := differences(len(pairs))
	samples := map[float64][]float64{}
	for range rounds {
		clear(weights)
		total := 0
		for range blocks {
			b := random.IntN(blocks)
			weights[b]++
			total += sizes[b]
		}
		if total == 0 {
			continue
		}
		for q, d := range differences(total) {
			samples[q] = append(samples[q], d)
		}
	}
	for _, q := range quantiles {
		slices.Sort(samples[q])
		n := float64(len(samples[q]))
		all = append(all, Difference{values[q], samples[q][int(tail*n)], samples[q][int((1-tail)*n)]})
	}
	return all, true
}

type point struct {
	value float64
	block int
}

// weighted are the quantiles, highest first, of points in descending order, each as often as its block weighs.
func weighted(points []point, weights []int, total int, quantiles []float64) []float64 {
	out := make([]float64, 0, len(quantiles))
	above := 0 // how many stand before
	for _, p := range points {
		above += weights[p.block]
		for len(out) < len(quantiles) && above > total-int(math.Ceil(float64(total)*quantiles[len(out)]-1e-9)) {
			out = append(out, p.value)
		}
		if len(out) == len(quantiles) {
			break
		}
	}
	return out
}

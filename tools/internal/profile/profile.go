// Package profile is the rate of observations over time: what tools/spike sends and tools/prewarm plans for.
//
// What surprises: between two points the rate changes evenly, so that how many observations are due is an integral, and when the next is
// due the solution of a quadratic equation.
package profile

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Point is a rate at a time; between two points the rate changes evenly.
type Point struct {
	At   float64 // seconds from the start
	Rate float64 // observations a second
}

// Profile is the rate over time: points in the order of time, the first at 0.
type Profile []Point

// Default goes from 5 observations a second to 700 and back within a minute.
var Default = Profile{{0, 5}, {10, 5}, {12, 700}, {30, 700}, {32, 5}, {60, 5}}

// Most is how many observations a run may have; what was sent is kept in memory.
const Most = 20_000_000

// Read reads a line "seconds rate" for each point. Empty lines and what follows "#" are left out.
func Read(text []byte) (Profile, error) {
	var p Profile
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("line %d: write seconds and rate, two numbers", n)
		}
		at, err := number(fields[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rate, err := number(fields[1])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(p) == 0 && at != 0 || len(p) > 0 && at <= p[len(p)-1].At {
			return nil, fmt.Errorf("line %d: the seconds begin with 0 and grow from line to line", n)
		}
		p = append(p, Point{at, rate})
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(p) < 2 {
		return nil, fmt.Errorf("%d points are no profile; at least two are", len(p))
	}
	if all := p.Observations(); all < 1 || all > Most {
		return nil, fmt.Errorf("%g observations; a run has from 1 to %d", all, Most)
	}
	return p, nil
}

// number reads a number that is finite and not negative.
func number(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
		return 0, fmt.Errorf("%q is no number from 0", text)
	}
	return x, nil
}

// Scaled is the profile stretched or shortened to another length, at the same rates.
func (p Profile) Scaled(length time.Duration) Profile {
	scaled := slices.Clone(p)
	for i := range scaled {
		scaled[i].At *= length.Seconds() / p.Seconds()
	}
	return scaled
}

// Seconds is how long the profile is.
func (p Profile) Seconds() float64 { return p[len(p)-1].At }

// Peak is the highest rate.
func (p Profile) Peak() float64 {
	return slices.MaxFunc(p, func(a, b Point) int { return int(math.Copysign(1, a.Rate-b.Rate)) }).Rate
}

// Observations is how many there are in all.
func (p Profile) Observations() float64 {
	sum := 0.0
	for i := range p[1:] {
		sum += p.between(i)
	}
	return sum
}

// between is how many observations there are between point i and the next.
func (p Profile) between(i int) float64 {
	return (p[i].Rate + p[i+1].Rate) / 2 * (p[i+1].At - p[i].At)
}

// Rate is the rate at a time; before the first point it is the first's, after the last the last's.
func (p Profile) Rate(seconds float64) float64 {
	for i := range p[1:] {
		if from, to := p[i], p[i+1]; seconds < to.At {
			return from.Rate + (to.Rate-from.Rate)*(max(seconds, from.At)-from.At)/(to.At-from.At)
		}
	}
	return p[len(p)-1].Rate
}

// String lists the points.
func (p Profile) String() string {
	var points []string
	for _, each := range p {
		points = append(points, fmt.Sprintf("%gs:%g", each.At, each.Rate))
	}
	return strings.Join(points, " ")
}

// Due returns when requests of so many observations each are due, in order: evenly by the rate, or as a Poisson process.
func (p Profile) Due(items int, poisson bool, random *rand.Rand) []time.Duration {
	var due []time.Duration
	next := float64(items) / 2 // observations due before the request
	if poisson {
		next = float64(items) * random.ExpFloat64()
	}
	before := 0.0
	for i := range p[1:] {
		for here := p.between(i); next < before+here; {
			due = append(due, time.Duration((p[i].At+p.within(i, next-before))*float64(time.Second)))
			if poisson {
				next += float64(items) * random.ExpFloat64()
			} else {
				next += float64(items)
			}
		}
		before += p.between(i)
	}
	return due
}

// within is how long after point i so many observations are due, no more than there are up to the next point. The rate there
// changes evenly, so it is the solution of a quadratic equation.
func (p Profile) within(i int, observations float64) float64 {
	length := p[i+1].At - p[i].At
	slope := (p[i+1].Rate - p[i].Rate) / length
	root := math.Sqrt(max(p[i].Rate*p[i].Rate+2*slope*observations, 0))
	return min(2*observations/(p[i].Rate+root), length) // this form loses no digits when the slope is small
}

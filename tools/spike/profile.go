package main

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

// point is a rate at a time; between two points the rate changes evenly.
type point struct {
	at   float64 // seconds from the start
	rate float64 // observations a second
}

// profile is the rate over time: points in the order of time, the first at 0.
type profile []point

// byDefault goes from 5 observations a second to 700 and back within a minute.
var byDefault = profile{{0, 5}, {10, 5}, {12, 700}, {30, 700}, {32, 5}, {60, 5}}

// most is how many observations a run may have; what was sent is kept in memory.
const most = 20_000_000

// readProfile reads a line "seconds rate" for each point. Empty lines and what follows "#" are left out.
func readProfile(text []byte) (profile, error) {
	var p profile
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
		if len(p) == 0 && at != 0 || len(p) > 0 && at <= p[len(p)-1].at {
			return nil, fmt.Errorf("line %d: the seconds begin with 0 and grow from line to line", n)
		}
		p = append(p, point{at, rate})
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(p) < 2 {
		return nil, fmt.Errorf("%d points are no profile; at least two are", len(p))
	}
	if all := p.observations(); all < 1 || all > most {
		return nil, fmt.Errorf("%g observations; a run has from 1 to %d", all, most)
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

// scaled is the profile stretched or shortened to another length, at the same rates.
func (p profile) scaled(length time.Duration) profile {
	scaled := slices.Clone(p)
	for i := range scaled {
		scaled[i].at *= length.Seconds() / p.seconds()
	}
	return scaled
}

func (p profile) seconds() float64 { return p[len(p)-1].at }

// peak is the highest rate.
func (p profile) peak() float64 {
	return slices.MaxFunc(p, func(a, b point) int { return int(math.Copysign(1, a.rate-b.rate)) }).rate
}

// observations is how many there are in all.
func (p profile) observations() float64 {
	sum := 0.0
	for i := range p[1:] {
		sum += p.between(i)
	}
	return sum
}

// between is how many observations there are between point i and the next.
func (p profile) between(i int) float64 {
	return (p[i].rate + p[i+1].rate) / 2 * (p[i+1].at - p[i].at)
}

// String lists the points.
func (p profile) String() string {
	var points []string
	for _, each := range p {
		points = append(points, fmt.Sprintf("%gs:%g", each.at, each.rate))
	}
	return strings.Join(points, " ")
}

// due returns when requests of so many observations each are due, in order: evenly by the rate, or as a Poisson process.
func (p profile) due(items int, poisson bool, random *rand.Rand) []time.Duration {
	var due []time.Duration
	next := float64(items) / 2 // observations due before the request
	if poisson {
		next = float64(items) * random.ExpFloat64()
	}
	before := 0.0
	for i := range p[1:] {
		for here := p.between(i); next < before+here; {
			due = append(due, time.Duration((p[i].at+p.within(i, next-before))*float64(time.Second)))
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
func (p profile) within(i int, observations float64) float64 {
	length := p[i+1].at - p[i].at
	slope := (p[i+1].rate - p[i].rate) / length
	root := math.Sqrt(max(p[i].rate*p[i].rate+2*slope*observations, 0))
	return min(2*observations/(p[i].rate+root), length) // this form loses no digits when the slope is small
}

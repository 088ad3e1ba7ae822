package main

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"
)

// Lambda's limit: a function gets at most so many new environments in this time.
const (
	startsAtMost = 1000
	startsWithin = 10 * time.Second
)

// load is requests with all that chance decides, so that it is the same whatever is kept ready.
type load struct {
	due   []time.Duration // in order
	took  []time.Duration // by each request, in an environment that is ready
	start time.Duration   // what a cold start adds to it
	limit int             // environments at work at once; a request beyond them is throttled
}

// newLoad draws what each request takes from a log-normal distribution with these percentiles.
func newLoad(due []time.Duration, p50, p95, start time.Duration, limit int, random *rand.Rand) load {
	const z95 = 1.6448536269514722
	sigma := math.Log(p95.Seconds()/p50.Seconds()) / z95
	l := load{due: due, took: make([]time.Duration, len(due)), start: start, limit: limit}
	for i := range l.took {
		l.took[i] = time.Duration(float64(p50) * math.Exp(sigma*random.NormFloat64()))
	}
	return l
}

// second is what became of the requests that were due in one second.
type second struct {
	Requests  int `json:"requests"`
	Cold      int `json:"cold"`      // waited for a cold start
	Throttled int `json:"throttled"` // no further environment was to be had
}

// outcome is what became of a load.
type outcome struct {
	Provisioned int      `json:"provisioned"`
	Busiest     int      `json:"busiest"` // environments at work at once
	Seconds     []second `json:"seconds"`
}

// total adds up the seconds from one on, up to another.
func (o outcome) total(from, to int) (sum second) {
	for i := max(0, from); i < min(to, len(o.Seconds)); i++ {
		sum.Requests += o.Seconds[i].Requests
		sum.Cold += o.Seconds[i].Cold
		sum.Throttled += o.Seconds[i].Throttled
	}
	return sum
}

// simulate sends the load to a function of which so many environments are ready. A request takes an environment that is free, else a
// new one, for which it waits. No environment is given up: Lambda keeps one for minutes after its last request.
func (l load) simulate(provisioned int) outcome {
	o := outcome{Provisioned: provisioned, Seconds: []second{}}
	if len(l.due) > 0 {
		o.Seconds = make([]second, int(l.due[len(l.due)-1]/time.Second)+1)
	}
	var busy ends
	var starts []time.Duration // of new environments within the limit's time
	free := provisioned
	for i, at := range l.due {
		for len(busy) > 0 && busy[0] <= at {
			heap.Pop(&busy)
			free++
		}
		for len(starts) > 0 && starts[0] <= at-startsWithin {
			starts = starts[1:]
		}
		s := &o.Seconds[at/time.Second]
		s.Requests++
		took := l.took[i]
		switch {
		case len(busy) >= l.limit || free == 0 && len(starts) >= startsAtMost:
			s.Throttled++
			continue
		case free > 0:
			free--
		default:
			s.Cold++
			starts = append(starts, at)
			took += l.start
		}
		heap.Push(&busy, at+took)
		o.Busiest = max(o.Busiest, len(busy))
	}
	return o
}

// ends are the times at which environments are free again, the next one first.
type ends []time.Duration

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i] < e[j] }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(time.Duration)) }
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func drawLoad(t *rapid.T) load {
	ms := func(most int, what string) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, what)) * time.Millisecond
	}
	l := load{start: ms(2000, "start"), limit: rapid.SampledFrom([]int{1, 5, 1000}).Draw(t, "limit")}
	for range rapid.IntRange(0, 60).Draw(t, "requests") {
		l.due, l.took = append(l.due, ms(5000, "due")), append(l.took, ms(400, "took")+time.Millisecond)
	}
	slices.Sort(l.due)
	return l
}

// byHand looks at every environment for every request.
func (l load) byHand(provisioned int) (cold, throttled []time.Duration) {
	environments := make([]time.Duration, provisioned) // when each is free
	var starts []time.Duration
	for i, at := range l.due {
		free, atWork := -1, 0
		for e, until := range environments {
			if until <= at {
				free = e
			} else {
				atWork++
			}
		}
		recent := 0
		for _, s := range starts {
			if s > at-10*time.Second {
				recent++
			}
		}
		switch {
		case atWork >= l.limit, free < 0 && recent >= 1000:
			throttled = append(throttled, at)
		case free >= 0:
			environments[free] = at + l.took[i]
		default:
			cold, starts = append(cold, at), append(starts, at)
			environments = append(environments, at+l.start+l.took[i])
		}
	}
	return cold, throttled
}

// Counts are those of a simulation that looks at every environment, second by second.
func TestSimulate_ByHand(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, n := drawLoad(t), rapid.IntRange(0, 10).Draw(t, "provisioned")
		o := l.simulate(n)
		cold, throttled := l.byHand(n)
		want := make([]second, len(o.Seconds))
		for _, at := range l.due {
			want[at/time.Second].Requests++
		}
		for _, at := range cold {
			want[at/time.Second].Cold++
		}
		for _, at := range throttled {
			want[at/time.Second].Throttled++
		}
		assert.Equal(t, want, o.Seconds)
	})
}

// As many as are ever at work make every start warm, and each cold start is one more than was there.
func TestSimulate_Enough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLoad(t)
		warm := l
		warm.start = 0
		enough := warm.simulate(0).Busiest
		assert.Zero(t, l.simulate(enough+rapid.IntRange(0, 3).Draw(t, "more")).total(0, 9).Cold)
		n := rapid.IntRange(0, 10).Draw(t, "provisioned")
		o := l.simulate(n)
		assert.Equal(t, max(n, o.Busiest), n+o.total(0, 9).Cold)
	})
}

// Where a cold start takes no time, each further environment saves one cold start or none, and never costs one.
func TestSimulate_More(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLoad(t)
		l.start = 0
		n := rapid.IntRange(0, 10).Draw(t, "provisioned")
		fewer, more := l.simulate(n).total(0, 9).Cold, l.simulate(n+1).total(0, 9).Cold
		assert.True(t, more == fewer || more == fewer-1, "%d, then %d", fewer, more)
	})
}

// A few environments can bring more cold starts than none: without any, slow starts at a quiet time leave environments for the spike.
func TestSimulate_FewCanBeWorse(t *testing.T) {
	t.Parallel()
	l := load{start: time.Second, limit: 1000}
	at := func(when time.Duration, n int, apart time.Duration) {
		for i := range n {
			l.due, l.took = append(l.due, when+time.Duration(i)*apart), append(l.took, 50*time.Millisecond)
		}
	}
	at(0, 10, 100*time.Millisecond)
	at(5*time.Second, 8, 0)
	at(5500*time.Millisecond, 12, 0)
	assert.Equal(t, 12, l.simulate(0).total(0, 9).Cold)
	assert.Equal(t, 18, l.simulate(1).total(0, 9).Cold)
	assert.Zero(t, l.simulate(12).total(0, 9).Cold)
}

// Lambda makes 1,000 environments in ten seconds and no more.
func TestSimulate_Limit(t *testing.T) {
	t.Parallel()
	l := load{due: make([]time.Duration, 1500), took: make([]time.Duration, 1500), limit: 5000}
	for i := range l.took {
		l.took[i] = time.Minute
	}
	assert.Equal(t, second{1500, 1000, 500}, l.simulate(0).total(0, 1))
	assert.Equal(t, second{1500, 1000, 100}, l.simulate(400).total(0, 1))
}

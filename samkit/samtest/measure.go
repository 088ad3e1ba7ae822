package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// timing is a measurement of both sides. Nothing is asserted of it.
type timing struct {
	what       string
	sam, local time.Duration
}

// warmRequests is how many are measured of each kind; below the throttle's burst.
const warmRequests = 9

func (t *test) measure(ctx context.Context, sam, local *side) ([]timing, error) {
	var timings []timing
	for _, m := range []struct {
		what string
		call call
	}{
		{"GET /v1/health, warm", get("/v1/health", "")},
		{"GET /v1/competitors, warm, with a token", get("/v1/competitors", "all")},
	} {
		row := timing{what: m.what}
		for _, one := range []struct {
			side *side
			to   *time.Duration
		}{{sam, &row.sam}, {local, &row.local}} {
			took := make([]time.Duration, warmRequests)
			for i := range took {
				var err error
				if took[i], err = one.side.time(ctx, m.call); err != nil {
					return nil, err
				}
			}
			*one.to = median(took)
		}
		timings = append(timings, row)
	}
	return timings, nil
}

// samCold measures SAM local as people start it: a container for each request.
func (t *test) samCold(ctx context.Context) (time.Duration, error) {
	s, _, err := t.startSAM(ctx)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	took := make([]time.Duration, starts)
	for i := range took {
		if took[i], err = s.time(ctx, get("/v1/health", "")); err != nil {
			return 0, err
		}
	}
	return median(took), nil
}

// time is how long a request takes that must succeed.
func (s *side) time(ctx context.Context, c call) (time.Duration, error) {
	start := time.Now()
	a, err := s.send(ctx, c)
	took := time.Since(start)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s: %s %s: answers %d: %s", s.name, c.method, c.path, a.status, a.body)
	}
	return took, err
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func timingRows(timings []timing) [][3]string {
	var rows [][3]string
	for _, t := range timings {
		rows = append(rows, [3]string{t.what, milliseconds(t.sam), milliseconds(t.local)})
	}
	return rows
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%8.1f ms", float64(d.Microseconds())/1000)
}

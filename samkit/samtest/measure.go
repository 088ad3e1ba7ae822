package samtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// timing is a measurement of both targets. Nothing is asserted of it.
type timing struct {
	what       string
	sam, local time.Duration
}

const (
	starts       = 5 // cold starts of each target
	warmRequests = 9 // of each kind
)

// measure times warm requests.
func (t *test) measure(ctx context.Context, sam, local *Target) ([]timing, error) {
	warm := func(target *Target, c Call) (time.Duration, error) {
		took := make([]time.Duration, warmRequests)
		for i := range took {
			var err error
			if took[i], err = target.time(ctx, c); err != nil {
				return 0, err
			}
		}
		return median(took), nil
	}
	var timings []timing
	for _, c := range t.Measured {
		line := timing{what: c.String() + ", warm"}
		var err error
		if line.sam, err = warm(sam, c); err != nil {
			return nil, err
		}
		if line.local, err = warm(local, c); err != nil {
			return nil, err
		}
		timings = append(timings, line)
	}
	return timings, nil
}

// samCold times SAM local as people start it: with a new container for each request.
func (t *test) samCold(ctx context.Context) (time.Duration, error) {
	target, _, err := t.startSAM(ctx)
	if err != nil {
		return 0, err
	}
	defer target.stop()
	took := make([]time.Duration, starts)
	for i := range took {
		if took[i], err = target.time(ctx, t.Measured[0]); err != nil {
			return 0, err
		}
	}
	return median(took), nil
}

// time is how long a request takes that must succeed.
func (t *Target) time(ctx context.Context, c Call) (time.Duration, error) {
	start := time.Now()
	a, err := t.Send(ctx, c)
	took := time.Since(start)
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("%s: %s: answers %d: %s", t.Name, c, a.Status, a.Body)
	}
	return took, err
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func timingLines(timings []timing) [][3]string {
	var lines [][3]string
	for _, t := range timings {
		lines = append(lines, [3]string{t.what, milliseconds(t.sam), milliseconds(t.local)})
	}
	return lines
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%8.1f ms", float64(d.Microseconds())/1000)
}

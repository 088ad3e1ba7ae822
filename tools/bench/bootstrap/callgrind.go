package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

const tries = 3

// ErrNoValgrind says that instructions cannot be counted here.
var ErrNoValgrind = errors.New("valgrind is not installed")

// Instructions are how many a program executes.
type Instructions struct {
	Ready float64 // until it is ready
	First float64 // by the first invocation
	Warm  float64 // by each warm invocation, in the mean
}

var totals = regexp.MustCompile(`(?m)^totals: (\d+)`)

// Instructions counts a program's instructions with callgrind: in a start to where it is ready, one to the end of its first invocation
// and one to that of so many warm ones. What valgrind cannot do is switched off: Go's preemption by signals, and more than one thread
// that runs Go code. All takes fifty times as long, so on a busy machine a call may time out and be made again, or fail. Each start is
// made three times and the middle count taken, which repeats within about 1 % on a quiet machine.
func (l *Lab) Instructions(ctx context.Context, p *Program, warm int) (Instructions, error) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		return Instructions{}, ErrNoValgrind
	}
	alone := *p
	alone.Environment = append(append([]string{}, p.Environment...), "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1")
	var counts []float64
	stops := []int{0, 1}
	if warm > 0 {
		stops = append(stops, 1+warm)
	}
	for _, stop := range stops {
		var found []float64
		var failures []error
		for range tries {
			n, err := l.count(ctx, &alone, valgrind, stop)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			found = append(found, n)
		}
		if len(failures) == tries {
			return Instructions{}, errors.Join(failures...)
		}
		slices.Sort(found)
		counts = append(counts, found[len(found)/2])
	}
	i := Instructions{Ready: counts[0], First: counts[1] - counts[0]}
	if warm > 0 {
		i.Warm = (counts[2] - counts[1]) / float64(warm)
	}
	return i, nil
}

// count runs the program until it asks for its event number stop.
func (l *Lab) count(ctx context.Context, p *Program, valgrind string, stop int) (float64, error) {
	file := filepath.Join(l.dir, "callgrind.out")
	if _, err := l.run(ctx, p, []string{valgrind, "--tool=callgrind", "--callgrind-out-file=" + file, p.Path}, stop, false); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("read callgrind's counts: %w", err)
	}
	defer os.Remove(file) //nolint:errcheck // the lab's folder goes at the end
	m := totals.FindSubmatch(text)
	if m == nil {
		return 0, errors.New("callgrind has written no totals")
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

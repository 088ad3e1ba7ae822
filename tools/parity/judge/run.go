// Package judge counts what two sides answered to the same requests and says whether the new one is equivalent, worse, or whether there
// is not enough data to tell.
//
// Each route makes up to two claims: so many answers may differ, and at most 1 % may be slower than T, the legacy P99 and a margin. A
// claim is shown when the upper limit of its rate is within the budget, and broken when the lower one is above. Requests of one minute
// count for fewer, as far as minutes differ by more than chance.
//
// What surprises: the number of requests is fixed before a run. A look before that takes limits that hold whenever one looks, which are
// wider, and a run that was looked at pays for it at its end, too. A T that was not agreed before the run is only known as well as the
// legacy P99 of the run is. Cold starts stand apart, and the difference of two percentiles is for people: no verdict rests on it.
package judge

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pricing/tools/parity/compare"
)

// Settings are fixed before the run.
type Settings struct {
	Mode        string            `json:"mode"` // proxy, replay, aa
	Legacy      string            `json:"legacy"`
	New         string            `json:"new"`
	Rules       string            `json:"rules,omitempty"` // the file's name and hash
	Alpha       float64           `json:"alpha"`           // one-sided, of each claim
	Power       float64           `json:"power"`
	MaxMismatch float64           `json:"maxMismatch"`
	P99Margin   float64           `json:"p99Margin"`
	Open        bool              `json:"open"` // the number of requests is not known before: any look is an early one
	Plan        map[string]Target `json:"plan,omitempty"`
	Seed        uint64            `json:"seed"`
}

// Target is what was agreed for a route.
type Target struct {
	P99      float64 `json:"p99Ms"`         // of the legacy side, in the pilot
	T        float64 `json:"thresholdMs"`   // P99 and the margin; 0: the latency is judged by the run's own legacy P99
	Requests int     `json:"requests"`      // planned
	Effect   float64 `json:"designEffect"`  // of the pilot
	Slower   float64 `json:"slowerInPilot"` // upper limit of the share of requests slower than T
}

// Side is what one side did.
type Side struct {
	Status int
	Took   time.Duration
	Reused bool // the connection stood already
	Cold   bool // says the answer
	Failed string
}

func (s Side) cold() bool { return s.Cold || !s.Reused }

// Pair is a request that both sides had.
type Pair struct {
	At          time.Time
	Legacy, New Side
	Differences []compare.Difference
	RuledOut    []compare.RuledOut
	Noisy       bool                 // a second legacy target was asked, too
	Noise       []compare.Difference // between the two legacy targets
	State       bool                 // it is a read-back after a write
}

// sample is the latency of a pair in milliseconds.
type sample struct {
	at          time.Duration // after the run's begin
	legacy, new float64
	cold        [2]bool // legacy, new
	failed      bool    // on the new side
}

// mostSamples is how many durations a run keeps.
const mostSamples = 1_000_000

// Run collects pairs. It is safe for concurrent use.
type Run struct {
	settings Settings
	began    time.Time

	mu      sync.Mutex
	looks   int
	samples int
	counts  map[string]int
	routes  map[string]*routeRun
}

type routeRun struct {
	route    *compare.Route
	state    bool
	statuses map[string]int
	minutes  map[int]*minute
	reused   [2]int
	noisy    bool
	paths    map[pathKey]*pathRun
	ruledOut map[compare.RuledOut]int
	samples  []sample
}

// minute counts pairs of one minute.
type minute struct{ n, different, noisy int }

type pathKey struct {
	path string
	kind compare.Kind
}

type pathRun struct {
	raw, noise  int // answers in which it differs
	legacy, new string
}

// NewRun begins a run.
func NewRun(s Settings, began time.Time) *Run {
	return &Run{settings: s, began: began, counts: map[string]int{}, routes: map[string]*routeRun{}}
}

// Count counts what was not compared, by the reason.
func (r *Run) Count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what]++
}

// Full says that a route has its planned number of requests: a further one would choose the end of the run by its outcome.
func (r *Run) Full(route string) bool {
	planned := r.settings.Plan[route].Requests
	if planned == 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.routes[route]
	return at != nil && at.compared() >= planned
}

// Add counts a pair of a route.
func (r *Run) Add(route *compare.Route, p Pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := route.Name
	if p.State {
		name += " (state after)"
	}
	at := r.routes[name]
	if at == nil {
		at = &routeRun{route: route, state: p.State, statuses: map[string]int{}, minutes: map[int]*minute{}, paths: map[pathKey]*pathRun{},
			ruledOut: map[compare.RuledOut]int{}}
		r.routes[name] = at
	}
	after := p.At.Sub(r.began)
	m := at.minutes[int(after/time.Minute)]
	if m == nil {
		m = &minute{}
		at.minutes[int(after/time.Minute)] = m
	}
	m.n++
	at.statuses[status(p.Legacy)+"/"+status(p.New)]++
	if len(p.Differences) > 0 {
		m.different++
	}
	at.noisy = at.noisy || p.Noisy
	if len(p.Noise) > 0 {
		m.noisy++
	}
	at.differ(p.Differences, func(p *pathRun) { p.raw++ })
	at.differ(p.Noise, func(p *pathRun) { p.noise++ })
	for rule := range unique(p.RuledOut) {
		if _, known := at.ruledOut[rule]; known || len(at.ruledOut) < mostPaths {
			at.ruledOut[rule]++
		}
	}
	for i, side := range []Side{p.Legacy, p.New} {
		if side.Reused {
			at.reused[i]++
		}
	}
	if !p.State && p.Legacy.Failed == "" && r.samples < mostSamples {
		r.samples++
		at.samples = append(at.samples, sample{at: after, legacy: ms(p.Legacy.Took), new: ms(p.New.Took),
			cold: [2]bool{p.Legacy.cold(), p.New.cold()}, failed: p.New.Failed != ""})
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func status(s Side) string {
	if s.Failed != "" {
		return "none"
	}
	return strconv.Itoa(s.Status)
}

func unique[T comparable](all []T) map[T]bool {
	seen := map[T]bool{}
	for _, v := range all {
		seen[v] = true
	}
	return seen
}

// mostPaths bounds what is remembered of a route whose answers differ everywhere.
const mostPaths = 1_000

// differ counts an answer, once in each place in which it differs.
func (r *routeRun) differ(all []compare.Difference, count func(*pathRun)) {
	seen := map[pathKey]bool{}
	for _, d := range all {
		key := pathKey{d.Path, d.Kind}
		at := r.paths[key]
		if at == nil && len(r.paths) < mostPaths {
			at = &pathRun{legacy: d.Legacy, new: d.New}
			r.paths[key] = at
		}
		if at != nil && !seen[key] {
			seen[key] = true
			count(at)
		}
	}
}

func (r *routeRun) compared() int {
	n := 0
	for _, m := range r.minutes {
		n += m.n
	}
	return n
}

// columns are those of a file of samples.
var columns = []string{"route", "at_ms", "legacy_ms", "new_ms", "legacy_cold", "new_cold", "new_failed"}

// WriteSamples writes all latencies as CSV, for a plan.
func (r *Run) WriteSamples(w io.Writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := csv.NewWriter(w)
	err := out.Write(columns)
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
	for _, name := range slices.Sorted(maps.Keys(r.routes)) {
		for _, s := range r.routes[name].samples {
			err = errors.Join(err, out.Write([]string{name, number(ms(s.at)), number(s.legacy), number(s.new),
				strconv.FormatBool(s.cold[0]), strconv.FormatBool(s.cold[1]), strconv.FormatBool(s.failed)}))
		}
	}
	out.Flush()
	if err = errors.Join(err, out.Error()); err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	return nil
}

// readSamples reads what WriteSamples wrote, by the route.
func readSamples(r io.Reader) (map[string][]sample, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil || !slices.Equal(head, columns) {
		return nil, fmt.Errorf("the pilot is no file of samples: its first line must be %s", strings.Join(columns, ","))
	}
	all := map[string][]sample{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the pilot: %w", err)
		}
		var s sample
		var errs [6]error
		var at float64
		at, errs[0] = strconv.ParseFloat(row[1], 64)
		s.legacy, errs[1] = strconv.ParseFloat(row[2], 64)
		s.new, errs[2] = strconv.ParseFloat(row[3], 64)
		s.cold[0], errs[3] = strconv.ParseBool(row[4])
		s.cold[1], errs[4] = strconv.ParseBool(row[5])
		s.failed, errs[5] = strconv.ParseBool(row[6])
		if err := errors.Join(errs[:]...); err != nil {
			line, _ := in.FieldPos(0)
			return nil, fmt.Errorf("the pilot: line %d: %w", line, err)
		}
		s.at = time.Duration(at * float64(time.Millisecond))
		all[row[0]] = append(all[row[0]], s)
	}
}

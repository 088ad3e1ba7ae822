package boardtest

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Event is something that must not be rare among a property's cases.
type Event string

// The events. R is the first observation of an offer's current run of equal terms, P the one just before it.
const (
	Tie                   Event = "two observations of an offer in one millisecond"
	LateBeforePrevious    Event = "late, before P"
	LateBetween           Event = "late, between P and R"
	LateAfterRunStart     Event = "late, after R"
	LateInThatMillisecond Event = "late, in the millisecond of P or R"
	LateSegment           Event = "a late segment"
	TwoFlushes            Event = "two or more flushes"
	Split                 Event = "a split"
	Doubling              Event = "a doubling"
	Conflict              Event = "a conflict"
	Duplicate             Event = "a duplicate"
	DuplicateOfAnother    Event = "a duplicate of what another client sent"
	URLChanged            Event = "an offer's url changed"
	URLBack               Event = "an offer's url came back"
	URLOfRepetition       Event = "an offer's url changed by repetitions alone"
	OfferGone             Event = "an offer that left the retention"
	StartedAfresh         Event = "an offer that started afresh"
)

var events = []Event{
	Tie, LateBeforePrevious, LateBetween, LateAfterRunStart, LateInThatMillisecond, LateSegment, TwoFlushes, Split, Doubling,
	Conflict, Duplicate, DuplicateOfAnother, URLChanged, URLBack, URLOfRepetition,
	OfferGone, StartedAfresh,
}

const (
	least  = 5   // the share of cases, in percent, in which each event has to occur
	enough = 200 // of fewer cases no share is asked, only that each event occurs
)

// Tally counts cases by what happened in them. It is not safe for concurrent use.
type Tally struct {
	cases int
	with  map[Event]int
}

// Add counts a case.
func (y *Tally) Add(happened map[Event]bool) {
	if y.with == nil {
		y.with = map[Event]int{}
	}
	y.cases++
	for e, did := range happened {
		if did {
			y.with[e]++
		}
	}
}

// Require fails a test in whose cases one of the package's events, or of more, was rare. It logs the counts.
func (y *Tally) Require(tb testing.TB, more ...Event) {
	tb.Helper()
	var table strings.Builder
	for _, e := range append(slices.Clone(events), more...) {
		fmt.Fprintf(&table, "\n%9d  %5.1f %%  %s", y.with[e], 100*float64(y.with[e])/float64(max(y.cases, 1)), e)
		expected := float64(y.cases) * least / 100
		rare := y.cases >= enough && float64(y.with[e]) < expected-2*math.Sqrt(expected) // so few by chance in 2 of 100 runs at most
		if rare || y.with[e] == 0 {
			tb.Errorf("%q happened in %d of %d cases, far less than %d %%: the property is hardly tested there", e, y.with[e], y.cases, least)
		}
	}
	tb.Logf("%d cases%s", y.cases, table.String())
}

// Checks sets on how many cases a test checks its properties, unless the command line says it with -rapid.checks. Under the
// race detector, which makes each case take several times as long, there are a few only.
func Checks(tb testing.TB, cases int) {
	tb.Helper()
	if raceDetector {
		cases = 100
	}
	const name = "rapid.checks"
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == name })
	if before := flag.Lookup(name).Value.String(); !said {
		require.NoError(tb, flag.Set(name, strconv.Itoa(cases)))
		tb.Cleanup(func() { _ = flag.Set(name, before) })
	}
}

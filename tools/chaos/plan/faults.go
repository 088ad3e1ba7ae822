package plan

import (
	"time"

	"pricing/shared/testkit/faultproxy"
)

// target is an operation that faults are aimed at.
type target struct {
	operation string
	calls     func(requests, boards int) int // about how many there are in a run
}

var targets = []target{
	{"UpdateItem", func(_, boards int) int { return 2 * boards }},
	{"BatchGetItem", func(requests, _ int) int { return 2 * requests }},
	{"PutItem", func(_, boards int) int { return max(boards/4, 4) }},
	{"Query", func(_, boards int) int { return boards }},
	{"GetItem", func(_, boards int) int { return max(boards/6, 4) }},
	{"TransactWriteItems", func(requests, _ int) int { return max(requests/6, 4) }},
	{"BatchWriteItem", func(requests, _ int) int { return requests }}, // of the usual design
}

// kinds are the kinds of faults, each as often as it is named: lost answers and late writes are what a store gets wrong first.
var kinds = []faultproxy.Kind{
	faultproxy.Drop, faultproxy.Throttle, faultproxy.Throttle, faultproxy.Throttling, faultproxy.RequestLimit, faultproxy.Fail,
	faultproxy.Unavailable, faultproxy.DropAnswer, faultproxy.DropAnswer, faultproxy.DropAnswer, faultproxy.CloseAnswer, faultproxy.Stall,
	faultproxy.Truncate, faultproxy.LateApply, faultproxy.LateApply, faultproxy.LateApply, faultproxy.Conflict, faultproxy.Conflict,
	faultproxy.Collide, faultproxy.Stale, faultproxy.Stale, faultproxy.Missing, faultproxy.Leave, faultproxy.Leave, faultproxy.Leave,
	faultproxy.Leave, faultproxy.Delay,
	faultproxy.WrongChecksum,
}

// faults draws the faults of a run with so many requests and writes of boards.
func (d *drawer) faults(requests, boards int) []Fault {
	share := pick(d, []int{0, 3, 10, 10, 25}) // of a hundred calls
	var faults []Fault
	for _, t := range targets {
		calls := t.calls(requests, boards)
		for left := (calls*share + 99) / 100; left > 0; { // at least one of a rare call
			n := min(d.burst(), left)
			first := d.IntN(calls)
			action := d.action(t.operation)
			for i := range n {
				faults = append(faults, Fault{N: len(faults), Operation: t.operation, Nth: first + i, Action: action})
			}
			left -= n
		}
	}
	return faults
}

// burst draws how many calls in a row have one fault. A call that meets it in each of its attempts has no outcome.
func (d *drawer) burst() int {
	switch n := d.IntN(20); {
	case n < 12:
		return 1
	case n < 17:
		return d.between(2, 5)
	}
	return d.between(6, 20)
}

// action draws what happens to a call of an operation.
func (d *drawer) action(operation string) faultproxy.Action {
	for {
		a := faultproxy.Action{Kind: pick(d, kinds)}
		if !a.Kind.Fits(operation) {
			continue
		}
		switch a.Kind {
		case faultproxy.LateApply:
			a.Wait = time.Duration(d.between(1, 300)) * time.Millisecond
		case faultproxy.Delay:
			a.Wait = time.Duration(d.between(1, 40)) * time.Millisecond
		case faultproxy.Leave:
			a.Keep = d.Float64()
		}
		return a
	}
}

// Package plan draws what a run of chaos does: who sends what, in which order, and what goes wrong.
//
// A plan comes from its seed alone, so a seed repeats it. It is pure: no I/O and no clock. Workers run at once, so one plan may meet
// different orders of events in two runs; that is why a plan that failed once may pass when it is repeated.
//
// What surprises: a fault is aimed at the nth call of an operation, counted over the whole run. So the number of faults of a plan is
// the same in every run, though not whose call each of them meets. And a large plan is many small ones, its chapters, one after the
// other, with products of their own: few products that get ever more observations would soon get repetitions and conflicts alone.
package plan

import (
	"math/rand/v2"
	"slices"
	"time"

	"pricing/shared/price"
	"pricing/shared/testkit/faultproxy"
)

// Plan is what a run does.
type Plan struct {
	Seed        uint64
	Competitors []price.Competitor // registered before anything else
	Workers     [][]Request        // each worker's in its order
	Faults      []Fault
}

// Request is what a worker sends at once: observations, or a product, or a competitor. Or it is what operators do beside.
type Request struct {
	N            int // its number in the plan, from 0
	Client       string
	Observations []price.Observation
	Product      *Product
	Competitor   *price.Competitor
	Orphans      string // the product whose urls that no board names are removed
	Restore      string // the product of which a board is made unreadable, and which is then restored from a copy

	Repeats  int           // how often what has no outcome is sent again; then it is given up
	Deadline time.Duration // of each attempt
	KillAt   int           // the worker dies at this call to the store of the first attempt, counted from 1; 0: it lives
	Fresh    bool          // by a new process, which knows nothing of what was cached
}

// Product is an entry of the catalogue.
type Product struct {
	ID    string
	Title string
	List  price.Money // list price; absent: none
}

// Fault is what happens to one call to the table.
type Fault struct {
	N         int // its number in the plan, from 0
	Operation string
	Nth       int // of the calls of this operation in the run, from 0
	Action    faultproxy.Action
}

// Options say what is drawn.
type Options struct {
	Observations int  // about how many are sent, repetitions aside
	Plain        bool // no conflicts, products or competitors, of which the usual design knows nothing
}

// Start is the time about which observations are made.
var Start = price.At(time.Date(2026, 6, 15, 9, 0, 0, 0, time.UTC))

// Draw draws the plan of a seed.
func Draw(seed uint64, o Options) Plan {
	d := drawer{Rand: rand.New(rand.NewPCG(seed, 0)), options: o, byID: map[string]price.Observation{}}
	p := Plan{Seed: seed, Competitors: competitors()}
	d.chapter(0)
	p.Workers = make([][]Request, d.between(2, 8))
	writes := 0 // of boards, about
	for n := 0; d.sent < o.Observations; n++ {
		if d.sent >= len(d.chapters)*chapterLength {
			d.chapter(n)
		}
		r := d.request(n)
		w := d.IntN(len(p.Workers))
		p.Workers[w] = append(p.Workers[w], r)
		writes += boards(r)
	}
	p.Faults = d.faults(n(p), writes)
	if !o.Plain {
		d.upkeep(&p)
	}
	return p
}

// n is how many requests the plan has.
func n(p Plan) int {
	total := 0
	for _, requests := range p.Workers {
		total += len(requests)
	}
	return total
}

// boards is how many products a request is about.
func boards(r Request) int {
	ids := map[string]bool{}
	for _, o := range r.Observations {
		ids[o.Key.ProductID] = true
	}
	return max(len(ids), 1)
}

// Numbers are those of the plan's requests and faults.
func (p Plan) Numbers() (requests, faults []int) {
	for _, of := range p.Workers {
		for _, r := range of {
			requests = append(requests, r.N)
		}
	}
	for _, f := range p.Faults {
		faults = append(faults, f.N)
	}
	slices.Sort(requests)
	return requests, faults
}

// Only returns the plan with the requests and faults of these numbers alone.
func (p Plan) Only(requests, faults []int) Plan {
	out := Plan{Seed: p.Seed, Competitors: p.Competitors, Workers: make([][]Request, len(p.Workers))}
	for w, of := range p.Workers {
		for _, r := range of {
			if slices.Contains(requests, r.N) {
				out.Workers[w] = append(out.Workers[w], r)
			}
		}
	}
	for _, f := range p.Faults {
		if slices.Contains(faults, f.N) {
			out.Faults = append(out.Faults, f)
		}
	}
	return out
}

// Products are the ids of all products that the plan names.
func (p Plan) Products() []string {
	ids := map[string]bool{}
	for _, of := range p.Workers {
		for _, r := range of {
			for _, o := range r.Observations {
				ids[o.Key.ProductID] = true
			}
			if r.Product != nil {
				ids[r.Product.ID] = true
			}
		}
	}
	var list []string
	for id := range ids {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

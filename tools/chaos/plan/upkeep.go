package plan

import (
	"math/rand/v2"
	"slices"
	"time"
)

// upkeep adds to a plan what operators do while others write. It draws from a source of its own and numbers its requests after all
// others, so the rest of a seed's plan does not depend on it.
func (d *drawer) upkeep(p *Plan) {
	d.Rand = rand.New(rand.NewPCG(p.Seed, 1))
	others := n(*p)
	next := others
	add := func(from, to int, r Request) { // after one of the others' requests
		r.N = next
		next++
		after := d.between(from, to-1)
		for w, of := range p.Workers {
			if i := slices.IndexFunc(of, func(r Request) bool { return r.N == after }); i >= 0 {
				p.Workers[w] = slices.Insert(of, i+1, r)
			}
		}
	}
	orphans, restorations := d.chance(50), d.chance(30)
	for i, c := range d.chapters {
		end := others
		if i+1 < len(d.chapters) {
			end = d.chapters[i+1].first
		}
		if orphans {
			for range d.between(2, 8) {
				r := Request{Orphans: pick(d, c.products).id, Repeats: d.IntN(2), Deadline: 20 * time.Second}
				if d.chance(20) {
					r.KillAt = d.between(1, 3)
				}
				add(c.first, end, r)
			}
		}
		if restorations {
			for range d.between(1, 2) {
				r := Request{Restore: pick(d, c.products).id, Deadline: time.Minute}
				if d.chance(25) { // it is killed on its way
					r.Deadline = time.Duration(d.between(20, 400)) * time.Millisecond
				}
				add(c.first, end, r)
			}
		}
	}
}

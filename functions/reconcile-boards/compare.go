package main

import (
	"fmt"
	"maps"
	"slices"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// difference is one thing that a board says and its history does not, or the other way round.
type difference struct {
	offer string // its key text; empty: the product as a whole
	what  string
}

// history is what is stored of a product's observations: those of its tails and of the segments flushed from earlier versions.
//
// Only observations within the retention count. The segments of older ones are deleted at some time, and so are offers that had
// nothing newer. What a board knows of that time, such as when an offer was first seen, can be compared no longer.
type history struct {
	product store.Product
	oldest  price.Timestamp        // within the retention
	offers  map[string][]board.Row // by key text, in any order; some may stand there twice
	early   []store.SegmentItem    // not flushed from an earlier version than the boards have
}

func newHistory(p store.Product, clock price.Clock) *history {
	h := &history{product: p, oldest: clock.Now.Add(-clock.Retention), offers: map[string][]board.Row{}}
	for _, b := range p.Boards {
		for _, o := range b.Offers {
			h.take(o.Key, o.Tail)
		}
	}
	return h
}

func (h *history) take(key price.OfferKey, observations []board.Observation) {
	for _, e := range observations {
		if e.ObservedAt < h.oldest {
			continue
		}
		text := board.KeyText(key)
		h.offers[text] = append(h.offers[text], board.Row{Key: key, Observation: e})
	}
}

// add takes a segment, or notes it if it is early.
func (h *history) add(seg store.SegmentItem) {
	if !precedes(h.product, seg) {
		h.early = append(h.early, seg)
		return
	}
	for _, o := range seg.Offers {
		h.take(o.Key, o.Observations)
	}
}

// precedes reports whether a segment was flushed from an earlier version than every board has that took over its offers. A shard
// begins one version above the board that it replaces, so this holds for the segments of a shard's ancestors as well.
func precedes(p store.Product, seg store.SegmentItem) bool {
	heirs := heirs(p, seg.Shard)
	return len(heirs) > 0 && !slices.ContainsFunc(heirs, func(b board.Board) bool { return seg.Version >= b.Version })
}

// heirs are the boards that hold now what a shard held. There are none of a shard that the product never had.
func heirs(p store.Product, s board.Shard) []board.Board {
	var found []board.Board
	for _, b := range p.Boards {
		if b.Shard.N >= s.N && b.Shard.Ancestor(s.N) == s {
			found = append(found, b)
		}
	}
	return found
}

// tooEarly tells which segments that were early for a reading of the boards are so for a later reading too. A flush writes the
// segments of a version before it writes the next version. If it ends in between, its segments have what still stands in the tail.
func tooEarly(p store.Product, early []store.SegmentItem) []difference {
	var found []difference
	for _, seg := range early {
		if precedes(p, seg) || unfinished(p, seg) {
			continue
		}
		found = append(found, difference{what: fmt.Sprintf("a segment of shard %s has version %d, which is not below its board's: "+
			"the board was put back from an earlier time", seg.Shard, seg.Version)})
	}
	return found
}

// unfinished reports whether a segment has nothing but what stands in the tail of the board whose version it has.
func unfinished(p store.Product, seg store.SegmentItem) bool {
	i := slices.IndexFunc(p.Boards, func(b board.Board) bool { return b.Shard == seg.Shard && b.Version == seg.Version })
	return i >= 0 && seg.InTail(p.Boards[i])
}

// differences folds every offer anew and compares it with its board.
//
// An offer that was dropped is none: it may be within the retention again when that was changed.
func (h *history) differences() []difference {
	var found []difference
	for _, b := range h.product.Boards {
		for _, o := range b.Offers {
			text := board.KeyText(o.Key)
			rows := h.offers[text]
			delete(h.offers, text)
			if rows == nil {
				if o.Current.ObservedAt >= h.oldest {
					found = append(found, difference{text, "its history has none of its observations"})
				}
				continue
			}
			for _, what := range h.unlike(o, board.Refold(rows)[0]) {
				found = append(found, difference{text, what})
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(h.offers)) {
		folded := board.Refold(h.offers[text])[0]
		if b := h.product.Shard(folded.Key); folded.Current.ObservedAt <= b.Dropped {
			continue
		}
		found = append(found, difference{text, "its board does not have it, its history does"})
	}
	return found
}

// unlike says in which of the derived fields an offer of a board differs from that of its history.
func (h *history) unlike(o, folded board.Offer) (what []string) {
	say := func(field string, stored, made any) {
		what = append(what, fmt.Sprintf("%s is %v on its board, %v by its history", field, stored, made))
	}
	if o.Current != folded.Current {
		say("current", describe(o.Key, o.Current), describe(o.Key, folded.Current))
		return what // the others follow from it
	}
	// What lies before the retention may be gone from the history, never what comes after.
	when := func(field string, stored, made price.Timestamp) {
		if stored != made && (stored >= h.oldest || made < stored) {
			say(field, describeTime(stored), describeTime(made))
		}
	}
	when("firstSeenAt", o.FirstSeen, folded.FirstSeen)
	when("lastChangedAt", o.RunStart, folded.RunStart)
	if o.Previous != folded.Previous && (o.Previous.At >= h.oldest || folded.Previous.At != price.NoTime) {
		say("previous", describePrevious(o.Previous), describePrevious(folded.Previous))
	}
	return what
}

// describe says in a log line which observation it is, and its price.
func describe(key price.OfferKey, e board.Observation) string {
	return fmt.Sprintf("%s at %s for %s %s", e.ID(key), e.ObservedAt, e.Terms.Price, e.Terms.Availability)
}

func describeTime(t price.Timestamp) string {
	if t == price.NoTime {
		return "none"
	}
	return t.String()
}

func describePrevious(p board.Previous) string {
	if p.At == price.NoTime {
		return "none"
	}
	return fmt.Sprintf("%s for %s", p.At, p.Price)
}

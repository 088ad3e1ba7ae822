package main

import (
	"fmt"
	"slices"

	"pricing/shared/board"
	"pricing/shared/price"
)

// refold makes an offer of all its observations, at least one, whatever their order and however often each is among them.
func refold(key price.OfferKey, observations []board.Observation) board.Offer {
	sorted := slices.Clone(observations)
	slices.SortStableFunc(sorted, func(a, b board.Observation) int { return board.Compare(key, a, b) })
	first := sorted[0]
	none := board.Previous{At: price.NoTime}
	o := board.Offer{Key: key, Current: first, FirstSeen: first.ObservedAt, RunStart: first.ObservedAt, Previous: none}
	for _, e := range sorted[1:] {
		if board.Compare(key, e, o.Current) == 0 {
			continue
		}
		if e.Terms != o.Current.Terms {
			o.Previous = board.Previous{At: o.Current.ObservedAt, Price: o.Current.Terms.Price}
			o.RunStart = e.ObservedAt
		}
		o.Current = e
	}
	return o
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

package main

import (
	"cmp"
	"maps"
	"slices"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// mostLines is how many offers a picture shows: more than eight lines nobody can tell apart.
const mostLines = 8

// frame is what a picture is asked to show.
type frame struct {
	productID     string
	window        board.Span      // the axis of time; it ends now at the latest, since nothing is known of later
	read          price.Timestamp // since when the history was read: the window's beginning, unless that would have been too much
	width, height int             // pixels
}

// view is all that a picture is drawn from.
type view struct {
	frame
	currency string // of every price shown; empty: there is none
	lines    []line // our own first, then the cheapest
	omitted  omitted
}

// omitted is what a view does not show although it was seen in the window.
type omitted struct {
	dearer     int      // offers in the picture's currency
	foreign    int      // offers whose last price is in another currency
	currencies []string // of those
	prices     int      // observations in another currency of offers that are shown
}

// line is what is shown of an offer.
type line struct {
	key          price.OfferKey
	steps        []step
	observations int               // in the window
	last         board.Observation // the last one
	latest       price.Terms       // of the last observation with a price; the zero value: there was none
}

// step is a time in which an offer was seen at one price. Steps do not overlap, and those that follow each other without a gap differ.
type step struct {
	from, until price.Timestamp
	minor       int64 // the price in minor units, if there is one
	priced      bool  // false: out of stock, and no price is known
	out         bool  // out of stock
}

func (l line) own() bool { return l.key.CompetitorID == price.Own }

// ended reports whether nothing of the offer was fresh any more when the window ended.
func (l line) ended(window board.Span) bool {
	return len(l.steps) == 0 || l.steps[len(l.steps)-1].until < window.To
}

// newView chooses what a picture shows of observations, which may come in any order. An offer lasts for its competitor's freshFor after it
// was seen, and our own until it is changed; so of those from before the window what lasts counts.
//
// The currency is that of our own price, else that of most offers; an offer's currency is that of its last price.
func newView(f frame, rows []board.Row, competitors map[string]store.Competitor) view {
	v := view{frame: f}
	all := byOffer(rows)
	v.currency = currencyOf(all)
	foreign := map[string]bool{}
	all = slices.DeleteFunc(all, func(o offer) bool {
		other := o.latest().Price.Currency
		if other == "" || other == v.currency {
			return false
		}
		v.omitted.foreign++
		foreign[other] = true
		return true
	})
	v.omitted.currencies = slices.Sorted(maps.Keys(foreign))
	slices.SortFunc(all, compareOffers)
	if len(all) > mostLines {
		v.omitted.dearer = len(all) - mostLines
		all = all[:mostLines]
	}
	for _, o := range all {
		l := line{key: o.key, last: *o.seen[len(o.seen)-1], latest: o.latest()}
		for i, seen := range o.seen {
			if seen.ObservedAt >= f.window.From {
				l.observations++
			}
			if seen.Terms.Price.Present() && seen.Terms.Price.Currency != v.currency {
				v.omitted.prices++
				continue
			}
			until := f.window.To
			if !l.own() {
				until = min(until, competitors[o.key.CompetitorID].StaleAt(seen.ObservedAt))
			}
			if i+1 < len(o.seen) {
				until = min(until, o.seen[i+1].ObservedAt)
			}
			l.add(step{max(seen.ObservedAt, f.window.From), until, seen.Terms.Price.Minor, seen.Terms.Price.Present(),
				!seen.Terms.Availability.InStock()}, f.window)
		}
		v.lines = append(v.lines, l)
	}
	return v
}

// add appends a step, or makes the last one longer. An observation that another of the same moment is preferred to shows nothing.
func (l *line) add(s step, window board.Span) {
	if s.until < s.from || s.until == s.from && s.from != window.To {
		return
	}
	if n := len(l.steps); n > 0 {
		before := &l.steps[n-1]
		if before.until == s.from && before.minor == s.minor && before.priced == s.priced && before.out == s.out {
			before.until = s.until
			return
		}
	}
	l.steps = append(l.steps, s)
}

// offer is an offer and its observations.
type offer struct {
	key  price.OfferKey
	seen []*board.Observation // earliest first
}

// latest returns the terms of the last observation with a price.
func (o offer) latest() price.Terms {
	for _, seen := range slices.Backward(o.seen) {
		if seen.Terms.Price.Present() {
			return seen.Terms
		}
	}
	return price.Terms{}
}

func byOffer(rows []board.Row) []offer {
	index := map[price.OfferKey]int{}
	var offers []offer
	for i := range rows {
		at, known := index[rows[i].Key]
		if !known {
			at = len(offers)
			index[rows[i].Key] = at
			offers = append(offers, offer{key: rows[i].Key})
		}
		offers[at].seen = append(offers[at].seen, &rows[i].Observation)
	}
	for _, o := range offers {
		slices.SortFunc(o.seen, func(a, b *board.Observation) int { return board.Compare(o.key, *a, *b) })
	}
	return offers
}

// currencyOf returns the currency that a picture of offers is drawn in.
func currencyOf(offers []offer) string {
	own := map[string]int{}
	all := map[string]int{}
	for _, o := range offers {
		if currency := o.latest().Price.Currency; currency != "" {
			all[currency]++
			if o.key.CompetitorID == price.Own {
				own[currency]++
			}
		}
	}
	if len(own) > 0 {
		all = own
	}
	best := ""
	for _, currency := range slices.Sorted(maps.Keys(all)) {
		if best == "" || all[currency] > all[best] {
			best = currency
		}
	}
	return best
}

// compareOffers orders our own before all others, and those by their last landed price, unknown ones last, then by price and key.
func compareOffers(a, b offer) int {
	x, y := a.latest(), b.latest()
	amounts := func(m, n price.Money) int {
		if m.Present() != n.Present() {
			return first(m.Present())
		}
		return cmp.Compare(m.Minor, n.Minor)
	}
	if own := a.key.CompetitorID == price.Own; own != (b.key.CompetitorID == price.Own) {
		return first(own)
	}
	return cmp.Or(amounts(x.Landed(), y.Landed()), amounts(x.Price, y.Price), a.key.Compare(b.key))
}

// first is the comparison of two of which one comes first: the one that is compared, or the other.
func first(one bool) int {
	if one {
		return -1
	}
	return 1
}

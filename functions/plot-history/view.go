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

// choice is which of a product's offers a picture shows.
type choice struct {
	currency   string        // of its prices; empty: no offer has one
	offers     []board.Offer // our own first, then the cheapest
	dearer     int           // offers left out that are none of the cheapest
	foreign    int           // offers left out because their price is in another currency
	currencies []string      // of those
}

// choose chooses among the offers that may have been seen in a window. What they cost is their last known price, so that their
// history need not be read to know which are shown. The currency is that of our own price, else that of most offers.
func choose(offers []board.Offer, window board.Span) choice {
	offers = slices.DeleteFunc(slices.Clone(offers), func(o board.Offer) bool {
		return o.FirstSeen > window.To || o.Current.ObservedAt < window.From && !isOwn(o.Key)
	})
	c := choice{currency: currencyOf(offers)}
	foreign := map[string]bool{}
	for _, o := range offers {
		if currency := lastPrice(o).Currency; currency == "" || currency == c.currency {
			c.offers = append(c.offers, o)
		} else {
			c.foreign++
			foreign[currency] = true
		}
	}
	c.currencies = slices.Sorted(maps.Keys(foreign))
	slices.SortFunc(c.offers, cheaper)
	if more := len(c.offers) - mostLines; more > 0 {
		c.dearer = more
		c.offers = c.offers[:mostLines]
	}
	return c
}

func (c choice) has(key price.OfferKey) bool {
	return slices.ContainsFunc(c.offers, func(o board.Offer) bool { return o.Key == key })
}

func isOwn(key price.OfferKey) bool { return key.CompetitorID == price.Own }

// lastPrice is the last price known of an offer, which may be out of stock since.
func lastPrice(o board.Offer) price.Money {
	if now := o.Current.Terms.Price; now.Present() {
		return now
	}
	return o.Previous.Price
}

// currencyOf returns the currency of our own prices, else of most offers.
func currencyOf(offers []board.Offer) string {
	own := map[string]int{}
	all := map[string]int{}
	for _, o := range offers {
		if currency := lastPrice(o).Currency; currency != "" {
			all[currency]++
			if isOwn(o.Key) {
				own[currency]++
			}
		}
	}
	if len(own) > 0 {
		return price.UsualCurrency(own)
	}
	return price.UsualCurrency(all)
}

// cheaper orders our own offers before all others, and each by landed price, unknown ones last, then by price and key.
func cheaper(a, b board.Offer) int {
	amounts := func(m, n price.Money) int {
		if m.Present() != n.Present() {
			return firstIf(m.Present())
		}
		return cmp.Compare(m.Minor, n.Minor)
	}
	if own := isOwn(a.Key); own != isOwn(b.Key) {
		return firstIf(own)
	}
	return cmp.Or(amounts(a.Current.Terms.Landed(), b.Current.Terms.Landed()), amounts(lastPrice(a), lastPrice(b)), a.Key.Compare(b.Key))
}

// firstIf is the comparison of two of which the one that is compared comes first, or the other.
func firstIf(one bool) int {
	if one {
		return -1
	}
	return 1
}

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
	choice
	lines  []line // of the offers that were seen in the window
	others int    // observations of them that are in another currency
}

// line is what is shown of an offer.
type line struct {
	key          price.OfferKey
	steps        []step
	observations int               // in the window
	last         board.Observation // the last one
	latest       price.Money       // the last price in the picture's currency; absent: there was none
}

// step is a time in which an offer was seen at one price. Steps do not overlap, and those that follow each other without a gap differ.
type step struct {
	from, until price.Timestamp
	minor       int64 // the price in minor units, if there is one
	priced      bool  // false: out of stock, and no price is known
	out         bool  // out of stock
}

// ended reports whether nothing of the offer was fresh any more when the window ended.
func (l line) ended(window board.Span) bool { return l.steps[len(l.steps)-1].until < window.To }

// newView makes the lines of the chosen offers of their observations, which may come in any order. An offer lasts for its
// competitor's freshFor after it was seen, and our own until it is changed; so of those from before the window what lasts counts.
func newView(f frame, c choice, rows []board.Row, competitors map[string]store.Competitor) view {
	v := view{frame: f, choice: c}
	numbers := map[price.OfferKey]int{}
	for i, o := range c.offers {
		numbers[o.Key] = i
	}
	seen := make([][]*board.Observation, len(c.offers))
	for i := range rows {
		if n, ok := numbers[rows[i].Key]; ok {
			seen[n] = append(seen[n], &rows[i].Observation)
		}
	}
	for i, o := range c.offers {
		if l := v.line(o.Key, seen[i], competitors[o.Key.CompetitorID]); len(l.steps) > 0 {
			v.lines = append(v.lines, l)
		}
	}
	return v
}

// line makes the line of an offer.
func (v *view) line(key price.OfferKey, all []*board.Observation, competitor store.Competitor) line {
	slices.SortFunc(all, func(a, b *board.Observation) int { return board.Compare(key, *a, *b) })
	l := line{key: key}
	for i, seen := range all {
		l.last = *seen
		if seen.ObservedAt >= v.window.From {
			l.observations++
		}
		amount := seen.Terms.Price
		if amount.Present() && amount.Currency != v.currency {
			v.others++
			continue
		}
		if amount.Present() {
			l.latest = amount
		}
		from, until := max(seen.ObservedAt, v.window.From), v.window.To
		if !isOwn(key) {
			until = min(until, competitor.StaleAt(seen.ObservedAt))
		}
		if i+1 < len(all) {
			until = min(until, all[i+1].ObservedAt)
		}
		if until > from || seen.ObservedAt == v.window.To && i+1 == len(all) {
			l.add(step{from, until, amount.Minor, amount.Present(), !seen.Terms.Availability.InStock()})
		}
	}
	return l
}

// add appends a step, or makes the last one longer.
func (l *line) add(s step) {
	if n := len(l.steps); n > 0 {
		before := &l.steps[n-1]
		if before.until == s.from && before.minor == s.minor && before.priced == s.priced && before.out == s.out {
			before.until = s.until
			return
		}
	}
	l.steps = append(l.steps, s)
}

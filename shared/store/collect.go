package store

import (
	"context"
	"slices"

	"pricing/shared/board"
	"pricing/shared/price"
)

// collector makes a page of the rows that a walk settles, in their order.
type collector interface {
	// take takes a row. false: it is not taken and the page ends in front of it.
	take(row board.Row) bool
	// ends reports whether the page ends at a position up to which all rows were taken. spent: its budget is used.
	ends(reached Position, spent bool) bool
	// end is the last call: the page ended at a position. nil: nothing follows.
	end(next *Position)
}

// rowCollector makes a page of rows.
type rowCollector struct {
	window Window
	page   *Page
}

func (c *rowCollector) take(row board.Row) bool {
	if len(c.page.Rows) == c.window.Limit {
		return false
	}
	c.page.Rows = append(c.page.Rows, row)
	return true
}

// ends: a page gets on by one position at least, so a walk over pages comes to its end.
func (c *rowCollector) ends(reached Position, spent bool) bool {
	return len(c.page.Rows) == c.window.Limit || spent && c.window.order(reached, c.window.start()) > 0
}

func (c *rowCollector) end(next *Position) { c.page.Next = next }

// DayPage is a part of a window's days, in order.
type DayPage struct {
	Days []board.Day
	Next *board.DayKey // to continue after; without an offer: to continue with the whole day. nil: nothing follows
	Told
}

// DailyHistory returns the next page of a window's days, folded by board.Daily: of the window's order, Limit and Match count, and of
// the first and the last day only what lies in the window. It continues behind a day, or at one if after has no offer; Changes
// and After of the window are without effect.
//
// A day that is divided between pages is read for each of them, so data that comes in meanwhile may change the rest of it. A page ends
// as one of History does, but always behind a whole day at least, unless its limit is less than that day has rows.
func (s *Store) DailyHistory(ctx context.Context, productID string, w Window, after *board.DayKey) (DayPage, error) {
	w.Changes = false
	w.After = nil
	if after != nil && w.Descending {
		w.To = min(w.To, after.Date+price.OneDay-1)
	} else if after != nil {
		w.From = max(w.From, after.Date)
	}
	var page DayPage
	var err error
	page.Told, err = s.walkHistory(ctx, productID, w, func() collector {
		page = DayPage{}
		c := &dayCollector{window: w, after: after, page: &page}
		c.day = c.dayAt(w.start())
		return c
	})
	if err != nil {
		return DayPage{}, err
	}
	return page, nil
}

// dayCollector makes a page of days.
type dayCollector struct {
	window Window
	after  *board.DayKey
	day    price.Timestamp // that of rows
	rows   []board.Row     // of a day that is not over
	page   *DayPage
}

func (c *dayCollector) take(row board.Row) bool {
	if day := row.Observation.ObservedAt.Day(); day != c.day {
		c.close()
		c.day = day
		if len(c.page.Days) >= c.window.Limit {
			return false
		}
	}
	c.rows = append(c.rows, row)
	return true
}

// dayAt returns the first day in the window's order that is not over where all in front of a position is known.
func (c *dayCollector) dayAt(p Position) price.Timestamp {
	return min(max(p.ObservedAt, c.window.From), c.window.To).Day()
}

// close moves a day that is over to the page.
func (c *dayCollector) close() {
	days := board.Daily(c.rows)
	c.rows = nil
	if c.window.Descending {
		slices.Reverse(days)
	}
	for _, d := range days {
		if c.after == nil || c.after.Offer == (price.OfferKey{}) || c.order(d.DayKey, *c.after) > 0 {
			c.page.Days = append(c.page.Days, d)
		}
	}
}

func (c *dayCollector) order(a, b board.DayKey) int {
	if c.window.Descending {
		return b.Compare(a)
	}
	return a.Compare(b)
}

func (c *dayCollector) ends(reached Position, spent bool) bool {
	day := c.dayAt(reached)
	if day != c.day {
		c.close()
		c.day = day
	}
	return len(c.page.Days) >= c.window.Limit || spent && day != c.dayAt(c.window.start())
}

func (c *dayCollector) end(next *Position) {
	if next == nil {
		c.close()
	}
	switch shown := len(c.page.Days); {
	case shown > c.window.Limit:
		c.page.Days = c.page.Days[:c.window.Limit]
		last := c.page.Days[c.window.Limit-1].DayKey
		c.page.Next = &last
	case next != nil:
		c.page.Next = &board.DayKey{Date: c.day}
	}
}

// Coverage is how much of a window was observed, of the offers that match; our own prices are no part of it.
type Coverage struct {
	First price.Timestamp // observation in the window; NoTime: there is none
	Days  int             // of UTC that have an observation
}

// survey finds the coverage.
type survey struct {
	first price.Timestamp
	days  map[price.Timestamp]bool // observed
}

func newSurvey() *survey { return &survey{first: price.NoTime, days: map[price.Timestamp]bool{}} }

func (v *survey) note(key price.OfferKey, at price.Timestamp) {
	if key.CompetitorID == price.Own {
		return
	}
	v.days[at.Day()] = true
	if v.first == price.NoTime || at < v.first {
		v.first = at
	}
}

// open returns the first moment from another on that has to be looked at: while nothing is known to be the first observation it is
// that moment itself, and then the next one of a day that was not observed.
func (v *survey) open(at price.Timestamp) price.Timestamp {
	if v.first == price.NoTime || at < v.first {
		return at
	}
	for v.days[at.Day()] {
		at = at.Day() + price.OneDay
	}
	return at
}

// surveyed is a collector whose rows are surveyed.
type surveyed struct {
	collector
	survey *survey
	whole  bool // the page has all rows of the window
}

func (c *surveyed) take(row board.Row) bool {
	if !c.collector.take(row) {
		return false
	}
	c.survey.note(row.Key, row.Observation.ObservedAt)
	return true
}

func (c *surveyed) end(next *Position) {
	c.collector.end(next)
	c.whole = next == nil
}

// told makes a page and, if the window asks for it, finds the coverage: from the page's rows if they are all, else by looking through
// the window with what is left of the page's budget.
func (k *walk) told(ctx context.Context, c collector) (Told, error) {
	of := &surveyed{collector: c, survey: newSurvey()}
	if err := k.page(ctx, of); err != nil {
		return Told{}, err
	}
	told := Told{Suspect: k.suspect, Units: k.units}
	if !k.window.Cover {
		return told, nil
	}
	whole := of.whole && !k.window.Changes
	if !whole {
		w := Window{From: k.window.From, To: k.window.To, Offer: k.window.Offer,
			Match: func(key price.OfferKey) bool { return key.CompetitorID != price.Own && k.window.matches(key) }}
		again := newWalk(k.store, k.product, w, k.units, k.suspect)
		again.budget = k.budget
		of.survey = newSurvey()
		var err error
		if whole, err = again.look(ctx, of.survey); err != nil {
			return Told{}, err
		}
		told.Suspect = again.suspect
		told.Units = again.units
	}
	if whole {
		told.Coverage = &Coverage{First: of.survey.first, Days: len(of.survey.days)}
	}
	return told, nil
}

// look surveys the window of an upward walk, and reports whether it came to the end. It reads one stream after the other and leaves out
// the days that are known to be observed, so its cost is about a unit for each stream and each day, however many observations a day has.
func (k *walk) look(ctx context.Context, v *survey) (whole bool, err error) {
	for {
		for _, e := range k.rows {
			v.note(e.offer.key, e.ObservedAt)
		}
		k.rows = k.rows[:0]
		var next *stream
		left := 0
		for _, s := range k.streams {
			if !s.done {
				s.skip(v.open(s.edge + 1))
			}
			if s.done {
				continue
			}
			left++
			if next == nil || next.late && !s.late { // the late ones last: they have to be read in a row
				next = s
			}
		}
		if next == nil {
			return true, nil
		}
		if k.units+float64(left) > k.budget {
			return false, nil
		}
		k.rounds = 0 // a unit at a time
		if err := k.read(ctx, []held{{next, next.edge}}); err != nil {
			return false, err
		}
	}
}

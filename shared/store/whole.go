package store

import (
	"context"
	"fmt"

	"pricing/shared/board"
)

// WindowUnits is how many read units a window may cost that is read at once for one request.
const WindowUnits = 200

// Whole returns the rows of a window at once, of a product that was read strongly consistent: of the window From, To, Match and
// Descending count. When the segments would take more than some read units, the page holds the rows as far as about so many reach, and
// its Next says how far that is.
//
// The product is not read again: whatever left a tail since it was read stands in a segment by now, and those are read strongly
// consistent. A call reads as much as the units let, so most windows take one for each label.
func (s *Store) Whole(ctx context.Context, product Product, w Window, most float64) (Page, error) {
	w = Window{From: w.From, To: w.To, Match: w.Match, Descending: w.Descending}
	page, err := s.wholeWindow(ctx, product, w, most, nil)
	if err == nil && len(page.Suspect) > 0 { // what the boards say of their history does not hold
		page, err = s.wholeWindow(ctx, product, w, most, page.Suspect)
	}
	if err != nil {
		return Page{}, fmt.Errorf("read history: %w", err)
	}
	return page, nil
}

func (s *Store) wholeWindow(ctx context.Context, product Product, w Window, most float64, suspect []string) (Page, error) {
	k := newWalk(s, product, w, 0, suspect)
	k.whole = true
	k.budget = most
	ahead := k.ahead()
	for len(ahead) > 0 && k.units < most {
		if err := k.read(ctx, ahead[:min(len(ahead), s.width)]); err != nil {
			return Page{}, err
		}
		ahead = k.ahead()
	}
	page := Page{Told: Told{Suspect: k.suspect, Units: k.units}}
	k.sort()
	if len(ahead) > 0 {
		reached := k.reached()
		page.Next = &reached
		k.rows = k.final()
	}
	page.Rows = make([]board.Row, len(k.rows))
	for i, e := range k.rows {
		page.Rows[i] = board.Row{Key: e.offer.key, Observation: *e.Observation}
	}
	return page, nil
}

// final returns the sorted rows in front of which nothing more can come.
func (k *walk) final() []entry {
	edge := k.edge()
	for i, e := range k.rows {
		if k.window.toward(e.ObservedAt, edge) > 0 {
			return k.rows[:i]
		}
	}
	return k.rows
}

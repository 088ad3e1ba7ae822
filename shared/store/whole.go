package store

import (
	"context"
	"fmt"

	"pricing/shared/board"
)

// Whole returns all rows of a window at once, of a product that was read strongly consistent: of the window From, To and Match
// count, and the rows are in the order of time and offer key. complete is false, and the page without rows, when the segments would
// take more than some read units; about so many were used then to find out.
//
// The product is not read again: whatever left a tail since it was read stands in a segment by now, and those are read strongly
// consistent. A call reads as much as the units let, so most windows take one for each label.
func (s *Store) Whole(ctx context.Context, product Product, w Window, most float64) (page Page, complete bool, err error) {
	w = Window{From: w.From, To: w.To, Match: w.Match}
	rows, suspect, complete, err := s.wholeWindow(ctx, product, w, most, nil)
	if err == nil && complete && len(suspect) > 0 { // what the boards say of their history does not hold
		rows, suspect, complete, err = s.wholeWindow(ctx, product, w, most, suspect)
	}
	if err != nil {
		return Page{}, false, fmt.Errorf("read history: %w", err)
	}
	return Page{Rows: rows, Told: Told{Suspect: suspect}}, complete, nil
}

func (s *Store) wholeWindow(
	ctx context.Context, product Product, w Window, most float64, suspect []string,
) (rows []board.Row, suspects []string, complete bool, err error) {
	k := newWalk(s, product, w, 0, suspect)
	k.whole = true
	k.budget = most
	for ahead := k.ahead(); len(ahead) > 0; ahead = k.ahead() {
		if k.units >= most {
			return nil, nil, false, nil
		}
		if err := k.read(ctx, ahead[:min(len(ahead), s.width)]); err != nil {
			return nil, nil, false, err
		}
	}
	if k.units > most {
		return nil, nil, false, nil
	}
	k.sort()
	rows = make([]board.Row, len(k.rows))
	for i, e := range k.rows {
		rows[i] = board.Row{Key: e.offer.key, Observation: *e.Observation}
	}
	return rows, k.suspect, true, nil
}

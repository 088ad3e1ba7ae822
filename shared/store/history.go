package store

import (
	"context"
	"fmt"

	"pricing/shared/board"
	"pricing/shared/price"
)

// Window is the part of a product's history that is asked for.
type Window struct {
	From, To   price.Timestamp                              // both included
	Descending bool                                         // newest first
	After      *board.Row                                   // continue behind this row, not showing it again
	Limit      int                                          // most rows
	Match      func(key price.OfferKey, e board.Entry) bool // which rows; nil = all
}

// History returns a window's observations in order and whether more follow. Observations that left the retention are
// the caller's to exclude by From. A product nobody knows is a NotFound fault.
//
// The boards are read before the segments, both strongly consistent: whatever left a tail in between stands in a
// segment by then, and what is seen in both counts once.
func (s *Store) History(ctx context.Context, productID string, w Window) (rows []board.Row, more bool, err error) {
	product, err := s.Product(ctx, productID, false)
	if err != nil {
		return nil, false, err
	}
	if w.After != nil {
		if w.Descending {
			w.To = min(w.To, w.After.Entry.ObservedAt)
		} else {
			w.From = max(w.From, w.After.Entry.ObservedAt)
		}
	}
	if w.From > w.To {
		return nil, false, nil
	}
	p := page{window: w, boards: product.Boards, from: w.From, to: w.To}
	if w.From <= product.flushed() { // what is newer than that stands in the tail
		pk, first, last := productKey(productID), monthKey(board.MonthOf(w.From)), monthKey(board.MonthOf(min(w.To, product.flushed())))+"~"
		err = s.query(ctx, pk, first, last, w.Descending, true, func(it item) (bool, error) {
			offers, err := board.UnpackSegment(productID, blob(it, "h"))
			if err != nil {
				return false, fmt.Errorf("segment %s: %w", text(it, "sk"), err)
			}
			return p.add(segmentMonth(text(it, "sk")), offers), nil
		})
		if err != nil {
			return nil, false, fmt.Errorf("read history: %w", err)
		}
	}
	p.finish()
	if len(p.rows) > w.Limit {
		return p.rows[:w.Limit], true, nil
	}
	return p.rows, false, nil
}

func segmentMonth(sk string) board.Month {
	return board.Month(sk[len("seg#") : len("seg#")+len("2006-01")])
}

// page gathers rows month by month, so that a page of a long history reads only the months it shows.
type page struct {
	window   Window
	boards   []board.Board
	from, to price.Timestamp // what is not yet in rows
	month    board.Month
	segments [][]board.SegmentOffer // of month
	rows     []board.Row
}

// add takes the next segment and reports whether another is wanted.
func (p *page) add(m board.Month, offers []board.SegmentOffer) (more bool) {
	if m != p.month {
		if p.month != "" {
			p.close()
			if len(p.rows) > p.window.Limit {
				return false
			}
		}
		p.month = m
	}
	p.segments = append(p.segments, offers)
	return true
}

// close moves everything up to the end of the month, in reading order, into rows.
func (p *page) close() {
	start, end := p.month.Bounds()
	from, to := p.from, p.to
	if p.window.Descending {
		from = max(from, start)
		p.to = from - 1
	} else {
		to = min(to, end)
		p.from = to + 1
	}
	p.take(from, to)
}

// finish takes what is left, unless the page is full already.
func (p *page) finish() {
	if len(p.rows) <= p.window.Limit {
		p.take(p.from, p.to)
	}
}

func (p *page) take(from, to price.Timestamp) {
	rows := board.Rows(p.boards, p.segments, from, to)
	p.segments = nil
	for i := range rows {
		row := rows[i]
		if p.window.Descending {
			row = rows[len(rows)-1-i]
		}
		if p.shown(row) || p.window.Match != nil && !p.window.Match(row.Key, row.Entry) {
			continue
		}
		p.rows = append(p.rows, row)
	}
}

// shown tells a row of an earlier page.
func (p *page) shown(row board.Row) bool {
	if p.window.After == nil {
		return false
	}
	c := board.CompareRows(row, *p.window.After)
	if p.window.Descending {
		return c >= 0
	}
	return c <= 0
}

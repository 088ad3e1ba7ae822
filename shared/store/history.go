package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"pricing/shared/board"
	"pricing/shared/price"
)

// Window is the part of a product's history that is asked for.
type Window struct {
	From, To   price.Timestamp               // both included
	Changes    bool                          // only an offer's first observation and those with other terms than the one before it
	Descending bool                          // newest first
	After      *board.Row                    // continue behind this row, not showing it again
	Limit      int                           // most rows
	Match      func(key price.OfferKey) bool // which offers; nil = all
}

func (w Window) matches(key price.OfferKey) bool { return w.Match == nil || w.Match(key) }

// Page is a part of a window's rows, in order.
type Page struct {
	Rows []board.Row
	Next *board.Row // to continue after; nil: nothing follows
}

// History returns the next page of a window. Observations that left the retention are the caller's to exclude by From.
// A product nobody knows is a NotFound fault.
//
// The boards are read before the segments, both strongly consistent: whatever left a tail in between stands in a
// segment by then, and what is seen in both counts once. Pages follow a position, not a snapshot: data that arrives
// behind it is not shown, and moves nothing that is.
func (s *Store) History(ctx context.Context, productID string, w Window) (Page, error) {
	product, err := s.Product(ctx, productID, false)
	if err != nil {
		return Page{}, err
	}
	span := board.Span{From: w.From, To: w.To}
	labels := map[board.Shard]label{}
	for _, b := range product.Boards {
		for _, l := range product.directory.lineage(b) {
			labels[l.shard] = l
		}
	}
	var segments [][]board.SegmentOffer
	for _, l := range slices.Collect(maps.Values(labels)) {
		read, err := s.flushed(ctx, productID, l, span)
		if err != nil {
			return Page{}, fmt.Errorf("read history: %w", err)
		}
		segments = append(segments, read...)
	}
	var page Page
	terms := map[price.OfferKey]price.Terms{}
	rows := board.Rows(product.Boards, segments, span)
	shown := rows[:0]
	for _, row := range rows {
		last, seen := terms[row.Key]
		terms[row.Key] = row.Observation.Terms
		if w.matches(row.Key) && (!w.Changes || !seen || last != row.Observation.Terms) {
			shown = append(shown, row)
		}
	}
	if w.Descending {
		slices.Reverse(shown)
	}
	for i, row := range shown {
		if w.After != nil {
			if c := board.CompareRows(row, *w.After); c == 0 || (c < 0) != w.Descending {
				continue
			}
		}
		if len(page.Rows) == w.Limit {
			page.Next = &shown[i-1]
			break
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

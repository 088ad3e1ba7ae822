package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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

// Page is a part of a window's rows, in order. It may hold fewer than the limit, even none, and yet not be the last.
type Page struct {
	Rows []board.Row
	Next *board.Row // to continue after, a row or, with an empty key, a moment between rows; nil: nothing follows
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
	p := page{window: w, product: product, from: w.From, to: w.To}
	switch {
	case w.After == nil:
	case !w.Descending:
		p.from = max(p.from, w.After.Observation.ObservedAt)
	case w.After.Key == price.OfferKey{}: // comes before all of its millisecond, which may begin a month that is done
		p.to = min(p.to, w.After.Observation.ObservedAt-1)
	default:
		p.to = min(p.to, w.After.Observation.ObservedAt)
	}
	if p.from > p.to {
		return Page{}, nil
	}
	if w.Changes {
		p.series = newSeries(product, w, p.from)
	}
	err = s.segments(ctx, product, p.from, p.to, w.Descending, p.add)
	if err != nil {
		return Page{}, fmt.Errorf("read history: %w", err)
	}
	p.finish()
	switch {
	case !w.Changes, p.known():
	case w.Descending: // all older months are read
		p.series.floor = w.From
	default:
		if err := s.complete(ctx, &p); err != nil {
			return Page{}, fmt.Errorf("read what came before: %w", err)
		}
	}
	return p.page(), nil
}

// A segment has about 1 KB.
const (
	segmentsACall = 50  // bounds what is read beyond what turns out to be needed
	segmentsAPage = 400 // from here on a page ends with the month, however few rows it has: some 100 read units
)

// segments visits the segments of the months of [from, to], by month, until visit returns false. What is newer than the
// last flush stands in the boards' tails alone.
func (s *Store) segments(
	ctx context.Context, p Product, from, to price.Timestamp, descending bool, visit func(board.Month, []board.SegmentOffer) (more bool),
) error {
	if from > p.flushed() {
		return nil
	}
	oldest := monthKey(board.MonthOf(from))
	newest := monthKey(board.MonthOf(min(to, p.flushed()))) + greatestSK
	options := queryOptions{descending: descending, consistent: true, limit: segmentsACall}
	return s.query(ctx, ProductPartition(p.ID), oldest, newest, options, func(it item) (bool, error) {
		month, err := segmentMonth(text(it, AttrSK))
		if err != nil {
			return false, err
		}
		offers, err := board.UnpackSegment(p.ID, blob(it, AttrPacked))
		if err != nil {
			return false, fmt.Errorf("segment %s: %w", text(it, AttrSK), err)
		}
		return visit(month, offers), nil
	})
}

// complete reads the months before a page until it is known of every row what came before it.
func (s *Store) complete(ctx context.Context, p *page) error {
	var month board.Month
	err := s.segments(ctx, p.product, p.window.From, p.series.floor, true, func(m board.Month, offers []board.SegmentOffer) bool {
		if month != "" && m != month { // a month is added whole before it counts as read
			start, _ := month.Bounds()
			if p.series.floor = min(p.series.floor, start); p.known() {
				return false
			}
		}
		month = m
		p.series.add(offers)
		return true
	})
	if err == nil && !p.known() { // nothing older is left
		p.series.floor = p.window.From
	}
	return err
}

// segmentMonth reads the month in a segment's sort key.
func segmentMonth(sk string) (board.Month, error) {
	month, _, ok := strings.Cut(strings.TrimPrefix(sk, segmentPrefix), "#")
	if _, err := time.Parse("2006-01", month); err != nil || !ok {
		return "", fmt.Errorf("%w: sort key %q", board.ErrFormat, sk)
	}
	return board.Month(month), nil
}

// page gathers rows month by month, so that a page of a long history reads only the months it shows.
type page struct {
	window   Window
	product  Product
	from, to price.Timestamp // what is not yet in rows
	month    board.Month
	segments [][]board.SegmentOffer // of month
	rows     []board.Row            // in reading order, without those of earlier pages
	read     int                    // segments
	full     bool                   // it may not have more rows, or not read more for them
	series   *series                // of the view of changes
}

// add takes the next segment and reports whether another is wanted.
func (p *page) add(m board.Month, offers []board.SegmentOffer) (more bool) {
	if m != p.month {
		if p.month != "" {
			if p.close(); p.full && (!p.window.Descending || p.known()) {
				return false
			}
		}
		p.month = m
	}
	p.read++
	if !p.full {
		p.segments = append(p.segments, offers)
	}
	if p.series != nil {
		p.series.add(offers)
	}
	return true
}

// close moves everything up to the end of the month, in reading order, into rows. Months after a full page's last one
// only tell what came before its rows.
func (p *page) close() {
	start, end := p.month.Bounds()
	switch {
	case p.full:
		p.series.floor = max(p.window.From, start)
		return
	case p.window.Descending:
		from := max(p.from, start)
		p.take(from, p.to)
		p.to = from - 1
	default:
		to := min(p.to, end)
		p.take(p.from, to)
		p.from = to + 1
	}
	p.full = p.candidates() > p.window.Limit || p.read > segmentsAPage
}

// finish takes what is left, unless the page is full already.
func (p *page) finish() {
	if !p.full {
		p.take(p.from, p.to)
	}
}

func (p *page) take(from, to price.Timestamp) {
	rows := board.Rows(p.product.Boards, p.segments, from, to)
	p.segments = nil
	for i := range rows {
		row := rows[i]
		if p.window.Descending {
			row = rows[len(rows)-1-i]
		}
		if p.shown(row) || !p.window.matches(row.Key) {
			continue
		}
		p.rows = append(p.rows, row)
	}
	if p.series != nil && p.window.Descending {
		p.series.floor = from
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

// candidates is how many rows the page may have, as far as is known yet.
func (p *page) candidates() int {
	if p.series == nil {
		return len(p.rows)
	}
	n := 0
	for _, row := range p.rows {
		if change, known := p.series.change(row); change || !known {
			n++
		}
	}
	return n
}

// known reports whether it is known of every row what came before it.
func (p *page) known() bool {
	return p.series == nil || !slices.ContainsFunc(p.rows, func(row board.Row) bool {
		_, known := p.series.change(row)
		return !known
	})
}

// page cuts the rows to the limit. The next page begins behind the last row shown, or with the months that were not taken.
func (p *page) page() Page {
	var out Page
	for _, row := range p.rows {
		if p.series != nil {
			if change, _ := p.series.change(row); !change {
				continue
			}
		}
		if len(out.Rows) == p.window.Limit {
			out.Next = &out.Rows[p.window.Limit-1]
			return out
		}
		out.Rows = append(out.Rows, row)
	}
	switch {
	case p.full && p.window.Descending: // an empty key comes before all others of its millisecond
		out.Next = &board.Row{Observation: board.Observation{ObservedAt: p.to + 1}}
	case p.full:
		out.Next = &board.Row{Observation: board.Observation{ObservedAt: p.from}}
	}
	return out
}

// series are the observations of a window by offer, as far as they are read, to find each one's predecessor.
type series struct {
	window  Window
	product Product
	floor   price.Timestamp // from here to the newest row of the page everything is read
	offers  map[string]*offerSeries
}

type offerSeries struct {
	key          price.OfferKey
	observations []board.Observation // least first, each once, unless something was added since
	added        bool
}

// newSeries begins with what the boards' tails have.
func newSeries(p Product, w Window, floor price.Timestamp) *series {
	s := &series{window: w, product: p, floor: floor, offers: map[string]*offerSeries{}}
	if w.Descending {
		s.floor = w.To
	}
	for _, b := range p.Boards {
		for _, o := range b.Offers {
			s.add([]board.SegmentOffer{{Key: o.Key, Observations: o.Tail}})
		}
	}
	return s
}

func (s *series) add(offers []board.SegmentOffer) {
	for _, o := range offers {
		if !s.window.matches(o.Key) {
			continue
		}
		text := board.KeyText(o.Key)
		of := s.offers[text]
		if of == nil {
			of = &offerSeries{key: o.Key}
			s.offers[text] = of
		}
		for _, e := range o.Observations {
			if e.ObservedAt >= s.window.From && e.ObservedAt <= s.window.To {
				of.observations = append(of.observations, e)
				of.added = true
			}
		}
	}
}

// before returns the observation before e, if one is read.
func (o *offerSeries) before(e board.Observation) (before board.Observation, ok bool) {
	compare := func(a, b board.Observation) int { return board.Compare(o.key, a, b) }
	if o.added {
		slices.SortFunc(o.observations, compare)
		o.observations = slices.CompactFunc(o.observations, func(a, b board.Observation) bool { return compare(a, b) == 0 })
		o.added = false
	}
	at, _ := slices.BinarySearchFunc(o.observations, e, compare)
	if at == 0 {
		return board.Observation{}, false
	}
	return o.observations[at-1], true
}

// change reports whether a row is the first of its offer in the window or has other terms than the one before it, and
// whether that is known: all that may stand between has been read, or the offer was never seen before the row.
func (s *series) change(row board.Row) (change, known bool) {
	before, ok := s.offers[board.KeyText(row.Key)].before(row.Observation)
	if ok && before.ObservedAt >= s.floor {
		return before.Terms != row.Observation.Terms, true
	}
	offer, ok := s.product.Find(row.Key)
	return true, s.floor <= s.window.From || ok && row.Observation.ObservedAt == offer.FirstSeen
}

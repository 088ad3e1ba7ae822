package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"pricing/shared/board"
	"pricing/shared/price"
)

// PageUnits is how many read units a page of the history may use, the product's boards included, before it ends with the rows it
// has. Three quarters of it are for segments, whatever the boards took, and there are forStream units for each stream: a page over
// more than about 12 shards or 1,000 offers may cost more. The calls under way are not counted, and a page goes on until the next one
// begins behind it.
const PageUnits = 100

// forSegments is the part of PageUnits that a page may use for segments at least.
const forSegments = 0.75

// forStream is how many units a page may use for each of its streams, if that is more: one for rows, and others to find the first or
// to know what came before. With less the pages of a product of many shards would end at once, each after as many calls.
const forStream = 3

// Window is the part of a product's history that is asked for.
type Window struct {
	From, To   price.Timestamp               // both included
	Changes    bool                          // only an offer's first observation and those with other terms than the one before it
	Descending bool                          // newest first
	After      *Position                     // continue behind it
	Limit      int                           // most rows
	Match      func(key price.OfferKey) bool // which offers; nil = all
	Cover      bool                          // find out the window's Coverage as well; for a first page
	Offer      *price.OfferKey               // the only offer that is asked for, of which less has to be read; nil = all that match
}

func (w Window) matches(key price.OfferKey) bool {
	return (w.Match == nil || w.Match(key)) && (w.Offer == nil || key == *w.Offer)
}

// toward compares two moments in the window's order: negative when a comes first.
func (w Window) toward(a, b price.Timestamp) int {
	if w.Descending {
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}

// end is the last moment in the window's order.
func (w Window) end() price.Timestamp {
	if w.Descending {
		return w.From
	}
	return w.To
}

// start is the position in front of all rows of the window, or the one behind which it continues.
func (w Window) start() Position {
	switch {
	case w.After != nil:
		return *w.After
	case w.Descending:
		return w.between(w.To, false)
	}
	return w.between(w.From, false)
}

// order compares two positions in the window's order.
func (w Window) order(a, b Position) int {
	if w.Descending {
		return b.Compare(a)
	}
	return a.Compare(b)
}

// between is the position in front of all rows of a moment, or behind them.
func (w Window) between(at price.Timestamp, behind bool) Position {
	if behind != w.Descending {
		at++
	}
	return Position{ObservedAt: at}
}

// Position is a place in a history: that of a row or, without a Key, before all rows of a moment.
type Position struct {
	ObservedAt price.Timestamp
	Key        price.OfferKey
	Source     string // its id
}

// Compare orders positions as board.CompareRows orders rows.
func (p Position) Compare(q Position) int {
	if c := cmp.Or(cmp.Compare(p.ObservedAt, q.ObservedAt), p.Key.Compare(q.Key)); c != 0 || p.Source == q.Source {
		return c
	}
	return strings.Compare(price.ID(p.Key, p.ObservedAt, p.Source), price.ID(q.Key, q.ObservedAt, q.Source))
}

// Page is a part of a window's rows, in order.
type Page struct {
	Rows []board.Row
	Next *Position // to continue after; nil: nothing follows
	Told
}

// Told is what a page says beside its rows.
type Told struct {
	Suspect  []string  // sort keys of segments that an older board must have been put back over; their rows count like others
	Coverage *Coverage // nil: it was not asked for, or the page's budget did not reach so far
	Units    float64   // read for it, the product's boards included if they were
}

// History returns the next page of a window. Observations that left the retention are the caller's to exclude by From.
// A product nobody knows is a NotFound fault.
//
// The boards are read before the segments, both strongly consistent: whatever left a tail in between stands in a segment by
// then, and what is seen in both counts once. Pages follow a position, not a snapshot: data that arrives behind it is not shown,
// and moves nothing that is. A page ends when it has its rows or has used PageUnits, so it may hold few rows, or none, and yet
// have a Next.
func (s *Store) History(ctx context.Context, productID string, w Window) (Page, error) {
	var page Page
	var err error
	page.Told, err = s.walkHistory(ctx, productID, w, func() collector {
		page = Page{}
		return &rowCollector{window: w, page: &page}
	})
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// walkHistory walks through a window until a collector has its page.
func (s *Store) walkHistory(ctx context.Context, productID string, w Window, collect func() collector) (Told, error) {
	units := 0.0
	var product Product
	var err error
	if w.Offer != nil {
		product, err = s.readBoardOf(ctx, *w.Offer, &units)
	} else {
		product, err = s.readProduct(ctx, productID, false, queryOptions{consistent: true, units: &units})
	}
	if err != nil {
		return Told{}, err
	}
	told, err := newWalk(s, product, w, units, nil).told(ctx, collect())
	if err == nil && len(told.Suspect) > 0 { // what the boards say of their history does not hold
		told, err = newWalk(s, product, w, units, told.Suspect).told(ctx, collect())
	}
	if err != nil {
		return Told{}, fmt.Errorf("read history: %w", err)
	}
	return told, nil
}

// walk is the way of one page through a product's history, in the order of its window. Rows come from the boards' tails and from
// streams of segments. A row is final when every stream is known to hold nothing more in front of it, and settled when it is
// also known whether it is shown.
type walk struct {
	store   *Store
	product Product
	window  Window
	trusted bool       // the boards are believed what they say of their history
	whole   bool       // all rows of the window are wanted at once; see Whole
	start   Position   // rows in front of it, and its own, are not shown
	span    board.Span // of the moments from the start to the window's end
	offers  map[price.OfferKey]*offer
	shares  []share   // of the product's boards
	streams []*stream // on the way

	rows    []entry // final or not, but not settled
	groups  []group // of rows
	settled Position
	units   float64 // read
	budget  float64
	rounds  int // of calls
	suspect []string

	segments, bytes int             // that were read
	near            price.Timestamp // the longest time between the ends of one of them, late ones aside, in milliseconds
}

// share is what the walk has to do with one of the product's boards.
type share struct {
	concerned bool
	earlier   []*stream // all downward streams with observations of its offers, to know what came before one
}

// offer is an offer whose observations are met.
type offer struct {
	key     price.OfferKey
	matches bool
	share   *share
	// What the board says of it; NoTime where it cannot be relied on. All after runStart have the terms of that moment's last.
	firstSeen, runStart price.Timestamp
	// The last observation in front of all rows that are not settled, as far as it was met on an upward walk.
	before *board.Observation
}

// entry is a row on the way.
type entry struct {
	offer *offer
	*board.Observation
}

func (e entry) position() Position { return Position{e.ObservedAt, e.offer.key, e.Source.ID} }

// group are the rows of an offer at one moment, in the window's order.
type group struct {
	rows    []entry
	ranked  []*board.Observation // the same by board.Compare
	known   bool                 // whether the first of ranked is a change
	changed bool                 // it is
}

func (g group) offer() *offer       { return g.rows[0].offer }
func (g group) at() price.Timestamp { return g.rows[0].ObservedAt }

// shows reports whether a row of the group is a change.
func (g group) shows(e entry) bool {
	i := slices.Index(g.ranked, e.Observation)
	return i == 0 && g.changed || i > 0 && e.Terms != g.ranked[i-1].Terms
}

func newWalk(s *Store, product Product, w Window, units float64, suspect []string) *walk {
	k := &walk{
		store: s, product: product, window: w, trusted: len(suspect) == 0, suspect: suspect, offers: map[price.OfferKey]*offer{},
		units: units, budget: max(s.pageUnits, units+forSegments*s.pageUnits),
	}
	k.start = w.start()
	k.span = board.Span{From: w.From, To: w.To}
	switch {
	case w.After != nil && w.Descending:
		k.span.To = w.After.ObservedAt
	case w.After != nil:
		k.span.From = w.After.ObservedAt
	}
	k.settled = k.start
	k.shares = make([]share, len(product.Boards))
	k.open()
	k.budget = max(k.budget, units+s.streamUnits*float64(len(k.streams)))
	for i, b := range product.Boards {
		for _, o := range b.Offers {
			if k.shares[i].concerned {
				k.meet(o.Key, o.Tail)
			}
		}
	}
	return k
}

// concerns returns in which part of the window something of a board can be shown; some is false when there is none. Beyond it
// nothing of the board has to be read.
func (k *walk) concerns(b board.Board) (span board.Span, some bool) {
	window := board.Span{From: k.window.From, To: k.window.To}
	if !k.relies(b) {
		return window, true
	}
	for _, o := range b.Offers {
		if !k.window.matches(o.Key) || o.FirstSeen > window.To || o.Current.ObservedAt < window.From {
			continue
		}
		last := o.Current.ObservedAt
		if k.window.Changes && o.RunStart >= window.From {
			last = o.RunStart
		}
		of := board.Span{From: max(window.From, o.FirstSeen), To: min(window.To, last)}
		if some {
			of = board.Span{From: min(span.From, of.From), To: max(span.To, of.To)}
		}
		span = of
		some = true
	}
	return span, some
}

// relies reports whether a board's offers are all that have observations in the window. Those of an offer that was dropped are no
// longer asked for, unless the retention was changed since.
func (k *walk) relies(b board.Board) bool { return k.trusted && b.Dropped < k.window.From }

// index returns which of the product's boards is a shard's. Where one alone was read there are rows of no other.
func (k *walk) index(shard board.Shard) int {
	if len(k.product.Boards) == 1 {
		return 0
	}
	return shard.I
}

// of returns the offer of a key.
func (k *walk) of(key price.OfferKey) *offer {
	o := k.offers[key]
	if o != nil {
		return o
	}
	i := k.index(board.ShardOf(key, k.product.directory.Shards))
	o = &offer{key: key, matches: k.window.matches(key), share: &k.shares[i], firstSeen: price.NoTime, runStart: price.NoTime}
	b := k.product.Boards[i]
	if found, ok := b.Find(key); ok && k.relies(b) {
		o.firstSeen = found.FirstSeen
		if found.RunStart >= k.window.From {
			o.runStart = found.RunStart
		}
	}
	k.offers[key] = o
	return o
}

// meet takes in observations of an offer. Those in front of an upward walk matter only as what came before.
func (k *walk) meet(key price.OfferKey, observations []board.Observation) {
	o := k.of(key)
	if !o.matches {
		return
	}
	for i := range observations {
		e := entry{o, &observations[i]}
		switch {
		case e.ObservedAt < k.window.From || e.ObservedAt > k.window.To:
		case k.window.toward(e.ObservedAt, k.start.ObservedAt) < 0:
			if !k.window.Descending && (o.before == nil || board.Compare(key, *e.Observation, *o.before) > 0) {
				o.before = e.Observation
			}
		case k.settled != k.start && k.window.order(e.position(), k.settled) <= 0: // seen, or it came in meanwhile
		default:
			k.rows = append(k.rows, e)
		}
	}
}

// page gives the collector its rows.
func (k *walk) page(ctx context.Context, c collector) error {
	for {
		full := k.settle(c)
		ahead := k.ahead()
		if full {
			c.end(&k.settled)
			return nil
		}
		if len(ahead) == 0 {
			c.end(nil)
			return nil
		}
		reached := k.reached()
		spent := k.units >= k.budget
		if c.ends(reached, spent) {
			c.end(&reached)
			return nil
		}
		if spent { // what is nearest alone
			n := slices.IndexFunc(ahead, func(h held) bool { return h.at != ahead[0].at })
			if n > 0 {
				ahead = ahead[:n]
			}
		}
		if err := k.read(ctx, ahead[:min(len(ahead), k.store.width)]); err != nil {
			return err
		}
	}
}

// sort puts the rows into the window's order, each once.
func (k *walk) sort() {
	slices.SortFunc(k.rows, func(a, b entry) int {
		if c := k.window.toward(a.ObservedAt, b.ObservedAt); c != 0 {
			return c
		}
		return k.window.order(a.position(), b.position())
	})
	k.rows = slices.CompactFunc(k.rows, func(a, b entry) bool {
		return a.offer == b.offer && a.ObservedAt == b.ObservedAt && a.Source.ID == b.Source.ID
	})
}

// settle gives rows that are settled to the collector. full: it takes no more.
func (k *walk) settle(c collector) (full bool) {
	k.sort()
	k.group()
	edge := k.edge()
	for len(k.groups) > 0 {
		g := k.groups[0]
		if k.window.toward(g.at(), edge) > 0 || !g.known {
			return false
		}
		for _, e := range g.rows {
			p := e.position()
			if k.window.order(p, k.start) <= 0 {
				continue
			}
			if (!k.window.Changes || g.shows(e)) && !c.take(board.Row{Key: e.offer.key, Observation: *e.Observation}) {
				return true
			}
			k.settled = p
		}
		if !k.window.Descending {
			g.offer().before = g.ranked[len(g.ranked)-1]
		}
		clear(k.rows[:len(g.rows)])
		k.rows = k.rows[len(g.rows):]
		k.groups = k.groups[1:]
	}
	return false
}

// reached is the position up to which all rows are settled. It lies in the window, though a segment may reach beyond that.
func (k *walk) reached() Position {
	edge := k.edge()
	if end := k.window.end(); k.window.toward(edge, end) > 0 {
		edge = end
	}
	reached := k.window.between(edge, true)
	if len(k.groups) > 0 && k.window.toward(k.groups[0].at(), edge) <= 0 {
		reached = k.window.between(k.groups[0].at(), false)
	}
	if k.window.order(reached, k.settled) < 0 {
		return k.settled
	}
	return reached
}

// group puts the rows into groups and finds out what it can about each.
func (k *walk) group() {
	k.groups = k.groups[:0]
	for rest := k.rows; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].offer == rest[0].offer && rest[n].ObservedAt == rest[0].ObservedAt {
			n++
		}
		g := group{rows: rest[:n], known: !k.window.Changes, ranked: make([]*board.Observation, n)}
		for i, e := range g.rows {
			g.ranked[i] = e.Observation
		}
		key := g.offer().key
		slices.SortFunc(g.ranked, func(a, b *board.Observation) int { return board.Compare(key, *a, *b) })
		k.groups = append(k.groups, g)
		rest = rest[n:]
	}
	if !k.window.Changes {
		return
	}
	last := map[*offer]*board.Observation{} // of the groups before
	for i := range k.groups {
		g := &k.groups[i]
		if k.window.Descending {
			g = &k.groups[len(k.groups)-1-i]
		}
		o := g.offer()
		before := last[o]
		if before == nil {
			before = o.before
		}
		g.known, g.changed = k.judge(g, before)
		last[o] = g.ranked[len(g.ranked)-1]
	}
}

// judge finds out whether the first observation of a group is a change. before is the latest that was met in front of it; there
// may be later ones.
func (k *walk) judge(g *group, before *board.Observation) (known, changed bool) {
	o := g.offer()
	terms := g.ranked[0].Terms
	switch at := g.at(); {
	case o.runStart != price.NoTime && at > o.runStart:
		return true, false
	case at == o.firstSeen:
		return true, true
	case at == o.runStart && !slices.ContainsFunc(g.ranked, func(e *board.Observation) bool { return e.Terms != terms }):
		return true, true
	}
	to := price.Timestamp(0)
	if before != nil {
		to = before.ObservedAt
	}
	for _, s := range o.share.earlier {
		if !s.done && (before == nil || s.edge > to) {
			return false, false
		}
	}
	return true, before == nil || before.Terms != terms
}

// edge is the last moment whose rows are final.
func (k *walk) edge() price.Timestamp {
	edge := board.Always.To
	if k.window.Descending {
		edge = board.Always.From
	}
	for _, s := range k.streams {
		if !s.done && k.window.toward(s.edge, edge) < 0 {
			edge = s.edge
		}
	}
	return edge
}

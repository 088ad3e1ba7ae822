package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
)

// stream reads a label's segments, late ones or the others, in one direction and a few at a time.
type stream struct {
	shard    board.Shard
	late     bool
	down     bool            // newest first
	span     board.Span      // in which observations are wanted
	edge     price.Timestamp // all observations between where it began and there, included, were read
	done     bool            // all in its span were
	from, to string          // sort keys between which its segments are
	after    item            // the last key that was read
	newest   bool            // its span reaches to the newest that was flushed, behind which no segment may be
	seek     bool            // it begins inside the history, where the first segment has to be found
	guessed  bool            // that was tried by a guess
	below    *stream         // of an upward one: the downward one beside it, for which the first segment counts as well
}

// fetched is what one call of a stream brought.
type fetched struct {
	segments []SegmentItem
	bytes    int
	units    float64
	err      error
}

// newStream returns a stream, or nil when nothing that it would read was flushed.
func newStream(l label, late, down bool, span board.Span) *stream {
	newest := l.flushed.Of(late)
	s := &stream{shard: l.shard, late: late, down: down, newest: span.To >= newest, seek: down && !late && span.To < newest}
	s.span = board.Span{From: span.From, To: min(span.To, newest)}
	if s.span.From > s.span.To {
		return nil
	}
	reach := board.Reach(s.span, late)
	s.from = segmentsOf(l.shard, late) + newestText(reach.From)
	s.to = segmentsOf(l.shard, late) + newestText(reach.To) + greatestSK
	s.edge = s.span.From - 1
	if down {
		s.edge = s.span.To + 1
	}
	return s
}

// fetch reads at most limit segments more. near is how far from each other the ends of a segment may be expected to lie, in
// milliseconds; 0: that is not known yet.
func (s *stream) fetch(ctx context.Context, db *Store, productID string, limit int32, near price.Timestamp) (f fetched) {
	o := queryOptions{descending: s.down, consistent: true, limit: limit, units: &f.units}
	from, to := s.from, s.to
	find := s.seek && (near == 0 || s.guessed)
	switch {
	case find: // what was observed at a moment stands in the first segment whose newest is not before it
		o.descending = false
		o.limit = 1
		from = segmentsOf(s.shard, false) + newestText(s.span.To)
	case s.seek:
		to = segmentsOf(s.shard, false) + newestText(min(s.span.To+near, board.Always.To)) + greatestSK
	}
	items, last, err := db.queryOnce(ctx, ProductPartition(productID), from, to, s.after, o)
	if err != nil {
		return fetched{err: err}
	}
	for _, it := range items {
		seg, err := decodeSegmentItem(productID, it)
		if err != nil {
			return fetched{err: err}
		}
		f.segments = append(f.segments, seg)
		f.bytes += ItemSize(it)
	}
	switch {
	case find:
		s.seek = false
		s.to = segmentsOf(s.shard, false) + newestText(s.span.To) + greatestSK
		if len(f.segments) > 0 {
			s.to = segmentsOf(s.shard, false) + newestText(f.segments[0].High) + greatestSK // this one again, and what is below
		}
		s.advance(f.segments, false)
	case s.seek && (len(f.segments) == 0 || f.segments[0].High < s.span.To):
		s.guessed = true
	default:
		s.seek = false
		s.to = to
		s.after = last
		s.advance(f.segments, last == nil)
	}
	return f
}

// advance notes what was read.
func (s *stream) advance(segments []SegmentItem, exhausted bool) {
	for _, seg := range segments {
		switch {
		case s.down && s.late:
			s.edge = min(s.edge, seg.High+1)
		case s.down:
			s.edge = min(s.edge, seg.Low)
		case s.late:
			s.edge = max(s.edge, seg.High.Add(-board.LateSpan)-1)
		default:
			s.edge = max(s.edge, seg.High)
		}
	}
	s.done = exhausted || !s.late && (s.down && s.edge <= s.span.From || !s.down && s.edge >= s.span.To && !s.newest)
}

// lineage returns the labels under which the observations of a board's offers stand, the oldest first.
func (k *walk) lineage(b board.Board) []label {
	labels := k.product.directory.lineage(b)
	for i := range labels {
		if marker, ok := k.product.moved[labels[i].shard]; ok {
			labels[i].flushed = marker.Flushed
		}
		if !k.trusted {
			labels[i].flushed = unknownFlushed
		}
	}
	return labels
}

// open makes the streams of all labels that have to be read.
func (k *walk) open() {
	spans := map[board.Shard]board.Span{} // of what is wanted of a label's segments
	late := map[board.Shard]board.Span{}
	labels := map[board.Shard]label{}
	for i, b := range k.product.Boards {
		span, some := k.concerns(b)
		if !some {
			continue
		}
		k.shares[i].concerned = true
		flushed := price.NoTime // under the label before
		for _, l := range k.lineage(b) {
			labels[l.shard] = l
			late[l.shard] = joinSpans(late, l.shard, span)
			if flushed < span.To { // a shard's own segments are newer than what it inherited
				spans[l.shard] = joinSpans(spans, l.shard, board.Span{From: max(span.From, flushed+1), To: span.To})
			}
			if l.flushed != unknownFlushed {
				flushed = l.flushed.Newest
			}
		}
	}
	earlier := map[board.Shard][]*stream{}
	for _, shard := range slices.SortedFunc(maps.Keys(labels), func(a, b board.Shard) int {
		return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.I, b.I))
	}) {
		if span, ok := spans[shard]; ok {
			earlier[shard] = k.openLabel(labels[shard], false, span)
		}
		earlier[shard] = append(earlier[shard], k.openLabel(labels[shard], true, late[shard])...)
	}
	for i, b := range k.product.Boards {
		for _, l := range k.lineage(b) {
			k.shares[i].earlier = append(k.shares[i].earlier, earlier[l.shard]...)
		}
	}
}

// joinSpans returns the span that holds another as well as that of a shard, if it has one.
func joinSpans(spans map[board.Shard]board.Span, shard board.Shard, span board.Span) board.Span {
	known, ok := spans[shard]
	if !ok {
		return span
	}
	return board.Span{From: min(known.From, span.From), To: max(known.To, span.To)}
}

// openLabel makes the streams of a label and returns the downward ones.
func (k *walk) openLabel(l label, late bool, span board.Span) []*stream {
	ahead := newStream(l, late, k.window.Descending, board.Span{From: max(span.From, k.span.From), To: min(span.To, k.span.To)})
	if ahead != nil {
		k.streams = append(k.streams, ahead)
	}
	if k.window.Descending {
		return compact(ahead)
	}
	if k.window.After == nil || !k.window.Changes {
		return nil
	}
	back := newStream(l, late, true, board.Span{From: span.From, To: min(span.To, k.span.From-1)})
	if back != nil && ahead != nil { // which reads all that reach over the start
		back.seek = false
		back.to = segmentsOf(l.shard, late) + newestText(back.span.To) + greatestSK
		if !late {
			ahead.below = back
		}
	}
	return compact(back)
}

func compact(s *stream) []*stream {
	if s == nil {
		return nil
	}
	return []*stream{s}
}

// held is a stream that holds up the rows from a moment on.
type held struct {
	*stream
	at price.Timestamp
}

// ahead returns the streams that hold up rows which are not settled, those that hold up the nearest first.
func (k *walk) ahead() []held {
	var all []held
	place := map[*stream]int{}
	hold := func(s *stream, at price.Timestamp) {
		if i, ok := place[s]; !ok {
			place[s] = len(all)
			all = append(all, held{s, at})
		} else if k.window.toward(at, all[i].at) < 0 {
			all[i].at = at
		}
	}
	for _, s := range k.streams {
		if !s.done {
			hold(s, s.edge)
		}
	}
	for _, g := range k.groups {
		if g.known {
			continue
		}
		var highest *stream // of those in which the one before may stand
		for _, s := range g.offer().share.earlier {
			if !s.done && (highest == nil || s.edge > highest.edge) {
				highest = s
			}
		}
		if highest != nil {
			hold(highest, g.at())
		}
	}
	slices.SortStableFunc(all, func(a, b held) int { return k.window.toward(a.at, b.at) })
	return all
}

// unit is how many bytes a unit of a strongly consistent read has. A call costs at least one.
const unit = 4096

// usualSegments are as many as take about a unit, before any was seen.
const usualSegments = 4

// read makes a call of each stream at once and takes in what they bring. A call reads about a unit, or several where few streams
// share the width.
func (k *walk) read(ctx context.Context, ahead []held) error {
	k.rounds++
	calls := max(1, min(k.store.width/len(ahead), k.rounds)) // few streams read as much at once as many would, but not at first
	limit := usualSegments * calls
	if k.segments > 0 {
		size := k.bytes / k.segments
		limit = max(1, (unit*calls-size/2)/size) // segments differ in size
	}
	brought := make([]fetched, len(ahead))
	eachOf(len(ahead), k.store.width, func(i int) {
		brought[i] = ahead[i].fetch(ctx, k.store, k.product.ID, int32(limit), k.near) //nolint:gosec // a few hundred
	})
	for i, f := range brought {
		if f.err != nil {
			return f.err
		}
		if s := ahead[i]; s.below != nil && len(f.segments) > 0 {
			s.below.edge = min(s.below.edge, f.segments[0].Low)
			s.below = nil
		}
		k.units += f.units
		k.bytes += f.bytes
		k.segments += len(f.segments)
		for _, seg := range f.segments {
			if !seg.Late {
				k.near = max(k.near, seg.High-seg.Low)
			}
			if err := k.check(ctx, seg); err != nil {
				return err
			}
			for _, o := range seg.Offers {
				k.meet(o.Key, o.Observations)
			}
		}
	}
	return nil
}

// version returns the version of a label's board, or what is left of it, as it was read.
func (k *walk) version(shard board.Shard) int64 {
	if shard == (board.Shard{}) && k.product.directory.Shards > 0 {
		return k.product.directory.Version
	}
	if marker, ok := k.product.moved[shard]; ok {
		return marker.Version
	}
	return k.product.Boards[k.index(shard)].Version
}

// check notes a segment that its board cannot have flushed: its version is not below the board's. It may have been flushed since
// the board was read, or be what a writer left behind that did not come to write the board.
func (k *walk) check(ctx context.Context, seg SegmentItem) error {
	name := segmentKey(board.Segment{Late: seg.Late, Shard: seg.Shard, Version: seg.Version, High: seg.High})
	if seg.Version < k.version(seg.Shard) || slices.Contains(k.suspect, name) {
		return nil
	}
	if !k.trusted { // its board or another is known to be an older one
		k.suspect = append(k.suspect, name)
		return nil
	}
	it, err := k.store.find(ctx, ProductPartition(k.product.ID), boardKey(seg.Shard), true)
	if fault.Is(err, fault.NotFound) {
		k.suspect = append(k.suspect, name)
		return nil
	}
	if err != nil {
		return err
	}
	now, err := decodeBoardItem(k.product.ID, it)
	if err != nil {
		return err
	}
	if seg.Version < now.Directory.Version || seg.Version == now.Directory.Version && now.Board != nil && seg.InTail(*now.Board) {
		return nil
	}
	k.suspect = append(k.suspect, name)
	return nil
}

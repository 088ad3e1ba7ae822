package board

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pricing/shared/price"
)

// A write bills every started KB of the whole item. So a board's tail may fill the last KB and no more: when the next write
// would start another one, the tail moves into segments.
const (
	kilobyte = 1024
	reserve  = 96 // least room for a tail, in bytes: about ten observations a segment

	catalogueRoom = 40 // kept free on a board that is not split, beside which a product's list and MAP price stand
)

// LateSpan is the longest time between the oldest and the newest observation of a late segment. So those that reach into a
// span are found by their newest alone.
const LateSpan = 31 * 24 * time.Hour

// Segment is a part of the history, never changed once written. It is named by its newest observation and the version of the
// board that it was flushed from, so every writer of that version makes the same items.
//
// The segments of a shard do not overlap, so what it flushed of a moment stands in one of them, or in late ones: they hold what was
// not later than the newest that had been flushed before, and what only the clock made a writer flush. (Those of the shards it was
// split from may overlap with them: when a writer ends between segment and board, the parts of the split board flush the same
// once more.)
type Segment struct {
	Late    bool
	Shard   Shard // flushed from this one
	Version int64
	H       []byte
	N       int // observations
	Low     price.Timestamp
	High    price.Timestamp
}

// Reach returns the span in which the newest observation of a segment lies, late or not, that holds any of s. Of one shard's
// segments that are not late the last is the first whose newest is not before s.To.
func Reach(s Span, late bool) Span {
	if late {
		return Span{s.From, min(s.To.Add(LateSpan), maxTime)}
	}
	return Span{s.From, maxTime}
}

// FlushDue reports whether the next write has to move the tail into segments first. It depends on the stored board alone; what
// the next write will add is estimated by Grown, which the last one added.
func (b Board) FlushDue() bool {
	if b.tailLength() == 0 {
		return false
	}
	size, tail := b.size()
	if b.Shard.N == 0 {
		size += catalogueRoom
	}
	limit := roundUp(size-tail+max(reserve, b.Grown), kilobyte)
	return size+b.Grown > limit
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func (b Board) tailLength() int {
	n := 0
	for _, o := range b.Offers {
		n += len(o.Tail)
	}
	return n
}

// sizes are what the parts of a packed board take, in bytes.
type sizes struct{ offers, h, tail int } // texts and names of the offers, h, and how much of h the tails take

// size returns the item's size as DynamoDB bills it, and how much of it the tails take: names and values in UTF-8 bytes, a
// number one byte per two digits and one more, a map 3 bytes and 1 per element. What stands beside the board (list and MAP
// price) is not counted.
func (b Board) size() (size, tail int) {
	s := b.sizes
	if s.h == 0 {
		s = b.Pack().sizes
	}
	n := len("pk") + len("p#") + len(b.ProductID) + len("sk") + len("board")
	if b.Shard.N > 0 {
		n += len("#") + len(b.Shard.String())
	}
	n += len("v") + numberSize(b.Version) + len("w") + len(b.Marks)*len(Mark{}) + len("h") + s.h + len("o") + 3 + s.offers
	for _, t := range []price.Timestamp{b.Flushed, b.Late, b.Dropped} {
		if t != price.NoTime {
			n += len("f") + numberSize(int64(t))
		}
	}
	return n, s.tail
}

// Size returns the item's size in bytes as DynamoDB bills it, without attributes beside the board.
func (b Board) Size() int {
	size, _ := b.size()
	return size
}

func numberSize(v int64) int { return (len(strconv.FormatInt(v, 10))+1)/2 + 1 }

// segments packs the whole tail.
//
// A flush that is not due, since only the clock asks for it, puts all into late ones. Another writer of the version may see no
// need of it. If that one wins, these segments stand beside a tail that still has what they hold, and with more of that time it
// gets into a later segment: so they must not be among those that never overlap.
func (b Board) segments(due bool) []Segment {
	flushed := b.Flushed
	if !due {
		flushed = maxTime
	}
	return Segments(b.Shard, b.Version, flushed, Rows([]Board{b}, nil, Always))
}

// Segments packs observations, oldest first, that leave a shard in some version of it: what is later than all that was flushed before
// into one segment, the rest into late ones.
func Segments(shard Shard, version int64, flushed price.Timestamp, rows []Row) []Segment {
	first, _ := slices.BinarySearchFunc(rows, flushed, func(r Row, flushed price.Timestamp) int {
		if r.Observation.ObservedAt > flushed {
			return 1
		}
		return -1
	})
	var segments []Segment
	add := func(rows []Row, late bool) {
		segments = append(segments, Segment{
			Late: late, Shard: shard, Version: version, H: packRows(rows), N: len(rows),
			Low: rows[0].Observation.ObservedAt, High: rows[len(rows)-1].Observation.ObservedAt,
		})
	}
	for late := rows[:first]; len(late) > 0; {
		last := late[0].Observation.ObservedAt.Add(LateSpan)
		n := slices.IndexFunc(late, func(r Row) bool { return r.Observation.ObservedAt > last })
		if n < 0 {
			n = len(late)
		}
		add(late[:n], true)
		late = late[n:]
	}
	if len(rows) > first {
		add(rows[first:], false)
	}
	return segments
}

// packRows packs rows, oldest first, as a segment has them.
func packRows(rows []Row) []byte {
	var offers []SegmentOffer
	byKey := slices.SortedStableFunc(slices.Values(rows), func(a, b Row) int {
		return cmp.Or(strings.Compare(KeyText(a.Key), KeyText(b.Key)), -Compare(a.Key, a.Observation, b.Observation))
	})
	for _, r := range byKey {
		if n := len(offers); n == 0 || offers[n-1].Key != r.Key {
			offers = append(offers, SegmentOffer{Key: r.Key})
		}
		last := &offers[len(offers)-1]
		last.Observations = append(last.Observations, r.Observation)
	}
	return packSegment(offers)
}

// Rows returns the observations of segments and boards' tails within a span, each once, oldest first.
func Rows(boards []Board, segments [][]SegmentOffer, span Span) []Row {
	var rows []Row
	add := func(key price.OfferKey, observations []Observation) {
		for _, e := range observations {
			if e.ObservedAt >= span.From && e.ObservedAt <= span.To {
				rows = append(rows, Row{key, e})
			}
		}
	}
	for _, b := range boards {
		for _, o := range b.Offers {
			add(o.Key, o.Tail)
		}
	}
	for _, s := range segments {
		for _, o := range s {
			add(o.Key, o.Observations)
		}
	}
	slices.SortFunc(rows, CompareRows)
	return slices.CompactFunc(rows, func(a, b Row) bool {
		return a.Key == b.Key && a.Observation.identity() == b.Observation.identity()
	})
}

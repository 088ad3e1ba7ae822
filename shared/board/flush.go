package board

import (
	"cmp"
	"slices"
	"strconv"

	"pricing/shared/price"
)

// A write bills every started KB of the whole item. So a board's tail may fill the last KB and no more: when the next write
// would start another one, the tail moves into segments.
const (
	kilobyte = 1024
	reserve  = 96 // least room for a tail, in bytes: about ten observations a segment
	ownRoom  = 40 // kept free on a board that is not split, where a product's own prices stand beside it
)

// Segment is a part of the history, never changed once written. Its key has its month and the version of the board that it was
// flushed from, so every writer of that version makes the same item.
type Segment struct {
	Month   Month
	Shard   Shard // flushed from this one
	Version int64
	H       []byte
	N       int // observations
	Low     price.Timestamp
	High    price.Timestamp
}

// FlushDue reports whether the next write has to move the tail into segments first. It depends on the stored board alone; what
// the next write will add is estimated by Grown, which the last one added.
func (b Board) FlushDue() bool {
	h, tail := b.pack()
	if b.tailLength() == 0 {
		return false
	}
	size := b.size(len(h))
	if b.Shard.N == 0 {
		size += ownRoom
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

// size is the item's size as DynamoDB bills it: names and values in UTF-8 bytes, a number one byte per two digits
// and one more, a map 3 bytes and 1 per element. The attributes beside the board (own prices) are not counted.
func (b Board) size(h int) int {
	n := len("pk") + len("p#") + len(b.ProductID) + len("sk") + len("board")
	if b.Shard.N > 0 {
		n += len("#") + len(b.Shard.String())
	}
	n += len("v") + numberSize(b.Version) + len("w") + len(b.Marks)*len(Mark{}) + len("h") + h + len("o") + 3
	if b.Flushed != price.NoTime {
		n += len("f") + numberSize(int64(b.Flushed))
	}
	for _, o := range b.Offers {
		n += len(KeyText(o.Key)) + len(offerText(o.Current)) + 1
	}
	return n
}

func numberSize(v int64) int { return (len(strconv.FormatInt(v, 10))+1)/2 + 1 }

// grown is how many bytes of the packed tail n observations take on average.
func (b Board) grown(n int) int {
	_, tail := b.pack()
	return tail * n / max(b.tailLength(), 1)
}

// segments packs the whole tail by month, oldest month first.
func (b Board) segments() []Segment {
	months := map[Month][]SegmentOffer{}
	for _, o := range b.Offers {
		for _, e := range o.Tail {
			m := MonthOf(e.ObservedAt)
			if n := len(months[m]); n == 0 || months[m][n-1].Key != o.Key {
				months[m] = append(months[m], SegmentOffer{Key: o.Key})
			}
			last := &months[m][len(months[m])-1]
			last.Observations = append(last.Observations, e)
		}
	}
	segments := make([]Segment, 0, len(months))
	for m, offers := range months {
		s := Segment{Month: m, Shard: b.Shard, Version: b.Version, H: packSegment(offers), Low: maxTime, High: minTime}
		for _, o := range offers {
			s.N += len(o.Observations)
			s.High = max(s.High, o.Observations[0].ObservedAt)
			s.Low = min(s.Low, o.Observations[len(o.Observations)-1].ObservedAt)
		}
		segments = append(segments, s)
	}
	slices.SortFunc(segments, func(a, b Segment) int { return cmp.Compare(a.Month, b.Month) })
	return segments
}

// Rows returns the observations of segments and boards' tails within [from, to], each once, oldest first.
func Rows(boards []Board, segments [][]SegmentOffer, from, to price.Timestamp) []Row {
	var rows []Row
	add := func(key price.OfferKey, observations []Observation) {
		for _, e := range observations {
			if e.ObservedAt >= from && e.ObservedAt <= to {
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

// Size returns the item's size in bytes as DynamoDB bills it, without attributes beside the board.
func (b Board) Size() int {
	h, _ := b.pack()
	return b.size(len(h))
}

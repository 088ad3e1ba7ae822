package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/price"
)

// label is the board, or a shard of it, from which segments were flushed, and how far.
type label struct {
	shard   board.Shard
	flushed Flushed
}

// Segments are named by label, newest observation and version, so that a reader may begin at any moment. A person reads the
// time; texts of years 0001 to 9999 stand in its order.
const newestLayout = "20060102T150405.000"

// segmentsOf returns what the sort keys of a label's segments begin with.
func segmentsOf(s board.Shard, late bool) string {
	if late {
		return lateSK + "#" + s.String() + "#"
	}
	return segmentSK + "#" + s.String() + "#"
}

func newestText(t price.Timestamp) string { return t.Time().Format(newestLayout) }

func segmentKey(s board.Segment) string {
	return fmt.Sprintf("%s%s#%010d", segmentsOf(s.Shard, s.Late), newestText(s.High), s.Version)
}

// grace is how long after its newest observation left the retention a segment may be deleted.
const grace = 7 * 24 * time.Hour

// SegmentItem is a segment: flushed observations.
type SegmentItem struct {
	Late      bool        // it holds what was not later than all that had been flushed before
	Shard     board.Shard // it was flushed from
	Version   int64       // of the board that it was flushed from
	Offers    []board.SegmentOffer
	Count     int64           // of observations
	Low, High price.Timestamp // their oldest and newest observedAt
	Expires   time.Time
}

func segmentItem(productID string, seg board.Segment, retention time.Duration) item {
	it := key(ProductPartition(productID), segmentKey(seg))
	it[AttrPacked] = bin(seg.H)
	it[AttrCount] = number(int64(seg.N))
	it[AttrLow] = number(int64(seg.Low))
	it[AttrExpires] = number(seg.High.Add(retention + grace).Time().Unix())
	return it
}

func decodeSegmentItem(productID string, it item) (seg SegmentItem, err error) {
	if seg, err = parseSegmentKey(text(it, AttrSK)); err != nil {
		return SegmentItem{}, err
	}
	if seg.Offers, err = board.UnpackSegment(productID, blob(it, AttrPacked)); err != nil {
		return SegmentItem{}, fmt.Errorf("segment %s of %s: %w", text(it, AttrSK), productID, err)
	}
	var errs [3]error
	var low, expires int64
	seg.Count, errs[0] = integer(it, AttrCount)
	low, errs[1] = integer(it, AttrLow)
	expires, errs[2] = integer(it, AttrExpires)
	seg.Low = price.Timestamp(low)
	seg.Expires = time.Unix(expires, 0).UTC()
	if err := errors.Join(errs[:]...); err != nil {
		return SegmentItem{}, fmt.Errorf("segment %s of %s: %w: %w", text(it, AttrSK), productID, board.ErrFormat, err)
	}
	return seg, nil
}

// parseSegmentKey reads what a segment's sort key says.
func parseSegmentKey(sk string) (seg SegmentItem, err error) {
	parts := strings.Split(sk, "#")
	if len(parts) == 4 && (parts[0] == segmentSK || parts[0] == lateSK) {
		seg.Late = parts[0] == lateSK
		var errs [2]error
		seg.Shard, errs[0] = board.ParseShard(parts[1])
		seg.Version, errs[1] = strconv.ParseInt(parts[3], 10, 64)
		newest, timeErr := time.Parse(newestLayout, parts[2])
		seg.High = price.At(newest)
		known := board.Segment{Late: seg.Late, Shard: seg.Shard, Version: seg.Version, High: seg.High}
		if errors.Join(errs[0], errs[1], timeErr) == nil && segmentKey(known) == sk {
			return seg, nil
		}
	}
	return SegmentItem{}, fmt.Errorf("%w: sort key %q", board.ErrFormat, sk)
}

// InTail reports whether all of a segment's observations stand in the tail of a board, as they do when a flush wrote the segment and
// not the board that knows of it.
func (seg SegmentItem) InTail(b board.Board) bool {
	for _, part := range seg.Offers {
		o, _ := b.Find(part.Key)
		for _, e := range part.Observations {
			if !slices.Contains(o.Tail, e) {
				return false
			}
		}
	}
	return true
}

// errPutBack is a board that has not got beyond what was flushed from it: an older copy of it was put over a newer one. If it were
// written, its versions would be used a second time, and its segments would overlap those that stand there.
var errPutBack = errors.New("an older board was put back; tools/restore mends that")

// named is a segment as its sort key tells.
type named struct {
	name    string // its sort key; empty: there is none
	version int64
}

// flushedBeyond returns the first segment that is newer than all that a board knows as flushed. A flush of the board's own version that
// has not been finished makes one, and a later version that has not been seen yet. A weak read will do: it guards against what
// people do.
func (s *Store) flushedBeyond(ctx context.Context, b board.Board) (found named, err error) {
	from := segmentsOf(b.Shard, false)
	first := from
	if b.Flushed != price.NoTime {
		first += newestText(b.Flushed + 1)
	}
	err = s.query(ctx, ProductPartition(b.ProductID), first, from+greatestSK, queryOptions{limit: 1}, func(it item) (bool, error) {
		seg, err := parseSegmentKey(text(it, AttrSK))
		found = named{text(it, AttrSK), seg.Version}
		return false, err
	})
	if err != nil {
		return named{}, fmt.Errorf("look for later segments: %w", err)
	}
	return found, nil
}

// putSegment stores a segment. No segment is ever written twice: where one stands already it has to hold the same
// observations, as it does when another writer of the same version was first.
func (s *Store) putSegment(ctx context.Context, productID string, seg board.Segment) error {
	it := segmentItem(productID, seg, s.retention)
	what, there, err := s.putIf(ctx, "put segment", &types.Put{Item: it, ConditionExpression: aws.String("attribute_not_exists(pk)")})
	switch {
	case err != nil || what == committed:
		return err
	case what == locked: // nothing is known of what stands there
		return unavailable("Others write this product at this moment; repeat it.", errOvertaken)
	}
	mine, err := board.UnpackSegment(productID, seg.H)
	if err != nil {
		return err
	}
	stored, err := decodeSegmentItem(productID, there)
	if err != nil {
		return err
	}
	if !slices.Equal(rowsOf(mine), rowsOf(stored.Offers)) {
		return fmt.Errorf("%s of %s stands there with other observations: %w", segmentKey(seg), productID, errPutBack)
	}
	return nil
}

func rowsOf(offers []board.SegmentOffer) []board.Row {
	return board.Rows(nil, [][]board.SegmentOffer{offers}, board.Always)
}

// flushed reads all that was flushed under some labels and reaches into a span, strongly consistent: the version check does not
// protect against a segment that a weaker read misses.
func (s *Store) flushed(ctx context.Context, productID string, l label, span board.Span) ([][]board.SegmentOffer, error) {
	var segments [][]board.SegmentOffer
	for _, late := range []bool{false, true} {
		if span.From > l.flushed.Of(late) {
			continue
		}
		reach := board.Reach(span, late)
		o := queryOptions{consistent: true}
		if !late {
			o.limit = segmentsACall
			if span.From == span.To {
				o.limit = 1 // the one in which it would be
			}
		}
		from := segmentsOf(l.shard, late)
		err := s.query(ctx, ProductPartition(productID), from+newestText(reach.From), from+newestText(reach.To)+greatestSK, o,
			func(it item) (more bool, err error) {
				seg, err := decodeSegmentItem(productID, it)
				segments = append(segments, seg.Offers)
				return late || seg.High < span.To, err
			})
		if err != nil {
			return nil, err
		}
	}
	return segments, nil
}

// segmentsACall are some 4 KB, which a strongly consistent call costs at least.
const segmentsACall = 4

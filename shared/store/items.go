package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
)

const (
	competitorsKey = "competitors"
	boardSK        = "board"
	label          = "1" // of a board that was never split
)

func productKey(id string) string   { return "p#" + id }
func gtinKey(g price.GTIN) string   { return "g#" + string(g) }
func monthKey(m board.Month) string { return "seg#" + string(m) + "#" }
func segmentKey(s board.Segment) string {
	return fmt.Sprintf("%s%s#%010d", monthKey(s.Month), label, s.Version)
}

// Board reads a product's board strongly consistent. A product that was never observed nor put into the catalogue is
// a NotFound fault.
func (s *Store) Board(ctx context.Context, productID string) (board.Board, error) {
	it, err := s.find(ctx, productKey(productID), boardSK, true)
	if fault.Is(err, fault.NotFound) {
		return board.Board{}, fault.New(fault.NotFound, fault.CodeUnknownProduct,
			"No product "+strconv.Quote(productID)+" is in the catalogue, and none was observed.")
	}
	if err != nil {
		return board.Board{}, err
	}
	return decodeBoard(productID, it)
}

// decodeBoard reads a board's item. A board without a version holds nothing but own prices. What this release does
// not know is an error, never an empty board.
func decodeBoard(productID string, it item) (board.Board, error) {
	_, catalogued := it["own"]
	_, versioned := it["v"]
	if !versioned {
		b := board.New(productID)
		b.Catalogued = catalogued
		return b, nil
	}
	offers, ok := it["o"].(*types.AttributeValueMemberM)
	if !ok {
		return board.Board{}, fmt.Errorf("board of %s: %w: no offers", productID, board.ErrFormat)
	}
	p := board.Packed{F: price.NoTime, O: make(map[string]string, len(offers.Value)), H: blob(it, "h"), W: blob(it, "w")}
	var err error
	if p.V, err = integer(it, "v"); err != nil {
		return board.Board{}, fmt.Errorf("board of %s: %w: %w", productID, board.ErrFormat, err)
	}
	if _, ok := it["f"]; ok {
		f, err := integer(it, "f")
		if err != nil {
			return board.Board{}, fmt.Errorf("board of %s: %w: %w", productID, board.ErrFormat, err)
		}
		p.F = price.Timestamp(f)
	}
	for name, value := range offers.Value {
		s, _ := value.(*types.AttributeValueMemberS)
		if s == nil {
			return board.Board{}, fmt.Errorf("board of %s: %w: offer %q is no text", productID, board.ErrFormat, name)
		}
		p.O[name] = s.Value
	}
	b, err := board.Unpack(productID, p)
	if err != nil {
		return board.Board{}, fmt.Errorf("board of %s: %w", productID, err)
	}
	b.Catalogued = catalogued
	return b, nil
}

func offerMap(offers map[string]string) types.AttributeValue {
	m := make(item, len(offers))
	for name, value := range offers {
		m[name] = str(value)
	}
	return &types.AttributeValueMemberM{Value: m}
}

// grace is how long after its newest observation left the retention a segment may be deleted.
const grace = 7 * 24 * time.Hour

func segmentItem(productID string, seg board.Segment, retention time.Duration) item {
	it := key(productKey(productID), segmentKey(seg))
	it["h"] = bin(seg.H)
	it["n"] = number(int64(seg.N))
	it["lo"] = number(int64(seg.Low))
	it["hi"] = number(int64(seg.High))
	it["expires"] = number(seg.High.Add(retention + grace).Time().Unix())
	return it
}

// month reads the flushed history of one month strongly consistent.
func (s *Store) month(ctx context.Context, productID string, m board.Month) ([][]board.SegmentOffer, error) {
	var segments [][]board.SegmentOffer
	err := s.query(ctx, productKey(productID), monthKey(m), monthKey(m)+"~", false, true, func(it item) (bool, error) {
		offers, err := board.UnpackSegment(productID, blob(it, "h"))
		segments = append(segments, offers)
		return true, err
	})
	return segments, err
}

func text(it item, name string) string {
	if s, ok := it[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func blob(it item, name string) []byte {
	if b, ok := it[name].(*types.AttributeValueMemberB); ok {
		return b.Value
	}
	return nil
}

func integer(it item, name string) (int64, error) {
	n, ok := it[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, fmt.Errorf("attribute %s is no number", name)
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("attribute %s: %w", name, err)
	}
	return v, nil
}

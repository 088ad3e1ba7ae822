package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/price"
)

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func bin(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }
func key(pk, sk string) item            { return item{AttrPK: str(pk), AttrSK: str(sk)} }
func number(v int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
}

// parseBoardKey is the inverse of boardKey.
func parseBoardKey(sk string) (board.Shard, error) {
	if sk == boardSK {
		return board.Shard{}, nil
	}
	label, ok := strings.CutPrefix(sk, boardSK+"#")
	if !ok {
		return board.Shard{}, fmt.Errorf("%w: sort key %q", board.ErrFormat, sk)
	}
	shard, err := board.ParseShard(label)
	if err == nil && shard.N == 0 { // the whole board's label is that of its segments
		return shard, fmt.Errorf("%w: sort key %q", board.ErrFormat, sk)
	}
	return shard, err
}

// Directory is what the item "board" says beside, or instead of, a board.
type Directory struct {
	Version    int64 // of the item, whatever it holds; 0: it holds own prices alone
	Shards     int   // 0: the board is not split
	Past       []int // the numbers of shards it had before, least first
	Catalogued bool  // the product is in the catalogue
	Own        board.Own
	OwnVersion int64 // the version of the catalogue entry that Own came from
}

// lineage returns the shard and those its offers were in before, whose segments hold their older history.
func (d Directory) lineage(s board.Shard) []board.Shard {
	if s.N == 0 {
		return []board.Shard{s}
	}
	shards := []board.Shard{{}}
	for _, n := range d.Past {
		shards = append(shards, s.Ancestor(n))
	}
	return append(shards, s)
}

// BoardItem is an item of a product's board: the whole board, the directory of a split one, a shard, or what is left of a
// shard that was split further.
type BoardItem struct {
	Shard     board.Shard  // which part of the product it is or was; zero: the whole
	Board     *board.Board // nil: a directory, or a shard that was split further
	Directory Directory    // of a shard only the Version
}

// decodeBoardItem reads any item of a board. What this release does not know is an error, never an empty board.
func decodeBoardItem(productID string, it item) (BoardItem, error) {
	wrap := func(err error) error {
		return fmt.Errorf("%s of %s: %w: %w", text(it, AttrSK), productID, board.ErrFormat, err)
	}
	shard, err := parseBoardKey(text(it, AttrSK))
	if err != nil {
		return BoardItem{}, wrap(err)
	}
	bi := BoardItem{Shard: shard}
	if _, ok := it[AttrOwn]; ok {
		if err := bi.Directory.decodeOwn(it); err != nil {
			return BoardItem{}, wrap(err)
		}
	}
	if _, versioned := it[AttrVersion]; !versioned && shard.N == 0 { // nothing but own prices
		b := board.New(productID)
		bi.Board = &b
		return bi, nil
	}
	if bi.Directory.Version, err = integer(it, AttrVersion); err != nil {
		return BoardItem{}, wrap(err)
	}
	_, split := it[AttrShards]
	_, moved := it[AttrMoved]
	switch {
	case split && shard.N == 0:
		if err := bi.Directory.decodeShards(it); err != nil {
			return BoardItem{}, wrap(err)
		}
		return bi, nil
	case moved && shard.N > 0:
		return bi, nil
	}
	b, err := decodeBoard(productID, shard, bi.Directory.Version, it)
	if err != nil {
		return BoardItem{}, wrap(err)
	}
	bi.Board = &b
	return bi, nil
}

func (d *Directory) decodeOwn(it item) (err error) {
	d.Catalogued = true
	if d.Own, err = board.ParseOwn(text(it, AttrOwn)); err != nil {
		return err
	}
	d.OwnVersion, err = integer(it, AttrOwnVersion)
	return err
}

func (d *Directory) decodeShards(it item) error {
	counts, ok := it[AttrPast].(*types.AttributeValueMemberL)
	if !ok {
		return fmt.Errorf("attribute %s is no list", AttrPast)
	}
	all := append(slices.Clone(counts.Value), it[AttrShards])
	for _, count := range all {
		n, err := integer(item{AttrShards: count}, AttrShards)
		if err != nil {
			return err
		}
		if _, err := board.ParseShard(board.Shard{N: int(n)}.String()); err != nil || n < 2 {
			return fmt.Errorf("%d shards", n)
		}
		d.Past = append(d.Past, int(n))
	}
	d.Shards = d.Past[len(d.Past)-1]
	d.Past = d.Past[:len(d.Past)-1]
	return nil
}

func decodeBoard(productID string, shard board.Shard, version int64, it item) (board.Board, error) {
	offers, ok := it[AttrOffers].(*types.AttributeValueMemberM)
	if !ok {
		return board.Board{}, fmt.Errorf("attribute %s is no map", AttrOffers)
	}
	p := board.Packed{
		V: version, F: price.NoTime, O: make(map[string]string, len(offers.Value)), H: blob(it, AttrPacked), W: blob(it, AttrMarks),
	}
	if _, ok := it[AttrFlushed]; ok {
		f, err := integer(it, AttrFlushed)
		if err != nil {
			return board.Board{}, err
		}
		p.F = price.Timestamp(f)
	}
	for name, value := range offers.Value {
		s, _ := value.(*types.AttributeValueMemberS)
		if s == nil {
			return board.Board{}, fmt.Errorf("offer %q is no text", name)
		}
		p.O[name] = s.Value
	}
	return board.Unpack(productID, shard, p)
}

// boardAttributes returns a board's attributes but its key.
func boardAttributes(b board.Board) item {
	p := b.Pack()
	offers := make(item, len(p.O))
	for name, value := range p.O {
		offers[name] = str(value)
	}
	it := item{AttrVersion: number(p.V), AttrOffers: &types.AttributeValueMemberM{Value: offers}, AttrPacked: bin(p.H), AttrMarks: bin(p.W)}
	if p.F != price.NoTime {
		it[AttrFlushed] = number(int64(p.F))
	}
	return it
}

// grace is how long after its newest observation left the retention a segment may be deleted.
const grace = 7 * 24 * time.Hour

// SegmentItem is a segment: flushed observations of one month.
type SegmentItem struct {
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
	it[AttrHigh] = number(int64(seg.High))
	it[AttrExpires] = number(seg.High.Add(retention + grace).Time().Unix())
	return it
}

func decodeSegmentItem(productID string, it item) (SegmentItem, error) {
	offers, err := board.UnpackSegment(productID, blob(it, AttrPacked))
	if err != nil {
		return SegmentItem{}, err
	}
	count, errCount := integer(it, AttrCount)
	low, errLow := integer(it, AttrLow)
	high, errHigh := integer(it, AttrHigh)
	expires, errExpires := integer(it, AttrExpires)
	return SegmentItem{
		Offers: offers, Count: count, Low: price.Timestamp(low), High: price.Timestamp(high), Expires: time.Unix(expires, 0).UTC(),
	}, errors.Join(errCount, errLow, errHigh, errExpires)
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

// ItemSize is an item's size in bytes as DynamoDB bills it: names and values in UTF-8 bytes, a number one byte for two
// digits and one more, a list or map 3 bytes and one for each element.
func ItemSize(it map[string]types.AttributeValue) int {
	n := 0
	for name, value := range it {
		n += len(name) + valueSize(value)
	}
	return n
}

func valueSize(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(v.Value)+1)/2 + 1
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + ItemSize(v.Value)
	case *types.AttributeValueMemberL:
		n := 3
		for _, e := range v.Value {
			n += valueSize(e) + 1
		}
		return n
	}
	return 1
}

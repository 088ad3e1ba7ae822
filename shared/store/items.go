package store

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

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
	Version          int64   // of the item, whatever it holds; 0: it holds the catalogue's part alone
	Shards           int     // 0: the board is not split
	Past             []int   // the numbers of shards it had before, least first
	Flushed          Flushed // from the whole board; of a shard that was split further: from that
	Catalogued       bool    // the product is in the catalogue
	Catalogue        board.Catalogue
	CatalogueVersion int64 // the version of the catalogue entry that it came from
}

// Flushed says how far a board's history stands in segments: the newest observedAt of any, and of any late one. NoTime: there
// are none.
type Flushed struct{ Newest, Late price.Timestamp }

// Of returns the newest observedAt that stands in segments that are late, or in any.
func (f Flushed) Of(late bool) price.Timestamp {
	if late {
		return f.Late
	}
	return f.Newest
}

// unknownFlushed is that of a shard that was split further, when its item was not read: any segment may be there.
var unknownFlushed = Flushed{math.MaxInt64, math.MaxInt64}

// lineage returns the labels under which the history of a board's offers stands: its own, and those of the shards its offers
// were in before.
func (d Directory) lineage(b board.Board) []label {
	own := label{b.Shard, Flushed{b.Flushed, b.Late}}
	if b.Shard.N == 0 {
		return []label{own}
	}
	labels := []label{{board.Shard{}, d.Flushed}}
	for _, n := range d.Past {
		labels = append(labels, label{b.Shard.Ancestor(n), unknownFlushed})
	}
	return append(labels, own)
}

// keysOf returns the keys of the shard that holds an offer of a split product, and of what is left of those that did before.
func (d Directory) keysOf(offer price.OfferKey) []item {
	own := board.ShardOf(offer, d.Shards)
	keys := []item{key(ProductPartition(offer.ProductID), boardKey(own))}
	for _, n := range d.Past {
		keys = append(keys, key(ProductPartition(offer.ProductID), boardKey(own.Ancestor(n))))
	}
	return keys
}

// BoardItem is an item of a product's board: the whole board, the directory of a split one, a shard, or what is left of a
// shard that was split further.
type BoardItem struct {
	Shard     board.Shard  // which part of the product it is or was; zero: the whole
	Board     *board.Board // nil: a directory, or a shard that was split further
	Directory Directory    // of a shard only the Version
}

// onlyCatalogue is how many attributes an item has that holds nothing but the catalogue's part: its keys, cat and cv.
const onlyCatalogue = 4

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
	if _, ok := it[AttrCatalogue]; ok {
		if err := bi.Directory.decodeCatalogue(it); err != nil {
			return BoardItem{}, wrap(err)
		}
	}
	if bi.Directory.Flushed, err = decodeFlushed(it); err != nil {
		return BoardItem{}, wrap(err)
	}
	if bi.Directory.Catalogued && len(it) == onlyCatalogue && shard.N == 0 { // nothing but the catalogue's part
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
	b, err := decodeBoard(productID, shard, bi.Directory.Version, bi.Directory.Flushed, it)
	if err != nil {
		return BoardItem{}, wrap(err)
	}
	bi.Board = &b
	return bi, nil
}

func (d *Directory) decodeCatalogue(it item) (err error) {
	d.Catalogued = true
	if d.Catalogue, err = board.ParseCatalogue(text(it, AttrCatalogue)); err != nil {
		return err
	}
	d.CatalogueVersion, err = integer(it, AttrCatalogueVersion)
	return err
}

func decodeFlushed(it item) (Flushed, error) {
	newest, err := timestamp(it, AttrFlushed)
	late, lateErr := timestamp(it, AttrLate)
	return Flushed{newest, late}, errors.Join(err, lateErr)
}

// timestamp reads a time, which is NoTime when the attribute is absent.
func timestamp(it item, name string) (price.Timestamp, error) {
	if _, ok := it[name]; !ok {
		return price.NoTime, nil
	}
	v, err := integer(it, name)
	return price.Timestamp(v), err
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

func decodeBoard(productID string, shard board.Shard, version int64, flushed Flushed, it item) (board.Board, error) {
	offers, ok := it[AttrOffers].(*types.AttributeValueMemberM)
	if !ok {
		return board.Board{}, fmt.Errorf("attribute %s is no map", AttrOffers)
	}
	dropped, err := timestamp(it, AttrDropped)
	if err != nil {
		return board.Board{}, err
	}
	p := board.Packed{V: version, F: flushed.Newest, L: flushed.Late, D: dropped, O: make(map[string]string, len(offers.Value)),
		H: blob(it, AttrPacked), W: blob(it, AttrMarks)}
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
func boardAttributes(p board.Packed) item {
	offers := make(item, len(p.O))
	for name, value := range p.O {
		offers[name] = str(value)
	}
	it := item{AttrVersion: number(p.V), AttrOffers: &types.AttributeValueMemberM{Value: offers}, AttrPacked: bin(p.H), AttrMarks: bin(p.W)}
	maps.Copy(it, flushedAttributes(Flushed{p.F, p.L}))
	if p.D != price.NoTime {
		it[AttrDropped] = number(int64(p.D))
	}
	return it
}

// shardItem is the whole item of a shard.
func shardItem(b board.Board) item {
	it := boardAttributes(b.Pack())
	maps.Copy(it, key(ProductPartition(b.ProductID), boardKey(b.Shard)))
	return it
}

// pastAttribute is the numbers of shards that a product had before.
func pastAttribute(numbers []int) types.AttributeValue {
	past := make([]types.AttributeValue, len(numbers))
	for i, n := range numbers {
		past[i] = number(int64(n))
	}
	return &types.AttributeValueMemberL{Value: past}
}

func flushedAttributes(f Flushed) item {
	it := item{}
	for name, t := range map[string]price.Timestamp{AttrFlushed: f.Newest, AttrLate: f.Late} {
		if t != price.NoTime {
			it[name] = number(int64(t))
		}
	}
	return it
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

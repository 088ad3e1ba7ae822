package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/price"
)

const (
	competitorsKey = "competitors"
	boardSK        = "board"
	listingSK      = "listing"
	segmentPrefix  = "seg#"
)

func productKey(id string) string   { return "p#" + id }
func gtinKey(g price.GTIN) string   { return "g#" + string(g) }
func monthKey(m board.Month) string { return segmentPrefix + string(m) + "#" }
func segmentKey(s board.Segment) string {
	return fmt.Sprintf("%s%s#%010d", monthKey(s.Month), s.Shard, s.Version)
}

// boardKey returns the sort key of a shard, or of the whole board.
func boardKey(s board.Shard) string {
	if s.N == 0 {
		return boardSK
	}
	return boardSK + "#" + s.String()
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

// directory is what the item "board" says beside, or instead of, a board.
type directory struct {
	version    int64 // of the item, whatever it holds
	shards     int   // 0: the product's board is not divided
	past       []int // the numbers of shards it had before, least first
	catalogued bool
	own        board.Own
}

// lineage returns the shard and those its offers were in before, whose segments hold their older history.
func (d directory) lineage(s board.Shard) []board.Shard {
	if s.N == 0 {
		return []board.Shard{s}
	}
	shards := []board.Shard{{}}
	for _, n := range d.past {
		shards = append(shards, s.Ancestor(n))
	}
	return append(shards, s)
}

// stored is an item of a product's board.
type stored struct {
	directory directory    // of the item "board"
	shard     board.Shard  // which part of the product it is or was
	board     *board.Board // nil: a directory, or the marker that a divided shard leaves behind
}

// decodeStored reads the whole board, its directory, a shard or a marker. What this release does not know is an error,
// never an empty board.
func decodeStored(productID string, it item) (stored, error) {
	wrap := func(err error) error {
		return fmt.Errorf("%s of %s: %w: %w", text(it, "sk"), productID, board.ErrFormat, err)
	}
	shard, err := parseBoardKey(text(it, "sk"))
	if err != nil {
		return stored{}, wrap(err)
	}
	st := stored{shard: shard}
	if _, ok := it["own"]; ok {
		st.directory.catalogued = true
		if st.directory.own, err = board.ParseOwn(text(it, "own")); err != nil {
			return stored{}, wrap(err)
		}
	}
	if _, versioned := it["v"]; !versioned && shard.N == 0 { // nothing but own prices
		b := board.New(productID)
		st.board = &b
		return st, nil
	}
	if st.directory.version, err = integer(it, "v"); err != nil {
		return stored{}, wrap(err)
	}
	_, divided := it["shards"]
	_, moved := it["moved"]
	switch {
	case divided && shard.N == 0:
		if err := st.directory.decodeShards(it); err != nil {
			return stored{}, wrap(err)
		}
		return st, nil
	case moved && shard.N > 0:
		return st, nil
	}
	b, err := decodeBoard(productID, shard, it)
	if err != nil {
		return stored{}, wrap(err)
	}
	st.board = &b
	return st, nil
}

func (d *directory) decodeShards(it item) error {
	counts, ok := it["past"].(*types.AttributeValueMemberL)
	if !ok {
		return fmt.Errorf("attribute past is no list")
	}
	all := append(slices.Clone(counts.Value), it["shards"])
	for _, count := range all {
		n, err := integer(item{"shards": count}, "shards")
		if err != nil {
			return err
		}
		if _, err := board.ParseShard(board.Shard{N: int(n)}.String()); err != nil || n < 2 {
			return fmt.Errorf("%d shards", n)
		}
		d.past = append(d.past, int(n))
	}
	d.shards = d.past[len(d.past)-1]
	d.past = d.past[:len(d.past)-1]
	return nil
}

func decodeBoard(productID string, shard board.Shard, it item) (board.Board, error) {
	offers, ok := it["o"].(*types.AttributeValueMemberM)
	if !ok {
		return board.Board{}, fmt.Errorf("attribute o is no map")
	}
	p := board.Packed{F: price.NoTime, O: make(map[string]string, len(offers.Value)), H: blob(it, "h"), W: blob(it, "w")}
	var err error
	if p.V, err = integer(it, "v"); err != nil {
		return board.Board{}, err
	}
	if _, ok := it["f"]; ok {
		f, err := integer(it, "f")
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
	it := item{"v": number(p.V), "o": &types.AttributeValueMemberM{Value: offers}, "h": bin(p.H), "w": bin(p.W)}
	if p.F != price.NoTime {
		it["f"] = number(int64(p.F))
	}
	return it
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

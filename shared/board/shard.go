package board

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"pricing/shared/price"
)

// MaxShards is how many shards a product has at most. Splitting 32 into 64 is one transaction of 97 items; DynamoDB takes 100.
const MaxShards = 64

// A write bills its whole item and one version admits one writer at a time, so a product with many offers is split.
const (
	splitAt   = 2 * kilobyte     // the size of the offers, tail aside, beyond which the next writer splits first
	shardGoal = kilobyte * 3 / 4 // what the offers of a shard should take, so that a tail fits into the first KB as well
)

// Shard names a part of a product's board: offers whose key hashes to I modulo N, a power of two. The zero value is
// the whole board.
type Shard struct{ N, I int }

// String returns the shard's label, which is also that of the segments flushed from it: "1" for the whole board, else
// "<n>.<i>". Labels are stored.
func (s Shard) String() string {
	if s.N == 0 {
		return "1"
	}
	return strconv.Itoa(s.N) + "." + strconv.Itoa(s.I)
}

// ParseShard reads a label.
func ParseShard(label string) (Shard, error) {
	if label == "1" {
		return Shard{}, nil
	}
	n, i, _ := strings.Cut(label, ".")
	s := Shard{}
	var errs [2]error
	s.N, errs[0] = strconv.Atoi(n)
	s.I, errs[1] = strconv.Atoi(i)
	if errs != [2]error{} || !validShards(s.N) || s.I < 0 || s.I >= s.N || s.String() != label {
		return Shard{}, fmt.Errorf("%w: shard %q", ErrFormat, label)
	}
	return s, nil
}

func validShards(n int) bool { return n >= 2 && n <= MaxShards && bits.OnesCount(uint(n)) == 1 }

// ShardOf returns the shard of n that holds a key: by the first byte of the SHA-256 of the key's text.
func ShardOf(key price.OfferKey, n int) Shard {
	if n == 0 {
		return Shard{}
	}
	return Shard{n, int(sha256.Sum256([]byte(KeyText(key)))[0]) % n}
}

// Ancestor returns the shard of n parts that held this one's offers before; n = 0 is the whole board.
func (s Shard) Ancestor(n int) Shard {
	if n == 0 {
		return Shard{}
	}
	return Shard{n, s.I % n}
}

// SplitDue returns how many shards the product should have before anything more is written to this board, or 0 when no split is
// due. Like a flush it depends on the stored board alone.
func (b Board) SplitDue() int {
	size, tail := b.size()
	offers := size - tail
	switch {
	case offers <= splitAt || b.Shard.N >= MaxShards:
		return 0
	case b.Shard.N > 0:
		return 2 * b.Shard.N
	}
	n := 2
	for n < MaxShards && offers/n > shardGoal {
		n *= 2
	}
	return n
}

// Split splits a product's boards into n shards: the whole board into any valid n, or all shards into twice as many.
// parts are in the order of their I. A shard starts one version above the board that it replaces, so no version is ever used
// twice under one segment key. It inherits what was flushed and dropped, and the marks, so a writer that got no answer still finds
// its own; only late segments are counted anew under its label. Every writer of one release splits equal boards into equal
// shards.
func Split(parts []Board, n int) []Board {
	shards := make([]Board, n)
	for i := range shards {
		from := parts[i%len(parts)]
		shards[i] = Board{
			ProductID: from.ProductID, Shard: Shard{n, i}, Version: from.Version + 1, Marks: from.Marks,
			Flushed: from.Flushed, Late: price.NoTime, Dropped: from.Dropped, Grown: from.Grown * len(parts) / n,
		}
		shards[i].Marks[shards[i].Version%int64(len(from.Marks))] = Mark{} // nobody's: no request wrote this version
	}
	for _, part := range parts {
		for _, o := range part.Offers { // in key order, so the shards' are as well
			i := ShardOf(o.Key, n).I
			shards[i].Offers = append(shards[i].Offers, o)
		}
	}
	return shards
}

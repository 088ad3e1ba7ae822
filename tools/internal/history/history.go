// Package history reads all observations that a table holds, product by product, for tools that copy, compare or restore them.
//
// An observation stands in the tail of a board or, once that was flushed, in a segment; after a crash between the two writes, or where
// a read met a flush, in both. So what is read is merged by identity: offer key, observedAt and source.
//
// What surprises is why nothing is missed, though a Scan or Query is no snapshot and writers go on. Items of a partition are read one
// after the other in the order of their sort keys, each strongly consistent. Observations only move: from a board into a segment,
// which is written first, or in a split from a board to new shards, in one transaction. So an observation is missed only if it moved
// to an item that had been read already. Segments sort after all boards, and shards after the whole board. But shards of 16 and more
// sort before those of 8 and fewer, which they replace. An item that was split says how many shards replaced it, and shards are
// never deleted, so the missing ones are noticed (Partition.Missing), and the partition is read again.
package history

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// Partition is what was read of a partition. That of a product has boards.
type Partition struct {
	Key      string // pk
	Items    int    // all of them
	Boards   []store.BoardItem
	Segments int
	Problems []Problem // items that this release cannot read

	flushed map[price.OfferKey][]board.Observation // of all segments
}

// Problem is something in the table that is not as it should be.
type Problem struct {
	Partition string `json:"pk"`
	Item      string `json:"sk,omitempty"` // empty: it is about the partition
	What      string `json:"what"`
}

// String is the problem in one line.
func (p Problem) String() string {
	if p.Item == "" {
		return p.Partition + ": " + p.What
	}
	return p.Partition + " " + p.Item + ": " + p.What
}

// KeyOf returns an item's keys.
func KeyOf(it map[string]types.AttributeValue) (pk, sk string) {
	text := func(name string) string {
		if s, ok := it[name].(*types.AttributeValueMemberS); ok {
			return s.Value
		}
		return ""
	}
	return text(store.AttrPK), text(store.AttrSK)
}

// Add adds an item of the partition, in any order, and returns it decoded (see store.Decode). One that cannot be read becomes a
// problem, and is nil.
func (p *Partition) Add(it map[string]types.AttributeValue) any {
	_, sk := KeyOf(it)
	decoded, err := store.Decode(it)
	if err != nil {
		p.Refuse(sk, err)
		return nil
	}
	p.Items++
	switch decoded := decoded.(type) {
	case store.BoardItem:
		p.Boards = append(p.Boards, decoded)
	case store.SegmentItem:
		p.addSegment(decoded.Offers)
	}
	return decoded
}

func (p *Partition) addSegment(offers []board.SegmentOffer) {
	p.Segments++
	if p.flushed == nil {
		p.flushed = map[price.OfferKey][]board.Observation{}
	}
	for _, o := range offers {
		p.flushed[o.Key] = append(p.flushed[o.Key], o.Observations...)
	}
}

// Refuse adds an item of the partition that cannot be read.
func (p *Partition) Refuse(sk string, err error) {
	p.Items++
	p.Problems = append(p.Problems, Problem{p.Key, sk, err.Error()})
}

// CheckWhole makes it a problem of the partition if shards are missing, for one that cannot be read again.
func (p *Partition) CheckWhole() {
	missing := p.Missing()
	if len(missing) == 0 {
		return
	}
	labels := make([]string, len(missing))
	for i, s := range missing {
		labels[i] = s.String()
	}
	p.Problems = append(p.Problems, Problem{p.Key, "", "the shards " + strings.Join(labels, " ") + " are missing, so observations may be"})
}

// Missing names the shards that must exist, since an item was split into them, and that were not read. If there are any, what was
// read may lack observations; see the package comment.
func (p *Partition) Missing() []board.Shard {
	read := map[board.Shard]bool{}
	for _, b := range p.Boards {
		read[b.Shard] = true
	}
	var missing []board.Shard
	need := func(s board.Shard) {
		if !read[s] && !slices.Contains(missing, s) {
			missing = append(missing, s)
		}
	}
	for _, b := range p.Boards {
		switch {
		case b.Board != nil:
		case b.Shard.N == 0:
			for i := range b.Directory.Shards {
				need(board.Shard{N: b.Directory.Shards, I: i})
			}
		default: // a split doubles
			need(board.Shard{N: 2 * b.Shard.N, I: b.Shard.I})
			need(board.Shard{N: 2 * b.Shard.N, I: b.Shard.I + b.Shard.N})
		}
	}
	return missing
}

// Offer is all observations of an offer that were read, each once.
type Offer struct {
	Key          price.OfferKey
	Observations []board.Observation // by observedAt, then source
}

// Merged is what all boards and segments of a partition hold together.
type Merged struct {
	offers   map[price.OfferKey][]board.Observation
	Repeated int       // observations that stood in a further place
	Problems []Problem // observations that stand in two places with different content
}

// Merge puts the observations of all boards and segments together. Of two that differ under one identity, which no release writes,
// that which was received first is kept, and the problem is told. An offer's current observation counts as well: where its segment
// has expired, it is all that is left.
//
// It takes the partition's memory over, since a product may have millions of observations: call it once.
func (p *Partition) Merge() Merged {
	m := Merged{offers: p.flushed}
	if p.flushed = nil; m.offers == nil {
		m.offers = map[price.OfferKey][]board.Observation{}
	}
	for _, b := range p.Boards {
		if b.Board == nil {
			continue
		}
		for _, o := range b.Board.Offers {
			m.offers[o.Key] = append(m.offers[o.Key], o.Tail...)
		}
	}
	for key, all := range m.offers {
		m.offers[key] = m.merge(p.Key, key, all)
	}
	for _, b := range p.Boards {
		if b.Board == nil {
			continue
		}
		for _, o := range b.Board.Offers {
			if at, ok := slices.BinarySearchFunc(m.offers[o.Key], o.Current, byIdentity); !ok {
				m.offers[o.Key] = slices.Insert(m.offers[o.Key], at, o.Current)
			}
		}
	}
	return m
}

// merge sorts the observations of an offer and leaves each once.
func (m *Merged) merge(partition string, key price.OfferKey, all []board.Observation) []board.Observation {
	slices.SortStableFunc(all, func(a, b board.Observation) int {
		return cmp.Or(byIdentity(a, b), cmp.Compare(a.ReceivedAt, b.ReceivedAt))
	})
	return slices.CompactFunc(all, func(kept, next board.Observation) bool {
		if byIdentity(kept, next) != 0 {
			return false
		}
		m.Repeated++
		if kept.Terms != next.Terms || kept.Source != next.Source {
			m.Problems = append(m.Problems, Problem{
				partition, "", fmt.Sprintf("observation %s stands in two places with different content", kept.ID(key)),
			})
		}
		return true
	})
}

func byIdentity(a, b board.Observation) int {
	return cmp.Or(cmp.Compare(a.ObservedAt, b.ObservedAt), strings.Compare(a.Source.ID, b.Source.ID))
}

// Offers are the offers in the order of their keys, with all their observations.
func (m Merged) Offers() iter.Seq[Offer] {
	return func(yield func(Offer) bool) {
		for _, key := range slices.SortedFunc(maps.Keys(m.offers), price.OfferKey.Compare) {
			if !yield(Offer{key, m.offers[key]}) {
				return
			}
		}
	}
}

// Items reads a partition, as *store.Store does.
type Items interface {
	Items(ctx context.Context, partition string) ([]map[string]types.AttributeValue, error)
}

// Read reads a partition by strongly consistent queries until its items fit together. An empty partition has no items.
//
// A shard that is missing twice is missing in the table, which is a problem of the partition: what the first read found split had been
// split when the second began.
func Read(ctx context.Context, from Items, partition string) (Partition, error) {
	var before []board.Shard
	for {
		items, err := from.Items(ctx, partition)
		if err != nil {
			return Partition{}, err
		}
		p := Partition{Key: partition}
		for _, it := range items {
			p.Add(it)
		}
		missing := p.Missing()
		for _, s := range missing {
			if slices.Contains(before, s) {
				p.CheckWhole()
				return p, nil
			}
		}
		if len(missing) == 0 {
			return p, nil
		}
		before = missing
	}
}

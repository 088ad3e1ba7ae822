package history

import (
	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// NewPartition returns a partition of which boards and segments were read.
func NewPartition(key string, boards []store.BoardItem, segments ...[]board.SegmentOffer) *Partition {
	p := &Partition{Key: key, Boards: boards, flushed: map[price.OfferKey][]board.Observation{}}
	for _, offers := range segments {
		p.addSegment(offers)
	}
	return p
}

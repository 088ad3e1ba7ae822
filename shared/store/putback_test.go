package store_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/store"
)

// TestRace_ABoardThatWasPutBack: somebody puts an older copy of a board over a newer one, whose versions are then used a second
// time. What was flushed is never overwritten; the next flush fails for all to see, and the board stays as it is.
func TestRace_ABoardThatWasPutBack(t *testing.T) {
	t.Parallel()
	// singles writes one observation a minute until a flush is due, and returns the board before the last of them.
	singles := func(r *race) (before map[string]types.AttributeValue, last int) {
		for minute := 1; ; minute++ {
			if minute > 1 {
				before = r.items("board")[0]
			}
			r.write(r.quick, observed(0, minute)...)
			p, err := r.quick.Product(t.Context(), racers, false)
			require.NoError(t, err)
			if p.Boards[0].FlushDue() {
				return before, minute
			}
		}
	}
	putBack := func(r *race, it map[string]types.AttributeValue) {
		_, err := r.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &r.table, Item: it})
		require.NoError(t, err)
	}
	fails := func(r *race, minute int) {
		t.Helper()
		items := r.items("")
		verdicts := record(t, r.quick, at(5000), observed(0, minute)...)
		assert.Equal(t, []string{"failed"}, outcomes(verdicts))
		require.Error(t, verdicts[0].Err)
		assert.True(t, fault.Is(verdicts[0].Err, fault.Internal), "for us to mend")
		assert.Contains(t, verdicts[0].Err.Error(), "an older board was put back")
		assert.Equal(t, items, r.items(""))
	}
	t.Run("the next flush has the name of one that was made", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		before, last := singles(r)
		r.write(r.quick, observed(0, last+1)...)
		require.Len(t, r.items("seg#"), 1)
		putBack(r, before)
		other := observed(0, last)
		other[0].Observation.Source.ID = "crawler-b"
		r.write(r.quick, other...)
		fails(r, last+2)
	})
	t.Run("the next flush is of a time that was flushed", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.write(r.quick, observed(0, 1)...)
		before := r.items("board")[0]
		next := r.untilFlushDue(2)
		r.write(r.quick, observed(0, next)...)
		require.Len(t, r.items("seg#"), 1)
		putBack(r, before)
		next = r.untilFlushDue(next + 1)
		fails(r, next)
	})
}

// A segment that a board's next flush would write holds the very observations of its tail. One that was flushed before an older board
// was put back does not, although the same was sent once more: it was received at another time.
func TestSegmentItem_InTail(t *testing.T) {
	t.Parallel()
	b := board.Board{Offers: []board.Offer{{Tail: []board.Observation{{ObservedAt: 2, ReceivedAt: 9}, {ObservedAt: 1, ReceivedAt: 9}}}}}
	segment := func(observations ...board.Observation) store.SegmentItem {
		return store.SegmentItem{Offers: []board.SegmentOffer{{Observations: observations}}}
	}
	assert.True(t, segment(board.Observation{ObservedAt: 1, ReceivedAt: 9}).InTail(b))
	assert.False(t, segment(board.Observation{ObservedAt: 1, ReceivedAt: 9}, board.Observation{ObservedAt: 3, ReceivedAt: 9}).InTail(b))
	assert.False(t, segment(board.Observation{ObservedAt: 1, ReceivedAt: 8}).InTail(b))
	assert.False(t, segment(board.Observation{ObservedAt: 1, ReceivedAt: 9}).InTail(board.Board{}))
}

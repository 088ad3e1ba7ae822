package board_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
)

// TestApply_NoRoom: offers that are there go on whatever their number; new ones are refused, in the order of the request, when the
// product or the shard has too many.
func TestApply_NoRoom(t *testing.T) {
	there := func(shard board.Shard, offers int) board.Board {
		b := board.New(product)
		b.Shard = shard
		b.Version = 1
		for i := range offers {
			in := seller(i, 0)
			b.Offers = append(b.Offers, board.Offer{Key: in.Key, Current: in.Observation, FirstSeen: at(0), RunStart: at(0),
				Previous: board.Previous{At: price.NoTime}})
		}
		return b
	}
	shard := board.Shard{N: 2}
	conflicting := seller(1, 9)
	conflicting.Observation.Terms.Price = usd(1)
	for name, tt := range map[string]struct {
		board   board.Board
		room    int
		in      []board.Incoming
		want    []string
		created int
	}{
		"room": {there(shard, 0), 2, []board.Incoming{seller(0, 9), seller(1, 9)}, []string{"created", "created"}, 2},
		"room for one": {there(shard, 0), 1, []board.Incoming{seller(1, 9), seller(0, 9), seller(1, 10)},
			[]string{"created", "rejected", "unchanged"}, 1},
		"no room":        {there(shard, 1), 0, []board.Incoming{seller(1, 9), seller(0, 9)}, []string{"rejected", "unchanged"}, 0},
		"less than none": {there(shard, 1), -3, []board.Incoming{seller(1, 9), seller(0, 9)}, []string{"rejected", "unchanged"}, 0},
		"a repetition and a conflict in the request": {there(shard, 1), 0,
			[]board.Incoming{seller(1, 9), seller(1, 9), conflicting, seller(0, 0)},
			[]string{"rejected", "rejected", "rejected", "duplicate"}, 0},
		"the last of a shard":  {there(shard, 199), 9, []board.Incoming{seller(199, 9), seller(200, 9)}, []string{"created", "rejected"}, 1},
		"a full shard":         {there(shard, 200), 9, []board.Incoming{seller(200, 9), seller(7, 9)}, []string{"rejected", "unchanged"}, 0},
		"one that is too full": {there(shard, 230), 9, []board.Incoming{seller(230, 9), seller(229, 9)}, []string{"rejected", "unchanged"}, 0},
		"as many on an unsplit board": {there(board.Shard{}, 200), 9, []board.Incoming{seller(200, 9), seller(7, 9)},
			[]string{"created", "unchanged"}, 1},
	} {
		change, need := board.Apply(tt.board, tt.in, board.Request{Clock: clock, Room: tt.room}, nil)
		require.Empty(t, need, name)
		assert.Equal(t, tt.want, outcomes(change.Results), name)
		assert.Equal(t, tt.created, change.Created, name)
		assert.Len(t, change.Next.Offers, len(tt.board.Offers)+tt.created, name)
		for i, r := range change.Results {
			if r.Outcome == board.NoRoom {
				assert.False(t, r.Current, name)
				assert.Equal(t, board.Observation{}, r.Stored, name)
				_, ok := change.Next.Find(tt.in[i].Key)
				assert.False(t, ok, name)
			}
		}
	}

	t.Run("nothing is written, and no url, for what is refused alone", func(t *testing.T) {
		b := there(shard, 200)
		in := seller(200, 9)
		in.URL = "https://marketplace.example"
		change, _ := board.Apply(b, []board.Incoming{in}, board.Request{Clock: clock, Room: 9}, nil)
		assert.False(t, change.Write)
		assert.Empty(t, change.URLs)
		assert.Equal(t, b, change.Next)
		assert.Equal(t, price.NoTime, change.Results[0].Offer.Current.ObservedAt)
	})
	t.Run("the room of offers that leave is free", func(t *testing.T) {
		b := there(shard, 200)
		later := price.Clock{Now: at(1).Add(clock.Retention), Retention: clock.Retention}
		change, _ := board.Apply(b, []board.Incoming{seller(200, 9)}, board.Request{Clock: later, Room: 9}, nil)
		assert.Equal(t, []string{"created"}, outcomes(change.Results))
		assert.Len(t, change.Next.Offers, 1)
	})
	t.Run("a duplicate of what left needs none", func(t *testing.T) {
		b := there(shard, 200)
		b.Flushed = at(5)
		b.Dropped = at(5)
		var history board.History
		history.Add(board.Span{From: at(5), To: at(5)}, rowsOf(seller(200, 5)))
		change, need := board.Apply(b, []board.Incoming{seller(200, 5)}, board.Request{Clock: clock}, &history)
		require.Empty(t, need)
		assert.Equal(t, []string{"duplicate"}, outcomes(change.Results))
	})
}

// seller is an observation of an offer of a marketplace, minutes after start. Its key is of any shard.
func seller(n, minutes int) board.Incoming {
	in := seen("marketplace", at(minutes), 1995)
	in.Key.SellerID = fmt.Sprintf("%04d", n)
	return in
}

package board_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
)

// eight is a usual board: eight offers, each with a url, and a tail that almost fills the first KB.
func eight(t require.TestingT) board.Board {
	tb := newTable()
	for i := range 30 {
		in := seen(fmt.Sprintf("competitor-%d", i%8), at(i*17), 1995)
		in.URL = fmt.Sprintf("https://competitor-%d.example/p/77", i%8)
		tb.put(t, []board.Incoming{in}, clock)
	}
	return tb.board(t)
}

// TestBoard_SizesCostNothing: what a writer asks of each board that it has read encodes nothing.
func TestBoard_SizesCostNothing(t *testing.T) {
	b := eight(t)
	require.Len(t, b.Offers, 8)
	for name, ask := range map[string]func(){
		"Size":     func() { b.Size() },
		"FlushDue": func() { b.FlushDue() },
		"SplitDue": func() { b.SplitDue() },
	} {
		assert.LessOrEqual(t, testing.AllocsPerRun(100, ask), float64(4), "%s: the texts of a few numbers, and no packed form", name)
	}
	packing := testing.AllocsPerRun(100, func() { b.Pack() })
	assert.Greater(t, packing, float64(16), "what packing takes")
}

// TestChange_Packed: the next board comes packed as Pack would do it, whatever was flushed, added or dropped.
func TestChange_Packed(t *testing.T) {
	b := eight(t)
	r := board.Request{Clock: clock, Mark: board.Mark{7}, Room: board.MaxOffers}
	withURL := func(in board.Incoming, url string) board.Incoming {
		in.URL = url
		return in
	}
	var flushed []bool // late or not
	requests := []board.Incoming{
		seen("competitor-3", at(1000), 1995), seen("new", at(1001), 1), seen("competitor-3", at(40), 7),
		withURL(seen("competitor-0", at(0), 1995), "https://other.example"), // a duplicate
		withURL(seen("competitor-0", at(1002), 1995), "https://other.example"),
	}
	for i := range 50 {
		requests = append(requests, seen("competitor-1", at(1003+i), int64(i)))
	}
	requests = append(requests, seen("last", clock.Now, 5))
	for i, in := range requests {
		if i == len(requests)-1 {
			r.Clock = price.Clock{Now: clock.Now, Retention: oneDay}
		}
		change, need := board.Apply(b, []board.Incoming{in}, r, nil)
		require.Empty(t, need)
		if !change.Write {
			assert.Equal(t, board.Packed{}, change.Packed)
			continue
		}
		assert.Equal(t, change.Next.Pack(), change.Packed, "%d", i)
		for _, s := range change.Segments {
			flushed = append(flushed, s.Late)
		}
		again, err := board.Unpack(product, board.Shard{}, change.Packed)
		require.NoError(t, err)
		assert.Equal(t, []int{change.Next.Size(), change.Next.SplitDue()}, []int{again.Size(), again.SplitDue()})
		b = again
	}
	assert.Equal(t, []bool{false, true}, flushed)
	assert.Len(t, b.Offers, 1)
}

// TestBoard_Grown: the next write is expected to add what the last one did that added anything.
func TestBoard_Grown(t *testing.T) {
	tb := newTable()
	for i := range 4 {
		tb.put(t, []board.Incoming{seen("bigmart", at(i), 1995)}, clock)
	}
	grown := tb.board(t).Grown
	assert.Greater(t, grown, 3)
	again := seen("bigmart", at(1), 1995)
	again.URL = "https://bigmart.example"
	version := tb.board(t).Version
	tb.put(t, []board.Incoming{again}, clock)
	assert.Equal(t, version+1, tb.board(t).Version)
	assert.Equal(t, grown, tb.board(t).Grown)
}

// BenchmarkWrite is what one more observation of a usual board costs: reading it, deciding, and the form that is stored. Beside it
// stands what encoding costs alone: that is done once in it.
func BenchmarkWrite(b *testing.B) {
	start := eight(b)
	p := start.Pack()
	in := []board.Incoming{seen("competitor-3", at(1000), 1995)}
	r := board.Request{Clock: clock, Mark: board.Mark{7}, Room: board.MaxOffers}
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			read, err := board.Unpack(product, board.Shard{}, p)
			if err != nil || read.SplitDue() > 0 {
				b.Fatal(err)
			}
			if change, need := board.Apply(read, in, r, nil); len(need) > 0 || !change.Write {
				b.Fatal(change)
			}
		}
		b.ReportMetric(float64(start.Size()), "B/board")
	})
	b.Run("encoding", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			start.Pack()
		}
	})
	b.Run("decoding", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := board.Unpack(product, board.Shard{}, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

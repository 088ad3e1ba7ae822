package board_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
)

// What is stored may be damaged or of another release. A decoder never panics, and what it accepts encodes to something
// that decodes to the same: else a board that was read and written back would change. The seeds are the
// golden forms, and some near them in testdata/fuzz.

func FuzzUnpack(f *testing.F) {
	for _, state := range []board.State{0, 7} { // format 1 and 2
		p := golden(state).Pack()
		keys := slices.Sorted(maps.Keys(p.O))
		f.Add("1", p.V, int64(p.F), int64(p.L), int64(p.D), keys[0], p.O[keys[0]], keys[1], p.O[keys[1]], keys[2], p.O[keys[2]], p.H, p.W)
	}
	f.Fuzz(func(t *testing.T, shard string, v, flushed, late, dropped int64, key1, text1, key2, text2, key3, text3 string, h, w []byte) {
		s, err := board.ParseShard(shard)
		if err != nil {
			return
		}
		p := board.Packed{
			V: v, F: price.Timestamp(flushed), L: price.Timestamp(late), D: price.Timestamp(dropped), O: map[string]string{}, H: h, W: w,
		}
		for key, text := range map[string]string{key1: text1, key2: text2, key3: text3} {
			if key != "" {
				p.O[key] = text
			}
		}
		b, err := board.Unpack(product, s, p)
		if err != nil {
			require.ErrorIs(t, err, board.ErrFormat)
			return
		}
		again, err := board.Unpack(product, s, b.Pack())
		require.NoError(t, err)
		requireSame(t, b, again)
	})
}

func FuzzUnpackSegment(f *testing.F) {
	f.Fuzz(func(t *testing.T, h []byte) {
		offers, err := board.UnpackSegment(product, h)
		if err != nil {
			require.ErrorIs(t, err, board.ErrFormat)
			return
		}
		again, err := board.UnpackSegment(product, board.PackSegment(offers))
		require.NoError(t, err)
		require.Equal(t, offers, again)
	})
}

func FuzzParseKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		k, err := board.ParseKey(product, text)
		if err != nil {
			return
		}
		require.Equal(t, text, board.KeyText(k))
	})
}

func FuzzParseShard(f *testing.F) {
	f.Fuzz(func(t *testing.T, label string) {
		s, err := board.ParseShard(label)
		if err != nil {
			require.ErrorIs(t, err, board.ErrFormat)
			return
		}
		require.Equal(t, label, s.String())
	})
}

func FuzzParseCatalogue(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		c, err := board.ParseCatalogue(text)
		if err != nil {
			require.ErrorIs(t, err, board.ErrFormat)
			return
		}
		again, err := board.ParseCatalogue(c.Text())
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

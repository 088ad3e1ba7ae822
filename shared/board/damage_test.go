package board_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"pricing/shared/board"
)

// damage visits what becomes of a packed form when one of its bytes is another: by one bit, by a power of two more or less, or
// any of them. So each length, flag, place and number changes in every direction.
func damage(good []byte, visit func(bad []byte)) {
	for i, was := range good {
		bad := slices.Clone(good)
		for bit := byte(1); bit != 0; bit <<= 1 {
			for _, b := range []byte{was ^ bit, was + bit, was - bit, bit, bit - 1} {
				bad[i] = b
				visit(bad)
			}
		}
	}
}

// A board that is cut short or has a byte too many is never read, as if what is missing were 0. One with another byte is
// either refused, or something that a release may write: packed and unpacked again it is the same.
func TestUnpack_Damaged(t *testing.T) {
	for _, state := range []board.State{0, 7} {
		good := golden(state).Pack()
		with := func(change func(*board.Packed)) board.Packed {
			p := good
			p.O = maps.Clone(good.O)
			change(&p)
			return p
		}
		refused := func(p board.Packed) {
			_, err := board.Unpack(product, board.Shard{}, p)
			require.ErrorIs(t, err, board.ErrFormat)
		}
		refusedOrSame := func(p board.Packed) {
			b, err := board.Unpack(product, board.Shard{}, p)
			if err != nil {
				require.ErrorIs(t, err, board.ErrFormat)
				return
			}
			again, err := board.Unpack(product, board.Shard{}, b.Pack())
			require.NoError(t, err)
			requireSame(t, b, again)
		}
		for n := range good.H {
			refused(with(func(p *board.Packed) { p.H = good.H[:n] }))
		}
		refused(with(func(p *board.Packed) { p.H = append(slices.Clone(good.H), 0) }))
		damage(good.H, func(bad []byte) { refusedOrSame(with(func(p *board.Packed) { p.H = bad })) })
		for n := range good.W {
			refused(with(func(p *board.Packed) { p.W = good.W[:n] }))
		}
		refused(with(func(p *board.Packed) { p.W = append(slices.Clone(good.W), 0) }))
		for key, text := range good.O {
			refused(with(func(p *board.Packed) { delete(p.O, key) })) // its rest stands in h
			for n := range text {
				refusedOrSame(with(func(p *board.Packed) { p.O[key] = text[:n] }))
			}
			damage([]byte(text), func(bad []byte) { refusedOrSame(with(func(p *board.Packed) { p.O[key] = string(bad) })) })
			damage([]byte(key), func(bad []byte) {
				refusedOrSame(with(func(p *board.Packed) {
					delete(p.O, key)
					p.O[string(bad)] = text
				}))
			})
		}
	}
}

// The same of a segment.
func TestUnpackSegment_Damaged(t *testing.T) {
	for _, text := range goldenSegment {
		good := unhex(t, text)
		for n := range good {
			_, err := board.UnpackSegment(product, good[:n])
			require.ErrorIs(t, err, board.ErrFormat)
		}
		_, err := board.UnpackSegment(product, append(slices.Clone(good), 0))
		require.ErrorIs(t, err, board.ErrFormat)
		damage(good, func(bad []byte) {
			offers, err := board.UnpackSegment(product, bad)
			if err != nil {
				require.ErrorIs(t, err, board.ErrFormat)
				return
			}
			again, err := board.UnpackSegment(product, board.PackSegment(offers))
			require.NoError(t, err)
			require.Equal(t, offers, again)
		})
	}
}

package board_test

import (
	"encoding/binary"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
)

// join makes a packed form of its parts: a text stands for its bytes, a number for one byte.
func join(parts ...any) []byte {
	var form []byte
	for _, part := range parts {
		switch p := part.(type) {
		case int:
			form = append(form, byte(p))
		case string:
			form = append(form, p...)
		case []byte:
			form = append(form, p...)
		}
	}
	return form
}

func uvarint(n uint64) []byte { return binary.AppendUvarint(nil, n) }

// The parts of a packed form, as codec.go describes them.
var (
	head       = join(1, 0)                                     // of a board: format, base lag
	sources    = join(1, 0, 9, "crawler-a")                     // one: its kind and id
	currencies = join(1, "USD")                                 // one
	current    = join(2, 0, 0, 0)                               // the source, its place; as far as the text has it
	run        = join(0, 0)                                     // it began with the current one, and nothing before it
	never      = run                                            // the same, and no url, which the flags of the current one say
	noTail     = join(0, 0)                                     // and nothing that the last write added
	name       = "\x29hjkmnpq"                                  // of a url
	top        = join(1, 0x80, 0x8a, 0xbf, 0xea, 0xe6, 0x67, 0) // of a segment: format, newest observedAt, base lag
	offer      = join(1, 7, "bigmart", 1)                       // one, of which there is one observation
	ages       = uint64(maxTime-minTime) + 2                    // more milliseconds than there are
)

// withURL is the current observation with flags of the offer's url: 1 it has one, 2 it had one before, 4 it is another one's.
func withURL(flags int) []byte { return join(2|flags<<4, 0, 0, 0) }

// The times of the years 1 and 9999.
const (
	minTime = -62135596800000
	maxTime = 253402300799999
)

// TestUnpack_Refuses: a board that this release cannot have written is refused, whatever is wrong with it, and what stands
// beside the limits is read.
func TestUnpack_Refuses(t *testing.T) {
	const text = "19.95 USD|-|I|260706T090000.000"
	good := func() board.Packed {
		return board.Packed{V: 1, F: price.NoTime, L: price.NoTime, D: price.NoTime, O: map[string]string{"bigmart": text}, W: make([]byte, 32),
			H: join(head, sources, currencies, current, never, noTail)}
	}
	for name, change := range map[string]func(*board.Packed){
		"as it is":             func(*board.Packed) {},
		"the greatest flushed": func(p *board.Packed) { p.F = maxTime },
		"the least flushed":    func(p *board.Packed) { p.F = minTime },
		"a client": func(p *board.Packed) {
			p.H = join(head, 1, 0x80, 9, "crawler-a", 1, "b", currencies, current, never, noTail)
		},
		"the last kind": func(p *board.Packed) { p.H = join(head, 1, 3, 1, "a", currencies, current, never, noTail) },
		"the last of two sources": func(p *board.Packed) {
			p.H = join(head, 2, 0, 1, "a", 1, 1, "b", currencies, 2, 1, 0, 0, never, noTail)
		},
		"the greatest confidence": func(p *board.Packed) {
			p.H = join(head, sources, currencies, 6, 0, uvarint(10001), 0, 0, never, noTail)
		},
		"the greatest late": func(p *board.Packed) {
			p.F = maxTime
			p.L = maxTime
		},
		"the greatest dropped": func(p *board.Packed) { p.D = maxTime },
		"the least dropped":    func(p *board.Packed) { p.D = minTime },
		"in the tail":          func(p *board.Packed) { p.H = join(head, sources, currencies, current, never, 1, 0) },
		"a url":                func(p *board.Packed) { p.H = join(head, sources, currencies, withURL(1), run, name, noTail) },
		"a url and one before it": func(p *board.Packed) {
			p.H = join(head, sources, currencies, withURL(3), run, name, "anothers", noTail)
		},
		"a url of another at the least time": func(p *board.Packed) {
			p.O["bigmart"] = "-|-|O|00010101T000000.001"
			p.H = join(head, sources, currencies, withURL(5), run, name, 1, 0, 1, "a", noTail)
		},
		"shipping of its own currency, no price": func(p *board.Packed) {
			p.O["bigmart"] = "-|2.99 EUR|O|260706T090000.000"
		},
		"run and predecessor at the least time": func(p *board.Packed) {
			p.O["bigmart"] = "-|-|O|00010101T000000.002"
			p.H = join(head, sources, currencies, current, 1, 2, 0, 0, noTail)
		},
	} {
		p := good()
		change(&p)
		_, err := board.Unpack(product, board.Shard{}, p)
		require.NoError(t, err, name)
	}
	for name, change := range map[string]func(*board.Packed){
		"version 0":                   func(p *board.Packed) { p.V = 0 },
		"flushed after all time":      func(p *board.Packed) { p.F = maxTime + 1 },
		"flushed before all time":     func(p *board.Packed) { p.F = minTime - 1 },
		"late after all time":         func(p *board.Packed) { p.F, p.L = maxTime, maxTime+1 },
		"late but not flushed":        func(p *board.Packed) { p.L = 0 },
		"later late than flushed":     func(p *board.Packed) { p.F, p.L = 0, 1 },
		"dropped after all time":      func(p *board.Packed) { p.D = maxTime + 1 },
		"dropped before all time":     func(p *board.Packed) { p.D = minTime - 1 },
		"marks too many":              func(p *board.Packed) { p.W = make([]byte, 36) },
		"key of no form":              func(p *board.Packed) { p.O = map[string]string{"|": text} },
		"text of no form":             func(p *board.Packed) { p.O["bigmart"] = "19.95 USD|-|I" },
		"unknown letter":              func(p *board.Packed) { p.O["bigmart"] = "19.95 USD|-|X|260706T090000.000" },
		"time of no form":             func(p *board.Packed) { p.O["bigmart"] = "19.95 USD|-|I|260706T090000" },
		"amount of no form":           func(p *board.Packed) { p.O["bigmart"] = "19,95 USD|-|I|260706T090000.000" },
		"shipping of no form":         func(p *board.Packed) { p.O["bigmart"] = "19.95 USD|x|I|260706T090000.000" },
		"currency beside a price":     func(p *board.Packed) { p.O["bigmart"] = "19.95 USD|2.99 EUR|I|260706T090000.000" },
		"shipping without a currency": func(p *board.Packed) { p.O["bigmart"] = "-|2.99|O|260706T090000.000" },
		"an offer more":               func(p *board.Packed) { p.O["shopx"] = text },
		"nothing":                     func(p *board.Packed) { p.H = nil },
		"unknown format":              func(p *board.Packed) { p.H = join(3, p.H[1:]) },
		"a byte left over":            func(p *board.Packed) { p.H = join(p.H, 0) },
		"unknown kind":                func(p *board.Packed) { p.H = join(head, 1, 4, 1, "a", currencies, current, never, noTail) },
		"no source id":                func(p *board.Packed) { p.H = join(head, 1, 0, 0, currencies, current, never, noTail) },
		"two clients of a source":     func(p *board.Packed) { p.H = join(head, 1, 0xc0, 1, "a", 1, "b", currencies, current, never, noTail) },
		"source beyond the last":      func(p *board.Packed) { p.H = join(head, sources, currencies, 2, 1, 0, 0, never, noTail) },
		"no source":                   func(p *board.Packed) { p.H = join(head, sources, currencies, 0, 0, 0, never, noTail) },
		"a state in format 1":         func(p *board.Packed) { p.H = join(head, sources, currencies, 0x0a, 0, 7, 0, 0, never, noTail) },
		"unknown flag":                func(p *board.Packed) { p.H = join(2, 0, sources, currencies, 0x82, 0, 0, 0, never, noTail) },
		"unknown term":                func(p *board.Packed) { p.H = join(head, sources, currencies, 3, 0x40, 0, 0, 0, never, noTail) },
		"unknown price type":          func(p *board.Packed) { p.H = join(head, sources, currencies, 3, 0x10, 3, 0, 0, 0, never, noTail) },
		"unknown availability":        func(p *board.Packed) { p.H = join(head, sources, currencies, 3, 8, 10, 0, 0, 0, never, noTail) },
		"unknown part of a promotion": func(p *board.Packed) { p.H = join(head, sources, currencies, 3, 0x20, 0x11, 0, 0, 0, never, noTail) },
		"confidence above 1": func(p *board.Packed) {
			p.H = join(head, sources, currencies, 6, 0, uvarint(10002), 0, 0, never, noTail)
		},
		"list price, unknown currency": func(p *board.Packed) { p.H = join(head, sources, currencies, 3, 4, 2, 1, 0, 0, 0, never, noTail) },
		"list price out of range": func(p *board.Packed) {
			p.H = join(head, sources, currencies, 3, 4, 1, uvarint(1<<62), 0, 0, 0, never, noTail)
		},
		"shipping in another currency than the price": func(p *board.Packed) {
			p.H = join(head, sources, 2, "EURUSD", 3, 2, 1, 1, 0, 0, 0, never, noTail)
		},
		"observed before all time": func(p *board.Packed) {
			p.O["bigmart"] = "-|-|O|00010101T000000.000"
			p.H = join(head, sources, currencies, 2, 0, 1, 0, never, noTail)
		},
		"first seen before all time": func(p *board.Packed) {
			p.O["bigmart"] = "-|-|O|00010101T000000.000"
			p.H = join(head, sources, currencies, current, 1, 0, noTail)
		},
		"an age beyond all time":    func(p *board.Packed) { p.H = join(head, sources, currencies, 2, 0, uvarint(ages), 0, never, noTail) },
		"a run as long":             func(p *board.Packed) { p.H = join(head, sources, currencies, current, uvarint(ages), 0, noTail) },
		"a number of eleven bytes":  func(p *board.Packed) { p.H = join(1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0, sources) },
		"more tail than there is":   func(p *board.Packed) { p.H = join(head, sources, currencies, current, never, 2, 0) },
		"nothing of what was added": func(p *board.Packed) { p.H = join(head, sources, currencies, current, never, 0) },
		"unknown url flag":          func(p *board.Packed) { p.H = join(head, sources, currencies, withURL(9), run, name, noTail) },
		"flags but no url":          func(p *board.Packed) { p.H = join(head, sources, currencies, withURL(2), run, name, noTail) },
		"a url of no name":          func(p *board.Packed) { p.H = join(head, sources, currencies, withURL(1), run, make([]byte, 8), noTail) },
		"a url before of no name": func(p *board.Packed) {
			p.H = join(head, sources, currencies, withURL(3), run, name, make([]byte, 8), noTail)
		},
		"a url that was the one before": func(p *board.Packed) {
			p.H = join(head, sources, currencies, withURL(3), run, name, name, noTail)
		},
		"a url cut short": func(p *board.Packed) { p.H = join(head, sources, currencies, withURL(1), run, name[1:]) },
		"a url of another that is the current": func(p *board.Packed) {
			p.H = join(head, sources, currencies, withURL(5), run, name, 0, 0, 9, "crawler-a", noTail)
		},
		"a url of no source": func(p *board.Packed) {
			p.H = join(head, sources, currencies, withURL(5), run, name, 1, 0, 0, noTail)
		},
		"a url of before all time": func(p *board.Packed) {
			p.O["bigmart"] = "-|-|O|00010101T000000.000"
			p.H = join(head, sources, currencies, withURL(5), run, name, 1, 0, 1, "a", noTail)
		},
		"a url with a confidence above 1": func(p *board.Packed) {
			p.H = join(head, sources, currencies, withURL(5), run, name, 1, uvarint(10002), 1, "a", noTail)
		},
		"a text longer than the form": func(p *board.Packed) { p.H = join(head, 1, 0, 200, "crawler-a", currencies, current, never, noTail) },
	} {
		p := good()
		change(&p)
		_, err := board.Unpack(product, board.Shard{}, p)
		require.ErrorIs(t, err, board.ErrFormat, name)
	}
}

// The same of a segment.
func TestUnpackSegment_Refuses(t *testing.T) {
	for name, form := range map[string][]byte{
		"as it is": join(top, sources, currencies, offer, 2, 0, 0, 0),
		"every term at its greatest": join(top, sources, currencies, offer, 3, 0x3f, 1, uvarint(1<<62-1), 1, 0, 1, 0, 9, 2, 0x0f, 0, 0,
			1, 0, 0, 0),
		"at the least time": join(1, binary.AppendVarint(nil, minTime), 0, sources, currencies, offer, 2, 0, 0, 0),
		"at the greatest":   join(1, binary.AppendVarint(nil, maxTime), 0, sources, currencies, offer, 2, 0, 0, 0),
	} {
		_, err := board.UnpackSegment(product, form)
		require.NoError(t, err, name)
	}
	for name, form := range map[string][]byte{
		"unknown format":     join(3, top[1:], sources, currencies, offer, 2, 0, 0, 0),
		"before all time":    join(1, binary.AppendVarint(nil, minTime-1), 0, sources, currencies, offer, 2, 0, 0, 0),
		"after all time":     join(1, binary.AppendVarint(nil, maxTime+1), 0, sources, currencies, offer, 2, 0, 0, 0),
		"no offers":          join(top, sources, currencies, 0),
		"no observations":    join(top, sources, currencies, 1, 7, "bigmart", 0),
		"key of no form":     join(top, sources, currencies, 1, 7, "bigmar|", 1, 2, 0, 0, 0),
		"of no source":       join(top, sources, currencies, offer, 0, 0, 0),
		"observed too early": join(1, binary.AppendVarint(nil, minTime), 0, sources, currencies, offer, 2, 0, 1, 0),
		"a byte left over":   join(top, sources, currencies, offer, 2, 0, 0, 0, 0),
	} {
		_, err := board.UnpackSegment(product, form)
		require.ErrorIs(t, err, board.ErrFormat, name)
	}
}

// TestBoard_Pack_Empty: a shard without offers, as a split makes them, is small and reads back.
func TestBoard_Pack_Empty(t *testing.T) {
	b := board.New(product)
	b.Shard = board.Shard{N: 4, I: 1}
	b.Version = 3
	p := b.Pack()
	assert.Equal(t, []byte{1, 0, 0, 0, 0}, p.H)
	got, err := board.Unpack(product, b.Shard, p)
	require.NoError(t, err)
	requireSame(t, b, got)
}

// TestBoard_Size: the size is that of the item as DynamoDB's documentation counts it.
func TestBoard_Size(t *testing.T) {
	number := func(n int64) int { // a byte for each two digits, and one
		digits := len(strconv.FormatInt(n, 10))
		return digits/2 + digits%2 + 1
	}
	flushed := golden(0)
	neverFlushed := golden(7)
	neverFlushed.Flushed, neverFlushed.Late, neverFlushed.Dropped = price.NoTime, price.NoTime, price.NoTime
	shard := golden(0)
	shard.Shard = board.Shard{N: 16, I: 3}
	shard.Version = 1234
	for _, b := range []board.Board{flushed, neverFlushed, shard, board.New(product)} {
		p := b.Pack()
		sk := "board"
		if b.Shard.N > 0 {
			sk = "board#16.3"
		}
		want := len("pk"+"p#"+product+"sk"+sk+"v"+"w"+"h"+"o") + number(p.V) + len(p.W) + len(p.H) + 3
		for key, text := range p.O {
			want += len(key) + len(text) + 1
		}
		for name, at := range map[string]price.Timestamp{"f": p.F, "l": p.L, "d": p.D} {
			if at != price.NoTime {
				want += len(name) + number(int64(at))
			}
		}
		assert.Equal(t, want, b.Size())
	}
}

// TestKeyText: each part of an offer's key stands in its text by itself, and what is usual is left out.
func TestKeyText(t *testing.T) {
	for want, change := range map[string]func(*price.OfferKey){
		"bigmart":          func(*price.OfferKey) {},
		"bigmart|Otto":     func(k *price.OfferKey) { k.SellerID = "Otto" },
		"bigmart||U":       func(k *price.OfferKey) { k.Condition = price.ConditionUsed },
		"bigmart||R":       func(k *price.OfferKey) { k.Condition = price.ConditionRefurbished },
		"bigmart||D":       func(k *price.OfferKey) { k.Condition = price.ConditionDamaged },
		"bigmart|||m":      func(k *price.OfferKey) { k.Audience = price.AudienceMember },
		"bigmart|||s":      func(k *price.OfferKey) { k.Audience = price.AudienceSignedIn },
		"bigmart|||a":      func(k *price.OfferKey) { k.Audience = price.AudienceApp },
		"bigmart||||DE":    func(k *price.OfferKey) { k.Region = "DE" },
		"bigmart|%25%7C|U": func(k *price.OfferKey) { k.SellerID = "%|"; k.Condition = price.ConditionUsed },
	} {
		k := key("bigmart")
		change(&k)
		assert.Equal(t, want, board.KeyText(k))
		again, err := board.ParseKey(product, want)
		require.NoError(t, err)
		assert.Equal(t, k, again)
	}
	for _, text := range []string{"", "|Otto", "bigmart|", "bigmart||X", "bigmart|||X", "bigmart||||DE|", "bigmart||||DE|x", "bigmart|%7c"} {
		_, err := board.ParseKey(product, text)
		assert.Error(t, err, text)
	}
}

func TestParseCatalogue(t *testing.T) {
	for text, want := range map[string]board.Catalogue{
		"A|-|-":                 {},
		"A|24.99 USD|-":         {List: usd(2499)},
		"A|-|2100 JPY":          {MAP: price.Money{Minor: 2100, Currency: "JPY"}},
		"D|24.99 USD|19.95 USD": {Discontinued: true, List: usd(2499), MAP: usd(1995)},
	} {
		assert.Equal(t, text, want.Text())
		got, err := board.ParseCatalogue(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{
		"", "A", "A|-", "A|-|-|-", "X|-|-", "|-|-", "a|-|-", "A|x|-", "A|19.95|-", "A|-|19.95 US", "A|-|-1 USD", "D|-|1.x USD",
	} {
		_, err := board.ParseCatalogue(text)
		require.ErrorIs(t, err, board.ErrFormat, text)
	}
}

func TestParseShard(t *testing.T) {
	for label, want := range map[string]board.Shard{"1": {}, "2.0": {N: 2}, "2.1": {N: 2, I: 1}, "64.63": {N: 64, I: 63}} {
		got, err := board.ParseShard(label)
		require.NoError(t, err, label)
		assert.Equal(t, want, got)
		assert.Equal(t, label, got.String())
	}
	for _, label := range []string{"", "0", "2", "1.0", "0.0", "3.0", "128.0", "2.2", "2.-1", "02.1", "2.01", "2.1 ", "2.1.0", "x.0", "2.x"} {
		_, err := board.ParseShard(label)
		require.ErrorIs(t, err, board.ErrFormat, label)
	}
}

// TestShard_Ancestor: an offer stays in the line of its shard, whatever the number of shards.
func TestShard_Ancestor(t *testing.T) {
	k := key("marketplace")
	for i := range 20 {
		k.SellerID = strconv.Itoa(i)
		last := board.ShardOf(k, 64)
		for _, n := range []int{0, 2, 4, 8, 16, 32} {
			assert.Equal(t, board.ShardOf(k, n), last.Ancestor(n), "%d shards", n)
		}
	}
	assert.Equal(t, board.Shard{}, board.ShardOf(k, 0))
}

// TestSplit_Grown: what the last write added is expected of all shards together.
func TestSplit_Grown(t *testing.T) {
	b := golden(0)
	b.Grown = 48
	parts := board.Split([]board.Board{b}, 4)
	for _, shard := range parts {
		assert.Equal(t, 12, shard.Grown)
	}
	for _, shard := range board.Split(parts, 8) {
		assert.Equal(t, 6, shard.Grown)
	}
}

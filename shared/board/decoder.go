package board

import (
	"encoding/binary"
	"fmt"

	"pricing/shared/price"
)

// The times a stored form may hold: years 1 to 9999. Anything else is damage.
const (
	minTime price.Timestamp = -62135596800000
	maxTime price.Timestamp = 253402300799999
)

// decoder reads a packed form. After the first fault every read gives zero values, so the code that reads needs no error
// paths; done returns the fault.
type decoder struct {
	b     []byte
	d     dictionary
	known byte // flags an observation may have in this format
	err   error
}

// format reads the format byte.
func (d *decoder) format() {
	switch d.byte() {
	case format1:
		d.known = knownFlags1
	case format2:
		d.known = knownFlags2
	default:
		d.fail("format byte")
	}
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrFormat, what)
	}
	d.b = nil
}

// done returns the first fault. Bytes that are left over are a fault too.
func (d *decoder) done() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail(fmt.Sprintf("%d bytes left over", len(d.b)))
	}
	return d.err
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail("too short")
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// span reads a distance between two times in milliseconds.
func (d *decoder) span() uint64 {
	v := d.uvarint()
	if v > uint64(maxTime-minTime)+1 {
		d.fail("time span")
		return 0
	}
	return v
}

func (d *decoder) text() string { return string(d.bytes(d.uvarint())) }

func (d *decoder) dictionary() {
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		d.d.sources = append(d.d.sources, d.source())
	}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		d.d.currencies = append(d.d.currencies, string(d.bytes(3)))
	}
}

func (d *decoder) source() source {
	b := d.byte()
	s := source{id: d.text(), kind: price.SourceKind(b &^ clientBits)}
	if s.kind > price.SourceVendor || s.id == "" {
		d.fail("source")
	}
	switch b & clientBits {
	case isClient:
		s.client = s.id
	case hasClient:
		s.client = d.text()
		if s.client == "" || s.client == s.id { // said by the other bits
			d.fail("client")
		}
	case clientBits:
		d.fail("client")
	}
	return s
}

func (d *decoder) observations(to []Observation, n uint64, ref Observation) []Observation {
	for ; n > 0 && d.err == nil; n-- {
		ref = d.observation(ref)
		to = append(to, ref)
	}
	return to
}

func (d *decoder) observation(ref Observation) Observation {
	e, _ := d.flagged(ref, d.known)
	return e
}

// flagged reads an observation whose flag byte may have the known flags.
func (d *decoder) flagged(ref Observation, known byte) (e Observation, flags byte) {
	e = ref
	flags = d.byte()
	if flags&^known != 0 {
		d.fail("observation flags")
		return e, 0
	}
	if flags&hasTerms != 0 {
		d.terms(&e.Terms)
	}
	if flags&hasSource != 0 || ref.Source.ID == "" && d.err == nil {
		d.sourceOf(&e, flags)
	}
	if flags&hasConfidence != 0 {
		e.Source.Confidence = d.confidence()
	}
	if flags&hasState != 0 {
		e.State = State(d.byte())
	}
	e.ObservedAt = ref.ObservedAt - price.Timestamp(d.span())
	if e.ObservedAt < minTime {
		d.fail("time")
	}
	e.ReceivedAt = e.ObservedAt + price.Timestamp(lag(ref)+d.varint())
	return e, flags
}

func (d *decoder) confidence() price.Confidence {
	c := d.uvarint()
	if c > 10001 {
		d.fail("confidence")
		return 0
	}
	return price.Confidence(c) + price.NoConfidence
}

// url reads the url of an offer with a current observation, whose flag byte has these flags of it.
func (d *decoder) url(current Observation, flags byte) (u URL) {
	if flags != 0 && flags&hasURL == 0 {
		d.fail("url flags")
	}
	if flags&hasURL == 0 {
		return URL{}
	}
	copy(u.Name[:], d.bytes(uint64(len(u.Name))))
	if flags&hasURLBefore != 0 {
		copy(u.Before[:], d.bytes(uint64(len(u.Before))))
	}
	if u.Name == (URLName{}) || u.Before == (URLName{}) != (flags&hasURLBefore == 0) || u.Before == u.Name {
		d.fail("url name")
	}
	u.Of = current.Order()
	if flags&isOfAnother != 0 {
		u.Of = Order{At: current.ObservedAt - price.Timestamp(d.span()), Confidence: d.confidence(), Source: d.text()}
		if u.Of.At < minTime || u.Of.Source == "" || u.Of == current.Order() {
			d.fail("order of a url")
		}
	}
	return u
}

func (d *decoder) sourceOf(e *Observation, flags byte) {
	if flags&hasSource == 0 {
		d.fail("observation without a source")
		return
	}
	i := d.uvarint()
	if i >= uint64(len(d.d.sources)) {
		d.fail("source")
		return
	}
	s := d.d.sources[i]
	e.Source.ID = s.id
	e.Source.Kind = s.kind
	e.Client = s.client
}

func (d *decoder) terms(t *price.Terms) {
	has := d.byte()
	if has&^knownTerms != 0 {
		d.fail("terms")
		return
	}
	if has&hasPrice != 0 {
		t.Price = d.money()
	}
	if has&hasShipping != 0 {
		t.Shipping = d.money()
	}
	if has&hasListPrice != 0 {
		t.ListPrice = d.money()
	}
	if has&hasAvailability != 0 {
		if t.Availability = price.Availability(d.byte()); t.Availability > price.AvailabilityDiscontinued {
			d.fail("availability")
		}
	}
	if has&hasPriceType != 0 {
		if t.PriceType = price.PriceType(d.byte()); t.PriceType > price.PriceTypeClearance {
			d.fail("price type")
		}
	}
	if has&hasPromotion != 0 {
		t.Promotion = d.promotion()
	}
}

func (d *decoder) money() price.Money {
	i := d.uvarint()
	if i == 0 {
		return price.Money{}
	}
	if i > uint64(len(d.d.currencies)) {
		d.fail("currency")
		return price.Money{}
	}
	minor := d.uvarint()
	if minor >= 1<<62 {
		d.fail("amount")
		return price.Money{}
	}
	return price.Money{Minor: int64(minor), Currency: d.d.currencies[i-1]}
}

func (d *decoder) promotion() price.Promotion {
	has := d.byte()
	if has&^knownPromotion != 0 {
		d.fail("promotion")
	}
	if has&isPromoted == 0 {
		return price.Promotion{}
	}
	p := price.Promotion{Present: true, ValidThrough: price.NoTime}
	if has&hasLabel != 0 {
		p.Label = d.text()
	}
	if has&hasValidThrough != 0 {
		p.ValidThrough = price.Timestamp(d.varint())
	}
	if has&hasMinQuantity != 0 {
		p.MinQuantity = int64(min(d.uvarint(), 1<<62))
	}
	return p
}

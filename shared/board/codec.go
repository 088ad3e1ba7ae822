package board

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pricing/shared/price"
)

// The first byte of every packed form names its format. A format keeps its decoder for ever and is readable one release before
// it is written. An unknown byte is an error, never an empty board.
const (
	format1 = 1 // what this release writes
	format2 = 2 // the same, and an observation may have a State; written only to keep the states of a board that has some
)

// ErrFormat means that this release cannot read a packed form. What has it must never be overwritten.
var ErrFormat = errors.New("unknown or damaged packed form")

// Packed is a board as its item's attributes. A time that is NoTime is an attribute that is absent.
type Packed struct {
	V int64
	F price.Timestamp   // Flushed
	L price.Timestamp   // Late
	D price.Timestamp   // Dropped
	O map[string]string // key text -> offer text
	H []byte
	W []byte

	sizes sizes
}

// Pack encodes the board. The same board always gives the same bytes.
func (b Board) Pack() Packed {
	_, p := b.pack(0)
	return p
}

// pack encodes the board, of whose tails so many observations are new, and returns it with what these take on average as Grown.
// When none is, Grown stays.
func (b Board) pack(added int) (Board, Packed) {
	p := Packed{V: b.Version, F: b.Flushed, L: b.Late, D: b.Dropped, O: make(map[string]string, len(b.Offers))}
	for _, o := range b.Offers {
		name := KeyText(o.Key)
		text := offerText(o.Current)
		p.O[name] = text
		p.sizes.offers += len(name) + len(text) + 1
	}
	p.W = make([]byte, 0, len(b.Marks)*len(Mark{}))
	for _, m := range b.Marks {
		p.W = append(p.W, m[:]...)
	}
	p.H, p.sizes.tail = b.packRest()
	if added > 0 {
		b.Grown = p.sizes.tail * added / b.tailLength()
	}
	p.H = binary.AppendUvarint(p.H, uint64(b.Grown))
	p.sizes.h = len(p.H)
	b.sizes = p.sizes
	return b, p
}

// Unpack decodes the attributes of a product's board or shard; errors wrap ErrFormat.
func Unpack(productID string, shard Shard, p Packed) (Board, error) {
	b := New(productID)
	b.Shard = shard
	b.Version = p.V
	b.Flushed = p.F
	b.Late = p.L
	b.Dropped = p.D
	if p.V < 1 || !stored(p.F) || !stored(p.L) || !stored(p.D) || p.L > p.F {
		return Board{}, fmt.Errorf("unpack board: %w: version %d, flushed %d, late %d, dropped %d", ErrFormat, p.V, p.F, p.L, p.D)
	}
	if len(p.W) != len(b.Marks)*len(Mark{}) {
		return Board{}, fmt.Errorf("unpack board: %w: %d bytes of marks", ErrFormat, len(p.W))
	}
	for i := range b.Marks {
		copy(b.Marks[i][:], p.W[i*len(Mark{}):])
	}
	texts := slices.Sorted(maps.Keys(p.O))
	b.Offers = make([]Offer, len(texts))
	for i, text := range texts {
		key, err := ParseKey(productID, text)
		if err != nil {
			return Board{}, fmt.Errorf("unpack board: %w: %w", ErrFormat, err)
		}
		current, err := parseOfferText(p.O[text])
		if err != nil {
			return Board{}, fmt.Errorf("unpack board: %w: %w", ErrFormat, err)
		}
		b.Offers[i] = Offer{Key: key, Current: current}
		b.sizes.offers += len(text) + len(p.O[text]) + 1
	}
	b.sizes.h = len(p.H)
	d := decoder{b: p.H}
	b.unpack(&d)
	if err := d.done(); err != nil {
		return Board{}, fmt.Errorf("unpack board: %w", err)
	}
	return b, nil
}

// stored reports whether a time is none, or one that a stored form may hold.
func stored(t price.Timestamp) bool { return t == price.NoTime || t >= minTime && t <= maxTime }

// packRest encodes what the offers' texts leave out, then the tails:
//
//	format, base lag, dictionary,
//	per offer in key order: current (against its text), current-run start, observation before the run, first seen, url
//	per offer in key order: number of observations in the tail and whether the current one is among them, the others as deltas
//
// Behind it stands Grown. tail is how many bytes of h the tails take.
func (b Board) packRest() (h []byte, tail int) {
	var d dictionary
	for _, o := range b.Offers {
		d.add(o.Current)
		d.addMoney(o.Previous.Price)
		d.add(o.Tail...)
	}
	d.sort()
	baseLag := int64(0)
	if len(b.Offers) > 0 {
		baseLag = lag(b.Offers[0].Current)
	}
	h = append(h, d.format())
	h = binary.AppendVarint(h, baseLag)
	h = d.append(h)
	for _, o := range b.Offers {
		at := len(h)
		h = d.appendObservation(h, o.Current, textRef(o.Current, baseLag))
		h[at] |= urlFlags(o)
		h = binary.AppendUvarint(h, uint64(o.Current.ObservedAt-o.RunStart))
		if o.Previous.At == price.NoTime {
			h = binary.AppendUvarint(h, 0)
		} else {
			h = binary.AppendUvarint(h, uint64(o.RunStart-o.Previous.At)+1)
			h = d.appendMoney(h, o.Previous.Price)
			h = binary.AppendUvarint(h, uint64(o.Previous.At-o.FirstSeen))
		}
		h = appendURL(h, o)
	}
	offers := len(h)
	for _, o := range b.Offers {
		rest := o.Tail
		current := uint64(0)
		if len(rest) > 0 && rest[0] == o.Current {
			current = 1
			rest = rest[1:]
		}
		h = binary.AppendUvarint(h, uint64(len(rest))<<1|current)
		h = d.appendObservations(h, rest, o.Current)
	}
	return h, len(h) - offers
}

func (b *Board) unpack(d *decoder) {
	d.format()
	baseLag := d.varint()
	d.dictionary()
	for i := range b.Offers {
		o := &b.Offers[i]
		var flags byte
		o.Current, flags = d.flagged(textRef(o.Current, baseLag), d.known|knownURL)
		if t := o.Current.Terms; t.Price.Present() && t.Shipping.Present() && t.Price.Currency != t.Shipping.Currency {
			d.fail("currency of shipping") // the text has no room for it
		}
		o.RunStart = o.Current.ObservedAt - price.Timestamp(d.span())
		o.FirstSeen = o.RunStart
		o.Previous = none
		if n := d.span(); n > 0 {
			o.Previous = Previous{At: o.RunStart - price.Timestamp(n-1), Price: d.money()}
			o.FirstSeen = o.Previous.At - price.Timestamp(d.span())
		}
		if o.FirstSeen < minTime {
			d.fail("time")
		}
		o.URL = d.url(o.Current, flags&knownURL)
	}
	b.sizes.tail = len(d.b)
	for i := range b.Offers {
		o := &b.Offers[i]
		n := d.uvarint()
		if n&1 == 1 {
			o.Tail = append(o.Tail, o.Current)
		}
		o.Tail = d.observations(o.Tail, n>>1, o.Current)
	}
	b.sizes.tail -= len(d.b)
	b.Grown = int(min(d.uvarint(), 1<<20))
}

// textRef is what an offer's text and the board's base lag already say of its current observation.
func textRef(e Observation, baseLag int64) Observation {
	return Observation{
		Terms:      price.Terms{Price: e.Terms.Price, Shipping: e.Terms.Shipping, Availability: e.Terms.Availability},
		Source:     price.Source{Confidence: price.NoConfidence},
		ObservedAt: e.ObservedAt,
		ReceivedAt: e.ObservedAt + price.Timestamp(baseLag),
	}
}

// SegmentOffer is the part of a segment that belongs to one offer.
type SegmentOffer struct {
	Key          price.OfferKey
	Observations []Observation // greatest first
}

// packSegment encodes observations so that nothing else is needed to read them:
//
//	format, newest observedAt, base lag, dictionary, number of offers,
//	per offer in key order: key text, number of observations, observations as deltas
func packSegment(offers []SegmentOffer) []byte {
	var d dictionary
	newest := price.NoTime
	for _, o := range offers {
		d.add(o.Observations...)
		newest = max(newest, o.Observations[0].ObservedAt)
	}
	d.sort()
	baseLag := lag(offers[0].Observations[0])
	h := []byte{d.format()}
	h = binary.AppendVarint(h, int64(newest))
	h = binary.AppendVarint(h, baseLag)
	h = d.append(h)
	h = binary.AppendUvarint(h, uint64(len(offers)))
	for _, o := range offers {
		h = appendText(h, KeyText(o.Key))
		h = binary.AppendUvarint(h, uint64(len(o.Observations)))
		h = d.appendObservations(h, o.Observations, textRef(Observation{ObservedAt: newest}, baseLag))
	}
	return h
}

// UnpackSegment decodes a segment's bytes; errors wrap ErrFormat.
func UnpackSegment(productID string, h []byte) ([]SegmentOffer, error) {
	d := decoder{b: h}
	d.format()
	newest := price.Timestamp(d.varint())
	if newest < minTime || newest > maxTime {
		d.fail("time")
	}
	baseLag := d.varint()
	d.dictionary()
	var offers []SegmentOffer
	count := func() uint64 {
		n := d.uvarint()
		if n == 0 {
			d.fail("nothing in it")
		}
		return n
	}
	for n := count(); n > 0 && d.err == nil; n-- {
		key, err := ParseKey(productID, d.text())
		if err != nil {
			d.fail(err.Error())
			break
		}
		ref := textRef(Observation{ObservedAt: newest}, baseLag)
		offers = append(offers, SegmentOffer{Key: key, Observations: d.observations(nil, count(), ref)})
	}
	if err := d.done(); err != nil {
		return nil, fmt.Errorf("unpack segment: %w", err)
	}
	return offers, nil
}

func lag(e Observation) int64 { return int64(e.ReceivedAt - e.ObservedAt) }

// dictionary holds the sources, each with the client that sent its observations, and the currencies of a packed form once;
// observations name them by their place.
type dictionary struct {
	sources    []source
	currencies []string
	states     bool // some observation has one
}

type source struct {
	id     string
	kind   price.SourceKind
	client string
}

func sourceOf(e Observation) source { return source{e.Source.ID, e.Source.Kind, e.Client} }

// What a source's byte says besides its kind.
const (
	isClient   = 1 << 6 // the source's id is the client's name as well
	hasClient  = 1 << 7 // the client's name follows the source's id
	clientBits = isClient | hasClient
)

func (d *dictionary) add(observations ...Observation) {
	for _, e := range observations {
		s := sourceOf(e)
		if !slices.Contains(d.sources, s) {
			d.sources = append(d.sources, s)
		}
		d.addMoney(e.Terms.Price, e.Terms.Shipping, e.Terms.ListPrice)
		d.states = d.states || e.State != 0
	}
}

func (d *dictionary) addMoney(amounts ...price.Money) {
	for _, m := range amounts {
		if m.Present() && !slices.Contains(d.currencies, m.Currency) {
			d.currencies = append(d.currencies, m.Currency)
		}
	}
}

// format returns the oldest format that can hold the observations.
func (d *dictionary) format() byte {
	if d.states {
		return format2
	}
	return format1
}

func (d *dictionary) sort() {
	slices.SortFunc(d.sources, func(a, b source) int {
		return cmp.Or(strings.Compare(a.id, b.id), int(a.kind)-int(b.kind), strings.Compare(a.client, b.client))
	})
	slices.Sort(d.currencies)
}

func (d *dictionary) append(h []byte) []byte {
	h = binary.AppendUvarint(h, uint64(len(d.sources)))
	for _, s := range d.sources {
		b := byte(s.kind)
		switch s.client {
		case "":
		case s.id:
			b |= isClient
		default:
			b |= hasClient
		}
		h = append(h, b)
		h = appendText(h, s.id)
		if b&hasClient != 0 {
			h = appendText(h, s.client)
		}
	}
	h = binary.AppendUvarint(h, uint64(len(d.currencies)))
	for _, c := range d.currencies {
		h = append(h, c...)
	}
	return h
}

func appendText(h []byte, s string) []byte {
	h = binary.AppendUvarint(h, uint64(len(s)))
	return append(h, s...)
}

// What an observation's flag byte says: the parts that differ from the reference observation follow in this order.
const (
	hasTerms = 1 << iota
	hasSource
	hasConfidence
	hasState    // format 2
	knownFlags1 = hasState - 1
	knownFlags2 = hasState<<1 - 1
)

// What the flag byte of an offer's current observation says of the offer's url. Its name follows first seen, then the name before it,
// then the order of the observation that carried it.
const (
	hasURL = 1 << (iota + 4) // above an observation's own
	hasURLBefore
	isOfAnother // not of the current observation
	knownURL    = hasURL | hasURLBefore | isOfAnother
)

func urlFlags(o Offer) (flags byte) {
	if o.URL.Name == (URLName{}) {
		return 0
	}
	flags = hasURL
	if o.URL.Before != (URLName{}) {
		flags |= hasURLBefore
	}
	if o.URL.Of != o.Current.Order() {
		flags |= isOfAnother
	}
	return flags
}

func appendURL(h []byte, o Offer) []byte {
	flags := urlFlags(o)
	if flags&hasURL != 0 {
		h = append(h, o.URL.Name[:]...)
	}
	if flags&hasURLBefore != 0 {
		h = append(h, o.URL.Before[:]...)
	}
	if flags&isOfAnother != 0 {
		h = binary.AppendUvarint(h, uint64(o.Current.ObservedAt-o.URL.Of.At))
		h = binary.AppendUvarint(h, uint64(o.URL.Of.Confidence-price.NoConfidence))
		h = appendText(h, o.URL.Of.Source)
	}
	return h
}

// What the byte after hasTerms says: the terms that differ, in this order.
const (
	hasPrice = 1 << iota
	hasShipping
	hasListPrice
	hasAvailability
	hasPriceType
	hasPromotion
	knownTerms = 1<<iota - 1
)

// What a promotion's byte says.
const (
	isPromoted = 1 << iota
	hasLabel
	hasValidThrough
	hasMinQuantity
	knownPromotion = 1<<iota - 1
)

// appendObservations encodes observations, greatest first, each against the one before it.
func (d *dictionary) appendObservations(h []byte, observations []Observation, ref Observation) []byte {
	for _, e := range observations {
		h = d.appendObservation(h, e, ref)
		ref = e
	}
	return h
}

// appendObservation encodes e against ref: 6 to 9 bytes when only the times differ.
func (d *dictionary) appendObservation(h []byte, e, ref Observation) []byte {
	at := len(h)
	h = append(h, 0)
	if e.Terms != ref.Terms {
		h[at] |= hasTerms
		h = d.appendTerms(h, e.Terms, ref.Terms)
	}
	if s := sourceOf(e); s != sourceOf(ref) {
		h[at] |= hasSource
		h = binary.AppendUvarint(h, uint64(slices.Index(d.sources, s)))
	}
	if e.Source.Confidence != ref.Source.Confidence {
		h[at] |= hasConfidence
		h = binary.AppendUvarint(h, uint64(e.Source.Confidence-price.NoConfidence))
	}
	if e.State != ref.State {
		h[at] |= hasState
		h = append(h, byte(e.State))
	}
	h = binary.AppendUvarint(h, uint64(ref.ObservedAt-e.ObservedAt))
	return binary.AppendVarint(h, lag(e)-lag(ref))
}

func (d *dictionary) appendTerms(h []byte, t, ref price.Terms) []byte {
	at := len(h)
	h = append(h, 0)
	if t.Price != ref.Price {
		h[at] |= hasPrice
		h = d.appendMoney(h, t.Price)
	}
	if t.Shipping != ref.Shipping {
		h[at] |= hasShipping
		h = d.appendMoney(h, t.Shipping)
	}
	if t.ListPrice != ref.ListPrice {
		h[at] |= hasListPrice
		h = d.appendMoney(h, t.ListPrice)
	}
	if t.Availability != ref.Availability {
		h[at] |= hasAvailability
		h = append(h, byte(t.Availability))
	}
	if t.PriceType != ref.PriceType {
		h[at] |= hasPriceType
		h = append(h, byte(t.PriceType))
	}
	if t.Promotion != ref.Promotion {
		h[at] |= hasPromotion
		h = appendPromotion(h, t.Promotion)
	}
	return h
}

// appendMoney encodes the currency's place plus one, 0 for no amount, then the minor units.
func (d *dictionary) appendMoney(h []byte, m price.Money) []byte {
	if !m.Present() {
		return append(h, 0)
	}
	h = binary.AppendUvarint(h, uint64(slices.Index(d.currencies, m.Currency))+1)
	return binary.AppendUvarint(h, uint64(m.Minor))
}

func appendPromotion(h []byte, p price.Promotion) []byte {
	at := len(h)
	h = append(h, 0)
	if !p.Present {
		return h
	}
	h[at] |= isPromoted
	if p.Label != "" {
		h[at] |= hasLabel
		h = appendText(h, p.Label)
	}
	if p.ValidThrough != price.NoTime {
		h[at] |= hasValidThrough
		h = binary.AppendVarint(h, int64(p.ValidThrough))
	}
	if p.MinQuantity != 0 {
		h[at] |= hasMinQuantity
		h = binary.AppendUvarint(h, uint64(p.MinQuantity))
	}
	return h
}

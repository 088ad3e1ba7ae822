// Package board is the state of one product: its competitors' offers and their recent observations. It is pure: no I/O, no
// clock.
//
// A board is one DynamoDB item, or one of several shards where a product has very many offers. So an offer and its history
// change in one atomic write. Apply takes a board and new observations, and returns the next board and a result for each
// observation. Older observations stand in immutable segments. What Apply has to know of them it asks for by spans of time: the
// caller loads those into a History and calls again. Two writers may run Apply on one version of a board at once. Only one of
// them can store its next board; the other runs it again.
//
// What surprises:
//   - An observation's identity within its offer is observedAt and source id. The observationId is a hash of these and the
//     offer key, so nothing has to be hashed to find a duplicate.
//   - Whether and what to flush into segments is decided from the old board alone, never from the new observations. So every
//     writer of one version writes the same segments, byte for byte, and a crash between segment and board is harmless. A flush
//     before offers leave that nobody has seen within the retention depends on the clock as well; its segments may stand beside
//     others that hold the same.
package board

import (
	"slices"
	"strings"

	"pricing/shared/price"
)

// Observation is an observation of an offer as the board keeps it: without the offer's key and without its url, which is no
// part of its content.
type Observation struct {
	Terms      price.Terms
	Source     price.Source
	State      State
	ObservedAt price.Timestamp
	ReceivedAt price.Timestamp
	Client     string // whose token sent it first; empty when that is not known
}

// State is an observation's state of review. This release keeps what it finds and sets none. It is not part of the content,
// so observations that differ in it alone are duplicates.
type State uint8

// identity tells an offer's observations apart; see the package comment.
type identity struct {
	observedAt price.Timestamp
	source     string
}

func (e Observation) identity() identity { return identity{e.ObservedAt, e.Source.ID} }

// ID returns the observationId that the observation has as one of key.
func (e Observation) ID(key price.OfferKey) string { return price.ID(key, e.ObservedAt, e.Source.ID) }

// Differs names, as JSON pointers, the content fields in which two observations of one identity differ.
func (e Observation) Differs(other Observation) []string {
	var fields []string
	add := func(pointer string, differs bool) {
		if differs {
			fields = append(fields, pointer)
		}
	}
	add("/availability", e.Terms.Availability != other.Terms.Availability)
	add("/price", e.Terms.Price != other.Terms.Price)
	add("/shipping", e.Terms.Shipping != other.Terms.Shipping)
	add("/listPrice", e.Terms.ListPrice != other.Terms.ListPrice)
	add("/priceType", e.Terms.PriceType != other.Terms.PriceType)
	add("/promotion", e.Terms.Promotion != other.Terms.Promotion)
	add("/source/kind", e.Source.Kind != other.Source.Kind)
	add("/source/confidence", e.Source.Confidence != other.Source.Confidence)
	return fields
}

// Order is an observation's place among those of its offer.
type Order = price.Order

// Order returns the observation's place.
func (e Observation) Order() Order {
	return Order{At: e.ObservedAt, Confidence: e.Source.Confidence, Source: e.Source.ID}
}

// Compare orders two observations of one offer; see Order.
func Compare(key price.OfferKey, a, b Observation) int { return a.Order().Compare(key, b.Order()) }

// Offer is the current state of one offer key.
type Offer struct {
	Key       price.OfferKey
	Current   Observation     // the greatest observation by Compare
	FirstSeen price.Timestamp // the earliest observedAt ever
	RunStart  price.Timestamp // observedAt of the first observation of the current run of equal terms (lastChangedAt)
	Previous  Previous        // the observation just before that run
	URL       URL
	Tail      []Observation // observations not yet in a segment, greatest first; Current is among them until flushed
}

// Previous is what the board keeps of the observation just before the current run of equal terms.
type Previous struct {
	At    price.Timestamp // NoTime when there was none
	Price price.Money     // previousPrice; absent when that observation had no price
}

// none is the Previous of an offer whose terms never changed.
var none = Previous{At: price.NoTime}

// Board is the state of one product, or of one shard of it.
type Board struct {
	ProductID string
	Shard     Shard
	Version   int64           // 0: never written
	Flushed   price.Timestamp // newest observedAt ever flushed into a segment; NoTime when none was
	Late      price.Timestamp // newest observedAt ever flushed into a late segment; NoTime when none was
	Dropped   price.Timestamp // newest observedAt of any offer that was ever dropped; NoTime when none was
	Offers    []Offer         // by key text
	Grown     int             // bytes that the last write with new observations added to the packed tail
	Marks     Marks           // who wrote the last versions

	sizes sizes // of the packed form; zero: not packed yet
}

// New returns the board of a product nobody has observed yet.
func New(productID string) Board {
	return Board{ProductID: productID, Flushed: price.NoTime, Late: price.NoTime, Dropped: price.NoTime}
}

// Mark is a random value that one request puts on every version it writes.
type Mark [4]byte

// Marks are those of the last 8 versions; that of version v stands at v mod 8. By them a writer that got no answer finds out
// whether its write landed.
type Marks [8]Mark

// WroteBy reports whether version v of the board, one of its last 8, was written with the mark.
func (b Board) WroteBy(v int64, m Mark) bool {
	return v > 0 && v <= b.Version && b.Version-v < int64(len(b.Marks)) && b.Marks[v%int64(len(b.Marks))] == m
}

// Find returns the offer of a key.
func (b Board) Find(key price.OfferKey) (Offer, bool) {
	text := KeyText(key)
	i, ok := slices.BinarySearchFunc(b.Offers, text, func(o Offer, t string) int { return strings.Compare(KeyText(o.Key), t) })
	if !ok {
		return Offer{}, false
	}
	return b.Offers[i], true
}

// Live returns the offers seen within the retention, in key order, and our own, which are never dropped. The others are gone.
func (b Board) Live(clock price.Clock) []Offer {
	return b.AppendLive(make([]Offer, 0, len(b.Offers)), clock)
}

// AppendLive appends them to others.
func (b Board) AppendLive(live []Offer, clock price.Clock) []Offer {
	for i := range b.Offers {
		o := &b.Offers[i]
		if o.Current.ObservedAt >= clock.Now.Add(-clock.Retention) || o.Key.CompetitorID == price.Own {
			live = append(live, *o)
		}
	}
	return live
}

// NewObservation returns an observation as it is stored when it was received from a client.
func NewObservation(o price.Observation, client string, received price.Timestamp) Observation {
	return Observation{Terms: o.Terms, Source: o.Source, ObservedAt: o.ObservedAt, ReceivedAt: received, Client: client}
}

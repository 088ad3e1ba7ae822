// Package price holds the value types and rules of competitor prices: money, times, gtins, observations and their identity.
//
// It is pure: no I/O, no clock. Values are comparable with == wherever the rules compare them (Terms, OfferKey), money
// is whole minor units and never a float, times are whole milliseconds. The numeric values of the enumerations are
// stored: they are never reordered, new ones go to the end.
package price

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"strconv"
	"strings"
)

// OfferKey says whose price for what an observation is.
type OfferKey struct {
	ProductID    string
	CompetitorID string
	SellerID     string // empty: the retailer itself
	Region       string // empty: none
	Condition    Condition
	Audience     Audience
}

// Compare orders offer keys by their parts in this order: product, competitor, seller,
// condition, region, audience, each as the API writes it.
func (k OfferKey) Compare(other OfferKey) int {
	return cmp.Or(
		strings.Compare(k.ProductID, other.ProductID),
		strings.Compare(k.CompetitorID, other.CompetitorID),
		strings.Compare(k.SellerID, other.SellerID),
		strings.Compare(k.Condition.String(), other.Condition.String()),
		strings.Compare(k.Region, other.Region),
		strings.Compare(k.Audience.String(), other.Audience.String()),
	)
}

// Terms are what a run of equal observations has in common.
type Terms struct {
	Price        Money
	Shipping     Money // absent: unknown, which is never 0
	ListPrice    Money
	Availability Availability
	PriceType    PriceType
	Promotion    Promotion
}

// Landed returns price plus shipping, absent when either is.
func (t Terms) Landed() Money {
	if !t.Price.Present() || !t.Shipping.Present() {
		return Money{}
	}
	return Money{Minor: t.Price.Minor + t.Shipping.Minor, Currency: t.Price.Currency}
}

// Promotion is a special offer. The zero value is none.
type Promotion struct {
	Present      bool
	Label        string    // empty: none
	ValidThrough Timestamp // NoTime: none
	MinQuantity  int64     // 0: none
}

// MarshalJSON writes all three members, null where absent, or null for no promotion.
func (p Promotion) MarshalJSON() ([]byte, error) {
	if !p.Present {
		return []byte("null"), nil
	}
	out := struct {
		Label        *string   `json:"label"`
		ValidThrough Timestamp `json:"validThrough"`
		MinQuantity  *int64    `json:"minQuantity"`
	}{ValidThrough: p.ValidThrough}
	if p.Label != "" {
		out.Label = &p.Label
	}
	if p.MinQuantity != 0 {
		out.MinQuantity = &p.MinQuantity
	}
	return json.Marshal(out)
}

// Source says who saw a price.
type Source struct {
	ID         string
	Kind       SourceKind
	Confidence Confidence
}

// Confidence is a share in ten-thousandths, 0 to 10000, or NoConfidence, which orders below 0.
type Confidence int16

// NoConfidence is the confidence of a source that gave none.
const NoConfidence Confidence = -1

// ParseConfidence reads "0" to "1" with at most 4 decimals.
func ParseConfidence(s string) (c Confidence, ok bool) {
	whole, fraction, point := strings.Cut(s, ".")
	if len(whole) != 1 || point && !digitsOnly(fraction) || len(fraction) > 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", 4-len(fraction)), 10, 16)
	if err != nil || n > 10_000 {
		return 0, false
	}
	return Confidence(n), true
}

// String returns the shortest text, for example "0.97".
func (c Confidence) String() string {
	s := strconv.Itoa(10_000 + int(c))
	if c == NoConfidence {
		return ""
	}
	if c == 10_000 {
		return "1"
	}
	return strings.TrimSuffix(strings.TrimRight("0."+s[1:], "0"), ".")
}

// MarshalJSON writes the text, or null for NoConfidence.
func (c Confidence) MarshalJSON() ([]byte, error) {
	if c == NoConfidence {
		return []byte("null"), nil
	}
	return []byte(`"` + c.String() + `"`), nil // digits and a point
}

// Observation is an immutable fact: at ObservedAt, Source saw these terms.
type Observation struct {
	Key        OfferKey
	Terms      Terms
	URL        string
	Source     Source
	ObservedAt Timestamp
}

// ID returns the observation's id.
func (o Observation) ID() string { return ID(o.Key, o.ObservedAt, o.Source.ID) }

// crockford is Crockford's base32 alphabet: no I, L, O, U.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// ID returns the observationId of whatever source saw of an offer at a moment: the first 26 characters of the
// Crockford base32 of a SHA-256 over productId, competitorId, sellerId, itemCondition, region, audience, observedAt as
// printed and source id, each as "<byte length>:<bytes>".
func ID(key OfferKey, at Timestamp, sourceID string) string {
	sum := Hash(key, at.String(), sourceID)
	return crockford.EncodeToString(sum[:])[:26]
}

// Hash returns the SHA-256 over an offer key's parts (productId, competitorId, sellerId, itemCondition, region, audience) and
// more, each as "<byte length>:<bytes>".
func Hash(key OfferKey, more ...string) [sha256.Size]byte {
	var b strings.Builder
	for _, part := range append([]string{key.ProductID, key.CompetitorID, key.SellerID,
		key.Condition.String(), key.Region, key.Audience.String()}, more...) {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return sha256.Sum256([]byte(b.String()))
}

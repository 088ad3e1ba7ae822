package price

// Condition is an item's condition, schema.org's itemCondition.
type Condition uint8

// The conditions; New is the default.
const (
	ConditionNew Condition = iota
	ConditionUsed
	ConditionRefurbished
	ConditionDamaged
)

var conditions = []string{"New", "Used", "Refurbished", "Damaged"}

// Availability is schema.org's availability.
type Availability uint8

// The availabilities.
const (
	AvailabilityInStock Availability = iota
	AvailabilityOutOfStock
	AvailabilityLimitedAvailability
	AvailabilityPreOrder
	AvailabilityBackOrder
	AvailabilityPreSale
	AvailabilityOnlineOnly
	AvailabilityInStoreOnly
	AvailabilitySoldOut
	AvailabilityDiscontinued
)

var availabilities = []string{"InStock", "OutOfStock", "LimitedAvailability", "PreOrder", "BackOrder", "PreSale", "OnlineOnly",
	"InStoreOnly", "SoldOut", "Discontinued"}

// InStock reports whether the item can be had now.
func (a Availability) InStock() bool {
	switch a {
	case AvailabilityInStock, AvailabilityLimitedAvailability, AvailabilityOnlineOnly, AvailabilityInStoreOnly:
		return true
	}
	return false
}

// PriceOptional reports whether the price may be null.
func (a Availability) PriceOptional() bool {
	return a == AvailabilityOutOfStock || a == AvailabilitySoldOut || a == AvailabilityDiscontinued
}

// Audience is who sees the price. A signed-in price never mixes with a public one.
type Audience uint8

// The audiences; public is the default.
const (
	AudiencePublic Audience = iota
	AudienceMember
	AudienceSignedIn
	AudienceApp
)

var audiences = []string{"public", "member", "signedIn", "app"}

// PriceType says what kind of price it is. It is the API's word for the field.
type PriceType uint8 //nolint:revive // the API's word; a bare Type would say nothing

// The price types; regular is the default.
const (
	PriceTypeRegular PriceType = iota
	PriceTypePromotional
	PriceTypeClearance
)

var priceTypes = []string{"regular", "promotional", "clearance"}

// SourceKind says what kind of source saw a price.
type SourceKind uint8

// The source kinds.
const (
	SourceCrawler SourceKind = iota
	SourceFeed
	SourceManual
	SourceVendor
)

var sourceKinds = []string{"crawler", "feed", "manual", "vendor"}

// CompetitorKind is what a competitor is.
type CompetitorKind uint8

// The competitor kinds.
const (
	Retailer CompetitorKind = iota
	Marketplace
)

var competitorKinds = []string{"retailer", "marketplace"}

// Basis says which amount of an offer is compared in a market summary.
type Basis uint8

// The bases; landed is the default.
const (
	BasisLanded Basis = iota // price + shipping
	BasisPrice
)

var bases = []string{"landed", "price"}

// String returns the API's word.
func (c Condition) String() string { return conditions[c] }

// String returns the API's word.
func (a Availability) String() string { return availabilities[a] }

// String returns the API's word.
func (a Audience) String() string { return audiences[a] }

// String returns the API's word.
func (t PriceType) String() string { return priceTypes[t] }

// String returns the API's word.
func (k SourceKind) String() string { return sourceKinds[k] }

// String returns the API's word.
func (k CompetitorKind) String() string { return competitorKinds[k] }

// String returns the API's word.
func (b Basis) String() string { return bases[b] }

// MarshalText returns the API's word.
func (c Condition) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns the API's word.
func (a Availability) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// MarshalText returns the API's word.
func (a Audience) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// MarshalText returns the API's word.
func (t PriceType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// MarshalText returns the API's word.
func (k SourceKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText returns the API's word.
func (k CompetitorKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText returns the API's word.
func (b Basis) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// ParseBasis reads the API's word.
func ParseBasis(s string) (Basis, bool) { return parseWord[Basis](bases, s) }

// ParseCondition reads the API's word.
func ParseCondition(s string) (Condition, bool) { return parseWord[Condition](conditions, s) }

// ParseAudience reads the API's word.
func ParseAudience(s string) (Audience, bool) { return parseWord[Audience](audiences, s) }

// ParseCompetitorKind reads the API's word.
func ParseCompetitorKind(s string) (CompetitorKind, bool) {
	return parseWord[CompetitorKind](competitorKinds, s)
}

func parseWord[T ~uint8](words []string, s string) (T, bool) {
	for i, w := range words {
		if w == s {
			return T(i), true
		}
	}
	return 0, false
}

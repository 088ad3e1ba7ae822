package price

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Offer is the current state of one offer key.
type Offer struct {
	Current     Observation // the newest, by Order
	FirstSeen   Timestamp
	LastChanged Timestamp // since when its terms are what they are
}

// MarketFilter says which offers compete with each other. The zero value is the usual market: new, public, without a region, of
// any seller.
type MarketFilter struct {
	Seller    *string // nil: any; "": offers without one
	Condition Condition
	Audience  Audience
	Region    string // "": offers without one
}

// Has reports whether an offer is one of the market. Our own never is.
func (f MarketFilter) Has(k OfferKey) bool {
	return k.CompetitorID != Own && (f.Seller == nil || *f.Seller == k.SellerID) &&
		k.Condition == f.Condition && k.Audience == f.Audience && k.Region == f.Region
}

// Advertises reports whether an offer is held against the MAP price: a new and public one of the market's region, whatever else
// the filter says.
func (f MarketFilter) Advertises(k OfferKey) bool { return MarketFilter{Region: f.Region}.Has(k) }

// ours returns our own offer in the market: the one of its region, else the one without. No seller is asked for, since our own
// offers have none.
func (f MarketFilter) ours(offers []Offer) (own Offer, found bool) {
	for _, o := range offers {
		k := o.Current.Key
		if k.CompetitorID != Own || k.SellerID != "" || k.Condition != f.Condition || k.Audience != f.Audience {
			continue
		}
		if k.Region == f.Region {
			return o, true
		}
		if k.Region == "" {
			own = o
			found = true
		}
	}
	return own, found
}

// SummaryQuery says what is asked of a market.
type SummaryQuery struct {
	Market       MarketFilter
	Basis        Basis
	Reference    Reference
	PerOffer     bool   // every used offer counts; else a competitor counts once, with its lowest
	IncludeStale bool   // stale offers count like fresh ones
	Currency     string // of the statistics; "": see Summarize
}

// Reference is what our own price is divided by in a price index: ReferenceMedian, ReferenceMean, ReferenceMin, or the lowest used
// offer of a competitor, "competitor:bigmart".
type Reference string

// The references that are statistics; the median is the usual one.
const (
	ReferenceMedian Reference = "median"
	ReferenceMean   Reference = "mean"
	ReferenceMin    Reference = "min"
)

const referenceCompetitor = "competitor:"

// CheckReference reports whether s can be a Reference.
func CheckReference(s string) bool {
	switch Reference(s) {
	case ReferenceMedian, ReferenceMean, ReferenceMin:
		return true
	}
	id, ok := strings.CutPrefix(s, referenceCompetitor)
	return ok && CheckCompetitorID(id)
}

// of returns the reference's amount in minor units; nil when there is none.
func (r Reference) of(market voices) *big.Rat {
	switch r {
	case ReferenceMedian:
		return market.median()
	case ReferenceMean:
		return market.mean()
	case ReferenceMin:
		return market.min()
	}
	return market.lowestOf(strings.TrimPrefix(string(r), referenceCompetitor))
}

// Snapshot is what is known of a product at a moment.
type Snapshot struct {
	Now        Timestamp
	Offers     []Offer                              // the current ones, our own among them, in any order
	Competitor func(competitorID string) Competitor // one that is not known is the zero value, and so inactive
	MAP        Money                                // minimum advertised price; absent: none
	Window     *Window                              // nil: the history was not read
}

// competitor returns whose an offer is.
func (s Snapshot) competitor(o Offer) Competitor {
	id := o.Current.Key.CompetitorID
	if Registered(id) {
		return Competitor{ID: id, Active: true}
	}
	return s.Competitor(id)
}

// Summary is what a market looks like at a moment, and where our own price stands in it.
type Summary struct {
	Currency      string // of all amounts but Own; "": none could be chosen
	Basis         Basis
	Own           Money // our own amount on the basis, in its own currency, comparable or not; absent when it is not known
	Market        Statistics
	Position      *Position // nil: see NotPositioned
	PriceIndex    *Index
	NotPositioned NotPositioned
	MAP           *MAPCheck       // nil: there is no MAP price
	Window        *WindowSummary  // nil: the history was not read
	Coverage      SummaryCoverage // of the statistics
	Excluded      []Excluded      // offers that do not count, in the order of their keys
}

// Position is our own price among the market's.
type Position struct {
	Rank            int     `json:"rank"`            // 1 + how many are strictly cheaper
	Of              int     `json:"of"`              // the market's amounts and our own
	GapToMin        Decimal `json:"gapToMin"`        // our own less the market's lowest
	GapToMinPercent Decimal `json:"gapToMinPercent"` // of that lowest; absent when it is 0
	Undecided       int     `json:"undecided"`       // offers that may be cheaper or not: cheaper before their unknown shipping
}

// Index is a price index: our own price as a percentage of a reference.
type Index struct {
	Value     Decimal   `json:"value"` // absent when there is no reference, or it is 0
	Formula   string    `json:"formula"`
	Reference Reference `json:"reference"`
}

const indexFormula = "own/reference*100"

// percentDigits are the decimals of a percentage.
const percentDigits = 2

// NotPositioned says why our own price has no position; "" when it has one.
type NotPositioned string

// The reasons, the first that applies.
const (
	NoOwnPrice         NotPositioned = "no-own-price"
	OwnOutOfStock      NotPositioned = "own-out-of-stock"
	OwnOtherCurrency   NotPositioned = "own-other-currency"
	OwnShippingUnknown NotPositioned = "own-shipping-unknown"
	EmptyMarket        NotPositioned = "empty-market"
)

// SummaryCoverage says how much of a market the statistics are over.
type SummaryCoverage struct {
	Offers     int  `json:"offers"` // that the filter lets pass: used or excluded
	Used       int  `json:"used"`
	Sufficient bool `json:"sufficient"` // at least two amounts, and no more offers without known shipping than used ones
}

// Exclusion says why an offer does not count.
type Exclusion string

// The exclusions, the first that applies.
const (
	CompetitorInactive Exclusion = "competitor-inactive"
	StaleOffer         Exclusion = "stale"
	NotInStock         Exclusion = "not-in-stock"
	OtherCurrency      Exclusion = "other-currency"
	ShippingUnknown    Exclusion = "shipping-unknown"
)

// Excluded is an offer that does not count.
type Excluded struct {
	Key      OfferKey
	Reason   Exclusion
	LastSeen Timestamp
}

// Summarize computes a market summary. All arithmetic is exact.
//
// The statistics are of one currency; nothing is converted. If none is asked for it is that of our own price, else that of the MAP
// price, else that of most offers of active competitors that are fresh and in stock, the first by code among equals.
func Summarize(s Snapshot, q SummaryQuery) Summary {
	offers := slices.SortedFunc(slices.Values(s.Offers), func(a, b Offer) int { return a.Current.Key.Compare(b.Current.Key) })
	own, hasOwn := q.Market.ours(offers)
	offers = slices.DeleteFunc(offers, func(o Offer) bool { return o.Current.Key.CompetitorID == Own })

	out := Summary{Basis: q.Basis, Own: q.amount(own.Current.Terms)}
	eligible := func(o Offer) bool { return q.Market.Has(o.Current.Key) && s.ineligible(q, o) == "" }
	out.Currency = cmp.Or(q.Currency, own.Current.Terms.Price.Currency, s.MAP.Currency, usualCurrency(offers, eligible))

	var used, unknown []Offer // unknown: their shipping is
	for _, o := range offers {
		if !q.Market.Has(o.Current.Key) {
			continue
		}
		reason := s.excludes(q, o, out.Currency)
		switch reason {
		case "":
			used = append(used, o)
			continue
		case ShippingUnknown:
			unknown = append(unknown, o)
		}
		out.Excluded = append(out.Excluded, Excluded{o.Current.Key, reason, o.Current.ObservedAt})
	}
	market, competitors := q.voices(used)
	out.Market = market.statistics(out.Currency, competitors)
	out.Coverage = SummaryCoverage{Offers: len(used) + len(out.Excluded), Used: len(used),
		Sufficient: len(market) >= 2 && len(used) >= len(unknown)}
	out.NotPositioned = q.notPositioned(own, hasOwn, out.Currency, market)
	if out.NotPositioned == "" {
		out.Position = position(out.Own, market, unknown)
		out.PriceIndex = q.priceIndex(out.Own, market)
	}
	history := s.Window.byOffer()
	out.MAP = s.checkMAP(history, q, offers)
	out.Window = s.Window.summarize(history, q, out.Currency, market)
	return out
}

// amount returns what is compared of an offer's terms; absent when it is not known.
func (q SummaryQuery) amount(t Terms) Money {
	if q.Basis == BasisPrice {
		return t.Price
	}
	return t.Landed()
}

// ineligible returns why an offer does not count whatever the currency; "" when that is not so.
func (s Snapshot) ineligible(q SummaryQuery, o Offer) Exclusion {
	c := s.competitor(o)
	switch {
	case !c.Active:
		return CompetitorInactive
	case !q.IncludeStale && s.stale(o):
		return StaleOffer
	case !o.Current.Terms.Availability.InStock():
		return NotInStock
	}
	return ""
}

// stale reports whether an offer was not seen for longer than its competitor's freshFor.
func (s Snapshot) stale(o Offer) bool { return s.competitor(o).Stale(o.Current.ObservedAt, s.Now) }

// excludes returns why an offer does not count; "" when it does.
func (s Snapshot) excludes(q SummaryQuery, o Offer, currency string) Exclusion {
	if reason := s.ineligible(q, o); reason != "" {
		return reason
	}
	switch {
	case o.Current.Terms.Price.Currency != currency:
		return OtherCurrency
	case !q.amount(o.Current.Terms).Present():
		return ShippingUnknown
	}
	return ""
}

// usualCurrency returns the currency of most of some offers.
func usualCurrency(offers []Offer, counts func(Offer) bool) string {
	count := map[string]int{}
	for _, o := range offers {
		if counts(o) {
			count[o.Current.Terms.Price.Currency]++
		}
	}
	return UsualCurrency(count)
}

// UsualCurrency returns the currency that was counted most often, the first by code among equals; "" of none.
func UsualCurrency(count map[string]int) string {
	usual := ""
	for _, currency := range slices.Sorted(maps.Keys(count)) {
		if count[currency] > count[usual] {
			usual = currency
		}
	}
	return usual
}

// voices returns the amounts that the statistics are over, and how many competitors the used offers are of.
func (q SummaryQuery) voices(used []Offer) (market voices, competitors int) {
	for _, o := range used {
		market = append(market, voice{o.Current.Key.CompetitorID, q.amount(o.Current.Terms).Minor})
	}
	slices.SortFunc(market, func(a, b voice) int {
		return cmp.Or(cmp.Compare(a.minor, b.minor), cmp.Compare(a.competitorID, b.competitorID))
	})
	heard := map[string]bool{}
	lowest := voices{}
	for _, one := range market {
		if !heard[one.competitorID] {
			lowest = append(lowest, one)
		}
		heard[one.competitorID] = true
	}
	if q.PerOffer {
		return market, len(heard)
	}
	return lowest, len(heard)
}

// notPositioned returns why our own price cannot be compared; "" when it can.
func (q SummaryQuery) notPositioned(own Offer, hasOwn bool, currency string, market voices) NotPositioned {
	terms := own.Current.Terms
	switch {
	case !hasOwn:
		return NoOwnPrice
	case !terms.Availability.InStock() || !terms.Price.Present():
		return OwnOutOfStock
	case terms.Price.Currency != currency:
		return OwnOtherCurrency
	case !q.amount(terms).Present():
		return OwnShippingUnknown
	case len(market) == 0:
		return EmptyMarket
	}
	return ""
}

// position places our own amount in a market. unknown are the offers that are left out because their shipping is not known.
func position(own Money, market voices, unknown []Offer) *Position {
	lowest := market.min()
	gap := new(big.Rat).Sub(big.NewRat(own.Minor, 1), lowest)
	p := &Position{Rank: 1 + market.below(own.Minor), Of: len(market) + 1, GapToMin: inCurrency(gap, own.Currency),
		GapToMinPercent: percent(gap, lowest)}
	for _, o := range unknown {
		if o.Current.Terms.Price.Minor < own.Minor {
			p.Undecided++
		}
	}
	return p
}

func (q SummaryQuery) priceIndex(own Money, market voices) *Index {
	index := &Index{Formula: indexFormula, Reference: q.Reference}
	if reference := q.Reference.of(market); reference != nil {
		index.Value = percent(big.NewRat(own.Minor, 1), reference)
	}
	return index
}

// percent returns part/whole*100, absent when the whole is 0.
func percent(part, whole *big.Rat) Decimal {
	if whole.Sign() == 0 {
		return Decimal{}
	}
	p := new(big.Rat).Quo(part, whole)
	return Decimal{p.Mul(p, big.NewRat(100, 1)), percentDigits}
}

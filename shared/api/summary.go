package api

import (
	"slices"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// SummaryParams are the parameters of a market summary, its window aside.
var SummaryParams = slices.Concat(FilterParams[1:], []string{"basis", "reference", "per", "includeStale", "currency"})

// ReadSummaryQuery reads what is asked of a market. A market is one market: a filter that was not sent asks for new and public
// offers without a region, of any seller.
func ReadSummaryQuery(q Query) price.SummaryQuery {
	var out price.SummaryQuery
	if seller, sent := orNone(q, "sellerId", price.SellerFault); sent {
		out.Market.Seller = &seller
	}
	out.Market.Region, _ = orNone(q, "region", price.RegionFault)
	out.Market.Condition, _ = wordParam(q, "itemCondition", price.ParseCondition, conditionRule)
	out.Market.Audience, _ = wordParam(q, "audience", price.ParseAudience, audienceRule)
	out.Basis, _ = price.ParseBasis(q.Word("basis", price.BasisLanded.String(), price.BasisPrice.String()))
	reference, sent := q.Checked("reference", price.CheckReference, "median, mean, min or competitor: and a competitorId")
	if !sent {
		reference = string(price.ReferenceMedian)
	}
	out.Reference = price.Reference(reference)
	out.PerOffer = q.Word("per", "competitor", "offer") == "offer"
	out.IncludeStale = q.Bool("includeStale", false)
	out.Currency = ReadCurrency(q)
	return out
}

// Summary is the document of a market summary.
type Summary struct {
	BulkSummary
	Window        *price.WindowSummary `json:"window"`
	WindowOmitted *string              `json:"windowOmitted"` // why it was not read although it was asked for
	Excluded      []Excluded           `json:"excluded"`      // the first mostExcluded
}

// BulkSummary is what the entry of a bulk query shows of a market summary.
type BulkSummary struct {
	ProductID      string                  `json:"productId"`
	Currency       *string                 `json:"currency"`
	Basis          price.Basis             `json:"basis"`
	Own            price.Money             `json:"own"`
	Market         price.Statistics        `json:"market"`
	Position       *price.Position         `json:"position"`
	PriceIndex     *price.Index            `json:"priceIndex"`
	NotPositioned  *string                 `json:"notPositioned"`
	MAP            *MAPCheck               `json:"map"`
	Coverage       price.SummaryCoverage   `json:"coverage"`
	ExcludedCounts map[price.Exclusion]int `json:"excludedCounts"`
}

// OfferKey is the document of an offer's key within its product.
type OfferKey struct {
	CompetitorID string          `json:"competitorId"`
	SellerID     *string         `json:"sellerId"`
	Condition    price.Condition `json:"itemCondition"`
	Audience     price.Audience  `json:"audience"`
	Region       *string         `json:"region"`
}

func newOfferKey(k price.OfferKey) OfferKey {
	return OfferKey{k.CompetitorID, orNull(k.SellerID), k.Condition, k.Audience, orNull(k.Region)}
}

// MAPCheck is the document of what offers say against the MAP price.
type MAPCheck struct {
	Price       price.Money   `json:"mapPrice"`
	Breaches    []MAPBreach   `json:"breaches"`
	NotCompared []NotCompared `json:"notCompared"`
}

// MAPBreach is the document of an offer below the MAP price.
type MAPBreach struct {
	OfferKey
	Price       string           `json:"price"` // in the MAP price's currency
	LastChanged price.Timestamp  `json:"lastChangedAt"`
	BelowSince  *price.Timestamp `json:"belowSince,omitempty"` // not in bulk
}

// NotCompared is the document of an offer in another currency than the MAP price.
type NotCompared struct {
	OfferKey
	Price price.Money `json:"price"`
}

// Excluded is the document of an offer that does not count.
type Excluded struct {
	OfferKey
	Reason   price.Exclusion `json:"reason"`
	LastSeen price.Timestamp `json:"lastSeenAt"`
}

// mostExcluded is how many excluded offers a summary lists. It counts all of them.
const mostExcluded = 50

// WindowTooLarge is why a window was omitted that would have cost too much.
const WindowTooLarge = "too-large"

// NewSummary describes a market summary of a product. omitted says why its window was not read; empty: it was, or nobody asked.
func NewSummary(productID string, s price.Summary, omitted string) Summary {
	out := Summary{BulkSummary: NewBulkSummary(productID, s), Window: s.Window, WindowOmitted: orNull(omitted)}
	if out.MAP != nil {
		for i, breach := range s.MAP.Breaches {
			out.MAP.Breaches[i].BelowSince = &breach.BelowSince
		}
	}
	shown := s.Excluded[:min(len(s.Excluded), mostExcluded)]
	out.Excluded = make([]Excluded, len(shown))
	for i, e := range shown {
		out.Excluded[i] = Excluded{newOfferKey(e.Key), e.Reason, e.LastSeen}
	}
	return out
}

// NewBulkSummary describes a market summary of a product without its window and what only that or a list of offers can tell.
func NewBulkSummary(productID string, s price.Summary) BulkSummary {
	out := BulkSummary{
		ProductID: productID, Currency: orNull(s.Currency), Basis: s.Basis, Own: s.Own, Market: s.Market, Position: s.Position,
		PriceIndex: s.PriceIndex, NotPositioned: orNull(string(s.NotPositioned)), Coverage: s.Coverage,
		ExcludedCounts: map[price.Exclusion]int{},
	}
	for _, e := range s.Excluded {
		out.ExcludedCounts[e.Reason]++
	}
	if s.MAP == nil {
		return out
	}
	check := MAPCheck{s.MAP.Price, make([]MAPBreach, len(s.MAP.Breaches)), make([]NotCompared, len(s.MAP.NotCompared))}
	for i, b := range s.MAP.Breaches {
		check.Breaches[i] = MAPBreach{OfferKey: newOfferKey(b.Key), Price: b.Price.Amount(), LastChanged: b.LastChanged}
	}
	for i, n := range s.MAP.NotCompared {
		check.NotCompared[i] = NotCompared{newOfferKey(n.Key), n.Price}
	}
	out.MAP = &check
	return out
}

// Snapshot is what a summary is made from: a product as it was read, and the competitors.
func Snapshot(p store.Product, competitors map[string]store.Competitor, clock price.Clock) price.Snapshot {
	live := p.Live(clock)
	s := price.Snapshot{
		Now: clock.Now, MAP: p.Catalogue.MAP, Offers: make([]price.Offer, len(live)),
		Competitor: func(id string) price.Competitor { return competitors[id].Competitor },
	}
	for i, o := range live {
		s.Offers[i] = price.Offer{Current: observed(o.Key, o.Current), FirstSeen: o.FirstSeen, LastChanged: o.RunStart}
	}
	return s
}

// observed is a stored observation as it was observed.
func observed(key price.OfferKey, o board.Observation) price.Observation {
	return price.Observation{Key: key, Terms: o.Terms, Source: o.Source, ObservedAt: o.ObservedAt}
}

// Observed are stored observations as they were observed.
func Observed(rows []board.Row) []price.Observation {
	all := make([]price.Observation, len(rows))
	for i, r := range rows {
		all[i] = observed(r.Key, r.Observation)
	}
	return all
}

package api

import (
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
)

// ProductID reads the path's productId.
func ProductID(p *gateway.Params) string {
	return p.Path("productId", price.CheckProductID, "A productId has 1 to 64 letters, digits and . _ - (but is not . or ..).")
}

// CompetitorID reads the path's competitorId.
func CompetitorID(p *gateway.Params) string {
	return p.Path("competitorId", price.CheckCompetitorID, "A competitorId has "+price.CompetitorRule+".")
}

// FilterParams are the query parameters of a filter.
var FilterParams = []string{"competitorId", "sellerId", "itemCondition", "audience", "region"}

// Filter reports whether an offer key is among those asked for.
type Filter func(price.OfferKey) bool

// ReadFilter reads the filter of a query. A parameter that was not sent lets every offer pass. One that no observation could
// have is refused, so that a typo does not read as an offer that nobody makes.
func ReadFilter(p *gateway.Params) Filter {
	passes, _ := ReadOfferFilter(p, "")
	return passes
}

// ReadOfferFilter reads the same of a query about one product. When all parameters were sent only one offer can pass: it is returned
// as well, so that no other has to be read.
func ReadOfferFilter(p *gateway.Params, productID string) (passes Filter, only *price.OfferKey) {
	competitor, byCompetitor := p.Checked("competitorId", price.CheckCompetitorID, price.CompetitorRule)
	seller, bySeller := orNone(p, "sellerId", price.SellerFault)
	region, byRegion := orNone(p, "region", price.RegionFault)
	condition, byCondition := wordParam(p, "itemCondition", price.ParseCondition, "New, Used, Refurbished or Damaged")
	audience, byAudience := wordParam(p, "audience", price.ParseAudience, "public, member, signedIn or app")
	if byCompetitor && bySeller && byRegion && byCondition && byAudience {
		only = &price.OfferKey{
			ProductID: productID, CompetitorID: competitor, SellerID: seller, Condition: condition, Audience: audience, Region: region,
		}
	}
	return func(k price.OfferKey) bool {
		return (!byCompetitor || k.CompetitorID == competitor) && (!bySeller || k.SellerID == seller) &&
			(!byRegion || k.Region == region) && (!byCondition || k.Condition == condition) && (!byAudience || k.Audience == audience)
	}, only
}

// orNone reads a parameter that an offer may lack: none asks for those without one. So a seller or a region of that very name
// cannot be asked for. wrong says in a sentence what is wrong with a value, or nothing.
func orNone(p *gateway.Params, name string, wrong func(string) string) (value string, sent bool) {
	value, sent = p.Text(name)
	switch {
	case !sent || value == "none":
		return "", sent
	case value == "":
		p.Fault(name, fault.CodeInvalidField, "Must not be empty; none asks for offers without one.")
	default:
		if detail := wrong(value); detail != "" {
			p.Fault(name, fault.CodeInvalidField, detail)
		}
	}
	return value, true
}

func wordParam[T any](p *gateway.Params, name string, parse func(string) (T, bool), rule string) (value T, sent bool) {
	text, sent := p.Checked(name, func(s string) bool { _, ok := parse(s); return ok }, rule)
	value, _ = parse(text)
	return value, sent
}

// PageParams are the query parameters of a page.
var PageParams = []string{"limit", "cursor"}

// Page is the part of a list that a request asks for.
type Page struct {
	Limit int    // most rows
	After string // the position behind which the page begins; empty: the list's beginning

	params *gateway.Params
}

// ReadPage reads limit, which is usual when it was not sent and at most the greatest, and cursor.
func ReadPage(p *gateway.Params, usual, greatest int) Page {
	return Page{Limit: p.Int("limit", usual, greatest), After: p.Cursor(), params: p}
}

// Next returns the member `next` of a page that ends at a position: the cursor with which the query goes on.
func (g Page) Next(position string) *string {
	cursor := g.params.NextCursor(position)
	return &cursor
}

// Invalid records that the cursor names no position of this query.
func (g Page) Invalid() {
	g.params.Fault("cursor", fault.CodeCursorInvalid, "Not a cursor of this query.")
}

package api

import (
	"context"

	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
)

// ProductID reads the path's productId.
func ProductID(p *gateway.Params) string {
	return p.Path("productId", price.CheckProductID, "A productId has "+price.ProductRule+".")
}

// ByParam is the query parameter that says what the path's productId holds.
const ByParam = "by"

// GTINs is what FindProductID needs of a store.
type GTINs interface {
	ProductOfGTIN(context.Context, price.GTIN) (productID string, err error)
}

// FindProductID reads the product that the path names: by its productId or, with by=gtin, by its gtin, for which it asks the store.
// Read all other parameters first: if any is wrong, that is the error, and the store is not asked. So is the fault of a gtin that no
// product has.
func FindProductID(ctx context.Context, p *gateway.Params, db GTINs) (productID string, err error) {
	if p.Word(ByParam, "productId", "gtin") == "productId" {
		return ProductID(p), p.Err()
	}
	var gtin price.GTIN
	var wrong *fault.Field
	p.Path("productId", func(text string) bool { gtin, wrong = price.ParseGTIN(text); return true }, "")
	if wrong != nil {
		p.Add("/path/productId", wrong.Code, wrong.Detail)
	}
	if err := p.Err(); err != nil {
		return "", err
	}
	return db.ProductOfGTIN(ctx, gtin)
}

// CompetitorID reads the path's competitorId.
func CompetitorID(p *gateway.Params) string {
	return p.Path("competitorId", price.CheckCompetitorID, "A competitorId has "+price.CompetitorRule+".")
}

// Query is what a request says of what it wants, by names: the parameters of its URL (gateway.Params) or members of its body
// (gateway.Members).
type Query interface {
	Text(name string) (value string, ok bool)
	Fault(name, code, detail string)
	Checked(name string, valid func(string) bool, rule string) (value string, ok bool)
	Word(name string, words ...string) string
	Bool(name string, otherwise bool) bool
	Int(name string, otherwise, most int) int
}

// FilterParams are the parameters of a filter.
var FilterParams = []string{"competitorId", "sellerId", "itemCondition", "audience", "region"}

// The rules of words, each completing the sentence "Must be ...".
const (
	conditionRule = "New, Used, Refurbished or Damaged"
	audienceRule  = "public, member, signedIn or app"
)

// KeyFilter says which offers are asked for by their keys: by the members of a key that were sent.
type KeyFilter struct {
	key                                                       price.OfferKey
	byCompetitor, bySeller, byRegion, byCondition, byAudience bool
}

// ReadKeyFilter reads the filter of a query. A value that was not sent lets every offer pass. What no observation could have is
// refused, so that a typo does not read as an offer that nobody makes.
func ReadKeyFilter(q Query) (f KeyFilter) {
	f.key.CompetitorID, f.byCompetitor = q.Checked("competitorId", price.CheckCompetitorID, price.CompetitorRule)
	f.key.SellerID, f.bySeller = orNone(q, "sellerId", price.SellerFault)
	if f.own() && f.key.SellerID != "" {
		q.Fault("sellerId", fault.CodeInvalidField, price.OwnSellerFault)
	}
	f.key.Region, f.byRegion = orNone(q, "region", price.RegionFault)
	f.key.Condition, f.byCondition = wordParam(q, "itemCondition", price.ParseCondition, conditionRule)
	f.key.Audience, f.byAudience = wordParam(q, "audience", price.ParseAudience, audienceRule)
	return f
}

// Passes reports whether the offer of a key is asked for.
func (f KeyFilter) Passes(k price.OfferKey) bool {
	return (!f.byCompetitor || k.CompetitorID == f.key.CompetitorID) && (!f.bySeller || k.SellerID == f.key.SellerID) &&
		(!f.byRegion || k.Region == f.key.Region) && (!f.byCondition || k.Condition == f.key.Condition) &&
		(!f.byAudience || k.Audience == f.key.Audience)
}

// Only returns the one offer of a product that can pass, so that no other has to be read; nil: there may be several.
func (f KeyFilter) Only(productID string) *price.OfferKey {
	if !f.byCompetitor || !f.bySeller || !f.byRegion || !f.byCondition || !f.byAudience {
		return nil
	}
	f.key.ProductID = productID
	return &f.key
}

// own reports whether our own prices alone are asked for.
func (f KeyFilter) own() bool { return f.byCompetitor && f.key.CompetitorID == price.Own }

// orNone reads a parameter that an offer may lack: none asks for those without one. So a seller or a region of that very name
// cannot be asked for. wrong says in a sentence what is wrong with a value, or nothing.
func orNone(q Query, name string, wrong func(string) string) (value string, sent bool) {
	value, sent = q.Text(name)
	switch {
	case !sent || value == "none":
		return "", sent
	case value == "":
		q.Fault(name, fault.CodeInvalidField, "Must not be empty; none asks for offers without one.")
	default:
		if detail := wrong(value); detail != "" {
			q.Fault(name, fault.CodeInvalidField, detail)
			return "", true
		}
	}
	return value, true
}

func wordParam[T any](q Query, name string, parse func(string) (T, bool), rule string) (value T, sent bool) {
	text, sent := q.Checked(name, func(s string) bool { _, ok := parse(s); return ok }, rule)
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

// Link is the header Link to that page, for what has no member for it.
func (g Page) Link(position string) string { return g.params.NextLink(g.params.NextCursor(position)) }

// Invalid records that the cursor names no position of this query.
func (g Page) Invalid() {
	g.params.Fault("cursor", fault.CodeCursorInvalid, "Not a cursor of this query.")
}

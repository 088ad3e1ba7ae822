package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	defaultLimit  = 100
	maxLimit      = 1000
	defaultWindow = 30 * 24 * time.Hour
)

type historian interface {
	Retention() time.Duration
	History(ctx context.Context, productID string, w store.Window) (store.Page, error)
}

type answer struct {
	ProductID    string        `json:"productId"`
	Observations []observation `json:"observations"`
	Next         *string       `json:"next"`
}

type observation struct {
	CompetitorID  string             `json:"competitorId"`
	SellerID      *string            `json:"sellerId"`
	Condition     price.Condition    `json:"itemCondition"`
	Audience      price.Audience     `json:"audience"`
	Region        *string            `json:"region"`
	ObservedAt    price.Timestamp    `json:"observedAt"`
	ReceivedAt    price.Timestamp    `json:"receivedAt"`
	Price         price.Money        `json:"price"`
	Shipping      price.Money        `json:"shipping"`
	ListPrice     price.Money        `json:"listPrice"`
	Availability  price.Availability `json:"availability"`
	PriceType     price.PriceType    `json:"priceType"`
	Promotion     price.Promotion    `json:"promotion"`
	Source        source             `json:"source"`
	ObservationID string             `json:"observationId"`
}

type source struct {
	ID         string           `json:"id"`
	Kind       price.SourceKind `json:"kind"`
	Confidence price.Confidence `json:"confidence"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/products/{productId}/history", Scope: "read",
		Query:  []string{"from", "to", "competitorId", "sellerId", "itemCondition", "audience", "region", "view", "order", "limit", "cursor"},
		Handle: list(f.Store),
	}
}

func list(db historian) func(context.Context, *gateway.Request) (gateway.Answer, error) {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		id, err := r.Path("productId")
		if err != nil {
			return gateway.Answer{}, err
		}
		p := r.Params()
		if !price.CheckProductID(id) {
			p.Add("/path/productId", fault.CodeInvalidField, "A productId has 1 to 64 letters, digits and . _ -")
		}
		w := readWindow(p, id, price.At(r.Received), db.Retention())
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		page, err := db.History(ctx, id, w)
		if err != nil {
			return gateway.Answer{}, err
		}
		out := answer{ProductID: id, Observations: make([]observation, len(page.Rows))}
		for i, row := range page.Rows {
			out.Observations[i] = describe(row)
		}
		if page.Next != nil {
			next := p.NextCursor(positionOf(*page.Next, w).text())
			out.Next = &next
		}
		return gateway.Answer{Body: out}, nil
	}
}

func readWindow(p *gateway.Params, productID string, now price.Timestamp, retention time.Duration) store.Window {
	w := store.Window{To: timeParam(p, "to", now)}
	w.From = timeParam(p, "from", w.To.Add(-min(defaultWindow, retention)))
	switch {
	case w.From > w.To:
		p.Fault("from", fault.CodeInvalidField, "Must not be later than to.")
	case w.From < w.To.Add(-retention):
		p.Fault("from", fault.CodeInvalidField, fmt.Sprintf("At most %d days are kept and can be asked for at once.", retention/(24*time.Hour)))
	}
	w.Limit = p.Int("limit", defaultLimit, maxLimit)
	w.Descending = p.Word("order", "desc", "asc") == "desc"
	switch p.Word("view", "changes", "raw", "daily") {
	case "changes":
		w.Changes = true
	case "daily":
		p.Fault("view", fault.CodeInvalidField, "view=daily is not served yet.")
	}
	w.Match = readFilter(p)
	if cursor := p.Cursor(); cursor != "" {
		at, err := parsePosition(productID, cursor)
		if err != nil {
			p.Fault("cursor", fault.CodeCursorInvalid, "Not a cursor of this query.")
		}
		// The window of the first page: one that ends now, or begins 30 days ago, would move from page to page.
		w.From, w.To, w.After = at.from, at.to, at.row
	}
	w.From = max(w.From, now.Add(-retention)) // what left the retention is gone, deleted or not
	return w
}

func timeParam(p *gateway.Params, name string, otherwise price.Timestamp) price.Timestamp {
	text, ok := p.Text(name)
	if !ok {
		return otherwise
	}
	t, err := price.ParseTimestamp(text)
	if err != nil {
		p.Fault(name, fault.CodeTimestampInvalid, "The parameter "+err.Error()+"; write + as %2B.")
		return otherwise
	}
	return t
}

// readFilter returns a test of offer keys by the parameters that were sent.
func readFilter(p *gateway.Params) func(price.OfferKey) bool {
	competitor, byCompetitor := p.Checked("competitorId", price.CheckCompetitorID, "2 to 40 of a-z, 0-9 and -")
	seller, bySeller := p.Text("sellerId")
	region, byRegion := p.Text("region")
	condition, byCondition := wordParam(p, "itemCondition", price.ParseCondition, "New, Used, Refurbished or Damaged")
	audience, byAudience := wordParam(p, "audience", price.ParseAudience, "public, member, signedIn or app")
	return func(k price.OfferKey) bool {
		return (!byCompetitor || k.CompetitorID == competitor) && (!bySeller || k.SellerID == seller) && (!byRegion || k.Region == region) &&
			(!byCondition || k.Condition == condition) && (!byAudience || k.Audience == audience)
	}
}

func wordParam[T any](p *gateway.Params, name string, parse func(string) (T, bool), rule string) (value T, sent bool) {
	text, sent := p.Checked(name, func(s string) bool { _, ok := parse(s); return ok }, rule)
	value, _ = parse(text)
	return value, sent
}

// position is where a page ends, as a cursor keeps it: late data behind it is not shown again.
type position struct {
	from, to price.Timestamp // the window
	row      *board.Row      // with no more of its entry than tells it apart
}

// written is a position's form inside a cursor.
type written struct {
	From   int64  `json:"f"`
	To     int64  `json:"u"`
	Millis int64  `json:"t"`
	Key    string `json:"k"` // the offer key's text; empty: between rows
	Source string `json:"s"`
}

func positionOf(row board.Row, w store.Window) position { return position{w.From, w.To, &row} }

func (at position) text() string {
	w := written{From: int64(at.from), To: int64(at.to), Millis: int64(at.row.Entry.ObservedAt), Source: at.row.Entry.Source.ID}
	if at.row.Key != (price.OfferKey{}) {
		w.Key = board.KeyText(at.row.Key)
	}
	text, _ := json.Marshal(w) // plain data
	return string(text)
}

func parsePosition(productID, cursor string) (position, error) {
	var at written
	if err := json.Unmarshal([]byte(cursor), &at); err != nil {
		return position{}, fmt.Errorf("parse cursor: %w", err)
	}
	var key price.OfferKey
	if at.Key != "" {
		var err error
		if key, err = board.ParseKey(productID, at.Key); err != nil {
			return position{}, fmt.Errorf("parse cursor: %w", err)
		}
	}
	entry := board.Entry{ObservedAt: price.Timestamp(at.Millis), Source: price.Source{ID: at.Source}}
	return position{price.Timestamp(at.From), price.Timestamp(at.To), &board.Row{Key: key, Entry: entry}}, nil
}

func describe(row board.Row) observation {
	k, e := row.Key, row.Entry
	return observation{
		CompetitorID: k.CompetitorID, SellerID: optional(k.SellerID), Condition: k.Condition, Audience: k.Audience, Region: optional(k.Region),
		ObservedAt: e.ObservedAt, ReceivedAt: e.ReceivedAt, Price: e.Terms.Price, Shipping: e.Terms.Shipping, ListPrice: e.Terms.ListPrice,
		Availability: e.Terms.Availability, PriceType: e.Terms.PriceType, Promotion: e.Terms.Promotion,
		Source: source{e.Source.ID, e.Source.Kind, e.Source.Confidence}, ObservationID: e.ID(k),
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	defaultLimit = 100
	maxLimit     = 200
)

type reader interface {
	Retention() time.Duration
	Product(ctx context.Context, productID string, urls bool) (store.Product, error)
	Competitors(context.Context) (map[string]store.Competitor, error)
}

type answer struct {
	ProductID string  `json:"productId"`
	Offers    []offer `json:"offers"`
	Next      *string `json:"next"`
}

type offer struct {
	CompetitorID  string             `json:"competitorId"`
	SellerID      *string            `json:"sellerId"`
	Condition     price.Condition    `json:"itemCondition"`
	Audience      price.Audience     `json:"audience"`
	Region        *string            `json:"region"`
	Availability  price.Availability `json:"availability"`
	Price         price.Money        `json:"price"`
	Shipping      price.Money        `json:"shipping"`
	Landed        price.Money        `json:"landed"`
	ListPrice     price.Money        `json:"listPrice"`
	PriceType     price.PriceType    `json:"priceType"`
	Promotion     price.Promotion    `json:"promotion"`
	PreviousPrice price.Money        `json:"previousPrice"`
	ObservedAt    price.Timestamp    `json:"observedAt"`
	FirstSeenAt   price.Timestamp    `json:"firstSeenAt"`
	LastSeenAt    price.Timestamp    `json:"lastSeenAt"`
	LastChangedAt price.Timestamp    `json:"lastChangedAt"`
	StaleAt       price.Timestamp    `json:"staleAt"`
	Stale         bool               `json:"stale"`
	URL           *string            `json:"url"`
	Source        source             `json:"source"`
	ObservationID string             `json:"observationId"`
}

type source struct {
	ID         string           `json:"id"`
	Confidence price.Confidence `json:"confidence"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/products/{productId}/offers", Scope: "read",
		Query:  []string{"competitorId", "itemCondition", "audience", "region", "inStock", "includeStale", "sort", "include", "limit", "cursor"},
		Handle: list(f.Store),
	}
}

func list(db reader) func(context.Context, *gateway.Request) (gateway.Answer, error) {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		q, err := readQuery(r)
		if err != nil {
			return gateway.Answer{}, err
		}
		product, err := db.Product(ctx, q.productID, true)
		if err != nil {
			return gateway.Answer{}, err
		}
		competitors, err := db.Competitors(ctx)
		if err != nil {
			return gateway.Answer{}, err
		}
		now := price.At(r.Received)
		var rows []row
		for _, o := range product.Live(now, db.Retention()) {
			if !q.wants(o) {
				continue
			}
			freshFor := competitors[o.Key.CompetitorID].FreshFor
			if freshFor == 0 {
				freshFor = price.DefaultFreshFor
			}
			staleAt := o.Current.ObservedAt.Add(freshFor)
			if stale := now >= staleAt; !stale || q.includeStale {
				rows = append(rows, row{q.position(o), o, staleAt, stale})
			}
		}
		slices.SortFunc(rows, func(a, b row) int { return a.at.compare(b.at) })
		out, next := answer{ProductID: q.productID, Offers: []offer{}}, ""
		for _, row := range rows {
			if q.after != nil && row.at.compare(*q.after) <= 0 {
				continue
			}
			if len(out.Offers) == q.limit {
				next = q.params.NextCursor(q.last)
				out.Next = &next
				break
			}
			out.Offers = append(out.Offers, row.describe(product.URLs))
			q.last = row.at.text()
		}
		return gateway.Answer{Body: out}, nil
	}
}

type query struct {
	params       *gateway.Params
	productID    string
	match        map[string]string // filters by offer key part
	inStock      bool
	includeStale bool
	sort         string
	limit        int
	after        *position
	last         string // position of the last offer shown
}

func readQuery(r *gateway.Request) (*query, error) {
	id, err := r.Path("productId")
	if err != nil {
		return nil, err
	}
	p := r.Params()
	q := &query{params: p, productID: id, match: map[string]string{}}
	if !price.CheckProductID(id) {
		p.Add("/path/productId", fault.CodeInvalidField, "A productId has 1 to 64 letters, digits and . _ -")
	}
	if c, ok := p.Checked("competitorId", price.CheckCompetitorID, "2 to 40 of a-z, 0-9 and -"); ok {
		q.match["competitorId"] = c
	}
	if c, ok := p.Checked("itemCondition", known(price.ParseCondition), "New, Used, Refurbished or Damaged"); ok {
		q.match["itemCondition"] = c
	}
	if a, ok := p.Checked("audience", known(price.ParseAudience), "public, member, signedIn or app"); ok {
		q.match["audience"] = a
	}
	if region, ok := p.Text("region"); ok {
		q.match["region"] = region
	}
	q.inStock, q.includeStale = p.Bool("inStock", false), p.Bool("includeStale", true)
	q.sort = p.Word("sort", "landed", "price", "observedAt")
	p.Word("include", "url")
	q.limit = p.Int("limit", defaultLimit, maxLimit)
	if cursor := p.Cursor(); cursor != "" {
		if q.after, err = parsePosition(id, cursor); err != nil {
			p.Fault("cursor", fault.CodeCursorInvalid, "Not a cursor of this query.")
		}
	}
	return q, p.Err()
}

func known[T any](parse func(string) (T, bool)) func(string) bool {
	return func(s string) bool {
		_, ok := parse(s)
		return ok
	}
}

func (q *query) wants(o board.Offer) bool {
	for name, value := range map[string]string{
		"competitorId": o.Key.CompetitorID, "itemCondition": o.Key.Condition.String(), "audience": o.Key.Audience.String(), "region": o.Key.Region,
	} {
		if want, ok := q.match[name]; ok && want != value {
			return false
		}
	}
	return !q.inStock || o.Current.Terms.Availability.InStock()
}

// position is where an offer stands in the order that was asked for.
type position struct {
	Currency string `json:"c"` // empty: unknown, last
	Rank     int64  `json:"r"` // minor units, or observedAt turned round
	Key      string `json:"k"` // the offer key's text

	key price.OfferKey
}

// position orders amounts by currency code, then amount, and times newest first.
func (q *query) position(o board.Offer) position {
	at := position{Key: board.KeyText(o.Key), key: o.Key}
	amount := o.Current.Terms.Landed()
	switch q.sort {
	case "observedAt":
		at.Rank = -int64(o.Current.ObservedAt)
		return at
	case "price":
		amount = o.Current.Terms.Price
	}
	at.Currency, at.Rank = amount.Currency, amount.Minor
	return at
}

func (p position) compare(other position) int {
	if (p.Currency == "") != (other.Currency == "") {
		if p.Currency == "" {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(p.Currency, other.Currency), cmp.Compare(p.Rank, other.Rank), p.key.Compare(other.key))
}

func (p position) text() string {
	text, _ := json.Marshal(p) // plain data
	return string(text)
}

func parsePosition(productID, cursor string) (*position, error) {
	var at position
	err := json.Unmarshal([]byte(cursor), &at)
	if err == nil {
		at.key, err = board.ParseKey(productID, at.Key)
	}
	return &at, err
}

type row struct {
	at      position
	offer   board.Offer
	staleAt price.Timestamp
	stale   bool
}

func (r row) describe(urls map[board.URLHash]string) offer {
	o := r.offer
	e := o.Current
	return offer{
		CompetitorID: o.Key.CompetitorID, SellerID: optional(o.Key.SellerID), Condition: o.Key.Condition, Audience: o.Key.Audience, Region: optional(o.Key.Region),
		Availability: e.Terms.Availability, Price: e.Terms.Price, Shipping: e.Terms.Shipping, Landed: e.Terms.Landed(), ListPrice: e.Terms.ListPrice,
		PriceType: e.Terms.PriceType, Promotion: e.Terms.Promotion, PreviousPrice: o.Previous.Price,
		ObservedAt: e.ObservedAt, FirstSeenAt: o.FirstSeen, LastSeenAt: e.ObservedAt, LastChangedAt: o.RunStart, StaleAt: r.staleAt, Stale: r.stale,
		URL: optional(urls[e.URL]), Source: source{e.Source.ID, e.Source.Confidence}, ObservationID: e.ID(o.Key),
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	usualLimit    = 100
	greatestLimit = 1000
)

// query is which part of the history is asked for, and in what view.
type query struct {
	productID string // empty until it is known; see of
	filter    api.KeyFilter
	window    store.Window
	from      price.Timestamp // what the window begins with for the client, though less may be kept
	daily     bool
	raw       bool
	day       *board.DayKey // behind which the page begins, of days
	page      api.Page
}

// readQuery reads which part of the history is asked for, and the page of it. Behind a cursor the window ends where that of the
// first page did: one that ends now would move from page to page. A cursor may be made up, so what it says is judged like
// the parameters.
func readQuery(p *gateway.Params, clock price.Clock) query {
	q := query{filter: api.ReadKeyFilter(p), page: api.ReadPage(p, usualLimit, greatestLimit)}
	q.window = store.Window{Limit: q.page.Limit, Descending: p.Word("order", "desc", "asc") == "desc", Match: q.filter.Passes}
	switch p.Word("view", "changes", "raw", "daily") {
	case "changes":
		q.window.Changes = true
	case "raw":
		q.raw = true
	case "daily":
		q.daily = true
	}
	end := clock.Now
	var after cursor
	if q.page.After != "" {
		var err error
		if after, err = parseCursor(q.page.After, q.daily); err == nil {
			end = after.to
			q.day = after.day
			q.window.After = after.row
		} else {
			q.page.Invalid()
		}
	}
	span := api.ReadSpan(p, end, clock)
	w := &q.window
	w.From, w.To = span.From, span.To
	if !after.within(*w) {
		q.page.Invalid()
	}
	q.from = w.From
	w.From = max(w.From, clock.Now.Add(-clock.Retention)) // what left the retention is gone, deleted or not
	return q
}

// of makes it a query of a product, which is not known before its parameters are judged: its gtin may have to be looked up.
func (q *query) of(productID string) {
	q.productID = productID
	q.window.Offer = q.filter.Only(productID)
	if q.window.After != nil && q.window.After.Key != (price.OfferKey{}) {
		q.window.After.Key.ProductID = productID
	}
	if q.day != nil && q.day.Offer != (price.OfferKey{}) {
		q.day.Offer.ProductID = productID
	}
}

// cursor is where a page ends, so that late data behind it is not shown again.
type cursor struct {
	to  price.Timestamp // where the window ends, unless the query says so
	row *store.Position // of the views of observations
	day *board.DayKey   // of the view of days
}

// within reports whether a page of the window may end at the cursor: at a row of it, between two or behind the last.
func (c cursor) within(w store.Window) bool {
	switch {
	case c.row != nil && c.row.Key == (price.OfferKey{}):
		return c.row.ObservedAt >= w.From && c.row.ObservedAt <= w.To+1
	case c.row != nil:
		return c.row.ObservedAt >= w.From && c.row.ObservedAt <= w.To && w.Match(c.row.Key)
	case c.day != nil:
		return c.day.Date >= w.From.Day() && c.day.Date <= w.To && (c.day.Offer == (price.OfferKey{}) || w.Match(c.day.Offer))
	}
	return true
}

// written is what a cursor's text holds.
type written struct {
	To         string `json:"u"`
	ObservedAt string `json:"t,omitempty"`
	Date       string `json:"d,omitempty"` // in place of observedAt, of days
	Key        string `json:"k"`           // the offer key's text; empty: before all rows of that moment, or with the whole day
	Source     string `json:"s,omitempty"`
	Currency   string `json:"c,omitempty"`
}

func (c cursor) text() string {
	w := written{To: c.to.String()}
	if c.row != nil {
		w.ObservedAt, w.Key, w.Source = c.row.ObservedAt.String(), keyText(c.row.Key), c.row.Source
	} else {
		w.Date, w.Key, w.Currency = c.day.Date.Date(), keyText(c.day.Offer), c.day.Currency
	}
	text, _ := json.Marshal(w) // plain data
	return string(text)
}

func keyText(key price.OfferKey) string {
	if key == (price.OfferKey{}) {
		return ""
	}
	return board.KeyText(key)
}

// parseCursor reads what text wrote. Its keys are of no product yet.
func parseCursor(text string, daily bool) (cursor, error) {
	var w written
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return cursor{}, fmt.Errorf("parse cursor: %w", err)
	}
	var c cursor
	var key price.OfferKey
	var at price.Timestamp
	var errs [3]error
	c.to, errs[0] = price.ParseTimestamp(w.To)
	if w.Key != "" {
		key, errs[1] = board.ParseKey("", w.Key)
	}
	if daily {
		at, errs[2] = price.ParseTimestamp(w.Date + "T00:00:00Z")
		c.day = &board.DayKey{Date: at, Offer: key, Currency: w.Currency}
	} else {
		at, errs[2] = price.ParseTimestamp(w.ObservedAt)
		c.row = &store.Position{ObservedAt: at, Key: key, Source: w.Source}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return cursor{}, fmt.Errorf("parse cursor: %w", err)
	}
	return c, nil
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	usualLimit    = 100
	greatestLimit = 1000
)

// readWindow reads which part of the history is asked for, and the page of it. Behind a cursor the window ends where that of the
// first page did: one that ends now would move from page to page. A cursor may be made up, so what it says is judged like
// the parameters.
func readWindow(p *gateway.Params, productID string, clock price.Clock) (store.Window, api.Page) {
	page := api.ReadPage(p, usualLimit, greatestLimit)
	end := clock.Now
	var after *store.Position
	if page.After != "" {
		if c, err := parseCursor(productID, page.After); err == nil {
			end = c.to
			after = &c.after
		} else {
			page.Invalid()
		}
	}
	span := api.ReadSpan(p, end, clock)
	w := store.Window{From: span.From, To: span.To, After: after, Limit: page.Limit, Match: api.ReadFilter(p)}
	w.Descending = p.Word("order", "desc", "asc") == "desc"
	switch p.Word("view", "changes", "raw", "daily") {
	case "changes":
		w.Changes = true
	case "daily":
		p.Fault("view", fault.CodeInvalidField, "view=daily is not served yet.")
	}
	if after != nil && !within(w, *after) {
		page.Invalid()
	}
	w.From = max(w.From, clock.Now.Add(-clock.Retention)) // what left the retention is gone, deleted or not
	return w, page
}

// within reports whether a page of the window may end at a position: at a row of it, between two or behind the last.
func within(w store.Window, at store.Position) bool {
	if at.Key == (price.OfferKey{}) {
		return at.ObservedAt >= w.From && at.ObservedAt <= w.To+1
	}
	return at.ObservedAt >= w.From && at.ObservedAt <= w.To && w.Match(at.Key)
}

// cursor is where a page ends, so that late data behind it is not shown again.
type cursor struct {
	to    price.Timestamp // where the window ends, unless the query says so
	after store.Position
}

// written is what a cursor's text holds.
type written struct {
	To         string `json:"u"`
	ObservedAt string `json:"t"`
	Key        string `json:"k"` // the offer key's text; empty: before all rows of that moment
	Source     string `json:"s"`
}

func (c cursor) text() string {
	text, _ := json.Marshal(written{ // plain data
		To: c.to.String(), ObservedAt: c.after.ObservedAt.String(), Key: keyText(c.after.Key), Source: c.after.Source,
	})
	return string(text)
}

func keyText(key price.OfferKey) string {
	if key == (price.OfferKey{}) {
		return ""
	}
	return board.KeyText(key)
}

func parseCursor(productID, text string) (cursor, error) {
	var w written
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return cursor{}, fmt.Errorf("parse cursor: %w", err)
	}
	c := cursor{after: store.Position{Source: w.Source}}
	var errs [3]error
	c.to, errs[0] = price.ParseTimestamp(w.To)
	c.after.ObservedAt, errs[1] = price.ParseTimestamp(w.ObservedAt)
	if w.Key != "" {
		c.after.Key, errs[2] = board.ParseKey(productID, w.Key)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return cursor{}, fmt.Errorf("parse cursor: %w", err)
	}
	return c, nil
}

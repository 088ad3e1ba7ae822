package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

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
	usualWindow   = 30 * 24 * time.Hour
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
	w := store.Window{To: timeParam(p, "to", end), After: after, Limit: page.Limit}
	w.Match, w.Offer = api.ReadOfferFilter(p, productID)
	w.From = timeParam(p, "from", w.To.Add(-min(usualWindow, clock.Retention)))
	switch {
	case w.From > w.To:
		p.Fault("from", fault.CodeInvalidField, "Must not be later than to.")
	case w.From < w.To.Add(-clock.Retention):
		p.Fault("from", fault.CodeInvalidField, fmt.Sprintf("At most %d days are kept and can be asked for at once.",
			clock.Retention/(24*time.Hour)))
	}
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

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
	after := position{to: clock.Now}
	if page.After != "" {
		if at, err := parsePosition(productID, page.After); err == nil {
			after = at
		} else {
			page.Invalid()
		}
	}
	w := store.Window{To: timeParam(p, "to", after.to), After: after.row, Limit: page.Limit, Match: api.ReadFilter(p)}
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
	if after.row != nil && !after.in(w) {
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

// position is where a page ends, as a cursor keeps it: late data behind it is not shown again.
type position struct {
	to  price.Timestamp // where the window ends, unless the query says so
	row *board.Row      // with no more of its entry than tells it apart
}

// in reports whether a page of the window may end there: at a row of it, or between two or behind the last.
func (at position) in(w store.Window) bool {
	seen := at.row.Observation.ObservedAt
	if at.row.Key == (price.OfferKey{}) {
		return seen >= w.From && seen <= w.To+1
	}
	return seen >= w.From && seen <= w.To && w.Match(at.row.Key)
}

// written is a position's form inside a cursor.
type written struct {
	To         string `json:"u"`
	ObservedAt string `json:"t"`
	Key        string `json:"k"` // the offer key's text; empty: between rows
	Source     string `json:"s"`
}

func (at position) text() string {
	seen := at.row.Observation
	text, _ := json.Marshal(written{ // plain data
		To: at.to.String(), ObservedAt: seen.ObservedAt.String(), Key: board.KeyText(at.row.Key), Source: seen.Source.ID,
	})
	return string(text)
}

func parsePosition(productID, cursor string) (position, error) {
	var w written
	if err := json.Unmarshal([]byte(cursor), &w); err != nil {
		return position{}, fmt.Errorf("parse cursor: %w", err)
	}
	to, err := price.ParseTimestamp(w.To)
	seen, err2 := price.ParseTimestamp(w.ObservedAt)
	row := board.Row{Observation: board.Observation{ObservedAt: seen, Source: price.Source{ID: w.Source}}}
	if err = errors.Join(err, err2); err == nil && w.Key != "" {
		row.Key, err = board.ParseKey(productID, w.Key)
	}
	if err != nil {
		return position{}, fmt.Errorf("parse cursor: %w", err)
	}
	return position{to, &row}, nil
}

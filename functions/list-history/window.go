package main

import (
	"encoding/json"
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

// readWindow reads which part of the history is asked for, and the page of it. Behind a cursor it is the first page's window: one that ends
// now, or begins 30 days ago, would move from page to page.
func readWindow(p *gateway.Params, productID string, clock price.Clock) (store.Window, api.Page) {
	w := store.Window{To: timeParam(p, "to", clock.Now)}
	w.From = timeParam(p, "from", w.To.Add(-min(usualWindow, clock.Retention)))
	switch {
	case w.From > w.To:
		p.Fault("from", fault.CodeInvalidField, "Must not be later than to.")
	case w.From < w.To.Add(-clock.Retention):
		p.Fault("from", fault.CodeInvalidField, fmt.Sprintf("At most %d days are kept and can be asked for at once.",
			clock.Retention/(24*time.Hour)))
	}
	page := api.ReadPage(p, usualLimit, greatestLimit)
	w.Limit = page.Limit
	w.Descending = p.Word("order", "desc", "asc") == "desc"
	switch p.Word("view", "changes", "raw", "daily") {
	case "changes":
		w.Changes = true
	case "daily":
		p.Fault("view", fault.CodeInvalidField, "view=daily is not served yet.")
	}
	w.Match = api.ReadFilter(p)
	if page.After != "" {
		at, err := parsePosition(productID, page.After)
		if err != nil {
			page.Invalid()
		}
		w.From = at.from
		w.To = at.to
		w.After = at.row
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
	w := written{From: int64(at.from), To: int64(at.to), Millis: int64(at.row.Observation.ObservedAt), Source: at.row.Observation.Source.ID}
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
	entry := board.Observation{ObservedAt: price.Timestamp(at.Millis), Source: price.Source{ID: at.Source}}
	return position{price.Timestamp(at.From), price.Timestamp(at.To), &board.Row{Key: key, Observation: entry}}, nil
}

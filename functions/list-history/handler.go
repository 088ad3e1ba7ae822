package main

import (
	"context"
	"slices"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
)

// The media types that the history is answered in.
const (
	asJSON = "application/json"
	asCSV  = "text/csv"
)

type historian interface {
	api.GTINs
	History(ctx context.Context, productID string, w store.Window) (store.Page, error)
	DailyHistory(ctx context.Context, productID string, w store.Window, after *board.DayKey) (store.DayPage, error)
}

// answer has the observations or the days.
type answer struct {
	ProductID    string            `json:"productId"`
	Observations []api.Observation `json:"observations,omitzero"`
	Days         []api.Day         `json:"days,omitzero"`
	Coverage     *api.Coverage     `json:"coverage"` // null behind a cursor
	Next         *string           `json:"next"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/products/{productId}/history", Scope: "read", Media: []string{asJSON, asCSV},
		Query:  slices.Concat([]string{api.ByParam}, api.SpanParams, api.FilterParams, []string{"view", "order"}, api.PageParams),
		Handle: list(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func list(db historian, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		q := readQuery(p, clock(r))
		id, err := api.FindProductID(ctx, p, db)
		if err != nil {
			return gateway.Answer{}, err
		}
		q.of(id)
		first := q.page.After == ""
		q.window.Cover = first && r.Media == asJSON // a table has no place for it
		found, err := q.find(ctx, db)
		if err != nil {
			return gateway.Answer{}, err
		}
		out := gateway.Answer{Cause: api.SuspectCause(found.Suspect)}
		if r.Media == asCSV {
			out.Body = found.csv(q)
			if found.next != nil {
				out.Link = q.page.Link(found.next.text())
			}
			return out, nil
		}
		body := answer{ProductID: q.productID, Observations: found.observations, Days: found.days}
		if first {
			coverage := api.NewCoverage(q.from, q.window.To, found.Coverage)
			body.Coverage = &coverage
		}
		if found.next != nil {
			body.Next = q.page.Next(found.next.text())
		}
		out.Body = body
		return out, nil
	}
}

// found is a page of the history.
type found struct {
	observations []api.Observation // nil in the view of days
	days         []api.Day         // nil in the others
	next         *cursor           // nil: nothing follows
	store.Told
}

// find reads the page.
func (q query) find(ctx context.Context, db historian) (found, error) {
	if q.daily {
		page, err := db.DailyHistory(ctx, q.productID, q.window, q.day)
		if err != nil {
			return found{}, err
		}
		f := found{days: make([]api.Day, len(page.Days)), Told: page.Told}
		for i, d := range page.Days {
			f.days[i] = api.NewDay(d)
		}
		if page.Next != nil {
			f.next = &cursor{to: q.window.To, day: page.Next}
		}
		return f, nil
	}
	page, err := db.History(ctx, q.productID, q.window)
	if err != nil {
		return found{}, err
	}
	f := found{observations: make([]api.Observation, len(page.Rows)), Told: page.Told}
	for i, row := range page.Rows {
		f.observations[i] = api.NewObservation(row)
		if q.raw {
			f.observations[i].Client = row.Observation.Client
		}
	}
	if page.Next != nil {
		f.next = &cursor{to: q.window.To, row: page.Next}
	}
	return f, nil
}

// csv returns the page as CSV.
func (f found) csv(q query) gateway.Text {
	if q.daily {
		return api.CSVOf(api.DayColumns(), q.productID, f.days)
	}
	return api.CSVOf(api.ObservationColumns(), q.productID, f.observations)
}

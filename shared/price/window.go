package price

import (
	"math/big"
	"slices"
)

// Window is the history of some days, as far as a summary needs it: that of the offers that the query's market has, and of those
// that are held against the MAP price.
type Window struct {
	From Timestamp     // midnight, UTC
	Days int           // UTC days from there on, the last of them today's
	Rows []Observation // all that were made in them, each once, in any order
}

// NewWindow returns the window of the days that end with the day of now, without rows.
func NewWindow(now Timestamp, days int) Window {
	return Window{From: now.Day() - Timestamp(days-1)*OneDay, Days: days}
}

// To returns the last moment of the window.
func (w Window) To() Timestamp { return w.From + Timestamp(w.Days)*OneDay - 1 }

// WindowSummary is what happened in a market in the last days.
type WindowSummary struct {
	From     Timestamp      `json:"from"`
	Low      Decimal        `json:"low"`      // the lowest amount at which anything was in stock; absent: none was
	LowAt    Timestamp      `json:"lowAt"`    // the first time it was seen; NoTime: never
	IsLowest *bool          `json:"isLowest"` // whether the market's minimum is as low; nil when there is nothing to compare
	Changes  int            `json:"changes"`  // how often the terms of offers changed
	Coverage WindowCoverage `json:"coverage"`
}

// WindowCoverage says how much of a window was observed.
type WindowCoverage struct {
	ObservedDays  int  `json:"observedDays"` // UTC days with an observation
	RequestedDays int  `json:"requestedDays"`
	Sufficient    bool `json:"sufficient"` // observed are at least four in five
}

// NewWindowCoverage judges how many of some days were observed.
func NewWindowCoverage(observed, requested int) WindowCoverage {
	return WindowCoverage{observed, requested, observed*100 >= requested*80}
}

// byOffer returns the window's rows by their offer, each offer's in order. A window that was not read has none.
func (w *Window) byOffer() map[OfferKey][]*Observation {
	if w == nil {
		return nil
	}
	offers := map[OfferKey][]*Observation{}
	for i := range w.Rows {
		row := &w.Rows[i]
		offers[row.Key] = append(offers[row.Key], row)
	}
	for key, rows := range offers {
		slices.SortFunc(rows, func(a, b *Observation) int { return a.Order().Compare(key, b.Order()) })
	}
	return offers
}

// summarize computes the figures of a window, nil of one that was not read. All competitors count, the inactive ones too: their
// prices were seen.
func (w *Window) summarize(history map[OfferKey][]*Observation, q SummaryQuery, currency string, market voices) *WindowSummary {
	if w == nil {
		return nil
	}
	out := &WindowSummary{From: w.From, LowAt: NoTime}
	observed := map[Timestamp]bool{}
	var low Money
	for key, rows := range history {
		if !q.Market.Has(key) {
			continue
		}
		for i, row := range rows {
			observed[row.ObservedAt.Day()] = true
			if i > 0 && row.Terms != rows[i-1].Terms {
				out.Changes++
			}
			amount := q.amount(row.Terms)
			if !row.Terms.Availability.InStock() || !amount.Present() || amount.Currency != currency {
				continue
			}
			if !low.Present() || amount.Minor < low.Minor || amount.Minor == low.Minor && row.ObservedAt < out.LowAt {
				low = amount
				out.LowAt = row.ObservedAt
			}
		}
	}
	out.Coverage = NewWindowCoverage(len(observed), w.Days)
	if low.Present() {
		out.Low = inCurrency(big.NewRat(low.Minor, 1), currency)
	}
	if low.Present() && len(market) > 0 {
		is := market[0].minor <= low.Minor
		out.IsLowest = &is
	}
	return out
}

// belowSince returns the first observation of an offer's unbroken run of prices below a price. NoTime: the run began before
// the window, or the window was not read.
func (w *Window) belowSince(history map[OfferKey][]*Observation, o Offer, limit Money) Timestamp {
	since := NoTime
	for _, row := range slices.Backward(history[o.Current.Key]) {
		if !below(row.Terms.Price, limit) {
			return since
		}
		since = row.ObservedAt
	}
	if w == nil || o.FirstSeen < w.From {
		return NoTime
	}
	return since
}

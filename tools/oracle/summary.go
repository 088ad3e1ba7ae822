package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"pricing/shared/testkit/oracle"
)

// questions are asked of every product's market. Between them they use each basis, kind of voice and reference to a statistic, and
// windows of 30 days and of all days that are kept.
func questions(kept int) []oracle.Question {
	return []oracle.Question{
		{Basis: "landed", Reference: "median", Per: "competitor", Days: 30},
		{Basis: "price", Reference: "mean", Per: "offer", IncludeStale: true, Days: kept},
		{Basis: "price", Reference: "min", Per: "competitor", IncludeStale: true},
	}
}

// summaries compares the product's market summaries, and returns the API's. current is what should be current, in any order.
func (d *diff) summaries(api *api, stored []content, current []oracle.Offer, c *comparison) (answers []map[string]any, err error) {
	known := oracle.Known{Now: c.now, Offers: current, Shops: c.shops, Digits: minorDigits}
	for _, sent := range stored {
		known.Rows = append(known.Rows, sent[0])
	}
	for _, q := range c.questions {
		q.Condition, q.Audience, q.Region = "New", "public", "none"
		if c.nearlyStale(current) { // the service's clock decides
			q.IncludeStale = true
		}
		got, err := api.summary(d.product, q)
		if err != nil {
			return nil, err
		}
		answers = append(answers, got)
		// No file knows a MAP price, and no description what a window costs.
		known.MAP = mapPrice(got)
		if got["windowOmitted"] == "too-large" {
			q.Days = 0
		}
		want := oracle.Summary(known, q)
		want["productId"] = d.product
		want["windowOmitted"] = got["windowOmitted"]
		if want, err = asDecoded(want); err != nil {
			return nil, err
		}
		if c.nearlyStale(current) {
			want["map"] = got["map"]
		}
		d.fields("summary "+q.Basis+" per "+q.Per, want, got)
		c.countSummary()
	}
	return answers, nil
}

func (c *comparison) countSummary() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.summaries++
}

// nearlyStale says whether an offer goes stale, or went, so close to now that either is right.
func (c *comparison) nearlyStale(offers []oracle.Offer) bool {
	for _, o := range offers {
		if o.Current.At.Add(c.freshFor(o.Current.Competitor)).Sub(c.now).Abs() < staleTolerance {
			return true
		}
	}
	return false
}

// mapPrice is the MAP price that a summary names; nil when it names none.
func mapPrice(summary map[string]any) *oracle.Money {
	check, _ := summary["map"].(map[string]any)
	price, _ := check["mapPrice"].(map[string]any)
	amountText, _ := price["amount"].(string)
	currency, _ := price["currency"].(string)
	m, err := amount(&lineMoney{amountText, currency}, time.Time{})
	if currency == "" || err != nil {
		return nil
	}
	return m
}

// asDecoded is a document as it looks when it was sent and decoded.
func asDecoded(document map[string]any) (map[string]any, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	decoded := map[string]any{}
	return decoded, decode(text, &decoded)
}

// summary asks the API a question.
func (a *api) summary(product string, q oracle.Question) (map[string]any, error) {
	query := url.Values{"basis": {q.Basis}, "reference": {q.Reference}, "per": {q.Per}, "includeStale": {strconv.FormatBool(q.IncludeStale)},
		"window": {"none"}}
	if q.Days > 0 {
		query.Set("window", fmt.Sprintf("P%dD", q.Days))
	}
	got := map[string]any{}
	return got, a.get("/v1/products/"+url.PathEscape(product)+"/summary?"+query.Encode(), &got)
}

// shops is each registered competitor.
func (a *api) shops() (map[string]oracle.Shop, error) {
	rows, err := a.pages("/v1/competitors", "competitors", url.Values{})
	if err != nil {
		return nil, err
	}
	all := map[string]oracle.Shop{}
	for _, row := range rows {
		id, _ := row["competitorId"].(string)
		text, _ := row["freshFor"].(string)
		shop := oracle.Shop{Active: row["status"] == "active"}
		if text != "" {
			if shop.FreshFor, err = duration(text); err != nil {
				return nil, fmt.Errorf("competitor %s: %w", id, err)
			}
		}
		all[id] = shop
	}
	return all, nil
}

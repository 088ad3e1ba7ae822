package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"pricing/shared/testkit/oracle"
)

const (
	// bulkProducts is how many products are asked for at once: their answer is below the size at which the API leaves some out.
	bulkProducts = 100
	// bulkOffers is how many offers of a currency a bulk answer shows of a product.
	bulkOffers = 20
)

// single is what the endpoints of one product answered.
type single struct {
	offers      []map[string]any
	summaries   []map[string]any // of each question
	nearlyStale bool             // the service's clock decides what is stale
}

// entry is what a bulk query says of one product.
type entry struct {
	ProductID string
	Status    int
	Matched   int
	Offers    []map[string]any
	Truncated bool
	Summary   map[string]any
}

// bulk asks for many products at once, and compares with what was answered for each. Those of which something is wrong already are
// left out.
func (c *comparison) bulk(api *api) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(c.singles)), bulkProducts) {
		body := map[string]any{"productIds": ids, "filter": map[string]any{"includeOwn": true, "includeStale": true}, "include": "url"}
		if err := c.compareBulk(api, "/v1/offers/query", body, ids, (*diff).bulkOffers); err != nil {
			return err
		}
		for i, q := range c.questions {
			body := map[string]any{"productIds": ids, "basis": q.Basis, "reference": q.Reference, "per": q.Per, "includeStale": q.IncludeStale}
			compare := func(d *diff, s single, got entry) { d.bulkSummary(q, s.summaries[i], s.nearlyStale, got.Summary) }
			if err := c.compareBulk(api, "/v1/summaries/query", body, ids, compare); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *comparison) compareBulk(api *api, path string, body any, ids []string, compare func(*diff, single, entry)) error {
	var answer struct {
		Results []entry
		Retry   bool
	}
	if err := api.post(path, body, &answer); err != nil {
		return err
	}
	if answer.Retry || len(answer.Results) != len(ids) {
		return fmt.Errorf("POST %s: %d of %d entries, to be repeated: %t", path, len(answer.Results), len(ids), answer.Retry)
	}
	for i, got := range answer.Results {
		d := diff{product: ids[i]}
		if got.ProductID != ids[i] || got.Status != http.StatusOK {
			d.add("bulk", "entry", ids[i]+" 200", got.ProductID+" "+strconv.Itoa(got.Status))
		} else {
			compare(&d, c.singles[ids[i]], got)
		}
		c.differences = append(c.differences, d.found...)
		c.sum.entries++
	}
	return nil
}

// bulkOffers compares an entry with the list of offers, of which it has the first of each currency.
func (d *diff) bulkOffers(s single, got entry) {
	var want []map[string]any
	have := map[any]int{}
	for _, row := range s.offers {
		price, _ := row["price"].(map[string]any)
		if have[price["currency"]]++; have[price["currency"]] <= bulkOffers {
			want = append(want, row)
		}
	}
	if got.Matched != len(s.offers) || got.Truncated != (len(want) < len(s.offers)) || len(got.Offers) != len(want) {
		d.add("bulk offers", "matched, shown, truncated", fmt.Sprint(len(s.offers), len(want), len(want) < len(s.offers)),
			fmt.Sprint(got.Matched, len(got.Offers), got.Truncated))
		return
	}
	for i, row := range want {
		row = maps.Clone(row)
		if s.nearlyStale {
			row["stale"] = got.Offers[i]["stale"]
		}
		d.fields("bulk offer "+keyOf(row), row, got.Offers[i])
	}
}

// bulkSummary compares an entry with the summary of its product, of which it has less.
func (d *diff) bulkSummary(q oracle.Question, want map[string]any, nearlyStale bool, got map[string]any) {
	if nearlyStale {
		return
	}
	want = maps.Clone(want)
	for _, name := range []string{"window", "windowOmitted", "excluded"} {
		delete(want, name)
	}
	if check, ok := want["map"].(map[string]any); ok {
		breaches, _ := check["breaches"].([]any)
		for _, breach := range breaches {
			if row, ok := breach.(map[string]any); ok {
				delete(row, "belowSince") // of an answer that nobody needs any more
			}
		}
	}
	d.fields("bulk summary "+q.Basis+" per "+q.Per, want, got)
}

// post sends a question that is a document.
func (a *api) post(path string, body, to any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, answer, err := a.ask(http.MethodPost, a.base+path, "application/json", text)
	if err != nil {
		return err
	}
	return decode(answer, to)
}

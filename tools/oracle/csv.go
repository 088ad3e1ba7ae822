package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pricing/shared/testkit/oracle"
)

// csv compares the history and its days as CSV with the same in JSON: raw has the rows of view=raw by id, daily those of the days.
func (d *diff) csv(api *api, h history, stored []content, raw map[string]map[string]any, daily []map[string]any) error {
	var observations, days []map[string]string
	for _, sent := range stored {
		row := cells(d.product, raw[sent[0].ID])
		row["source.kind"] = sent[0].Kind // which JSON need not show
		observations = append(observations, row)
	}
	for _, row := range daily {
		days = append(days, cells(d.product, row))
	}
	for view, want := range map[string][]map[string]string{"raw": observations, "daily": days} {
		got, err := api.csvRows(d.product, h, view)
		if err != nil {
			return err
		}
		if len(want) != len(got) {
			d.add("csv "+view, "rows", len(want), len(got))
			continue
		}
		for i := range want {
			d.cells(fmt.Sprint("csv ", view, " row ", i), want[i], got[i])
		}
	}
	return nil
}

func (d *diff) cells(where string, want, got map[string]string) {
	names := maps.Clone(want)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if want[name] != got[name] {
			d.add(where, name, want[name], got[name])
		}
	}
}

// cells are the values of a product's row by column: those of an inner object have its name before them, and what is null or empty
// has none.
func cells(product string, row map[string]any) map[string]string {
	found := map[string]string{"productId": product}
	addCells(found, "", row)
	return found
}

func addCells(found map[string]string, prefix string, row map[string]any) {
	for name, value := range row {
		if inner, ok := value.(map[string]any); ok {
			addCells(found, prefix+name+".", inner)
		} else if value != nil && value != "" {
			found[prefix+name] = disarmed(fmt.Sprint(value))
		}
	}
}

// disarmed is a text that no spreadsheet takes for a formula.
func disarmed(cell string) string {
	if strings.ContainsAny(cell[:1], "=+-@\t\r'") {
		return "'" + cell
	}
	return cell
}

// csvRows reads a view of the product's whole history as CSV, as cells by column without the empty ones.
func (a *api) csvRows(product string, h history, view string) (all []map[string]string, err error) {
	address := a.base + historyPath(product) + "?" + historyQuery(h, view).Encode()
	for address != "" {
		header, body, err := a.ask(http.MethodGet, address, "text/csv", nil)
		if err != nil {
			return nil, err
		}
		records, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("GET %s: %w", address, err)
		}
		if len(records) == 0 {
			return nil, fmt.Errorf("GET %s: no header", address)
		}
		for _, record := range records[1:] {
			row := map[string]string{}
			for i, cell := range record {
				if cell != "" {
					row[records[0][i]] = cell
				}
			}
			all = append(all, row)
		}
		if address, err = next(address, header.Get("Link")); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// changes compares view=changes with what it must be of the stored observations. raw has the rows of view=raw by id.
func (d *diff) changes(stored []content, raw map[string]map[string]any, rows []map[string]any) {
	byKey := map[oracle.Key][]oracle.Observation{}
	for _, sent := range stored {
		byKey[sent[0].Key] = append(byKey[sent[0].Key], sent[0])
	}
	var changed []oracle.Observation
	for _, seen := range byKey {
		slices.SortFunc(seen, oracle.ByRecency)
		for i, o := range seen {
			if i == 0 || !oracle.SameTerms(seen[i-1].Terms, o.Terms) {
				changed = append(changed, o)
			}
		}
	}
	slices.SortFunc(changed, oracle.ByHistory)
	if len(changed) != len(rows) {
		d.add("changes", "rows", len(changed), len(rows))
		return
	}
	for i, o := range changed {
		want := maps.Clone(raw[o.ID])
		delete(want, "client")
		d.fields("changes "+o.ID, want, rows[i])
	}
}

// next is the address of the page after one, of its header Link; empty: nothing follows.
func next(address, link string) (string, error) {
	target, found := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	if !found {
		return "", nil
	}
	base, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	following, err := base.Parse(target)
	if err != nil {
		return "", fmt.Errorf("the Link %q: %w", link, err)
	}
	return following.String(), nil
}

func (c *comparison) countCSV(rows int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.csv += rows
}

package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"

	"pricing/client"
	"pricing/shared/price"
)

// Mapping is what the file holds. The fields from ProductID to ObservedAt are those of an observation, as the API describes them.
//
// ProductID or GTIN, CompetitorID, Availability, Price, ObservedAt and Source must be there, and Currency, unless the cells of every
// amount name theirs. Words of the API, such as InStock or EUR, are checked when the mapping is loaded.
type Mapping struct {
	ProductID     Rules     `yaml:"productId"`    // an id, may be a slug
	GTIN          Rules     `yaml:"gtin"`         // text: 8, 12, 13 or 14 digits
	CompetitorID  Rules     `yaml:"competitorId"` // an id, may be a slug
	SellerID      Rules     `yaml:"sellerId"`     // text
	Region        Rules     `yaml:"region"`       // text
	ItemCondition Rules     `yaml:"itemCondition"`
	Audience      Rules     `yaml:"audience"`
	Availability  Rules     `yaml:"availability"`
	Price         Rules     `yaml:"price"`     // amount
	Shipping      Rules     `yaml:"shipping"`  // amount
	ListPrice     Rules     `yaml:"listPrice"` // amount
	Currency      Rules     `yaml:"currency"`  // of every amount whose cell names none; where a cell names one it must be the same
	PriceType     Rules     `yaml:"priceType"`
	Promotion     Promotion `yaml:"promotion"`
	URL           Rules     `yaml:"url"`        // text
	ObservedAt    Rules     `yaml:"observedAt"` // time

	Source      Source      `yaml:"source"`
	Competitors Competitors `yaml:"competitors"`
	Skip        []When      `yaml:"skip"` // rows for which one of these holds make no observation, and are counted
	Unpivot     *Unpivot    `yaml:"unpivot"`
	File        File        `yaml:"file"`

	located
	fields []field
}

// Promotion has the rules of the members of promotion. An observation for which none of them gives a text has no promotion.
type Promotion struct {
	Label        Rules `yaml:"label"`        // text
	ValidThrough Rules `yaml:"validThrough"` // time
	MinQuantity  Rules `yaml:"minQuantity"`  // text: a whole number
}

// Source is the source of every observation: who saw the price. ID and Kind must be there.
type Source struct {
	ID         string `yaml:"id" json:"id"`                           // 1 to 64 letters, digits and . _ -
	Kind       string `yaml:"kind" json:"kind"`                       // crawler, feed, manual or vendor
	Confidence string `yaml:"confidence" json:"confidence,omitempty"` // from 0 to 1

	located
}

// Competitors says how -register-competitors registers a competitor that the API does not know. Its name comes from the row.
type Competitors struct {
	Kind            string `yaml:"kind"`            // retailer, which is meant if it is absent, or marketplace
	Country         string `yaml:"country"`         // two capital letters: IT
	DefaultCurrency string `yaml:"defaultCurrency"` // EUR
	FreshFor        string `yaml:"freshFor"`        // how long a price counts after it was seen: PT26H, P2D

	located
}

// Settings are those of a competitor; its name is missing.
func (c Competitors) Settings() client.CompetitorSettings {
	return client.CompetitorSettings{
		Kind:    client.CompetitorSettingsKind(cmp.Or(c.Kind, price.Retailer.String())),
		Country: c.Country, DefaultCurrency: c.DefaultCurrency, FreshFor: c.FreshFor,
	}
}

// Unpivot makes an observation of each of several columns, for files with one column a competitor. For each such column whose cell is
// filled, the rules see the row with two more columns: Name holds the column's name, Value its cell.
type Unpivot struct {
	Columns []string `yaml:"columns"` // these columns
	Except  []string `yaml:"except"`  // or all of the row but these: then a new column, of weights say, is taken for a competitor's, too
	Name    string   `yaml:"name"`
	Value   string   `yaml:"value"`

	located
}

// File says of the form of the files what they do not say themselves. The command's flags of the same names come first; they say
// what may stand here.
type File struct {
	Format    string `yaml:"format"`
	Separator string `yaml:"separator"` // between the columns of CSV
	Encoding  string `yaml:"encoding"`  // of the characters
	Quotes    string `yaml:"quotes"`    // whether quotation marks have a meaning in CSV
	Skip      int    `yaml:"skip"`      // how many lines to leave out at the beginning
}

// field is a field of an observation with its rules.
type field struct {
	name  string // as in the mapping: price, promotion.label
	rules Rules
	kind  kind
}

// Load reads and checks a mapping. The error has a line of text for each mistake, with the file's path and the line in it, and says
// what is allowed there.
func Load(path string) (*Mapping, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the mapping: %w", err)
	}
	d := &decoder{}
	m, ok := d.file(content)
	if ok {
		m.check(d)
	}
	if err := d.err(path); err != nil {
		return nil, err
	}
	return m, nil
}

// Columns returns the columns that the mapping needs, sorted.
func (m *Mapping) Columns() []string {
	all := m.read()
	for _, w := range m.Skip {
		for _, name := range w.columns() {
			all[name] = true
		}
	}
	if u := m.Unpivot; u != nil {
		for _, name := range slices.Concat(u.Columns, u.Except) {
			all[name] = true
		}
		delete(all, u.Name)
		delete(all, u.Value)
	}
	return slices.Sorted(maps.Keys(all))
}

// read are the columns that rules name.
func (m *Mapping) read() map[string]bool {
	all := map[string]bool{}
	for _, f := range m.fields {
		for i := range f.rules {
			for _, name := range f.rules[i].columns() {
				all[name] = true
			}
		}
	}
	return all
}

func (m *Mapping) check(d *decoder) {
	m.fields = []field{
		{"productId", m.ProductID, identifier}, {"gtin", m.GTIN, text}, {"competitorId", m.CompetitorID, identifier},
		{"sellerId", m.SellerID, text}, {"region", m.Region, text}, {"itemCondition", m.ItemCondition, text},
		{"audience", m.Audience, text}, {"availability", m.Availability, text}, {"price", m.Price, amount},
		{"shipping", m.Shipping, amount}, {"listPrice", m.ListPrice, amount}, {"currency", m.Currency, text},
		{"priceType", m.PriceType, text}, {"promotion.label", m.Promotion.Label, text},
		{"promotion.validThrough", m.Promotion.ValidThrough, moment}, {"promotion.minQuantity", m.Promotion.MinQuantity, text},
		{"url", m.URL, text}, {"observedAt", m.ObservedAt, moment},
	}
	for _, f := range m.fields {
		f.check(d)
		for i := range f.rules {
			if r := &f.rules[i]; f.kind == amount && !m.has("currency") && len(r.Currencies) == 0 {
				d.wrong(r.line(), "%s: no currency is said: write a rule such as currency: {value: EUR}, or currencies in this rule", f.name)
			}
		}
	}
	for _, name := range []string{"competitorId", "availability", "price", "observedAt"} {
		if !m.has(name) {
			d.wrong(0, "there is no rule for %s", name)
		}
	}
	if !m.has("source") {
		d.wrong(0, "there is no source, such as source: {id: bigmart-export, kind: feed}")
	}
	if !m.has("productId") && !m.has("gtin") {
		d.wrong(0, "there is no rule for productId or gtin")
	}
	for _, w := range m.Skip {
		w.check(d, "skip")
	}
	m.checkConstants(d)
	if m.Unpivot != nil {
		m.checkUnpivot(d)
	}
}

// checkConstants has source and competitors judged by the API's rules.
func (m *Mapping) checkConstants(d *decoder) {
	if s := &m.Source; s.node != nil && !s.broken {
		faults := observationFaults(object("source", texts("id", s.ID, "kind", s.Kind, "confidence", s.Confidence)))
		for _, name := range []string{"id", "kind", "confidence"} {
			d.judged(s.line(name), "source."+name, faults["/source/"+name])
		}
	}
	if c := &m.Competitors; c.node != nil && !c.broken {
		settings := c.Settings()
		faults := competitorFaults(texts("name", "any", "kind", string(settings.Kind), "country", c.Country,
			"defaultCurrency", c.DefaultCurrency, "freshFor", c.FreshFor))
		for _, name := range []string{"kind", "country", "defaultCurrency", "freshFor"} {
			d.judged(c.line(name), "competitors."+name, faults["/"+name])
		}
	}
}

func (m *Mapping) checkUnpivot(d *decoder) {
	u := m.Unpivot
	if u.Name == "" || u.Value == "" || (len(u.Columns) == 0) == (len(u.Except) == 0) {
		d.wrong(u.line(), "unpivot needs name, value, and either columns or except")
		return
	}
	if u.Name == u.Value {
		d.wrong(u.line("value"), "unpivot.value: name and value are both %q; they are two columns", u.Name)
	}
	checkColumns(d, u.line("columns"), "unpivot.columns", u.Columns)
	checkColumns(d, u.line("except"), "unpivot.except", u.Except)
	used := m.read()
	for _, added := range []struct{ member, column, holds string }{{"name", u.Name, "the column's name"}, {"value", u.Value, "its cell"}} {
		if slices.Contains(u.Columns, added.column) || slices.Contains(u.Except, added.column) {
			d.wrong(u.line(added.member), "unpivot.%s: %s is a column of the file; take a new name", added.member, added.column)
		}
		if !used[added.column] { // then all observations of a row would be the same
			d.wrong(u.line(added.member), "unpivot.%s: no rule takes %s, which holds %s", added.member, added.column, added.holds)
		}
	}
	for _, w := range m.Skip {
		for i := range w {
			if c := &w[i]; c.Column == u.Name || c.Column == u.Value {
				d.wrong(c.line("column"), "skip looks at the file's own columns, and %s is one that unpivot adds", c.Column)
			}
		}
	}
}

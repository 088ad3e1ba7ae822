// Package mapping turns the rows of a retailer's or scraper's own file into observations in the API's form.
//
// A mapping is a YAML file. On the left is a field of an observation, on the right a Rule that says where it comes from:
//
//	productId: {from: sku}
//	competitorId: {value: bigmart}
//	availability: {from: available, values: {"1": InStock, "0": OutOfStock}}
//	price: {first: [special_price, price], decimal: ","}
//	priceType: [{when: {column: special_price, filled: true}, value: promotional}, {value: regular}]
//	currency: {value: EUR}
//	observedAt: {from: seen, time: {layout: "02/01/2006 15:04", zone: Europe/Rome}}
//	source: {id: bigmart-export, kind: feed}
//
// Nothing is guessed: what a rule does not say is passed on as it stands, and the API decides whether it makes a valid observation. Only
// white space at the ends of a text is dropped, and every text is brought into Unicode's form NFC: the API would refuse the row
// otherwise. Columns that no rule names are ignored.
//
// A Mapper remembers which names got which ids, over all rows that it sees, since two names must never share an id. So it is for one
// goroutine.
package mapping

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"pricing/client"
)

// Mapping is what the file holds. `productId` or `gtin`, `competitorId`, `availability`, `price`, `observedAt` and `source` must be
// there, and `currency`, unless the cells of the amounts name it.
type Mapping struct {
	ProductID     Rules     `yaml:"productId"`
	GTIN          Rules     `yaml:"gtin"`
	CompetitorID  Rules     `yaml:"competitorId"`
	SellerID      Rules     `yaml:"sellerId"`
	Region        Rules     `yaml:"region"`
	ItemCondition Rules     `yaml:"itemCondition"`
	Audience      Rules     `yaml:"audience"`
	Availability  Rules     `yaml:"availability"`
	Price         Rules     `yaml:"price"`
	Shipping      Rules     `yaml:"shipping"`
	ListPrice     Rules     `yaml:"listPrice"`
	Currency      Rules     `yaml:"currency"` // of every amount whose cell names none
	PriceType     Rules     `yaml:"priceType"`
	Promotion     Promotion `yaml:"promotion"`
	URL           Rules     `yaml:"url"`
	ObservedAt    Rules     `yaml:"observedAt"`

	Source      Source      `yaml:"source"`
	Competitors Competitors `yaml:"competitors"`
	Skip        []When      `yaml:"skip"` // rows for which one of these holds are left out, and counted
	Unpivot     *Unpivot    `yaml:"unpivot"`
	File        File        `yaml:"file"`

	fields []field
}

// Promotion has the rules of the members of `promotion`.
type Promotion struct {
	Label        Rules `yaml:"label"`
	ValidThrough Rules `yaml:"validThrough"`
	MinQuantity  Rules `yaml:"minQuantity"`
}

// Source is the source of every observation.
type Source struct {
	ID         string `yaml:"id" json:"id"`
	Kind       string `yaml:"kind" json:"kind"`
	Confidence string `yaml:"confidence" json:"confidence,omitempty"`
}

// Competitors says how -register-competitors registers a competitor that the API does not know. Its name comes from the row.
type Competitors struct {
	Kind            string `yaml:"kind"` // retailer if absent
	Country         string `yaml:"country"`
	DefaultCurrency string `yaml:"defaultCurrency"`
	FreshFor        string `yaml:"freshFor"`
}

// Settings are those of a competitor; its name is missing.
func (c Competitors) Settings() client.CompetitorSettings {
	return client.CompetitorSettings{
		Kind:    client.CompetitorSettingsKind(cmp.Or(c.Kind, "retailer")),
		Country: c.Country, DefaultCurrency: c.DefaultCurrency, FreshFor: c.FreshFor,
	}
}

// Unpivot makes an observation of each of several columns, for files with one column a competitor. For each such column whose cell is
// filled, the rules see the row with two more columns: one that holds the column's name, and one that holds the cell.
type Unpivot struct {
	Columns names  `yaml:"columns"` // these columns
	Except  names  `yaml:"except"`  // or all but these
	Name    string `yaml:"name"`    // the column that holds the column's name
	Value   string `yaml:"value"`   // the column that holds the cell
}

// File says of the form of the files what they do not say themselves. The command's flags of the same names come first.
type File struct {
	Format    string `yaml:"format"`
	Separator string `yaml:"separator"`
	Encoding  string `yaml:"encoding"`
	Quotes    string `yaml:"quotes"`
	Skip      int    `yaml:"skip"`
}

// field is a field of an observation with its rules.
type field struct {
	name  string // as in the mapping: price, promotion.label
	rules Rules
	kind  kind
}

// Load reads and checks a mapping. The error names the line of each mistake and what is allowed there.
func Load(path string) (*Mapping, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("read the mapping: %w", err)
	}
	m := &Mapping{}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(m); err != nil && !errors.Is(err, io.EOF) {
		return nil, mistakes(path, err)
	}
	if err := m.check(); err != nil {
		return nil, mistakes(path, err)
	}
	return m, nil
}

// mistakes puts the name of the file and the line before each mistake.
func mistakes(path string, err error) error {
	texts := strings.Split(err.Error(), "\n")
	if t, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = t.Errors
	}
	for i, text := range texts {
		text = strings.TrimPrefix(text, "yaml: ")
		if numbered, ok := strings.CutPrefix(text, "line "); ok {
			texts[i] = path + ":" + numbered
		} else {
			texts[i] = path + ": " + text
		}
	}
	return errors.New(strings.Join(texts, "\n"))
}

// UnmarshalYAML refuses a name that is no member.
func (m *Mapping) UnmarshalYAML(n *yaml.Node) error {
	type plain Mapping
	return strict(n, (*plain)(m), "a mapping")
}

// UnmarshalYAML refuses a name that is no member.
func (p *Promotion) UnmarshalYAML(n *yaml.Node) error {
	type plain Promotion
	return strict(n, (*plain)(p), "promotion")
}

// UnmarshalYAML refuses a name that is no member.
func (s *Source) UnmarshalYAML(n *yaml.Node) error {
	type plain Source
	return strict(n, (*plain)(s), "source")
}

// UnmarshalYAML refuses a name that is no member.
func (c *Competitors) UnmarshalYAML(n *yaml.Node) error {
	type plain Competitors
	return strict(n, (*plain)(c), "competitors")
}

// UnmarshalYAML refuses a name that is no member.
func (u *Unpivot) UnmarshalYAML(n *yaml.Node) error {
	type plain Unpivot
	return strict(n, (*plain)(u), "unpivot")
}

// UnmarshalYAML refuses a name that is no member.
func (f *File) UnmarshalYAML(n *yaml.Node) error {
	type plain File
	return strict(n, (*plain)(f), "file")
}

// Columns returns the columns that the mapping needs, sorted.
func (m *Mapping) Columns() []string {
	all := map[string]bool{}
	for _, f := range m.fields {
		for _, r := range f.rules {
			for _, name := range r.columns() {
				all[name] = true
			}
		}
	}
	for _, w := range m.Skip {
		for _, c := range w {
			all[c.Column] = true
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

func (m *Mapping) check() error {
	m.fields = []field{
		{"productId", m.ProductID, identifier}, {"gtin", m.GTIN, text}, {"competitorId", m.CompetitorID, identifier},
		{"sellerId", m.SellerID, text}, {"region", m.Region, text}, {"itemCondition", m.ItemCondition, text},
		{"audience", m.Audience, text}, {"availability", m.Availability, text}, {"price", m.Price, amount},
		{"shipping", m.Shipping, amount}, {"listPrice", m.ListPrice, amount}, {"currency", m.Currency, text},
		{"priceType", m.PriceType, text}, {"promotion.label", m.Promotion.Label, text},
		{"promotion.validThrough", m.Promotion.ValidThrough, moment}, {"promotion.minQuantity", m.Promotion.MinQuantity, text},
		{"url", m.URL, text}, {"observedAt", m.ObservedAt, moment},
	}
	var errs []error
	for _, f := range m.fields {
		errs = append(errs, f.rules.check(f.name, f.kind))
		if f.kind != amount || len(m.Currency) > 0 {
			continue
		}
		for _, r := range f.rules {
			if len(r.Currencies) == 0 {
				errs = append(errs, fmt.Errorf("line %d: %s: there is no rule for currency, and no currencies that its cells name", r.line, f.name))
			}
		}
	}
	for _, name := range []string{"competitorId", "availability", "price", "observedAt"} {
		if len(m.rules(name)) == 0 {
			errs = append(errs, fmt.Errorf("there is no rule for %s", name))
		}
	}
	if len(m.ProductID) == 0 && len(m.GTIN) == 0 {
		errs = append(errs, errors.New("there is no rule for productId or gtin"))
	}
	if m.Source.ID == "" || m.Source.Kind == "" {
		errs = append(errs, errors.New("source needs id and kind"))
	}
	for i, w := range m.Skip {
		errs = append(errs, w.check(fmt.Sprintf("skip %d", i+1)))
	}
	if u := m.Unpivot; u != nil {
		for _, w := range m.Skip {
			for _, c := range w {
				if c.Column == u.Name || c.Column == u.Value {
					errs = append(errs, fmt.Errorf("line %d: skip looks at the file's own columns, and %s is one that unpivot adds", c.line, c.Column))
				}
			}
		}
		if (len(u.Columns) == 0) == (len(u.Except) == 0) || u.Name == "" || u.Value == "" {
			errs = append(errs, errors.New("unpivot needs name, value, and either columns or except"))
		}
	}
	return errors.Join(errs...)
}

func (m *Mapping) rules(name string) Rules {
	for _, f := range m.fields {
		if f.name == name {
			return f.rules
		}
	}
	return nil
}

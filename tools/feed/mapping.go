package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"

	"pricing/client"
	"pricing/shared/jsondoc"
)

// Mapping says where each field of an observation comes from, for files that a scraper wrote in a form of its own.
//
// It is a YAML file with the API's field names on the left and a Rule on the right; mappings/ has two to start from. Fields of
// the row that no rule names are ignored. Every text is sent in Unicode's form NFC, as the API requires. Everything else is
// passed on as it is: the API says whether it makes a valid observation.
type Mapping struct {
	ProductID     Rule `yaml:"productId"`
	GTIN          Rule `yaml:"gtin"`
	CompetitorID  Rule `yaml:"competitorId"`
	SellerID      Rule `yaml:"sellerId"`
	Region        Rule `yaml:"region"`
	ItemCondition Rule `yaml:"itemCondition"`
	Audience      Rule `yaml:"audience"`
	Availability  Rule `yaml:"availability"`
	Price         Rule `yaml:"price"`
	Shipping      Rule `yaml:"shipping"`
	ListPrice     Rule `yaml:"listPrice"`
	Currency      Rule `yaml:"currency"` // of all three amounts
	PriceType     Rule `yaml:"priceType"`
	URL           Rule `yaml:"url"`
	ObservedAt    Rule `yaml:"observedAt"`

	Source      Source      `yaml:"source"`
	Competitors Competitors `yaml:"competitors"`
}

// Rule makes one text from a row. A field that is absent, null or empty gives no text.
type Rule struct {
	From    names             `yaml:"from"`    // a field of the row, or several
	Join    string            `yaml:"join"`    // what separates the texts of several
	Values  map[string]string `yaml:"values"`  // the row's word -> the API's word; others stay as they are
	Default string            `yaml:"default"` // if there is no text; always, without from
	Slug    bool              `yaml:"slug"`    // turn a name into an id (productId and competitorId only)
	Scale   string            `yaml:"scale"`   // amounts only: the power of ten that turns the number into the currency's unit; 1 if absent
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

// settings are those of a competitor; its name is missing.
func (c Competitors) settings() client.CompetitorSettings {
	return client.CompetitorSettings{
		Kind:    client.CompetitorSettingsKind(cmp.Or(c.Kind, "retailer")),
		Country: c.Country, DefaultCurrency: c.DefaultCurrency, FreshFor: c.FreshFor,
	}
}

// names is one name or several.
type names []string

// UnmarshalYAML takes a list or a single name.
func (n *names) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*n = names{node.Value}
		return nil
	}
	return node.Decode((*[]string)(n))
}

// loadMapping reads and checks a mapping.
func loadMapping(file string) (*Mapping, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the mapping: %w", err)
	}
	var m Mapping
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		return nil, fmt.Errorf("mapping %s: %w", file, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("mapping %s: %w", file, err)
	}
	return &m, nil
}

// rules returns the rules by the name of their field.
func (m *Mapping) rules() map[string]*Rule {
	return map[string]*Rule{
		"productId": &m.ProductID, "gtin": &m.GTIN, "competitorId": &m.CompetitorID, "sellerId": &m.SellerID,
		"region": &m.Region, "itemCondition": &m.ItemCondition, "audience": &m.Audience, "availability": &m.Availability,
		"price": &m.Price, "shipping": &m.Shipping, "listPrice": &m.ListPrice, "currency": &m.Currency,
		"priceType": &m.PriceType, "url": &m.URL, "observedAt": &m.ObservedAt,
	}
}

// fields returns the fields of a row that rules name.
func (m *Mapping) fields() []string {
	var all []string
	for _, r := range m.rules() {
		all = append(all, r.From...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (m *Mapping) check() error {
	var errs []error
	for name, r := range m.rules() {
		amount := name == "price" || name == "shipping" || name == "listPrice"
		if r.Scale != "" && !amount {
			errs = append(errs, fmt.Errorf("%s: scale is for amounts", name))
		}
		if _, err := powerOfTen(r.Scale); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		if r.Slug && name != "productId" && name != "competitorId" {
			errs = append(errs, fmt.Errorf("%s: slug is for productId and competitorId", name))
		}
		if slices.Contains(r.From, "") {
			errs = append(errs, fmt.Errorf("%s: from has an empty name", name))
		}
		if amount && r.given() && !m.Currency.given() {
			errs = append(errs, fmt.Errorf("%s: there is no rule for currency", name))
		}
	}
	for _, name := range []string{"competitorId", "availability", "price", "observedAt"} {
		if !m.rules()[name].given() {
			errs = append(errs, fmt.Errorf("there is no rule for %s", name))
		}
	}
	if !m.ProductID.given() && !m.GTIN.given() {
		errs = append(errs, errors.New("there is no rule for productId or gtin"))
	}
	if m.Source.ID == "" || m.Source.Kind == "" {
		errs = append(errs, errors.New("source needs id and kind"))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (r *Rule) given() bool { return len(r.From) > 0 || r.Default != "" }

// text makes the text of the rule from a row.
func (r *Rule) text(row *jsondoc.Node) (string, error) {
	var parts []string
	for _, name := range r.From {
		part, err := field(row, name)
		if err != nil {
			return "", err
		}
		if part != "" {
			parts = append(parts, part)
		}
	}
	s := strings.Join(parts, r.Join)
	if s == "" {
		s = r.Default
	} else if word, ok := r.Values[s]; ok {
		s = word
	}
	return norm.NFC.String(s), nil
}

// field returns a member of the row as text: a number as it is written, "" if it is absent or null.
func field(row *jsondoc.Node, name string) (string, error) {
	value := jsondoc.Node{Kind: jsondoc.Null}
	found := false
	for _, m := range row.Members {
		if m.Name != name {
			continue
		}
		if found {
			return "", refusal{"mapping", fmt.Sprintf("The row has %q twice.", name)}
		}
		value = m.Value
		found = true
	}
	switch value.Kind {
	case jsondoc.Null:
		return "", nil
	case jsondoc.String, jsondoc.Number, jsondoc.Bool:
		return value.Text, nil
	default:
		return "", refusal{"mapping", fmt.Sprintf("%q is a JSON %s, not a text or a number.", name, value.Kind)}
	}
}

// mapper applies a mapping and makes sure that two names never get the same id. It is for one goroutine.
type mapper struct {
	mapping *Mapping
	scales  map[*Rule]int

	products    map[string]string // id -> the name that has it
	competitors map[string]string
}

func newMapper(m *Mapping) *mapper {
	scales := map[*Rule]int{}
	for _, r := range m.rules() {
		scales[r], _ = powerOfTen(r.Scale) // checked when the mapping was loaded
	}
	return &mapper{mapping: m, scales: scales, products: map[string]string{}, competitors: map[string]string{}}
}

// money is an amount in the API's form.
type money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// sent is an observation in the API's form. The price may be null and is always there.
type sent struct {
	ProductID     string `json:"productId,omitempty"`
	GTIN          string `json:"gtin,omitempty"`
	CompetitorID  string `json:"competitorId,omitempty"`
	SellerID      string `json:"sellerId,omitempty"`
	Region        string `json:"region,omitempty"`
	ItemCondition string `json:"itemCondition,omitempty"`
	Audience      string `json:"audience,omitempty"`
	Availability  string `json:"availability,omitempty"`
	Price         *money `json:"price"`
	Shipping      *money `json:"shipping,omitempty"`
	ListPrice     *money `json:"listPrice,omitempty"`
	PriceType     string `json:"priceType,omitempty"`
	URL           string `json:"url,omitempty"`
	Source        Source `json:"source"`
	ObservedAt    string `json:"observedAt,omitempty"`
}

// observe is the observer of the mapping.
func (m *mapper) observe(line []byte) (observation, error) {
	row, err := object(line)
	if err != nil {
		return observation{}, err
	}
	var errs []error
	get := func(r *Rule) string {
		s, err := r.text(row)
		errs = append(errs, err)
		return s
	}
	rules := m.mapping
	product := get(&rules.ProductID)
	competitor := get(&rules.CompetitorID)
	currency := get(&rules.Currency)
	amount := func(r *Rule) *money {
		s := get(r)
		if s == "" {
			return nil
		}
		scaled, err := shift(s, m.scales[r])
		errs = append(errs, err)
		return &money{scaled, currency}
	}
	id := func(r *Rule, taken map[string]string, form idForm, name string) string {
		if !r.Slug || name == "" {
			return name
		}
		slug := form.slug(name)
		errs = append(errs, m.claim(taken, slug, name))
		return slug
	}
	o := sent{
		ProductID:     id(&rules.ProductID, m.products, productID, product),
		GTIN:          get(&rules.GTIN),
		CompetitorID:  id(&rules.CompetitorID, m.competitors, competitorID, competitor),
		SellerID:      get(&rules.SellerID),
		Region:        get(&rules.Region),
		ItemCondition: get(&rules.ItemCondition),
		Audience:      get(&rules.Audience),
		Availability:  get(&rules.Availability),
		Price:         amount(&rules.Price),
		Shipping:      amount(&rules.Shipping),
		ListPrice:     amount(&rules.ListPrice),
		PriceType:     get(&rules.PriceType),
		URL:           get(&rules.URL),
		Source:        rules.Source,
		ObservedAt:    get(&rules.ObservedAt),
	}
	for _, err := range errs {
		if err != nil { // the first is enough: somebody must look at the mapping or the row
			return observation{}, err
		}
	}
	body, err := marshal(o)
	if err != nil {
		return observation{}, refusal{"mapping", err.Error()}
	}
	return observation{text: body, time: unixNano(o.ObservedAt), competitorID: o.CompetitorID, competitorName: competitor}, nil
}

// claim gives a slug to the first name that asks for it. Another name is refused, since its prices would mix with those of the
// first.
func (m *mapper) claim(taken map[string]string, slug, name string) error {
	if owner, ok := taken[slug]; ok && owner != name {
		return refusal{"slug-collision", fmt.Sprintf("%q and %q would both have the id %q.", owner, name, slug)}
	}
	taken[slug] = name
	return nil
}

// marshal is json.Marshal, except that it leaves <, > and & as they are, so that a printed line is easy to read.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

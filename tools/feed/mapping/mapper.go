package mapping

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pricing/shared/jsondoc"
)

// Made is what a mapping makes of a row: usually one observation, with unpivot several or none.
type Made struct {
	Observations []Observation
	Skipped      string // why there are none, if that is intended
}

// Observation is an observation in the API's form, or what prevents it.
type Observation struct {
	JSON           []byte
	ObservedAt     int64 // Unix nanoseconds; 0 if it is absent or unreadable, which the API will say
	Assumed        bool  // the row had only a date
	CompetitorID   string
	CompetitorName string
	Column         string  // the unpivoted column that it was made from, "" without unpivot
	Faults         []Fault // if there are any, the rest is empty
}

// Fault says why a row makes no observation.
type Fault struct {
	Code   string // such as "slug-collision", "time-ambiguous"
	Field  string // the field of the observation, as in the mapping: price, promotion.label
	Column string // the column of the row, "" if it is none in particular
	Detail string
}

// Mapper applies a mapping to the rows of one file after the other.
type Mapper struct {
	mapping *Mapping
	file    map[*Rule]string // what rules find in the file's name

	products    map[string]string // id -> the name that has it
	competitors map[string]string
	seen        map[string]bool // the columns that a row of the file had
	missing     []string        // those that none had so far
}

// NewMapper returns a Mapper that has seen no row.
func (m *Mapping) NewMapper() *Mapper {
	return &Mapper{mapping: m, products: map[string]string{}, competitors: map[string]string{}}
}

// Begin prepares for the rows of a file. It fails if a rule does not find its text in the file's name.
func (m *Mapper) Begin(path string) error {
	m.file = map[*Rule]string{}
	m.missing = m.mapping.Columns()
	name := filepath.Base(path)
	for _, f := range m.mapping.fields {
		for i := range f.rules {
			r := &f.rules[i]
			if r.fileName == nil {
				continue
			}
			found := r.fileName.FindStringSubmatch(name)
			if found == nil {
				return fmt.Errorf("the file's name %q has nothing that matches the rule for %s: %s", name, f.name, r.FileName)
			}
			m.file[r] = found[len(found)-1]
		}
	}
	return nil
}

// Missing returns the columns that rules name and no row of the file has had.
func (m *Mapper) Missing() []string { return m.missing }

// Observe makes the observations of a row, which is a JSON object. The error is a Fault of the row as a whole.
func (m *Mapper) Observe(doc *jsondoc.Node) (Made, error) {
	rows, skipped, err := m.rows(doc)
	if err != nil || skipped != "" {
		return Made{Skipped: skipped}, err
	}
	made := Made{Observations: make([]Observation, 0, len(rows))}
	for _, r := range rows {
		e := evaluation{mapper: m, row: r}
		made.Observations = append(made.Observations, e.observe())
	}
	return made, nil
}

// Explanation is one observation that Observe makes of a row, and how.
type Explanation struct {
	Observation
	Steps []Step
}

// Explain is Observe with the steps that lead to each observation.
func (m *Mapper) Explain(doc *jsondoc.Node) (all []Explanation, skipped string, err error) {
	rows, skipped, err := m.rows(doc)
	for _, r := range rows {
		e := evaluation{mapper: m, row: r, traced: true}
		o := e.observe()
		all = append(all, Explanation{o, e.steps})
	}
	return all, skipped, err
}

// Error makes a Fault an error.
func (f Fault) Error() string { return f.Code + ": " + f.Detail }

// rows are what the rules see of a row: itself, or one for each of its unpivoted cells that is filled.
func (m *Mapper) rows(doc *jsondoc.Node) (rows []*row, skipped string, err error) {
	whole := &row{doc: doc, fileName: m.file}
	m.missing = slices.DeleteFunc(m.missing, func(name string) bool {
		node, err := member(doc, name)
		return node != nil || err != nil
	})
	if skipped, err := m.mapping.skips(whole); err != nil || skipped != "" {
		return nil, skipped, err
	}
	if m.mapping.Unpivot == nil {
		return []*row{whole}, "", nil
	}
	rows, err = m.mapping.Unpivot.rows(whole)
	if err == nil && len(rows) == 0 {
		skipped = "none of the columns to unpivot is filled"
	}
	return rows, skipped, err
}

// skips returns the condition for which a row is left out.
func (m *Mapping) skips(r *row) (string, error) {
	for _, w := range m.Skip {
		holds, err := w.holds(r)
		if err != nil {
			return "", faultOf(err, "", w[0].Column)
		}
		if holds {
			return w.String(), nil
		}
	}
	return "", nil
}

// rows makes a row of each filled cell.
func (u *Unpivot) rows(whole *row) ([]*row, error) {
	var rows []*row
	for _, m := range whole.doc.Members {
		if len(u.Columns) > 0 && !slices.Contains(u.Columns, m.Name) || slices.Contains(u.Except, m.Name) {
			continue
		}
		value, err := whole.cell(m.Name)
		if err != nil {
			return nil, faultOf(err, "", m.Name)
		}
		if value.text == "" {
			continue
		}
		doc := &jsondoc.Node{Kind: jsondoc.Object, Members: append(slices.Clip(whole.doc.Members),
			jsondoc.Member{Name: u.Name, Value: jsondoc.Node{Kind: jsondoc.String, Text: m.Name}},
			jsondoc.Member{Name: u.Value, Value: m.Value})}
		rows = append(rows, &row{doc: doc, fileName: whole.fileName, column: m.Name, virtual: *u})
	}
	return rows, nil
}

// money is an amount in the API's form.
type money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// promotion is a promotion in the API's form.
type promotion struct {
	Label        string      `json:"label,omitempty"`
	ValidThrough string      `json:"validThrough,omitempty"`
	MinQuantity  json.Number `json:"minQuantity,omitempty"`
}

// sent is an observation in the API's form. The price may be null and is always there.
type sent struct {
	ProductID     string     `json:"productId,omitempty"`
	GTIN          string     `json:"gtin,omitempty"`
	CompetitorID  string     `json:"competitorId,omitempty"`
	SellerID      string     `json:"sellerId,omitempty"`
	Region        string     `json:"region,omitempty"`
	ItemCondition string     `json:"itemCondition,omitempty"`
	Audience      string     `json:"audience,omitempty"`
	Availability  string     `json:"availability,omitempty"`
	Price         *money     `json:"price"`
	Shipping      *money     `json:"shipping,omitempty"`
	ListPrice     *money     `json:"listPrice,omitempty"`
	PriceType     string     `json:"priceType,omitempty"`
	Promotion     *promotion `json:"promotion,omitempty"`
	URL           string     `json:"url,omitempty"`
	Source        Source     `json:"source"`
	ObservedAt    string     `json:"observedAt,omitempty"`
}

// observe makes an observation of what the rules see.
func (e *evaluation) observe() Observation {
	m, column := e.mapper, e.row.column
	rules := m.mapping
	o := sent{Source: rules.Source}
	var product, competitor string
	product, o.ProductID = e.id("productId", rules.ProductID, productID, m.products)
	o.GTIN = e.text("gtin", rules.GTIN)
	competitor, o.CompetitorID = e.id("competitorId", rules.CompetitorID, competitorID, m.competitors)
	o.SellerID = e.text("sellerId", rules.SellerID)
	o.Region = e.text("region", rules.Region)
	o.ItemCondition = e.text("itemCondition", rules.ItemCondition)
	o.Audience = e.text("audience", rules.Audience)
	o.Availability = e.text("availability", rules.Availability)
	currency := e.text("currency", rules.Currency)
	o.Price = e.money("price", rules.Price, currency)
	o.Shipping = e.money("shipping", rules.Shipping, currency)
	o.ListPrice = e.money("listPrice", rules.ListPrice, currency)
	o.PriceType = e.text("priceType", rules.PriceType)
	p := promotion{Label: e.text("promotion.label", rules.Promotion.Label)}
	p.ValidThrough, _, _ = e.time("promotion.validThrough", rules.Promotion.ValidThrough)
	p.MinQuantity = e.quantity("promotion.minQuantity", rules.Promotion.MinQuantity)
	if p != (promotion{}) {
		o.Promotion = &p
	}
	o.URL = e.text("url", rules.URL)
	var at int64
	var assumed bool
	o.ObservedAt, at, assumed = e.time("observedAt", rules.ObservedAt)
	if len(e.faults) == 0 { // a row that is refused must not take an id from others
		e.claim("productId", m.products, o.ProductID, product)
		e.claim("competitorId", m.competitors, o.CompetitorID, competitor)
	}
	if len(e.faults) > 0 {
		return Observation{Column: column, Faults: e.faults}
	}
	body, err := marshal(o)
	if err != nil {
		return Observation{Column: column, Faults: []Fault{{Code: "mapping", Detail: err.Error()}}}
	}
	return Observation{JSON: body, ObservedAt: at, Assumed: assumed, CompetitorID: o.CompetitorID, CompetitorName: competitor, Column: column}
}

// evaluation is the use of the mapping's rules on what they see of a row.
type evaluation struct {
	mapper *Mapper
	row    *row
	faults []Fault
	steps  []Step
	traced bool
}

// Step is what one field's rules made of a row.
type Step struct {
	Field  string // as in the mapping
	Rule   string // the rule that was used, in words
	Column string // the column that it took, "" if none
	Text   string // what stood there
	Result string // what it became
}

// cell returns the text that a field's rules take from the row, and the rule that was used, nil if there is none.
func (e *evaluation) cell(field string, rules Rules) (cell, *Rule) {
	rule, err := rules.pick(e.row)
	var c cell
	if err == nil && rule != nil {
		c, err = rule.cell(e.row)
	}
	if err != nil {
		e.refuse(err, field, "")
		return cell{}, nil
	}
	return c, rule
}

// refuse adds the fault of a field.
func (e *evaluation) refuse(err error, field, column string) {
	e.faults = append(e.faults, faultOf(err, field, e.row.own(column)))
}

// step notes what became of a field, if that is asked for.
func (e *evaluation) step(field string, rule *Rule, c cell, result string) {
	if e.traced && rule != nil {
		e.steps = append(e.steps, Step{field, rule.String(), e.row.own(c.column), c.text, result})
	}
}

func (e *evaluation) text(field string, rules Rules) string {
	c, rule := e.cell(field, rules)
	e.step(field, rule, c, c.text)
	return c.text
}

// id returns the name that the row has, and the id that is made of it.
func (e *evaluation) id(field string, rules Rules, form idForm, taken map[string]string) (name, id string) {
	c, rule := e.cell(field, rules)
	id = c.text
	if rule != nil && rule.Slug && id != "" {
		id = form.slug(c.text)
	}
	e.step(field, rule, c, id)
	return c.text, id
}

// claim gives an id to the first name that asks for it. Another name is refused, since its prices would mix with those of the first.
func (e *evaluation) claim(field string, taken map[string]string, id, name string) {
	owner, ok := taken[id]
	if !ok {
		taken[id] = name
	} else if owner != name {
		e.refuse(valueError{"slug-collision", fmt.Sprintf("%q and %q would both have the id %q.", owner, name, id)}, field, "")
	}
}

func (e *evaluation) money(field string, rules Rules, currency string) *money {
	c, rule := e.cell(field, rules)
	if c.text == "" {
		e.step(field, rule, c, "")
		return nil
	}
	var by cell
	if factor := rule.column(); factor != "" {
		var err error
		if by, err = e.row.cell(factor); err != nil {
			e.refuse(err, field, factor)
			return nil
		}
	}
	number, named, err := rule.number(c, by)
	if err == nil && named != "" && currency != "" && named != currency {
		err = valueError{"currency-mismatch", fmt.Sprintf("The cell says %s, the rule for currency %s.", named, currency)}
	}
	if err == nil && named == "" && currency == "" {
		err = valueError{"currency-missing", fmt.Sprintf("Neither the cell %q nor the rule for currency names a currency.", c.text)}
	}
	if err != nil {
		e.refuse(err, field, c.column)
		return nil
	}
	m := &money{number, cmp.Or(named, currency)}
	e.step(field, rule, c, m.Amount+" "+m.Currency)
	return m
}

// time returns a moment as it is sent, and in Unix nanoseconds.
func (e *evaluation) time(field string, rules Rules) (sent string, nano int64, assumed bool) {
	c, rule := e.cell(field, rules)
	switch {
	case c.text == "":
	case rule.Time == nil:
		sent, nano = c.text, UnixNano(c.text)
	default:
		at, dateOnly, err := rule.Time.moment(c.text)
		if err != nil {
			e.refuse(err, field, c.column)
			return "", 0, false
		}
		sent, nano, assumed = printed(at), at.UnixNano(), dateOnly
	}
	e.step(field, rule, c, sent)
	return sent, nano, assumed
}

// quantity returns the only number among the API's fields.
func (e *evaluation) quantity(field string, rules Rules) json.Number {
	c, rule := e.cell(field, rules)
	if c.text != "" && strings.Trim(c.text, "0123456789") != "" {
		e.refuse(valueError{"quantity-unreadable", fmt.Sprintf("%q is not a whole number.", c.text)}, field, c.column)
		return ""
	}
	e.step(field, rule, c, c.text)
	return json.Number(c.text)
}

// own returns the file's own column of a name that may be one that unpivot has added.
func (r *row) own(column string) string {
	if r.column != "" && (column == r.virtual.Value || column == r.virtual.Name) {
		return r.column
	}
	return column
}

// faultOf makes an error the Fault of a field and column.
func faultOf(err error, field, column string) Fault {
	f := Fault{Code: "mapping", Field: field, Column: column, Detail: err.Error()}
	if one, ok := errors.AsType[valueError](err); ok {
		f.Code, f.Detail = one.code, one.detail
	}
	return f
}

// UnixNano reads a time as the API does, in Unix nanoseconds; 0 if it cannot.
func UnixNano(timestamp string) int64 {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(timestamp)) // t and z may be lower-case
	if err != nil {
		return 0
	}
	return t.UnixNano()
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

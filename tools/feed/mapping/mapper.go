package mapping

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pricing/shared/jsondoc"
	"pricing/tools/feed/rows"
)

// Made is what a mapping makes of a row: usually one observation, with unpivot several or none.
type Made struct {
	Observations []Observation
	Skipped      string // why there are none, if that is intended: "sku is empty"
}

// Observation is an observation in the API's form, or what prevents it.
type Observation struct {
	JSON           []byte
	ObservedAt     int64  // Unix nanoseconds; 0 if it is absent or unreadable, which the API will say
	Product        string // its id, or without one its gtin; "" if it has neither, which the API will say
	Assumed        bool   // the row had only a date
	CompetitorID   string
	CompetitorName string       // what the row has for the id
	Column         string       // the unpivoted column that it was made from, "" without unpivot
	Faults         []FieldError // if there are any, there is no JSON
}

// FieldError says why a row makes no observation.
type FieldError struct {
	Code   string // such as "slug-collision", "time-ambiguous"; "mapping" for a row that does not have the form that the mapping expects
	Field  string // the field of the observation, as in the mapping: price, promotion.label; "" if it is about the row
	Column string // the column of the row, as the mapping names it; "" if it is none in particular
	Detail string // a sentence
}

// Error makes a FieldError an error.
func (f FieldError) Error() string { return f.Code + ": " + f.Detail }

// Mapper applies a mapping to the rows of one file after the other.
type Mapper struct {
	mapping  *Mapping
	fileName map[*Rule]string // what rules find in the file's name
	missing  []string         // columns that no row of the file had so far

	products    map[string]string // id -> the name that has it
	competitors map[string]string
}

// NewMapper returns a Mapper that has seen no row.
func (m *Mapping) NewMapper() *Mapper {
	return &Mapper{mapping: m, products: map[string]string{}, competitors: map[string]string{}}
}

// Begin prepares for the rows of a file. It fails if a rule without a default does not find its text in the file's name.
func (m *Mapper) Begin(path string) error {
	m.fileName = map[*Rule]string{}
	m.missing = m.mapping.Columns()
	name := filepath.Base(path)
	for _, f := range m.mapping.fields {
		for i := range f.rules {
			r := &f.rules[i]
			if r.fileName == nil {
				continue
			}
			found := r.fileName.FindStringSubmatch(name)
			switch {
			case found != nil:
				m.fileName[r] = found[len(found)-1]
			case r.Default == "":
				return fmt.Errorf("the file's name %q has nothing that matches the rule for %s: %s", name, f.name, r.FileName)
			}
		}
	}
	return nil
}

// Missing returns the columns that rules and conditions name and no row of the file has had since Begin, sorted.
func (m *Mapper) Missing() []string { return m.missing }

// Observe makes the observations of a row, which is a JSON object. The error is a FieldError of the row as a whole.
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
	Steps []Step // one for each field that has rules, in the order of an observation's fields
}

// Step is what became of one field. Printed in one line, a price may be
//
//	price   first of special_price, price   special_price "1,99"   1.99 EUR
type Step struct {
	Field  string // as in the mapping: price, promotion.label
	Rule   string // the rule that was used, in words; "no rule applies" if none of the conditions holds
	Column string // the column of the file that it took, "" if none
	Text   string // what stood there
	Result string // what it became, or "refused: " and why; "" if the field is left out

	currency bool // the text named the currency, too
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

// Column returns the column of the file from which a value of the observation came. pointer is a JSON pointer into the observation, as in
// the API's problems: "/price/amount". ok is false for a value that came from no column, such as a constant. The observation itself, "",
// comes from the column that was unpivoted.
func (e Explanation) Column(pointer string) (column string, ok bool) {
	if pointer == "" {
		return e.Observation.Column, e.Observation.Column != ""
	}
	path := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	name := path[0]
	switch {
	case name == "promotion" && len(path) > 1:
		name += "." + path[1]
	case len(path) > 1 && path[1] == "currency" && !e.step(name).currency:
		name = "currency"
	}
	column = e.step(name).Column
	return column, column != ""
}

// step is that of a field, or nothing.
func (e Explanation) step(field string) Step {
	if i := slices.IndexFunc(e.Steps, func(s Step) bool { return s.Field == field }); i >= 0 {
		return e.Steps[i]
	}
	return Step{}
}

// rows are what the rules see of a row: itself, or one for each of its unpivoted cells that is filled.
func (m *Mapper) rows(doc *jsondoc.Node) (rows []*row, skipped string, err error) {
	whole := &row{doc: doc, fileName: m.fileName}
	m.missing = slices.DeleteFunc(m.missing, func(name string) bool {
		node, err := member(doc, name)
		return node != nil || err != nil
	})
	for _, w := range m.mapping.Skip {
		holds, err := w.holds(whole)
		if err != nil {
			return nil, "", err
		}
		if holds {
			return nil, w.String(), nil
		}
	}
	if m.mapping.Unpivot == nil {
		return []*row{whole}, "", nil
	}
	rows, err = m.mapping.Unpivot.split(whole)
	if err == nil && len(rows) == 0 {
		skipped = "none of the columns to unpivot is filled"
	}
	return rows, skipped, err
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
	if e.row.broken != nil {
		return Observation{Column: e.row.column, Faults: []FieldError{faultOf(e.row.broken)}}
	}
	m := e.mapper
	rules := m.mapping
	o := sent{Source: rules.Source}
	var product, competitor string
	product, o.ProductID = e.id("productId", rules.ProductID, productID)
	o.GTIN = e.text("gtin", rules.GTIN)
	competitor, o.CompetitorID = e.id("competitorId", rules.CompetitorID, competitorID)
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
	made := Observation{CompetitorName: competitor, Column: e.row.column}
	o.ObservedAt, made.ObservedAt, made.Assumed = e.time("observedAt", rules.ObservedAt)
	made.CompetitorID = o.CompetitorID
	made.Product = cmp.Or(o.ProductID, o.GTIN)
	e.taken("productId", m.products, o.ProductID, product)
	e.taken("competitorId", m.competitors, o.CompetitorID, competitor)
	if len(e.faults) == 0 {
		var err error
		if made.JSON, err = rows.JSON(o); err != nil {
			e.faults = append(e.faults, faultOf(err))
		}
	}
	if len(e.faults) > 0 { // a row that is refused must not take an id from others
		return Observation{Column: e.row.column, Faults: e.faults}
	}
	m.products[o.ProductID], m.competitors[o.CompetitorID] = product, competitor
	return made
}

// evaluation is the use of the mapping's rules on what they see of a row.
type evaluation struct {
	mapper *Mapper
	row    *row
	faults []FieldError
	steps  []Step
	traced bool
}

// take takes a field's text from the row. The rule is nil if none applies, and if the row is refused.
func (e *evaluation) take(field string, rules Rules) (taken, *Rule) {
	for i := range rules {
		r := &rules[i]
		holds, err := r.When.holds(e.row)
		if err == nil && !holds {
			continue
		}
		var t taken
		if err == nil {
			t, err = r.take(e.row)
		}
		if err != nil {
			e.refuse(field, r, t, err)
			return taken{}, nil
		}
		return t, r
	}
	if e.traced && len(rules) > 0 {
		e.steps = append(e.steps, Step{Field: field, Rule: "no rule applies"})
	}
	return taken{}, nil
}

// became notes what became of the text that a rule took.
func (e *evaluation) became(field string, rule *Rule, t taken, result string) {
	if e.traced && rule != nil {
		e.steps = append(e.steps, Step{Field: field, Rule: rule.String(), Column: e.row.own(t.column), Text: t.raw, Result: result})
	}
}

// refuse adds the fault of a field.
func (e *evaluation) refuse(field string, rule *Rule, t taken, err error) {
	f := faultOf(err)
	f.Field, f.Column = field, e.row.own(cmp.Or(f.Column, t.column))
	e.faults = append(e.faults, f)
	t.column = f.Column
	e.became(field, rule, t, "refused: "+f.Error())
}

func (e *evaluation) text(field string, rules Rules) string {
	t, rule := e.take(field, rules)
	e.became(field, rule, t, t.text)
	return t.text
}

// id returns the name that the row has, and the id that is made of it.
func (e *evaluation) id(field string, rules Rules, form idForm) (name, id string) {
	t, rule := e.take(field, rules)
	id = t.text
	if rule != nil && rule.Slug && id != "" {
		id = form.slug(t.text)
	}
	e.became(field, rule, t, id)
	return t.text, id
}

// taken refuses an id that belongs to another name, since the prices of the two would mix. It belongs to the first that asked for it.
func (e *evaluation) taken(field string, owners map[string]string, id, name string) {
	owner, ok := owners[id]
	if !ok || owner == name {
		return
	}
	f := FieldError{Code: "slug-collision", Field: field, Detail: fmt.Sprintf("%q and %q would both have the id %q.", owner, name, id)}
	e.faults = append(e.faults, f)
	for i := range e.steps {
		if e.steps[i].Field == field {
			e.steps[i].Result = "refused: " + f.Error()
		}
	}
}

func (e *evaluation) money(field string, rules Rules, currency string) *money {
	t, rule := e.take(field, rules)
	if t.text == "" {
		e.became(field, rule, t, "")
		return nil
	}
	number, named, err := e.number(rule, t.cell)
	switch {
	case err != nil:
	case named != "" && currency != "" && named != currency:
		err = valueError{"currency-mismatch", fmt.Sprintf("The cell says %s, the rule for currency %s.", named, currency)}
	case named == "" && currency == "":
		err = valueError{"currency-missing", fmt.Sprintf("Neither the cell %q nor the rule for currency names a currency.", t.text)}
	}
	if err != nil {
		e.refuse(field, rule, t, err)
		return nil
	}
	m := &money{number, cmp.Or(named, currency)}
	e.became(field, rule, t, m.Amount+" "+m.Currency)
	if e.traced {
		e.steps[len(e.steps)-1].currency = named != ""
	}
	return m
}

// number makes a number of an amount's cell, and the currency that stands there.
func (e *evaluation) number(rule *Rule, c cell) (amount, currency string, err error) {
	var by cell
	if column := rule.column(); column != "" {
		if by, err = e.row.cell(column); err != nil {
			return "", "", err
		}
	}
	return rule.number(c, by)
}

// time returns a moment as it is sent, and in Unix nanoseconds.
func (e *evaluation) time(field string, rules Rules) (sent string, nano int64, assumed bool) {
	t, rule := e.take(field, rules)
	switch {
	case t.text == "":
	case rule.Time == nil:
		sent, nano = t.text, UnixNano(t.text)
	default:
		at, dateOnly, err := rule.Time.moment(t.text)
		if err != nil {
			e.refuse(field, rule, t, err)
			return "", 0, false
		}
		sent, nano, assumed = printed(at), at.UnixNano(), dateOnly
	}
	e.became(field, rule, t, sent)
	return sent, nano, assumed
}

// quantity returns the only number among the API's fields.
func (e *evaluation) quantity(field string, rules Rules) json.Number {
	t, rule := e.take(field, rules)
	number := strings.TrimLeft(t.text, "0") // which JSON does not allow
	switch {
	case t.text == "":
	case strings.Trim(number, "0123456789") != "":
		e.refuse(field, rule, t, valueError{"quantity-unreadable", fmt.Sprintf("%q is not a whole number.", t.text)})
		return ""
	default:
		number = cmp.Or(number, "0")
	}
	e.became(field, rule, t, number)
	return json.Number(number)
}

// faultOf makes an error a FieldError.
func faultOf(err error) FieldError {
	if f, ok := errors.AsType[FieldError](err); ok {
		return f
	}
	if v, ok := errors.AsType[valueError](err); ok {
		return FieldError{Code: v.code, Detail: v.detail}
	}
	return FieldError{Code: "mapping", Detail: err.Error()}
}

// UnixNano reads a time as the API does, in Unix nanoseconds; 0 if it cannot.
func UnixNano(timestamp string) int64 {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(timestamp)) // t and z may be lower-case
	if err != nil {
		return 0
	}
	return t.UnixNano()
}

package mapping

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"

	"pricing/shared/jsondoc"
)

// Rules are one rule, or several with conditions: the first whose condition holds is used. If none does, there is no text.
type Rules []Rule

// Rule makes one text from a row. A column that is absent, null or empty gives no text.
//
// The text comes from one of `from`, `first`, `fileName` and `value`. Then `values` replaces it, and the kind of its field decides what
// may follow: Time for observedAt and promotion.validThrough, Amount for price, shipping and listPrice, `slug` for productId and
// competitorId.
type Rule struct {
	When      When              `yaml:"when"`      // the rule is used if this holds; without it, always
	From      names             `yaml:"from"`      // a column, or several with join
	Join      *string           `yaml:"join"`      // what separates the texts of several columns; empty ones are left out
	First     names             `yaml:"first"`     // the first of these columns that is filled
	FileName  string            `yaml:"fileName"`  // a regular expression that finds the text in the file's name; in parentheses, if there are any
	Value     string            `yaml:"value"`     // the text itself
	Values    map[string]string `yaml:"values"`    // the column's word -> the API's word; "" is no text
	Otherwise string            `yaml:"otherwise"` // for a word that is not among values; without it, that stays as it is
	Default   string            `yaml:"default"`   // if the column gives no text
	Slug      bool              `yaml:"slug"`      // turn a name into an id
	Time      *Time             `yaml:"time"`
	Amount    `yaml:",inline"`

	line     int
	given    []key
	fileName *regexp.Regexp
}

// key is a name that stands in a rule.
type key struct {
	name string
	line int
}

// kind is what a field holds.
type kind int

const (
	text kind = iota
	identifier
	amount
	moment
)

// allowed are the members of a rule by the kind of its field.
var allowed = [...][]string{
	text:       {"when", "from", "join", "first", "fileName", "value", "values", "otherwise", "default"},
	identifier: {"when", "from", "join", "first", "fileName", "value", "values", "otherwise", "default", "slug"},
	amount: {"when", "from", "first", "value", "values", "otherwise", "default",
		"decimal", "group", "strip", "currencies", "scale", "multiply", "divide"},
	moment: {"when", "from", "join", "first", "fileName", "value", "values", "otherwise", "default", "time"},
}

// UnmarshalYAML takes a rule or a list of rules.
func (r *Rules) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		*r = make(Rules, 1)
		return n.Decode(&(*r)[0])
	}
	return n.Decode((*[]Rule)(r))
}

// UnmarshalYAML keeps where each member stands, so that check can name the line.
func (r *Rule) UnmarshalYAML(n *yaml.Node) error {
	type plain Rule
	r.line = n.Line
	if n.Kind != yaml.MappingNode {
		return mistake(n.Line, "%s is no rule: write {from: COLUMN} or {value: TEXT}", n.Value)
	}
	for i := 0; i < len(n.Content); i += 2 {
		if name := n.Content[i].Value; name != "<<" {
			r.given = append(r.given, key{name, n.Content[i].Line})
		}
	}
	return n.Decode((*plain)(r))
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

// When is a condition on a row: all of its parts must hold. In YAML it is one part or a list.
type When []Condition

// UnmarshalYAML takes one condition or a list of them.
func (w *When) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		*w = make(When, 1)
		return n.Decode(&(*w)[0])
	}
	return n.Decode((*[]Condition)(w))
}

// Condition asks something of one column. All that it says must hold.
type Condition struct {
	Column  string `yaml:"column"`
	Filled  *bool  `yaml:"filled"`
	Is      names  `yaml:"is"`      // its text is one of these
	Not     names  `yaml:"not"`     // its text is none of these
	Matches string `yaml:"matches"` // a regular expression is found in it

	matches *regexp.Regexp
	line    int
}

// UnmarshalYAML refuses a name that is no member.
func (c *Condition) UnmarshalYAML(n *yaml.Node) error {
	type plain Condition
	err := strict(n, (*plain)(c), "a condition")
	c.line = n.Line
	return err
}

// strict decodes a YAML object into a struct. Its error names the line of each unknown member, and those that are allowed.
func strict(n *yaml.Node, into any, what string) error {
	known := members(reflect.TypeOf(into).Elem())
	if n.Kind != yaml.MappingNode {
		return mistake(n.Line, "%s has members: %s", what, strings.Join(known, ", "))
	}
	var wrong []string
	for i := 0; i < len(n.Content); i += 2 {
		name := n.Content[i]
		if name.Value != "<<" && !slices.Contains(known, name.Value) {
			wrong = append(wrong, fmt.Sprintf("line %d: %s has no member %q; allowed are %s", name.Line, what, name.Value, strings.Join(known, ", ")))
		}
	}
	err := n.Decode(into)
	if len(wrong) == 0 {
		return err
	}
	if t, ok := errors.AsType[*yaml.TypeError](err); ok {
		wrong = append(wrong, t.Errors...)
	}
	return &yaml.TypeError{Errors: wrong}
}

// members are the YAML names of a struct's fields.
func members(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// mistake is an error that yaml collects with others, so that all are told at once.
func mistake(line int, format string, args ...any) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: ", line) + fmt.Sprintf(format, args...)}}
}

func (r Rules) check(field string, kind kind) error {
	var errs []error
	for i := range r {
		errs = append(errs, r[i].check(field, kind))
		if len(r[i].When) == 0 && i < len(r)-1 {
			errs = append(errs, fmt.Errorf("line %d: %s: the rules after this one are never used, since it has no `when`", r[i].line, field))
		}
	}
	return errors.Join(errs...)
}

func (r *Rule) check(field string, kind kind) error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("line %d: %s: %w", r.line, field, fmt.Errorf(format, args...)))
	}
	for _, k := range r.given {
		if !slices.Contains(allowed[kind], k.name) {
			errs = append(errs, fmt.Errorf("line %d: %s: %q is not allowed here; allowed are %s", k.line, field, k.name,
				strings.Join(allowed[kind], ", ")))
		}
	}
	origins := 0
	for _, given := range []bool{len(r.From) > 0, len(r.First) > 0, r.FileName != "", r.Value != ""} {
		if given {
			origins++
		}
	}
	switch {
	case origins != 1:
		wrong("it needs one of from, first, fileName and value")
	case len(r.From) > 1 && kind == amount:
		wrong("an amount comes from one column: use `first` for the first of several that is filled")
	case len(r.From) > 1 && r.Join == nil:
		wrong("several columns need `join`, what stands between them, or `first`, for the first that is filled")
	case len(r.From) < 2 && r.Join != nil:
		wrong("`join` needs several columns in `from`")
	}
	if slices.Contains(r.From, "") || slices.Contains(r.First, "") {
		wrong("a column has an empty name")
	}
	if r.Value != "" && (r.Default != "" || len(r.Values) > 0) {
		wrong("`value` is the text itself: default and values have no effect on it")
	}
	if r.Otherwise != "" && len(r.Values) == 0 {
		wrong("`otherwise` is for words that are not among `values`: use `default` for a column that is empty")
	}
	if r.FileName != "" {
		var err error
		if r.fileName, err = regexp.Compile(r.FileName); err != nil {
			wrong("fileName: %w", err)
		} else if r.fileName.NumSubexp() > 1 {
			wrong("fileName has more than one pair of parentheses")
		}
	}
	if err := r.When.check(field); err != nil {
		errs = append(errs, err)
	}
	if kind == amount {
		if err := r.Amount.check(); err != nil {
			wrong("%w", err)
		}
	}
	if r.Time != nil {
		if err := r.Time.check(); err != nil {
			wrong("time: %w", err)
		}
	}
	return errors.Join(errs...)
}

func (w When) check(where string) error {
	var errs []error
	for i := range w {
		c := &w[i]
		switch {
		case c.Column == "":
			errs = append(errs, fmt.Errorf("line %d: %s: a condition needs a column", c.line, where))
		case c.Filled == nil && len(c.Is)+len(c.Not) == 0 && c.Matches == "":
			errs = append(errs, fmt.Errorf("line %d: %s: the condition on %s needs filled, is, not or matches", c.line, where, c.Column))
		}
		if c.Matches != "" {
			var err error
			if c.matches, err = regexp.Compile(c.Matches); err != nil {
				errs = append(errs, fmt.Errorf("line %d: %s: matches: %w", c.line, where, err))
			}
		}
	}
	return errors.Join(errs...)
}

// columns are the columns that the rule reads.
func (r *Rule) columns() []string {
	all := slices.Concat(r.From, r.First)
	for _, c := range r.When {
		all = append(all, c.Column)
	}
	if name := r.column(); name != "" {
		all = append(all, name)
	}
	return all
}

// holds says whether the condition holds for a row.
func (w When) holds(row *row) (bool, error) {
	for i := range w {
		c := &w[i]
		cell, err := row.cell(c.Column)
		if err != nil {
			return false, err
		}
		switch {
		case c.Filled != nil && *c.Filled != (cell.text != ""),
			len(c.Is) > 0 && !slices.Contains(c.Is, cell.text),
			slices.Contains(c.Not, cell.text),
			c.matches != nil && !c.matches.MatchString(cell.text):
			return false, nil
		}
	}
	return true, nil
}

// String is the condition in words.
func (w When) String() string {
	var parts []string
	for _, c := range w {
		if c.Filled != nil {
			parts = append(parts, c.Column+map[bool]string{true: " is filled", false: " is empty"}[*c.Filled])
		}
		if len(c.Is) > 0 {
			parts = append(parts, c.Column+" is "+strings.Join(c.Is, " or "))
		}
		if len(c.Not) > 0 {
			parts = append(parts, c.Column+" is not "+strings.Join(c.Not, " or "))
		}
		if c.Matches != "" {
			parts = append(parts, c.Column+" matches "+c.Matches)
		}
	}
	return strings.Join(parts, " and ")
}

// cell is the text of a column of a row.
type cell struct {
	column string
	text   string
	number bool // a JSON number, whose point can only be that of a fraction
}

// valueError says why a value of a row cannot be converted.
type valueError struct {
	code   string
	detail string
}

func (e valueError) Error() string { return e.code + ": " + e.detail }

// row is a row that rules read.
type row struct {
	doc      *jsondoc.Node
	fileName map[*Rule]string // what rules find in the file's name
	column   string           // the unpivoted column; "" without unpivot
	virtual  Unpivot
}

// cell returns a column's text: a number as it is written, "" if it is absent or null. A name that the row does not have may be the
// path to a member of an inner object: "price.amount".
func (r *row) cell(name string) (cell, error) {
	node, err := member(r.doc, name)
	if err != nil {
		return cell{}, err
	}
	if node == nil {
		return cell{column: name}, nil
	}
	switch node.Kind {
	case jsondoc.Null:
		return cell{column: name}, nil
	case jsondoc.String, jsondoc.Number, jsondoc.Bool:
		text := strings.TrimSpace(node.Text)
		return cell{column: name, text: norm.NFC.String(text), number: node.Kind == jsondoc.Number}, nil
	default:
		return cell{}, valueError{"mapping", fmt.Sprintf("%q is a JSON %s, not a text or a number.", name, node.Kind)}
	}
}

// member returns a member of an object by its name, or by the path to it; nil if there is none.
func member(doc *jsondoc.Node, name string) (*jsondoc.Node, error) {
	var found *jsondoc.Node
	for i := range doc.Members {
		if doc.Members[i].Name != name {
			continue
		}
		if found != nil {
			return nil, valueError{"mapping", fmt.Sprintf("The row has %q twice.", name)}
		}
		found = &doc.Members[i].Value
	}
	if found != nil {
		return found, nil
	}
	outer, inner, nested := strings.Cut(name, ".")
	if !nested || outer == "" {
		return nil, nil
	}
	within, err := member(doc, outer)
	if err != nil || within == nil || within.Kind != jsondoc.Object {
		return nil, err
	}
	return member(within, inner)
}

// pick returns the rule to use for a row; nil if there is none.
func (r Rules) pick(row *row) (*Rule, error) {
	for i := range r {
		holds, err := r[i].When.holds(row)
		if err != nil {
			return nil, err
		}
		if holds {
			return &r[i], nil
		}
	}
	return nil, nil
}

// cell makes the text of the rule from a row, before its kind's conversion.
func (r *Rule) cell(row *row) (cell, error) {
	got := cell{text: r.Value}
	if r.fileName != nil {
		got.text = row.fileName[r]
	}
	for _, name := range r.First {
		one, err := row.cell(name)
		if err != nil {
			return cell{}, err
		}
		if got = one; one.text != "" {
			break
		}
	}
	for i, name := range r.From {
		one, err := row.cell(name)
		switch {
		case err != nil:
			return cell{}, err
		case i == 0 || got.text == "":
			got = one
		case one.text != "":
			got.text += *r.Join + one.text
			got.number = false
		}
	}
	if got.text == "" {
		got.text = r.Default
		return got, nil
	}
	if len(r.Values) == 0 {
		return got, nil
	}
	word, ok := r.Values[got.text]
	switch {
	case ok:
		got.text, got.number = word, false
	case r.Otherwise != "":
		got.text, got.number = r.Otherwise, false
	}
	return got, nil
}

// String is the rule in words.
func (r *Rule) String() string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	add("when", r.When.String())
	if r.Join != nil {
		add("join", strings.Join(r.From, ", "))
	} else {
		add("from", strings.Join(r.From, ", "))
	}
	add("first of", strings.Join(r.First, ", "))
	add("fileName", r.FileName)
	add("value", r.Value)
	return strings.Join(parts, ": ")
}

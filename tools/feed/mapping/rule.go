package mapping

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pricing/shared/price"
)

// Rules are the rules of a field: one, or a list, of which the first whose condition holds is used. If none does, the field has no
// text. Only the last may be without a condition.
type Rules []Rule

// Rule says how the text of a field is made from a row. What is done in which order is said in the
// text of the package (go doc ./tools/feed/mapping).
//
// Each rule has one of from, first, fileName and value. All fields may have these, except that an amount has neither join nor
// fileName, and when, values, otherwise and default. Only the ids (productId, competitorId) may have slug, only the times (observedAt,
// promotion.validThrough) time, and only the amounts (price, shipping, listPrice) what Amount has.
type Rule struct {
	// When is the condition under which the rule is used; without it, always.
	When When `yaml:"when"`
	// From is a column, or a list of several with Join.
	From []string `yaml:"from"`
	// Join is what stands between the texts of several columns. Those that are empty are left out: of [brand, model], "Acme X1" or "X1".
	Join *string `yaml:"join"`
	// First is a list of columns, of which the first that is filled is taken. 0 and - are filled, too.
	First []string `yaml:"first"`
	// FileName is a regular expression (go doc regexp/syntax) that finds the text in the file's name without its directory. If it has
	// a pair of parentheses, the text is what matches inside: '_(\d{8})\.csv' is 20261120 in prices_20261120.csv. If it finds nothing
	// and there is no default, no row of the file is read.
	FileName string `yaml:"fileName"`
	// Value is the text itself, the same for each row; "" is no text.
	Value string `yaml:"value"`
	// Values replaces texts: {1: InStock, 0: OutOfStock}. The whole text must be the same, capitals too. "" is no text.
	Values map[string]string `yaml:"values"`
	// Otherwise is for a text that Values does not have; "" is no text. Without it, that text stays as it is.
	Otherwise *string `yaml:"otherwise"`
	// Default is for a row whose column gives no text.
	Default string `yaml:"default"`
	// Slug makes an id of a name, if it is true: letters without their accents and digits, with - between the words.
	Slug bool `yaml:"slug"`
	// Time says how to read a time. Without it, the text is one like 2026-11-20T17:45:30Z or 2026-11-20T17:45:30+01:00.
	Time *Time `yaml:"time"`

	Amount `yaml:",inline"`

	located
	fileName *regexp.Regexp
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

// When is a condition on a row, or a list of them, all of which must hold.
type When []Condition

// Condition asks something of one column: one of Filled, Is, Not and Matches, or several that must all hold. The column's text is without
// white space at its ends; that of an absent or empty one is "".
type Condition struct {
	Column  string   `yaml:"column"`
	Filled  *bool    `yaml:"filled"`  // true: there is a text; false: there is none
	Is      []string `yaml:"is"`      // the text is this, or one of this list
	Not     []string `yaml:"not"`     // the text is not this, or none of this list
	Matches string   `yaml:"matches"` // the regular expression is found in the text

	located
	matches *regexp.Regexp
}

func (f *field) check(d *decoder) {
	for i := range f.rules {
		r := &f.rules[i]
		if len(r.When) == 0 && !r.broken && i < len(f.rules)-1 {
			d.wrong(r.line(), "%s: the rules after this one are never used, since it has no `when`", f.name)
		}
		before := len(d.mistakes)
		r.check(d, f)
		if !r.broken && len(d.mistakes) == before {
			r.checkConstants(d, f)
		}
	}
}

func (r *Rule) check(d *decoder, f *field) {
	wrong := func(member, format string, args ...any) {
		d.wrong(r.line(member), "%s: %s", f.name, fmt.Sprintf(format, args...))
	}
	var origins []string
	whole := !r.broken
	for _, key := range r.keys() {
		switch {
		case !slices.Contains(allowed[f.kind], key.Value):
			d.unknown(key, f.name, allowed[f.kind])
			whole = false
		case key.Value == "from", key.Value == "first", key.Value == "fileName", key.Value == "value":
			origins = append(origins, key.Value)
		}
	}
	switch {
	case len(origins) == 0 && whole: // else it may be what is misspelt
		wrong("", "it needs one of from, first, fileName and value")
	case len(origins) > 1 && whole:
		wrong(origins[1], "%s and %s cannot both be there", origins[0], origins[1])
	case len(r.From) > 1 && f.kind == amount:
		wrong("from", "an amount comes from one column; use `first` for the first of several that is filled")
	case len(r.From) > 1 && r.Join == nil && whole:
		wrong("from", "several columns need `join`, what stands between them, or `first`, for the first that is filled")
	case len(r.From) == 1 && r.Join != nil:
		wrong("join", "`join` needs several columns in `from`")
	}
	if whole {
		checkColumns(d, r.line("from"), f.name, r.From)
		checkColumns(d, r.line("first"), f.name, r.First)
	}
	r.checkValues(wrong)
	if r.has("value") && (r.has("default") || r.has("values")) {
		wrong("value", "`value` is the text itself; default and values have no effect on it")
	}
	if r.Otherwise != nil && !r.has("values") {
		wrong("otherwise", "`otherwise` is for words that are not among `values`; use `default` for a column that is empty")
	}
	if r.has("fileName") && r.FileName == "" && whole {
		wrong("fileName", "fileName is empty; it is a regular expression that finds the text in the file's name")
	}
	r.fileName = expression(r.FileName, func(text string) { wrong("fileName", "fileName: %s", text) })
	if r.fileName != nil && r.fileName.NumSubexp() > 1 {
		wrong("fileName", "fileName has more than one pair of parentheses; write (?: for those that only group")
	}
	r.When.check(d, f.name)
	if f.kind == amount {
		for _, text := range lines(r.Amount.check()) {
			member, _, _ := strings.Cut(text, " ") // most begin with its name
			wrong(member, "%s", text)
		}
	}
	if r.Time != nil && f.kind == moment {
		for _, text := range lines(r.Time.check()) {
			member, _, _ := strings.Cut(text, " ")
			d.wrong(r.line("time", member), "%s: time: %s", f.name, text)
		}
	}
}

// checkValues brings the words of values into the form of cells.
func (r *Rule) checkValues(wrong func(member, format string, args ...any)) {
	words := map[string]string{}
	for _, word := range slices.Sorted(maps.Keys(r.Values)) {
		cleaned := clean(word)
		if _, twice := words[cleaned]; twice {
			wrong("values", "values has %q twice, since white space around a word does not count", cleaned)
		}
		if cleaned == "" {
			wrong("values", "values has a word of white space only; an empty cell has no text, so `default` is for it")
		}
		words[cleaned] = r.Values[word]
	}
	r.Values = words
}

// checkConstants has the texts judged that the rule itself holds.
func (r *Rule) checkConstants(d *decoder, f *field) {
	judge := func(text string, path ...string) {
		if text != "" {
			d.judged(r.line(path...), f.name+"."+strings.Join(path, "."), r.constantFault(f, text))
		}
	}
	judge(r.Value, "value")
	for _, word := range slices.Sorted(maps.Keys(r.Values)) {
		judge(r.Values[word], "values", word)
	}
	if r.Otherwise != nil {
		judge(*r.Otherwise, "otherwise")
	}
	judge(r.Default, "default")
	for _, sign := range slices.Sorted(maps.Keys(r.Currencies)) {
		d.judged(r.line("currencies", sign), f.name+".currencies."+sign, constantFault("currency", r.Currencies[sign]))
	}
}

// constantFault says what is wrong with a text that the rule itself holds, "" if nothing is.
func (r *Rule) constantFault(f *field, text string) string {
	var err error
	switch {
	case f.kind == amount && r.column() != "": // it depends on a column, too
	case f.kind == amount:
		_, _, err = r.number(cell{text: text}, cell{})
	case f.kind == moment && r.Time != nil:
		_, _, err = r.Time.moment(text)
	case f.kind == moment:
		if _, err = price.ParseTimestamp(text); err != nil {
			return strconv.Quote(text) + " " + err.Error()
		}
	case f.kind == identifier && r.Slug:
	default:
		return constantFault(f.name, text)
	}
	if err != nil {
		return faultOf(err).Detail
	}
	return ""
}

// checkColumns checks a list of columns.
func checkColumns(d *decoder, line int, where string, names []string) {
	for i, name := range names {
		if name == "" {
			d.wrong(line, "%s: a column has an empty name", where)
		} else if slices.Contains(names[:i], name) {
			d.wrong(line, "%s: the column %s is there twice", where, name)
		}
	}
}

// expression compiles a regular expression, nil if it is empty or wrong.
func expression(text string, wrong func(string)) *regexp.Regexp {
	if text == "" {
		return nil
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		wrong(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return nil
	}
	return compiled
}

// lines are those of an error's text; none of nil.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func (w When) check(d *decoder, where string) {
	for i := range w {
		c := &w[i]
		switch {
		case c.broken:
		case c.Column == "":
			d.wrong(c.line(), "%s: a condition needs a column", where)
		case c.Filled == nil && len(c.Is)+len(c.Not) == 0 && c.Matches == "":
			d.wrong(c.line(), "%s: the condition on %s needs filled, is, not or matches", where, c.Column)
		}
		for _, words := range [][]string{c.Is, c.Not} {
			for i := range words {
				words[i] = clean(words[i])
			}
		}
		c.matches = expression(c.Matches, func(text string) { d.wrong(c.line("matches"), "%s: matches: %s", where, text) })
	}
}

// columns are the columns that the condition asks about.
func (w When) columns() []string {
	var all []string
	for i := range w {
		all = append(all, w[i].Column)
	}
	return all
}

// columns are the columns that the rule reads.
func (r *Rule) columns() []string {
	all := slices.Concat(r.From, r.First, r.When.columns())
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
	for i := range w {
		c := &w[i]
		if c.Filled != nil {
			parts = append(parts, c.Column+map[bool]string{true: " is filled", false: " is empty"}[*c.Filled])
		}
		if len(c.Is) > 0 {
			parts = append(parts, c.Column+" is "+quoted(c.Is, " or "))
		}
		if len(c.Not) > 0 {
			parts = append(parts, c.Column+" is not "+quoted(c.Not, " or "))
		}
		if c.Matches != "" {
			parts = append(parts, c.Column+" matches "+strconv.Quote(c.Matches))
		}
	}
	return strings.Join(parts, " and ")
}

func quoted(words []string, between string) string {
	var all []string
	for _, word := range words {
		all = append(all, strconv.Quote(word))
	}
	return strings.Join(all, between)
}

// taken is the text that a rule takes from a row, before it is converted.
type taken struct {
	cell
	column string // where it stood, "" for a text that is in no column; of several, the first that is filled
	raw    string // what stood there, before values and default
}

// take takes the text of the rule from a row.
func (r *Rule) take(row *row) (taken, error) {
	t, err := r.origin(row)
	t.raw = t.text
	switch word, known := r.Values[t.text]; {
	case t.text == "":
		t.cell = cell{text: r.Default}
	case known:
		t.cell = cell{text: word}
	case r.Otherwise != nil:
		t.cell = cell{text: *r.Otherwise}
	}
	return t, err
}

// origin is take without values and default.
func (r *Rule) origin(row *row) (taken, error) {
	t := taken{cell: cell{text: r.Value}}
	if r.fileName != nil {
		t.text = clean(row.fileName[r])
	}
	for _, name := range r.First {
		c, err := row.cell(name)
		t.cell, t.column = c, name
		if err != nil || c.text != "" {
			return t, err
		}
	}
	for _, name := range r.From {
		c, err := row.cell(name)
		switch {
		case err != nil:
			return taken{column: name}, err
		case t.text == "":
			t.cell, t.column = c, name
		case c.text != "":
			t.cell = cell{text: t.text + *r.Join + c.text}
		}
	}
	return t, nil
}

// String is the rule in words.
func (r *Rule) String() string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	if len(r.When) > 0 {
		parts = append(parts, "when "+r.When.String()+":")
	}
	if r.Join != nil {
		add("join", strings.Join(r.From, ", "))
	} else {
		add("from", strings.Join(r.From, ", "))
	}
	add("first of", strings.Join(r.First, ", "))
	add("fileName", r.FileName)
	if r.has("value") {
		add("value", strconv.Quote(r.Value))
	}
	return strings.Join(parts, " ")
}

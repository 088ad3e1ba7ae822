package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"pricing/shared/jsondoc"
)

// columnNames are those of the generated rows and rules.
var columnNames = []string{"a", "b", "c", "d", "e"}

// cellTexts are texts of generated cells, some of which are amounts, times, words or nothing.
var cellTexts = []string{"", " ", "1", "0", "12.50", "12,50", "1.299,00", "1299", "3.350", "007", "1e3", "-1", "12.50 €", "USD 7",
	"A B", "A/B", "é", "e\u0301", "2026-11-20T10:00:00Z", "20/11/2026 10:00", "25/10/2026 02:30", "29/03/2026 02:30", "1764000000",
	"yes", "no", "\u00a012.50\u00a0", "<&>", "null"}

// someRow generates a row: texts, numbers, and what is no cell.
func someRow() *rapid.Generator[*jsondoc.Node] {
	return rapid.Custom(func(t *rapid.T) *jsondoc.Node {
		row := &jsondoc.Node{Kind: jsondoc.Object}
		for _, name := range columnNames {
			value := jsondoc.Node{Kind: jsondoc.String}
			switch rapid.IntRange(0, 19).Draw(t, "kind") {
			case 0:
				continue
			case 1:
				value = jsondoc.Node{Kind: jsondoc.Null}
			case 2:
				value = jsondoc.Node{Kind: jsondoc.Object}
			case 3, 4, 5, 6:
				number := rapid.SampledFrom([]string{"0", "1", "12.50", "1.125", "1764000000", "1e2"})
				value = jsondoc.Node{Kind: jsondoc.Number, Text: number.Draw(t, "number")}
			default:
				value.Text = rapid.SampledFrom(cellTexts).Draw(t, "text")
			}
			row.Members = append(row.Members, jsondoc.Member{Name: name, Value: value})
		}
		return row
	})
}

// someRule generates the rules of a field, as what YAML is written from.
func someRule(kind kind, constant string) *rapid.Generator[any] {
	column := rapid.SampledFrom(columnNames)
	columns := rapid.SliceOfNDistinct(column, 1, 3, rapid.ID)
	word := rapid.SampledFrom(cellTexts)
	condition := rapid.Custom(func(t *rapid.T) map[string]any {
		c := map[string]any{"column": column.Draw(t, "column")}
		switch rapid.IntRange(0, 3).Draw(t, "question") {
		case 0:
			c["filled"] = rapid.Bool().Draw(t, "filled")
		case 1:
			c["is"] = rapid.SliceOfN(word, 1, 3).Draw(t, "is")
		case 2:
			c["not"] = word.Draw(t, "not")
		default:
			c["matches"] = rapid.SampledFrom([]string{"^1", "[a-z]", "0$"}).Draw(t, "matches")
		}
		return c
	})
	rule := rapid.Custom(func(t *rapid.T) map[string]any {
		r := map[string]any{}
		switch origin := rapid.IntRange(0, 4).Draw(t, "origin"); {
		case origin == 0:
			r["value"] = constant
			return r
		case origin == 1:
			r["first"] = columns.Draw(t, "first")
		case origin == 2 && kind != amount:
			r["from"] = []string{"a", "b"}
			r["join"] = rapid.SampledFrom([]string{"", " ", "-"}).Draw(t, "join")
		default:
			r["from"] = column.Draw(t, "from")
		}
		if rapid.Bool().Draw(t, "has values") {
			values := map[string]string{}
			for _, w := range rapid.SliceOfN(rapid.SampledFrom([]string{"yes", "no", "1", "A B"}), 1, 3).Draw(t, "words") {
				values[w] = rapid.SampledFrom([]string{constant, ""}).Draw(t, "word")
			}
			r["values"] = values
			if rapid.Bool().Draw(t, "has otherwise") {
				r["otherwise"] = constant
			}
		}
		if rapid.Bool().Draw(t, "has default") {
			r["default"] = constant
		}
		switch kind {
		case identifier:
			r["slug"] = rapid.Bool().Draw(t, "slug")
		case amount:
			options := map[string][]any{"decimal": {nil, ".", ","}, "scale": {nil, "0.01", "100"}, "strip": {nil, []string{"ca."}},
				"currencies": {nil, map[string]string{"€": "EUR", "USD": "USD"}}}
			for _, name := range slices.Sorted(maps.Keys(options)) { // in one order, or a failure could not be made again
				choices := options[name]
				if choice := rapid.SampledFrom(choices).Draw(t, name); choice != nil {
					r[name] = choice
				}
			}
			if by := rapid.SampledFrom([]string{"", "multiply", "divide"}).Draw(t, "by"); by != "" {
				r[by] = rapid.SampledFrom([]string{"2", "0.25", "a", "e"}).Draw(t, "factor")
			}
		case moment:
			if r["join"] == nil && rapid.Bool().Draw(t, "has time") {
				r["time"] = map[string]string{"layout": "02/01/2006 15:04", "zone": "Europe/Rome"}
				for _, name := range []string{"default", "otherwise"} {
					delete(r, name)
				}
				if r["values"] != nil {
					r["values"] = map[string]string{"yes": "20/11/2026 10:00"}
				}
			}
		}
		return r
	})
	return rapid.Custom(func(t *rapid.T) any {
		var rules []map[string]any
		for range rapid.IntRange(0, 2).Draw(t, "conditions") {
			r := rule.Draw(t, "rule")
			r["when"] = condition.Draw(t, "when")
			rules = append(rules, r)
		}
		return append(rules, rule.Draw(t, "last rule"))
	})
}

// someMapping generates a mapping that is well formed. It has no rule for a currency only if the cells can name theirs.
func someMapping() *rapid.Generator[*Mapping] {
	return rapid.Custom(func(t *rapid.T) *Mapping {
		m := map[string]any{"source": map[string]string{"id": "s", "kind": "feed"}, "currency": map[string]string{"value": "EUR"}}
		type drawn struct {
			kind     kind
			constant string
			optional bool
		}
		fields := map[string]drawn{
			"productId": {identifier, "p1", false}, "competitorId": {identifier, "c1", false}, "availability": {text, "InStock", false},
			"price": {amount, "5", false}, "observedAt": {moment, "2026-11-20T10:00:00Z", false}, "region": {text, "N", true},
			"shipping": {amount, "5", true}, "priceType": {text, "regular", true}, "sellerId": {text, "S", true},
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			of := fields[name]
			if !of.optional || rapid.Bool().Draw(t, "has "+name) {
				m[name] = someRule(of.kind, of.constant).Draw(t, name)
			}
		}
		if rapid.Bool().Draw(t, "has promotion") {
			m["promotion"] = map[string]any{"label": someRule(text, "L").Draw(t, "label"), "minQuantity": someRule(text, "2").Draw(t, "minQuantity")}
		}
		if rapid.Bool().Draw(t, "has skip") {
			m["skip"] = []any{map[string]any{"column": rapid.SampledFrom(columnNames).Draw(t, "skip"), "is": []string{"no", "007"}}}
		}
		written, err := yaml.Marshal(m)
		require.NoError(t, err)
		d := &decoder{}
		loaded, ok := d.file(written)
		require.True(t, ok)
		loaded.check(d)
		require.NoError(t, d.err("m.yaml"), string(written))
		return loaded
	})
}

// results are what becomes of a row, comparable.
func results(t require.TestingT, m *Mapper, row *jsondoc.Node) []string {
	made, err := m.Observe(row)
	if err != nil {
		return []string{err.Error()}
	}
	if (made.Skipped == "") == (len(made.Observations) == 0) {
		require.Fail(t, "a row has observations or a reason for having none")
	}
	all := []string{made.Skipped}
	for _, o := range made.Observations {
		rest := o
		rest.JSON = nil
		all = append(all, fmt.Sprintf("%s %+v", o.JSON, rest))
	}
	return all
}

// TestMapper_properties: neither the order of the columns nor others than the named ones make a difference, nor does seeing a row again.
func TestMapper_properties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mapping, row := someMapping().Draw(t, "mapping"), someRow().Draw(t, "row")
		mapper := mapping.NewMapper()
		want := results(t, mapper, row)
		assert.Equal(t, want, results(t, mapper, row), "again")
		other := *row
		other.Members = rapid.Permutation(row.Members).Draw(t, "order")
		assert.Equal(t, want, results(t, mapping.NewMapper(), &other), "in another order")
		other.Members = append(slices.Clone(row.Members), jsondoc.Member{Name: "z", Value: jsondoc.Node{Kind: jsondoc.Object}},
			jsondoc.Member{Name: "z", Value: jsondoc.Node{Kind: jsondoc.String, Text: "1"}})
		assert.Equal(t, want, results(t, mapping.NewMapper(), &other), "with another column")
		used := mapping.Columns()
		other.Members = slices.DeleteFunc(slices.Clone(row.Members), func(m jsondoc.Member) bool { return !slices.Contains(used, m.Name) })
		assert.Equal(t, want, results(t, mapping.NewMapper(), &other), "without the columns that are not named")
	})
}

// TestMapper_amounts: an amount that is sent is exactly what the cell says under the rule that was used, worked out anew here.
func TestMapper_amounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mapping, row := someMapping().Draw(t, "mapping"), someRow().Draw(t, "row")
		all, _, err := mapping.NewMapper().Explain(row)
		if err != nil {
			return
		}
		for _, e := range all {
			if e.JSON == nil {
				continue
			}
			var o sent
			require.NoError(t, json.Unmarshal(e.JSON, &o))
			for _, f := range []struct {
				name  string
				rules Rules
				got   *money
			}{{"price", mapping.Price, o.Price}, {"shipping", mapping.Shipping, o.Shipping}} {
				want, currency := meant(t, f.rules, row)
				if want == nil {
					assert.Nil(t, f.got, f.name)
					continue
				}
				require.NotNil(t, f.got, f.name)
				got, ok := new(big.Rat).SetString(f.got.Amount)
				require.True(t, ok)
				assert.Zero(t, want.Cmp(got), "%s: %s is not %s", f.name, got, want)
				assert.Equal(t, currency, f.got.Currency)
			}
		}
	})
}

// meant is the amount that the rules say for a row, which is known to have one; nil for none.
func meant(t *rapid.T, rules Rules, row *jsondoc.Node) (amount *big.Rat, currency string) {
	cellOf := func(name string) (text string, number bool) {
		for _, m := range row.Members {
			if m.Name == name {
				return norm.NFC.String(strings.Trim(m.Value.Text, " \u00a0")), m.Value.Kind == jsondoc.Number
			}
		}
		return "", false
	}
	for i := range rules {
		r := &rules[i]
		if c := r.When; len(c) > 0 {
			text, _ := cellOf(c[0].Column)
			holds := map[bool]bool{
				c[0].Filled != nil: c[0].Filled != nil && *c[0].Filled == (text != ""),
				len(c[0].Is) > 0:   slices.Contains(c[0].Is, text),
				len(c[0].Not) > 0:  !slices.Contains(c[0].Not, text),
				c[0].Matches != "": c[0].matches != nil && c[0].matches.MatchString(text),
			}[true]
			if !holds {
				continue
			}
		}
		text, number := r.Value, false
		for _, name := range append(slices.Clone(r.From), r.First...) {
			if text == "" {
				text, number = cellOf(name)
			}
		}
		if word, ok := r.Values[text]; text == "" {
			text = r.Default
		} else if ok {
			text, number = word, false
		} else if r.Otherwise != nil {
			text, number = *r.Otherwise, false
		}
		if text == "" {
			return nil, ""
		}
		parse := func(text string, number bool) *big.Rat {
			for sign, code := range r.Currencies {
				if strings.Contains(text, sign) {
					currency = code
				}
				text = strings.ReplaceAll(text, sign, "")
			}
			text = strings.TrimSpace(text)
			if r.Decimal == "," && !number {
				text = strings.Replace(text, ",", ".", 1)
			}
			value, ok := new(big.Rat).SetString(text)
			require.True(t, ok, "an amount was made of %q", text)
			return value
		}
		currency = "EUR"
		amount = parse(text, number)
		if r.Scale != "" {
			scale, _ := new(big.Rat).SetString(r.Scale)
			amount.Mul(amount, scale)
		}
		if factor := r.Multiply + r.Divide; factor != "" {
			by, ok := new(big.Rat).SetString(factor)
			if !ok {
				of := currency
				by = parse(cellOf(factor))
				currency = of
			}
			if r.Divide != "" {
				by.Inv(by)
			}
			amount.Mul(amount, by)
		}
		return amount, currency
	}
	return nil, ""
}

// FuzzLoad: whatever a file holds, there is an error that names the file in each line, or a mapping that takes any row.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(base))
	f.Add([]byte(with("price: {first: [sale, x], decimal: \",\", currencies: {€: EUR}, divide: n}", "skip: [{column: a, matches: ^x}]")))
	f.Add([]byte(with("competitorId: {from: n, slug: true}", "price: {from: v}", "unpivot: {except: [p], name: n, value: v}",
		"file: {skip: 2}")))
	f.Add([]byte(with("observedAt: {fileName: '(.*)', time: {layout: 2006-01-02, zone: UTC, assume: 12:00}}")))
	f.Add([]byte(with("promotion: &a {label: {from: [a, b], join: ' '}}", "gtin: {from: *a}")))
	f.Add([]byte("? [a]\n: &b [*b]\nprice: *b"))
	f.Add([]byte("a: 1\n---\nb: 2"))
	var rows []*jsondoc.Node
	for _, text := range []string{`{}`, line(), `{"p":{"p":[]},"x":"1,5","t":1}`, `{"p":"1","p":"2","a":null,"Alpha":"3"}`} {
		doc, err := jsondoc.Parse([]byte(text))
		require.NoError(f, err)
		rows = append(rows, doc)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		d := &decoder{}
		m, ok := d.file(content)
		if ok {
			m.check(d)
		}
		if err := d.err("m.yaml"); err != nil {
			last := 0
			for _, text := range strings.Split(err.Error(), "\nm.yaml:") {
				number, _, numbered := strings.Cut(strings.TrimPrefix(text, "m.yaml:"), ":")
				if at, err := strconv.Atoi(number); numbered && err == nil {
					require.GreaterOrEqual(t, at, last, "in the order of lines")
					last = at
					require.LessOrEqual(t, at, bytes.Count(content, []byte("\n"))+bytes.Count(content, []byte("\r"))+2, "a line of the file")
				}
			}
			return
		}
		require.True(t, ok)
		mapper := m.NewMapper()
		_ = mapper.Begin("prices.csv") // a rule may not find its text
		for _, row := range rows {
			results(t, mapper, row)
		}
	})
}

// FuzzMapper_Observe: whatever a row holds, it makes observations that are JSON, faults, or a reason to be skipped; with and without an
// explanation, and again.
func FuzzMapper_Observe(f *testing.F) {
	content, err := os.ReadFile("testdata/rich.yaml")
	require.NoError(f, err)
	for _, row := range []string{`{}`, line(),
		`{"sku":"A 1","shop":{"name":"Ö"},"Alpha":"1,50 €","Beta":2.5,"seen":"20/11/2026 10:00","pack":"2","kind":"x","q":3}`,
		`{"sku":"","kind":"fee"}`, `{"Alpha":{},"Beta":[],"Beta":1}`, `{"shop":{"name":{}},"Alpha":"1.299,00"}`, `{"column":1,"cell":2}`} {
		f.Add([]byte(row))
	}
	path := write(f, string(content))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := jsondoc.Parse(text)
		if err != nil || doc.Kind != jsondoc.Object {
			return
		}
		m, err := Load(path)
		require.NoError(t, err)
		mapper := m.NewMapper()
		want := results(t, mapper, doc)
		require.Equal(t, want, results(t, mapper, doc))
		made, err := mapper.Observe(doc)
		all, skipped, errExplain := mapper.Explain(doc)
		require.Equal(t, err, errExplain)
		require.Equal(t, made.Skipped, skipped)
		require.Len(t, all, len(made.Observations))
		for i, o := range made.Observations {
			require.Equal(t, o, all[i].Observation)
			require.Equal(t, len(o.Faults) == 0, json.Valid(o.JSON))
			for _, fault := range o.Faults {
				require.NotEmpty(t, fault.Code)
				require.NotEmpty(t, fault.Detail)
			}
		}
	})
}

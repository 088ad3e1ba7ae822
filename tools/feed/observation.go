package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
	"pricing/tools/feed/mapping"
	"pricing/tools/feed/rows"
)

// observer turns the rows of a file into observations. The errors are those of single rows.
type observer interface {
	// begin prepares for a file.
	begin(path string) error
	// header checks the names of the columns of a file that has them, which is of the format csv or parquet.
	header(format string, names []string) error
	// observe makes the observations of a row.
	observe(text []byte) (mapping.Made, error)
	// pointer is the JSON pointer into the row to that from which an observation has what a pointer into it names; "" if it is nothing
	// in particular.
	pointer(text []byte, part int, into string) string
	// missing are the columns that were asked for and that no row of the file had.
	missing() []string
}

// mapped is the observer of a mapping.
type mapped struct {
	mapping *mapping.Mapping
	mapper  *mapping.Mapper
	columns bool // the file has a header, which has been checked

	explained    []mapping.Explanation // of the row that was asked for last: each of its many observations may be refused
	explainedFor []byte
}

func (m *mapped) begin(path string) error {
	m.columns = false
	return m.mapper.Begin(path)
}

func (m *mapped) missing() []string {
	if m.columns { // its rows have only the filled ones
		return nil
	}
	return m.mapper.Missing()
}

func (m *mapped) header(_ string, names []string) error {
	m.columns = true
	var absent []string
	for _, name := range m.mapping.Columns() {
		if !slices.Contains(names, name) {
			absent = append(absent, name)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	return fmt.Errorf("the mapping names what is no column of the file: %s; its columns are %s", quoted(absent), quoted(names))
}

func (m *mapped) observe(text []byte) (mapping.Made, error) {
	doc, err := object(text)
	if err != nil {
		return mapping.Made{}, err
	}
	return m.mapper.Observe(doc)
}

func (m *mapped) pointer(text []byte, part int, into string) string {
	if !bytes.Equal(text, m.explainedFor) {
		doc, err := object(text)
		if err != nil {
			return ""
		}
		if m.explained, _, err = m.mapper.Explain(doc); err != nil {
			return ""
		}
		m.explainedFor = text
	}
	if part >= len(m.explained) {
		return ""
	}
	column, _ := m.explained[part].Column(into)
	return pointerTo(text, column)
}

// asSent is the observer of files that already have the API's form, in JSON or in columns that are named like the API's fields.
type asSent struct {
	columns bool
	csv     bool
}

func (a *asSent) begin(string) error { *a = asSent{}; return nil }

func (a *asSent) missing() []string { return nil }

// fields are the names that a column may have: the API's fields, inner ones with a dot.
var fields = []string{
	"itemId", "productId", "gtin", "competitorId", "sellerId", "region", "itemCondition", "audience", "availability",
	"price.amount", "price.currency", "shipping.amount", "shipping.currency", "listPrice.amount", "listPrice.currency",
	"priceType", "promotion.label", "promotion.validThrough", "promotion.minQuantity", "url",
	"source.id", "source.kind", "source.confidence", "observedAt",
}

// added are what the API adds to an observation when it has received it. They stand in histories and exports, and are not sent again.
var added = []string{"receivedAt", "client", "observationId"}

// needed are the columns that every observation needs.
var needed = []string{"competitorId", "availability", "source.id", "source.kind", "observedAt"}

func (a *asSent) header(format string, names []string) error {
	a.columns = true
	a.csv = format == "csv"
	var errs []error
	var others []string
	for _, name := range names {
		if !slices.Contains(fields, name) && !slices.Contains(added, name) {
			others = append(others, name)
		}
	}
	if len(others) > 0 {
		errs = append(errs, fmt.Errorf("no field of an observation has the name %s: a mapping says what such a column is (-map)", quoted(others)))
	}
	for _, name := range needed {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("there is no column %q", name))
		}
	}
	if !slices.Contains(names, "productId") && !slices.Contains(names, "gtin") {
		errs = append(errs, errors.New(`there is no column "productId" or "gtin"`))
	}
	return inOneLine(errs)
}

// quoted lists names in a sentence.
func quoted(names []string) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = strconv.Quote(name)
	}
	return strings.Join(texts, ", ")
}

// inOneLine joins errors.
func inOneLine(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return errors.New(strings.Join(texts, ", "))
}

// batchDepth is how many levels of a batch are around an observation.
const batchDepth = 2

// maxObservation is how long an observation may be that the API takes, in bytes.
const maxObservation = 32 << 10

// observe accepts only what cannot spoil its batch. For bad syntax, encoding or depth in one item, the API would refuse the whole
// document, and it would even take a line like "{},{}" for two items. Whatever else is wrong is for the API to say.
func (a *asSent) observe(line []byte) (mapping.Made, error) {
	doc, err := object(line)
	if err != nil {
		return mapping.Made{}, err
	}
	if len(line) > maxObservation {
		return mapping.Made{}, rows.RowError{Code: "line-too-long", Detail: fmt.Sprintf("The row is longer than %d bytes.", maxObservation)}
	}
	if depth(doc)+batchDepth > jsondoc.MaxDepth {
		return mapping.Made{}, rows.RowError{Code: "malformed-json", Detail: "The row is nested too deeply."}
	}
	if a.csv {
		plainCells(doc)
	}
	if a.columns {
		line, err = nest(doc)
	} else {
		line, err = withoutAdded(line, doc)
	}
	if err != nil {
		return mapping.Made{}, err
	}
	competitor := text(doc, "competitorId")
	return mapping.Made{Observations: []mapping.Observation{{
		JSON: line, ObservedAt: mapping.UnixNano(text(doc, "observedAt")), Product: cmp.Or(text(doc, "productId"), text(doc, "gtin")),
		CompetitorID: competitor, CompetitorName: competitor,
	}}}, nil
}

func (a *asSent) pointer(text []byte, _ int, into string) string {
	if !a.columns {
		return into
	}
	column := strings.ReplaceAll(strings.TrimPrefix(into, "/"), "/", ".")
	if slices.Contains(fields, column) {
		return pointerTo(text, column)
	}
	if doc, err := object(text); err == nil && member(doc, column) != nil { // such as the price, a group of columns in Parquet
		return into
	}
	return ""
}

// plainCells takes off the ' that the API's CSV puts before a cell that a spreadsheet would take for a formula.
func plainCells(doc *jsondoc.Node) {
	for i := range doc.Members {
		cell := &doc.Members[i].Value.Text
		if len(*cell) > 1 && (*cell)[0] == '\'' && strings.IndexByte("=+-@\t\r'", (*cell)[1]) >= 0 {
			*cell = (*cell)[1:]
		}
	}
}

// withoutAdded is a line of JSON without what the API added. A line in which a name stands twice stays as it is, so that the API can
// say so.
func withoutAdded(line []byte, doc *jsondoc.Node) ([]byte, error) {
	if !slices.ContainsFunc(doc.Members, func(m jsondoc.Member) bool { return slices.Contains(added, m.Name) }) {
		return line, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil || len(members) != len(doc.Members) {
		return line, err
	}
	for _, name := range added {
		delete(members, name)
	}
	return rows.JSON(members)
}

// nest makes an observation of columns that are named like the API's fields. Every one of these is a text, but one. The price is null
// if there is none, because the API requires that member.
func nest(doc *jsondoc.Node) ([]byte, error) {
	object := map[string]any{"price": nil}
	for _, m := range doc.Members {
		outer, inner, nested := strings.Cut(m.Name, ".")
		v, err := plain(m.Name, m.Value)
		switch {
		case err != nil:
			return nil, err
		case v == nil, slices.Contains(added, m.Name):
		case !nested:
			object[m.Name] = v
		default:
			members, ok := object[outer].(map[string]any)
			if !ok {
				members = map[string]any{}
				object[outer] = members
			}
			members[inner] = v
		}
	}
	return rows.JSON(object)
}

// plain is a column's value as an observation has it, nil if there is none. The name is its path.
func plain(name string, n jsondoc.Node) (any, error) {
	switch n.Kind {
	case jsondoc.Null:
		return nil, nil
	case jsondoc.Array:
		return nil, rows.RowError{Code: "wrong-type", Column: name, Detail: fmt.Sprintf("The column %q is a list.", name)}
	case jsondoc.Object: // a group of columns in Parquet
		members := map[string]any{}
		for _, m := range n.Members {
			v, err := plain(name+"."+m.Name, m.Value)
			if err != nil {
				return nil, err
			}
			if v != nil {
				members[m.Name] = v
			}
		}
		return members, nil
	default:
		if name == "promotion.minQuantity" && isNumber(n.Text) {
			return json.Number(n.Text), nil
		}
		return n.Text, nil
	}
}

// isNumber says whether a text is a number as JSON writes it.
func isNumber(s string) bool {
	doc, err := jsondoc.Parse([]byte(s))
	return err == nil && doc.Kind == jsondoc.Number
}

// judge returns the faults of an observation that breaks a rule of the API, for runs that ask nobody. Which competitors and gtins are
// registered, who may write and how long observations are kept only the API knows.
func judge(text []byte, now time.Time) *fault.Error {
	doc, err := object(text)
	if err != nil {
		return fault.New(fault.Invalid, "malformed-json", err.Error())
	}
	const forever = time.Duration(math.MaxInt64)
	var r jsondoc.Reader
	price.ReadSubmission(r.At(doc, ""), jsondoc.Value{}, true, price.Clock{Now: price.At(now), Retention: forever})
	return fault.Of(r.Err())
}

// foreign is the question that goes with bytes that are not UTF-8. It is asked here: API Gateway replaces them before our functions
// see them.
const foreign = "Was the file saved in another encoding (-encoding)?"

// object parses a row that must be one JSON object.
func object(line []byte) (*jsondoc.Node, error) {
	doc, err := jsondoc.Parse(line)
	if err != nil {
		detail := fault.Of(err).Detail
		if !utf8.Valid(line) {
			detail += " " + foreign
		}
		return nil, rows.RowError{Code: "malformed-json", Detail: detail}
	}
	if doc.Kind != jsondoc.Object {
		return nil, rows.RowError{Code: "wrong-type", Detail: "The row is a JSON " + doc.Kind.String() + ", not an object."}
	}
	return doc, nil
}

func depth(n *jsondoc.Node) int {
	deepest := 0
	for i := range n.Elems {
		deepest = max(deepest, depth(&n.Elems[i]))
	}
	for i := range n.Members {
		deepest = max(deepest, depth(&n.Members[i].Value))
	}
	return deepest + 1
}

// member returns the first member of an object that has a name, nil if there is none.
func member(doc *jsondoc.Node, name string) *jsondoc.Node {
	for i := range doc.Members {
		if doc.Members[i].Name == name {
			return &doc.Members[i].Value
		}
	}
	return nil
}

// text returns a member that is a string, else "".
func text(doc *jsondoc.Node, name string) string {
	if m := member(doc, name); m != nil && m.Kind == jsondoc.String {
		return m.Text
	}
	return ""
}

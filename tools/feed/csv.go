package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"pricing/tools/feed/mapping"
)

// errHeader ends the run: without its header, no row of a CSV file means anything.
var errHeader = errors.New("CSV header")

// columns are the names that a header may have if there is no mapping: the API's fields, inner ones with a dot.
var columns = []string{
	"itemId", "productId", "gtin", "competitorId", "sellerId", "region", "itemCondition", "audience", "availability",
	"price.amount", "price.currency", "shipping.amount", "shipping.currency", "listPrice.amount", "listPrice.currency",
	"priceType", "promotion.label", "promotion.validThrough", "promotion.minQuantity", "url",
	"source.id", "source.kind", "source.confidence", "observedAt",
}

// needed are the columns that every observation needs.
var needed = []string{"competitorId", "availability", "source.id", "source.kind", "observedAt"}

// isCSV tells from a file's name whether it is CSV.
func isCSV(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return strings.HasSuffix(name, ".csv")
}

// table is the header of a CSV file.
type table struct {
	names  []string
	mapped bool // rows go through a mapping, so they stay flat and all values are text
}

// newTable checks a header. m is nil for files in the API's form.
func newTable(header []string, m *mapping.Mapping) (table, error) {
	t := table{slices.Clone(header), m != nil}
	var wrong []string
	want := needed
	if m != nil {
		want = m.Columns()
	}
	for i, name := range t.names {
		switch {
		case !utf8.ValidString(name):
			wrong = append(wrong, fmt.Sprintf("the name of column %d is not UTF-8 (%s)", i+1, foreign))
		case name == "" && m != nil: // such as the row numbers that some programs write
		case name == "":
			wrong = append(wrong, fmt.Sprintf("column %d has no name", i+1))
		case slices.Contains(t.names[:i], name):
			wrong = append(wrong, fmt.Sprintf("%q is there twice", name))
		case m == nil && !slices.Contains(columns, name):
			wrong = append(wrong, fmt.Sprintf("%q is no field of an observation", name))
		}
	}
	for _, name := range want {
		if !slices.Contains(t.names, name) {
			wrong = append(wrong, fmt.Sprintf("%q is missing", name))
		}
	}
	if m == nil && !slices.Contains(t.names, "productId") && !slices.Contains(t.names, "gtin") {
		wrong = append(wrong, `"productId" or "gtin" is missing`)
	}
	if len(wrong) > 0 {
		return table{}, fmt.Errorf("%w: %s", errHeader, strings.Join(wrong, ", "))
	}
	return t, nil
}

// row turns a record into the JSON object that a line of NDJSON would be. Empty values are left out, since CSV has no null.
// Only the price is null then, because the API requires that member.
func (t table) row(record []string) ([]byte, error) {
	if len(record) != len(t.names) {
		return nil, refusal{"columns", fmt.Sprintf("The row has %d columns, the header %d.", len(record), len(t.names))}
	}
	object := map[string]any{}
	if !t.mapped {
		object["price"] = nil
	}
	for i, value := range record {
		if !utf8.ValidString(value) {
			return nil, refusal{"malformed-csv", fmt.Sprintf("Column %d is not UTF-8. %s", i+1, foreign)}
		}
		name := t.names[i]
		if value == "" || name == "" {
			continue
		}
		if t.mapped {
			object[name] = value
			continue
		}
		var v any = value
		if name == "promotion.minQuantity" && isNumber(value) { // the only number among the API's fields
			v = json.Number(value)
		}
		outer, inner, nested := strings.Cut(name, ".")
		if !nested {
			object[name] = v
			continue
		}
		members, ok := object[outer].(map[string]any)
		if !ok {
			members = map[string]any{}
			object[outer] = members
		}
		members[inner] = v
	}
	text, err := marshal(object)
	if err == nil && len(text) > maxLine {
		err = errLineTooLong
	}
	return text, err
}

func isNumber(s string) bool {
	var n json.Number
	return json.Unmarshal([]byte(s), &n) == nil && n.String() == s
}

// readCSV is readLines for CSV (RFC 4180) with a header: it calls each for every record, with the record as a JSON object and
// the number of the line on which it begins. For a record that makes no object, the text is a JSON array of its fields, or nil.
//
// It never holds much more than maxSkip bytes in memory, even if a quotation mark is never closed.
func readCSV(r io.Reader, m *mapping.Mapping, each func(number int, text []byte, err error) error) error {
	in := bufio.NewReader(r)
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(len(mark)) // Peek has just returned them
	}
	limit := &limited{r: in, left: maxSkip}
	records := csv.NewReader(limit)
	records.FieldsPerRecord = -1
	records.ReuseRecord = true
	header, err := records.Read()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: there is none", errHeader)
	case err != nil:
		return fmt.Errorf("%w: %w", errHeader, err)
	}
	t, err := newTable(header, m)
	if err != nil {
		return err
	}
	for {
		limit.left = maxSkip
		record, err := records.Read()
		var syntax *csv.ParseError
		var line int
		var text []byte
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &syntax):
			line, err = syntax.StartLine, refusal{"malformed-csv", syntax.Error()}
		case err != nil:
			return err
		default:
			line, _ = records.FieldPos(0)
			if text, err = t.row(record); err != nil {
				text = nil
				if fields, e := json.Marshal(record); e == nil && len(fields) <= maxLine {
					text = fields
				}
			}
		}
		if err := each(line, text, err); err != nil {
			return err
		}
	}
}

// limited is a reader that gives up when left bytes have been read.
type limited struct {
	r    io.Reader
	left int
}

// Read reads from r.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errNoRecord
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

var errNoRecord = fmt.Errorf(
	"no end of row within %d bytes, perhaps because of a quotation mark that is never closed; the rest was not read", maxSkip)

package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"pricing/shared/jsondoc"
	"pricing/tools/feed/rows"
)

// row is a row that rules read.
type row struct {
	doc      *jsondoc.Node
	fileName map[*Rule]string // what rules find in the file's name
	column   string           // the unpivoted column; "" without unpivot
	virtual  *Unpivot         // what has made it a row of its own; nil without unpivot
	broken   error            // why the unpivoted column cannot be read
}

// cell is the text of a cell.
type cell struct {
	text   string
	number bool // a JSON number, whose point can only be that of a fraction
}

// valueError says why the text of a cell cannot be converted. It becomes a FieldError where field and column are known.
type valueError struct {
	code   string
	detail string
}

func (e valueError) Error() string { return e.code + ": " + e.detail }

// cell returns a column's text: a number as it is written, "" if it is absent or null. The error is a FieldError.
func (r *row) cell(name string) (cell, error) {
	node, err := member(r.doc, name)
	if f, ok := errors.AsType[FieldError](err); ok {
		f.Column = name
		return cell{}, f
	}
	if node == nil || node.Kind == jsondoc.Null {
		return cell{}, nil
	}
	if node.Kind == jsondoc.Object || node.Kind == jsondoc.Array {
		return cell{}, unusable(name, "is a JSON %s, not a text or a number.", node.Kind)
	}
	return cell{text: clean(node.Text), number: node.Kind == jsondoc.Number}, nil
}

// own returns the file's own column of a name that may be one that unpivot has added.
func (r *row) own(column string) string {
	if r.virtual != nil && (column == r.virtual.Name || column == r.virtual.Value) {
		return r.column
	}
	return column
}

// clean is a text as rules see it.
func clean(text string) string { return norm.NFC.String(strings.TrimSpace(text)) }

// member returns a member of an object by its name, or by the path to it, "price.amount"; nil if there is none. The error is a FieldError.
func member(doc *jsondoc.Node, name string) (*jsondoc.Node, error) {
	var found *jsondoc.Node
	for i := range doc.Members {
		if doc.Members[i].Name != name {
			continue
		}
		if found != nil {
			return nil, unusable(name, "is there twice.")
		}
		found = &doc.Members[i].Value
	}
	if found != nil {
		return found, nil
	}
	outer, inner, nested := strings.Cut(name, ".")
	if !nested {
		return nil, nil
	}
	within, err := member(doc, outer)
	if err != nil || within == nil || within.Kind == jsondoc.Null {
		return nil, err
	}
	if within.Kind != jsondoc.Object {
		return nil, unusable(outer, "is a JSON %s, not an object with %q.", within.Kind, inner)
	}
	return member(within, inner)
}

// unusable is the FieldError of a column that cannot be read.
func unusable(column, format string, args ...any) error {
	return FieldError{Code: "mapping", Column: column, Detail: fmt.Sprintf("%q ", column) + fmt.Sprintf(format, args...)}
}

// split makes a row of each column to unpivot whose cell is filled. One that cannot be read is a row that is broken.
func (u *Unpivot) split(whole *row) ([]*row, error) {
	columns := u.Columns
	for _, m := range whole.doc.Members {
		if m.Name == u.Name || m.Name == u.Value {
			return nil, unusable(m.Name, "is a column of the row, and one that unpivot adds: give that a new name.")
		}
		if len(u.Columns) == 0 && u.takes(m.Name) && !slices.Contains(columns, m.Name) {
			columns = append(columns, m.Name)
		}
	}
	var rows []*row
	for _, column := range columns {
		c, err := whole.cell(column)
		if err != nil {
			rows = append(rows, &row{column: column, broken: err})
			continue
		}
		if c.text == "" {
			continue
		}
		kind := jsondoc.String
		if c.number {
			kind = jsondoc.Number
		}
		doc := &jsondoc.Node{Kind: jsondoc.Object, Members: append(slices.Clip(whole.doc.Members),
			jsondoc.Member{Name: u.Name, Value: jsondoc.Node{Kind: jsondoc.String, Text: column}},
			jsondoc.Member{Name: u.Value, Value: jsondoc.Node{Kind: kind, Text: c.text}})}
		rows = append(rows, &row{doc: doc, fileName: whole.fileName, column: column, virtual: u})
	}
	return rows, nil
}

// takes reports whether a column is unpivoted.
func (u *Unpivot) takes(column string) bool {
	if len(u.Columns) > 0 {
		return slices.Contains(u.Columns, column)
	}
	return !slices.Contains(u.Except, column)
}

// Only returns a row, a JSON object, with only one of the columns that are unpivoted: what concerns the observation of that column. All
// else stays as it is written.
func (u *Unpivot) Only(column string, row []byte) []byte {
	in := json.NewDecoder(bytes.NewReader(row))
	if _, err := in.Token(); err != nil { // {
		return row
	}
	out := []byte("{")
	for in.More() {
		var value json.RawMessage
		token, err := in.Token()
		name, ok := token.(string)
		if err != nil || !ok || in.Decode(&value) != nil {
			return row
		}
		if name != column && u.takes(name) {
			continue
		}
		key, err := rows.JSON(name)
		if err != nil {
			return row
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}')
}

// Package rows reads the rows of any file of prices, as JSON objects, and accounts for every line.
//
// A row of CSV becomes an object of its filled columns, all of them text. A row of JSON is passed on as it stands; whether its
// syntax is right is for the one who parses it. What cannot be read is passed on too, with a RowError that says why. Damage costs
// the lines that it is in and no others: reading resumes at the next line, and no line is left out without a word.
package rows

import (
	"bytes"
	"encoding/json"
	"fmt"
)

const (
	maxLine = 256 << 10 // of a row, in bytes: one with a thousand columns fits
	maxSkip = 1 << 20   // how much is read to find the end of a line or of a row, in bytes
)

// Row is one row of a file.
type Row struct {
	Line int    // where it begins: the line, from 1; for Parquet the number of the row
	Last int    // its last line
	Text []byte // one JSON object; for what could not be read, the beginning of the text as it stands, or nil. Valid only during the call.
}

// RowError says why a row cannot be sent.
type RowError struct {
	Code   string // a word for programs, such as columns, line-too-long, malformed-csv, malformed-json or wrong-type
	Detail string // sentences for people
	Column string // the column concerned, or ""
}

// Error joins the code and the detail.
func (r RowError) Error() string { return r.Code + ": " + r.Detail }

// Each is called for every row, with a RowError for a row that cannot be read. Its error ends the reading.
type Each func(Row, error) error

// errLineTooLong is the refusal of a row that is longer than any row of prices.
var errLineTooLong = RowError{Code: "line-too-long", Detail: fmt.Sprintf("The row is longer than %d bytes.", maxLine)}

// beginning is as much of a text as is shown of a row that could not be read.
func beginning(text []byte) []byte { return text[:min(len(text), maxLine)] }

// JSON is json.Marshal, except that it leaves <, > and & as they are, so that a printed line is easy to read.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

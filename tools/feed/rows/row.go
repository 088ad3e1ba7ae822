// Package rows reads the rows of any file of prices, as JSON objects, and accounts for every line.
package rows

import "fmt"

const maxLine = 32 << 10 // the API takes no observation that is longer, in bytes

// Row is one row of a file.
type Row struct {
	Line int    // where it begins: the line, from 1; for Parquet the number of the row
	Last int    // its last line
	Text []byte // one JSON object; for what could not be read, the beginning of the text as it stands, or nil. Valid only during the call.
}

// Refusal says why a row could not be read.
type Refusal struct{ Code, Detail, Column string }

func (r Refusal) Error() string { return r.Code + ": " + r.Detail }

// Each is called for every row, with a Refusal for one that could not be read. Its error ends the reading.
type Each func(Row, error) error

// tooLong is the refusal of a row that no request can hold.
var tooLong = Refusal{Code: "line-too-long", Detail: fmt.Sprintf("The row is longer than %d bytes.", maxLine)}

// beginning is as much of a text as is shown of a row that could not be read.
func beginning(text []byte) []byte { return text[:min(len(text), maxLine)] }

package rows

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Form says of a file what it does not say itself. The zero value leaves everything to the file.
type Form struct {
	Format    string // csv, ndjson (one object a line), json (of any layout) or parquet
	Separator string // of columns: one character, or "tab"
	Encoding  string // such as windows-1252
	Quotes    string // "none": quotation marks in CSV are characters like any other
	Skip      int    // lines before the header or the first row, which are not read
}

// Or returns the form with what it leaves open taken from another.
func (f Form) Or(other Form) Form {
	return Form{
		Format: cmp.Or(f.Format, other.Format), Separator: cmp.Or(f.Separator, other.Separator), Encoding: cmp.Or(f.Encoding, other.Encoding),
		Quotes: cmp.Or(f.Quotes, other.Quotes), Skip: cmp.Or(f.Skip, other.Skip),
	}
}

var formats = []string{"csv", "ndjson", "json", "parquet"}

// Check returns an error if a form says what there is not.
func (f Form) Check() error {
	if f.Format != "" && !slices.Contains(formats, f.Format) {
		return fmt.Errorf("the format %q is none of %s; a file with tabs or semicolons is csv with a separator",
			f.Format, strings.Join(formats, ", "))
	}
	if f.Separator != "" {
		if s := f.separator(); utf8.RuneCountInString(f.Separator) != 1 && s != '\t' || strings.ContainsRune("\"\r\n\uFFFD", s) {
			return fmt.Errorf("the separator %q is no single character, and not tab", f.Separator)
		}
	}
	if f.Quotes != "" && f.Quotes != "none" {
		return fmt.Errorf("quotes can only be none, not %q", f.Quotes)
	}
	if f.Skip < 0 {
		return errors.New("the lines to skip cannot be less than 0")
	}
	_, err := findEncoding(f.Encoding)
	return err
}

// String tells two forms apart.
func (f Form) String() string {
	text, err := json.Marshal(f)
	if err != nil {
		return err.Error() // cannot happen: these are texts and a number
	}
	return string(text)
}

func (f Form) separator() rune {
	if f.Separator == "tab" || f.Separator == `\t` {
		return '\t'
	}
	r, _ := utf8.DecodeRuneInString(f.Separator)
	if f.Separator == "" {
		return 0
	}
	return r
}

// FileError says that nothing of a file can be read, or not as it was asked for, and what may help.
type FileError struct{ err error }

// Error is the error in words.
func (e *FileError) Error() string { return e.err.Error() }

// Unwrap returns what is wrapped.
func (e *FileError) Unwrap() error { return e.err }

// Read reads the rows of a file and passes each to each. The content decides about compression and Parquet. What else the form does
// not say, the name and the content decide: a name in .csv, .tsv (with tabs), .json, .ndjson or .jsonl, or a first character of { or [
// for JSON. header gets the format, csv or
// parquet, and the names of the columns before the first row of a file that has columns.
//
// The error is a FileError before the first row, and otherwise says why the rest of the file was not read, or is that of each.
func Read(file io.Reader, name string, form Form, header func(format string, names []string) error, each Each) error {
	content, inner, err := unpack(file, name)
	if err != nil {
		return &FileError{err}
	}
	b := bufio.NewReaderSize(content, sniffSize)
	beginning, _ := b.Peek(sniffSize) // an error comes again when this has been read
	if form.Format == "" {
		form.Format = formatOfFile(beginning, inner)
	}
	named := func(names []string) error { return header(form.Format, names) }
	if form.Format == "parquet" {
		if _, _, ok := regular(content); !ok {
			content = b // which still has what was looked at
		}
		table, size, err := whole(content, maxHeld)
		if err != nil {
			return &FileError{err}
		}
		return readParquet(table, size, named, each)
	}
	if form.Separator == "" && path.Ext(strings.ToLower(inner)) == ".tsv" {
		form.Separator = "tab"
	}
	if err := sniff(beginning, reading{form.Format, form.Encoding, form.separator(), form.Skip}); err != nil {
		return &FileError{err}
	}
	text, err := decode(b, form.Encoding)
	if err == nil && form.Skip > 0 {
		text, err = skipLines(text, form.Skip)
	}
	if err != nil {
		return &FileError{err}
	}
	first := form.Skip + 1
	switch {
	case form.Format == "csv":
		err = readCSV(text, first, csvForm{form.separator(), form.Quotes == "none"}, named, each)
		if errors.Is(err, ErrHeader) {
			err = &FileError{err}
		}
		return err
	case form.Format == "json" && isStream(&text):
		return readJSON(text, first, each)
	default:
		return readLines(text, first, each)
	}
}

// formatOfFile tells the format from the beginning of a file, and from its name.
func formatOfFile(beginning []byte, name string) string {
	if bytes.HasPrefix(beginning, []byte("PAR1")) {
		return "parquet"
	}
	switch path.Ext(strings.ToLower(name)) {
	case ".csv", ".tsv":
		return "csv"
	case ".ndjson", ".jsonl", ".json":
		return "json"
	}
	text := bytes.TrimLeft(beginning, "\xef\xbb\xbf\xff\xfe\x00 \t\r\n") // marks, and the zero bytes of UTF-16
	if len(text) > 0 && text[0] != '{' && text[0] != '[' {
		return "csv"
	}
	return "json"
}

// isStream looks at the beginning of a text.
func isStream(text *io.Reader) bool {
	b := bufio.NewReaderSize(*text, sniffSize)
	*text = b
	beginning, _ := b.Peek(sniffSize) // an error comes again when this has been read
	return isJSONStream(beginning)
}

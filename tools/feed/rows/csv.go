package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrHeader ends the reading before the first row: without its header, no row of a CSV file means anything.
var ErrHeader = errors.New("CSV header")

// csvForm says how a CSV file is written.
type csvForm struct {
	separator   rune // 0: what a first line like sep=; says, else a comma
	plainQuotes bool // quotation marks are characters like any other, as in many files with tabs
}

// readCSV reads CSV (RFC 4180) with a header, and passes each record as a JSON object of its filled columns, all of them texts,
// in the header's order. header gets the names of the columns, "" for one without a name, which is ignored; its error is the
// header's. first is the number of the text's first line in the file.
//
// A quotation mark within an unquoted field stands for itself. A quotation mark that begins a field and was not meant to would
// join the lines up to the next one, and their rows would be lost or, worse, be one row with the price of another. So a record
// over several lines counts only if it has the header's number of columns, no quotation mark that stands for itself, and no line
// that is a record by itself. Else its first line is refused and the next one read afresh. Until a record has been read again, a
// quotation mark within an unquoted field is not trusted: it may be the end of a text whose first line was refused.
//
// Whatever the quotation marks, the cost is linear in the length of the text, and only a few MiB of it are held.
func readCSV(r io.Reader, first int, form csvForm, header func([]string) error, each Each) error {
	c := &csvReader{lines: newLines(r, first), plainQuotes: form.plainQuotes, each: each}
	if err := c.begin(form.separator); err != nil {
		return fmt.Errorf("%w: %w", ErrHeader, err)
	}
	if err := c.header(header); err != nil {
		return fmt.Errorf("%w: %w", ErrHeader, err)
	}
	for {
		if err := c.next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

type csvReader struct {
	*lines
	separator   []byte
	plainQuotes bool
	each        Each
	names       []string
	members     [][]byte // ,"name":" with the name as JSON; nil for a column without a name

	fields  []csvField // of what was split last
	follows []byte     // if that was broken: what follows the quotation mark
	ahead   quotation
	doubt   bool   // the row before was refused for its quotation marks, so that this line may be the rest of it
	text    []byte // the row as JSON
}

// csvField is a field as it is written, without the quotation marks around it.
type csvField struct {
	text   []byte
	quoted bool // a quotation mark within it is written twice
}

// quoting is what a text leaves open.
type quoting int

const (
	closed quoting = iota
	open           // a quotation mark
	broken         // nothing: a quotation mark is followed by something else than a separator or the end
	unread         // a quotation mark, and there is no further line
)

// quotation is what follows the present line if a quotation mark is open at its end. All lines in the same open quotation share
// it, so that no line is looked at more than once for it.
type quotation struct {
	next      int     // where the first line begins that has not been looked at, from the beginning of the present one; 0: none has
	end       int     // where the text of the last one ends that has been looked at
	last      int     // its number
	state     quoting // at its end
	columns   int     // that end in these lines
	row       int     // the number of the last line before the last one that is a record by itself; 0: none is
	closesRow bool    // the last line is a record by itself
	follows   []byte  // see csvReader
}

// begin reads the line that names the separator, if there is one.
func (c *csvReader) begin(separator rune) error {
	line, next, err := c.at(0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if said := sepLine(line); said != 0 {
		c.pass(next, 1)
		if separator == 0 {
			separator = said
		}
	}
	if separator == 0 {
		separator = ','
	}
	if separator == utf8.RuneError || strings.ContainsRune("\x00\r\n", separator) || separator == '"' && !c.plainQuotes {
		return fmt.Errorf("%q cannot separate the columns of a CSV file", separator)
	}
	c.separator = []byte(string(separator))
	return nil
}

// sepLine returns the separator that a line like sep=; names, else 0. Excel reads and other programs write it before the header.
func sepLine(line []byte) rune {
	if len(line) > 2 && line[0] == '"' && line[len(line)-1] == '"' {
		line = line[1 : len(line)-1]
	}
	const key = "sep="
	if len(line) <= len(key) || !strings.EqualFold(string(line[:len(key)]), key) {
		return 0
	}
	separator, size := utf8.DecodeRune(line[len(key):])
	if size != len(line)-len(key) {
		return 0
	}
	return separator
}

// header reads the header.
func (c *csvReader) header(check func([]string) error) error {
	line, next, err := c.present()
	if errors.Is(err, io.EOF) {
		return errors.New("there is none: the file has no line with a text")
	}
	if err != nil {
		return err
	}
	_, size, last, err := c.record(line, next)
	if err != nil {
		refusal := RowError{}
		errors.As(err, &refusal)
		return fmt.Errorf("line %d: %s", c.number, refusal.Detail)
	}
	var wrong []string
	for i, field := range c.fields {
		name := field.String()
		member := append(field.appendJSON([]byte(`,"`)), `":"`...)
		switch {
		case strings.TrimSpace(name) == "": // such as the row numbers that some programs write
			name, member = "", nil
		case !utf8.ValidString(name):
			wrong = append(wrong, fmt.Sprintf("the name of column %d has %s", i+1, notText))
		case strings.Contains(name, "\r"):
			wrong = append(wrong, "the line ends of the file are CR only, as on old Macs: save it with LF or CR LF")
		case slices.Contains(c.names, name):
			wrong = append(wrong, fmt.Sprintf("%q is there twice", name))
		}
		c.names, c.members = append(c.names, name), append(c.members, member)
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(slices.Compact(wrong), ", "))
	}
	c.skip(size, last-c.number+1)
	return check(slices.Clone(c.names))
}

// marked tells whether a quotation mark stands for itself in the field.
func (f csvField) marked() bool { return !f.quoted && bytes.IndexByte(f.text, '"') >= 0 }

// String returns the text that the field means.
func (f csvField) String() string {
	s := string(f.text)
	if f.quoted {
		s = strings.ReplaceAll(strings.ReplaceAll(s, `""`, `"`), "\r\n", "\n")
	}
	return s
}

// present returns the first line that is not blank, from the present one on, and makes it present.
func (c *csvReader) present() (line []byte, next int, err error) {
	for {
		line, next, err = c.at(0)
		if err != nil || len(bytes.TrimSpace(line)) > 0 || bytes.Contains(line, c.separator) {
			return line, next, err
		}
		c.skip(next, 1)
	}
}

// skip is pass, and keeps track of what has been looked at.
func (c *csvReader) skip(size, count int) {
	c.ahead.next -= size
	c.ahead.end -= size
	c.pass(size, count)
}

// next reads a record, and passes it or its refusal.
func (c *csvReader) next() error {
	line, next, err := c.present()
	if err != nil {
		return err
	}
	if c.ahead.next > next { // this line no longer follows the present one, it is the present one
		columns, _ := c.continued(line)
		c.ahead.columns -= columns
	}
	record, size, last, err := c.record(line, next)
	row := Row{Line: c.number, Last: last, Text: beginning(record)}
	if err != nil {
		c.doubt = true
	} else if err = c.object(record); err == nil {
		row.Text = c.text
	}
	if err := c.each(row, err); err != nil {
		return err
	}
	c.skip(size, last-c.number+1)
	return nil
}

// record finds the end of the record that begins with the present line, and splits it. It returns its text, its size with the line
// end, and the number of its last line. If it cannot be read, these are of its first line, and the error is a RowError.
func (c *csvReader) record(line []byte, next int) (record []byte, size, last int, err error) {
	state := c.split(line, false)
	if state == closed {
		return line, next, c.number, nil
	}
	column := len(c.fields) - 1 // in which the quotation mark is open, from 0
	refused := func(format string, args ...any) ([]byte, int, int, error) {
		detail := fmt.Sprintf(format, args...)
		r := RowError{Code: "malformed-csv", Detail: fmt.Sprintf("Column %d begins with a quotation mark that is %s.", column+1, detail)}
		if column < len(c.names) {
			r.Column = c.names[column]
		}
		line, _, _ := c.at(0) // again, for lookAhead may have moved it
		return line, next, c.number, r
	}
	if state == broken {
		return refused("closed before %q; within quotation marks, a quotation mark is written twice", c.follows)
	}
	taken := column + 1 + bytes.Count(c.fields[column].text, c.separator) // columns of the line, if the mark stands for itself
	c.lookAhead(next)
	a, want := &c.ahead, len(c.names)
	columns := column + a.columns
	switch {
	case a.state == broken:
		return refused("closed on line %d before %q; perhaps it is not meant as one", a.last, a.follows)
	case a.state == unread:
		return refused("never closed")
	case a.state == open:
		return refused("not closed within %d bytes", maxSkip)
	case want > 0 && columns != want:
		return refused("closed on line %d; read as one row, these lines have %d columns, the header %d", a.last, columns, want)
	case a.row > c.number:
		return refused("closed on line %d, but line %d is a row by itself", a.last, a.row)
	case a.closesRow && taken == want:
		return refused("closed on line %d, but both lines are rows by themselves if the marks stand for inches or the like", a.last)
	}
	record, _ = c.b.Peek(a.end)
	c.split(record, false)
	if i := slices.IndexFunc(c.fields, csvField.marked); i >= 0 {
		return refused("closed on line %d, but then there is one within column %d, so that it is perhaps not meant as one", a.last, i+1)
	}
	return record, a.next, a.last, nil
}

// lookAhead finds out what follows the present line, at whose end a quotation mark is open. next is the offset of the next line.
func (c *csvReader) lookAhead(next int) {
	a := &c.ahead
	if a.next <= next {
		*a = quotation{next: next, last: c.number, state: open}
	}
	for a.state == open && a.next < maxSkip {
		line, after, err := c.at(a.next)
		if err != nil { // told when reading gets there
			a.state = unread
			return
		}
		a.last++
		alone := c.split(line, false) == closed && len(c.fields) == len(c.names)
		columns, state := c.continued(line)
		a.columns += columns
		a.state = state
		switch {
		case state == broken:
			a.follows = bytes.Clone(c.follows)
		case alone && state == open:
			a.row = a.last
		case alone:
			a.closesRow = true
		}
		a.next, a.end = after, a.next+len(line)
	}
}

// continued splits a line at whose beginning a quotation mark is open. It returns how many columns end in it.
func (c *csvReader) continued(line []byte) (columns int, state quoting) {
	state = c.split(line, true)
	columns = len(c.fields)
	if state == open {
		columns--
	}
	return columns, state
}

// split splits a text into fields. quoted: it begins within a quoted field. What was read before the text was found open or
// broken is in the fields, too.
func (c *csvReader) split(text []byte, quoted bool) quoting {
	c.fields = c.fields[:0]
	for i := 0; ; {
		if !quoted && (c.plainQuotes || i == len(text) || text[i] != '"') {
			n := bytes.Index(text[i:], c.separator)
			if n < 0 {
				c.fields = append(c.fields, csvField{text: text[i:]})
				return closed
			}
			c.fields = append(c.fields, csvField{text: text[i : i+n]})
			i += n + len(c.separator)
			continue
		}
		if !quoted {
			i++
		}
		quoted = false
		for begin := i; ; {
			n := bytes.IndexByte(text[i:], '"')
			if n < 0 {
				c.fields = append(c.fields, csvField{text[begin:], true})
				return open
			}
			i += n + 1
			if i == len(text) || text[i] != '"' {
				c.fields = append(c.fields, csvField{text[begin : i-1], true})
				break
			}
			i++
		}
		if i == len(text) {
			return closed
		}
		if !bytes.HasPrefix(text[i:], c.separator) {
			c.follows = text[i:min(i+16, len(text))]
			return broken
		}
		i += len(c.separator)
	}
}

// object makes a JSON object of the fields, which are those of record. The error is a RowError.
func (c *csvReader) object(record []byte) error {
	if len(c.fields) != len(c.names) {
		return RowError{Code: "columns", Detail: fmt.Sprintf("The row has %d columns, the header %d.", len(c.fields), len(c.names))}
	}
	valid := utf8.Valid(record)
	c.text = c.text[:0]
	for i, field := range c.fields {
		if len(field.text) == 0 || c.members[i] == nil {
			continue
		}
		if !valid && !utf8.Valid(field.text) {
			return RowError{Code: "malformed-csv", Detail: fmt.Sprintf("Column %d has %s", i+1, notText), Column: c.names[i]}
		}
		if c.doubt && field.marked() {
			return RowError{Code: "malformed-csv", Column: c.names[i], Detail: fmt.Sprintf("There is a quotation mark within column %d, and the "+
				"quotation marks of the row before are wrong: this line is perhaps the rest of it.", i+1)}
		}
		c.text = append(c.text, c.members[i]...)
		c.text = field.appendJSON(c.text)
		c.text = append(c.text, '"')
	}
	c.doubt = false
	if len(c.text) == 0 {
		c.text = append(c.text, ',')
	}
	c.text[0] = '{' // for the first comma
	c.text = append(c.text, '}')
	if len(c.text) > maxLine {
		return errLineTooLong
	}
	return nil
}

// appendJSON appends what the field means as the inside of a JSON string.
func (f csvField) appendJSON(b []byte) []byte {
	begin := 0
	for i := 0; i < len(f.text); i++ {
		char := f.text[i]
		if char >= ' ' && char != '"' && char != '\\' {
			continue
		}
		b = append(b, f.text[begin:i]...)
		begin = i + 1
		switch {
		case char == '"':
			b = append(b, `\"`...)
			if f.quoted { // it is there twice
				i++
				begin++
			}
		case char == '\\':
			b = append(b, `\\`...)
		case char == '\n':
			b = append(b, `\n`...)
		case char == '\t':
			b = append(b, `\t`...)
		case char == '\r' && begin < len(f.text) && f.text[begin] == '\n': // CR LF is one line end
		default:
			b = fmt.Appendf(b, `\u%04x`, char)
		}
	}
	return append(b, f.text[begin:]...)
}

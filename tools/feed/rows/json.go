package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// isJSONStream tells from the beginning of a JSON file whether it is for readJSON: an array, or objects over several lines. Else
// it has one object a line.
func isJSONStream(beginning []byte) bool {
	text := bytes.TrimSpace(beginning)
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return bytes.HasPrefix(text, []byte("[")) || string(bytes.TrimSpace(line)) == "{"
}

// readJSON reads JSON objects of any layout, one after another or in one array, and passes each as it stands. Only its extent is
// found here. first is the number of the text's first line in the file.
//
// After damage, reading resumes at the next line that begins an object with the indentation of the first one. If the rows are not
// laid out like that, the rest of the file cannot be read, which its refusal says. A fault between two rows (a comma that is
// missing or too many, no ] at the end) is a refusal of its own, without a text, and both rows count.
//
// If the file is one object with its rows in a member, as an API answers, that is the error.
func readJSON(r io.Reader, first int, each Each) error {
	j := &jsonReader{b: bufio.NewReaderSize(r, 2*maxLine), each: each, last: '\n', line: first - 1}
	if err := j.read(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

const (
	maxNesting = 64 // brackets within each other; the parser of a row takes fewer
	cutOff     = "The file ends within this row: perhaps it is cut off."
)

type jsonReader struct {
	b     *bufio.Reader
	each  Each
	again []byte // what is read before b
	ended error  // of b
	err   error  // why there is no more to read; io.EOF at the end

	last   byte // the byte that was read last
	line   int  // its line
	indent int  // how much white space that line begins with
	leads  bool // nothing but white space is before it in its line
	ink    int  // the line of the last byte that is not white space
	before int  // the line of the one before that

	text     []byte // of the value that was read last, at most maxLine+1 bytes
	brackets []byte // that are open
	only     bool   // the value may be the only one of the file
	member   string // the file is an object with its rows in this member

	margin   int  // the indentation of the first row
	known    bool // a row has been read
	ragged   bool // a line within a row began no deeper than its row, so that indentation does not tell where rows begin
	loose    bool // the same of the value that is being read; an object there is not counted
	unclosed place
	told     bool // a refusal has said that the rest is not read
}

// place is where the next row begins, if the present one was never closed.
type place struct {
	at     int // its line, in the text of the present row; 0: nowhere
	line   int
	before int // see jsonReader
}

// read reads the file. The error is io.EOF at its end.
func (j *jsonReader) read() error {
	array := j.significant() && j.last == '['
	if array {
		j.significant()
	}
	j.margin = j.indent
	j.only = !array
	comma := false // between the last row and what follows
	for j.err == nil {
		switch {
		case j.last == ',':
			if err := j.fault("There is a comma without a row before it."); err != nil {
				return err
			}
			comma = j.significant()
		case array && j.last == ']':
			return j.rest(comma)
		default:
			if err := j.row(array); err != nil {
				return err
			}
			if comma = array && j.last == ','; comma {
				j.significant()
			}
		}
	}
	if array && !j.told && errors.Is(j.err, io.EOF) {
		if err := j.fault("The file ends before the ] that ends its array: perhaps it is cut off."); err != nil {
			return err
		}
	}
	return j.err
}

// rest reads what follows the end of the array.
func (j *jsonReader) rest(comma bool) error {
	if comma {
		if err := j.fault("There is a comma after the last row."); err != nil {
			return err
		}
	}
	if j.significant() {
		return j.fault("After the ] that ends the array, there is more. It was not read.")
	}
	return j.err
}

// row reads the row that begins with the last byte, and passes it. It reads on to what follows the row. The error is that of each
// or of the whole file.
func (j *jsonReader) row(array bool) error {
	row := Row{Line: j.line}
	object := j.last == '{'
	problem := j.value()
	if j.member != "" {
		return oneObject(j.member)
	}
	if j.err != nil && !errors.Is(j.err, io.EOF) {
		return j.err
	}
	row.Last = j.line
	if problem == "" {
		j.significant()
	}
	between := array && problem == "" && j.err == nil && j.last != ',' && j.last != ']' // something stands where a comma should
	if !object && (between || !array) {
		problem = "A row should begin here, with a {."
	}
	var refusal error
	switch {
	case problem != "":
		row.Last, problem = j.resume(row.Line, problem)
		refusal = RowError{Code: "malformed-json", Detail: problem}
	case !object:
		refusal = RowError{Code: "wrong-type", Detail: "The row is not a JSON object."}
	case j.only && errors.Is(j.err, io.EOF) && rowsMember(j.text) != "":
		return oneObject(rowsMember(j.text))
	case len(j.text) > maxLine:
		refusal = errLineTooLong
	case !utf8.Valid(j.text):
		refusal = RowError{Code: "malformed-json", Detail: "The row has " + notText}
	}
	j.only = false
	row.Text = beginning(j.text)
	if err := j.each(row, refusal); err != nil {
		return err
	}
	switch {
	case !between || problem != "":
		return nil
	case j.last == '{':
		return j.fault("A comma is missing before this row.")
	default:
		row := Row{Line: j.line}
		row.Last, problem = j.resume(j.line, fmt.Sprintf("%q stands where a comma should.", j.last))
		return j.each(row, RowError{Code: "malformed-json", Detail: problem})
	}
}

// fault passes a refusal for the last byte.
func (j *jsonReader) fault(detail string) error {
	return j.each(Row{Line: j.line, Last: j.line}, RowError{Code: "malformed-json", Detail: detail})
}

// resume reads on to the next line that begins a row, if the last byte does not. first is the line where the damage begins. It
// returns its last line, and the problem with what becomes of the rest.
func (j *jsonReader) resume(first int, problem string) (last int, detail string) {
	for j.err == nil {
		if j.last == '{' && j.leads && j.line > first && j.indent == j.margin && !j.ragged && (j.known || !j.loose) {
			return j.before, fmt.Sprintf("%s Reading goes on at line %d.", problem, j.line)
		}
		j.significant()
	}
	j.told = true
	if problem != cutOff {
		problem += " Nothing after it was read."
	}
	return max(first, j.ink), problem
}

// value reads the value that begins with the last byte, up to its last byte. It returns what is wrong with it, or "".
func (j *jsonReader) value() string {
	j.text, j.brackets, j.loose, j.unclosed = j.text[:0], j.brackets[:0], false, place{}
	j.keep()
	switch j.last {
	case '{', '[':
		problem := j.nested()
		switch {
		case problem == "":
			j.known = true
			j.ragged = j.ragged || j.loose || j.unclosed.at > 0
		case j.unclosed.at > 0 && !j.ragged && j.member == "":
			problem = "The row is not closed before the next one begins."
			j.back()
		}
		return problem
	case '"':
		return j.quoted()
	}
	for last := j.last; j.next(); last = j.last {
		if bytes.IndexByte([]byte(" \t\r\n,{}[]\""), j.last) >= 0 {
			j.again, j.last = append([]byte{j.last}, j.again...), last
			break
		}
		j.keep()
	}
	return ""
}

// nested reads on to the end of the object or array that begins with the last byte. Of its syntax, it checks only what it takes to
// notice that a bracket is missing before the next rows have become part of this one.
func (j *jsonReader) nested() string {
	j.brackets = append(j.brackets, j.last)
	for previous := j.last; j.next(); {
		j.keep()
		b, top := j.last, j.brackets[len(j.brackets)-1]
		if j.leads && j.indent <= j.margin {
			j.shallow()
		}
		switch b {
		case ' ', '\t', '\r', '\n':
			continue
		case '"':
			if problem := j.quoted(); problem != "" {
				return problem
			}
		case '{', '[':
			switch {
			case top == '{' && previous != ':', top == '[' && previous != '[' && previous != ',':
				return fmt.Sprintf("%q stands where it cannot: perhaps a bracket or a comma is missing before it.", b)
			case len(j.brackets) == maxNesting:
				return fmt.Sprintf("There are more than %d brackets within each other.", maxNesting)
			}
			j.brackets = append(j.brackets, b)
		case '}', ']':
			if top != b-2 { // in ASCII, { is two before } and [ two before ]
				return fmt.Sprintf("%q stands where %q is still open.", b, top)
			}
			if j.brackets = j.brackets[:len(j.brackets)-1]; len(j.brackets) == 0 {
				return ""
			}
		}
		previous = b
		if len(j.text) > maxLine && j.unclosed.at > 0 && !j.ragged {
			break
		}
	}
	return cutOff
}

// shallow takes note of the last byte, which begins a line no deeper than the row that it is in.
func (j *jsonReader) shallow() {
	switch j.last {
	case ' ', '\t', '\r', '\n', '}', ']':
	case '{':
		if j.unclosed.at == 0 && j.indent == j.margin && len(j.text) <= maxLine {
			j.unclosed = place{len(j.text) - 1 - j.indent, j.line, j.before}
		}
	default:
		j.loose = true
	}
}

// back makes the row that the present one has not been closed before the next to be read.
func (j *jsonReader) back() {
	j.again = append(bytes.Clone(j.text[j.unclosed.at:]), j.again...)
	j.text = j.text[:j.unclosed.at]
	j.err, j.last, j.line, j.ink = nil, '\n', j.unclosed.line-1, j.unclosed.before
}

// quoted reads on to the end of the text that begins with the last byte.
func (j *jsonReader) quoted() string {
	for escaped := false; j.next(); {
		j.keep()
		switch {
		case j.last == '\n':
			return "A text is not closed before its line ends."
		case escaped:
			escaped = false
		case j.last == '\\':
			escaped = true
		case j.last == '"':
			return ""
		}
	}
	return cutOff
}

// significant reads up to the next byte that is not white space. It is false if there is none.
func (j *jsonReader) significant() bool {
	for j.next() {
		if !white(j.last) {
			return true
		}
	}
	return false
}

// next reads a byte. It is false if there is none.
func (j *jsonReader) next() bool {
	if j.err != nil || j.member != "" {
		return false
	}
	var b byte
	if len(j.again) > 0 {
		b, j.again = j.again[0], j.again[1:]
	} else if b, j.err = j.readByte(); j.err != nil {
		return false
	}
	switch {
	case j.last == '\n':
		j.line, j.indent, j.leads = j.line+1, 0, true
	case j.leads && white(j.last):
		j.indent++
	default:
		j.leads = false
	}
	if j.last = b; !white(b) {
		j.before, j.ink = j.ink, j.line
	}
	return true
}

// readByte reads a byte of the file. Its error stays.
func (j *jsonReader) readByte() (b byte, err error) {
	if j.ended != nil {
		return 0, j.ended
	}
	if b, err = j.b.ReadByte(); err != nil {
		if j.ended = err; !errors.Is(err, io.EOF) {
			j.ended = fmt.Errorf("line %d: %w", j.line, err)
		}
	}
	return b, j.ended
}

// keep keeps the last byte as part of the value.
func (j *jsonReader) keep() {
	if len(j.text) > maxLine {
		return
	}
	j.text = append(j.text, j.last)
	if j.only && len(j.text) > maxLine {
		j.member = rowsMember(j.text)
	}
}

func white(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// oneObject is the error for a file that is one object with its rows in a member.
func oneObject(member string) error {
	return fmt.Errorf("the file is one JSON object, and its rows are in the member %q: save that array alone, with jq '.[%q]' or the like",
		member, member)
}

// rowsMember returns the name of the first member that is an array of objects, of an object of which text is the beginning.
// Without such a member it is "".
func rowsMember(text []byte) string {
	tokens := json.NewDecoder(bytes.NewReader(text))
	name, depth, opened := "", 0, false // opened: a member that is an array has just begun
	for {
		token, err := tokens.Token()
		if err != nil {
			return ""
		}
		switch token {
		case json.Delim('{'):
			if opened {
				return name
			}
			depth++
		case json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		default:
			if text, ok := token.(string); ok && depth == 1 {
				name = text // or a value, which the next name replaces
			}
		}
		opened = token == json.Delim('[') && depth == 2 && name != ""
	}
}

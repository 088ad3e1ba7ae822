package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

var errNoLines = fmt.Errorf("no end of line within %d bytes: this is not a text file, and the rest of it was not read", maxSkip)

// notText is the question that goes with bytes that the file's encoding does not have. It is asked here: API Gateway replaces
// bytes that are not UTF-8 before our functions see them.
const notText = "bytes that are no text in the file's encoding. Was the file saved in another one (-encoding)?"

// lines is a text that is read by the line, and in which one can look ahead. A line ends with LF or CR LF.
type lines struct {
	b      *bufio.Reader
	err    error // why there is no more to read; io.EOF at the end
	number int   // of the present line
}

func newLines(r io.Reader, first int) *lines {
	return &lines{b: bufio.NewReaderSize(r, 2*maxLine), number: first}
}

// at returns the line that begins offset bytes after the beginning of the present one, without its end, and the offset of the
// next one. The text is valid until the next call. The error is io.EOF if there is no such line, errNoLines, or that of the
// reader: a line that broke off is none.
//
// It holds what is between the present line and the end of the one that it returns. Offsets must not exceed maxSkip.
func (l *lines) at(offset int) (line []byte, next int, err error) {
	held, _ := l.b.Peek(l.b.Buffered())
	for searched := offset; ; {
		n := bytes.IndexByte(held[searched:], '\n')
		if n >= 0 {
			line, next = held[offset:searched+n], searched+n+1
		} else if next = len(held); errors.Is(l.err, io.EOF) && next > offset {
			line = held[offset:]
		}
		switch {
		case next-offset > maxSkip:
			return nil, 0, fmt.Errorf("line %d: %w", l.number, errNoLines)
		case line != nil:
			return bytes.TrimSuffix(line, []byte("\r")), next, nil
		case errors.Is(l.err, io.EOF):
			return nil, 0, io.EOF
		case l.err != nil:
			return nil, 0, fmt.Errorf("line %d: %w", l.number, l.err)
		}
		searched = len(held)
		if len(held) == l.b.Size() { // the larger buffer begins with what the smaller one holds
			l.b = bufio.NewReaderSize(l.b, 2*len(held))
		}
		_, l.err = l.b.Peek(len(held) + 1)
		held, _ = l.b.Peek(l.b.Buffered())
	}
}

// pass makes the line present that begins after size bytes, which are count lines.
func (l *lines) pass(size, count int) {
	_, _ = l.b.Discard(size) // at has returned them
	l.number += count
}

// skipLines leaves out the first n lines of a text. It is an error if the text has fewer.
func skipLines(r io.Reader, n int) (io.Reader, error) {
	in := newLines(r, 1)
	for range n {
		_, next, err := in.at(0)
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the file has %d lines, and %d were to be skipped (-skip)", in.number-1, n)
		}
		if err != nil {
			return nil, err
		}
		in.pass(next, 1)
	}
	return in.b, nil
}

// readLines reads a text with one JSON object a line. It passes each line that is not blank, without the white space around it.
// first is the number of the text's first line in the file.
func readLines(r io.Reader, first int, each Each) error {
	for in := newLines(r, first); ; {
		line, next, err := in.at(0)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			var refusal error
			switch {
			case len(text) > maxLine:
				text, refusal = beginning(text), errLineTooLong
			case !utf8.Valid(text):
				refusal = RowError{Code: "malformed-json", Detail: "The line has " + notText}
			}
			if err := each(Row{in.number, in.number, text}, refusal); err != nil {
				return err
			}
		}
		in.pass(next, 1)
	}
}

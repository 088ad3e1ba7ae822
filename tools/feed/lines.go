package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	maxLine = 32 << 10 // the API takes no observation that is longer
	maxSkip = 1 << 20  // how much of a longer line is read to find its end
)

var (
	errLineTooLong error = refusal{"line-too-long", fmt.Sprintf("the line is longer than %d bytes", maxLine)}
	errNoLines           = fmt.Errorf("no end of line within %d bytes: this is not a text file, and the rest of it was not read", maxSkip)
)

// plain returns r, unpacked if it begins like gzip. The content decides, not the name of the file.
func plain(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	if magic, _ := b.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	unpacked, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("open gzip: %w", err)
	}
	return unpacked, nil
}

// readLines calls each for every line that is not blank, with its number (from 1) and its text without the white space
// around it; the text is valid only during the call. For a line that is too long it passes errLineTooLong and the beginning of
// the line. It returns the error of r or of each, or errNoLines; each has been called for all lines before.
//
// It never holds more than one line in memory, and gives up a line without an end after maxSkip bytes: one megabyte of gzip can
// hold a gigabyte of zeros.
func readLines(r io.Reader, each func(number int, text []byte, err error) error) error {
	b := bufio.NewReaderSize(r, maxLine+len("\r\n"))
	for number := 1; ; number++ {
		text, err := b.ReadSlice('\n')
		if number == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // a byte order mark
		}
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		if line := bytes.TrimSpace(text); tooLong || len(line) > maxLine {
			if e := each(number, bytes.Clone(text), errLineTooLong); e != nil {
				return e
			}
		} else if len(line) > 0 {
			if e := each(number, line, nil); e != nil {
				return e
			}
		}
		for skipped := len(text); errors.Is(err, bufio.ErrBufferFull); {
			if skipped > maxSkip {
				return errNoLines
			}
			text, err = b.ReadSlice('\n')
			skipped += len(text)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
}

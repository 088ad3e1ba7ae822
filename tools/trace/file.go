package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// file is a log in a file, plain or gzipped: .local/log.ndjson, or what was exported from CloudWatch.
type file struct{ path string }

// find returns the lines in which one of the texts occurs.
func (f file) find(_ context.Context, texts []string) (found []entry, err error) {
	needles := make([][]byte, len(texts))
	for i, t := range texts {
		needles[i] = []byte(t)
	}
	err = f.scan(needles, func(line []byte) { found = append(found, read(string(line), "")) })
	return found, err
}

// similar returns the lines in which the text occurs whatever the case of its letters. It looks at each line, so it takes longer.
func (f file) similar(_ context.Context, text string) (found []entry, err error) {
	pattern := regexp.MustCompile("(?i)" + regexp.QuoteMeta(text))
	err = f.blocks(func(block []byte) {
		for line := range bytes.Lines(block) {
			if pattern.Match(line) {
				found = append(found, read(string(line), ""))
			}
		}
	})
	return found, err
}

// near returns what a function's processes wrote about their own end, which has no id.
func (f file) near(ctx context.Context, log string, from, to time.Time) ([]entry, error) {
	lines, err := f.find(ctx, []string{`"start"`, `\"start\"`, "panic", "fatal error", "Execution failed"})
	return slices.DeleteFunc(lines, func(e entry) bool { return e.log != log || e.at.Before(from) || e.at.After(to) }), err
}

// requests returns a client's lines of a time.
func (f file) requests(ctx context.Context, client string, from, to time.Time) ([]entry, error) {
	lines, err := f.find(ctx, []string{`"` + client + `"`, `\"` + client + `\"`})
	return slices.DeleteFunc(lines, func(e entry) bool { return e.at.Before(from) || e.at.After(to) }), err
}

// where says what was searched.
func (f file) where() string {
	info, err := os.Stat(f.path)
	if err != nil {
		return f.path
	}
	first, last := "", ""
	_ = f.blocks(func(block []byte) { // an error has been told before
		for line := range bytes.Lines(block) {
			if first != "" {
				break
			}
			first = moment(read(string(line), "").at)
		}
		lines := bytes.Split(bytes.TrimRight(block, "\n"), []byte("\n"))
		for i := len(lines) - 1; i >= 0 && i > len(lines)-20; i-- {
			if at := moment(read(string(lines[i]), "").at); at != "" {
				last = at
				break
			}
		}
	})
	span := "it has no line with a time"
	if first != "" {
		span = "lines from " + first + " to " + last
	}
	return fmt.Sprintf("%s (%.1f MB, %s)", f.path, float64(info.Size())/1e6, span)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if t.Nanosecond() == 0 { // the gateway's lines know the second alone
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// scan calls each with the lines in which one of the needles occurs, in the order of the file. It looks through whole blocks, since
// looking at each line takes longer than finding the few.
func (f file) scan(needles [][]byte, each func(line []byte)) error {
	var starts []int
	return f.blocks(func(block []byte) {
		starts = starts[:0]
		for _, needle := range needles {
			for at := 0; ; {
				i := bytes.Index(block[at:], needle)
				if i < 0 {
					break
				}
				start := bytes.LastIndexByte(block[:at+i], '\n') + 1
				starts = append(starts, start)
				end := bytes.IndexByte(block[at+i:], '\n')
				if end < 0 {
					break
				}
				at += i + end + 1
			}
		}
		slices.Sort(starts)
		for _, start := range slices.Compact(starts) {
			line, _, _ := bytes.Cut(block[start:], []byte("\n"))
			each(line)
		}
	})
}

// Sizes of what is read at once, and of the longest line: an event of CloudWatch has 1 MB at most.
const (
	blockSize = 1 << 20
	longest   = 16 << 20
)

// blocks calls each with whole lines, many at once.
func (f file) blocks(each func(block []byte)) error {
	in, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	var from io.Reader = in
	if strings.HasSuffix(f.path, ".gz") {
		if from, err = gzip.NewReader(in); err != nil {
			return fmt.Errorf("read %s: %w", f.path, err)
		}
	}
	block, filled := make([]byte, blockSize), 0
	for {
		n, err := from.Read(block[filled:])
		filled += n
		if errors.Is(err, io.EOF) {
			each(block[:filled])
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.path, err)
		}
		if filled < len(block) {
			continue
		}
		end := bytes.LastIndexByte(block, '\n') + 1
		if end == 0 {
			if len(block) >= longest {
				return fmt.Errorf("read %s: a line has more than %d bytes", f.path, longest)
			}
			block = append(block, make([]byte, len(block))...)
			continue
		}
		each(block[:end])
		filled = copy(block, block[end:])
	}
}

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	queued   = 10_000          // lines that may wait to be read; further ones are lost and counted
	patience = 5 * time.Second // at the end, with a reader that does not read
)

// lineWriter writes whole lines from several goroutines. A terminal or file that does not take them holds nobody up.
type lineWriter struct {
	lines chan string
	end   chan struct{}
	ended chan struct{}
	once  sync.Once
	mu    sync.Mutex
	lost  int
}

func newLineWriter(to io.Writer) *lineWriter {
	l := &lineWriter{lines: make(chan string, queued), end: make(chan struct{}), ended: make(chan struct{})}
	go l.run(to)
	return l
}

// run writes the lines that wait and flushes when none does. Errors are ignored: a closed terminal or a full disk must not
// stop requests.
func (l *lineWriter) run(to io.Writer) {
	defer close(l.ended)
	out := bufio.NewWriter(to)
	for {
		select {
		case line := <-l.lines:
			_, _ = out.WriteString(line + "\n")
			continue
		default:
		}
		if n := l.takeLost(); n > 0 {
			_, _ = out.WriteString(strconv.Itoa(n) + " lines were lost: nobody read them\n")
		}
		_ = out.Flush()
		select {
		case line := <-l.lines:
			_, _ = out.WriteString(line + "\n")
		case <-l.end:
			if len(l.lines) == 0 {
				return
			}
		}
	}
}

func (l *lineWriter) takeLost() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lost
	l.lost = 0
	return n
}

func (l *lineWriter) println(line string) {
	select {
	case l.lines <- line:
	default:
		l.mu.Lock()
		l.lost++
		l.mu.Unlock()
	}
}

// close waits until every line is written, but not for ever: the reader may have stopped reading.
func (l *lineWriter) close() {
	l.once.Do(func() { close(l.end) })
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.ended:
	case <-timer.C:
	}
}

// functionLog adds the function's name to each line of its output, so that one file can hold the logs of all. A line that is no JSON object
// becomes one with its time, as Lambda makes them.
type functionLog struct {
	to       *lineWriter
	function string
}

// Write takes one line.
func (l functionLog) Write(b []byte) (int, error) {
	l.write(strings.TrimRight(string(b), "\r\n"))
	return len(b), nil
}

func (l functionLog) write(line string) {
	if line == "" {
		return
	}
	name, _ := json.Marshal(l.function) // cannot fail: it is a text
	if strings.HasPrefix(line, "{") && json.Valid([]byte(line)) && line != "{}" {
		l.to.println(`{"function":` + string(name) + "," + line[1:])
		return
	}
	text, _ := json.Marshal(line) // cannot fail: it is a text
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	l.to.println(`{"function":` + string(name) + `,"timestamp":"` + at + `","level":"INFO","message":` + string(text) + "}")
}

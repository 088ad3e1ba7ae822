package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// console is where the command writes to a person.
type console struct {
	w     io.Writer
	width int // columns of the terminal; 0: it is no terminal
}

func (c console) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.w, format+"\n", args...) // if this fails, there is nowhere to say so
}

// Summary is what became of the rows of all files. Every row is in exactly one of Outcomes, Before, Rejected,
// Conflict, Unsendable, Failed and NotSent.
type Summary struct {
	Files         []string       `json:"files"`
	Rows          int            `json:"rows"`
	Outcomes      map[string]int `json:"outcomes"`           // the API's successes, or "printed"
	Before        int            `json:"acknowledgedBefore"` // by an earlier run that this one resumes
	RefusedBefore int            `json:"refusedBefore"`      // how many of Before the API refused
	Conflict      int            `json:"conflict"`           // refused by the API: the same id is stored with other content
	Rejected      int            `json:"rejected"`           // refused by the API
	Unsendable    int            `json:"unsendable"`         // refused here: not JSON, too long, or not to be mapped
	Failed        int            `json:"failed"`             // attempts used up: they may be stored, or the API could not
	NotSent       int            `json:"notSent"`
	Reasons       map[string]int `json:"reasons"` // refused rows, by the code of their problem
	Requests      int            `json:"requests"`
	Repeated      int            `json:"repeated"` // requests that repeated another one, as a whole or in part
	Seconds       float64        `json:"seconds"`
	PerSecond     float64        `json:"observationsPerSecond"` // stored by this run or before it
	BadReports    int            `json:"-"`                     // refused rows that could not be written down
}

// AllStored reports whether no row was refused, failed or left out.
func (s Summary) AllStored() bool {
	return s.RefusedBefore+s.Conflict+s.Rejected+s.Unsendable+s.Failed+s.NotSent+s.BadReports == 0
}

// String is the summary in a form for people.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows in %.1f s, %.0f observations/s, %d requests (%d of them repeats)\n", s.Rows, s.Seconds,
		s.PerSecond, s.Requests, s.Repeated)
	fmt.Fprintf(&b, "  %s\n", counts(s.Outcomes))
	fmt.Fprintf(&b, "  refused %d (conflict %d, rejected %d, unsendable %d), failed %d, not sent %d",
		s.Conflict+s.Rejected+s.Unsendable, s.Conflict, s.Rejected, s.Unsendable, s.Failed, s.NotSent)
	if s.Before > 0 {
		fmt.Fprintf(&b, "\n  acknowledged before %d (refused %d of them)", s.Before, s.RefusedBefore)
	}
	if len(s.Reasons) > 0 {
		fmt.Fprintf(&b, "\n  reasons: %s", counts(s.Reasons))
	}
	return b.String()
}

func counts(m map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	if len(parts) == 0 {
		return "nothing stored"
	}
	return strings.Join(parts, ", ")
}

const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

// report counts what becomes of every row, writes down the refused ones and shows the progress. All batches may use it at the
// same time.
type report struct {
	mu      sync.Mutex
	console console
	now     func() time.Time
	start   time.Time
	sum     Summary

	file      string // the file that is being sent, how many rows it has and how many have an outcome
	total     int
	done      int
	fileStart time.Time
	shown     time.Time
	barShown  bool
	rejected  string // path for the refused rows of the file; made for the first of them
	resumed   bool   // the rows that cannot be sent are in it already
	out       *os.File
	length    int64     // of the file of refused rows
	hash      hash.Hash // of its bytes
	lost      error     // why a refused row of the file could not be written down
	buffer    *bufio.Writer
	unsynced  bool
	warned    map[string]bool
}

func newReport(c console, now func() time.Time) *report {
	return &report{console: c, now: now, start: now(), warned: map[string]bool{},
		sum: Summary{Files: []string{}, Outcomes: map[string]int{}, Reasons: map[string]int{}}}
}

// afresh tells begin to keep nothing of an earlier run.
const afresh = -1

// begin starts a file. If this run resumes an earlier one, the first kept bytes of its refused rows stay; the rest was not
// acknowledged and comes again. With afresh all are removed, so that the file is always that of the last run.
func (r *report) begin(name, rejected string, kept int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file = name
	if name == "-" {
		r.file = "stdin"
	}
	r.total, r.done = 0, 0
	r.rejected = rejected
	r.resumed = kept != afresh
	r.length = max(kept, 0)
	r.hash = sha256.New()
	r.lost = nil
	r.sum.Files = append(r.sum.Files, r.file)
	if kept > 0 {
		err := os.Truncate(rejected, kept)
		if err == nil {
			err = addFile(r.hash, rejected)
		}
		if err != nil {
			return fmt.Errorf("keep the refused rows of an earlier run: %w", err)
		}
		return nil
	}
	if err := os.Remove(rejected); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the refused rows of an earlier run: %w", err)
	}
	return nil
}

// addFile adds a file's bytes to a hash.
func addFile(to hash.Hash, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	_, err = io.Copy(to, file)
	return err
}

// expect says how many rows of the file are about to be sent.
func (r *report) expect(rows int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total = rows
	r.fileStart = r.now()
	r.shown = r.fileStart
}

// before counts rows for which an earlier run has got an outcome, and how many of them the API refused.
func (r *report) before(rows, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Before += rows
	r.sum.RefusedBefore += refused
}

// sync makes the refused rows so far durable. It returns how many bytes they have, and their SHA-256.
func (r *report) sync() (int64, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost == nil && r.out != nil && r.unsynced {
		r.lost = errors.Join(r.buffer.Flush(), r.out.Sync())
		r.unsynced = false
	}
	if r.lost != nil {
		return 0, "", fmt.Errorf("write refused rows: %w", r.lost)
	}
	return r.length, hex.EncodeToString(r.hash.Sum(nil)), nil
}

// end finishes the file.
func (r *report) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clearBar()
	return r.closeRejected()
}

func (r *report) closeRejected() error {
	if r.out == nil {
		return nil
	}
	err := errors.Join(r.buffer.Flush(), r.out.Close())
	r.out = nil
	if err != nil {
		return fmt.Errorf("write refused rows: %w", err)
	}
	r.line("refused rows are in %s", r.rejected)
	return nil
}

// finish ends the run and returns the summary.
func (r *report) finish() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clearBar()
	if err := r.closeRejected(); err != nil {
		r.sum.BadReports++
		r.line("feed: %v", err)
	}
	r.sum.Seconds = r.now().Sub(r.start).Seconds()
	stored := 0
	for _, n := range r.sum.Outcomes {
		stored += n
	}
	if r.sum.Seconds > 0 {
		r.sum.PerSecond = float64(stored) / r.sum.Seconds
	}
	return r.sum
}

// say writes a line above the progress bar.
func (r *report) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line(format, args...)
}

func (r *report) line(format string, args ...any) {
	r.clearBar()
	r.console.say(format, args...)
}

func (r *report) read() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Rows++
}

func (r *report) request() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Requests++
}

// repeat counts a repetition. If the server asks for a long wait, it says so, once for each length.
func (r *report) repeat(asked time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Repeated++
	if asked >= lineEvery {
		r.once(fmt.Sprintf("the API asks for a wait of %v", asked))
	}
}

// once writes a text only the first time.
func (r *report) once(text string) {
	if !r.warned[text] {
		r.warned[text] = true
		r.line("%s", text)
	}
}

// count adds rows that are stored (or printed).
func (r *report) count(outcome string, rows int) {
	if rows == 0 { // the progress is told of rows only
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Outcomes[outcome] += rows
	r.settled(rows)
}

// fail adds rows that are not stored, or perhaps not, even after the last attempt.
func (r *report) fail(rows int, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Failed += rows
	r.once("rows without an outcome: " + why)
	r.settled(rows)
}

func (r *report) unsent(rows int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.NotSent += rows
}

// refuse adds a row that cannot be sent.
func (r *report) refuse(line int, text []byte, problem json.RawMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Unsendable++
	if r.resumed {
		r.sum.Reasons[problemCode(problem)]++
		return
	}
	r.writeDown(line, text, problem)
}

// reject adds a row that the API refused.
func (r *report) reject(outcome string, one row, problem json.RawMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if outcome == "conflict" {
		r.sum.Conflict++
	} else {
		r.sum.Rejected++
	}
	r.writeDown(one.line, one.text, problem)
	r.settled(1)
}

// shownText is how many bytes are written down of a line that is not JSON.
const shownText = 512

// writeDown adds a row to the file of refused rows: as it was if it is JSON, otherwise its beginning as a string.
func (r *report) writeDown(line int, text []byte, problem json.RawMessage) {
	r.sum.Reasons[problemCode(problem)]++
	var original any
	switch {
	case text == nil: // the line itself could not be read
	case utf8.Valid(text) && json.Valid(text):
		original = json.RawMessage(text)
	default:
		original = strings.ToValidUTF8(string(text[:min(len(text), shownText)]), "\uFFFD")
	}
	entry, err := marshal(struct {
		Line    int             `json:"line"`
		Problem json.RawMessage `json:"problem"`
		Row     any             `json:"row"`
	}{line, problem, original})
	if err == nil && r.out == nil {
		if r.out, err = os.OpenFile(r.rejected, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644); err == nil {
			r.buffer = bufio.NewWriter(r.out)
		} else {
			r.out = nil
		}
	}
	if err == nil {
		var n int
		n, err = fmt.Fprintf(io.MultiWriter(r.buffer, r.hash), "%s\n", entry)
		r.length += int64(n)
		r.unsynced = true
	}
	if err != nil {
		r.lost = err
		r.sum.BadReports++
		r.once(fmt.Sprintf("feed: write refused rows: %v", err))
	}
}

// problemCode is the last part of a problem's type.
func problemCode(problem json.RawMessage) string {
	var p struct{ Type string }
	if json.Unmarshal(problem, &p) != nil {
		return ""
	}
	return p.Type[strings.LastIndexByte(p.Type, ':')+1:]
}

// settled shows the progress after more rows have got an outcome: a bar on a terminal, elsewhere a line now and then.
func (r *report) settled(rows int) {
	r.done += rows
	now := r.now()
	every := lineEvery
	if r.console.width > 0 {
		every = barEvery
	}
	if r.total == 0 || now.Sub(r.shown) < every {
		return
	}
	r.shown = now
	elapsed := now.Sub(r.fileStart).Seconds()
	text := fmt.Sprintf(" %d of %d rows, %.0f/s", r.done, r.total, float64(r.done)/elapsed)
	if r.console.width == 0 {
		r.console.say("%s:%s", r.file, text)
		return
	}
	text += fmt.Sprintf(", %.0f s left ", elapsed/float64(max(r.done, 1))*float64(r.total-r.done))
	length := max(r.console.width-utf8.RuneCountInString(text)-4, 10)
	full := min(length*r.done/r.total, length)
	_, _ = fmt.Fprintf(r.console.w, "\r\x1b[K[%s%s]%s", strings.Repeat("#", full), strings.Repeat(".", length-full), text)
	r.barShown = true
}

func (r *report) clearBar() {
	if r.barShown {
		_, _ = fmt.Fprint(r.console.w, "\r\x1b[K")
		r.barShown = false
	}
}

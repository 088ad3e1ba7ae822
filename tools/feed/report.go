package main

import (
	"bufio"
	"cmp"
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

	"pricing/tools/feed/mapping"
	"pricing/tools/feed/rows"
)

// console is where the command writes to a person.
type console struct {
	w     io.Writer
	width int // columns of the terminal; 0: it is no terminal
}

func (c console) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.w, format+"\n", args...) // if this fails, there is nowhere to say so
}

// fate is what became of an observation in this run. That of a row is the greatest of its observations'.
type fate int

const (
	stored       fate = iota // or printed, or it would be stored
	acknowledged             // by an earlier run that this one resumes: stored, or refused by the API
	conflict                 // refused by the API: the same id is stored with other content
	rejected                 // refused by the API
	unsendable               // refused here
	unsent
	failed // attempts used up: it may be stored, or the API has to be mended before it can be
)

// Summary is what became of the rows of all files. Every row is in exactly one of Stored, Before, Skipped, Conflict, Rejected,
// Unsendable, Failed and NotSent. A row may make several observations (unpivot): it counts as stored if this run has stored all of them,
// and otherwise with the last in that order that one of them is.
type Summary struct {
	Files         []string       `json:"files"`
	DryRun        bool           `json:"dryRun"` // nothing was stored: the outcomes are what they would be
	Rows          int            `json:"rows"`
	Stored        int            `json:"stored"`
	Before        int            `json:"acknowledgedBefore"` // by an earlier run that this one resumes
	Skipped       int            `json:"skipped"`            // left out because the mapping says so
	Conflict      int            `json:"conflict"`
	Rejected      int            `json:"rejected"`
	Unsendable    int            `json:"unsendable"`
	Failed        int            `json:"failed"`
	NotSent       int            `json:"notSent"`
	Observations  int            `json:"observations"`  // that the rows make
	Outcomes      map[string]int `json:"outcomes"`      // observations by the API's successes, or "printed"
	RefusedBefore int            `json:"refusedBefore"` // observations that the API refused in the run that this one resumes
	AssumedTimes  int            `json:"assumedTimes"`  // observations whose row has a date only
	SkippedFor    map[string]int `json:"skippedFor"`    // rows by condition
	Reasons       map[string]int `json:"reasons"`       // refusals by the codes of what is wrong; one may have several
	ToMend        int            `json:"toMend"`        // observations of which the API said `failed`: the next run sends them again
	Requests      int            `json:"requests"`
	Repeated      int            `json:"repeated"` // requests that repeated another one, as a whole or in part
	Seconds       float64        `json:"seconds"`
	PerSecond     float64        `json:"observationsPerSecond"` // with an outcome in Outcomes
	BadReports    int            `json:"-"`                     // refusals that could not be written down

	examples map[string]string // of Reasons
	broken   string            // the first of ToMend
}

// rows is the count of the rows with a fate.
func (s *Summary) rows(f fate) *int {
	switch f {
	case acknowledged:
		return &s.Before
	case stored:
		return &s.Stored
	case conflict:
		return &s.Conflict
	case rejected:
		return &s.Rejected
	case unsendable:
		return &s.Unsendable
	case unsent:
		return &s.NotSent
	default:
		return &s.Failed
	}
}

// AllStored reports whether no row was refused, failed or left out.
func (s Summary) AllStored() bool {
	return s.RefusedBefore+s.Conflict+s.Rejected+s.Unsendable+s.Failed+s.NotSent+s.BadReports == 0
}

// printed is the outcome of an observation that is only printed.
const printed = "printed"

// shownReasons is how many reasons are shown with an example.
const shownReasons = 12

// String is the summary in a form for people.
func (s Summary) String() string {
	var b strings.Builder
	if s.DryRun {
		b.WriteString("dry run, nothing is stored: ")
	}
	fmt.Fprintf(&b, "%d rows in %.1f s, %.0f observations/s, %d requests (%d of them repeats)\n", s.Rows, s.Seconds,
		s.PerSecond, s.Requests, s.Repeated)
	done := "stored"
	if s.DryRun {
		done = "would be stored"
	} else if s.Outcomes[printed] > 0 {
		done = printed
	}
	fmt.Fprintf(&b, "  %s %d, refused %d (conflict %d, rejected %d, unsendable %d), skipped %d, failed %d, not sent %d",
		done, s.Stored, s.Conflict+s.Rejected+s.Unsendable, s.Conflict, s.Rejected, s.Unsendable, s.Skipped, s.Failed, s.NotSent)
	if s.Observations > 0 {
		fmt.Fprintf(&b, "\n  %d observations: %s", s.Observations, cmp.Or(counts(s.Outcomes), "none stored"))
	}
	if s.Before+s.RefusedBefore > 0 {
		fmt.Fprintf(&b, "\n  acknowledged before %d (refused observations: %d)", s.Before, s.RefusedBefore)
	}
	if s.AssumedTimes > 0 {
		fmt.Fprintf(&b, "\n  %d observations have a date only: the time of day is the mapping's", s.AssumedTimes)
	}
	if s.ToMend > 0 {
		fmt.Fprintf(&b, "\n  %d observations wait until what the API has stored of their products is mended, such as %s", s.ToMend, s.broken)
	}
	for _, condition := range commonest(s.SkippedFor) {
		fmt.Fprintf(&b, "\n  skipped %d: %s", s.SkippedFor[condition], condition)
	}
	reasons := commonest(s.Reasons)
	for _, reason := range reasons[:min(len(reasons), shownReasons)] {
		fmt.Fprintf(&b, "\n  %s %d, such as %s", reason, s.Reasons[reason], s.examples[reason])
	}
	if more := len(reasons) - shownReasons; more > 0 {
		fmt.Fprintf(&b, "\n  and %d reasons more", more)
	}
	return b.String()
}

// commonest returns the names of counts, the greatest count first.
func commonest(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}

func counts(m map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	return strings.Join(parts, ", ")
}

const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

// report counts what becomes of every observation and row, writes down the refused ones and shows the progress. All batches may use it
// at the same time.
type report struct {
	mu      sync.Mutex
	console console
	now     func() time.Time
	start   time.Time
	sum     Summary

	file      string // the file that is being sent, how much it has to send and how much of that has an outcome
	total     int    // observations
	done      int
	fileStart time.Time
	shown     time.Time
	barShown  bool
	unpivot   *mapping.Unpivot // nil: each row makes one observation
	rejected  string           // path for the refused rows of the file; made for the first of them
	resumed   bool             // the rows that cannot be sent are in it already
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
		sum: Summary{
			Files: []string{}, Outcomes: map[string]int{}, SkippedFor: map[string]int{}, Reasons: map[string]int{}, examples: map[string]string{},
		}}
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

// expect says how many observations of the file are about to be sent.
func (r *report) expect(observations int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total = observations
	r.fileStart = r.now()
	r.shown = r.fileStart
}

// before counts what an earlier run has got an outcome for, and how much of it the API refused.
func (r *report) before(items []item, s *state) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range items {
		if s.done[i.index] {
			r.decide(acknowledged, i.row)
		}
	}
	r.sum.RefusedBefore += s.saved.Rejected
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
	done := 0
	for _, n := range r.sum.Outcomes {
		done += n
	}
	if r.sum.Seconds > 0 {
		r.sum.PerSecond = float64(done) / r.sum.Seconds
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

// skip counts a row that the mapping leaves out.
func (r *report) skip(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Skipped++
	r.sum.SkippedFor[why]++
}

// observation counts an observation that can be sent.
func (r *report) observation(assumed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Observations++
	if assumed {
		r.sum.AssumedTimes++
	}
}

// decide gives one of a row's observations its fate, and counts the row with the last of them.
func (r *report) decide(f fate, one *row) {
	one.worst = max(one.worst, f)
	if one.left--; one.left > 0 {
		return
	}
	*r.sum.rows(one.worst)++
}

// settle counts observations that are stored (or printed) with an outcome.
func (r *report) settle(outcomes map[string]int, items ...item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range items {
		r.decide(stored, i.row)
	}
	for outcome, n := range outcomes {
		if n > 0 {
			r.sum.Outcomes[outcome] += n
		}
	}
	r.settled(len(items))
}

// fail counts observations that are not stored, or perhaps not, even after the last attempt.
func (r *report) fail(why string, items ...item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range items {
		r.decide(failed, i.row)
	}
	if len(items) > 0 {
		r.once("observations without an outcome: " + why)
		r.settled(len(items))
	}
}

// broken counts an observation that the API cannot store until what it has stored of the product is mended. It was tried twice.
func (r *report) broken(why string, i item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.decide(failed, i.row)
	if r.sum.ToMend++; r.sum.ToMend == 1 {
		r.sum.broken = r.where(i.line) + why
		r.line("the API cannot read or write what it has stored of some products; its operators have to mend that")
	}
	r.settled(1)
}

// unsent counts observations that were not sent.
func (r *report) unsent(items []item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range items {
		r.decide(unsent, i.row)
	}
}

// unread counts a row that was read and will not be sent.
func (r *report) unread() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.NotSent++
}

// refuse counts a row that cannot be sent.
func (r *report) refuse(line int, text []byte, p problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Unsendable++
	r.refused(line, "", text, p)
}

// refuseOne counts an observation that cannot be sent. column is the one that it comes from, if its row makes several.
func (r *report) refuseOne(i item, column string, p problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.decide(unsendable, i.row)
	r.refused(i.line, column, i.text, p)
}

// refused counts the reason of a refusal that was made while the file was read. If this run resumes an earlier one, it is written down.
func (r *report) refused(line int, column string, text []byte, p problem) {
	if r.resumed {
		r.reason(line, p)
		return
	}
	r.writeDown(line, column, text, p)
}

// reject counts an observation that the API refused.
func (r *report) reject(f fate, i item, column string, p problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.decide(f, i.row)
	r.writeDown(i.line, column, i.text, p)
	r.settled(1)
}

// reason counts each reason of a refusal and keeps its first example.
func (r *report) reason(line int, p problem) {
	for code, example := range p.reasons() {
		r.sum.Reasons[code]++
		if r.sum.examples[code] == "" {
			r.sum.examples[code] = r.where(line) + example
		}
	}
}

// where is what an example from a line begins with.
func (r *report) where(line int) string {
	where := fmt.Sprintf("line %d: ", line)
	if len(r.sum.Files) > 1 {
		where = r.file + " " + where
	}
	return where
}

// shownText is how many bytes are written down of a line that is not JSON.
const shownText = 512

// refusal is a line of the file of refused rows.
type refusal struct {
	Line    int     `json:"line"`
	Column  string  `json:"column,omitempty"` // that the observation comes from, if its row makes several
	Problem problem `json:"problem"`
	Row     any     `json:"row"`
}

// writeDown adds a row to the file of refused rows: as it was if it is JSON, otherwise its beginning as a string. Of a row that makes
// many observations, the columns of the others are left out: written down with each, they would fill the disk.
func (r *report) writeDown(line int, column string, text []byte, p problem) {
	r.reason(line, p)
	if column != "" {
		text = r.unpivot.Only(column, text)
	}
	var original any
	switch {
	case text == nil: // the line itself could not be read
	case utf8.Valid(text) && json.Valid(text):
		original = json.RawMessage(text)
	default:
		original = strings.ToValidUTF8(string(text[:min(len(text), shownText)]), "\uFFFD")
	}
	entry, err := rows.JSON(refusal{line, column, p, original})
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

// settled shows the progress after more observations have got an outcome: a bar on a terminal, elsewhere a line now and then.
func (r *report) settled(observations int) {
	r.done += observations
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
	text := fmt.Sprintf(" %d of %d observations, %.0f/s", r.done, r.total, float64(r.done)/elapsed)
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

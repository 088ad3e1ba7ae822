package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"pricing/client"
	"pricing/tools/feed/mapping"
)

const (
	maxHeld     = 1 << 30 // bytes of one file's lines that are kept in memory, since they have to be sorted
	maxBadLines = 10_000  // bad lines in a row, after which the rest of a file is not read
)

var (
	errTooLarge = fmt.Errorf("more than %d MiB of rows: split the file", maxHeld>>20)
	errNotRows  = fmt.Errorf("%d lines in a row are not rows of data; the rest was not read", maxBadLines)
)

// row is a line of a file that can be sent. It keeps only the line's text: the observation is made from it twice, once for
// its time and once to send it, which costs less than keeping both forms of a large file in memory.
type row struct {
	line  int
	index int // its place in the order of sending
	time  int64
	text  []byte
}

// feed is one run of the command.
type feed struct {
	settings settings
	program
	observe     observer
	mapping     *mapping.Mapping // nil: files are in the API's form
	mappingHash string
	states      []*state
	client      *client.Client // nil: the observations are printed
	failures    int            // batches in a row without any outcome
	report      *report
	stop        context.CancelCauseFunc
}

// file sends one file. Refused and failed rows are in the report; an error ends the run.
func (f *feed) file(ctx context.Context, name string) error {
	state, err := f.begin(name)
	if err != nil {
		return err
	}
	rows, competitors, err := f.load(ctx, name)
	if err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.time, b.time) })
	for i := range rows {
		rows[i].index = i
	}
	if state != nil {
		if err := state.start(rows); err != nil {
			f.report.unsent(len(rows))
			return err
		}
		all := len(rows)
		rows = slices.DeleteFunc(rows, func(r row) bool { return state.done[r.index] })
		f.report.before(all-len(rows), state.saved.Rejected)
	}
	f.report.expect(len(rows))
	if f.settings.print {
		return f.printAll(rows)
	}
	if f.settings.register {
		if err := f.register(ctx, competitors); err != nil {
			f.report.unsent(len(rows))
			return fmt.Errorf("register competitors: %w", err)
		}
	}
	f.send(ctx, rows, state)
	return f.report.end()
}

// begin opens a file's state and the report on it. The state is nil if nothing could be resumed: the input is the standard
// input or a pipe, observations are only printed, or another feeder is sending the same file.
func (f *feed) begin(name string) (*state, error) {
	rejected := f.settings.beside(name, rejectedSuffix)
	of, err := f.identify(name)
	if err != nil {
		return nil, err
	}
	if of == nil {
		return nil, f.report.begin(name, rejected, afresh)
	}
	path := f.settings.beside(name, stateSuffix)
	s, invalid, err := openState(path, *of, f.settings.restart)
	if errors.Is(err, errInUse) {
		rejected = f.settings.beside(name, fmt.Sprintf(".%d-%d%s", os.Getpid(), len(f.report.sum.Files), rejectedSuffix))
		f.report.say("%s: another feeder is sending it; this one keeps no state and writes refused rows to %s", name, rejected)
		return nil, f.report.begin(name, rejected, afresh)
	}
	if err != nil {
		f.report.say("%s: no state is kept, so an interrupted run will have to start over: %v", name, err)
		return nil, f.report.begin(name, rejected, afresh)
	}
	f.states = append(f.states, s)
	if s.resume && s.saved.Refused > 0 {
		if sum, n, err := beginning(rejected, s.saved.Refused); err != nil || n != s.saved.Refused || sum != s.saved.RefusedHash {
			s = s.forget(*of)
			invalid = rejected + " is no longer what it was"
		}
	}
	if s.resume {
		done := s.saved.acknowledged()
		f.report.say("%s: resuming an earlier run: %d of %d rows are acknowledged, %d are left (-restart sends all)",
			name, done, s.saved.Rows, s.saved.Rows-done)
		return s, f.report.begin(name, rejected, s.saved.Refused)
	}
	if invalid != "" {
		f.report.say("%s: starting over, since %s cannot be used: %s", name, path, invalid)
	}
	if err := s.remove(); err != nil { // before the refused rows that belong to it
		return nil, err
	}
	return s, f.report.begin(name, rejected, afresh)
}

// identify returns the identity of a file, nil if it can have no state.
func (f *feed) identify(name string) (*identity, error) {
	if name == "-" || f.settings.print {
		return nil, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	hash, size, err := digest(file)
	if err != nil {
		return nil, err
	}
	of := &identity{URL: f.settings.url, Format: "ndjson", Size: size, File: hash, Mapping: f.mappingHash}
	if f.settings.readsCSV(name) {
		of.Format = "csv"
	}
	return of, nil
}

// closeStates ends the states of the run. They are removed together, once every row of every file has an outcome. Until then
// the same command, started again, must learn which files are finished.
func (f *feed) closeStates(whole bool) error {
	left := 0
	for _, s := range f.states {
		left += s.remaining()
	}
	done := whole && left == 0
	if !done && slices.ContainsFunc(f.states, func(s *state) bool { return s.saved.acknowledged() > 0 }) {
		f.report.say("the rows that are acknowledged are remembered: run the same command again to send the rest")
	}
	var errs []error
	for _, s := range f.states {
		if done {
			errs = append(errs, s.remove())
		}
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// load reads the rows of a file, and the names of their competitors by id. Rows that cannot be sent are refused here. If a
// file breaks off, the rows before the break are returned and the break itself counts as a refused row.
func (f *feed) load(ctx context.Context, name string) ([]row, map[string]string, error) {
	source := f.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		defer func() { _ = file.Close() }() // it was only read
		source = file
	}
	var rows []row
	competitors := map[string]string{}
	last, held, bad := 0, 0, 0
	now := f.now()
	err := func() error {
		unpacked, err := plain(source)
		if err != nil {
			return err
		}
		read := readLines
		if f.settings.readsCSV(name) {
			read = func(r io.Reader, each func(int, []byte, error) error) error { return readCSV(r, f.mapping, each) }
		}
		return read(unpacked, func(line int, text []byte, err error) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			last = line
			var o observation
			if err == nil {
				o, err = f.observe(text)
			}
			if err == nil && f.settings.print {
				err = judge(o.text, now)
			}
			f.report.read()
			if err != nil {
				f.report.refuse(line, text, localProblem(err))
				if bad++; bad == maxBadLines {
					return errNotRows
				}
				return nil
			}
			bad = 0
			if held += len(text); held > maxHeld {
				return errTooLarge
			}
			rows = append(rows, row{line: line, time: o.time, text: slices.Clone(text)})
			if o.competitorID != "" {
				competitors[o.competitorID] = o.competitorName
			}
			return nil
		})
	}()
	switch {
	case ctx.Err() != nil:
		f.report.unsent(len(rows))
		return nil, nil, context.Cause(ctx)
	case errors.Is(err, errHeader):
		return nil, nil, err
	case errors.Is(err, errTooLarge):
		f.report.unsent(len(rows) + 1)
		return nil, nil, err
	case err != nil:
		f.report.read()
		f.report.refuse(last+1, nil, localProblem(refusal{"unreadable", err.Error()}))
		f.report.say("%s: %v", name, err)
	}
	return rows, competitors, nil
}

func (f *feed) printAll(rows []row) error {
	out := bufio.NewWriter(f.stdout)
	for _, r := range rows {
		o, err := f.observe(r.text)
		if err != nil { // not expected: the same text was accepted when it was read
			f.report.refuse(r.line, r.text, localProblem(err))
			continue
		}
		if _, err := fmt.Fprintf(out, "%s\n", o.text); err != nil {
			break // the writer keeps its first error, and Flush returns it
		}
		f.report.count("printed", 1)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return f.report.end()
}

// localProblem is the problem of a row that was not sent, in the form of the API's problems; its type tells them apart.
func localProblem(err error) json.RawMessage {
	r := refusal{"mapping", err.Error()}
	errors.As(err, &r)
	text, err := marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Detail string `json:"detail,omitempty"`
	}{"urn:problem-type:feed:" + r.code, "The row was not sent", r.detail})
	if err != nil {
		return json.RawMessage(`{}`) // cannot happen: these are texts
	}
	return text
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"

	"pricing/client"
	"pricing/tools/feed/mapping"
	"pricing/tools/feed/rows"
	"pricing/tools/internal/durable"
)

const (
	maxHeld     = 1 << 30 // bytes of one file's rows that are kept in memory, since they have to be sorted
	perRow      = 64      // bytes that a row takes beside its text, about
	perItem     = 64      // bytes that an observation takes, about, while their list grows
	maxBadLines = 10_000  // unreadable rows one after the other, after which the rest of a file is not read
)

var (
	errTooLarge = errors.New("its rows and observations take too much memory: split the file")
	errNotRows  = fmt.Errorf("%d rows one after the other cannot be read; the rest was not read", maxBadLines)
	errEnough   = errors.New("no more rows are wanted")
)

// row is a row of a file of which something is to be sent. It keeps only the text: the observations are made from it twice, once for
// their times and once to send them, which costs less than keeping both forms of a large file in memory.
type row struct {
	line  int
	text  []byte
	left  int  // how many of its observations have no fate yet
	worst fate // of those that have one
}

// item is an observation that is to be sent.
type item struct {
	*row
	part    int    // its place among the observations of its row
	index   int    // its place in the order of sending
	time    int64  // observedAt
	product uint64 // a hash of the product's id
}

// window is how many observations, which follow each other in time, are ordered by product. A request for few products costs the API a
// fraction of one for many. More at once would gain little, since a window has forty batches, and an interrupted run would have
// sent all of some products and nothing of others.
const window = 20_000

// ordered puts observations in the order of their times, those of one time in the order of the file. Then it brings those of a product
// together, in each window of so many, where the first of them is. So those of a product, and of an offer, stay in the order of their
// times, and a window whose products differ stays as it is.
func ordered(items []item, window int) {
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.time, b.time) })
	for part := range slices.Chunk(items, window) {
		of := map[uint64][]item{}
		var products []uint64
		for _, i := range part {
			if of[i.product] == nil {
				products = append(products, i.product)
			}
			of[i.product] = append(of[i.product], i)
		}
		n := 0
		for _, product := range products {
			n += copy(part[n:], of[product])
		}
	}
}

// hashed is a product's id as item has it. The order of sending depends on it, which has to be the same in the run that resumes one.
func hashed(product string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, product) // it never fails
	return h.Sum64()
}

// feed is one run of the command.
type feed struct {
	settings settings
	program
	observer    observer
	mapping     *mapping.Mapping // nil: files are in the API's form
	mappingHash string
	states      []*state
	client      *client.Client  // nil: the observations are printed
	newcomers   map[string]bool // competitors that a dry run would have registered
	failures    int             // batches in a row without any outcome
	report      *report
	stop        context.CancelCauseFunc

	made    mapping.Made // what the last row that was asked for makes
	madeFor *row
}

// file sends one file. Refused and failed rows are in the report; an error ends the run.
func (f *feed) file(ctx context.Context, name string) error {
	state, err := f.begin(name)
	if err != nil {
		return err
	}
	items, competitors, err := f.load(ctx, name)
	if err != nil {
		return err
	}
	if f.settings.print {
		ordered(items, 1) // what a person reads is in the order of time
	} else {
		ordered(items, window)
	}
	for i := range items {
		items[i].index = i
	}
	if state != nil {
		if err := state.start(items); err != nil {
			f.report.unsent(items)
			return err
		}
		f.report.before(items, state)
		items = slices.DeleteFunc(items, func(i item) bool { return state.done[i.index] })
	}
	f.report.expect(len(items))
	if f.settings.print {
		return f.printAll(ctx, items)
	}
	if f.settings.register {
		if err := f.register(ctx, competitors); err != nil {
			f.report.unsent(items)
			return fmt.Errorf("register competitors: %w", err)
		}
	}
	f.send(ctx, items, state)
	return f.report.end()
}

// begin opens a file's state and the report on it. The state is nil if nothing could be resumed: the input is the standard
// input or a pipe, observations are only printed, or another feeder is sending the same file.
func (f *feed) begin(name string) (*state, error) {
	suffix := rejectedSuffix
	if f.settings.storesNothing() {
		suffix = dryRunSuffix // those of an interrupted run belong to its state
	}
	rejected := f.settings.beside(name, suffix)
	of, err := f.identify(name)
	if err != nil {
		return nil, err
	}
	if of == nil {
		return nil, f.report.begin(name, rejected, afresh)
	}
	path := f.settings.beside(name, stateSuffix)
	s, invalid, err := openState(path, *of, f.settings.restart)
	if errors.Is(err, durable.ErrInUse) {
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
		f.report.say("%s: resuming an earlier run: %d of %d observations are acknowledged, %d are left (-restart sends all)",
			name, done, s.saved.Observations, s.saved.Observations-done)
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
	if name == "-" || f.settings.storesNothing() {
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
	return &identity{
		URL: f.settings.url, Name: filepath.Base(name), Form: f.settings.form.String(), Size: size, File: hash, Mapping: f.mappingHash,
	}, nil
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
		f.report.say("what is acknowledged is remembered: run the same command again to send the rest")
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

// load reads the rows of a file, and the names of their competitors by id. Rows that cannot be sent are refused here. If a file breaks
// off, the rows before the break are returned and the break itself counts as a refused row.
func (f *feed) load(ctx context.Context, name string) ([]item, map[string]string, error) {
	if err := f.observer.begin(name); err != nil {
		return nil, nil, err
	}
	l := loaded{competitors: map[string]string{}}
	err := f.read(name, func(one rows.Row, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f.settings.first > 0 && l.rows == f.settings.first {
			return errEnough
		}
		l.rows++
		l.last = one.Last
		return f.loadRow(&l, one, err)
	})
	switch {
	case ctx.Err() != nil:
		f.report.unsent(l.items)
		return nil, nil, context.Cause(ctx)
	case errors.As(err, new(*rows.FileError)):
		return nil, nil, err
	case errors.Is(err, errTooLarge):
		f.report.unsent(l.items)
		f.report.unread()
		return nil, nil, err
	case err != nil && !errors.Is(err, errEnough):
		f.report.read()
		f.report.refuse(l.last+1, nil, problemOf(nil, rows.RowError{Code: "unreadable", Detail: err.Error()}))
		f.report.say("%s: %v", name, err)
	}
	if l.rows > 0 {
		for _, column := range f.observer.missing() {
			f.report.say("%s: no row has %q, which the mapping names", name, column)
		}
	}
	return l.items, l.competitors, nil
}

// loaded is what has been read of a file.
type loaded struct {
	items       []item
	competitors map[string]string // names by id
	rows, last  int               // how many rows there were, and the last line of the last one
	held        int               // about how many bytes all of it takes
	unreadable  int               // rows one after the other that could not be read
}

// loadRow adds the observations of a row, or refuses it. An error ends the reading.
func (f *feed) loadRow(l *loaded, one rows.Row, err error) error {
	f.report.read()
	var made mapping.Made
	if err == nil {
		made, err = f.observer.observe(one.Text)
	}
	if errors.As(err, new(rows.RowError)) {
		l.unreadable++
	} else {
		l.unreadable = 0
	}
	switch {
	case err != nil:
		f.report.refuse(one.Line, one.Text, problemOf(one.Text, err))
		if l.unreadable == maxBadLines {
			return errNotRows
		}
		return nil
	case len(made.Observations) == 0:
		f.report.skip(made.Skipped)
		return nil
	}
	if l.held += perRow + len(one.Text) + perItem*len(made.Observations); l.held > cmp.Or(f.memory, maxHeld) {
		return errTooLarge
	}
	r := &row{line: one.Line, text: slices.Clone(one.Text), left: len(made.Observations)}
	for part, o := range made.Observations {
		i := item{row: r, part: part, time: o.ObservedAt, product: hashed(o.Product)}
		if p, broken := f.broken(i, o); broken {
			f.report.refuseOne(i, o.Column, p)
			continue
		}
		l.items = append(l.items, i)
		f.report.observation(o.Assumed)
		if o.CompetitorID != "" {
			l.competitors[o.CompetitorID] = o.CompetitorName
		}
	}
	return nil
}

// broken says what prevents an observation from being sent. If nobody will be asked, that includes the API's rules.
func (f *feed) broken(i item, o mapping.Observation) (p problem, broken bool) {
	if len(o.Faults) > 0 {
		return problemOf(i.text, o.Faults...), true
	}
	if f.settings.print {
		if wrong := judge(o.JSON, f.now()); wrong != nil {
			return f.ofTheRow(i, judged(wrong)), true
		}
	}
	return problem{}, false
}

// read reads the rows of a file.
func (f *feed) read(name string, each rows.Each) error {
	if name == "-" {
		return rows.Read(f.stdin, "", f.settings.form, f.observer.header, each)
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	return rows.Read(file, name, f.settings.form, f.observer.header, each)
}

// observation makes an observation that load has accepted again. The observations of a row mostly follow each other.
func (f *feed) observation(i item) mapping.Observation {
	if f.madeFor != i.row {
		f.made, _ = f.observer.observe(i.text) // the same text was accepted before
		f.madeFor = i.row
	}
	return f.made.Observations[i.part]
}

// printAll prints observations. Each is written by itself, so that one that counts as printed is.
func (f *feed) printAll(ctx context.Context, items []item) error {
	for n, i := range items {
		err := context.Cause(ctx)
		if err == nil {
			_, err = fmt.Fprintf(f.stdout, "%s\n", f.observation(i).JSON)
		}
		if err != nil {
			f.report.unsent(items[n:])
			return fmt.Errorf("print: %w", err)
		}
		f.report.settle(map[string]int{printed: 1}, i)
	}
	return f.report.end()
}

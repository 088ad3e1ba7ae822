package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pricing/shared/board"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/tools/internal/durable"
	"pricing/tools/internal/history"
)

// source is where partitions are read from, each once and whole, in an order that is always the same; history.Scan is one.
type source interface {
	Partitions(ctx context.Context, after history.Place, each func(history.Partition, history.Place) error) error
}

// filter chooses observations. What is empty or NoTime chooses all.
type filter struct {
	Product string          `json:"product,omitempty"`
	Client  string          `json:"client,omitempty"`
	Source  string          `json:"source,omitempty"`
	From    price.Timestamp `json:"from"` // of observedAt, both included
	To      price.Timestamp `json:"to"`
}

// matches reports whether an observation is chosen. Its product is the source's to choose.
func (f filter) matches(e board.Observation) bool {
	return (f.Client == "" || f.Client == e.Client) && (f.Source == "" || f.Source == e.Source.ID) &&
		f.From <= e.ObservedAt && (f.To == price.NoTime || e.ObservedAt <= f.To)
}

// identity says what an export is of. A run goes on only with the same.
type identity struct {
	Source string `json:"source"`
	Format string `json:"format"`
	Filter filter `json:"filter"`
}

// counts are what has been read and written.
type counts struct {
	Items        int     `json:"items"`  // of any kind
	Boards       int     `json:"boards"` // directories and what is left of shards included
	Segments     int     `json:"segments"`
	Products     int     `json:"products"`     // that have observations
	Observations int     `json:"observations"` // each once
	Merged       int     `json:"merged"`       // that stood in a further place
	Written      int     `json:"written"`      // observations that the filter chose
	Refused      int     `json:"refused"`      // problems
	Units        float64 `json:"readUnits"`
}

// saved is the content of export.json.
type saved struct {
	Version  int               `json:"version"`
	Of       identity          `json:"of"`
	Counts   counts            `json:"counts"`
	Files    int               `json:"files"`              // complete ones; those of Parquet count by their numbers
	After    history.Place     `json:"after"`              // everything up to here stands in these files
	Finished string            `json:"finished,omitempty"` // when the export was complete
	Problems []history.Problem `json:"problems"`           // the first of those counted as refused
}

const (
	stateVersion = 1
	stateName    = "export.json"
	mostProblems = 1000 // in the state
	mostTold     = 20   // in the log

	// seldom is for a filter that chooses little: when so many times the observations of a file have been read, the state is written.
	seldom = 10
)

// exporter is one run.
type exporter struct {
	settings
	source source
	name   string // of what is read
	log    io.Writer

	saved   saved // what is complete
	now     saved // with what is being written
	part    part  // nil: none is begun
	written int   // observations in it
	units   func() float64
	pace    func(context.Context) error // waits as the rate demands
}

func (e *exporter) say(format string, args ...any) {
	_, _ = fmt.Fprintf(e.log, format+"\n", args...) // the exit status tells the same
}

// run exports what is not yet exported.
func (e *exporter) run(ctx context.Context) (err error) {
	if err := os.MkdirAll(e.out, 0o755); err != nil {
		return err
	}
	lock, err := durable.Lock(e.statePath() + ".lock")
	if errors.Is(err, durable.ErrInUse) {
		return fmt.Errorf("another export is writing to %s", e.out)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, durable.Unlock(lock)) }()
	if err := e.begin(); err != nil {
		return err
	}
	before := e.saved.Counts.Units
	limit := pace{rate: e.rate, start: time.Now(), now: time.Now, sleep: sleep}
	ctx, m := meter.With(ctx)
	e.units = func() float64 { return before + m.Counts().ReadUnits }
	e.pace = func(ctx context.Context) error { return limit.wait(ctx, m.Counts().ReadUnits) }
	if err := e.source.Partitions(ctx, e.saved.After, e.partition); err != nil {
		if e.part != nil {
			e.part.abandon()
		}
		return fmt.Errorf("%w\nthe same command goes on behind the last complete file", err)
	}
	e.now.Finished = time.Now().UTC().Format(time.RFC3339)
	if err := e.commit(); err != nil {
		return err
	}
	e.tell()
	if e.saved.Counts.Refused > 0 {
		return fmt.Errorf("%d problems were met: %s lists them", e.saved.Counts.Refused, e.statePath())
	}
	return nil
}

// statePath is where the state is.
func (e *exporter) statePath() string { return filepath.Join(e.out, stateName) }

// begin reads the state of the folder, and removes the files that it does not count.
func (e *exporter) begin() error {
	of := identity{e.name, e.format, e.filter}
	text, err := os.ReadFile(e.statePath())
	switch {
	case errors.Is(err, os.ErrNotExist):
		files, err := e.files()
		if err != nil {
			return err
		}
		if len(files) > 0 {
			return usageError{fmt.Sprintf("%s has no %s but %s: give another folder", e.out, stateName, files[0].path)}
		}
		e.now = saved{Version: stateVersion, Of: of, Problems: []history.Problem{}}
		return e.save()
	case err != nil:
		return err
	}
	if err := json.Unmarshal(text, &e.now); err != nil || e.now.Version != stateVersion {
		return usageError{fmt.Sprintf("%s cannot be read by this release: give another folder", e.statePath())}
	}
	switch {
	case e.now.Of != of:
		return usageError{fmt.Sprintf("%s holds an export of %s, not of %s: give another folder", e.out, e.now.Of, of)}
	case e.now.Finished != "":
		return usageError{fmt.Sprintf("%s holds an export that was finished at %s: give another folder for a new one", e.out, e.now.Finished)}
	}
	e.saved = e.now
	files, err := e.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.number > e.saved.Files || f.temporary {
			if err := os.Remove(f.path); err != nil {
				return err
			}
		}
	}
	e.say("going on behind file %d, with %d observations in files", e.saved.Files, e.saved.Counts.Written)
	return nil
}

// String is the identity in a sentence.
func (i identity) String() string {
	text, err := json.Marshal(i.Filter)
	if err != nil {
		return err.Error() // cannot happen: these are texts
	}
	return fmt.Sprintf("%s as %s with the filter %s", i.Source, i.Format, text)
}

// UnmarshalJSON reads what MarshalJSON of the fields wrote.
func (f *filter) UnmarshalJSON(text []byte) error {
	var in struct {
		Product, Client, Source string
		From, To                *string
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	*f = filter{Product: in.Product, Client: in.Client, Source: in.Source, From: price.NoTime, To: price.NoTime}
	for _, moment := range []struct {
		text *string
		to   *price.Timestamp
	}{{in.From, &f.From}, {in.To, &f.To}} {
		if moment.text == nil {
			continue
		}
		t, err := price.ParseTimestamp(*moment.text)
		if err != nil {
			return fmt.Errorf("%q %w", *moment.text, err)
		}
		*moment.to = t
	}
	return nil
}

// outFile is a file that an export has written.
type outFile struct {
	path      string
	number    int
	temporary bool // it was not completed
}

var outName = regexp.MustCompile(`^observations-(?:\d{4}-\d{2}-)?(\d{6,})\.(ndjson|csv|parquet)(\.tmp)?$`)

const monthPrefix = "month="

// files lists the files that an export has written into the folder.
func (e *exporter) files() ([]outFile, error) {
	var files []outFile
	folders := []string{e.out}
	months, err := filepath.Glob(filepath.Join(e.out, monthPrefix+"*"))
	if err != nil {
		return nil, err
	}
	for _, folder := range append(folders, months...) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if m := outName.FindStringSubmatch(entry.Name()); m != nil {
				n, err := strconv.Atoi(m[1])
				if err != nil {
					return nil, err
				}
				files = append(files, outFile{filepath.Join(folder, entry.Name()), n, m[3] != ""})
			}
		}
	}
	return files, nil
}

// partition exports a partition, and completes what came since the state when that is long enough.
func (e *exporter) partition(p history.Partition, at history.Place) error {
	c := &e.now.Counts
	c.Items += p.Items
	c.Boards += len(p.Boards)
	c.Segments += p.Segments
	merged := p.Merge()
	c.Merged += merged.Repeated
	for _, problem := range append(p.Problems, merged.Problems...) {
		e.problem(problem)
	}
	found := c.Observations
	for offer := range merged.Offers() {
		c.Observations += len(offer.Observations)
		for _, seen := range offer.Observations {
			if !e.filter.matches(seen) {
				continue
			}
			if err := e.write(board.Row{Key: offer.Key, Observation: seen}); err != nil {
				return err
			}
		}
	}
	if c.Observations > found {
		c.Products++
	}
	e.now.After = at
	if c.Written-e.saved.Counts.Written < e.rows && c.Observations-e.saved.Counts.Observations < seldom*e.rows {
		return nil
	}
	if err := e.commit(); err != nil {
		return err
	}
	e.say("%d observations of %d products, %.0f read units", c.Written, c.Products, c.Units)
	return nil
}

func (e *exporter) problem(p history.Problem) {
	c := &e.now.Counts
	c.Refused++
	if c.Refused <= mostTold {
		e.say("%s", p)
	}
	if len(e.now.Problems) < mostProblems {
		e.now.Problems = append(e.now.Problems, p)
	}
}

// write writes an observation to the present file, and completes that when it is long enough.
func (e *exporter) write(row board.Row) (err error) {
	if e.part == nil {
		if e.part, err = formats[e.format](e.out, e.now.Files+1); err != nil {
			return err
		}
	}
	if err := e.part.write(row); err != nil {
		return err
	}
	e.now.Counts.Written++
	if e.written++; e.written < e.rows {
		return nil
	}
	return e.complete()
}

// complete completes the present file, if there is one.
func (e *exporter) complete() error {
	if e.part == nil {
		return nil
	}
	if err := e.part.complete(); err != nil {
		return err
	}
	e.part = nil
	e.written = 0
	e.now.Files++
	return nil
}

// commit completes the present file, and then the state that counts it. What is between is done again after a crash: files that the
// state does not count are removed then.
func (e *exporter) commit() error {
	if err := e.complete(); err != nil {
		return err
	}
	e.now.Counts.Units = e.units()
	return e.save()
}

func (e *exporter) save() error {
	text, err := json.MarshalIndent(e.now, "", "  ")
	if err == nil {
		err = durable.WriteFile(e.statePath(), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	e.saved = e.now
	return nil
}

// tell reports the whole export.
func (e *exporter) tell() {
	c := e.saved.Counts
	what := fmt.Sprintf("read %d items: %d boards, %d segments, %d others; refused %d", c.Items, c.Boards, c.Segments,
		c.Items-c.Boards-c.Segments, c.Refused)
	if c.Units > 0 {
		what += fmt.Sprintf("; %.1f read units, %.0f observations a unit", c.Units, float64(c.Observations)/c.Units)
	}
	e.say("%s", what)
	e.say("found %d observations of %d products, %d of them in more than one place", c.Observations, c.Products, c.Merged)
	e.say("wrote %d observations to %d files in %s", c.Written, e.saved.Files, strings.TrimSuffix(e.out, "/"))
}

// pace keeps a table's read units to a rate.
type pace struct {
	rate  float64 // units a second; 0: no limit
	start time.Time
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
}

// wait waits until the time has passed that so many units, all since the start, may be used in.
func (p pace) wait(ctx context.Context, units float64) error {
	if p.rate == 0 {
		return nil
	}
	due := p.start.Add(time.Duration(units / p.rate * float64(time.Second)))
	if left := due.Sub(p.now()); left > 0 {
		return p.sleep(ctx, left)
	}
	return nil
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

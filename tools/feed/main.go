// Command feed sends files of price observations to the API and says what became of every row.
//
//	feed -url http://127.0.0.1:3000 -token-file .local/token FILE...
//
// A file is CSV with a header, JSON (one object a line, in one array, or pretty-printed) or Parquet, and it may be compressed with gzip,
// bzip2 or zip: package rows says how that is told, and which flags say it of files that do not tell: -format, -separator, -encoding,
// -quotes, -skip. "-" or no file is the standard input.
//
// Without a mapping, the rows are observations as POST /v1/observations takes them. Columns are named like its fields, inner ones with a
// dot (price.amount, source.id), and an empty value is absent. Histories and exports (tools/export) can be fed back as they are: what the
// API has added (receivedAt, client, observationId) is left out, and in CSV the ' before a cell that looks like a formula.
//
// With -map, a retailer's or scraper's own rows are turned into observations first: package mapping says how, docs/feeding.md shows it, and
// mappings/ has one to start from for many kinds of file. A mapping may also say the flags above, so that they need not be repeated.
//
// Three runs store nothing, for trying: -explain N shows the row at line N, what each rule makes of it, and the observation. -print writes
// all observations to the standard output; a row that breaks a rule of the API is refused, as far as that can be known here. -dry-run asks
// the API itself what it would answer to each row. -first N takes only the first N rows of each file.
//
// Rows are sent in the order of their observedAt, and of 20,000 that follow each other so those of a product together: the API reads and
// writes a product once a request, so a request for few products is cheap. -print has the order of observedAt alone. Batches
// are sent several at a time, so one may overtake another. That is harmless: what the API stores does not depend on the order in which
// rows arrive. For the same reason it is harmless to repeat a batch whose answer was lost, or the whole file.
//
// Rows that were refused are in FILE.rejected.ndjson afterwards, each with its line number and the reason, whose pointers are into the row
// as the file has it; after a run that stores nothing in FILE.dry-run.rejected.ndjson.
//
// FILE.state.json remembers what the API has acknowledged. It is written durably after each answer and removed when every
// row of every file of the command has an outcome. So if a run is interrupted in any way, or leaves rows without an outcome,
// the same command sends the rest. A state that belongs to another file, mapping, form or address is not used, and
// -restart uses none. FILE.state.json.lock keeps two feeders from sharing a state: the second sends everything and keeps
// none. These files are beside FILE, or in -rejected-dir. The standard input has no state.
//
// The exit status is 0 if every row is stored or skipped as its mapping says, 1 if any was refused or not sent, 2 for a mistake in the
// command.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"pricing/client"
	"pricing/tools/feed/mapping"
	"pricing/tools/feed/rows"
)

const (
	exitStored = iota
	exitRefused
	exitUsage
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	p := program{
		stdin: os.Stdin, stdout: os.Stdout, console: console{w: os.Stderr}, now: time.Now, wait: wait,
		jitter: func(most time.Duration) time.Duration { return rand.N(most + 1) },
	}
	if fd := int(os.Stderr.Fd()); term.IsTerminal(fd) {
		p.console.width = 80
		if width, _, err := term.GetSize(fd); err == nil && width > 0 {
			p.console.width = width
		}
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// wait sleeps for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// program is all that the command uses of the world outside. A test passes its own clock, wait and standard streams.
type program struct {
	stdin   io.Reader
	stdout  io.Writer
	console console
	now     func() time.Time
	wait    func(context.Context, time.Duration) error
	jitter  func(most time.Duration) time.Duration
	memory  int // bytes that the rows of a file may take; 0: maxHeld
}

// settings are the command's flags.
type settings struct {
	url, tokenFile, mapFile, summaryFile, rejectedDir string
	inFlight, attempts, batch, first, explain         int
	print, dryRun, register, restart                  bool
	form                                              rows.Form
	files                                             []string
}

func (p program) run(ctx context.Context, args []string) int {
	var s settings
	flags := flag.NewFlagSet("feed", flag.ContinueOnError)
	flags.SetOutput(p.console.w)
	flags.Usage = func() {} // the mistake would be lost above it
	flags.StringVar(&s.url, "url", "http://127.0.0.1:3000", "the API's `address`, without /v1")
	flags.StringVar(&s.tokenFile, "token-file", "",
		"`file` with the API token (scope ingest; with -register-competitors also read and catalog)")
	flags.StringVar(&s.mapFile, "map", "", "mapping `file` that says how your rows become observations")
	flags.BoolVar(&s.register, "register-competitors", false, "register unknown competitors first")
	flags.BoolVar(&s.print, "print", false, "write the observations to the standard output and send nothing; the API's rules are checked here")
	flags.IntVar(&s.inFlight, "in-flight", 4, "how many batches are sent at the same time")
	flags.IntVar(&s.batch, "batch", client.BatchItems, "observations in a request, at most")
	flags.IntVar(&s.attempts, "attempts", 8, "how many times a batch is sent before its rows count as failed")
	flags.StringVar(&s.summaryFile, "summary", "", "also write the summary to this `file` as JSON")
	flags.StringVar(&s.rejectedDir, "rejected-dir", "", "`directory` for FILE.rejected.ndjson (default: beside FILE)")
	flags.BoolVar(&s.dryRun, "dry-run", false, "ask the API what it would answer; nothing is stored")
	flags.IntVar(&s.first, "first", 0, "with -print or -dry-run: take only the first `N` rows of each file")
	flags.IntVar(&s.explain, "explain", 0, "show the row at line `N`, what each rule makes of it, and the observation; nothing is sent")
	flags.StringVar(&s.form.Format, "format", "", "`format` of every file: csv, ndjson, json or parquet (default: each file tells)")
	flags.StringVar(&s.form.Separator, "separator", "", "what separates columns: a `character`, or tab (default: a comma, in .tsv a tab)")
	flags.StringVar(&s.form.Encoding, "encoding", "", "`name` of the encoding, such as windows-1252 (default: UTF-8, or the file's mark)")
	flags.StringVar(&s.form.Quotes, "quotes", "", "`none`: quotation marks are characters like any other")
	flags.IntVar(&s.form.Skip, "skip", 0, "`N` lines before the header, or the first row, that are not read")
	flags.BoolVar(&s.restart, "restart", false, "send every row, even those that an interrupted run has sent")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = fmt.Fprintln(p.console.w, "usage: feed [flags] [FILE...]     sends files of observations to the API; - means the standard input")
			flags.PrintDefaults()
			return exitStored
		}
		p.console.say("feed: -h lists the flags")
		return exitUsage
	}
	s.files = flags.Args()
	if len(s.files) == 0 {
		s.files = []string{"-"}
	}
	f, err := p.prepare(s)
	if err == nil && s.explain > 0 {
		err = f.explain()
	}
	switch {
	case err != nil:
		p.console.say("feed: %v", err)
		return exitUsage
	case s.explain > 0:
		return exitStored
	}
	return f.runAll(ctx)
}

// prepare checks everything that can be checked before the first row is read.
func (p program) prepare(s settings) (*feed, error) {
	f := &feed{settings: s, program: p, observer: &asSent{}, report: newReport(p.console, p.now)}
	f.report.sum.DryRun = s.dryRun
	if s.dryRun && s.print || s.explain > 0 && (s.dryRun || s.print) {
		return nil, errors.New("-explain, -print and -dry-run are three different runs: give one of them")
	}
	if s.first < 0 || s.first > 0 && !s.storesNothing() {
		return nil, errors.New("-first is a number of rows, for -print and -dry-run")
	}
	if s.explain < 0 || s.explain > 0 && len(s.files) != 1 {
		return nil, errors.New("-explain is the number of a line in one file")
	}
	if s.inFlight < 1 || s.attempts < 1 {
		return nil, errors.New("-in-flight and -attempts must be at least 1")
	}
	if s.batch < 1 || s.batch > client.BatchItems {
		return nil, fmt.Errorf("-batch must be from 1 to %d", client.BatchItems)
	}
	refused := map[string]string{} // the file whose refused rows a path has
	for _, name := range s.files {
		path := s.beside(name, rejectedSuffix)
		if other, ok := refused[path]; ok {
			return nil, fmt.Errorf("the refused rows of %s and %s would both be in %s: feed them one after the other", other, name, path)
		}
		refused[path] = name
		if name == "-" {
			continue
		}
		if info, err := os.Stat(name); err != nil && strings.HasPrefix(name, "-") {
			return nil, fmt.Errorf("%s comes after a file: flags come first, then the files", name)
		} else if err != nil {
			return nil, err
		} else if info.IsDir() {
			return nil, fmt.Errorf("%s is a directory", name)
		}
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		_ = file.Close() // it was not even read
	}
	if s.mapFile != "" {
		m, err := mapping.Load(s.mapFile)
		if err != nil {
			return nil, err
		}
		f.mapping = m
		f.report.unpivot = m.Unpivot
		file, err := os.Open(s.mapFile)
		if err != nil {
			return nil, fmt.Errorf("read the mapping: %w", err)
		}
		f.mappingHash, _, err = digest(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("read the mapping: %w", err)
		}
		f.observer = &mapped{mapping: m, mapper: m.NewMapper()}
		f.settings.form = s.form.Or(rows.Form(m.File))
	}
	if err := f.settings.form.Check(); err != nil {
		return nil, err
	}
	if s.print || s.explain > 0 {
		return f, nil
	}
	if s.tokenFile == "" {
		return nil, errors.New("-token-file is missing; to try a file without the API, use -print or -explain")
	}
	token, err := os.ReadFile(s.tokenFile)
	if err != nil {
		return nil, fmt.Errorf("read the token: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = s.inFlight
	f.settings.url = strings.TrimRight(s.url, "/")
	f.client, err = client.New(f.settings.url, strings.TrimSpace(string(token)),
		client.WithTransport(counted{transport, f.report}), client.WithAttempts(s.attempts), client.WithInFlight(s.inFlight),
		client.WithBatchItems(s.batch),
		client.WithWait(func(ctx context.Context, r client.Retry) error {
			f.report.repeat(r.Asked)
			return p.wait(ctx, r.Asked+p.jitter(r.Backoff))
		}))
	if err != nil {
		return nil, fmt.Errorf("-url: %w", err)
	}
	return f, nil
}

// runAll feeds the files one after the other and returns the exit status.
func (f *feed) runAll(ctx context.Context) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.stop = cancel
	for _, name := range f.settings.files {
		if ctx.Err() != nil {
			break
		}
		if err := f.file(ctx, name); err != nil {
			cancel(fmt.Errorf("%s: %w", name, err))
		}
	}
	closing := f.closeStates(ctx.Err() == nil)
	sum := f.report.finish()
	stored := sum.AllStored()
	if closing != nil {
		stored = false
		f.report.say("feed: %v", closing)
	}
	if ctx.Err() != nil {
		stored = false
		f.report.say("feed: stopped: %v", context.Cause(ctx))
	}
	if f.mapping != nil && sum.Rows > 0 {
		for _, condition := range f.mapping.Skip {
			if sum.SkippedFor[condition.String()] == 0 {
				f.report.say("no row is skipped for %s", condition)
			}
		}
	}
	f.report.say("%s", sum)
	if f.settings.summaryFile != "" {
		text, err := json.MarshalIndent(sum, "", "  ")
		if err == nil {
			err = os.WriteFile(f.settings.summaryFile, append(text, '\n'), 0o644)
		}
		if err != nil {
			f.report.say("feed: write the summary: %v", err)
			stored = false
		}
	}
	if !stored {
		return exitRefused
	}
	return exitStored
}

// The endings of the files that belong to a file of rows.
const (
	rejectedSuffix = ".rejected.ndjson"
	dryRunSuffix   = ".dry-run.rejected.ndjson"
	stateSuffix    = ".state.json"
)

// beside is the path of a file that belongs to another: beside that, or in -rejected-dir.
func (s settings) beside(name, suffix string) string {
	if name == "-" {
		name = "stdin"
	}
	name += suffix
	if s.rejectedDir != "" {
		return filepath.Join(s.rejectedDir, filepath.Base(name))
	}
	return name
}

// storesNothing says whether the run leaves the API as it is.
func (s settings) storesNothing() bool { return s.print || s.dryRun || s.explain > 0 }

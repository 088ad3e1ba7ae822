// Command chaos makes everything go wrong at once, many times, and looks into the table for what got lost.
//
//	go run ./tools/chaos [-seeds 1000] [-minutes 10] [-seed N] [-history FILE] [-json]
//	go run ./tools/chaos -seed N -seeds 1         repeats one seed
//	go run ./tools/chaos -binaries 50             the first 50 seeds run the real functions
//	go run ./tools/chaos -naive                   runs the usual design of two items instead, which must fail
//
// From each seed a plan is drawn: several workers send observations, products and competitors at once, with repetitions, late ones,
// conflicts and changing urls, and the calls of their processes to the table are lost, answered wrongly, applied late or cut off. Then
// the table is read item by item and compared with what the clients were told (package check says how), and what was acknowledged is
// sent again, which must change nothing. It ends after -seeds or -minutes, whichever comes first, with a report; the status is 1 if
// anything was wrong.
//
// Most seeds run in one process, with the real engine behind a proxy. Those of -binaries run the functions themselves behind
// samkit/local, and their processes and the engine are killed and stopped (package binaries). -other names another checkout of the
// project, whose functions then take half of the requests.
//
// Beside the writers, some seeds remove orphaned urls as reconcile-boards does, and make boards unreadable and restore their products
// from a copy by tools/restore. Until a product is restored its observations may be answered "failed", and nothing may be lost.
//
// A plan that fails is shrunk: requests and faults are left out while it still fails. What is left is printed as a command.
//
// What surprises: workers run at once, so a seed repeats its plan but not the moments at which things happen. A seed that failed once
// may need several runs to fail again; -times runs it so often.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"pricing/samkit/engine"
	"pricing/tools/chaos/binaries"
	"pricing/tools/chaos/plan"
	"pricing/tools/chaos/trial"
)

// settings are the flags.
type settings struct {
	seed         uint64
	seeds, times int
	binaries     int
	other        string
	minutes      float64
	observations int
	parallel     int
	naive        bool
	history      string
	json         bool
	requests     numbers
	faults       numbers
}

// numbers are some of a plan's requests or faults; nil: all.
type numbers []int

// String writes them as the flag takes them.
func (n *numbers) String() string {
	var parts []string
	for _, i := range *n {
		parts = append(parts, strconv.Itoa(i))
	}
	return strings.Join(parts, ",")
}

// Set reads "3,7"; an empty text is none.
func (n *numbers) Set(s string) error {
	*n = numbers{}
	for part := range strings.SplitSeq(s, ",") {
		if part == "" {
			continue
		}
		i, err := strconv.Atoi(part)
		if err != nil {
			return errors.New("write numbers with commas between")
		}
		*n = append(*n, i)
	}
	return nil
}

func (s *settings) parse(args []string) error {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.Uint64Var(&s.seed, "seed", 0, "first seed; the others follow it (default: a random one)")
	flags.IntVar(&s.seeds, "seeds", 1000, "stop after so many seeds")
	flags.IntVar(&s.times, "times", 1, "run each seed so often")
	flags.IntVar(&s.binaries, "binaries", 0, "so many of the seeds, the first ones, run the real functions")
	flags.StringVar(&s.other, "other", "", "`folder` of another version of the project, whose functions take half of those requests")
	flags.Float64Var(&s.minutes, "minutes", 10, "stop after so many minutes")
	flags.IntVar(&s.observations, "observations", 600, "about how many observations a seed sends, repetitions aside")
	flags.IntVar(&s.parallel, "parallel", 8, "how many seeds run at once: they mostly wait")
	flags.BoolVar(&s.naive, "naive", false, "run the usual design of two items, as it is often written: it must fail")
	flags.StringVar(&s.history, "history", "", "write the events of all seeds to this `file`, as lines of JSON")
	flags.BoolVar(&s.json, "json", false, "print the report as JSON")
	flags.Var(&s.requests, "requests", "send these `numbers` of the plan's requests alone, as a shrunk seed names them")
	flags.Var(&s.faults, "faults", "make these `numbers` of the plan's faults alone")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	seeded := false
	flags.Visit(func(f *flag.Flag) { seeded = seeded || f.Name == "seed" })
	if !seeded {
		s.seed = rand.Uint64N(1 << 32)
	}
	return nil
}

// chaos runs plans.
type chaos struct {
	settings
	root   string       // of the project
	config trial.Config // but for the engine: each trial has one of its own
	host   binaries.Host
	report report

	mu  sync.Mutex // of what follows
	out io.Writer
	err error
}

// run does what the arguments say; failed is whether anything was wrong.
func run(ctx context.Context, args []string, out io.Writer) (failed bool, err error) {
	c := chaos{out: out}
	if err := c.parse(args); err != nil {
		return false, err
	}
	stop, err := c.open()
	if err != nil {
		return false, err
	}
	defer stop()
	if c.history != "" {
		file, err := os.Create(c.history)
		if err != nil {
			return false, fmt.Errorf("create the history: %w", err)
		}
		defer file.Close() //nolint:errcheck // its writes are checked
		c.config.History = file
	}
	c.all(ctx)
	if c.err != nil {
		return c.report.failed(), c.err
	}
	return c.report.failed(), c.report.print(out, c.json)
}

// open chooses the design and builds programs, which stay until stop.
func (c *chaos) open() (stop func(), err error) {
	if c.root, err = engine.Root(); err != nil {
		return nil, err
	}
	c.config.Design = trial.Usual(true)
	if !c.naive {
		table, err := engine.OnlyTable(c.root)
		if err != nil {
			return nil, err
		}
		c.config.Design = trial.Boards(table)
	}
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for programs: %w", err)
	}
	stop = func() { _ = os.RemoveAll(dir) } // the system removes it some day
	if !c.naive {
		if c.config.Restore, err = restorer(c.root, dir); err != nil {
			stop()
			return nil, err
		}
	}
	if c.binaries > 0 {
		if c.host, err = binaries.New(c.root, cmp.Or(c.other, c.root), dir, c.config.Design); err != nil {
			stop()
			return nil, err
		}
	}
	return stop, nil
}

// try runs a plan on an engine of its own, on the real functions or in this process. The engine keeps a stream of all that was ever
// written, whatever is deleted, and gets slower with it.
func (c *chaos) try(ctx context.Context, config trial.Config, p plan.Plan, real bool) (trial.Result, error) {
	e, err := engine.Start(ctx, c.root, "")
	if err != nil {
		return trial.Result{}, err
	}
	defer e.Stop()
	config.Engine = e.Endpoint()
	if real {
		config.Host = c.host.On(e.Endpoint(), binaries.EngineOf()) // one at a time
	}
	return trial.Run(ctx, config, p)
}

// all runs the seeds until there are enough or the time is up: first those that run the real functions, one at a time, since they stop
// the engine, then the others, several at once.
func (c *chaos) all(ctx context.Context) {
	begun := time.Now()
	ctx, stop := context.WithDeadline(ctx, begun.Add(time.Duration(c.minutes*float64(time.Minute))))
	defer stop()
	c.report.First = c.seed
	n := min(c.binaries, c.seeds)
	c.some(ctx, true, 0, n, 1)
	c.some(ctx, false, n, c.seeds, c.parallel)
	c.report.Seconds = time.Since(begun).Seconds()
}

// some runs the seeds from one to another. Those that have begun when the time is up are ended all the same.
func (c *chaos) some(ctx context.Context, real bool, from, to, parallel int) {
	seeds := make(chan uint64)
	var workers sync.WaitGroup
	for range max(parallel, 1) {
		workers.Go(func() {
			for seed := range seeds {
				c.one(context.WithoutCancel(ctx), seed, real)
			}
		})
	}
	for n := from * c.times; n < to*c.times && ctx.Err() == nil; n++ {
		select {
		case seeds <- c.seed + uint64(n/c.times): //nolint:gosec // not negative
		case <-ctx.Done():
		}
	}
	close(seeds)
	workers.Wait()
}

// draw is the plan of a seed, or the part of it that the flags name.
func (c *chaos) draw(seed uint64) plan.Plan {
	p := plan.Draw(seed, plan.Options{Observations: c.observations, Plain: c.config.Design.Plain})
	requests, faults := p.Numbers()
	if c.requests != nil {
		requests = c.requests
	}
	if c.faults != nil {
		faults = c.faults
	}
	return p.Only(requests, faults)
}

// one runs a seed, and shrinks it if it fails.
func (c *chaos) one(ctx context.Context, seed uint64, real bool) {
	p := c.draw(seed)
	result, err := c.try(ctx, c.config, p, real)
	if err != nil {
		c.fail(seed, err)
		return
	}
	c.mu.Lock()
	c.report.add(result)
	n := c.report.Failed
	c.mu.Unlock()
	if len(result.Findings) == 0 {
		return
	}
	c.tell(result, fmt.Sprintf("go run ./tools/chaos -seed %d -seeds 1 -times 20 -observations %d", seed, c.observations))
	if n <= mostShrunk && !c.naive && !real {
		least, result := c.shrink(ctx, p, result)
		c.tell(result, command(least, c.settings))
	}
}

// fail notes that a seed could not be run.
func (c *chaos) fail(seed uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errors.Join(c.err, fmt.Errorf("seed %d: %w", seed, err))
}

// tell prints what was wrong after a seed, and the command that repeats it.
func (c *chaos) tell(result trial.Result, command string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.out
	if c.json { // the report alone
		out = os.Stderr
	}
	c.err = errors.Join(c.err, findings(out, result))
	_, err := fmt.Fprintf(out, "  repeat it: %s\n", command)
	c.err = errors.Join(c.err, err)
}

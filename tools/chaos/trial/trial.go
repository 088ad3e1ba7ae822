// Package trial does what a plan says: workers send at once, each with a process of its own in front of a proxy that makes their calls
// go wrong. Beside them orphaned urls are removed, and boards become unreadable and their products are restored. Then it lets late
// writes land, reads the whole table and has it checked, and replays what was acknowledged.
//
// What surprises: a process is killed by cutting it off. From one of its calls on nothing of it reaches the table, and nobody hears its
// answet. To the table that is what SIGKILL is; package binaries kills real ones.
package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/price"
	"pricing/shared/testkit/faultproxy"
	"pricing/shared/testkit/storetest"
	"pricing/tools/chaos/check"
	"pricing/tools/chaos/history"
	"pricing/tools/chaos/plan"
)

// Config says on what plans are run.
type Config struct {
	Engine  string // its URL
	Design  Design
	History io.Writer // gets the events as lines of JSON; nil: nobody does
	Host    Host      // runs the processes; nil: they are in this one
	// Restore restores a product of a table of an engine from another table, as tools/restore does. nil: restorations are left out.
	Restore func(ctx context.Context, engine, table, from, productID string) error
	// Meddle is called when the workers have ended and before the table is read, for tests of what is found then. May be nil.
	Meddle func(ctx context.Context, client *dynamodb.Client, table string) error
}

// Host runs processes of a design elsewhere.
type Host interface {
	// Start starts them, on the table that belongs to an environment, which was made, behind a proxy. What is done to them and to the
	// engine comes from the seed.
	Start(ctx context.Context, environment, proxy string, seed uint64) (Running, error)
}

// Running are the processes of one trial.
type Running interface {
	// Open is a worker's way to them.
	Open(worker int) Process
	// Stop ends them. When it returns, none is at work any more. It says what was done to them, by kind.
	Stop() (met map[string]int, err error)
}

// Result is what became of a plan.
type Result struct {
	Seed     uint64
	Findings []check.Finding
	Events   []history.Event
	Tally    check.Tally
	Faults   map[string]int // that calls met, by kind
	Segments int            // that were flushed
	Shards   int            // that products were split into
	Took     time.Duration
}

// trial is a plan at work.
type trial struct {
	Config
	plan               plan.Plan
	environment, table string
	history            *history.History
	proxy              string // its URL
	running            Running
	moment             atomic.Int64
	upkeep             upkeep
	client             *dynamodb.Client // to the engine itself
}

var tables atomic.Int64

// Run runs a plan. An error means that it could not be run or checked; what is wrong with the table is a finding.
func Run(ctx context.Context, c Config, p plan.Plan) (Result, error) {
	began := time.Now()
	environment := fmt.Sprintf("c%d-%d", p.Seed%1e7, tables.Add(1)) // short, as the template wants it
	t := trial{Config: c, plan: p, environment: environment, table: "pricing-" + environment, history: history.New(c.History),
		upkeep: upkeep{copies: map[string]string{}, met: map[string]int{}},
		client: storetest.Client(c.Engine)}
	if err := c.Design.Make(ctx, t.client, t.table); err != nil {
		return Result{}, fmt.Errorf("make the table: %w", err)
	}
	defer t.drop(ctx, t.table) // the engine keeps everything in memory
	result := Result{Seed: p.Seed}
	var err error
	if result.Faults, err = t.work(ctx); err != nil {
		return Result{}, err
	}
	unrestored := t.restoreAll(ctx)
	maps.Copy(result.Faults, t.upkeep.met)
	if c.Meddle != nil {
		if err := c.Meddle(ctx, t.client, t.table); err != nil {
			return Result{}, err
		}
	}
	if err := t.judge(ctx, &result); err != nil {
		return Result{}, err
	}
	result.Findings = append(result.Findings, unrestored...)
	result.Took = time.Since(began)
	return result, nil
}

// work lets the workers work until all have ended and every late write has landed, and returns the faults that calls met.
func (t *trial) work(ctx context.Context) (map[string]int, error) {
	f := newFaults(t.plan.Faults)
	proxy := faultproxy.New(t.Engine, f.decide)
	proxy.Remember = f.stale
	var err error
	if t.proxy, err = proxy.Start("127.0.0.1:0"); err != nil {
		return nil, err
	}
	defer proxy.Close()
	if !t.Design.Plain {
		first := worker{trial: t, n: -1, process: t.Design.Open(t.client, t.table)}
		for i, c := range t.plan.Competitors {
			first.putCompetitor(ctx, plan.Request{N: -1 - i, Competitor: &c}, 0)
		}
	}
	if t.Host != nil {
		if t.running, err = t.Host.Start(ctx, t.environment, t.proxy, t.plan.Seed); err != nil {
			return nil, err
		}
	}
	var workers sync.WaitGroup
	for n, requests := range t.plan.Workers {
		workers.Go(func() {
			w := worker{trial: t, n: n}
			w.restart()
			w.work(ctx, requests)
		})
	}
	workers.Wait()
	if t.running != nil {
		met, err := t.running.Stop()
		if err != nil {
			return nil, err
		}
		maps.Copy(f.met, met)
	}
	proxy.Close() // lands what is late
	return f.met, context.Cause(ctx)
}

// judge reads the table and checks it, replays, and checks again.
func (t *trial) judge(ctx context.Context, result *Result) error {
	before, err := t.scan(ctx)
	if err != nil {
		return err
	}
	if result.Events, err = t.history.Events(); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	result.Findings, result.Tally = check.Run(result.Events, before)
	result.Segments, result.Shards = before.Segments, before.Shards
	if t.Design.Plain {
		return nil
	}
	log, err := images(ctx, t.client, t.Engine, t.table)
	if err != nil {
		return err
	}
	result.Findings = append(result.Findings, check.Growth(log)...)
	replayed, err := t.replay(ctx, before, result.Events)
	result.Findings = append(result.Findings, replayed...)
	return err
}

// scan reads the whole table.
func (t *trial) scan(ctx context.Context) (check.Stored, error) {
	var items []check.Item
	consistent := true
	pages := dynamodb.NewScanPaginator(t.client, &dynamodb.ScanInput{TableName: &t.table, ConsistentRead: &consistent})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return check.Stored{}, fmt.Errorf("scan the table: %w", err)
		}
		items = append(items, page.Items...)
	}
	return t.Design.Read(items), nil
}

// now is when the next request is received: after all that was observed, and each at a moment of its own.
func (t *trial) now() price.Timestamp {
	return plan.Start.Add(24*time.Hour + time.Duration(t.moment.Add(1))*time.Second)
}

// errKilled is what the client of a killed process hears.
var errKilled = errors.New("the process was killed")

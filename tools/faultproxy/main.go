// Command faultproxy stands between functions and their DynamoDB engine and makes calls go wrong by rules.
//
//	go run ./tools/faultproxy -target http://127.0.0.1:8000 -rules rules.yaml -seed 7 -log decisions.ndjson
//	go run ./samkit/local -dynamodb http://127.0.0.1:PORT
//
// It prints its seed and its address first, and ends with Ctrl-C, after it has applied what is late. A file of rules:
//
//	rules:
//	  - {op: UpdateItem, item: board, probability: 0.05, do: drop-answer}
//	  - {op: UpdateItem, item: board, probability: 0.02, do: late-apply, wait: 300ms}
//	  - {op: BatchGetItem, nth: 3, do: leave, keep: 0.5}
//
// The first rule that befalls a call decides. "op" is the operation, "item" the sort key up to its first "#", "nth" counts
// the calls that meet the conditions from 1. "do" is a kind of action in shared/testkit/faultproxy. -units-per-key throttles
// writes to hot partition keys before any rule is asked.
//
// What surprises: the same seed gives a call the same faults whatever else goes on, and a call is known by its operation and
// keys, not by its content: what the store writes holds random marks, which are others in every run. The engine must not check
// signatures, as the embedded one does not.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"pricing/shared/testkit/faultproxy"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faultproxy:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. That what it prints is read is not its concern.
func run(ctx context.Context, args []string, out, problems io.Writer) (err error) {
	flags := flag.NewFlagSet("faultproxy", flag.ContinueOnError)
	flags.SetOutput(problems)
	target := flags.String("target", "", "`URL` of the engine")
	addr := flags.String("addr", "127.0.0.1:0", "`address` to listen at")
	rules := flags.String("rules", "", "`file` of rules, YAML or JSON")
	seed := flags.Uint64("seed", rand.Uint64(), "`number` that all probabilities come from")
	units := flags.Float64("units-per-key", 0, "write `units` a second for each partition key, 1000 in DynamoDB; 0: no limit")
	log := flags.String("log", "", "`file` for a JSON line about each decision; throttles of -units-per-key are not in it")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has told
	}
	if *target == "" {
		return errors.New("-target is needed: the engine's URL")
	}
	schedule := &faultproxy.Schedule{Seed: *seed, Identity: faultproxy.Call.Target}
	if *rules != "" {
		text, err := os.ReadFile(*rules)
		if err != nil {
			return fmt.Errorf("read the rules: %w", err)
		}
		if schedule.Rules, err = faultproxy.ReadRules(text); err != nil {
			return fmt.Errorf("%s: %w", *rules, err)
		}
	}
	if *log != "" {
		file, err := os.Create(*log)
		if err != nil {
			return fmt.Errorf("write the log: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		lines := json.NewEncoder(file)
		schedule.Log = func(d faultproxy.Decision) {
			if err := lines.Encode(d); err != nil {
				_, _ = fmt.Fprintln(problems, "faultproxy: write the log:", err)
			}
		}
	}
	decide := schedule.Decide
	limit := faultproxy.NewLimit(*units, time.Now)
	if *units > 0 {
		decide = limit.Wrap(decide)
	}
	p := faultproxy.New(*target, decide)
	if *units > 0 {
		p.Applied = limit.Applied
	}
	p.Remember = schedule.Remembers()
	p.OnError = func(err error) { _, _ = fmt.Fprintln(problems, "faultproxy:", err) }
	url, err := p.Start(*addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "Seed %d\nServing %s\n", *seed, url)
	<-ctx.Done()
	p.Close()
	if *units > 0 {
		_, _ = fmt.Fprintf(out, "Throttled %d calls over %v units a second for a key\n", limit.Throttled(), *units)
	}
	return nil
}

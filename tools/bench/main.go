// Command bench measures what the API costs, in figures that do not depend on the machine: capacity units, or instructions and ratios.
//
//	go run ./tools/bench [-seed N] [-quick] [-scans] [-repeats] [-goals] [-contention] [-history] [-largest] [-backfill] [-matrix]
//	    [-catalogue] [-products N]
//	go run ./tools/bench cold|warm [-rounds N] [-instructions=false]
//	go run ./tools/bench bulk [-rounds N] [-offers 8,40,400]
//
// Capacity is what the store consumes, beside the usual two-item design (package peer), on the embedded engine, whose figures follow
// DynamoDB's rules to the byte.
//
// Cold and warm run the functions as they are deployed (package bootstrap) beside usual code that makes the same calls (command usual).
// Each program is started once a round, in another order each time; a ratio is the median of the rounds' ratios. The same binary
// is measured twice: its ratio to itself says how much is noise. Times of CPU that differ by less than 10 % mean nothing, counts of
// instructions (callgrind) repeat within 1 to 4 %. AWS itself is not measured. Goals are printed, not judged.
//
// Bulk runs the queries of 500 products as they are deployed, beside usual code that asks for each product (the two-item design), by the
// runtime of samkit/local, with 5 ms more for each call of the store and the share of a CPU that Lambda gives 512 MB, if this machine
// lets it. Calls and units are exact. Of times believe the ratios, which are the median of the rounds' ratios. A function has the timeout
// of the template; what an answer had no room or no time for is asked for again, and it is said how many requests all of it takes.
//
// A scan is one observation of every offer. Scans are a day apart, and 90 % of their observations have the terms of the day
// before. After 20 scans to warm up (until boards have flushed, the figures are too good) the mean of the next 50 is taken.
// The figures are the same for the same seed, except those of contention, which has times too. They are printed, not judged;
// only of the goals it is said by how much they are missed.
//
// Pages of history, and windows at once, are read from products whose offers are looked at equally often for a month; with -largest only
// from the one that they were designed for: 419 sellers, one look an hour. The two-item design is not built for them: what its pages
// read follows from the size of its items. For -matrix it is, with the same observations: both are written and read by turns.
//
// What surprises: DynamoDB bills a condition that fails like a write but reports no figure for it. Both designs add it, from the
// item's size.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/samkit/engine"
	"pricing/shared/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// part is something that is measured, by the name of its flag.
type part struct {
	name, what string
	onlyNamed  bool // it is not measured when no part is named
	measure    func(b *bench, ctx context.Context) error
}

// parts are in the order in which they are measured.
var parts = []part{
	{name: "scans", what: "scans of all shapes", measure: (*bench).scans},
	{name: "repeats", what: "repetitions and random order", measure: (*bench).repeats},
	{name: "goals", what: "the goals", measure: (*bench).goals},
	{name: "contention", what: "contention", measure: (*bench).contention},
	{name: "history", what: "pages of history", measure: (*bench).history},
	{name: "backfill", what: "backfills in different orders", measure: (*bench).backfill},
	{name: "matrix", what: "one more observation and reading, the more there are", onlyNamed: true, measure: (*bench).matrix},
	{name: "catalogue", what: "the catalogue: put in batches, and walked", measure: (*bench).catalogue},
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "`number` that all data comes from")
	quick := flags.Bool("quick", false, "5 scans to warm up and 10 measured, 3 warm invocations: for a look, not for a claim")
	chosen := map[string]*bool{}
	for _, p := range parts {
		chosen[p.name] = flags.Bool(p.name, false, "measure "+p.what+", and nothing that is not named")
	}
	largestOnly := flags.Bool("largest", false, "measure pages of the largest history only: 419 sellers, 300,000 observations")
	products := flags.Int("products", 10_000, "products of the catalogue that is measured")
	rounds := flags.Int("rounds", 15, "with cold or warm: starts of each program that are counted; with bulk: invocations")
	offers := flags.String("offers", "8,40,400", "with bulk: offers of each product, one `number` a market")
	instructions := flags.Bool("instructions", true, "with cold or warm: count instructions too, which takes minutes")
	what := ""
	if len(args) > 0 && slices.Contains([]string{"cold", "warm", "bulk"}, args[0]) {
		what, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	if *rounds < 1 || *products < 1 || flags.NArg() > 0 {
		return fmt.Errorf("flags: at least one round and product, and nothing but cold, warm or bulk before them: %v", flags.Args())
	}
	root, err := engine.Root()
	if err != nil {
		return err
	}
	b, stop, err := newBench(ctx, root, out)
	if err != nil {
		return err
	}
	defer stop()
	switch what {
	case "cold":
		s := starts{bench: b, rounds: *rounds, counts: *instructions}
		return errors.Join(s.cold(ctx, root), b.unprinted)
	case "warm":
		s := starts{bench: b, rounds: *rounds, counts: *instructions, warm: 30}
		if *quick {
			s.warm = 3
		}
		return errors.Join(s.warmly(ctx, root), b.unprinted)
	}
	b.seed = *seed
	if what == "bulk" {
		m := bulk{bench: b, root: root, rounds: *rounds}
		for text := range strings.SplitSeq(*offers, ",") {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return fmt.Errorf("flags: -offers: %q is no number of offers", text)
			}
			m.offers = append(m.offers, n)
		}
		return errors.Join(m.measure(ctx), b.unprinted)
	}
	b.warm = 20
	b.measured = 50
	b.each = 40
	b.pasts = pasts()
	b.products = *products
	if *quick {
		b.warm = 5
		b.measured = 10
		b.each = 5
		b.pasts = b.pasts[:1]
	}
	b.say(out, "seed %d, %d scans to warm up, mean of the next %d", b.seed, b.warm, b.measured)
	if *largestOnly {
		b.pasts = []past{largest}
		*chosen["history"] = true
	}
	named := slices.ContainsFunc(parts, func(p part) bool { return *chosen[p.name] })
	for _, p := range parts {
		if !*chosen[p.name] && (named || p.onlyNamed) {
			continue
		}
		b.say(out, "")
		if err := p.measure(b, ctx); err != nil {
			return err
		}
	}
	return b.unprinted
}

// newBench starts the engine, until stop.
func newBench(ctx context.Context, root string, out io.Writer) (b *bench, stop func(), err error) {
	table, err := engine.OnlyTable(root)
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.Start(ctx, root, "")
	if err != nil {
		return nil, nil, err
	}
	client := store.NewClient(store.ClientOptions{
		Region: "eu-west-1", Endpoint: e.Endpoint(), Width: 64, AttemptTimeout: time.Minute, // a page of the usual design has 1 MB
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "bench", SecretAccessKey: "bench"}, nil
		})})
	return &bench{table: table, client: client, endpoint: e.Endpoint(), out: out}, e.Stop, nil
}

// bench holds what all parts share.
type bench struct {
	seed           uint64
	warm, measured int
	each           int    // observations of a contending writer
	alone          bool   // measure the goals without the two-item design
	pasts          []past // whose history is measured
	products       int    // of the catalogue
	table          engine.Table
	client         *dynamodb.Client
	endpoint       string // of the engine
	out            io.Writer
	tables         int
	unprinted      error // why the output is not whole
}

// newTable makes a table as the template has it and returns its name.
func (b *bench) newTable(ctx context.Context) (string, error) {
	b.tables++
	name := fmt.Sprintf("bench-%d", b.tables)
	return name, engine.Create(ctx, b.client, b.table, name)
}

func (b *bench) random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(b.seed, stream)) }

// Command capacity counts what the store consumes, side by side with the usual two-item design, on the embedded engine,
// whose capacity figures follow DynamoDB's rules to the byte.
//
//	go run ./tools/bench [-seed N] [-quick] [-goals] [-contention]
//
// A scan is one observation of every offer, a day apart, 90 % of them with the terms of the day before. After 20 scans
// to warm up (boards must have flushed, or the figures flatter) the mean of the next 50 is taken. Nothing here is a time:
// the figures are the same for the same seed, but those of contention. They are printed, not judged, except for the
// goals, which say by how much they are missed.
//
// What surprises: DynamoDB bills a condition that fails like a write but reports no figure for it; both designs add it
// from the item's size.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/samkit/engine"
	"pricing/shared/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "capacity:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("capacity", flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "`number` that all data comes from")
	quick := flags.Bool("quick", false, "5 scans to warm up and 10 measured: for a look, not for a claim")
	goalsOnly := flags.Bool("goals", false, "measure the goals only")
	contentionOnly := flags.Bool("contention", false, "measure contention only")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("flags: %w", err)
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
	b.seed, b.warm, b.measured, b.each = *seed, 20, 50, 40
	if *quick {
		b.warm, b.measured, b.each = 5, 10, 5
	}
	b.say(out, "seed %d, %d scans to warm up, mean of the next %d", b.seed, b.warm, b.measured)
	parts := []func(context.Context) error{b.scans, b.repeats, b.goals, b.contention}
	switch {
	case *goalsOnly:
		parts = parts[2:3]
	case *contentionOnly:
		parts = parts[3:]
	}
	for _, part := range parts {
		b.say(out, "")
		if err := part(ctx); err != nil {
			return err
		}
	}
	return b.unprinted
}

// newBench starts the engine, until stop.
func newBench(ctx context.Context, root string, out io.Writer) (b *bench, stop func(), err error) {
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return nil, nil, fmt.Errorf("read the template: %w", err)
	}
	tables, err := engine.Tables(template)
	if err != nil {
		return nil, nil, err
	}
	if len(tables) != 1 {
		return nil, nil, fmt.Errorf("the template has %d tables, not one", len(tables))
	}
	e, err := engine.Start(ctx, root, "")
	if err != nil {
		return nil, nil, err
	}
	client := store.NewClient(store.ClientOptions{
		Region: "eu-west-1", Endpoint: e.Endpoint(), Width: 64,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "capacity", SecretAccessKey: "capacity"}, nil
		})})
	return &bench{table: tables[0], client: client, out: out}, e.Stop, nil
}

// bench holds what all parts share.
type bench struct {
	seed           uint64
	warm, measured int
	each           int  // observations of a contending writer
	alone          bool // leave the two-item design out where a goal does not need it
	table          engine.Table
	client         *dynamodb.Client
	out            io.Writer
	tables         int
	unprinted      error // why the output is not whole
}

// newTable makes a table as the template has it and returns its name.
func (b *bench) newTable(ctx context.Context) (string, error) {
	b.tables++
	name := fmt.Sprintf("capacity-%d", b.tables)
	return name, engine.Create(ctx, b.client, b.table, name)
}

func (b *bench) random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(b.seed, stream)) }

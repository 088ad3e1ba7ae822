// Command export writes all observations of a stack's table to files, so that history is its owner's and needs no program of ours.
//
//	go run ./tools/export -table pricing-prod -out history -format parquet
//	go run ./tools/export -table pricing-prod -out bad -format csv -client night-run -source crawler-a -from 2026-07-01T00:00:00Z
//	go run ./tools/export -from-export AWSDynamoDB/01693685827463-2d8752fd -out history
//
// A live table is read by a strongly consistent Scan, with the AWS_* variables of the environment (AWS_ENDPOINT_URL_DYNAMODB names
// another engine), at -rate read units a second; with -product by a Query of that product. -from-export reads a local copy of what
// DynamoDB's own export to S3 wrote, in DynamoDB JSON. `make export OUT=history` exports the table of `make run`.
//
// The files hold every observation once, whole products together: OUT/observations-000001.ndjson or .csv, or for Parquet one folder
// a month, OUT/month=2026-07/observations-2026-07-000001.parquet. The feeder (tools/feed) reads each of them as it stands.
// docs/export.md shows the columns and how to ask them.
//
// OUT/export.json says what was exported: its counts, and the problems that were met. It is also the state of a run: the same
// command, started again after it was interrupted in any way, goes on behind the last complete file. A finished export is never
// written to again.
//
// What surprises: each product is as it was when it was read, so an export of a live table is of no single moment; package
// tools/internal/history says why nothing is missed all the same. The urls of offers are no part of observations and are left out.
//
// The exit status is 0 if everything was exported, 1 if items could not be read or the run ended early, 2 for a mistake in the command.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/tools/internal/history"
	"pricing/tools/internal/tablestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Getenv, os.Stderr)
	switch usage := (usageError{}); {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(1)
	}
}

// usageError is a mistake in the command.
type usageError struct{ what string }

// Error says what is wrong.
func (e usageError) Error() string { return e.what }

// settings are the command's flags.
type settings struct {
	table, export, out, format string
	rate                       float64
	rows                       int
	filter                     filter
}

// run is the command: log is where it tells what it does.
func run(ctx context.Context, args []string, getenv func(string) string, log io.Writer) error {
	e, err := newExporter(args, getenv, log)
	if err != nil {
		return err
	}
	return e.run(ctx)
}

// newExporter makes what the command asks for.
func newExporter(args []string, getenv func(string) string, log io.Writer) (*exporter, error) {
	s, err := parse(args, getenv, log)
	if err != nil {
		return nil, err
	}
	e := &exporter{settings: s, log: log}
	if s.export != "" {
		dump, err := openDump(s.export, s.out)
		if err != nil {
			return nil, err
		}
		dump.product = s.filter.Product
		e.source = dump
		e.name = dump.name
		return e, nil
	}
	e.source = e.live(getenv)
	e.name = fmt.Sprintf("table %s in %s", s.table, getenv("AWS_REGION"))
	if endpoint := tablestore.Endpoint(getenv); endpoint != "" {
		e.name = fmt.Sprintf("table %s at %s", s.table, endpoint)
	}
	return e, nil
}

func parse(args []string, getenv func(string) string, log io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("export", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&s.table, "table", getenv("TABLE_Table"), "`name` of the stack's table")
	flags.StringVar(&s.export, "from-export", "", "read this `folder`, a local copy of DynamoDB's own export to S3, instead of a table")
	flags.StringVar(&s.out, "out", "", "`folder` for the files; it is made")
	flags.StringVar(&s.format, "format", "ndjson", "ndjson, csv or parquet")
	flags.Float64Var(&s.rate, "rate", 200, "read `units` a second that a table is asked for at most; 0: no limit")
	flags.IntVar(&s.rows, "rows", 100_000, "observations in a file, at most")
	flags.StringVar(&s.filter.Product, "product", "", "only observations of this `productId`")
	flags.StringVar(&s.filter.Client, "client", "", "only observations that a token of this `client` wrote")
	flags.StringVar(&s.filter.Source, "source", "", "only observations of this source `id`")
	from := flags.String("from", "", "only observations from this `moment` on (observedAt), such as 2026-07-01T00:00:00Z")
	to := flags.String("to", "", "only observations up to this `moment` (observedAt), itself included")
	if err := flags.Parse(args); err != nil {
		return s, flag.ErrHelp // flags has told
	}
	if flags.NArg() > 0 {
		return s, usageError{fmt.Sprintf("%q is no flag", flags.Arg(0))}
	}
	s.filter.From, s.filter.To = price.NoTime, price.NoTime
	for _, moment := range []struct {
		name, text string
		to         *price.Timestamp
	}{{"-from", *from, &s.filter.From}, {"-to", *to, &s.filter.To}} {
		if moment.text == "" {
			continue
		}
		t, err := price.ParseTimestamp(moment.text)
		if err != nil {
			return s, usageError{fmt.Sprintf("%s: %q %v", moment.name, moment.text, err)}
		}
		*moment.to = t
	}
	switch {
	case s.out == "":
		return s, usageError{"-out is needed: the folder for the files"}
	case s.table == "" && s.export == "":
		return s, usageError{"-table or -from-export is needed: what to read"}
	case formats[s.format] == nil:
		return s, usageError{fmt.Sprintf("-format is ndjson, csv or parquet, not %q", s.format)}
	case s.rate < 0 || s.rows < 1:
		return s, usageError{"-rate must not be negative, and -rows at least 1"}
	case s.filter.Product != "" && !price.CheckProductID(s.filter.Product):
		return s, usageError{fmt.Sprintf("-product: %q is no productId", s.filter.Product)}
	}
	return s, nil
}

const (
	attemptTimeout = 30 * time.Second // a page has 1 MB
	attempts       = 10               // a table that is busy is waited for
)

// live returns the source that is a table.
func (e *exporter) live(getenv func(string) string) source {
	client := tablestore.Client(getenv, attemptTimeout)
	client = dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.Retryer = retry.AddWithMaxAttempts(o.Retryer, attempts)
	})
	items := store.New(client, store.Options{Table: e.table})
	if e.filter.Product != "" {
		return product{items, store.ProductPartition(e.filter.Product)}
	}
	return history.Scan{DB: client, Table: e.table, Items: items,
		Wait: func(ctx context.Context) error { return e.pace(ctx) }}
}

// product is the source that is a single product of a table.
type product struct {
	items     history.Items
	partition string
}

// Partitions calls each for the product, if that is not done.
func (p product) Partitions(ctx context.Context, after history.Place, each func(history.Partition, history.Place) error) error {
	if after != (history.Place{}) {
		return nil
	}
	found, err := history.Read(ctx, p.items, p.partition)
	if err != nil {
		return err
	}
	return each(found, history.Place{PK: p.partition})
}

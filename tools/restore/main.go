// Command restore puts one product back from another table: a copy that DynamoDB made of an earlier moment (point-in-time recovery
// restores into a new table). It never loses what was written since.
//
//	go run ./tools/restore -table pricing-prod -from pricing-prod-restored -product ZU-1042 -history-days 400 -plan
//	go run ./tools/restore -table pricing-prod -from pricing-prod-restored -product ZU-1042 -history-days 400
//
// It reads all of the product in both tables, folds its boards anew from every observation that stands readable in either, and puts
// them in one transaction, if nobody has written the product meanwhile; else it starts again. What the table's segments do not
// have goes into new segments before, under a version that was never used, and the boards get a later one. So no segment is ever
// overwritten, and a writer that still holds an old board loses its race.
//
// -plan only says what would be done, and lists what only an unreadable board held: that is lost. -history-days is the stack's
// HistoryDays: offers that were not seen for so long are gone. It talks to the tables with the AWS_* variables of its environment;
// AWS_ENDPOINT_URL_DYNAMODB names another engine.
//
// What surprises: do not put an older item over a newer one by hand. Its version is used a second time then: writers refuse to
// overwrite the segments that stand there, the product's observations fail, and an alarm rings. This command mends that as well.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/tools/internal/tablestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "restore:", err)
		os.Exit(1)
	}
}

const (
	attempt = 30 * time.Second // of one call: a page has 1 MB
	most    = 5                // races lost before it gives up
)

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	flags := flag.NewFlagSet("restore", flag.ContinueOnError)
	table := flags.String("table", getenv("TABLE_Table"), "`name` of the stack's table")
	from := flags.String("from", "", "`name` of the table to restore from")
	product := flags.String("product", "", "the `productId` to restore")
	days := flags.Int("history-days", 0, "the stack's `HistoryDays`")
	planOnly := flags.Bool("plan", false, "say what would be done, and do nothing")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has told
	}
	switch {
	case *table == "" || *from == "" || *product == "" || *days <= 0:
		return errors.New("-table, -from, -product and -history-days are needed")
	case *table == *from:
		return errors.New("-from is the table itself; restore a copy of an earlier moment into a new table first")
	case !price.CheckProductID(*product):
		return fmt.Errorf("%q is no productId", *product)
	}
	clock := price.Clock{Retention: time.Duration(*days) * 24 * time.Hour}
	client := tablestore.Client(getenv, attempt)
	target := store.New(client, store.Options{Table: *table, Retention: clock.Retention})
	source := store.New(client, store.Options{Table: *from, Retention: clock.Retention})
	return restore(ctx, target, source, *product, clock, *planOnly, out)
}

func restore(ctx context.Context, target, source *store.Store, product string, clock price.Clock, planOnly bool, out io.Writer) error {
	for range most {
		partition := store.ProductPartition(product)
		standing, err := target.Items(ctx, partition)
		if err != nil {
			return err
		}
		copied, err := source.Items(ctx, partition)
		if err != nil {
			return err
		}
		if len(standing)+len(copied) == 0 {
			return fmt.Errorf("neither table has anything of %s", product)
		}
		clock.Now = price.At(time.Now())
		p := newPlan(product, standing, copied, clock)
		if err := p.print(out); err != nil {
			return err
		}
		if planOnly || !p.needed() {
			return nil
		}
		replaced, err := target.Replace(ctx, product, p.old, p.replacement)
		if err != nil {
			return err
		}
		if replaced {
			_, err = fmt.Fprintln(out, "restored")
			return err
		}
		if _, err := fmt.Fprintln(out, "somebody wrote the product meanwhile: again"); err != nil {
			return err
		}
	}
	return errRaced
}

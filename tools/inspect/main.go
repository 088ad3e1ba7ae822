// Command inspect prints what a stack's table holds, decoded, for whoever wonders why an answer is what it is.
//
//	go run ./tools/inspect -table pricing-dev -product ZU-1042
//	go run ./tools/inspect -table pricing-dev -gtin 6291041500213
//	go run ./tools/inspect -table pricing-dev -competitors
//	go run ./tools/inspect -table pricing-dev -tokens
//	go run ./tools/inspect -table pricing-dev -token 0123456789abcdef
//
// It talks to the table with the AWS_* variables of its environment; AWS_ENDPOINT_URL_DYNAMODB names another engine.
// `make inspect PRODUCT=ZU-1042` asks the one of `make run`. Of a product it prints board, directory, shards and markers,
// listings and every segment of the history. It only reads.
//
// What surprises: an item that this release cannot decode is printed as its attributes are, the rest all the same, and
// the exit status is 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/tools/internal/tablestore"
)

func main() {
	err := run(context.Background(), os.Args[1:], os.Getenv, os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inspect:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	table := flags.String("table", getenv("TABLE_Table"), "`name` of the stack's table")
	product := flags.String("product", "", "print what is stored of this `productId`")
	gtin := flags.String("gtin", "", "print what is stored of this `GTIN`")
	competitors := flags.Bool("competitors", false, "print competitors and the health of their feeds")
	tokens := flags.Bool("tokens", false, "print the key ids of all tokens")
	token := flags.String("token", "", "print the record of the token with this `key id`")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has told
	}
	if *table == "" {
		return errors.New("-table is needed")
	}
	var partitions []string
	if *product != "" {
		partitions = append(partitions, store.ProductPartition(*product))
	}
	if *gtin != "" {
		g, wrong := price.ParseGTIN(*gtin)
		if wrong != nil {
			return errors.New("-gtin: " + wrong.Detail)
		}
		partitions = append(partitions, store.GTINPartition(g))
	}
	if *competitors {
		partitions = append(partitions, store.CompetitorsPartition())
	}
	if *tokens {
		partitions = append(partitions, store.TokensPartition())
	}
	if *token != "" {
		partitions = append(partitions, store.TokenPartition(*token))
	}
	if len(partitions) == 0 {
		return errors.New("say what to print: -product, -gtin, -competitors, -tokens or -token")
	}
	s := tablestore.Open(*table, getenv)
	undecoded := 0
	var empty []string
	for _, partition := range partitions {
		items, err := s.Inspect(ctx, partition)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			empty = append(empty, partition)
		}
		n, err := print(out, items)
		if err != nil {
			return err
		}
		undecoded += n
	}
	if len(empty) > 0 {
		return fmt.Errorf("nothing is stored under %s", strings.Join(empty, ", "))
	}
	if undecoded > 0 {
		return fmt.Errorf("%d items could not be decoded by this release", undecoded)
	}
	return nil
}

// print writes items and returns how many of them could not be decoded.
func print(out io.Writer, items []store.Inspected) (undecoded int, err error) {
	for _, it := range items {
		lines := it.Lines
		if it.Err != nil {
			undecoded++
			lines = append([]string{"NOT DECODED: " + it.Err.Error()}, lines...)
		}
		if _, err := fmt.Fprintf(out, "%s %s (%d bytes)\n", it.PK, it.SK, it.Size); err != nil {
			return undecoded, fmt.Errorf("print: %w", err)
		}
		for _, line := range lines {
			if _, err := fmt.Fprintln(out, "  "+line); err != nil {
				return undecoded, fmt.Errorf("print: %w", err)
			}
		}
	}
	return undecoded, nil
}

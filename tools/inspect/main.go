// Command inspect prints what a stack's table holds, decoded, for whoever wonders why an answer is what it is.
//
//	go run ./tools/inspect -table pricing-dev -product ZU-1042
//	go run ./tools/inspect -table pricing-dev -gtin 6291041500213
//	go run ./tools/inspect -table pricing-dev -competitors
//	go run ./tools/inspect -table pricing-dev -tokens
//	go run ./tools/inspect -table pricing-dev -token 0123456789abcdef
//
// It talks to the table with the AWS_* variables of its environment; AWS_ENDPOINT_URL_DYNAMODB names another engine.
// `make inspect PRODUCT=ZU-1042` asks the one of `make run`. Of a product it prints the board, or the directory and every
// shard, then urls, late segments of the history, catalogue entry and the other segments. It only reads.
//
// What surprises: an item that this release cannot decode is printed attribute by attribute, and the others as usual; the
// exit status is 1 then.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
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
		items, err := s.Items(ctx, partition)
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

// print writes a partition's items and returns how many of them could not be decoded.
func print(out io.Writer, items []map[string]types.AttributeValue) (undecoded int, err error) {
	decoded := make([]any, len(items))
	faults := make([]error, len(items))
	urls := map[board.URLName]string{}
	for i, it := range items {
		decoded[i], faults[i] = store.Decode(it)
		if of, ok := decoded[i].(store.URLsItem); ok && faults[i] == nil {
			for name, url := range of.URLs {
				urls[name] = url
			}
		}
	}
	for i, it := range items {
		var lines []string
		if faults[i] != nil {
			undecoded++
			lines = append([]string{"NOT DECODED: " + faults[i].Error()}, attributes(it)...)
		} else {
			lines = describe(decoded[i], urls)
		}
		if _, err := fmt.Fprintf(out, "%s %s (%d bytes)\n", text(it[store.AttrPK]), text(it[store.AttrSK]), store.ItemSize(it)); err != nil {
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

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

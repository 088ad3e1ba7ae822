package main

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"pricing/shared/board"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	putAtOnce = 500 // as many as a batch takes
	pageOf    = 500 // products of a page, at most
)

// catalogue measures what products cost that are put in batches, and what it costs to walk them while others are being put. It
// fails if a walk misses a product that was there when it began, or shows one twice.
func (b *bench) catalogue(ctx context.Context) error {
	b.say(b.out, "Catalogue of %d products, half of them with a gtin, put in batches of %d and walked by pages of %d:",
		b.products, putAtOnce, pageOf)
	table := b.printer()
	b.say(table, "what\tproducts\tr a product\tw a product\tcalls a product\t")
	name, err := b.newTable(ctx)
	if err != nil {
		return err
	}
	s := store.New(b.client, store.Options{Table: name, Retention: retention, Width: width})
	for _, round := range []struct {
		what    string
		minor   int64
		outcome board.Outcome
	}{{"put, new", 2999, board.Created}, {"put, as they were", 2999, board.Unchanged}, {"put, of another price", 2899, board.Changed}} {
		n := b.products
		counts, err := count(ctx, func(ctx context.Context) error {
			return putProducts(ctx, s, 0, n, round.minor, round.outcome)
		})
		if err != nil {
			return err
		}
		b.say(table, "%s\t%d\t%.3f\t%.3f\t%.3f\t", round.what, n, counts.ReadUnits/float64(n), counts.WriteUnits/float64(n),
			float64(counts.Calls)/float64(n))
	}
	for _, walk := range []struct {
		what   string
		filter store.CatalogueFilter
		beside bool // others are being put meanwhile
	}{
		{"walked", store.CatalogueFilter{}, false},
		{"walked while others are being put", store.CatalogueFilter{}, true},
		{"walked for a brand that one in a thousand has", store.CatalogueFilter{Brand: brandOf(7)}, false},
	} {
		var shown map[string]int
		counts, err := b.walkBeside(ctx, s, walk.filter, walk.beside, &shown)
		if err != nil {
			return err
		}
		for i := range b.products {
			id := productOf(i)
			wanted := walk.filter.Brand == "" || walk.filter.Brand == brandOf(i)
			if times := shown[id]; wanted && times != 1 || times > 1 {
				return fmt.Errorf("%s: product %s was shown %d times", walk.what, id, times)
			}
		}
		n := float64(len(shown))
		b.say(table, "%s\t%d\t%.3f\t%.3f\t%.3f\t", walk.what, len(shown), counts.ReadUnits/n, counts.WriteUnits/n, float64(counts.Calls)/n)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// walkBeside walks the catalogue, and with beside lets others put new products and change those that are there, for as long as the
// walk takes. Their calls are not counted. shown says how often each product came.
func (b *bench) walkBeside(
	ctx context.Context, s *store.Store, filter store.CatalogueFilter, beside bool, shown *map[string]int,
) (meter.Counts, error) {
	others, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() {
		for n := 0; beside && others.Err() == nil; n++ {
			from := n * putAtOnce
			err := putProducts(ctx, s, b.products+from, b.products+from+putAtOnce, 2999, board.Created)
			if err == nil {
				from %= b.products
				err = putProducts(ctx, s, from, min(from+putAtOnce, b.products), int64(n), board.Changed)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	counts, err := count(ctx, func(ctx context.Context) error {
		times := map[string]int{}
		at := store.CataloguePosition{}
		for {
			entries, next, err := s.ListCatalogue(ctx, filter, at, pageOf)
			if err != nil {
				return err
			}
			for _, e := range entries {
				times[e.ProductID]++
			}
			if next == nil {
				*shown = maps.Clone(times)
				return nil
			}
			at = *next
		}
	})
	stop()
	return counts, errors.Join(err, <-done)
}

// count does something and returns what it used.
func count(ctx context.Context, do func(context.Context) error) (meter.Counts, error) {
	ctx, m := meter.With(ctx)
	err := do(ctx)
	return m.Counts(), err
}

func productOf(i int) string { return fmt.Sprintf("ZU-%06d", i) }
func brandOf(i int) string   { return fmt.Sprint("Brand ", i%1000) }

// putProducts puts products, by their numbers, in batches.
func putProducts(ctx context.Context, s *store.Store, from, to int, minor int64, want board.Outcome) error {
	for first := from; first < to; first += putAtOnce {
		var batch []store.ProductEntry
		for i := first; i < min(first+putAtOnce, to); i++ {
			e := price.CatalogueEntry{
				Title: fmt.Sprintf("Electric kettle of stainless steel, 1.7 litres, model %d", i), MPN: fmt.Sprintf("K-%06d", i),
				Brand: brandOf(i), Category: "kitchen appliances", Tags: []string{"steel", "kettles"},
				List: price.Money{Minor: minor, Currency: "USD"},
			}
			if i%2 == 0 {
				e.GTIN = gtinOf(i)
			}
			batch = append(batch, store.ProductEntry{ProductID: productOf(i), CatalogueEntry: e})
		}
		for n, put := range s.PutCatalogueEntries(ctx, batch) {
			switch {
			case put.Err != nil:
				return fmt.Errorf("put %s: %w", batch[n].ProductID, put.Err)
			case put.Outcome != want:
				return fmt.Errorf("put %s: %s, not %s", batch[n].ProductID, put.Outcome, want)
			}
		}
	}
	return nil
}

// gtinOf returns a GTIN-13 with a right check digit.
func gtinOf(i int) string {
	head := fmt.Sprintf("%012d", i)
	for digit := '0'; ; digit++ {
		if _, wrong := price.ParseGTIN(head + string(digit)); wrong == nil {
			return head + string(digit)
		}
	}
}

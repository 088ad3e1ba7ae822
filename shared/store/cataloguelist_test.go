package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// walk reads the catalogue page by page; between gets each page's number before it is read.
func walk(
	tb require.TestingT, s *store.Store, f store.CatalogueFilter, limit int, between func(page int),
) (entries []store.CatalogueItem) {
	var at store.CataloguePosition
	for page := 0; ; page++ {
		between(page)
		some, next, err := s.ListCatalogue(context.Background(), f, at, limit)
		require.NoError(tb, err)
		require.LessOrEqual(tb, len(some), limit)
		entries = append(entries, some...)
		if next == nil {
			return entries
		}
		require.True(tb, next.Valid())
		require.NotEqual(tb, at, *next, "a page goes on")
		at = *next
	}
}

func ids(entries []store.CatalogueItem) (ids []string) {
	for _, e := range entries {
		ids = append(ids, e.ProductID)
	}
	slices.Sort(ids)
	return ids
}

// TestProperty_ListCatalogue: a walk shows each entry that passes the filter once, as it is stored, for any size of page and budget.
func TestProperty_ListCatalogue(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	word := rapid.SampledFrom([]string{"", "a", "b", "ab"})
	var all []store.CatalogueItem
	var entries []store.ProductEntry
	for i := range 120 {
		one := func(g *rapid.Generator[string], seed int) string { return g.Example(i*7 + seed) }
		e := price.CatalogueEntry{Title: fmt.Sprint("Kettle ", i), Brand: one(word, 1), Category: one(word, 2), Discontinued: i%3 == 0}
		for n := range i % 3 {
			if tag := one(word, 3+n); tag != "" {
				e.Tags = append(e.Tags, tag)
			}
		}
		id := fmt.Sprint("P-", i)
		entries = append(entries, store.ProductEntry{ProductID: id, CatalogueEntry: e})
		all = append(all, store.CatalogueItem{CatalogueEntry: e, ProductID: id, Version: 1})
	}
	for _, p := range s.PutCatalogueEntries(t.Context(), entries) {
		require.NoError(t, p.Err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := store.CatalogueFilter{
			Status: rapid.SampledFrom([]string{"", "active", "discontinued"}).Draw(rt, "status"),
			Brand:  word.Draw(rt, "brand"), Category: word.Draw(rt, "category"), Tag: word.Draw(rt, "tag"),
		}
		paged := storetestStore(client, table)
		paged.SetPageUnits(rapid.SampledFrom([]float64{0.5, 3, 100}).Draw(rt, "units"))
		got := walk(rt, paged, f, rapid.IntRange(1, 130).Draw(rt, "limit"), func(int) {})
		var want []store.CatalogueItem
		for _, c := range all {
			if (f.Status == "" || f.Status == c.Status()) && (f.Brand == "" || f.Brand == c.Brand) &&
				(f.Category == "" || f.Category == c.Category) && (f.Tag == "" || slices.Contains(c.Tags, f.Tag)) {
				want = append(want, c)
			}
		}
		require.ElementsMatch(rt, want, got)
	})
}

// TestStore_ListCatalogue_WhileOthersArePut: none that was there is missing, and none comes twice, whatever is put meanwhile.
func TestStore_ListCatalogue_WhileOthersArePut(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	put := func(from, to int, title string) {
		var entries []store.ProductEntry
		for i := from; i < to; i++ {
			entries = append(entries, store.ProductEntry{ProductID: fmt.Sprint("P-", i), CatalogueEntry: price.CatalogueEntry{Title: title}})
		}
		for _, p := range s.PutCatalogueEntries(t.Context(), entries) {
			require.NoError(t, p.Err)
		}
	}
	put(0, 100, "Kettle")
	got := ids(walk(t, s, store.CatalogueFilter{}, 7, func(page int) {
		put(100+page*10, 110+page*10, "New")
		put(page*5, page*5+5, "Changed")
	}))
	assert.Len(t, slices.Compact(slices.Clone(got)), len(got), "none twice")
	for i := range 100 {
		assert.Contains(t, got, fmt.Sprint("P-", i))
	}
}

// TestStore_ListCatalogue_Budget: a page ends when it has read enough, whatever it has found.
func TestStore_ListCatalogue_Budget(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	var entries []store.ProductEntry
	for i := range 64 {
		e := price.CatalogueEntry{Title: strings.Repeat("x", 300), Category: "kitchen"}
		entries = append(entries, store.ProductEntry{ProductID: fmt.Sprint("P-", i), CatalogueEntry: e})
	}
	for _, p := range s.PutCatalogueEntries(t.Context(), entries) {
		require.NoError(t, p.Err)
	}
	s.SetPageUnits(2)
	ctx, m := meter.With(t.Context())
	some, next, err := s.ListCatalogue(ctx, store.CatalogueFilter{Category: "garden"}, store.CataloguePosition{}, 100)
	require.NoError(t, err)
	assert.Empty(t, some)
	require.NotNil(t, next)
	assert.InDelta(t, 2, m.Counts().ReadUnits, 1)
	assert.Empty(t, walk(t, s, store.CatalogueFilter{Category: "garden"}, 100, func(int) {}))
}

// TestStore_ListCatalogue_Sparse: nothing but catalogue entries stands in the index, so it costs no observation anything.
func TestStore_ListCatalogue_Sparse(t *testing.T) {
	t.Parallel()
	client, table := market(t)
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table, IndexName: aws.String(store.ProductsIndex)})
	require.NoError(t, err)
	assert.Len(t, out.Items, 2)
	for _, it := range out.Items {
		decoded, err := store.Decode(it)
		require.NoError(t, err)
		assert.IsType(t, store.CatalogueItem{}, decoded)
	}
	assert.Equal(t, []string{"P1", "P2"}, ids(walk(t, storetestStore(client, table), store.CatalogueFilter{}, 1, func(int) {})))
}

func TestCataloguePosition_Valid(t *testing.T) {
	t.Parallel()
	for at, want := range map[store.CataloguePosition]bool{
		{}: true, {Bucket: 15}: true, {Bucket: -1}: false, {Bucket: 16}: false,
		{Bucket: 0, ProductID: "ZU-1042"}: false, {Bucket: 4, ProductID: "ZU-1042"}: true,
	} {
		assert.Equal(t, want, at.Valid(), at)
	}
}

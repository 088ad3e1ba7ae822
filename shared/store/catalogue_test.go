package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

const (
	gtin      = price.GTIN("06291041500213")
	otherGTIN = price.GTIN("00012345678905")
)

func entry(minor int64, g price.GTIN) price.CatalogueEntry {
	return price.CatalogueEntry{Title: "Kettle", GTIN: string(g), MPN: "K-1", Brand: "Otto", Category: "kitchen", Tags: []string{"a", "b"},
		List: price.Money{Minor: minor, Currency: "USD"}}
}

// ifVersion allows an entry to be replaced that has a version.
func ifVersion(version int64) func(store.CatalogueItem) error {
	return func(stored store.CatalogueItem) error {
		if stored.Version != version {
			return fault.New(fault.Precondition, fault.CodeVersionConflict, fmt.Sprintf("It has version %d.", stored.Version))
		}
		return nil
	}
}

// byGTIN is the product that an observation of the gtin is stored under.
func byGTIN(t *testing.T, s *store.Store, g price.GTIN, minute int) string {
	t.Helper()
	sub := seen("", "bigmart", at(minute), 100)
	sub.GTIN = g
	v := record(t, s, at(5000), sub)[0]
	if v.Err != nil {
		return fault.Of(v.Err).Code
	}
	return v.ProductID
}

var created = store.Put{Version: 1, Outcome: board.Created}

func changed(version int64) store.Put { return store.Put{Version: version, Outcome: board.Changed} }

func TestStore_PutCatalogueEntry(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	put := func(id string, e price.CatalogueEntry, allow func(store.CatalogueItem) error) store.Put {
		t.Helper()
		put, err := s.PutCatalogueEntry(t.Context(), id, e, allow)
		require.NoError(t, err)
		got, err := s.FindCatalogueEntry(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, store.CatalogueItem{CatalogueEntry: e, ProductID: id, Version: put.Version}, got)
		p, err := s.Product(t.Context(), id, false)
		require.NoError(t, err)
		assert.True(t, p.Catalogued)
		assert.Equal(t, board.Catalogue{List: e.List, MAP: e.MAP, Discontinued: e.Discontinued}, p.Catalogue)
		return put
	}
	_, err := s.FindCatalogueEntry(t.Context(), "P1")
	require.True(t, fault.Is(err, fault.NotFound))
	assert.Equal(t, created, put("P1", entry(100, gtin), nil))
	assert.Equal(t, store.Put{Version: 1, Outcome: board.Unchanged}, put("P1", entry(100, gtin), nil), "equal content keeps its version")
	assert.Equal(t, changed(2), put("P1", entry(200, gtin), ifVersion(1)))
	_, err = s.PutCatalogueEntry(t.Context(), "P1", entry(300, gtin), ifVersion(1))
	assert.Equal(t, fault.CodeVersionConflict, fault.Of(err).Code)
	assert.Equal(t, "It has version 2.", fault.Of(err).Detail)
	_, err = s.PutCatalogueEntry(t.Context(), "P3", price.CatalogueEntry{}, ifVersion(1))
	assert.Equal(t, fault.CodeVersionConflict, fault.Of(err).Code, "there is none")
	assert.Equal(t, created, put("P3", price.CatalogueEntry{}, ifVersion(0)), "one that says nothing is one")
	assert.Equal(t, "P1", byGTIN(t, s, gtin, 1))

	_, err = s.PutCatalogueEntry(t.Context(), "P2", entry(100, gtin), nil)
	assert.Equal(t, fault.CodeGTINInUse, fault.Of(err).Code)
	assert.Equal(t, "Another product has the gtin 06291041500213.", fault.Of(err).Detail)
	_, err = s.FindCatalogueEntry(t.Context(), "P2")
	assert.True(t, fault.Is(err, fault.NotFound), "nothing of it is stored")

	assert.Equal(t, changed(3), put("P1", entry(200, otherGTIN), nil))
	assert.Equal(t, fault.CodeUnknownGTIN, byGTIN(t, s, gtin, 2), "the old gtin is free")
	assert.Equal(t, "P1", byGTIN(t, s, otherGTIN, 3))
	assert.Equal(t, created, put("P2", entry(100, gtin), nil))
	assert.Equal(t, "P2", byGTIN(t, s, gtin, 4))
	discontinued := entry(200, "")
	discontinued.Discontinued = true
	discontinued.Tags = nil
	assert.Equal(t, changed(4), put("P1", discontinued, nil))
	assert.Equal(t, fault.CodeUnknownGTIN, byGTIN(t, s, otherGTIN, 5))
}

// A change of any member alone is a change: it makes another version, which is stored. What is put again changes nothing.
func TestStore_PutCatalogueEntry_EachMemberCounts(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for name, change := range map[string]func(*price.CatalogueEntry){
		"title":               func(e *price.CatalogueEntry) { e.Title = "Kettles" },
		"gtin":                func(e *price.CatalogueEntry) { e.GTIN = string(otherGTIN) },
		"no gtin":             func(e *price.CatalogueEntry) { e.GTIN = "" },
		"mpn":                 func(e *price.CatalogueEntry) { e.MPN = "" },
		"brand":               func(e *price.CatalogueEntry) { e.Brand = "otto" },
		"category":            func(e *price.CatalogueEntry) { e.Category = "" },
		"a tag":               func(e *price.CatalogueEntry) { e.Tags = []string{"a", "c"} },
		"order of tags":       func(e *price.CatalogueEntry) { e.Tags = []string{"b", "a"} },
		"a tag less":          func(e *price.CatalogueEntry) { e.Tags = []string{"a"} },
		"no tags":             func(e *price.CatalogueEntry) { e.Tags = nil },
		"list price":          func(e *price.CatalogueEntry) { e.List.Minor++ },
		"advertised price":    func(e *price.CatalogueEntry) { e.MAP = price.Money{Minor: 1, Currency: "USD"} },
		"it is not made more": func(e *price.CatalogueEntry) { e.Discontinued = true },
	} {
		t.Run(name, func(t *testing.T) {
			before := entry(100, gtin)
			after := entry(100, gtin)
			change(&after)
			product := "of " + name
			for i, e := range []price.CatalogueEntry{before, before, after, after, before, before} {
				version := int64(i/2 + 1)
				got, err := s.PutCatalogueEntry(t.Context(), product, e, nil)
				require.NoError(t, err)
				require.Equal(t, version, got.Version)
				require.Equal(t, i%2 == 1, got.Outcome == board.Unchanged)
				stored, err := s.FindCatalogueEntry(t.Context(), product)
				require.NoError(t, err)
				require.Equal(t, store.CatalogueItem{CatalogueEntry: e, ProductID: product, Version: version}, stored)
			}
			_, err := s.PutCatalogueEntry(t.Context(), product, entry(100, ""), nil) // others need the gtin
			require.NoError(t, err)
		})
	}
}

func TestRace_CatalogueEntries(t *testing.T) {
	t.Parallel()
	t.Run("two put one product", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("TransactWriteItems", "", func() storetest.Action {
			_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), nil)
			require.NoError(t, err)
			return storetest.Pass
		})
		put, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(200, gtin), nil)
		require.NoError(t, err)
		assert.True(t, happened())
		assert.Equal(t, int64(2), put.Version)
		p, err := r.quick.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.Equal(t, int64(200), p.Catalogue.List.Minor)
	})
	t.Run("two products take one gtin", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("TransactWriteItems", "", func() storetest.Action {
			_, err := r.quick.PutCatalogueEntry(t.Context(), "other", entry(100, gtin), nil)
			require.NoError(t, err)
			return storetest.Pass
		})
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(200, gtin), nil)
		assert.Equal(t, fault.CodeGTINInUse, fault.Of(err).Code)
		assert.True(t, happened())
		assert.Equal(t, "other", byGTIN(t, r.quick, gtin, 1))
	})
	t.Run("the product is put and its gtin taken", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, ""), nil)
		require.NoError(t, err)
		happened := r.when("TransactWriteItems", "", func() storetest.Action {
			_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(150, ""), ifVersion(1))
			require.NoError(t, err)
			_, err = r.quick.PutCatalogueEntry(t.Context(), "other", entry(100, gtin), nil)
			require.NoError(t, err)
			return storetest.Pass
		})
		_, err = r.slow.PutCatalogueEntry(t.Context(), racers, entry(200, gtin), ifVersion(1))
		assert.Equal(t, fault.CodeVersionConflict, fault.Of(err).Code, "the version that was asked for comes first")
		assert.True(t, happened())
	})
	t.Run("another is at work on the gtin", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("TransactWriteItems", "", func() storetest.Action { return storetest.Collide })
		put, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), nil)
		require.NoError(t, err, "it may yet be free")
		assert.True(t, happened())
		assert.Equal(t, int64(1), put.Version)
	})
	t.Run("what DynamoDB refuses for itself was no race", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "TransactWriteItems" {
				require.Zero(t, c.Before, "it is not asked for again")
				return storetest.Cancel
			}
			return storetest.Pass
		}
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), nil)
		require.Error(t, err)
		assert.True(t, fault.Is(err, fault.Internal))
	})
	t.Run("a crash between the entry and its prices is mended by repeating", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "UpdateItem" {
				return storetest.Drop
			}
			return storetest.Pass
		}
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), nil)
		require.True(t, fault.Is(err, fault.Unavailable))
		put, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), nil)
		require.NoError(t, err)
		assert.Equal(t, int64(1), put.Version)
		p, err := r.quick.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.Equal(t, int64(100), p.Catalogue.List.Minor)
	})
	t.Run("the answer is lost", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("TransactWriteItems", "", func() storetest.Action { return storetest.DropAnswer })
		put, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), nil)
		require.NoError(t, err)
		assert.True(t, happened())
		assert.Equal(t, int64(1), put.Version)
	})
	t.Run("an older version's prices arrive after a newer one's", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(200, gtin), nil)
			require.NoError(t, err)
			return storetest.Pass
		})
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), nil)
		require.NoError(t, err)
		assert.True(t, happened())
		p, err := r.quick.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.Equal(t, int64(200), p.Catalogue.List.Minor)
	})
	t.Run("an entry whose gtin stays: two put it", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("PutItem", "product", func() storetest.Action {
			put, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, ""), nil)
			require.NoError(t, err)
			assert.Equal(t, created, put)
			return storetest.Pass
		})
		put, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(200, ""), nil)
		require.NoError(t, err)
		assert.True(t, happened())
		assert.Equal(t, changed(2), put)
	})
	t.Run("an entry whose gtin stays: what was allowed to be replaced has been replaced", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("PutItem", "product", func() storetest.Action {
			_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, ""), ifVersion(0))
			require.NoError(t, err)
			return storetest.Pass
		})
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(200, ""), ifVersion(0))
		assert.True(t, happened())
		assert.Equal(t, fault.CodeVersionConflict, fault.Of(err).Code)
		stored, err := r.quick.FindCatalogueEntry(t.Context(), racers)
		require.NoError(t, err)
		assert.Equal(t, entry(100, ""), stored.CatalogueEntry, "the other's is not lost")
	})
	t.Run("the answer is lost, of a write that was to create", func(t *testing.T) {
		t.Parallel()
		for operation, g := range map[string]price.GTIN{"PutItem": "", "TransactWriteItems": gtin} {
			r := newRace(t)
			item := map[string]string{"PutItem": "product"}[operation]
			happened := r.when(operation, item, func() storetest.Action { return storetest.DropAnswer })
			put, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, g), ifVersion(0))
			require.NoError(t, err, "%s: it is told of its own write as of its own", operation)
			assert.True(t, happened())
			assert.Equal(t, created, put)
		}
	})
	t.Run("a transaction is at work on the entry", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("PutItem", "product", func() storetest.Action { return storetest.Conflict })
		put, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, ""), nil)
		require.NoError(t, err)
		assert.True(t, happened())
		assert.Equal(t, created, put)
	})
	t.Run("a crash between the entry and its prices is mended by who is refused for the version", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.at = func(c storetest.Call) storetest.Action {
			if c.Operation == "UpdateItem" {
				return storetest.Drop
			}
			return storetest.Pass
		}
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), ifVersion(0))
		require.True(t, fault.Is(err, fault.Unavailable))
		_, err = r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), ifVersion(0))
		require.True(t, fault.Is(err, fault.Precondition), "the client repeats it, and reads what stands there: its own")
		p, err := r.quick.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.Equal(t, int64(100), p.Catalogue.List.Minor)
	})
	t.Run("put while the product is split", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(20, 1)
		happened := r.when("TransactWriteItems", "", func() storetest.Action {
			_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), nil)
			require.NoError(t, err)
			return storetest.Pass
		})
		r.write(r.slow, observed(0, 2)...)
		assert.True(t, happened())
		assert.Greater(t, r.shards(), 1)
		p, err := r.quick.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.True(t, p.Catalogued)
		assert.Equal(t, int64(100), p.Catalogue.List.Minor)
		r.settled()
	})
	t.Run("split while the product is put", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		r.fill(20, 1)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			r.fill(20, 2)
			require.Greater(t, r.shards(), 1)
			return storetest.Pass
		})
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), nil)
		require.NoError(t, err)
		assert.True(t, happened())
		p, err := r.quick.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.Equal(t, int64(100), p.Catalogue.List.Minor)
		r.settled()
	})
}

// TestStore_PutCatalogueEntries: each gets what became of it. A gtin that one gives up goes to another, whichever comes first.
func TestStore_PutCatalogueEntries(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	const third = price.GTIN("04006381333931")
	put := func(entries ...store.ProductEntry) []string {
		t.Helper()
		var words []string
		for _, p := range s.PutCatalogueEntries(t.Context(), entries) {
			words = append(words, p.Word())
		}
		return words
	}
	of := func(id string, minor int64, g price.GTIN) store.ProductEntry {
		return store.ProductEntry{ProductID: id, CatalogueEntry: entry(minor, g)}
	}
	assert.Empty(t, put())
	assert.Equal(t, []string{"created", "created", "created"}, put(of("P1", 1, gtin), of("P2", 1, otherGTIN), of("P3", 1, "")))
	assert.Equal(t, []string{"unchanged", "changed", "conflict"}, put(of("P1", 1, gtin), of("P2", 2, otherGTIN), of("P3", 2, gtin)))
	assert.Equal(t, []string{"changed", "changed", "changed"}, put(of("P3", 3, gtin), of("P1", 3, otherGTIN), of("P2", 3, third)),
		"a chain, of which the last can be put first")
	assert.Equal(t, []string{"conflict", "conflict"}, put(of("P1", 4, gtin), of("P3", 4, otherGTIN)), "they cannot change places at once")
	for g, want := range map[price.GTIN]string{gtin: "P3", otherGTIN: "P1", third: "P2"} {
		id, err := s.ProductOfGTIN(t.Context(), g)
		require.NoError(t, err)
		assert.Equal(t, want, id)
	}
}

// TestStore_PutCatalogueEntries_Deadline: what was not begun in time is to be repeated.
func TestStore_PutCatalogueEntries_Deadline(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	puts := s.PutCatalogueEntries(ctx, []store.ProductEntry{{ProductID: "P1"}, {ProductID: "P2"}})
	for _, p := range puts {
		assert.Equal(t, "throttled", p.Word())
	}
}

package store_test

import (
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

func entry(minor int64, g price.GTIN) store.CatalogueEntry {
	return store.CatalogueEntry{Title: "Kettle", GTIN: g, MPN: "K-1", Brand: "Otto", Category: "kitchen", Tags: []string{"a", "b"},
		Catalogue: board.Catalogue{List: price.Money{Minor: minor, Currency: "USD"}}}
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

func TestStore_PutCatalogueEntry(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	put := func(id string, e store.CatalogueEntry, match int64) int64 {
		t.Helper()
		version, err := s.PutCatalogueEntry(t.Context(), id, e, match)
		require.NoError(t, err)
		got, found, err := s.FindCatalogueEntry(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, e, got)
		assert.Equal(t, version, found)
		p, err := s.Product(t.Context(), id, false)
		require.NoError(t, err)
		assert.True(t, p.Catalogued)
		assert.Equal(t, e.Catalogue, p.Catalogue)
		return version
	}
	_, _, err := s.FindCatalogueEntry(t.Context(), "P1")
	require.True(t, fault.Is(err, fault.NotFound))
	assert.Equal(t, int64(1), put("P1", entry(100, gtin), 0))
	assert.Equal(t, int64(1), put("P1", entry(100, gtin), 0), "equal content keeps its version")
	assert.Equal(t, int64(2), put("P1", entry(200, gtin), 1))
	_, err = s.PutCatalogueEntry(t.Context(), "P1", entry(300, gtin), 1)
	assert.Equal(t, fault.CodeVersionConflict, fault.Of(err).Code)
	assert.Equal(t, "The product has version 2, not 1.", fault.Of(err).Detail)
	_, err = s.PutCatalogueEntry(t.Context(), "P3", store.CatalogueEntry{}, 1)
	assert.Equal(t, fault.CodeVersionConflict, fault.Of(err).Code, "there is none")
	assert.Equal(t, int64(1), put("P3", store.CatalogueEntry{}, 0), "one that says nothing is one")
	assert.Equal(t, "P1", byGTIN(t, s, gtin, 1))

	_, err = s.PutCatalogueEntry(t.Context(), "P2", entry(100, gtin), 0)
	assert.Equal(t, fault.CodeGTINInUse, fault.Of(err).Code)
	assert.Equal(t, "Another product has the gtin 06291041500213.", fault.Of(err).Detail)
	_, _, err = s.FindCatalogueEntry(t.Context(), "P2")
	assert.True(t, fault.Is(err, fault.NotFound), "nothing of it is stored")

	assert.Equal(t, int64(3), put("P1", entry(200, otherGTIN), 0))
	assert.Equal(t, fault.CodeUnknownGTIN, byGTIN(t, s, gtin, 2), "the old gtin is free")
	assert.Equal(t, "P1", byGTIN(t, s, otherGTIN, 3))
	assert.Equal(t, int64(1), put("P2", entry(100, gtin), 0))
	assert.Equal(t, "P2", byGTIN(t, s, gtin, 4))
	discontinued := entry(200, "")
	discontinued.Discontinued = true
	discontinued.Tags = nil
	assert.Equal(t, int64(4), put("P1", discontinued, 0))
	assert.Equal(t, fault.CodeUnknownGTIN, byGTIN(t, s, otherGTIN, 5))
}

// A change of any member alone is a change: it makes another version, which is stored. What is put again changes nothing.
func TestStore_PutCatalogueEntry_EachMemberCounts(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for name, change := range map[string]func(*store.CatalogueEntry){
		"title":               func(e *store.CatalogueEntry) { e.Title = "Kettles" },
		"gtin":                func(e *store.CatalogueEntry) { e.GTIN = otherGTIN },
		"no gtin":             func(e *store.CatalogueEntry) { e.GTIN = "" },
		"mpn":                 func(e *store.CatalogueEntry) { e.MPN = "" },
		"brand":               func(e *store.CatalogueEntry) { e.Brand = "otto" },
		"category":            func(e *store.CatalogueEntry) { e.Category = "" },
		"a tag":               func(e *store.CatalogueEntry) { e.Tags = []string{"a", "c"} },
		"order of tags":       func(e *store.CatalogueEntry) { e.Tags = []string{"b", "a"} },
		"a tag less":          func(e *store.CatalogueEntry) { e.Tags = []string{"a"} },
		"no tags":             func(e *store.CatalogueEntry) { e.Tags = nil },
		"list price":          func(e *store.CatalogueEntry) { e.List.Minor++ },
		"advertised price":    func(e *store.CatalogueEntry) { e.MAP = price.Money{Minor: 1, Currency: "USD"} },
		"it is not made more": func(e *store.CatalogueEntry) { e.Discontinued = true },
	} {
		t.Run(name, func(t *testing.T) {
			before := entry(100, gtin)
			after := entry(100, gtin)
			change(&after)
			product := "of " + name
			for i, e := range []store.CatalogueEntry{before, before, after, after, before, before} {
				version := int64(i/2 + 1)
				got, err := s.PutCatalogueEntry(t.Context(), product, e, 0)
				require.NoError(t, err)
				require.Equal(t, version, got)
				stored, found, err := s.FindCatalogueEntry(t.Context(), product)
				require.NoError(t, err)
				require.Equal(t, e, stored)
				require.Equal(t, version, found)
			}
			_, err := s.PutCatalogueEntry(t.Context(), product, entry(100, ""), 0) // others need the gtin
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
			_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), 0)
			require.NoError(t, err)
			return storetest.Pass
		})
		version, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(200, gtin), 0)
		require.NoError(t, err)
		assert.True(t, happened())
		assert.Equal(t, int64(2), version)
		p, err := r.quick.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.Equal(t, int64(200), p.Catalogue.List.Minor)
	})
	t.Run("two products take one gtin", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("TransactWriteItems", "", func() storetest.Action {
			_, err := r.quick.PutCatalogueEntry(t.Context(), "other", entry(100, gtin), 0)
			require.NoError(t, err)
			return storetest.Pass
		})
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(200, gtin), 0)
		assert.Equal(t, fault.CodeGTINInUse, fault.Of(err).Code)
		assert.True(t, happened())
		assert.Equal(t, "other", byGTIN(t, r.quick, gtin, 1))
	})
	t.Run("the product is put and its gtin taken", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, ""), 0)
		require.NoError(t, err)
		happened := r.when("TransactWriteItems", "", func() storetest.Action {
			_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(150, ""), 1)
			require.NoError(t, err)
			_, err = r.quick.PutCatalogueEntry(t.Context(), "other", entry(100, gtin), 0)
			require.NoError(t, err)
			return storetest.Pass
		})
		_, err = r.slow.PutCatalogueEntry(t.Context(), racers, entry(200, gtin), 1)
		assert.Equal(t, fault.CodeVersionConflict, fault.Of(err).Code, "the version that was asked for comes first")
		assert.True(t, happened())
	})
	t.Run("another is at work on the gtin", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("TransactWriteItems", "", func() storetest.Action { return storetest.Collide })
		version, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), 0)
		require.NoError(t, err, "it may yet be free")
		assert.True(t, happened())
		assert.Equal(t, int64(1), version)
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
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), 0)
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
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), 0)
		require.True(t, fault.Is(err, fault.Unavailable))
		version, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), 0)
		require.NoError(t, err)
		assert.Equal(t, int64(1), version)
		p, err := r.quick.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.Equal(t, int64(100), p.Catalogue.List.Minor)
	})
	t.Run("the answer is lost", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("TransactWriteItems", "", func() storetest.Action { return storetest.DropAnswer })
		version, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), 0)
		require.NoError(t, err)
		assert.True(t, happened())
		assert.Equal(t, int64(1), version)
	})
	t.Run("an older version's prices arrive after a newer one's", func(t *testing.T) {
		t.Parallel()
		r := newRace(t)
		happened := r.when("UpdateItem", "board", func() storetest.Action {
			_, err := r.quick.PutCatalogueEntry(t.Context(), racers, entry(200, gtin), 0)
			require.NoError(t, err)
			return storetest.Pass
		})
		_, err := r.slow.PutCatalogueEntry(t.Context(), racers, entry(100, gtin), 0)
		require.NoError(t, err)
		assert.True(t, happened())
		p, err := r.quick.Product(t.Context(), racers, false)
		require.NoError(t, err)
		assert.Equal(t, int64(200), p.Catalogue.List.Minor)
	})
}

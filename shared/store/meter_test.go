package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// TestStore_MetersEveryCall: each operation counts its calls, and the units that DynamoDB says it took: what an operation costs
// is read from these.
func TestStore_MetersEveryCall(t *testing.T) {
	t.Parallel()
	_, table := market(t)
	const third = price.GTIN("04006381333931")
	submission := func(in price.Submission) func(context.Context, *store.Store) error {
		return func(ctx context.Context, s *store.Store) error { return submit(ctx, s, in) }
	}
	newest := seen("P3", "bigmart", at(100_000), 1)
	for _, tt := range []struct { // one after the other
		name               string
		calls              int
		readUnits, written float64
		do                 func(ctx context.Context, s *store.Store) error
	}{
		{"Ping", 1, 0.5, 0, func(ctx context.Context, s *store.Store) error { return s.Ping(ctx) }},
		{"Items", 1, 1, 0, func(ctx context.Context, s *store.Store) error {
			_, err := s.Items(ctx, store.CompetitorsPartition())
			return err
		}},
		{"Product", 1, 1, 0, func(ctx context.Context, s *store.Store) error {
			_, err := s.Product(ctx, "P2", true)
			return err
		}},
		{"Products: two at once, then the shards of one", 2, 1.5, 0, func(ctx context.Context, s *store.Store) error {
			_, _, err := products(ctx, s, false, "P1", "P2")
			return err
		}},
		{"Products with their urls: four at once, then all of one", 2, 2.5, 0, func(ctx context.Context, s *store.Store) error {
			_, err := allProducts(ctx, s, "P1", "P2")
			return err
		}},
		{"FindCompetitor", 1, 1, 0, func(ctx context.Context, s *store.Store) error {
			_, err := s.FindCompetitor(ctx, "bigmart")
			return err
		}},
		{"PutCompetitor: is it there, then the item", 2, 1, 1, func(ctx context.Context, s *store.Store) error {
			_, err := s.PutCompetitor(ctx, price.Competitor{ID: "bigmart", Name: "bigmart", FreshFor: price.DefaultFreshFor, Active: true})
			return err
		}},
		{"PutCompetitor that is new: is it there, how many are there, then the item", 3, 1 + 1, 1,
			func(ctx context.Context, s *store.Store) error {
				_, err := s.PutCompetitor(ctx, price.Competitor{ID: "newmart", Name: "NewMart", FreshFor: price.DefaultFreshFor, Active: true})
				return err
			}},
		{"FindToken", 1, 0.5, 0, func(ctx context.Context, s *store.Store) error {
			_, err := s.FindToken(ctx, keyID)
			return err
		}},
		{"ListTokens: the list, then each", 2, 1.5, 0, func(ctx context.Context, s *store.Store) error {
			_, err := s.ListTokens(ctx)
			return err
		}},
		{"PutToken: the list, then the record", 2, 0, 2, func(ctx context.Context, s *store.Store) error {
			return s.PutToken(ctx, tokenRecord())
		}},
		{"TouchToken", 1, 0, 1, func(ctx context.Context, s *store.Store) error {
			return s.TouchToken(ctx, tokenRecord(), start.Time())
		}},
		{"TouchToken within the minute", 0, 0, 0, func(ctx context.Context, s *store.Store) error {
			r := tokenRecord()
			r.LastUsed = start.Time()
			return s.TouchToken(ctx, r, at(1).Time().Add(-1))
		}},
		{"RevokeToken", 1, 0, 1, func(ctx context.Context, s *store.Store) error { return s.RevokeToken(ctx, keyID) }},
		{"FindCatalogueEntry", 1, 1, 0, func(ctx context.Context, s *store.Store) error {
			_, _, err := s.FindCatalogueEntry(ctx, "P1")
			return err
		}},
		{"PutCatalogueEntry with another gtin: three items in a transaction, then the board", 3, 1, 3*2 + 2,
			func(ctx context.Context, s *store.Store) error {
				_, err := s.PutCatalogueEntry(ctx, "P1", entry(7, third), 0)
				return err
			}},
		{"PutCatalogueEntry with the same", 2, 1, 2, func(ctx context.Context, s *store.Store) error {
			_, err := s.PutCatalogueEntry(ctx, "P1", entry(7, third), 0)
			return err
		}},
		{"PutCatalogueEntry with the gtin of another", 2, 1, 6, func(ctx context.Context, s *store.Store) error {
			_, err := s.PutCatalogueEntry(ctx, "P1", entry(7, otherGTIN), 0)
			assert.Equal(t, fault.CodeGTINInUse, fault.Of(err).Code)
			return nil
		}},
		{"SetCatalogue", 1, 0, 2, func(ctx context.Context, s *store.Store) error {
			return s.SetCatalogue(ctx, "P1", board.Catalogue{}, 100)
		}},
		{"SetCatalogue of an older version", 1, 0, 2, func(ctx context.Context, s *store.Store) error {
			return s.SetCatalogue(ctx, "P1", board.Catalogue{}, 99)
		}},
		{"Record: competitors, board, url, board, health", 5, 1, 3, submission(newest)},
		{"Record the same: the board twice, since the answer says what is current", 3, 2, 0, submission(newest)},
		{"Record late in the minute: no health", 4, 1, 2, submission(seen("P4", "bigmart", at(99_999), 1))},
		{"Record of a split product: its directory, its shard", 4, 1.5, 2, submission(sellers(20, 5000)[0])},
	} {
		s := storetestStore(storetest.Client(storetest.Endpoint(t)), table)
		ctx, m := meter.With(t.Context())
		require.NoError(t, tt.do(ctx, s), tt.name)
		assert.Equal(t, meter.Counts{Calls: tt.calls, Attempts: tt.calls, ReadUnits: tt.readUnits, WriteUnits: tt.written}, m.Counts(), tt.name)
	}
}

// TestStore_MetersASecondNoteOfAMinute: two processes note the health of a feed; the second is refused, which is a call all the same.
func TestStore_MetersASecondNoteOfAMinute(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	register(t, storetestStore(client, table), "bigmart")
	both := []*store.Store{storetestStore(client, table), storetestStore(client, table)}
	for _, s := range both {
		_, err := s.Competitors(t.Context())
		require.NoError(t, err)
	}
	for i, s := range both {
		ctx, m := meter.With(t.Context())
		in := seen("P1", "bigmart", at(i), 100)
		in.Observation.URL = ""
		require.NoError(t, submit(ctx, s, in))
		assert.Equal(t, 3, m.Counts().Calls, "the board twice, the health")
		assert.Equal(t, 3, m.Counts().Attempts)
	}
}

// TestStore_MetersRefusedWrites: DynamoDB bills a write that it refuses because another came first, though its refusal has no figure.
func TestStore_MetersRefusedWrites(t *testing.T) {
	t.Parallel()
	const read = 1   // the board
	const health = 1 // of the competitor, as a call and as a unit
	splits := func(r *race) { r.fill(20, 1) }
	withURL := func(minute int) price.Submission { return seen(racers, "bigmart", at(minute), 1) }
	tests := map[string]struct {
		before          func(r *race)
		operation, item string        // of the call that comes second
		meanwhile       func(r *race) // nil: it comes first
		in              price.Submission
		calls           int
		units           float64
	}{
		"a board": {nil, "UpdateItem", "board", func(r *race) { r.write(r.quick, observed(0, 1)...) }, observed(1, 1)[0],
			read + 2 + health, 1 + 1 + health},
		"a shard": {func(r *race) { r.fill(20, 1, 2) }, "UpdateItem", "board", func(r *race) { r.write(r.quick, observed(1, 4)...) },
			observed(1, 5)[0], read + 1 + 2 + health, 2 + 2 + health}, // of more than a KB
		"the urls, then the board": {nil, "UpdateItem", "board.urls", func(r *race) { r.write(r.quick, withURL(1)) }, withURL(2),
			read + 2 + 2 + health, 1 + 1 + 1 + 1 + health}, // refused, it only adds
		"a split into four, each item twice": {splits, "TransactWriteItems", "", func(r *race) { r.fill(1, 2) }, observed(1, 3)[0],
			read + 1 + 2 + 1 + health, 2*(1+4) + 1 + health},
		"a split that comes first, by DynamoDB's figure": {splits, "TransactWriteItems", "", nil, observed(1, 3)[0],
			read + 1 + 2 + 1 + health, 18},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRace(t)
			if tt.before != nil {
				tt.before(r)
			}
			happened := r.when(tt.operation, tt.item, func() storetest.Action {
				if tt.meanwhile != nil {
					tt.meanwhile(r)
				}
				return storetest.Pass
			})
			ctx, m := meter.With(t.Context())
			require.NoError(t, submit(ctx, r.slow, tt.in))
			require.True(t, happened())
			assert.Equal(t, tt.calls, m.Counts().Calls)
			assert.InDelta(t, tt.units, m.Counts().WriteUnits, 0)
		})
	}
}

package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

// The market of the test below: P1 has a history of three months, P2 is split, and both are in the catalogue.
const keyID = "0123456789abcdef"

func tokenRecord() token.Record {
	return token.Record{KeyID: keyID, Digest: []byte{1, 2, 3}, Client: "crawler-a", Scopes: []string{"ingest", "read"},
		Sources: []string{"crawler-a", "feed-*"}, NotBefore: start.Time(), Expires: start.Time().Add(24 * time.Hour), Active: true}
}

// market makes a table with something of everything that is stored.
func market(t *testing.T) (client *dynamodb.Client, table string) {
	t.Helper()
	client, table = storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart", "shopx")
	record(t, s, at(1), seen("P1", "shopx", at(0), 100))
	const month = 30 * 24 * 60
	for n := range 3 {
		for round := range 3 {
			minute := n*month + round*10
			record(t, s, at(minute+11), labelled(minute, 8, func(i int) int { return i })...)
		}
	}
	for minute := range 3 {
		record(t, s, at(100), sellers(20, minute+1)...)
	}
	for product, g := range map[string]price.GTIN{"P1": gtin, "P2": otherGTIN} {
		_, err := s.PutCatalogueEntry(t.Context(), product, entry(100, g), 0)
		require.NoError(t, err)
	}
	require.NoError(t, s.PutToken(t.Context(), tokenRecord()))
	return client, table
}

// submit is a call of Record as one that fails as a whole: with the error of its first observation that was not settled.
func submit(ctx context.Context, s *store.Store, in ...price.Submission) error {
	verdicts, err := s.Record(ctx, in, at(200_000), false)
	for _, v := range verdicts {
		if err == nil {
			err = v.Err
		}
	}
	return err
}

// Whatever the store does, no failure of any of its calls is taken for an answer. What DynamoDB refuses for good is our mistake,
// what passes is to be repeated. Both carry their cause for the log.
func TestStore_NoFailureIsTakenForAnAnswer(t *testing.T) {
	t.Parallel()
	const later = 89 * 24 * 60                                                     // behind all that the market has
	upwards := store.Window{From: at(-10), To: at(later), Limit: 3, Changes: true, // P1 of shopx has to be looked for
		After: &store.Position{ObservedAt: at(50 * 24 * 60)}}
	byGTIN := seen("", "bigmart", at(later), 5)
	byGTIN.GTIN = gtin
	type operation = func(ctx context.Context, s *store.Store, n int) error
	tests := map[string]struct {
		calls int // at least, to be sure that each is reached
		do    operation
	}{
		"Ping": {1, func(ctx context.Context, s *store.Store, _ int) error { return s.Ping(ctx) }},
		"Items": {1, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.Items(ctx, store.ProductPartition("P1"))
			return err
		}},
		"Product": {1, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.Product(ctx, "P2", true)
			return err
		}},
		"Products, one of them split": {2, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := allProducts(ctx, s, "P1", "P2")
			return err
		}},
		"History": {2, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.History(ctx, "P1", store.Window{From: at(0), To: at(later), Limit: 1000})
			return err
		}},
		"History, and what came before a page": {3, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.History(ctx, "P1", upwards)
			return err
		}},
		"Competitors": {1, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.Competitors(ctx)
			return err
		}},
		"ListCompetitors": {1, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.ListCompetitors(ctx)
			return err
		}},
		"FindCompetitor": {1, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.FindCompetitor(ctx, "bigmart")
			return err
		}},
		"PutCompetitor": {3, func(ctx context.Context, s *store.Store, n int) error {
			c := price.Competitor{ID: fmt.Sprint("newmart-", n), Name: "NewMart", FreshFor: time.Hour, Active: true}
			_, err := s.PutCompetitor(ctx, c)
			return err
		}},
		"FindToken": {1, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.FindToken(ctx, keyID)
			return err
		}},
		"ListTokens": {2, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.ListTokens(ctx)
			return err
		}},
		"PutToken": {2, func(ctx context.Context, s *store.Store, _ int) error { return s.PutToken(ctx, tokenRecord()) }},
		"TouchToken": {1, func(ctx context.Context, s *store.Store, _ int) error {
			return s.TouchToken(ctx, tokenRecord(), start.Time())
		}},
		"RevokeToken": {1, func(ctx context.Context, s *store.Store, _ int) error { return s.RevokeToken(ctx, keyID) }},
		"ProductOfGTIN": {1, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.ProductOfGTIN(ctx, gtin)
			return err
		}},
		"ProductsOfGTINs": {1, func(ctx context.Context, s *store.Store, _ int) error {
			_, err := s.ProductsOfGTINs(ctx, []price.GTIN{gtin})
			return err
		}},
		"FindCatalogueEntry": {1, func(ctx context.Context, s *store.Store, _ int) error {
			_, _, err := s.FindCatalogueEntry(ctx, "P1")
			return err
		}},
		"PutCatalogueEntry": {3, func(ctx context.Context, s *store.Store, n int) error {
			_, err := s.PutCatalogueEntry(ctx, "P1", entry(int64(1000+n), gtin), 0)
			return err
		}},
		"SetCatalogue": {1, func(ctx context.Context, s *store.Store, n int) error {
			return s.SetCatalogue(ctx, "P1", board.Catalogue{}, int64(1000+n))
		}},
		"Record, the newest": {4, func(ctx context.Context, s *store.Store, n int) error { // competitors, board, url, board
			in := seen("P3", "bigmart", at(later+n), 100)
			in.Observation.URL = fmt.Sprint("https://bigmart.example/", n)
			return submit(ctx, s, in)
		}},
		"Record, by a gtin": {3, func(ctx context.Context, s *store.Store, n int) error {
			in := byGTIN
			in.Observation.ObservedAt = at(later + n)
			return submit(ctx, s, in)
		}},
		"Record, late": {4, func(ctx context.Context, s *store.Store, n int) error { // the third looks into segments
			return submit(ctx, s, seen("P1", "bigmart", at(5000+n), 100))
		}},
		"Record, of a product that is split": {4, func(ctx context.Context, s *store.Store, n int) error {
			return submit(ctx, s, sellers(20, 5000+n)[:1]...)
		}},
		"Record, of a competitor nobody knows": {2, func(ctx context.Context, s *store.Store, _ int) error {
			err := submit(ctx, s, seen("P1", "nobody", at(later), 100))
			if fault.Is(err, fault.Invalid) {
				return nil
			}
			return err
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, table := market(t)
			n := 0 // so that no two runs write the same
			run := func(decide func(call int) storetest.Action) (calls int, err error) {
				n++
				url := storetest.Proxy(t, func(c storetest.Call) storetest.Action {
					if c.Operation == "UpdateItem" && c.SK == "bigmart#health" {
						return storetest.Pass // a hint for people; its failure is none of the request's
					}
					calls++
					return decide(calls)
				})
				err = tt.do(t.Context(), storetestStore(storetest.Client(url), table), n)
				return calls, err
			}
			calls, err := run(func(int) storetest.Action { return storetest.Pass })
			require.NoError(t, err)
			require.GreaterOrEqual(t, calls, tt.calls)
			for first := 1; first <= calls; first++ {
				for action, check := range map[storetest.Action]func(error){
					storetest.Deny: func(err error) {
						assert.True(t, fault.Is(err, fault.Internal))
						assert.ErrorContains(t, err, "AccessDeniedException")
					},
					storetest.Throttle: func(err error) {
						assert.True(t, fault.Is(err, fault.Unavailable))
						assert.Equal(t, fault.CodeThrottled, fault.Of(err).Code)
						assert.Error(t, errors.Unwrap(fault.Of(err)), "the cause")
					},
				} {
					made, err := run(func(call int) storetest.Action {
						if call >= first {
							return action
						}
						return storetest.Pass
					})
					if made < first { // the first run had more to do
						assert.Greater(t, first, tt.calls)
						continue
					}
					if assert.Error(t, err, "from call %d on", first) {
						check(err)
					}
					if action == storetest.Deny {
						assert.LessOrEqual(t, made, first+1, "what is refused for good is not asked for again; another may be on its way beside it")
					}
				}
			}
		})
	}
}

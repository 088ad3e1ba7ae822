package store_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/boardtest"
	"pricing/shared/testkit/storetest"
)

// propertyCases is how many cases the property below is checked on.
const propertyCases = 300

// shop is a product on the engine that cases are sent to.
type shop struct {
	client *dynamodb.Client
	table  string
	store  *store.Store
}

// record sends one request. What is throttled is sent again, as a client does; other verdicts are returned as they came
// first.
func (s shop) record(request boardtest.Request, now price.Timestamp) ([]store.Verdict, error) {
	verdicts := make([]store.Verdict, len(request.Observations))
	pending := make([]int, len(verdicts))
	for i := range pending {
		pending[i] = i
	}
	for len(pending) > 0 {
		submissions := make([]price.Submission, len(pending))
		for n, i := range pending {
			submissions[n] = price.Submission{Observation: request.Observations[i], Writer: price.Writer{Client: request.Client}}
		}
		got, err := s.store.Record(context.Background(), submissions, now, false)
		if err != nil {
			return nil, err
		}
		again := pending[:0:0]
		for n, i := range pending {
			if verdicts[i] = got[n]; got[n].Outcome() == "throttled" {
				again = append(again, i)
			}
		}
		pending = again
	}
	return verdicts, nil
}

// rows reads the history of a product, in pages of any size.
func (s shop) rows(t *rapid.T, productID string, ledger *boardtest.Ledger, now price.Timestamp) []board.Row {
	w := store.Window{From: ledger.Oldest(), To: now,
		Limit: rapid.IntRange(1, 50).Draw(t, "page"), Descending: rapid.Bool().Draw(t, "descending")}
	var rows []board.Row
	for {
		page, err := s.store.History(context.Background(), productID, w)
		require.NoError(t, err)
		rows = append(rows, page.Rows...)
		if w.After = page.Next; w.After == nil {
			break
		}

	}
	if w.Descending {
		slices.Reverse(rows)
	}
	return rows
}

// differences compares a product, and the rows of its history, with what it has to be.
func (s shop) differences(t *rapid.T, productID string, ledger *boardtest.Ledger, now price.Timestamp, rows []board.Row) []string {
	p, err := s.store.Product(context.Background(), productID, true)
	require.NoError(t, err)
	wrong := ledger.Differences(p.Live(price.Clock{Now: now, Retention: boardtest.Retention}), rows)
	for _, o := range p.Live(price.Clock{Now: now, Retention: boardtest.Retention}) {
		if url := p.URL(o); board.NameURL(o.Key, url) != o.URL.Name {
			wrong = append(wrong, fmt.Sprintf("url of %v: stored as %q", o.Key, url))
		}
	}
	return wrong
}

// TestStore_Property sends cases to the engine, twice each: as they are, one request after the other, and to another
// table what was accepted, in any order, split and repetition, by one writer or by several at once. Outcomes, offers,
// history and urls have to be what the oracle says, and versions only grow.
func TestStore_Property(tb *testing.T) {
	shops := make([]shop, 3)
	for i := range shops {
		if i < 2 { // the last two are two processes at one table
			shops[i].client, shops[i].table = storetest.Table(tb)
		} else {
			shops[i] = shops[i-1]
		}
		shops[i].store = store.New(shops[i].client, store.Options{Table: shops[i].table, Retention: boardtest.Retention, Width: 4})
		register(tb, shops[i].store, boardtest.Competitors...)
	}
	boardtest.Checks(tb, propertyCases)
	var tally boardtest.Tally
	products := 0
	rapid.Check(tb, func(t *rapid.T) {
		products++
		productID := "P-" + strconv.Itoa(products)
		c := boardtest.Draw(t).Of(productID)
		ledger := boardtest.NewLedger(c)
		now := c.Phases[len(c.Phases)-1].Now
		versions := map[string]int64{}
		for _, phase := range c.Phases {
			ledger.Begin(phase)
			for _, request := range phase.Requests {
				verdicts, err := shops[0].record(request, phase.Now)
				require.NoError(t, err)
				now := shops[0].versions(tb, productID)
				for sk, before := range versions {
					require.GreaterOrEqual(t, now[sk], before, "the version of %s only grows, and it never leaves", sk)
				}
				versions = now
				for i, want := range ledger.Record(request) {
					got := verdicts[i]
					stored := got.Result.Stored
					require.Equal(t, want.Outcome, got.Outcome(), "item %d", i)
					require.Equal(t, want.Current, got.Result.Current, "item %d", i)
					key := request.Observations[i].Key
					require.True(t, ledger.Same(want.Stored, key, stored), "item %d: want %+v, got %+v", i, want.Stored, stored)
					require.Equal(t, want.Receipt, boardtest.ReceiptOf(stored), "item %d", i)
					require.Empty(t, ledger.Offer(got.Result.Offer), "item %d", i)
				}
			}
		}
		if slices.ContainsFunc(ledger.Accepted, func(stored []price.Observation) bool { return len(stored) > 0 }) {
			rows := shops[0].rows(t, productID, ledger, now)
			require.Empty(t, shops[0].differences(t, productID, ledger, now, rows))
			require.Empty(t, ledger.Receipts(rows))
			shops[0].notes(tb, productID, ledger)

			writers := rapid.SampledFrom([]int{1, 1, 4}).Draw(t, "writers")
			ledger.Events[parallel] = writers > 1
			other := c.Shuffled(t, ledger.Accepted)
			for _, phase := range other.Phases {
				require.NoError(t, sendAll(shops[1:], phase, writers))
			}
			rows = shops[2].rows(t, productID, ledger, now)
			require.Empty(t, shops[2].differences(t, productID, ledger, now, rows), "%d writers", writers)
		}
		tally.Add(ledger.Events)
	})
	tally.Require(tb, parallel)
}

// parallel is a case that was sent again by several writers at once.
const parallel boardtest.Event = "several writers"

// sendAll sends a phase's requests by several writers at once.
func sendAll(shops []shop, phase boardtest.Phase, writers int) error {
	requests := make(chan boardtest.Request, len(phase.Requests))
	for _, request := range phase.Requests {
		requests <- request
	}
	close(requests)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for request := range requests {
				if _, err := shops[w%len(shops)].record(request, phase.Now); err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// versions returns the version of each item of a product's board.
func (s shop) versions(tb testing.TB, productID string) map[string]int64 {
	tb.Helper()
	versions := map[string]int64{}
	for _, it := range items(tb, s.client, s.table, "p#"+productID, "board") {
		v, err := strconv.ParseInt(it["v"].(*types.AttributeValueMemberN).Value, 10, 64)
		require.NoError(tb, err)
		versions[it["sk"].(*types.AttributeValueMemberS).Value] = v
	}
	return versions
}

// notes tells the ledger how the product was flushed and split, from its items.
func (s shop) notes(tb testing.TB, productID string, ledger *boardtest.Ledger) {
	tb.Helper()
	if past, ok := items(tb, s.client, s.table, "p#"+productID, "board")[0]["past"].(*types.AttributeValueMemberL); ok {
		ledger.Splits(1 + len(past.Value))
	}
	versions := map[string]map[string]bool{} // by shard
	for _, prefix := range []string{"seg#", "late#"} {
		for _, it := range items(tb, s.client, s.table, "p#"+productID, prefix) {
			parts := strings.Split(it["sk"].(*types.AttributeValueMemberS).Value, "#")
			shard, version := parts[1], parts[3]
			if versions[shard] == nil {
				versions[shard] = map[string]bool{}
			}
			versions[shard][version] = true
			ledger.Flushed(len(versions[shard]), prefix == "late#")
		}
	}
}

package store_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

func TestMain(m *testing.M) {
	storetest.SkipExamples()
	os.Exit(m.Run())
}

var start = price.At(time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC))

func at(minutes int) price.Timestamp { return start.Add(time.Duration(minutes) * time.Minute) }

func seen(product, competitor string, at price.Timestamp, minor int64) price.Submission {
	return price.Submission{Observation: price.Observation{
		Key:        price.OfferKey{ProductID: product, CompetitorID: competitor},
		Terms:      price.Terms{Price: price.Money{Minor: minor, Currency: "USD"}},
		URL:        "https://bigmart.example/p/77",
		Source:     price.Source{ID: "crawler-a", Confidence: 9700},
		ObservedAt: at,
	}}
}

// register makes the competitors that tests use known.
func register(tb testing.TB, s *store.Store, ids ...string) {
	tb.Helper()
	for _, id := range ids {
		_, err := s.PutCompetitor(tb.Context(), price.Competitor{ID: id, Name: id, FreshFor: price.DefaultFreshFor, Active: true})
		require.NoError(tb, err)
	}
}

func record(tb testing.TB, s *store.Store, received price.Timestamp, in ...price.Submission) []store.Verdict {
	tb.Helper()
	verdicts, err := s.Record(tb.Context(), in, received, false)
	require.NoError(tb, err)
	return verdicts
}

func outcomes(verdicts []store.Verdict) []string {
	out := make([]string, len(verdicts))
	for i, v := range verdicts {
		out[i] = v.Outcome()
	}
	return out
}

func history(tb testing.TB, s *store.Store, product string) []board.Row {
	tb.Helper()
	w := store.Window{From: start.Add(-48 * time.Hour), To: start.Add(400 * 24 * time.Hour), Limit: 100_000}
	page, err := s.History(tb.Context(), product, w)
	require.NoError(tb, err)
	require.Nil(tb, page.Next)
	return page.Rows
}

func TestStore_Record(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart", "shopx")

	verdicts := record(t, s, at(100), seen("P1", "bigmart", at(0), 1995), seen("P2", "bigmart", at(0), 500),
		seen("P1", "shopx", at(0), 1900), seen("P1", "nobody", at(0), 1))
	assert.Equal(t, []string{"created", "created", "created", "rejected"}, outcomes(verdicts))
	unknown := fault.Of(verdicts[3].Err)
	assert.Equal(t, []fault.Field{{Pointer: "/competitorId", Code: fault.CodeUnknownCompetitor,
		Detail: "No competitor nobody is registered; PUT /v1/competitors/nobody does that."}}, unknown.Fields)
	reserved := record(t, s, at(100), seen("P1", "self-check-2", at(0), 1))[0]
	assert.Equal(t, "No competitor self-check-2 is registered; of the reserved names only self-check and own are.",
		fault.Of(reserved.Err).Detail)

	assert.Equal(t, []string{"duplicate", "unchanged", "changed", "changed", "conflict"}, outcomes(record(t, s, at(101),
		seen("P1", "bigmart", at(0), 1995), seen("P1", "bigmart", at(1), 1995), seen("P2", "bigmart", at(2), 400),
		seen("P2", "bigmart", at(1), 450), seen("P1", "shopx", at(0), 1))))

	b, err := s.Product(t.Context(), "P2", false)
	require.NoError(t, err)
	o, ok := b.Find(price.OfferKey{ProductID: "P2", CompetitorID: "bigmart"})
	require.True(t, ok)
	assert.Equal(t, "4.50 USD", o.Previous.Price.String(), "a batch is applied in the order of observedAt")
	assert.Len(t, history(t, s, "P2"), 3)

	_, err = s.Product(t.Context(), "NOPE", false)
	assert.Equal(t, fault.CodeUnknownProduct, fault.Of(err).Code)
	assert.Equal(t, `No product "NOPE" is in the catalogue, and none was observed.`, fault.Of(err).Detail)
	assert.True(t, fault.Is(err, fault.NotFound))
}

func TestStore_Record_DryRunWritesNothing(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	ctx, m := meter.With(t.Context())
	verdicts, err := s.Record(ctx, []price.Submission{seen("P1", "bigmart", at(0), 1995)}, at(1), true)
	require.NoError(t, err)
	assert.Equal(t, []string{"created"}, outcomes(verdicts))
	assert.Zero(t, m.Counts().WriteUnits, "nor is it noted that the competitor was heard of")
	_, err = s.Product(t.Context(), "P1", false)
	assert.True(t, fault.Is(err, fault.NotFound))
}

func TestStore_Record_LateDataFindsItsDuplicateInASegment(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})
	register(t, s, "bigmart")
	const n = 400 // over more than two months, so that the tail is flushed several times
	const request = 8
	received := func(i int) price.Timestamp { return at((i/request + 1) * request * 300) }
	for first := 0; first < n; first += request {
		var in []price.Submission
		for i := first; i < first+request; i++ {
			in = append(in, seen("P1", "bigmart", at(i*300), int64(i%7)))
		}
		require.NotContains(t, outcomes(record(t, s, received(first), in...)), "throttled")
	}
	segments := items(t, client, table, "p#P1", "seg#")
	require.Greater(t, len(segments), 1)

	for _, i := range []int{0, 1, 57, 200, n - 1} {
		v := record(t, s, at(n*300), seen("P1", "bigmart", at(i*300), int64(i%7)))[0]
		assert.Equal(t, "duplicate", v.Outcome())
		assert.Equal(t, received(i), v.Result.Stored.ReceivedAt, "the time it was first received")
		assert.Equal(t, "conflict", record(t, s, at(n*300), seen("P1", "bigmart", at(i*300), 99))[0].Outcome())
	}
	assert.Equal(t, "late", record(t, s, at(n*300), seen("P1", "bigmart", at(5*300+1), 5))[0].Outcome())
	rows := history(t, s, "P1")
	require.Len(t, rows, n+1)
	for i := 1; i < len(rows); i++ {
		assert.Less(t, rows[i-1].Observation.ObservedAt, rows[i].Observation.ObservedAt)
	}
	assert.NotNil(t, segments[0]["expires"])
}

// Late segments may overlap, so one that ends behind a moment says nothing of the next.
func TestStore_Record_LateDataFindsItsDuplicateInAnyLateSegment(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	one := func(minute int) string {
		return record(t, s, at(5000), seen("P1", "bigmart", at(minute), int64(minute)))[0].Outcome()
	}
	for minute := 2000; len(items(t, client, table, "p#P1", "seg#")) == 0; minute++ {
		one(minute)
	}
	var sent []int
	for n := range 2 { // every second minute, then those between
		for minute := 100 + n; len(items(t, client, table, "p#P1", "late#")) == n; minute += 2 {
			require.Equal(t, "late", one(minute))
			sent = append(sent, minute)
		}
	}
	require.Greater(t, len(sent), 10)
	for _, minute := range sent {
		assert.Equal(t, "duplicate", one(minute), minute)
	}
}

func TestStore_ListCompetitors_ShowsWhatAnotherProcessJustRegistered(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	clock := func() time.Time { return start.Time() } // no time passes: every cache is fresh
	one := store.New(client, store.Options{Table: table, Now: clock})
	list, err := one.ListCompetitors(t.Context())
	require.NoError(t, err)
	assert.Empty(t, list)
	register(t, store.New(client, store.Options{Table: table}), "bigmart")
	list, err = one.ListCompetitors(t.Context())
	require.NoError(t, err)
	assert.Contains(t, list, "bigmart")
}

func TestStore_History_Pages(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart", "shopx")
	const n = 150
	for first := 0; first < n; first += 5 {
		var in []price.Submission
		for i := first; i < first+5; i++ {
			in = append(in, seen("P1", "bigmart", at(i*900), int64(i)), seen("P1", "shopx", at(i*900), int64(i)))
		}
		record(t, s, at((first+5)*900), in...)
	}
	for _, descending := range []bool{false, true} {
		t.Run(fmt.Sprintf("descending=%v", descending), func(t *testing.T) {
			var all []board.Row
			w := store.Window{From: at(10 * 900), To: at((n - 11) * 900), Limit: 7, Descending: descending,
				Match: func(k price.OfferKey) bool { return k.CompetitorID == "shopx" }}
			for {
				page, err := s.History(t.Context(), "P1", w)
				require.NoError(t, err)
				all = append(all, page.Rows...)
				if page.Next == nil {
					break
				}
				require.Len(t, page.Rows, 7)
				w.After = page.Next
			}
			require.Len(t, all, n-20)
			for i, row := range all {
				want := 10 + i
				if descending {
					want = n - 11 - i
				}
				require.Equal(t, at(want*900), row.Observation.ObservedAt)
			}
		})
	}
}

func TestStore_Record_ManyWritersOfOneProduct(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	register(t, store.New(client, store.Options{Table: table, Retention: storetest.Retention}), "bigmart")
	const writers = 8
	const each = 12
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 2})
			for i := range each {
				sub := seen("HOT", "bigmart", at(i*writers+w), int64(i))
				for { // a throttled client repeats
					verdicts, err := s.Record(context.WithoutCancel(t.Context()), []price.Submission{sub}, at(100_000), false)
					if err != nil {
						t.Errorf("record: %v", err)
						return
					}
					if verdicts[0].Outcome() != "throttled" {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	rows := history(t, storetestStore(client, table), "HOT")
	assert.Len(t, rows, writers*each, "nothing lost, nothing doubled")
	b, err := storetestStore(client, table).Product(t.Context(), "HOT", false)
	require.NoError(t, err)
	assert.Equal(t, at(each*writers-1), b.Boards[0].Offers[0].Current.ObservedAt)
}

func storetestStore(client *dynamodb.Client, table string) *store.Store {
	return store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})
}

// behind returns a store whose calls pass a proxy, on a table in which bigmart is registered, and one that has no proxy.
func behind(t *testing.T, decide func(plain *store.Store, c storetest.Call) storetest.Action) (proxied, plain *store.Store) {
	t.Helper()
	client, table := storetest.Table(t)
	plain = storetestStore(client, table)
	register(t, plain, "bigmart")
	url := storetest.Proxy(t, func(c storetest.Call) storetest.Action { return decide(plain, c) })
	return storetestStore(storetest.Client(url), table), plain
}

func TestStore_Record_UnderFaults(t *testing.T) {
	t.Parallel()
	type decision = func(*store.Store, storetest.Call) storetest.Action
	first := func(action storetest.Action, operation, item string) decision {
		return func(_ *store.Store, c storetest.Call) storetest.Action {
			if c.Is(operation, item, 0) {
				return action
			}
			return storetest.Pass
		}
	}
	always := func(action storetest.Action, operation, item string) decision {
		return func(_ *store.Store, c storetest.Call) storetest.Action {
			if c.Is(operation, item, c.Before) {
				return action
			}
			return storetest.Pass
		}
	}
	tests := map[string]struct {
		decide      decision
		wantOutcome string
		wantStored  bool
	}{
		"the write's answer is lost: the write is recognised as our own": {first(storetest.DropAnswer, "UpdateItem", "board"), "created", true},
		"the write never arrives: it is sent again":                      {first(storetest.Drop, "UpdateItem", "board"), "created", true},
		"a passing throttle":                     {first(storetest.Throttle, "UpdateItem", "board"), "created", true},
		"a passing 500":                          {first(storetest.Fail, "BatchGetItem", ""), "created", true},
		"throttled for good":                     {always(storetest.Throttle, "UpdateItem", "board"), "throttled", false},
		"boards cannot be read":                  {always(storetest.Fail, "BatchGetItem", ""), "throttled", false},
		"competitors cannot be read":             {always(storetest.Throttle, "Query", ""), "throttled", false},
		"half an answer: the outcome is unknown": {first(storetest.Truncate, "UpdateItem", "board"), "throttled", true},
		"a url's answer is lost":                 {first(storetest.DropAnswer, "UpdateItem", "board.urls"), "created", true},
		"a url cannot be written":                {always(storetest.Throttle, "UpdateItem", "board.urls"), "throttled", false},
		"another writer comes first": {func(plain *store.Store, c storetest.Call) storetest.Action {
			if c.Is("UpdateItem", "board", 0) {
				record(t, plain, at(50), seen("P1", "bigmart", at(7), 700))
			}
			return storetest.Pass
		}, "late", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, plain := behind(t, tt.decide)
			verdicts := record(t, s, at(60), seen("P1", "bigmart", at(0), 100))
			assert.Equal(t, tt.wantOutcome, verdicts[0].Outcome())
			if tt.wantOutcome == "throttled" {
				assert.True(t, fault.Is(verdicts[0].Err, fault.Unavailable))
			}
			again := record(t, plain, at(70), seen("P1", "bigmart", at(0), 100))
			want := "created"
			if tt.wantStored {
				want = "duplicate"
			}
			assert.Equal(t, want, again[0].Outcome(), "repeating is always safe")
		})
	}
}

// What a request needs as a whole, and is refused for good, is no outcome of its observations.
func TestStore_Record_ADeniedCallIsOurMistake(t *testing.T) {
	t.Parallel()
	byGTIN := seen("", "bigmart", at(0), 100)
	byGTIN.GTIN = gtin
	for operation, in := range map[string]price.Submission{
		"BatchGetItem": seen("P1", "bigmart", at(0), 100), "Query": seen("P1", "bigmart", at(0), 100), "BatchGetItem of gtins": byGTIN,
	} {
		s, _ := behind(t, func(_ *store.Store, c storetest.Call) storetest.Action {
			if strings.HasPrefix(operation, c.Operation) {
				return storetest.Deny
			}
			return storetest.Pass
		})
		verdicts, err := s.Record(t.Context(), []price.Submission{in}, at(1), false)
		require.Error(t, err, operation)
		assert.True(t, fault.Is(err, fault.Internal))
		assert.Empty(t, verdicts)
	}
}

func TestStore_Record_StopsAtTheDeadline(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancelCause(t.Context())
	s, _ := behind(t, func(_ *store.Store, c storetest.Call) storetest.Action {
		if c.Operation == "UpdateItem" {
			end(context.DeadlineExceeded)
			return storetest.Hang
		}
		return storetest.Pass
	})
	verdicts, err := s.Record(ctx, []price.Submission{seen("P1", "bigmart", at(0), 100)}, at(1), false)
	require.NoError(t, err)
	assert.Equal(t, []string{"throttled"}, outcomes(verdicts))
}

func TestStore_Record_NeverTakesAnUnknownBoardForEmpty(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	record(t, s, at(1), seen("P1", "bigmart", at(0), 100))
	_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: itemKey("p#P1", "board"), UpdateExpression: aws.String("SET h = :h"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":h": &types.AttributeValueMemberB{Value: []byte{99, 1, 2}}},
	})
	require.NoError(t, err)
	before := items(t, client, table, "p#P1", "board")
	verdicts := record(t, s, at(2), seen("P1", "bigmart", at(1), 100))
	assert.Equal(t, "failed", verdicts[0].Outcome())
	require.ErrorIs(t, verdicts[0].Err, board.ErrFormat)
	_, err = s.Product(t.Context(), "P1", false)
	require.ErrorIs(t, err, board.ErrFormat)
	assert.Equal(t, before, items(t, client, table, "p#P1", "board"), "not overwritten")
}

// A damaged segment is an error to whoever looks into its time; the observation is not taken for news.
func TestStore_Record_NeverTakesADamagedSegmentForEmpty(t *testing.T) {
	t.Parallel()
	client, table := market(t)
	s := storetestStore(client, table)
	july := items(t, client, table, "p#P1", "seg#1#202607")
	require.NotEmpty(t, july)
	july[0]["h"] = &types.AttributeValueMemberB{Value: []byte{99, 1, 2}}
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: july[0]})
	require.NoError(t, err)
	before := items(t, client, table, "p#P1", "")
	verdicts := record(t, s, at(200_000), seen("P1", "bigmart", at(0), 100))
	require.ErrorIs(t, verdicts[0].Err, board.ErrFormat)
	_, err = s.History(t.Context(), "P1", store.Window{From: at(0), To: at(1000), Limit: 10})
	require.ErrorIs(t, err, board.ErrFormat)
	assert.Equal(t, before, items(t, client, table, "p#P1", ""))
}

// TestStore_ADamagedCompetitorIsAnError, beside its health and beside a good one: nobody takes it for one that is not registered.
func TestStore_ADamagedCompetitorIsAnError(t *testing.T) {
	t.Parallel()
	const damage = `competitor bigmart: unknown kind "X"`
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart", "shopx")
	record(t, s, at(1), seen("P1", "bigmart", at(0), 100)) // notes its health
	it := items(t, client, table, store.CompetitorsPartition(), "bigmart")[0]
	it[store.AttrKind] = &types.AttributeValueMemberS{Value: "X"}
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it})
	require.NoError(t, err)

	other := storetestStore(client, table) // with no list of before
	_, err = other.ListCompetitors(t.Context())
	require.ErrorContains(t, err, damage)
	_, err = other.FindCompetitor(t.Context(), "bigmart")
	require.ErrorContains(t, err, damage)
	_, err = other.Record(t.Context(), []price.Submission{seen("P1", "bigmart", at(1), 100)}, at(2), false)
	require.ErrorContains(t, err, damage)
}

func TestStore_Competitors(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	now := time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Now: func() time.Time { return now }})
	other := storetestStore(client, table)

	_, err := s.Competitors(t.Context()) // an empty list is cached
	require.NoError(t, err)
	bigmart := price.Competitor{ID: "bigmart", Name: "BigMart", Kind: price.Marketplace, Domain: "bigmart.example", Country: "US",
		DefaultCurrency: "USD", FreshFor: time.Hour, Active: true}
	isNew, err := other.PutCompetitor(t.Context(), bigmart)
	require.NoError(t, err)
	assert.True(t, isNew)

	t.Run("none is refused for a list older than a second", func(t *testing.T) {
		assert.Equal(t, []string{"created"}, outcomes(record(t, s, at(1), seen("P1", "bigmart", at(0), 100))))
	})
	t.Run("what was put comes back, with its health to the minute", func(t *testing.T) {
		now = now.Add(2 * time.Minute)
		list, err := s.Competitors(t.Context())
		require.NoError(t, err)
		got := list["bigmart"]
		assert.Equal(t, bigmart, got.Competitor)
		assert.Equal(t, at(1), got.LastReceivedAt)
		assert.Equal(t, at(0), got.LastObservedAt)
	})
	t.Run("inactive ones are refused", func(t *testing.T) {
		isNew, err := other.PutCompetitor(t.Context(), price.Competitor{ID: "bigmart", Name: "BigMart", FreshFor: time.Hour})
		require.NoError(t, err)
		assert.False(t, isNew)
		now = now.Add(2 * time.Minute)
		verdicts := record(t, s, at(4), seen("P1", "bigmart", at(3), 100))
		assert.Equal(t, []string{"rejected"}, outcomes(verdicts))
		assert.Equal(t, "The competitor bigmart is inactive.", fault.Of(verdicts[0].Err).Detail)
	})
	t.Run("refusals of one second read the list once", func(t *testing.T) {
		for products, calls := range map[int][]int{
			1: {2, 0, 1, 0}, // the usual list and then a certain one; a second later a certain one again
			2: {3, 0, 1, 0}, // the usual list beside the boards
		} {
			now = now.Add(2 * time.Minute)
			for i, want := range calls {
				if i == 2 {
					now = now.Add(time.Second)
				}
				ctx, m := meter.With(t.Context())
				in := []price.Submission{seen("P1", "nobody", at(3), 100), seen("P2", "nobody", at(3), 100)}
				verdicts, err := s.Record(ctx, in[:products], at(4), false)
				require.NoError(t, err)
				assert.Equal(t, []string{"rejected", "rejected"}[:products], outcomes(verdicts))
				assert.Equal(t, want, m.Counts().Calls, "refusal %d of %d products", i, products)
			}
		}
	})
	t.Run("a process sees at once what it put itself", func(t *testing.T) {
		_, err := s.Competitors(t.Context())
		require.NoError(t, err)
		register(t, s, "shopx")
		list, err := s.Competitors(t.Context())
		require.NoError(t, err)
		assert.Contains(t, list, "shopx")
		assert.Equal(t, price.NoTime, list["shopx"].LastReceivedAt)
		assert.Equal(t, price.NoTime, list["shopx"].LastObservedAt)
	})
	t.Run("what was refused was not heard, what was sent again was", func(t *testing.T) {
		health := func() [2]price.Timestamp {
			one, err := other.FindCompetitor(t.Context(), "shopx")
			require.NoError(t, err)
			return [2]price.Timestamp{one.LastReceivedAt, one.LastObservedAt}
		}
		record(t, s, at(4), seen("P1", "shopx", at(3), 100))
		assert.Equal(t, [2]price.Timestamp{at(4), at(3)}, health())
		again := record(t, s, at(6), seen("P1", "shopx", at(3), 100), seen("P1", "shopx", at(3), 101))
		assert.Equal(t, []string{"duplicate", "conflict"}, outcomes(again))
		assert.Equal(t, [2]price.Timestamp{at(6), at(3)}, health())
		record(t, s, at(8), seen("P1", "shopx", at(2), 100))
		assert.Equal(t, [2]price.Timestamp{at(8), at(3)}, health(), "late data was heard, but the newest is another")
		record(t, s, at(9), seen("P1", "shopx", at(8)+59_999, 100))
		assert.Equal(t, [2]price.Timestamp{at(9), at(8)}, health(), "to the minute")
	})
	t.Run("each is noted, whoever else was heard in this minute", func(t *testing.T) {
		var ids []string
		var heard, all []price.Submission
		for i := range 20 {
			ids = append(ids, fmt.Sprint("shop-", i))
			all = append(all, seen("P1", ids[i], at(21), 100))
			if i%2 == 0 {
				heard = append(heard, seen("P1", ids[i], at(20), 100))
			}
		}
		register(t, s, ids...)
		record(t, s, at(22), heard...)
		record(t, s, at(22), all...)
		for _, id := range ids {
			one, err := other.FindCompetitor(t.Context(), id)
			require.NoError(t, err)
			assert.Equal(t, at(22), one.LastReceivedAt, id)
		}
	})
	t.Run("a feed of nobody is not listed", func(t *testing.T) {
		ghost := itemKey(store.CompetitorsPartition(), "ghost#health")
		ghost["r"] = &types.AttributeValueMemberN{Value: "60000"}
		ghost["o"] = ghost["r"]
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: ghost})
		require.NoError(t, err)
		list, err := s.ListCompetitors(t.Context())
		require.NoError(t, err)
		assert.NotContains(t, list, "ghost")
		_, err = s.FindCompetitor(t.Context(), "ghost")
		assert.True(t, fault.Is(err, fault.NotFound))
		assert.Equal(t, "No competitor ghost is registered.", fault.Of(err).Detail)
	})
	t.Run("self-check counts as registered and is listed nowhere", func(t *testing.T) {
		assert.Equal(t, []string{"created"}, outcomes(record(t, s, at(4), seen("self-check-1", "self-check", at(3), 100))))
		list, err := s.ListCompetitors(t.Context())
		require.NoError(t, err)
		assert.NotContains(t, list, "self-check")
		assert.Empty(t, items(t, client, table, store.CompetitorsPartition(), "self-check"), "nor is its health kept")
	})
}

func TestStore_Record_UnknownGTIN(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	sub := seen("", "bigmart", at(0), 100)
	sub.GTIN = "06291041500213"
	ofNobody := sub
	ofNobody.Observation.Key.CompetitorID = "nobody"
	for _, v := range record(t, s, at(1), sub, ofNobody) {
		assert.Equal(t, fault.CodeUnknownGTIN, fault.Of(v.Err).Code)
	}

	storetest.PutGTIN(t, client, table, "06291041500213", "ZU-1042")
	verdicts := record(t, s, at(1), sub)
	assert.Equal(t, "created", verdicts[0].Outcome())
	assert.Equal(t, "ZU-1042", verdicts[0].ProductID)

	others := []price.Submission{sub, sub, seen("P1", "bigmart", at(0), 100), sub, seen("ZU-1042", "bigmart", at(2), 300)}
	others[1].Observation.ObservedAt = at(1)
	others[3].GTIN = "00012345678905"
	verdicts = record(t, s, at(2), others...)
	want := []string{"duplicate", "unchanged", "created", "rejected", "changed"}
	assert.Equal(t, want, outcomes(verdicts), "one gtin twice, another beside it")
	assert.Equal(t, []fault.Field{{Pointer: "/gtin", Code: fault.CodeUnknownGTIN, Detail: "No product has the gtin 00012345678905."}},
		fault.Of(verdicts[3].Err).Fields)
}

func TestStore_MetersCallsAndUnits(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	_, err := s.Competitors(t.Context())
	require.NoError(t, err)
	ctx, m := meter.With(t.Context())
	_, err = s.Record(ctx, []price.Submission{seen("P1", "bigmart", at(0), 100)}, at(1), false)
	require.NoError(t, err)
	want := meter.Counts{Calls: 4, Attempts: 4, ReadUnits: 0.5, WriteUnits: 3}
	assert.Equal(t, want, m.Counts(), "a read, the new url, the board, the competitor's health")
}

// TestStore_MetersTroubles: what went wrong with a request's calls is counted, though the request succeeded.
func TestStore_MetersTroubles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		action          storetest.Action
		operation, item string
		times           int // how many calls it happens to
		want            meter.Counts
	}{
		"a throttle, by its reason": {storetest.Throttle, "UpdateItem", "board", 2,
			meter.Counts{Throttles: map[string]int{storetest.ThrottleReason: 2}}},
		"no throttle":                         {storetest.Fail, "UpdateItem", "board", 1, meter.Counts{}},
		"keys left over":                      {storetest.Leave, "BatchGetItem", "", 2, meter.Counts{Unprocessed: 2}},
		"a write of our own, its answer lost": {storetest.DropAnswer, "UpdateItem", "board", 1, meter.Counts{OwnWrites: 1}},
		"a write that never arrived":          {storetest.Drop, "UpdateItem", "board", 1, meter.Counts{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := behind(t, func(_ *store.Store, c storetest.Call) storetest.Action {
				if c.Is(tt.operation, tt.item, c.Before) && c.Before < tt.times {
					return tt.action
				}
				return storetest.Pass
			})
			ctx, m := meter.With(t.Context())
			verdicts, err := s.Record(ctx, []price.Submission{seen("P1", "bigmart", at(0), 100)}, at(1), false)
			require.NoError(t, err)
			assert.Equal(t, []string{"created"}, outcomes(verdicts))
			got := m.Counts()
			troubles := meter.Counts{
				Throttles: got.Throttles, QuotaExceeded: got.QuotaExceeded, Unprocessed: got.Unprocessed, OwnWrites: got.OwnWrites,
			}
			assert.Equal(t, tt.want, troubles)
		})
	}
}

func itemKey(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}}
}

func items(tb testing.TB, client *dynamodb.Client, table, pk, prefix string) []map[string]types.AttributeValue {
	tb.Helper()
	out, err := client.Query(tb.Context(), &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":pk": &types.AttributeValueMemberS{Value: pk}, ":sk": &types.AttributeValueMemberS{Value: prefix},
		},
	})
	require.NoError(tb, err)
	return out.Items
}

// TestStore_PutCompetitor_Limit: the list of competitors, which every process reads each minute, cannot grow without end.
func TestStore_PutCompetitor_Limit(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	put := func(id string) (isNew bool, err error) {
		return s.PutCompetitor(t.Context(), price.Competitor{ID: id, Name: "new name", FreshFor: time.Hour, Active: true})
	}
	storetest.PutCompetitors(t, client, table, store.MaxCompetitors-1)
	record(t, s, at(1), seen("P1", "c-0", at(0), 100)) // the health of a feed is no competitor
	isNew, err := put("the-last")
	require.NoError(t, err)
	assert.True(t, isNew)

	_, err = put("one-too-many")
	require.True(t, fault.Is(err, fault.Invalid), err)
	assert.Equal(t, fault.CodeTooManyCompetitors, fault.Of(err).Code)
	_, err = s.FindCompetitor(t.Context(), "one-too-many")
	assert.True(t, fault.Is(err, fault.NotFound), "it is not stored")

	isNew, err = put("c-4000")
	require.NoError(t, err)
	assert.False(t, isNew)
	c, err := s.FindCompetitor(t.Context(), "c-4000")
	require.NoError(t, err)
	assert.Equal(t, "new name", c.Name, "one that is there can be changed")
}

package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/tools/internal/history"
)

const product = "ZU-1042"

var start = price.At(time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC))

func at(minute int) price.Timestamp { return start.Add(time.Duration(minute) * time.Minute) }

// tables are a stack's table and a copy of an earlier moment, and all that was ever acknowledged.
type tables struct {
	t            *testing.T
	client       *dynamodb.Client
	table, from  string
	live         *store.Store
	acknowledged []board.Row
}

func newTables(t *testing.T) *tables {
	t.Helper()
	s := &tables{t: t}
	s.client, s.table = storetest.Table(t)
	_, s.from = storetest.Table(t)
	s.live = store.New(s.client, store.Options{Table: s.table, Retention: storetest.Retention, Width: 4})
	_, err := s.live.PutCompetitor(t.Context(), price.Competitor{ID: "market", Name: "M", FreshFor: price.DefaultFreshFor, Active: true})
	require.NoError(t, err)
	return s
}

// sold is an observation of a seller at a minute, each with another price and, of every tenth, with another url.
func sold(seller, minute int) price.Submission {
	o := price.Observation{
		Key:    price.OfferKey{ProductID: product, CompetitorID: "market", SellerID: fmt.Sprintf("seller-%040d", seller)},
		Terms:  price.Terms{Price: price.Money{Minor: int64(1000 + minute%7), Currency: "USD"}},
		Source: price.Source{ID: "crawler-a", Confidence: price.NoConfidence}, ObservedAt: at(minute),
	}
	if minute%10 == 0 {
		o.URL = fmt.Sprint("https://market.example/", seller, "/", minute)
	}
	return price.Submission{Observation: o, Writer: price.Writer{Client: "night-run"}}
}

// write sends one look at some sellers, minute by minute; what was acknowledged is remembered.
func (s *tables) write(sellers, from, to int) (outcomes map[string]int) {
	s.t.Helper()
	outcomes = map[string]int{}
	for minute := from; minute < to; minute++ {
		var in []price.Submission
		for seller := range sellers {
			in = append(in, sold(seller, minute))
		}
		verdicts, err := s.live.Record(s.t.Context(), in, at(100_000), false)
		require.NoError(s.t, err)
		for i, v := range verdicts {
			outcomes[v.Outcome()]++
			if v.Stored() {
				s.acknowledged = append(s.acknowledged, board.Row{Key: in[i].Observation.Key, Observation: v.Result.Stored})
			}
		}
	}
	return outcomes
}

func (s *tables) items(table, prefix string) (found []item) {
	s.t.Helper()
	all, err := store.New(s.client, store.Options{Table: table}).Items(s.t.Context(), store.ProductPartition(product))
	require.NoError(s.t, err)
	for _, it := range all {
		if _, sk := history.KeyOf(it); strings.HasPrefix(sk, prefix) {
			found = append(found, it)
		}
	}
	return found
}

func (s *tables) put(table string, items ...item) {
	s.t.Helper()
	for _, it := range items {
		_, err := s.client.PutItem(s.t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it})
		require.NoError(s.t, err)
	}
}

func (s *tables) remove(items ...item) {
	s.t.Helper()
	for _, it := range items {
		_, err := s.client.DeleteItem(s.t.Context(), &dynamodb.DeleteItemInput{TableName: &s.table, Key: item{"pk": it["pk"], "sk": it["sk"]}})
		require.NoError(s.t, err)
	}
}

// copy makes the copy of this moment.
func (s *tables) copy() { s.put(s.from, s.items(s.table, "")...) }

func (s *tables) restore(args ...string) (said string, err error) {
	s.t.Helper()
	var out bytes.Buffer
	environment := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_ENDPOINT_URL_DYNAMODB": storetest.Endpoint(s.t)}
	args = append([]string{"-table", s.table, "-from", s.from, "-product", product, "-history-days", "4000"}, args...)
	err = run(s.t.Context(), args, func(name string) string { return environment[name] }, &out)
	return out.String(), err
}

// holds requires that all rows stand in the history.
func (s *tables) holds(rows []board.Row) {
	s.t.Helper()
	stored := map[identity]bool{}
	w := store.Window{From: at(-1), To: at(99_999), Limit: 1000}
	for {
		page, err := s.live.History(s.t.Context(), product, w)
		require.NoError(s.t, err)
		require.Empty(s.t, page.Suspect)
		for _, r := range page.Rows {
			require.False(s.t, stored[identityOf(r)], "twice")
			stored[identityOf(r)] = true
		}
		if w.After = page.Next; w.After == nil {
			break
		}
	}
	for _, r := range rows {
		require.True(s.t, stored[identityOf(r)], "lost: %v at %s", r.Key, r.Observation.ObservedAt)
	}
}

// whole requires that all rows stand in the history, and that the offers are what they make, with their urls.
func (s *tables) whole(rows []board.Row) {
	s.t.Helper()
	s.holds(rows)
	p, err := s.live.Product(s.t.Context(), product, true)
	require.NoError(s.t, err)
	for _, want := range board.Refold(rows) {
		o, ok := p.Find(want.Key)
		require.True(s.t, ok)
		o.Tail = nil
		want.URL = o.URL
		require.Equal(s.t, want, o)
		require.NotEmpty(s.t, p.URL(o))
	}
}

func damaged(it item) item {
	it = maps.Clone(it)
	it[store.AttrPacked] = &types.AttributeValueMemberB{Value: []byte{99, 1, 2}}
	return it
}

// TestRestore: whatever has happened to a product, all that stands readable in the table or its copy is there afterwards, no board
// fails any more, and what comes then is stored as ever.
func TestRestore(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sellers int
		damage  func(s *tables)
		lost    int // acknowledged observations that stand nowhere
		says    string
	}{
		"a board cannot be read": {3, func(s *tables) { s.put(s.table, damaged(s.items(s.table, "board")[0])) }, -1, "cannot be read"},
		"segments are gone":      {3, func(s *tables) { s.remove(s.items(s.table, "seg#")[:2]...) }, 0, "only in the copy"},
		"the board is gone":      {3, func(s *tables) { s.remove(s.items(s.table, "board")[0]) }, -1, "stands on no board of the table"},
		"everything is gone":     {3, func(s *tables) { s.remove(s.items(s.table, "")...) }, -1, "only in the copy"},
		"an old board was put over it by hand": {3, func(s *tables) { s.put(s.table, s.items(s.from, "board")[0]) }, -1,
			"was an older board put back?"},
		"a shard cannot be read": {40, func(s *tables) { s.put(s.table, damaged(s.items(s.table, "board#")[1])) }, -1, "cannot be read"},
		"a shard is gone":        {40, func(s *tables) { s.remove(s.items(s.table, "board#")[1]) }, -1, "are missing"},
		"everything is gone, and the feed went on": {40, func(s *tables) {
			s.remove(s.items(s.table, "")...)
			s.write(2, 120, 121)
		}, -1, "only in the copy"},
		"the directory is gone, and the feed went on": {40, func(s *tables) {
			s.remove(s.items(s.table, "board")[0])
			s.write(2, 120, 121)
		}, -1, "to write"},
		"the directory is gone": {40, func(s *tables) { s.remove(s.items(s.table, "board")[0]) }, 0, "to write"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTables(t)
			_, err := s.live.PutCatalogueEntry(t.Context(), product, price.CatalogueEntry{Title: "Kettle",
				List: price.Money{Minor: 2999, Currency: "USD"}}, nil)
			require.NoError(t, err)
			s.write(tt.sellers, 0, 60)
			s.copy()
			before := len(s.acknowledged)
			s.write(tt.sellers, 60, 120)
			tt.damage(s)

			said, err := s.restore("-plan")
			require.NoError(t, err)
			assert.Contains(t, said, tt.says)
			untouched := s.items(s.table, "")
			readable := rowsStanding(s)
			said, err = s.restore()
			require.NoError(t, err)
			assert.Contains(t, said, "\nrestored\n")
			assert.NotEqual(t, untouched, s.items(s.table, ""))

			s.whole(readable)
			s.holds(s.acknowledged[:before])
			if tt.lost == 0 {
				s.whole(s.acknowledged)
			}
			p, err := s.live.Product(t.Context(), product, false)
			require.NoError(t, err)
			assert.Equal(t, tt.sellers == 40, len(p.Boards) > 1, "split as before")
			assert.True(t, p.Catalogued)
			assert.Equal(t, int64(2999), p.Catalogue.List.Minor)

			said, err = s.restore()
			require.NoError(t, err)
			assert.Contains(t, said, "nothing is to be restored")
			again := s.write(tt.sellers, 0, 120) // clients send all of it again
			assert.Zero(t, again["failed"]+again["throttled"]+again["conflict"])
			s.write(tt.sellers, 120, 200)
			s.whole(s.acknowledged)
		})
	}
}

// rowsStanding are all observations that stand readable in either table.
func rowsStanding(s *tables) []board.Row {
	s.t.Helper()
	merged := read(product, append(s.items(s.table, ""), s.items(s.from, "")...)).Merge()
	return rowsOf(&merged)
}

// TestRestore_NaiveWay: an older item put over a newer one ends in failed as soon as a version is used twice. Nothing is overwritten,
// and the history says so.
func TestRestore_NaiveWay(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.write(3, 0, 60)
	s.copy()
	s.write(3, 60, 200)
	segments := s.items(s.table, "seg#")
	s.put(s.table, s.items(s.from, "board")[0])
	page, err := s.live.History(t.Context(), product, store.Window{From: at(0), To: at(1000), Limit: 1000})
	require.NoError(t, err)
	assert.NotEmpty(t, page.Suspect, "before anything is written")
	outcomes := map[string]int{}
	for minute := 300; minute < 400; minute++ {
		for outcome, n := range s.write(3, minute, minute+1) {
			outcomes[outcome] += n
		}
	}
	assert.Positive(t, outcomes["failed"], "%v", outcomes)
	for i, it := range segments {
		assert.Equal(t, it, s.items(s.table, "seg#")[i], "never overwritten")
	}
}

// TestRestore_Race: a writer that comes between reading and writing makes the restoration start again, and loses nothing. Of a split
// product the directory has not changed then, only shards.
func TestRestore_Race(t *testing.T) {
	t.Parallel()
	for name, sellers := range map[string]int{"one board": 3, "split": 60} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTables(t)
			s.write(sellers, 0, 60)
			assert.Equal(t, sellers > 3, len(s.items(s.table, "board#")) > 0)
			s.copy()
			s.remove(s.items(s.table, "seg#")[0])
			p := newPlan(product, s.items(s.table, ""), s.items(s.from, ""), price.Clock{Now: at(100_000), Retention: storetest.Retention})
			require.True(t, p.needed())
			s.write(1, 60, 61)
			replaced, err := s.live.Replace(t.Context(), product, p.old, p.replacement)
			require.NoError(t, err)
			assert.False(t, replaced)
			said, err := s.restore()
			require.NoError(t, err)
			assert.Contains(t, said, "\nrestored\n")
			s.whole(s.acknowledged)
		})
	}
}

// TestRestore_RaceWithAFlush: a flush that began before the restoration's segments stood there, and ends after them, makes the
// restoration start again. The segments that it leaves hide nothing of what was flushed.
func TestRestore_RaceWithAFlush(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.write(3, 100, 160)
	s.copy()
	s.remove(s.items(s.table, "seg#")[0])
	p := newPlan(product, s.items(s.table, ""), s.items(s.from, ""), price.Clock{Now: at(100_000), Retention: storetest.Retention})
	live := s.live
	replaced, won := false, false
	var failed error
	slow := storetest.Client(storetest.Proxy(t, func(c storetest.Call) storetest.Action {
		if c.Operation == "PutItem" && c.Item == "seg" && !replaced { // of a flush, which has looked for others
			replaced = true
			won, failed = live.Replace(t.Context(), product, p.old, p.replacement)
		}
		return storetest.Pass
	}))
	var early []price.Submission // older than what stands in the tail
	b, err := live.Product(t.Context(), product, false)
	require.NoError(t, err)
	for minute := 158; minute > 150; minute-- {
		if at(minute) > b.Boards[0].Flushed {
			o := sold(0, minute)
			o.Observation.ObservedAt = o.Observation.ObservedAt.Add(30 * time.Second)
			early = append(early, o)
		}
	}
	require.NotEmpty(t, early)
	verdicts, err := live.Record(t.Context(), append(slices.Clone(early), sold(0, 160)), at(100_000), false)
	require.NoError(t, err)
	require.True(t, verdicts[0].Stored())
	s.live = store.New(slow, store.Options{Table: s.table, Retention: storetest.Retention, Width: 4})
	for minute := 161; !replaced; minute++ {
		s.write(3, minute, minute+1)
	}
	require.NoError(t, failed)
	require.False(t, won)
	s.live = live
	verdicts, err = live.Record(t.Context(), early, at(100_000), false)
	require.NoError(t, err)
	for _, v := range verdicts {
		assert.Equal(t, "duplicate", v.Outcome())
	}
}

// TestRestore_StaleDirectory: a flush of the whole board put its segment and crashed, then the product was split. A writer that read the
// directory before a restoration, and the shards after it, does not know that segment, so it must not be all that holds something.
func TestRestore_StaleDirectory(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	quick := s.live
	slowly := func(decide func(c storetest.Call) storetest.Action) *store.Store {
		slow := store.New(storetest.Client(storetest.Proxy(t, decide)), store.Options{Table: s.table, Retention: storetest.Retention, Width: 4})
		_, err := slow.Competitors(t.Context()) // so that no call is about them
		require.NoError(t, err)
		return slow
	}
	s.write(100, 0, 1)
	b, err := quick.Product(t.Context(), product, false)
	require.NoError(t, err)
	require.Len(t, b.Boards, 1)
	require.Positive(t, b.Boards[0].SplitDue())
	require.True(t, b.Boards[0].FlushDue())
	s.live = slowly(func(c storetest.Call) storetest.Action {
		switch c.Operation {
		case "TransactWriteItems":
			return storetest.Fail // it is split by another
		case "UpdateItem":
			return storetest.Fail
		}
		return storetest.Pass
	})
	assert.Equal(t, map[string]int{"throttled": 1}, s.write(1, 1, 2))
	require.NotEmpty(t, s.items(s.table, "seg#1#"))
	s.live = quick
	s.write(1, 2, 3)
	shards := s.items(s.table, "board#")
	require.NotEmpty(t, shards)
	s.copy()
	for _, it := range shards {
		it["h"] = &types.AttributeValueMemberB{Value: []byte("unreadable")}
	}
	s.put(s.table, shards...)
	reads := 0
	var failed error
	s.live = slowly(func(c storetest.Call) storetest.Action {
		if c.Operation == "BatchGetItem" {
			if reads++; reads == 2 { // of the shards, after the directory
				_, failed = s.restore()
			}
		}
		return storetest.Pass
	})
	assert.Equal(t, map[string]int{"duplicate": 100}, s.write(100, 0, 1))
	require.NoError(t, failed)
	assert.GreaterOrEqual(t, reads, 2)
}

// TestRestore_Interrupted: a restoration that ends between its segments and its boards loses nothing, and writers go on. What was
// missing is missing until the restoration is run again.
func TestRestore_Interrupted(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.write(3, 0, 60)
	s.copy()
	s.remove(s.items(s.table, "seg#")[0])
	p := newPlan(product, s.items(s.table, ""), s.items(s.from, ""), price.Clock{Now: at(100_000), Retention: storetest.Retention})
	s.write(3, 60, 61)
	replaced, err := s.live.Replace(t.Context(), product, p.old, p.replacement)
	require.NoError(t, err)
	require.False(t, replaced)
	assert.Zero(t, s.write(3, 61, 120)["failed"])
	said, err := s.restore()
	require.NoError(t, err)
	assert.Contains(t, said, "\nrestored\n")
	assert.Zero(t, s.write(3, 61, 200)["failed"])
	s.whole(s.acknowledged)
}

// TestRestore_HistoryDaysWasTooShort: a write under a HistoryDays of one day drops what was not seen for longer. Its history is flushed
// and not lost, and once HistoryDays is put right, a copy of the time before brings the offers back.
func TestRestore_HistoryDaysWasTooShort(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.write(3, 0, 60)
	s.copy()
	short := store.New(s.client, store.Options{Table: s.table, Retention: 24 * time.Hour, Width: 4})
	verdicts, err := short.Record(t.Context(), []price.Submission{sold(7, 99_000)}, at(99_001), false)
	require.NoError(t, err)
	require.Equal(t, "created", verdicts[0].Outcome())
	p, err := s.live.Product(t.Context(), product, false)
	require.NoError(t, err)
	require.Len(t, p.Boards[0].Offers, 1, "the others are gone")
	s.holds(s.acknowledged)

	said, err := s.restore()
	require.NoError(t, err)
	assert.Contains(t, said, "stands on no board of the table")
	assert.Contains(t, said, "\nrestored\n")
	s.whole(append(s.acknowledged, board.Row{Key: sold(7, 99_000).Observation.Key, Observation: verdicts[0].Result.Stored}))
}

// TestRestore_Dropped: an offer that is left out since nobody has seen it within the retention counts as dropped, so its observations
// are looked up should they come again under a longer retention.
func TestRestore_Dropped(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.write(3, 0, 60)
	s.write(1, 60, 61)
	clock := price.Clock{Now: at(60).Add(storetest.Retention), Retention: storetest.Retention}
	p := newPlan(product, s.items(s.table, ""), nil, clock)
	require.Len(t, p.replacement.Boards[0].Offers, 1)
	assert.Equal(t, at(59), p.replacement.Boards[0].Dropped)
}

// TestRestore_SplitTwice: segments that shards flushed before they were split further are still read after a restoration.
func TestRestore_SplitTwice(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.write(20, 0, 40)
	once := len(s.items(s.table, "board#"))
	require.Positive(t, once)
	s.write(80, 40, 60)
	require.Greater(t, len(s.items(s.table, "board#")), 2*once)
	s.copy()
	s.remove(s.items(s.table, "seg#")[0])
	said, err := s.restore()
	require.NoError(t, err)
	assert.Contains(t, said, "\nrestored\n")
	s.whole(s.acknowledged)
}

// TestRestore_Versions: where an older board was put over a newer one, the keys of segments alone may tell which versions were used.
// The restored board has a later one, else readers take the segments for what it does not know.
func TestRestore_Versions(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.write(3, 0, 60)
	s.copy()
	s.write(3, 60, 200)
	s.put(s.table, s.items(s.from, "board")[0])
	urls := s.items(s.table, "board.urls")
	require.NotEmpty(t, urls)
	s.remove(urls...) // which tell as well
	said, err := s.restore()
	require.NoError(t, err)
	assert.Contains(t, said, "\nrestored\n")
	s.holds(nil)
	assert.Zero(t, s.write(3, 300, 400)["failed"])
}

func TestRestore_Lost(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.write(2, 0, 5)
	s.copy()
	s.write(2, 5, 6)
	s.put(s.table, damaged(s.items(s.table, "board")[0]))
	said, err := s.restore("-plan")
	require.NoError(t, err)
	want := "nowhere else: it is lost:\n  board: market|seller-" + strings.Repeat("0", 40) + " = 10.05 USD|-|I|260706T090500.000\n"
	assert.Contains(t, said, want)
}

func TestRestore_Mistakes(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	for want, args := range map[string][]string{
		"is the table itself": {"-from", s.table}, "are needed": {"-history-days", "0"}, "no productId": {"-product", "a b"},
		"neither table has anything": {},
	} {
		_, err := s.restore(args...)
		assert.ErrorContains(t, err, want)
	}
}

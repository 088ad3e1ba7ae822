package history_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/tools/internal/history"
)

var start = price.At(time.Date(2026, 3, 20, 1, 0, 0, 0, time.UTC))

// sellers are so many sellers of a marketplace whose offers are of shard i of n.
func sellers(shard board.Shard, count int) []string {
	var found []string
	for n := 0; len(found) < count; n++ {
		seller := fmt.Sprintf("%0120d", n) // long, so that few fill a board
		if board.ShardOf(key(seller), shard.N) == shard {
			found = append(found, seller)
		}
	}
	return found
}

func key(seller string) price.OfferKey {
	return price.OfferKey{ProductID: "P", CompetitorID: "bigmart", SellerID: seller}
}

func seen(seller string, at price.Timestamp) price.Submission {
	return price.Submission{Writer: price.Writer{Client: "c"}, Observation: price.Observation{
		Key: key(seller), Terms: price.Terms{Price: price.Money{Minor: int64(at % 1000), Currency: "USD"}}, ObservedAt: at,
		Source: price.Source{ID: "s", Confidence: price.NoConfidence},
	}}
}

// record stores observations and returns their ids.
func record(t *testing.T, s *store.Store, in ...price.Submission) (ids []string) {
	t.Helper()
	verdicts, err := s.Record(t.Context(), in, start.Add(1000*time.Hour), false)
	require.NoError(t, err)
	for _, v := range verdicts {
		require.NoError(t, v.Err)
		ids = append(ids, v.Result.Stored.ID(v.Result.Offer.Key))
	}
	return ids
}

// ids are those of all observations that were read, each with how often it comes.
func ids(p history.Partition) map[string]int {
	found := map[string]int{}
	for offer := range p.Merge().Offers() {
		for _, e := range offer.Observations {
			found[e.ID(offer.Key)]++
		}
	}
	return found
}

// onePage is a client whose scans have one item a page. before is called before each page, with its number.
func onePage(t *testing.T, client *dynamodb.Client, before func(page int)) *dynamodb.Client {
	page := 0
	return dynamodb.New(client.Options(), func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("OnePage", func(
				ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
			) (middleware.InitializeOutput, middleware.Metadata, error) {
				if scan, ok := in.Parameters.(*dynamodb.ScanInput); ok {
					assert.True(t, *scan.ConsistentRead)
					scan.Limit = aws.Int32(1)
					before(page)
					page++
				}
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
		})
	})
}

// counting counts how often a partition is read.
type counting struct {
	from  history.Items
	reads int
}

func (c *counting) Items(ctx context.Context, partition string) ([]map[string]types.AttributeValue, error) {
	c.reads++
	return c.from.Items(ctx, partition)
}

// TestScan_whileWriting scans a split product while writers go on, which flush and split it between any two items that are read.
func TestScan_whileWriting(t *testing.T) {
	t.Parallel()
	crowd := sellers(board.Shard{N: 16, I: 3}, 40) // of shard 3 of 8 as well
	first := crowd[:8]
	prepare := func(t *testing.T) (s *store.Store, client *dynamodb.Client, table string, stored []string) {
		client, table = storetest.Table(t)
		s = store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})
		_, err := s.PutCompetitor(t.Context(), price.Competitor{ID: "bigmart", FreshFor: time.Hour, Active: true})
		require.NoError(t, err)
		for hour := range 6 {
			var in []price.Submission
			for i := range 28 {
				seller := fmt.Sprintf("%0120d", i)
				if i >= 20 {
					seller = first[i-20]
				}
				in = append(in, seen(seller, start.Add(time.Duration(hour*100)*time.Hour)))
			}
			stored = append(stored, record(t, s, in...)...)
		}
		return s, client, table, stored
	}
	shards := func(t *testing.T, s *store.Store) int {
		p, err := history.Read(t.Context(), s, store.ProductPartition("P"))
		require.NoError(t, err)
		for _, b := range p.Boards {
			if b.Shard.N == 0 {
				return b.Directory.Shards
			}
		}
		return 0
	}
	// Each is done between two pages.
	writes := map[string]func(t *testing.T, s *store.Store){
		"it grows from 8 shards to 16": func(t *testing.T, s *store.Store) {
			require.Equal(t, 8, shards(t, s))
			for _, seller := range crowd[8:] {
				if record(t, s, seen(seller, start)); shards(t, s) > 8 {
					break
				}
			}
			require.Equal(t, 16, shards(t, s))
		},
		"all is flushed": func(t *testing.T, s *store.Store) {
			for n := range 30 {
				record(t, s, seen(first[0], start.Add(time.Duration(600*60+n)*time.Minute)))
			}
		},
		"late data comes": func(t *testing.T, s *store.Store) {
			for n := range 30 {
				record(t, s, seen(first[0], start.Add(-time.Duration(n)*24*time.Hour)))
			}
		},
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rereads := 0
			for at := 0; ; at++ {
				s, client, table, stored := prepare(t)
				var order []string
				reached := false
				items := &counting{from: s}
				scan := history.Scan{Table: table, Items: items, DB: onePage(t, client, func(page int) {
					if page == at {
						reached = true
						write(t, s)
					}
				})}
				products := 0
				err := scan.Partitions(t.Context(), history.Place{}, func(p history.Partition, last history.Place) error {
					order = append(order, last.PK)
					if p.Key != store.ProductPartition("P") {
						return nil
					}
					products++
					assert.Empty(t, p.Problems)
					found := ids(p)
					for _, id := range stored {
						assert.Equal(t, 1, found[id], "written before page %d: %s", at, id)
					}
					return nil
				})
				require.NoError(t, err)
				require.Equal(t, 1, products)
				rereads += items.reads
				if !reached { // the scan had fewer pages
					break
				}
			}
			if strings.Contains(name, "grows") {
				assert.Positive(t, rereads, "the case that this test is for")
			} else {
				assert.Zero(t, rereads)
			}
		})
	}
}

// TestScan_order holds what the package relies on: boards are read before segments.
func TestScan_order(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention})
	_, err := s.PutCompetitor(t.Context(), price.Competitor{ID: "bigmart", FreshFor: time.Hour, Active: true})
	require.NoError(t, err)
	for n := range 40 {
		var in []price.Submission
		for seller := range 20 {
			in = append(in, seen(fmt.Sprintf("%0120d", seller), start.Add(time.Duration((n*7)%40)*48*time.Hour)))
		}
		record(t, s, in...)
	}
	items, err := s.Items(t.Context(), store.ProductPartition("P"))
	require.NoError(t, err)
	segments, boards := 0, 0
	for _, it := range items {
		decoded, err := store.Decode(it)
		require.NoError(t, err)
		switch decoded.(type) {
		case store.SegmentItem:
			segments++
		case store.BoardItem:
			boards++
			assert.Zero(t, segments, "a board behind a segment")
		}
	}
	assert.Greater(t, boards, 2)
	assert.Greater(t, segments, 2)
}

func TestRead_damaged(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention})
	_, err := s.PutCompetitor(t.Context(), price.Competitor{ID: "bigmart", FreshFor: time.Hour, Active: true})
	require.NoError(t, err)
	for n := range 3 {
		var in []price.Submission
		for seller := range 20 {
			in = append(in, seen(fmt.Sprintf("%0120d", seller), start.Add(time.Duration(n)*time.Hour)))
		}
		record(t, s, in...)
	}
	items, err := s.Items(t.Context(), store.ProductPartition("P"))
	require.NoError(t, err)
	broken := items[1]
	pk, sk := history.KeyOf(broken)
	_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: map[string]types.AttributeValue{
		store.AttrPK: broken[store.AttrPK], store.AttrSK: broken[store.AttrSK]}})
	require.NoError(t, err)
	broken = map[string]types.AttributeValue{store.AttrPK: broken[store.AttrPK], store.AttrSK: &types.AttributeValueMemberS{Value: "zebra"}}
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: broken})
	require.NoError(t, err)
	p, err := history.Read(t.Context(), s, pk)
	require.NoError(t, err)
	var problems []string
	for _, problem := range p.Problems {
		problems = append(problems, problem.String())
	}
	_, label, _ := strings.Cut(sk, "#")
	assert.Equal(t, []string{"p#P zebra: no known form", "p#P: the shards " + label + " are missing, so observations may be"}, problems)
	assert.Equal(t, len(items), p.Items)
}

func TestPartition_Merge(t *testing.T) {
	t.Parallel()
	at := func(hour int) price.Timestamp { return start.Add(time.Duration(hour) * time.Hour) }
	made := func(hour int, minor int64, received int) board.Observation {
		return board.Observation{ObservedAt: at(hour), ReceivedAt: at(received), Source: price.Source{ID: "s"},
			Terms: price.Terms{Price: price.Money{Minor: minor, Currency: "USD"}}}
	}
	a, b := key("a"), key("b")
	whole := board.New("P")
	whole.Offers = []board.Offer{
		{Key: a, Current: made(3, 1, 3), Tail: []board.Observation{made(3, 1, 3), made(2, 1, 2)}},
		{Key: b, Current: made(9, 7, 9)}, // its segment has expired
	}
	p := history.NewPartition("p#P", []store.BoardItem{{Board: &whole}},
		[]board.SegmentOffer{{Key: a, Observations: []board.Observation{made(2, 1, 2), made(1, 5, 8)}}},
		[]board.SegmentOffer{{Key: a, Observations: []board.Observation{made(1, 4, 4)}}})
	merged := p.Merge()
	var got []string
	for offer := range merged.Offers() {
		for _, e := range offer.Observations {
			got = append(got, fmt.Sprint(offer.Key.SellerID, " ", e.ObservedAt, " ", e.Terms.Price))
		}
	}
	assert.Equal(t, []string{
		"a 2026-03-20T02:00:00.000Z 0.04 USD", "a 2026-03-20T03:00:00.000Z 0.01 USD", "a 2026-03-20T04:00:00.000Z 0.01 USD",
		"b 2026-03-20T10:00:00.000Z 0.07 USD",
	}, got)
	assert.Equal(t, 2, merged.Repeated)
	require.Len(t, merged.Problems, 1)
	assert.Equal(t, "p#P: observation "+made(1, 4, 4).ID(a)+" stands in two places with different content", merged.Problems[0].String())
}

// TestRead_crashed: a writer that ends between segment and board leaves observations in both places, and each is read once.
func TestRead_crashed(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention})
	_, err := s.PutCompetitor(t.Context(), price.Competitor{ID: "bigmart", FreshFor: time.Hour, Active: true})
	require.NoError(t, err)
	flushed := false
	crashing := store.New(storetest.Client(storetest.Proxy(t, func(c storetest.Call) storetest.Action {
		if c.Item == "seg" {
			flushed = true
		}
		if flushed && c.Item == "board" && c.Operation == "UpdateItem" {
			return storetest.Drop
		}
		return storetest.Pass
	})), store.Options{Table: table, Retention: storetest.Retention})
	var stored []string
	for n := 0; !flushed; n++ {
		require.Less(t, n, 1000, "nothing is ever flushed")
		in := seen("a", start.Add(time.Duration(n)*time.Hour))
		verdicts, err := crashing.Record(t.Context(), []price.Submission{in}, start.Add(1000*time.Hour), false)
		require.NoError(t, err)
		if verdicts[0].Err == nil {
			stored = append(stored, verdicts[0].Result.Stored.ID(in.Observation.Key))
		}
	}
	p, err := history.Read(t.Context(), s, store.ProductPartition("P"))
	require.NoError(t, err)
	merged := p.Merge()
	assert.Equal(t, len(stored), merged.Repeated, "all were flushed, and all are still in the tail")
	var found []string
	for offer := range merged.Offers() {
		for _, e := range offer.Observations {
			found = append(found, e.ID(offer.Key))
		}
	}
	assert.ElementsMatch(t, stored, found)
}

// TestScan_resumed: what is written to a partition behind the place of an earlier scan does not make the next one pass it on again.
func TestScan_resumed(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention})
	_, err := s.PutCompetitor(t.Context(), price.Competitor{ID: "bigmart", FreshFor: time.Hour, Active: true})
	require.NoError(t, err)
	flush := func(from int) {
		for n := range 300 {
			record(t, s, seen("a", start.Add(time.Duration(from+n)*time.Hour)))
		}
	}
	flush(0)
	scan := history.Scan{Table: table, Items: s, DB: client}
	var place history.Place
	segments := 0
	require.NoError(t, scan.Partitions(t.Context(), history.Place{}, func(p history.Partition, at history.Place) error {
		if len(p.Boards) > 0 {
			place = at
			segments = p.Segments
		}
		return nil
	}))
	require.Equal(t, store.ProductPartition("P"), place.PK)
	flush(300)
	require.NoError(t, scan.Partitions(t.Context(), history.Place{}, func(p history.Partition, at history.Place) error {
		if p.Key == place.PK {
			require.Greater(t, at.SK, place.SK, "the test is for items behind the place")
			require.Greater(t, p.Segments, segments)
		}
		return nil
	}))
	require.NoError(t, scan.Partitions(t.Context(), place, func(p history.Partition, _ history.Place) error {
		assert.NotEqual(t, place.PK, p.Key)
		return nil
	}))
}

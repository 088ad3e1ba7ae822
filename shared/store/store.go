// Package store keeps boards, their history, competitors, the catalogue and tokens in one DynamoDB table.
//
// Every write carries its rule as its condition; nothing is read and then written without one, but for the number of competitors
// (PutCompetitor). The keys are:
//
//	p#<productId>  board            the product's board (package board), or the directory of its shards; status, list and MAP
//	                                price of its catalogue entry beside either
//	p#<productId>  board#<n>.<i>    a shard, or what is left of one that was split further
//	p#<productId>  board.urls, board.urls#<i>
//	                                urls of the offers of the board or of a shard, by their name
//	p#<productId>  seg#<label>#<newest>#<version>
//	                                a segment: flushed history, never changed
//	p#<productId>  late#<label>#<newest>#<version>
//	                                the same, of what came after it had been flushed beyond
//	p#<productId>  product          the product's entry in the catalogue; it alone is in the index products, under b#<0-15>
//	competitors    <competitorId>   a competitor, and <competitorId>#health beside it
//	g#<GTIN-14>    product          the product that has the gtin
//	t#<key id>     token            an API token's record; tokens lists the key ids
//
// attributes.go names the attributes; Decode reads any item.
//
// What surprises: an outcome that cannot be established is always a fault of kind Unavailable, and repeating a request is always
// safe. A write whose answer was lost is recognised by the request's random mark on the board, so its results still reach the
// client. An error without a kind means that the table, its permissions or an item in it are wrong.
package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
)

// Options says which table a store works on and how.
type Options struct {
	Table     string
	Retention time.Duration    // older observations are dropped (HistoryDays)
	Width     int              // boards written at once
	Now       func() time.Time // for cache ages only; nil = time.Now
}

// Store is safe for concurrent use. Make one per process: it keeps the list of competitors for a minute.
type Store struct {
	db          *dynamodb.Client
	table       *string
	retention   time.Duration
	width       int
	pageUnits   float64 // PageUnits, but in tests
	streamUnits float64 // forStream, but in tests
	now         func() time.Time
	competitors competitorCache
}

// New returns a store on a client's table.
func New(client *dynamodb.Client, o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{db: client, table: aws.String(o.Table), retention: o.Retention, width: max(o.Width, 1), pageUnits: PageUnits,
		streamUnits: forStream, now: o.Now}
}

// Ping does one cheap read; nil means that the table answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.find(ctx, CompetitorsPartition(), price.SelfCheck, false)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("read the table: %w", err)
	}
	return nil
}

// errMissing is what find wraps into its NotFound fault.
var errMissing = errors.New("no such item")

// find reads one item; a missing one is a NotFound fault.
func (s *Store) find(ctx context.Context, pk, sk string, consistent bool) (item, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: s.table, Key: key(pk, sk), ConsistentRead: &consistent, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return nil, s.failed(ctx, "get item", err)
	}
	countRead(ctx, out.ConsumedCapacity)
	if out.Item == nil {
		return nil, fault.New(fault.NotFound, fault.CodeInternal, "There is no such item.").Because(errMissing)
	}
	return out.Item, nil
}

// queryOptions say how items are read.
type queryOptions struct {
	descending, consistent bool
	limit                  int32    // most items a call; 0: as many as fit into 1 MB
	units                  *float64 // read units are added to it; nil: nobody wants to know
}

// query reads the items of a partition whose sort keys lie within [from, to], page by page, and gives each to visit until that
// returns false.
func (s *Store) query(ctx context.Context, pk, from, to string, o queryOptions, visit func(item) (more bool, err error)) error {
	for after := item(nil); ; {
		items, last, err := s.queryOnce(ctx, pk, from, to, after, o)
		if err != nil {
			return err
		}
		for _, it := range items {
			more, err := visit(it)
			if err != nil || !more {
				return err
			}
		}
		if last == nil {
			return nil
		}
		after = last
	}
}

// queryOnce is one call of a query, which goes on behind the key after if that is not nil. last is the key to go on behind; nil:
// there is no more.
func (s *Store) queryOnce(ctx context.Context, pk, from, to string, after item, o queryOptions) (items []item, last item, err error) {
	in := &dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: item{":pk": str(pk), ":from": str(from), ":to": str(to)},
		ExclusiveStartKey:         after,
		ConsistentRead:            &o.consistent,
		ScanIndexForward:          aws.Bool(!o.descending),
	}
	if o.limit > 0 {
		in.Limit = &o.limit
	}
	return s.sendQuery(ctx, in, o.units)
}

// sendQuery is the only place that sends a Query. It adds the read units to units, unless that is nil; what it returns is as of queryOnce.
func (s *Store) sendQuery(ctx context.Context, in *dynamodb.QueryInput, units *float64) (items []item, last item, err error) {
	in.TableName = s.table
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := s.db.Query(ctx, in)
	if err != nil {
		return nil, nil, s.failed(ctx, "query", err)
	}
	countRead(ctx, out.ConsumedCapacity)
	if units != nil && out.ConsumedCapacity != nil {
		*units += aws.ToFloat64(out.ConsumedCapacity.CapacityUnits)
	}
	if len(out.LastEvaluatedKey) > 0 {
		last = out.LastEvaluatedKey
	}
	return out.Items, last, nil
}

// batchKeys is how many keys DynamoDB takes in a call.
const batchKeys = 100

// batchGet reads items by key, in any order, without those that do not exist, several calls at a time. unread are the keys that
// could not be read before the deadline; the error, a fault of kind Unavailable, says why. Any other error is our mistake.
func (s *Store) batchGet(ctx context.Context, keys []item, consistent bool) (items, unread []item, err error) {
	type answer struct {
		items, unread []item
		err           error
	}
	chunks := slices.Collect(slices.Chunk(keys, batchKeys))
	answers := make([]answer, len(chunks))
	eachOf(len(chunks), s.width, func(i int) {
		a := &answers[i]
		a.items, a.unread, a.err = s.batchGetOnce(ctx, chunks[i], consistent)
	})
	for _, a := range answers {
		items = append(items, a.items...)
		unread = append(unread, a.unread...)
		if err == nil || a.err != nil && fault.Is(err, fault.Unavailable) { // a mistake of ours counts first
			err = a.err
		}
	}
	return items, unread, err
}

// batchGetOnce is batchGet for as many keys as a call takes. DynamoDB may leave keys unprocessed in an answer that reports
// success; those are asked for again until the deadline.
func (s *Store) batchGetOnce(ctx context.Context, keys []item, consistent bool) (items, unread []item, err error) {
	unread = keys
	for try := 0; len(unread) > 0; try++ {
		if try > 0 {
			if err := pause(ctx, try); err != nil {
				return items, unread, s.failed(ctx, "batch get", err)
			}
		}
		out, err := s.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems:           map[string]types.KeysAndAttributes{*s.table: {Keys: unread, ConsistentRead: &consistent}},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err != nil {
			return items, unread, s.failed(ctx, "batch get", err)
		}
		meter.Add(ctx, meter.Counts{Calls: 1})
		for _, c := range out.ConsumedCapacity {
			meter.Add(ctx, meter.Counts{ReadUnits: aws.ToFloat64(c.CapacityUnits)})
		}
		items = append(items, out.Responses[*s.table]...)
		unread = out.UnprocessedKeys[*s.table].Keys
		meter.Add(ctx, meter.Counts{Unprocessed: len(unread)})
	}
	return items, nil, nil
}

// put writes one item, replacing an older one, and returns that.
func (s *Store) put(ctx context.Context, it item) (old item, err error) {
	out, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: s.table, Item: it, ReturnValues: types.ReturnValueAllOld, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return nil, s.failed(ctx, "put item", err)
	}
	countWrite(ctx, out.ConsumedCapacity)
	return out.Attributes, nil
}

func countRead(ctx context.Context, c *types.ConsumedCapacity) {
	count(ctx, c, func(m *meter.Counts) *float64 { return &m.ReadUnits })
}

func countWrite(ctx context.Context, c *types.ConsumedCapacity) {
	count(ctx, c, func(m *meter.Counts) *float64 { return &m.WriteUnits })
}

// countRefused counts a conditional write that was refused. It is billed by the item's size in bytes, like one that succeeded,
// though DynamoDB's error has no figure.
func countRefused(ctx context.Context, size int) {
	const unit = 1024
	meter.Add(ctx, meter.Counts{WriteUnits: math.Ceil(float64(size) / unit)})
}

func count(ctx context.Context, c *types.ConsumedCapacity, units func(*meter.Counts) *float64) {
	counts := meter.Counts{Calls: 1}
	if c != nil {
		*units(&counts) = aws.ToFloat64(c.CapacityUnits)
	}
	meter.Add(ctx, counts)
}

// failed counts a call that gave no result and turns its error into a fault. What DynamoDB refused for good (a missing table or
// permission, a request that it finds invalid) is our mistake and stays without a kind. Everything else, a timeout or an
// unreadable answer included, leaves the outcome unknown.
func (s *Store) failed(ctx context.Context, what string, err error) error {
	meter.Add(ctx, meter.Counts{Calls: 1})
	var api smithy.APIError
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &api) && errors.As(err, &answer) && answer.HTTPStatusCode() < serverError && !busy(api.ErrorCode()) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return unavailable("The store is busy or did not answer; the outcome is unknown. Repeat the request.", fmt.Errorf("%s: %w", what, err))
}

// serverError is the first status with which DynamoDB says that the mistake is its own.
const serverError = 500

// busy reports whether a refusal of DynamoDB is a passing one.
func busy(code string) bool {
	switch code {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException",
		"TransactionInProgressException", "TransactionConflictException", "RequestTimeout", "RequestTimeoutException":
		return true
	}
	return false
}

// eachOf runs do for 0..n-1, at most width at once. One alone needs no goroutine, whose stack would have to grow for the SDK each time.
func eachOf(n, width int, do func(int)) {
	if n == 1 {
		do(0)
		return
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, width)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
}

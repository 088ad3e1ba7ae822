// Package peer is the usual two-item design of a price store, to measure the product's own against: an item for every
// observation and one for the latest of each offer.
//
// It is meant to be a good one of its kind. History is written first, 25 items a call and what DynamoDB leaves
// unprocessed again; then one conditional write for each offer of the request, merged beforehand, so that neither order
// nor repetition nor a crash in between makes an older price the latest. Attribute names are short. It keeps no derived
// fields (first seen, last changed, previous price) and cannot tell a duplicate from news; both would cost it reads.
//
// Naive makes a bad one of it, as it is often written: it shows that a checker of such stores can see.
//
// What surprises: a condition that fails is billed as a write and DynamoDB's error does not say how many units, so they
// are added from the item's size.
package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
)

// Store is a table of the two-item design. It is safe for concurrent use.
type Store struct {
	db    *dynamodb.Client
	table string
	width int
	naive bool
}

// New makes the table and returns a store on it, which writes width items at once.
func New(ctx context.Context, client *dynamodb.Client, table string, width int) (*Store, error) {
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("create the peer's table: %w", err)
	}
	return Open(client, table, width), nil
}

// Open returns a store on a table that New has made.
func Open(client *dynamodb.Client, table string, width int) *Store {
	return &Store{db: client, table: table, width: max(width, 1)}
}

// Naive returns a store on the same table that takes a success of DynamoDB for the whole, though items may be left unprocessed, and
// puts the latest without a condition.
func (s *Store) Naive() *Store {
	naive := *s
	naive.naive = true
	return &naive
}

type item = map[string]types.AttributeValue

// Record stores observations received at one moment. Their ids are unique within a request.
func (s *Store) Record(ctx context.Context, observations []price.Observation, received price.Timestamp) error {
	if err := s.putHistory(ctx, observations, received); err != nil {
		return err
	}
	newest := map[price.OfferKey]price.Observation{}
	for _, o := range observations {
		if known, ok := newest[o.Key]; !ok || position(known) < position(o) {
			newest[o.Key] = o
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	slots := make(chan struct{}, s.width)
	for _, o := range newest {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := s.putLatest(ctx, o, received); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

const batch = 25 // BatchWriteItem's limit

func (s *Store) putHistory(ctx context.Context, observations []price.Observation, received price.Timestamp) error {
	for len(observations) > 0 {
		n := min(len(observations), batch)
		pending := map[string][]types.WriteRequest{}
		for _, o := range observations[:n] {
			it := historyItem(o, received)
			pending[s.table] = append(pending[s.table], types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
		observations = observations[n:]
		for try := 0; len(pending) > 0; try++ {
			if try > 0 {
				if err := pause(ctx, try); err != nil {
					return err
				}
			}
			out, err := s.db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
				RequestItems: pending, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
			})
			if err != nil {
				return fmt.Errorf("put history: %w", err)
			}
			meter.Add(ctx, meter.Counts{Calls: 1})
			for _, c := range out.ConsumedCapacity {
				meter.Add(ctx, meter.Counts{WriteUnits: aws.ToFloat64(c.CapacityUnits)})
			}
			if s.naive {
				break
			}
			pending = out.UnprocessedItems
		}
	}
	return nil
}

func historyItem(o price.Observation, received price.Timestamp) item {
	it := content(o, received)
	it["pk"] = str("h#" + o.Key.ProductID + "#" + offer(o.Key))
	it["sk"] = str(position(o))
	return it
}

// Latest is the item of an observation that is the latest of its offer.
func Latest(o price.Observation, received price.Timestamp) map[string]types.AttributeValue {
	it := content(o, received)
	it["pk"] = str("p#" + o.Key.ProductID)
	it["sk"] = str(offer(o.Key))
	it["at"] = str(position(o))
	return it
}

// HistorySize is the size in bytes of an observation's item in the history.
func HistorySize(o price.Observation) int { return store.ItemSize(historyItem(o, o.ObservedAt)) }

func (s *Store) putLatest(ctx context.Context, o price.Observation, received price.Timestamp) error {
	it := Latest(o, received)
	in := &dynamodb.PutItemInput{TableName: &s.table, Item: it, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
	if !s.naive {
		in.ConditionExpression = aws.String("attribute_not_exists(pk) OR #at < :at")
		in.ExpressionAttributeNames = map[string]string{"#at": "at"}
		in.ExpressionAttributeValues = item{":at": it["at"]}
	}
	out, err := s.db.PutItem(ctx, in)
	var older *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &older): // a later one stands there
		meter.Add(ctx, meter.Counts{Calls: 1, WriteUnits: float64((store.ItemSize(it) + 1023) / 1024)})
		return nil
	case err != nil:
		return fmt.Errorf("put latest: %w", err)
	}
	meter.Add(ctx, meter.Counts{Calls: 1, WriteUnits: aws.ToFloat64(out.ConsumedCapacity.CapacityUnits)})
	return nil
}

// Latest returns the position (observedAt and the order of equal ones) of each of a product's offers, eventually
// consistent, by the offer's text.
func (s *Store) Latest(ctx context.Context, productID string) (map[string]string, error) {
	latest := map[string]string{}
	err := s.query(ctx, "p#"+productID, false, func(it item) { latest[text(it["sk"])] = text(it["at"]) })
	return latest, err
}

// Offers returns the latest observation of each of a product's offers, eventually consistent.
func (s *Store) Offers(ctx context.Context, productID string) (all []Row, err error) {
	var errs []error
	err = s.query(ctx, "p#"+productID, false, func(it item) {
		row, err := Decode(it)
		all, errs = append(all, row), append(errs, err)
	})
	return all, errors.Join(append(errs, err)...)
}

// Count returns how many observations of an offer are stored.
func (s *Store) Count(ctx context.Context, key price.OfferKey) (int, error) {
	n := 0
	err := s.query(ctx, "h#"+key.ProductID+"#"+offer(key), true, func(item) { n++ })
	return n, err
}

// Changes returns the newest of the observations that have other terms than the one before them of their offer, newest first: at most
// limit; 0: all. It reads the whole history of the offers, several at a time, since nothing else tells which those are.
func (s *Store) Changes(ctx context.Context, offers []price.OfferKey, limit int) ([]price.Observation, error) {
	changes := make([][]price.Observation, len(offers))
	errs := make([]error, len(offers))
	var wg sync.WaitGroup
	slots := make(chan struct{}, s.width)
	for i, key := range offers {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			var before *price.Terms
			err := s.query(ctx, "h#"+key.ProductID+"#"+offer(key), true, func(it item) {
				row, err := Decode(it)
				if err != nil {
					errs[i] = err
				} else if o := row.Observation; before == nil || *before != o.Terms {
					changes[i] = append(changes[i], o)
					before = &o.Terms
				}
			})
			errs[i] = errors.Join(errs[i], err)
		})
	}
	wg.Wait()
	all := slices.Concat(changes...)
	slices.SortFunc(all, func(a, b price.Observation) int { return cmp.Compare(b.ObservedAt, a.ObservedAt) })
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, errors.Join(errs...)
}

func (s *Store) query(ctx context.Context, pk string, consistent bool, visit func(item)) error {
	in := &dynamodb.QueryInput{
		TableName: &s.table, KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: item{":pk": str(pk)},
		ConsistentRead: &consistent, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}
	for {
		out, err := s.db.Query(ctx, in)
		if err != nil {
			return fmt.Errorf("query: %w", err)
		}
		meter.Add(ctx, meter.Counts{Calls: 1, ReadUnits: aws.ToFloat64(out.ConsumedCapacity.CapacityUnits)})
		for _, it := range out.Items {
			visit(it)
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Offer names an offer within its product, as in Latest.
func Offer(k price.OfferKey) string { return offer(k) }

func offer(k price.OfferKey) string {
	text := k.CompetitorID
	if k.SellerID != "" || k.Condition != price.ConditionNew || k.Audience != price.AudiencePublic || k.Region != "" {
		text += "|" + k.SellerID + "|" + k.Condition.String() + "|" + k.Audience.String() + "|" + k.Region
	}
	return text
}

// position is text that orders the observations of an offer: by observedAt, confidence, id.
func position(o price.Observation) string {
	return fmt.Sprintf("%015d.%05d.%s", int64(o.ObservedAt), int(o.Source.Confidence-price.NoConfidence), o.ID())
}

// content is what an item holds beside its key.
func content(o price.Observation, received price.Timestamp) item {
	it := item{
		"p": str(o.Terms.Price.String()), "av": str(o.Terms.Availability.String()),
		"src": str(o.Source.ID), "k": number(int64(o.Source.Kind)), "rec": number(int64(received)),
	}
	if o.Terms.Shipping.Present() {
		it["sh"] = str(o.Terms.Shipping.String())
	}
	if o.Terms.ListPrice.Present() {
		it["lp"] = str(o.Terms.ListPrice.String())
	}
	if o.Terms.PriceType != price.PriceTypeRegular {
		it["pt"] = number(int64(o.Terms.PriceType))
	}
	if o.Terms.Promotion.Present {
		it["pr"] = str(o.Terms.Promotion.Label)
		if until := o.Terms.Promotion.ValidThrough; until != price.NoTime {
			it["pv"] = number(int64(until))
		}
		if quantity := o.Terms.Promotion.MinQuantity; quantity != 0 {
			it["pq"] = number(quantity)
		}
	}
	if o.URL != "" {
		it["url"] = str(o.URL)
	}
	return it
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(v int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
}

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// pause waits before try number n: 25 ms, doubled each time.
func pause(ctx context.Context, n int) error {
	timer := time.NewTimer(25 * time.Millisecond << min(n, 6))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("put history: %w", context.Cause(ctx))
	}
}

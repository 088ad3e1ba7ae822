package history

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/meter"
	"pricing/shared/store"
)

// Place is where a scan stands: behind an item, the last that was read of a partition. The zero value is the beginning.
type Place struct {
	PK string `json:"pk,omitempty"`
	SK string `json:"sk,omitempty"`
}

func (p Place) key() map[string]types.AttributeValue {
	if p == (Place{}) {
		return nil
	}
	return map[string]types.AttributeValue{
		store.AttrPK: &types.AttributeValueMemberS{Value: p.PK}, store.AttrSK: &types.AttributeValueMemberS{Value: p.SK},
	}
}

// Scan reads a whole table, strongly consistent: a weaker read misses what was just flushed.
type Scan struct {
	DB    *dynamodb.Client
	Table string
	Items Items                       // of the same table, for partitions that have to be read again
	Wait  func(context.Context) error // called after each page, whose units are in the context's meter by then; nil: never waits
}

// Partitions calls each for every partition behind a place, whole, and with the place where another scan can go on behind it. What
// changes during the scan is seen or not; a partition is never passed on twice. An error of each ends the scan and is returned.
func (s Scan) Partitions(ctx context.Context, after Place, each func(Partition, Place) error) error {
	in := &dynamodb.ScanInput{
		TableName: &s.Table, ConsistentRead: aws.Bool(true), ExclusiveStartKey: after.key(),
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}
	var p Partition
	var at Place
	done := func() error {
		if p.Items == 0 {
			return nil
		}
		if len(p.Missing()) > 0 {
			again, err := Read(ctx, s.Items, p.Key)
			if err != nil {
				return fmt.Errorf("read again: %w", err)
			}
			p = again
		}
		return each(p, at)
	}
	for {
		out, err := s.DB.Scan(ctx, in)
		if err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		meter.Add(ctx, meter.Counts{Calls: 1})
		if out.ConsumedCapacity != nil {
			meter.Add(ctx, meter.Counts{ReadUnits: aws.ToFloat64(out.ConsumedCapacity.CapacityUnits)})
		}
		for _, it := range out.Items {
			pk, sk := KeyOf(it)
			if pk == after.PK { // was written to a partition that an earlier scan has passed on
				continue
			}
			if pk != p.Key {
				if err := done(); err != nil {
					return err
				}
				p = Partition{Key: pk}
			}
			p.Add(it)
			at = Place{pk, sk}
		}
		if s.Wait != nil {
			if err := s.Wait(ctx); err != nil {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return done()
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

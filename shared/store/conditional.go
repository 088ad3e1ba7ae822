package store

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/fault"
	"pricing/shared/meter"
)

// met is what a conditional write meets in the table.
type met int

const (
	committed met = iota // what it asked for: it stands
	overtaken            // another write came first
	locked               // a transaction is at work on it: nothing is known of what will stand there
	moved                // the board is elsewhere: the product was split
)

// errOvertaken is the cause when a write gives up because others come first.
var errOvertaken = errors.New("others wrote it first")

// update changes an item if its condition holds. When another write came first, it returns what stands there, which may be
// nothing. An error says that the outcome is unknown, or that the mistake is ours.
func (s *Store) update(ctx context.Context, what string, in *dynamodb.UpdateItemInput) (met, item, error) {
	in.TableName = s.table
	if in.ConditionExpression != nil {
		in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := s.db.UpdateItem(ctx, in)
	if err == nil {
		countWrite(ctx, out.ConsumedCapacity)
		return committed, nil, nil
	}
	return s.lost(ctx, what, err, 0)
}

// putIf puts an item if its condition holds; what it returns is as of update.
func (s *Store) putIf(ctx context.Context, what string, put *types.Put) (met, item, error) {
	out, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: s.table, Item: put.Item, ConditionExpression: put.ConditionExpression,
		ExpressionAttributeValues: put.ExpressionAttributeValues, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err == nil {
		countWrite(ctx, out.ConsumedCapacity)
		return committed, nil, nil
	}
	return s.lost(ctx, what, err, ItemSize(put.Item))
}

// lost says what a conditional write met that gave an error, and what stands there. size is that of the new item, 0 if it is not known.
func (s *Store) lost(ctx context.Context, what string, err error, size int) (met, item, error) {
	failed := s.failed(ctx, what, err)
	var refused *types.ConditionalCheckFailedException
	var conflict *types.TransactionConflictException
	switch {
	case errors.As(err, &refused):
		countRefused(ctx, max(size, ItemSize(refused.Item)))
		return overtaken, refused.Item, nil
	case errors.As(err, &conflict):
		return locked, nil, nil
	}
	return 0, nil, failed
}

// transact makes several writes or none. When other writers came first, it returns DynamoDB's reason for each of the writes.
func (s *Store) transact(ctx context.Context, what string, writes []types.TransactWriteItem) (met, []string, error) {
	out, err := s.db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		TransactItems: writes, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err == nil {
		meter.Add(ctx, meter.Counts{Calls: 1})
		for _, c := range out.ConsumedCapacity {
			meter.Add(ctx, meter.Counts{WriteUnits: aws.ToFloat64(c.CapacityUnits)})
		}
		return committed, nil, nil
	}
	failed := s.failed(ctx, what, err)
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) || !lostRace(canceled) {
		return 0, nil, failed
	}
	// It is billed, at two units an item or more, though the error has no figure.
	meter.Add(ctx, meter.Counts{WriteUnits: 2 * float64(len(writes))})
	reasons := make([]string, len(canceled.CancellationReasons))
	for i, r := range canceled.CancellationReasons {
		reasons[i] = aws.ToString(r.Code)
	}
	return overtaken, reasons, nil
}

// DynamoDB's reasons for writes of a transaction.
const (
	reasonNone      = "None"
	reasonCondition = "ConditionalCheckFailed"
)

// lostRace reports whether a transaction was cancelled for nothing but conditions and conflicts with other writers.
func lostRace(canceled *types.TransactionCanceledException) bool {
	for _, r := range canceled.CancellationReasons {
		switch aws.ToString(r.Code) {
		case reasonNone, reasonCondition, "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
		default:
			return false
		}
	}
	return len(canceled.CancellationReasons) > 0
}

// maxWrites is how often anything is tried at most while others come first.
const maxWrites = 10

// untilCommitted writes until nobody comes first.
func untilCommitted(ctx context.Context, write func() (met, error)) error {
	for try := 1; ; try++ {
		met, err := write()
		if err != nil || met == committed {
			return err
		}
		if try == maxWrites {
			return unavailable("Many clients write this product at once; repeat it.", errOvertaken)
		}
		if err := pause(ctx, try); err != nil {
			return tooLate(err)
		}
	}
}

func unavailable(detail string, cause error) error {
	return fault.New(fault.Unavailable, fault.CodeThrottled, detail).Because(cause)
}

// tooLate is the fault of what had no time left.
func tooLate(cause error) error {
	return unavailable("The deadline came near before this could be stored; repeat it.", cause)
}

// pause waits before try number n with full jitter, growing from 25 ms to at most 1.6 s.
func pause(ctx context.Context, n int) error {
	const base = 25 * time.Millisecond
	const most = 6 // doublings
	timer := time.NewTimer(mathrand.N(base << min(n, most)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

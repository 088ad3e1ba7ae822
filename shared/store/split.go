package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
)

// split splits a product into n shards in one transaction, if it still is as it was read. Every part of it has a condition,
// so a delayed one does nothing: the directory (or whole board) and every old shard must have the version that was read,
// and no new shard may exist. Losing is no error: whoever comes next sees what is left to do.
func (s *Store) split(ctx context.Context, p Product, n int) error {
	if len(p.Boards) != 1 && n != 2*len(p.Boards) {
		return nil // another has split it meanwhile
	}
	pk := ProductPartition(p.ID)
	directory := &types.Update{
		TableName: s.table, Key: key(pk, boardSK),
		UpdateExpression:          aws.String("SET v = :next, shards = :n, past = :past REMOVE o, h, w, d"),
		ConditionExpression:       aws.String("v = :v AND attribute_not_exists(shards)"),
		ExpressionAttributeValues: item{":v": number(p.directory.Version), ":next": number(p.directory.Version + 1), ":n": number(int64(n))},
	}
	var past []int
	if p.directory.Shards > 0 {
		directory.ConditionExpression = aws.String("v = :v AND shards = :old")
		directory.ExpressionAttributeValues[":old"] = number(int64(p.directory.Shards))
		past = append(slices.Clone(p.directory.Past), p.directory.Shards)
	}
	directory.ExpressionAttributeValues[":past"] = pastAttribute(past)
	writes := []types.TransactWriteItem{{Update: directory}}
	if p.directory.Shards > 0 {
		for _, b := range p.Boards {
			writes = append(writes, types.TransactWriteItem{Update: &types.Update{
				TableName: s.table, Key: key(pk, boardKey(b.Shard)),
				UpdateExpression:    aws.String("SET v = :next, moved = :true REMOVE o, h, w, d"),
				ConditionExpression: aws.String("v = :v AND attribute_not_exists(moved)"),
				ExpressionAttributeValues: item{
					":v": number(b.Version), ":next": number(b.Version + 1), ":true": &types.AttributeValueMemberBOOL{Value: true},
				},
			}})
		}
	}
	for _, b := range board.Split(p.Boards, n) {
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{
			TableName: s.table, Item: shardItem(b), ConditionExpression: aws.String("attribute_not_exists(pk)"),
		}})
	}
	if _, _, err := s.transact(ctx, "split board", writes); err != nil {
		return fmt.Errorf("split %s into %d: %w", p.ID, n, err)
	}
	return nil // whoever lost reads again
}

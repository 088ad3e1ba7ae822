package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Sample gives visit the ids of all products that have a board in one of total segments of the table, in no order, until visit
// returns false. DynamoDB divides a table by the hash of its keys, so the products of a segment are a fair sample.
//
// It is the only Scan: each segment of n costs what reading an nth of the table costs, whatever it finds.
func (s *Store) Sample(ctx context.Context, segment, total int32, visit func(productID string) (more bool, err error)) error {
	in := &dynamodb.ScanInput{
		TableName: s.table, Segment: &segment, TotalSegments: &total,
		Select: types.SelectSpecificAttributes, ProjectionExpression: aws.String("pk"), // a role may allow no more than the keys
		FilterExpression:          aws.String("begins_with(pk, :products) AND sk = :board"),
		ExpressionAttributeValues: item{":products": str(ProductPartition("")), ":board": str(boardSK)},
		ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
	}
	for {
		out, err := s.db.Scan(ctx, in)
		if err != nil {
			return fmt.Errorf("sample products: %w", s.failed(ctx, "scan", err))
		}
		countRead(ctx, out.ConsumedCapacity)
		for _, it := range out.Items {
			more, err := visit(strings.TrimPrefix(text(it, AttrPK), productPrefix))
			if err != nil || !more {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// EachSegment reads all segments of a product, strongly consistent, and gives each to visit. Read the product's boards before: what
// left their tails since then stands in a segment by now.
func (s *Store) EachSegment(ctx context.Context, productID string, visit func(SegmentItem) error) error {
	for _, kind := range []string{lateSK, segmentSK} {
		o := queryOptions{consistent: true}
		err := s.query(ctx, ProductPartition(productID), kind+"#", kind+"#"+greatestSK, o, func(it item) (bool, error) {
			seg, err := decodeSegmentItem(productID, it)
			if err != nil {
				return false, err
			}
			return true, visit(seg)
		})
		if err != nil {
			return fmt.Errorf("read segments: %w", err)
		}
	}
	return nil
}

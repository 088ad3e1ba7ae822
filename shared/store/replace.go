package store

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
)

// Replacement is what a restoration puts in the place of a product's boards.
type Replacement struct {
	Boards    []board.Board // the whole board, or all shards in their order
	Past      []int         // of a split product: the numbers of shards that it had before, least first
	Flushed   Flushed       // of a split product: from the whole board
	Catalogue *Directory    // whose part of the catalogue is put beside the board; nil: what stands there stays
	URLs      [][]board.URLChange
	Segments  []board.Segment // late ones, under a version that nothing stands under yet
}

// Replace puts a product's boards anew, if the items stand there as they were read: old are all items of its partition. Segments and
// urls come first, so a crash or a lost race loses nothing: it leaves repeated observations and urls that nobody names. The segments
// must be late ones: the boards that stand there do not know of them, and flush what overlaps them.
// It reports false, and has changed no board, when a writer came first. Every version of the new boards must be greater than any in
// old.
func (s *Store) Replace(
	ctx context.Context, productID string, old []map[string]types.AttributeValue, r Replacement,
) (replaced bool, err error) {
	for i, b := range r.Boards {
		if i < len(r.URLs) {
			if err := s.changeURLs(ctx, b, r.URLs[i]); err != nil {
				return false, err
			}
		}
	}
	for _, seg := range r.Segments {
		if err := s.putSegment(ctx, productID, seg); err != nil {
			return false, err
		}
	}
	standing := map[string]item{}
	for _, it := range old {
		standing[text(it, AttrSK)] = it
	}
	pk := ProductPartition(productID)
	whole := &types.Update{TableName: s.table, Key: key(pk, boardSK), ExpressionAttributeValues: item{}}
	whole.ConditionExpression = unchanged(standing[boardSK], whole.ExpressionAttributeValues)
	set := "SET v = :v"
	setAll := func(attributes item) {
		for name, value := range attributes {
			whole.ExpressionAttributeValues[":"+name] = value
			if name != AttrVersion {
				set += ", " + name + " = :" + name
			}
		}
	}
	if r.Catalogue != nil {
		condition := " AND attribute_not_exists(cat)"
		if old, ok := standing[boardSK][AttrCatalogue]; ok { // which cannot be read
			condition = " AND cat = :oldCat"
			whole.ExpressionAttributeValues[":oldCat"] = old
		}
		*whole.ConditionExpression += condition
		setAll(item{AttrCatalogue: str(r.Catalogue.Catalogue.Text()), AttrCatalogueVersion: number(r.Catalogue.CatalogueVersion)})
	}
	writes := []types.TransactWriteItem{{Update: whole}}
	if len(r.Boards) == 1 {
		setAll(boardAttributes(r.Boards[0].Pack()))
		set += " REMOVE shards, past"
	} else {
		setAll(item{
			AttrVersion: number(r.Boards[0].Version), AttrShards: number(int64(len(r.Boards))), AttrPast: pastAttribute(r.Past),
		})
		setAll(flushedAttributes(r.Flushed))
		set += " REMOVE o, h, w, d"
		for _, b := range r.Boards {
			put := &types.Put{TableName: s.table, Item: shardItem(b), ExpressionAttributeValues: item{}}
			put.ConditionExpression = unchanged(standing[boardKey(b.Shard)], put.ExpressionAttributeValues)
			if len(put.ExpressionAttributeValues) == 0 {
				put.ExpressionAttributeValues = nil
			}
			writes = append(writes, types.TransactWriteItem{Put: put})
		}
	}
	whole.UpdateExpression = &set
	what, _, err := s.transact(ctx, "replace boards", writes)
	if err != nil {
		return false, fmt.Errorf("replace the boards of %s: %w", productID, err)
	}
	return what == committed, nil
}

// unchanged is the condition that a board's item is as it was read. Every writer gives it another version, and nobody writes one
// that cannot be read.
func unchanged(it item, values item) *string {
	v, versioned := it[AttrVersion]
	switch {
	case versioned:
		values[":old"] = v
		return aws.String("v = :old")
	case it != nil:
		return aws.String("attribute_exists(pk) AND attribute_not_exists(v)")
	}
	return aws.String("attribute_not_exists(v)")
}

package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/board"
	"pricing/shared/price"
)

// CatalogueFilter says which entries are wanted, by what they are exactly; an empty text is any.
type CatalogueFilter struct {
	Status   string // one of price.StatusWords
	Brand    string
	Category string
	Tag      string // one of the entry's
}

// CataloguePosition is a place in the walk of the catalogue: behind a product, or at the beginning of a bucket. A product has the
// same place for ever, so entries that are put meanwhile move no other.
type CataloguePosition struct {
	Bucket    int    // 0 to 15
	ProductID string // empty: the bucket's beginning
}

// Valid reports whether the walk can come to a position. That of a cursor may be made up.
func (p CataloguePosition) Valid() bool {
	return p.Bucket >= 0 && p.Bucket < buckets && (p.ProductID == "" || bucketOf(p.ProductID) == p.Bucket)
}

// leastRead is how many entries a call of a filtered walk reads at least: few of them may pass.
const leastRead = 250

// ListCatalogue returns up to so many entries behind a position, eventually consistent, and where to go on; nil: there are no more.
// A page ends early when it has used its budget of read units, and may then be empty.
func (s *Store) ListCatalogue(
	ctx context.Context, filter CatalogueFilter, after CataloguePosition, limit int,
) (entries []CatalogueItem, next *CataloguePosition, err error) {
	units := 0.0
	for at := after; at.Bucket < buckets; {
		items, last, err := s.readBucket(ctx, filter, at, limit-len(entries), &units)
		if err != nil {
			return nil, nil, fmt.Errorf("list catalogue: %w", err)
		}
		for _, it := range items {
			c, err := decodeCatalogueItem(it)
			if err != nil {
				return nil, nil, fmt.Errorf("list catalogue: %w", err)
			}
			at.ProductID = c.ProductID
			if entries = append(entries, c); len(entries) == limit {
				return entries, &at, nil
			}
		}
		at.ProductID = last
		if last == "" {
			at.Bucket++
		}
		if units >= s.pageUnits && at.Bucket < buckets {
			return entries, &at, nil
		}
	}
	return entries, nil, nil
}

// readBucket is one call. last is the product that it came to; empty: it came to the bucket's end.
func (s *Store) readBucket(
	ctx context.Context, filter CatalogueFilter, after CataloguePosition, want int, units *float64,
) (items []item, last string, err error) {
	in := &dynamodb.QueryInput{
		IndexName:              aws.String(ProductsIndex),
		KeyConditionExpression: aws.String("b = :b AND pk > :after"),
		ExpressionAttributeValues: item{
			":b": str(BucketPartition(after.Bucket)), ":after": str(productPrefix + after.ProductID), // no partition here
		},
		Limit: aws.Int32(int32(want)), //nolint:gosec // a page's limit
	}
	if conditions := filter.conditions(in.ExpressionAttributeValues); conditions != "" {
		in.FilterExpression = &conditions
		in.Limit = aws.Int32(max(*in.Limit, leastRead))
	}
	items, reached, err := s.sendQuery(ctx, in, units)
	return items, strings.TrimPrefix(text(reached, AttrPK), productPrefix), err
}

// conditions returns the filter as an expression, empty if it lets every entry pass, and adds its values.
func (f CatalogueFilter) conditions(values item) string {
	var all []string
	add := func(condition, name, value string) {
		if value != "" {
			all = append(all, condition)
			values[name] = str(value)
		}
	}
	if f.Status != "" {
		letter, _, _ := strings.Cut(board.Catalogue{Discontinued: f.Status == price.StatusWords[1]}.Text(), "|")
		add("begins_with(cat, :status)", ":status", letter)
	}
	add("brand = :brand", ":brand", f.Brand)
	add("category = :category", ":category", f.Category)
	add("contains(tags, :tag)", ":tag", f.Tag)
	return strings.Join(all, " AND ")
}

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
)

// CatalogueEntry is a product's entry in the catalogue.
type CatalogueEntry struct {
	Title    string
	GTIN     price.GTIN // empty: none
	MPN      string     // manufacturer's part number; empty: none
	Brand    string
	Category string
	Tags     []string
	board.Catalogue
}

func (e CatalogueEntry) equal(other CatalogueEntry) bool {
	tags := slices.Equal(e.Tags, other.Tags)
	return tags && e.Title == other.Title && e.GTIN == other.GTIN && e.MPN == other.MPN && e.Brand == other.Brand &&
		e.Category == other.Category && e.Catalogue == other.Catalogue
}

func catalogueItem(productID string, e CatalogueEntry, version int64) item {
	it := key(ProductPartition(productID), productSK)
	it[AttrVersion] = number(version)
	it[AttrTitle] = str(e.Title)
	it[AttrCatalogue] = str(e.Text())
	for name, value := range map[string]string{AttrGTIN: string(e.GTIN), AttrMPN: e.MPN, AttrBrand: e.Brand, AttrCategory: e.Category} {
		if value != "" {
			it[name] = str(value)
		}
	}
	if len(e.Tags) > 0 {
		tags := &types.AttributeValueMemberL{}
		for _, tag := range e.Tags {
			tags.Value = append(tags.Value, str(tag))
		}
		it[AttrTags] = tags
	}
	return it
}

func decodeCatalogueEntry(it item) (e CatalogueEntry, version int64, err error) {
	wrap := func(err error) (CatalogueEntry, int64, error) {
		return CatalogueEntry{}, 0, fmt.Errorf("product %s: %w: %w", text(it, AttrPK), board.ErrFormat, err)
	}
	if version, err = integer(it, AttrVersion); err != nil {
		return wrap(err)
	}
	if version < 1 {
		return wrap(fmt.Errorf("version %d", version))
	}
	e = CatalogueEntry{
		Title: text(it, AttrTitle), GTIN: price.GTIN(text(it, AttrGTIN)), MPN: text(it, AttrMPN), Brand: text(it, AttrBrand),
		Category: text(it, AttrCategory),
	}
	if e.Catalogue, err = board.ParseCatalogue(text(it, AttrCatalogue)); err != nil {
		return wrap(err)
	}
	if tags, ok := it[AttrTags].(*types.AttributeValueMemberL); ok {
		for _, tag := range tags.Value {
			s, ok := tag.(*types.AttributeValueMemberS)
			if !ok {
				return wrap(errors.New("a tag is no text"))
			}
			e.Tags = append(e.Tags, s.Value)
		}
	}
	return e, version, nil
}

// FindCatalogueEntry returns a product's entry and its version, strongly consistent; NotFound when it is not in the catalogue.
func (s *Store) FindCatalogueEntry(ctx context.Context, productID string) (CatalogueEntry, int64, error) {
	it, err := s.find(ctx, ProductPartition(productID), productSK, true)
	if err != nil {
		return CatalogueEntry{}, 0, fmt.Errorf("find product: %w", err)
	}
	return decodeCatalogueEntry(it)
}

// PutCatalogueEntry stores a product's entry, then its part beside the board, and returns the version that it has now. Content
// equal to what is stored keeps its version, but that part is put again: so a crash between the two is mended when the
// client repeats its request. Unless match is 0, another version than that is a Precondition fault. A gtin that another
// product has is a Conflict.
func (s *Store) PutCatalogueEntry(ctx context.Context, productID string, e CatalogueEntry, match int64) (version int64, err error) {
	err = untilCommitted(ctx, func() (what met, err error) {
		what, version, err = s.putCatalogueEntry(ctx, productID, e, match)
		return what, err
	})
	if err != nil {
		return 0, fmt.Errorf("put product: %w", err)
	}
	return version, s.SetCatalogue(ctx, productID, e.Catalogue, version)
}

// putCatalogueEntry is one attempt.
func (s *Store) putCatalogueEntry(
	ctx context.Context, productID string, e CatalogueEntry, match int64,
) (what met, version int64, err error) {
	old, version, err := s.FindCatalogueEntry(ctx, productID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return 0, 0, err
	}
	if match != 0 && match != version {
		return 0, 0, fault.New(fault.Precondition, fault.CodeVersionConflict, fmt.Sprintf("The product has version %d, not %d.", version, match))
	}
	if version > 0 && e.equal(old) {
		return committed, version, nil
	}
	put := &types.Put{
		TableName: s.table, Item: catalogueItem(productID, e, version+1), ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}
	if version > 0 {
		put.ConditionExpression = aws.String("v = :old")
		put.ExpressionAttributeValues = item{":old": number(version)}
	}
	writes := []types.TransactWriteItem{{Put: put}}
	mine := item{":id": str(productID)}
	if e.GTIN != old.GTIN && old.GTIN != "" {
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: s.table, Key: key(GTINPartition(old.GTIN), productSK),
			ConditionExpression: aws.String("attribute_not_exists(pk) OR productId = :id"), ExpressionAttributeValues: mine}})
	}
	taking := -1 // which of the writes takes a gtin
	if e.GTIN != old.GTIN && e.GTIN != "" {
		it := key(GTINPartition(e.GTIN), productSK)
		it[AttrProductID] = str(productID)
		taking = len(writes)
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: s.table, Item: it,
			ConditionExpression: aws.String("attribute_not_exists(pk) OR productId = :id"), ExpressionAttributeValues: mine}})
	}
	// One kind of write for every case: a product is put seldom, and a transaction of one item costs two units.
	what, reasons, err := s.transact(ctx, "put product", writes)
	if taking >= 0 && taking < len(reasons) && reasons[taking] == reasonCondition && reasons[0] == reasonNone {
		err = fault.New(fault.Conflict, fault.CodeGTINInUse, "Another product has the gtin "+string(e.GTIN)+".")
	}
	return what, version + 1, err
}

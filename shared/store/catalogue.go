package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
)

// CatalogueEntry is a product's entry in the catalogue.
type CatalogueEntry struct {
	Title        string
	GTIN         price.GTIN // empty: none
	MPN          string     // manufacturer's part number; empty: none
	Brand        string
	Category     string
	Tags         []string
	Own          board.Own
	Discontinued bool
}

func (e CatalogueEntry) equal(other CatalogueEntry) bool {
	tags := slices.Equal(e.Tags, other.Tags)
	return tags && e.Title == other.Title && e.GTIN == other.GTIN && e.MPN == other.MPN && e.Brand == other.Brand &&
		e.Category == other.Category && e.Own == other.Own && e.Discontinued == other.Discontinued
}

const (
	statusActive       = "active"
	statusDiscontinued = "discontinued"
)

func catalogueItem(productID string, e CatalogueEntry, version int64) item {
	it := key(ProductPartition(productID), productSK)
	it[AttrVersion] = number(version)
	it[AttrTitle] = str(e.Title)
	it[AttrOwn] = str(e.Own.Text())
	it[AttrStatus] = str(statusActive)
	if e.Discontinued {
		it[AttrStatus] = str(statusDiscontinued)
	}
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
	status := text(it, AttrStatus)
	if version < 1 || status != statusActive && status != statusDiscontinued {
		return wrap(fmt.Errorf("version %d, status %q", version, status))
	}
	e = CatalogueEntry{
		Title: text(it, AttrTitle), GTIN: price.GTIN(text(it, AttrGTIN)), MPN: text(it, AttrMPN), Brand: text(it, AttrBrand),
		Category: text(it, AttrCategory), Discontinued: status == statusDiscontinued,
	}
	if e.Own, err = board.ParseOwn(text(it, AttrOwn)); err != nil {
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

// PutCatalogueEntry stores a product's entry, then its own prices beside the board, and returns the version that it has now. Content
// equal to what is stored keeps its version, but the prices are put again: so a crash between the two is mended when the
// client repeats its request. Unless match is 0, another version than that is a Precondition fault. A gtin that another
// product has is a Conflict.
func (s *Store) PutCatalogueEntry(ctx context.Context, productID string, e CatalogueEntry, match int64) (version int64, err error) {
	for try := 1; ; try++ {
		version, err = s.putCatalogueEntry(ctx, productID, e, match)
		if err == nil {
			return version, s.SetOwn(ctx, productID, e.Own, version)
		}
		if !errors.Is(err, errLost) {
			return 0, fmt.Errorf("put product: %w", err)
		}
		if try == maxWrites {
			return 0, unavailable("Many clients write this product at once; repeat it.", err)
		}
		if err := pause(ctx, try); err != nil {
			return 0, unavailable("The deadline came near before this could be stored; repeat it.", err)
		}
	}
}

// putCatalogueEntry is one attempt; errLost when another was first.
func (s *Store) putCatalogueEntry(ctx context.Context, productID string, e CatalogueEntry, match int64) (version int64, err error) {
	old, version, err := s.FindCatalogueEntry(ctx, productID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return 0, err
	}
	if match != 0 && match != version {
		return 0, fault.New(fault.Precondition, fault.CodeVersionConflict, fmt.Sprintf("The product has version %d, not %d.", version, match))
	}
	if version > 0 && e.equal(old) {
		return version, nil
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
	out, err := s.db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		TransactItems: writes, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err == nil {
		meter.Add(ctx, meter.Counts{Calls: 1})
		for _, c := range out.ConsumedCapacity {
			meter.Add(ctx, meter.Counts{WriteUnits: aws.ToFloat64(c.CapacityUnits)})
		}
		return version + 1, nil
	}
	failed := s.failed(ctx, "put product", err)
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) || !lostRace(canceled) {
		return 0, failed
	}
	reason := func(i int) string { return aws.ToString(canceled.CancellationReasons[i].Code) }
	if taking >= 0 && taking < len(canceled.CancellationReasons) && reason(taking) == "ConditionalCheckFailed" && reason(0) == "None" {
		return 0, fault.New(fault.Conflict, fault.CodeGTINInUse, "Another product has the gtin "+string(e.GTIN)+".")
	}
	return 0, errLost
}

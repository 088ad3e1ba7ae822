package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
)

// CatalogueItem is a product's entry in the catalogue as it is stored.
type CatalogueItem struct {
	price.CatalogueEntry
	ProductID string
	Version   int64 // from 1 on; it only grows
}

// beside is the part of the entry that stands beside the board.
func beside(e price.CatalogueEntry) board.Catalogue {
	return board.Catalogue{Discontinued: e.Discontinued, List: e.List, MAP: e.MAP}
}

func catalogueItem(c CatalogueItem) item {
	it := key(ProductPartition(c.ProductID), productSK)
	it[AttrBucket] = str(bucketText(bucketOf(c.ProductID)))
	it[AttrVersion] = number(c.Version)
	it[AttrTitle] = str(c.Title)
	it[AttrCatalogue] = str(beside(c.CatalogueEntry).Text())
	for name, value := range map[string]string{AttrGTIN: c.GTIN, AttrMPN: c.MPN, AttrBrand: c.Brand, AttrCategory: c.Category} {
		if value != "" {
			it[name] = str(value)
		}
	}
	if len(c.Tags) > 0 {
		tags := &types.AttributeValueMemberL{}
		for _, tag := range c.Tags {
			tags.Value = append(tags.Value, str(tag))
		}
		it[AttrTags] = tags
	}
	return it
}

func decodeCatalogueItem(it item) (CatalogueItem, error) {
	c := CatalogueItem{ProductID: strings.TrimPrefix(text(it, AttrPK), productPrefix)}
	wrap := func(err error) (CatalogueItem, error) {
		return CatalogueItem{}, fmt.Errorf("product %s: %w: %w", c.ProductID, board.ErrFormat, err)
	}
	var err error
	if c.Version, err = integer(it, AttrVersion); err != nil {
		return wrap(err)
	}
	if c.Version < 1 {
		return wrap(fmt.Errorf("version %d", c.Version))
	}
	part, err := board.ParseCatalogue(text(it, AttrCatalogue))
	if err != nil {
		return wrap(err)
	}
	c.CatalogueEntry = price.CatalogueEntry{
		Title: text(it, AttrTitle), GTIN: text(it, AttrGTIN), MPN: text(it, AttrMPN), Brand: text(it, AttrBrand),
		Category: text(it, AttrCategory), List: part.List, MAP: part.MAP, Discontinued: part.Discontinued,
	}
	if tags, ok := it[AttrTags].(*types.AttributeValueMemberL); ok {
		for _, tag := range tags.Value {
			s, ok := tag.(*types.AttributeValueMemberS)
			if !ok {
				return wrap(errors.New("a tag is no text"))
			}
			c.Tags = append(c.Tags, s.Value)
		}
	}
	return c, nil
}

// FindCatalogueEntry returns a product's entry, strongly consistent; NotFound when it is not in the catalogue.
func (s *Store) FindCatalogueEntry(ctx context.Context, productID string) (CatalogueItem, error) {
	it, err := s.find(ctx, ProductPartition(productID), productSK, true)
	if err != nil {
		return CatalogueItem{}, fmt.Errorf("find product: %w", err)
	}
	return decodeCatalogueItem(it)
}

// GTINInUse is the Conflict of a product whose gtin another has.
func GTINInUse(detail string) error {
	f := fault.New(fault.Conflict, fault.CodeGTINInUse, detail)
	f.Fields = []fault.Field{{Pointer: "/gtin", Code: f.Code, Detail: detail}}
	return f
}

// Put is what became of a product that was put into the catalogue.
type Put struct {
	Version int64         // that its entry has now
	Outcome board.Outcome // Created, Changed or Unchanged
	Err     error         // of PutCatalogueEntries: nothing else counts then
}

// Word returns the API's word for it: conflict when another product has the gtin; for other errors as of a Verdict.
func (p Put) Word() string {
	switch {
	case p.Err == nil:
		return p.Outcome.String()
	case fault.Is(p.Err, fault.Conflict):
		return board.Conflict.String()
	}
	return outcomeOf(p.Err)
}

// ProductEntry is the entry of one of many products.
type ProductEntry struct {
	ProductID string
	price.CatalogueEntry
}

// PutCatalogueEntries is PutCatalogueEntry for many products, several at a time, and says of each what became of it. The ids
// differ. A gtin that one of them gives up can go to another, whichever is put first.
func (s *Store) PutCatalogueEntries(ctx context.Context, entries []ProductEntry) []Put {
	puts := make([]Put, len(entries))
	pending := make([]int, len(entries))
	for i := range entries {
		pending[i] = i
	}
	for {
		eachOf(len(pending), s.width, func(n int) {
			e := entries[pending[n]]
			put, err := s.PutCatalogueEntry(ctx, e.ProductID, e.CatalogueEntry, nil)
			put.Err = err
			puts[pending[n]] = put
		})
		var refused []int // for a gtin, which another of them may have given up since
		for _, i := range pending {
			if fault.Is(puts[i].Err, fault.Conflict) {
				refused = append(refused, i)
			}
		}
		if len(refused) == 0 || len(refused) == len(pending) {
			return puts
		}
		pending = refused
	}
}

// PutCatalogueEntry stores a product's entry, then its part beside the board, and returns what became of it. Content equal to what
// is stored keeps its version, but that part is put again: so a crash between the two is mended when the client repeats its
// request. Unless allow is nil, it is asked whether what is stored (of Version 0: nothing is) may be replaced, and the write's
// condition is that this still stands there; its Precondition fault is the error. A gtin that another product has is a Conflict.
func (s *Store) PutCatalogueEntry(
	ctx context.Context, productID string, e price.CatalogueEntry, allow func(stored CatalogueItem) error,
) (Put, error) {
	if allow == nil {
		allow = func(CatalogueItem) error { return nil }
	}
	stands := CatalogueItem{CatalogueEntry: e, ProductID: productID}
	var outcome board.Outcome
	err := untilCommitted(ctx, func() (what met, err error) {
		what, stands, outcome, err = s.putCatalogueEntry(ctx, CatalogueItem{CatalogueEntry: e, ProductID: productID}, allow)
		return what, err
	})
	if err != nil && !fault.Is(err, fault.Precondition) {
		return Put{}, fmt.Errorf("put product: %w", err)
	}
	if stands.Version > 0 { // refused too: whoever is told that its own write stands there has no cause to repeat it
		if err := s.SetCatalogue(ctx, productID, beside(stands.CatalogueEntry), stands.Version); err != nil {
			return Put{}, err
		}
	}
	return Put{Version: stands.Version, Outcome: outcome}, err
}

// putCatalogueEntry is one attempt. stands is what is stored after it, if it was committed or not allowed.
func (s *Store) putCatalogueEntry(
	ctx context.Context, next CatalogueItem, allow func(CatalogueItem) error,
) (what met, stands CatalogueItem, outcome board.Outcome, err error) {
	if ctx.Err() != nil {
		return 0, CatalogueItem{}, 0, tooLate(context.Cause(ctx))
	}
	old, err := s.FindCatalogueEntry(ctx, next.ProductID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return 0, CatalogueItem{}, 0, err
	}
	if err := allow(old); err != nil {
		return 0, old, 0, err
	}
	if old.Version > 0 && next.Equal(old.CatalogueEntry) {
		return committed, old, board.Unchanged, nil
	}
	next.Version = old.Version + 1
	outcome = board.Created
	if old.Version > 0 {
		outcome = board.Changed
	}
	what, err = s.replaceCatalogueItem(ctx, old, next)
	return what, next, outcome, err
}

// replaceCatalogueItem stores an entry where an older one stands, or none (of Version 0), with what the gtins of both need.
func (s *Store) replaceCatalogueItem(ctx context.Context, old, next CatalogueItem) (met, error) {
	put := &types.Put{TableName: s.table, Item: catalogueItem(next), ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if old.Version > 0 {
		put.ConditionExpression = aws.String("v = :old")
		put.ExpressionAttributeValues = item{":old": number(old.Version)}
	}
	had, has := price.PadGTIN(old.GTIN), price.PadGTIN(next.GTIN)
	if had == has {
		what, there, err := s.putIf(ctx, "put product", put)
		if what == overtaken {
			// Its own earlier attempt, whose answer was lost, or one that wrote the same: to be told of it as a change by another would
			// be wrong. A transaction has a token for that.
			if stands, err := decodeCatalogueItem(there); err == nil && stands.Version == next.Version && stands.Equal(next.CatalogueEntry) {
				return committed, nil
			}
		}
		return what, err
	}
	writes := []types.TransactWriteItem{{Put: put}}
	mine := item{":id": str(next.ProductID)}
	if had != "" {
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: s.table, Key: key(GTINPartition(had), productSK),
			ConditionExpression: aws.String("attribute_not_exists(pk) OR productId = :id"), ExpressionAttributeValues: mine}})
	}
	taking := -1 // which of the writes takes a gtin
	if has != "" {
		it := key(GTINPartition(has), productSK)
		it[AttrProductID] = str(next.ProductID)
		taking = len(writes)
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: s.table, Item: it,
			ConditionExpression: aws.String("attribute_not_exists(pk) OR productId = :id"), ExpressionAttributeValues: mine}})
	}
	what, reasons, err := s.transact(ctx, "put product", writes)
	if taking >= 0 && taking < len(reasons) && reasons[taking] == reasonCondition && reasons[0] == reasonNone {
		err = GTINInUse("Another product has the gtin " + string(has) + ".")
	}
	return what, err
}

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/price"
)

// Items returns all items of a partition, strongly consistent, in the order of their sort keys.
func (s *Store) Items(ctx context.Context, partition string) ([]map[string]types.AttributeValue, error) {
	var items []item
	err := s.query(ctx, partition, leastSK, greatestSK, queryOptions{consistent: true}, func(it item) (bool, error) {
		items = append(items, it)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", partition, err)
	}
	return items, nil
}

// errUnknown is an item that this release has no form for.
var errUnknown = errors.New("no known form")

// GTINItem says which product has a gtin.
type GTINItem struct{ ProductID string }

// HealthItem is when something last came from a competitor's feed, to the minute.
type HealthItem struct{ LastReceivedAt, LastObservedAt price.Timestamp }

// ListedToken is a key id in the list of all tokens.
type ListedToken struct{ KeyID string }

// Decode says what an item of the table is, for tools: a BoardItem, a SegmentItem, a URLsItem, a CatalogueItem, a GTINItem, a
// price.Competitor, a HealthItem, a token.Record or a ListedToken. An item that this release cannot read is an error.
func Decode(it map[string]types.AttributeValue) (any, error) {
	pk := text(it, AttrPK)
	sk := text(it, AttrSK)
	switch pk {
	case CompetitorsPartition():
		if strings.HasSuffix(sk, healthSuffix) {
			received, observed, err := decodeHealth(it)
			return HealthItem{received, observed}, err
		}
		return decodeCompetitor(sk, it)
	case TokensPartition():
		return ListedToken{sk}, nil
	}
	if productID, ok := strings.CutPrefix(pk, productPrefix); ok {
		kind, _, _ := strings.Cut(sk, "#")
		switch {
		case kind == boardSK:
			return decodeBoardItem(productID, it)
		case kind == segmentSK, kind == lateSK:
			return decodeSegmentItem(productID, it)
		case kind == urlsSK:
			return decodeURLsItem(it)
		case sk == productSK:
			return decodeCatalogueItem(it)
		}
	}
	if strings.HasPrefix(pk, gtinPrefix) && sk == productSK {
		if text(it, AttrProductID) == "" {
			return nil, fmt.Errorf("%w: no %s", errUnknown, AttrProductID)
		}
		return GTINItem{text(it, AttrProductID)}, nil
	}
	if keyID, ok := strings.CutPrefix(pk, tokenPrefix); ok && sk == tokenSK {
		return decodeToken(keyID, it)
	}
	return nil, errUnknown
}

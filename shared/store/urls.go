package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
)

// A urls item has one attribute for each url of an offer: its name -> the url. The board says which is whose, and a reader takes a
// named one from any of the product's urls items.
//
// A new url is added before the board that names it, and the same write removes the one before the last, which no board names any
// more. What is removed must not be what another writer of the same version makes an offer's url again. So only the first
// writer of a version removes, which the item's version tells, and whoever comes later adds after it. A write that arrives late
// removes nothing either. What a lost race leaves behind is reconcile-boards' to remove.
const urlsACall = 100 // most urls changed by a call: an expression may have 4 KB

// urlAttribute is the name of a url's attribute.
func urlAttribute(name board.URLName) string { return base64.RawURLEncoding.EncodeToString(name[:]) }

// parseURLAttribute is its inverse.
func parseURLAttribute(text string) (name board.URLName, err error) {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	copy(name[:], decoded)
	if err != nil || len(decoded) != len(name) || urlAttribute(name) != text {
		return name, fmt.Errorf("%w: attribute %q", board.ErrFormat, text)
	}
	return name, nil
}

// URLsItem is an item with urls of a product's offers.
type URLsItem struct {
	Version int64 // the greatest of a board for which something was removed
	URLs    map[board.URLName]string
}

func decodeURLsItem(it item) (URLsItem, error) {
	urls := URLsItem{URLs: make(map[board.URLName]string, len(it))}
	fail := func(err error) (URLsItem, error) {
		return URLsItem{}, fmt.Errorf("%s of %s: %w: %w", text(it, AttrSK), text(it, AttrPK), board.ErrFormat, err)
	}
	for attribute, value := range it {
		switch attribute {
		case AttrPK, AttrSK:
			continue
		case AttrVersion:
			var err error
			if urls.Version, err = integer(it, AttrVersion); err != nil {
				return fail(err)
			}
			continue
		}
		name, err := parseURLAttribute(attribute)
		url, ok := value.(*types.AttributeValueMemberS)
		if err != nil || !ok {
			return fail(errors.Join(err, fmt.Errorf("url %q", attribute)))
		}
		urls.URLs[name] = url.Value
	}
	return urls, nil
}

// changeURLs changes the urls of a board's offers for the next version of it.
func (s *Store) changeURLs(ctx context.Context, next board.Board, changes []board.URLChange) error {
	if len(changes) == 0 {
		return nil
	}
	first := changes[:min(len(changes), urlsACall)]
	err := untilCommitted(ctx, func() (met, error) {
		met, _, err := s.update(ctx, "change urls", urlsUpdate(next, first, true))
		switch {
		case err != nil:
			return 0, err
		case met == committed:
			changes = changes[len(first):]
		case met == overtaken: // the version is noted, by whoever came first
			return committed, nil
		}
		return met, nil // when it was locked nothing is noted, and these urls would pass for orphans
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(changes, urlsACall) {
		err := untilCommitted(ctx, func() (met, error) {
			met, _, err := s.update(ctx, "add urls", urlsUpdate(next, some, false))
			return met, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// urlsUpdate makes an update of some urls. Only the first of a version of the board may remove, or whoever comes first for that.
func urlsUpdate(next board.Board, changes []board.URLChange, first bool) *dynamodb.UpdateItemInput {
	in := &dynamodb.UpdateItemInput{
		Key:                       key(ProductPartition(next.ProductID), urlsKey(next.Shard)),
		ExpressionAttributeNames:  map[string]string{},
		ExpressionAttributeValues: item{},
	}
	var sets, removes []string
	for i, c := range changes {
		n := strconv.Itoa(i)
		in.ExpressionAttributeNames["#"+n] = urlAttribute(c.Add)
		in.ExpressionAttributeValues[":"+n] = str(c.URL)
		sets = append(sets, "#"+n+" = :"+n)
		if first && c.Remove != (board.URLName{}) {
			in.ExpressionAttributeNames["#r"+n] = urlAttribute(c.Remove)
			removes = append(removes, "#r"+n)
		}
	}
	if first {
		in.ExpressionAttributeValues[":v"] = number(next.Version)
		in.ConditionExpression = aws.String("attribute_not_exists(v) OR v < :v")
		sets = append(sets, "v = :v")
	}
	expression := "SET " + strings.Join(sets, ", ")
	if len(removes) > 0 {
		expression += " REMOVE " + strings.Join(removes, ", ")
	}
	in.UpdateExpression = &expression
	return in
}

// RemoveOrphanURLs removes the urls of a product that no board names, and says how many those were: what lost races and crashes
// left behind. It never takes one away from a writer that is about to name it: such a writer has noted in the item the version of
// the board that it makes, which is then later than that of the board.
func (s *Store) RemoveOrphanURLs(ctx context.Context, productID string) (removed int, err error) {
	named := map[board.URLName]bool{}
	versions := map[string]int64{} // of whose urls stand in an item, by its sort key
	var items []item
	o := queryOptions{consistent: true}
	err = s.query(ctx, ProductPartition(productID), boardSK, urlsSK+"#"+greatestSK, o, func(it item) (bool, error) {
		if strings.HasPrefix(text(it, AttrSK), urlsSK) {
			items = append(items, it)
			return true, nil
		}
		bi, err := decodeBoardItem(productID, it)
		if err != nil {
			return false, err
		}
		at := urlsKey(bi.Shard)
		versions[at] = max(versions[at], bi.Directory.Version)
		if bi.Board != nil {
			for _, o := range bi.Board.Offers {
				named[o.URL.Name] = true
				named[o.URL.Before] = true
			}
		}
		return true, nil
	})
	if err != nil {
		return 0, fmt.Errorf("read urls: %w", err)
	}
	for _, it := range items {
		urls, err := decodeURLsItem(it)
		if err != nil {
			return removed, err
		}
		if urls.Version > versions[text(it, AttrSK)] {
			continue // a writer is at work, or has just died; the next time tells
		}
		var orphans []board.URLName
		for name := range urls.URLs {
			if !named[name] {
				orphans = append(orphans, name)
			}
		}
		n, err := s.removeURLs(ctx, it, urls.Version, orphans)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// removeURLs removes urls from an item as long as it has a version, and says how many those were.
func (s *Store) removeURLs(ctx context.Context, it item, version int64, names []board.URLName) (removed int, err error) {
	for some := range slices.Chunk(names, urlsACall) {
		in := &dynamodb.UpdateItemInput{
			Key:                       key(text(it, AttrPK), text(it, AttrSK)),
			ConditionExpression:       aws.String("v = :v"),
			ExpressionAttributeNames:  map[string]string{},
			ExpressionAttributeValues: item{":v": number(version)},
		}
		var removes []string
		for i, name := range some {
			n := "#" + strconv.Itoa(i)
			in.ExpressionAttributeNames[n] = urlAttribute(name)
			removes = append(removes, n)
		}
		in.UpdateExpression = aws.String("REMOVE " + strings.Join(removes, ", "))
		what, _, err := s.update(ctx, "remove urls", in)
		if err != nil || what != committed { // a writer came first
			return removed, err
		}
		removed += len(some)
	}
	return removed, nil
}

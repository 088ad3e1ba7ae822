package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
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
	if err != nil || len(decoded) != len(name) {
		return name, fmt.Errorf("%w: attribute %q", board.ErrFormat, text)
	}
	copy(name[:], decoded)
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
	for len(changes) > 0 {
		n := min(len(changes), urlsACall)
		if err := s.changeSomeURLs(ctx, next, changes[:n]); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

func (s *Store) changeSomeURLs(ctx context.Context, next board.Board, changes []board.URLChange) error {
	names := map[string]string{}
	values := item{":v": number(next.Version)}
	var sets, removes []string
	for i, c := range changes {
		n := strconv.Itoa(i)
		names["#"+n] = urlAttribute(c.Add)
		values[":"+n] = str(c.URL)
		sets = append(sets, "#"+n+" = :"+n)
		if c.Remove != (board.URLName{}) {
			names["#r"+n] = urlAttribute(c.Remove)
			removes = append(removes, "#r"+n)
		}
	}
	add := "SET " + strings.Join(sets, ", ")
	in := &dynamodb.UpdateItemInput{
		Key:                       key(ProductPartition(next.ProductID), urlsKey(next.Shard)),
		UpdateExpression:          aws.String(add + ", v = :v"),
		ConditionExpression:       aws.String("attribute_not_exists(v) OR v < :v"),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
	if len(removes) > 0 {
		*in.UpdateExpression += " REMOVE " + strings.Join(removes, ", ")
	}
	what, _, err := s.update(ctx, "change urls", in)
	if err != nil || what == committed {
		return err
	}
	for _, name := range removes {
		delete(names, name)
	}
	delete(values, ":v")
	in.UpdateExpression = &add
	in.ConditionExpression = nil
	in.ReturnValuesOnConditionCheckFailure = ""
	return retry(ctx, func() (met, error) {
		met, _, err := s.update(ctx, "add urls", in)
		return met, err
	})
}

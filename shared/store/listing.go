package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/meter"
	"pricing/shared/price"
)

// A listing item has one attribute for each url ever seen: the url's hash -> "<yymmdd first seen> <url>". A board keeps
// only the hash. Entries are added before the board that names them and never replaced, so neither order nor
// repetition nor a crash can harm; an entry that is missing reads as null.
//
// A new url costs a write of its whole item, so an item is small. What does not fit where a product's urls go first
// goes to one of many others: those who read take them all, and an entry may stand in any.
const (
	listingBytes = "c"       // how many bytes its entries take
	listingLimit = 2 * 1024  // an item takes no more than these
	listingChunk = 100       // most entries a call, for the limit on the length of an expression (4 KB)
	listingFull  = time.Hour // how long a full item is not asked again, since being refused costs as much as a write
	mostListings = 10_000    // full items remembered
	dayLayout    = "060102"
)

// listingKey returns the sort key of the item that takes a url of a product in n shards.
func listingKey(hash board.URLHash, n int) string {
	if n == 0 {
		return listingSK
	}
	return listingSK + "#" + strconv.Itoa(int(hash[0])%n)
}

// decodeListing adds the urls of a listing item to a map.
func decodeListing(it item, urls map[board.URLHash]string) error {
	for name, value := range it {
		if name == "pk" || name == "sk" || name == listingBytes {
			continue
		}
		var hash board.URLHash
		decoded, err := base64.RawURLEncoding.DecodeString(name)
		entry, ok := value.(*types.AttributeValueMemberS)
		if err != nil || copy(hash[:], decoded) != len(decoded) || base64.RawURLEncoding.EncodeToString(hash[:]) != name || !ok {
			return fmt.Errorf("listing %s: %w: attribute %q", text(it, "pk"), board.ErrFormat, name)
		}
		_, urls[hash], ok = strings.Cut(entry.Value, " ")
		if !ok {
			return fmt.Errorf("listing %s: %w: entry %q", text(it, "pk"), board.ErrFormat, entry.Value)
		}
	}
	return nil
}

// list adds urls to a product's listing. Those for which no item has room are left out.
func (s *Store) list(ctx context.Context, productID string, shards int, urls map[board.URLHash]string, now price.Timestamp) error {
	for _, n := range []int{shards, board.MaxShards} {
		byItem := map[string]map[board.URLHash]string{}
		for hash, url := range urls {
			sk := listingKey(hash, n)
			if byItem[sk] == nil {
				byItem[sk] = map[board.URLHash]string{}
			}
			byItem[sk][hash] = url
		}
		urls = map[board.URLHash]string{}
		for sk, wanted := range byItem {
			rest, err := s.listIn(ctx, key(productKey(productID), sk), wanted, now)
			if err != nil {
				return err
			}
			maps.Copy(urls, rest)
		}
	}
	return nil
}

// listIn adds entries to one item and returns those that it has no room for. urls is used up.
func (s *Store) listIn(ctx context.Context, at item, urls map[board.URLHash]string, now price.Timestamp) (rest map[board.URLHash]string, err error) {
	name := text(at, "pk") + " " + text(at, "sk")
	for len(urls) > 0 {
		if s.fullListings.has(name, s.now()) {
			return urls, nil
		}
		chunk, bytes := map[board.URLHash]string{}, 0
		for hash, url := range urls {
			entry := now.Time().Format(dayLayout) + " " + url
			if len(chunk) > 0 && (len(chunk) == listingChunk || bytes+len(entry) > listingLimit) {
				break
			}
			chunk[hash], bytes = entry, bytes+len(entry)
		}
		present, room, err := s.addEntries(ctx, at, chunk, bytes)
		switch {
		case err != nil:
			return nil, err
		case present == nil: // added
			for hash := range chunk {
				delete(urls, hash)
			}
			continue
		}
		before := len(urls)
		for hash := range urls {
			if _, ok := present[entryName(hash)]; ok {
				delete(urls, hash)
			}
		}
		if len(urls) < before {
			continue
		}
		fits := map[board.URLHash]string{} // nothing was there: there is no room for the whole chunk
		for hash, entry := range chunk {
			if len(entry) < room {
				fits[hash], room = entry, room-len(entry)
			}
		}
		if len(fits) == 0 {
			s.fullListings.add(name, s.now())
		}
		rest = maps.Clone(urls)
		for hash := range fits {
			delete(rest, hash)
			fits[hash] = urls[hash]
		}
		left, err := s.listIn(ctx, at, fits, now)
		if err != nil {
			return nil, err
		}
		maps.Copy(rest, left)
		return rest, nil
	}
	return nil, nil
}

func entryName(hash board.URLHash) string { return base64.RawURLEncoding.EncodeToString(hash[:]) }

// addEntries adds entries, of some bytes together, to an item that has room for them and none of them yet, so the count
// of bytes stays true. Otherwise it returns the item as it is and the bytes that it has room for.
func (s *Store) addEntries(ctx context.Context, at item, entries map[board.URLHash]string, bytes int) (present item, room int, err error) {
	in := &dynamodb.UpdateItemInput{
		TableName: s.table, Key: at,
		ExpressionAttributeNames:            map[string]string{"#c": listingBytes},
		ExpressionAttributeValues:           item{":b": number(int64(bytes)), ":room": number(int64(listingLimit - bytes))},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
	}
	var sets, conditions []string
	for hash, entry := range entries {
		n := strconv.Itoa(len(sets))
		in.ExpressionAttributeNames["#"+n] = entryName(hash)
		in.ExpressionAttributeValues[":"+n] = str(entry)
		sets = append(sets, "#"+n+"=:"+n)
		conditions = append(conditions, "attribute_not_exists(#"+n+")")
	}
	in.UpdateExpression = aws.String("SET " + strings.Join(sets, ",") + " ADD #c :b")
	in.ConditionExpression = aws.String("(attribute_not_exists(#c) OR #c<:room) AND " + strings.Join(conditions, " AND "))
	out, err := s.db.UpdateItem(ctx, in)
	if err == nil {
		wrote(ctx, out.ConsumedCapacity)
		return nil, 0, nil
	}
	failed := s.failed(ctx, "update listing", err)
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) || refused.Item == nil {
		return nil, 0, failed
	}
	taken, err := integer(refused.Item, listingBytes)
	if err != nil {
		return nil, 0, fmt.Errorf("listing %s: %w: %w", text(at, "pk"), board.ErrFormat, err)
	}
	meter.Add(ctx, meter.Counts{WriteUnits: math.Ceil(float64(taken) / kilobyte)}) // billed, though the error has no figure
	return refused.Item, listingLimit - int(taken), nil
}

// recent remembers keys for a while. The zero value is empty; it is safe for concurrent use.
type recent struct {
	mu    sync.Mutex
	since map[string]time.Time
}

func (r *recent) has(key string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, ok := r.since[key]
	return ok && now.Sub(since) < listingFull
}

func (r *recent) add(key string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since == nil || len(r.since) >= mostListings {
		r.since = map[string]time.Time{}
	}
	r.since[key] = now
}

package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
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
const (
	listingBytes = "c"       // how many bytes its entries take
	listingLimit = 8 * 1024  // an item that has as many takes no more: a new url costs a write of the whole item
	listingChunk = 100       // entries a call, for the limit on the length of an expression (4 KB)
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

// list adds urls to a product's listing.
func (s *Store) list(ctx context.Context, productID string, shards int, urls map[board.URLHash]string, now price.Timestamp) error {
	byItem := map[string]map[board.URLHash]string{}
	for hash, url := range urls {
		sk := listingKey(hash, shards)
		if byItem[sk] == nil {
			byItem[sk] = map[board.URLHash]string{}
		}
		byItem[sk][hash] = url
	}
	for sk, urls := range byItem {
		if s.fullListings.has(productID+" "+sk, s.now()) {
			continue
		}
		for len(urls) > 0 {
			chunk := map[board.URLHash]string{}
			for hash, url := range urls {
				if len(chunk) < listingChunk {
					chunk[hash] = url
					delete(urls, hash)
				}
			}
			full, err := s.listIn(ctx, key(productKey(productID), sk), chunk, now)
			if err != nil {
				return err
			}
			if full {
				s.fullListings.add(productID+" "+sk, s.now())
				break
			}
		}
	}
	return nil
}

// listIn adds entries to one item if none of them is there; those that are, are left out and the rest tried again. So
// the count of bytes stays true. It reports whether the item has no room left.
func (s *Store) listIn(ctx context.Context, at item, urls map[board.URLHash]string, now price.Timestamp) (full bool, err error) {
	day := now.Time().Format(dayLayout)
	for try := 1; len(urls) > 0; try++ {
		in := &dynamodb.UpdateItemInput{
			TableName: s.table, Key: at,
			ExpressionAttributeNames:            map[string]string{"#c": listingBytes},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
		}
		var sets, conditions []string
		values, bytes := item{}, 0
		for hash, url := range urls {
			n := strconv.Itoa(len(sets))
			in.ExpressionAttributeNames["#"+n] = base64.RawURLEncoding.EncodeToString(hash[:])
			entry := day + " " + url
			values[":"+n] = str(entry)
			bytes += len(entry)
			sets = append(sets, "#"+n+"=:"+n)
			conditions = append(conditions, "attribute_not_exists(#"+n+")")
		}
		values[":b"], values[":room"] = number(int64(bytes)), number(int64(listingLimit-bytes))
		in.ExpressionAttributeValues = values
		in.UpdateExpression = aws.String("SET " + strings.Join(sets, ",") + " ADD #c :b")
		in.ConditionExpression = aws.String("(attribute_not_exists(#c) OR #c<:room) AND " + strings.Join(conditions, " AND "))
		out, err := s.db.UpdateItem(ctx, in)
		if err == nil {
			wrote(ctx, out.ConsumedCapacity)
			return full, nil
		}
		failed := s.failed(ctx, "update listing", err)
		var present *types.ConditionalCheckFailedException
		if !errors.As(err, &present) || present.Item == nil {
			return false, failed
		}
		if taken, err := integer(present.Item, listingBytes); err == nil {
			meter.Add(ctx, meter.Counts{WriteUnits: math.Ceil(float64(taken) / kilobyte)}) // billed, though the error has no figure
		}
		before := len(urls)
		for hash := range urls {
			if _, ok := present.Item[base64.RawURLEncoding.EncodeToString(hash[:])]; ok {
				delete(urls, hash)
			}
		}
		if len(urls) == before { // the item has no room for all: half of them may fit
			full = true
			if before == 1 {
				return full, nil
			}
			for hash := range urls {
				if len(urls) > before/2 {
					delete(urls, hash)
				}
			}
		}
	}
	return full, nil
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

package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/price"
)

// A listing item has one attribute for each url ever seen: the url's hash -> "<yymmdd first seen> <url>". A board keeps
// only the hash. Entries are added before the board that names them and never replaced, so neither order nor
// repetition nor a crash can harm; an entry that is missing reads as null.
//
// A new url costs a write of its whole item, so an item is small. What does not fit where a product's urls go first is
// tried in a few of 64 others: those who read take them all, and an entry may stand in any.
const (
	listingBytes  = "c"       // how many bytes its entries take
	listingLimit  = 2 * 1024  // an item takes fewer than these
	listingChunk  = 100       // most entries a call, for the limit on the length of an expression (4 KB)
	listingProbes = 8         // of the others, before a url is left out
	roomKnown     = time.Hour // how long an item is not asked for more than it had room for: a refusal costs as much as a write
	mostRooms     = 10_000    // items remembered
	dayLayout     = "060102"
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

// list adds urls to a product's listing. Those for which no item that is tried has room are left out.
func (s *Store) list(ctx context.Context, productID string, shards int, urls map[board.URLHash]string, now price.Timestamp) error {
	entries := make(map[board.URLHash]string, len(urls))
	for hash, url := range urls {
		entries[hash] = now.Time().Format(dayLayout) + " " + url
	}
	for probe := 0; probe <= listingProbes && len(entries) > 0; probe++ {
		byItem := map[string]map[board.URLHash]string{}
		for hash, entry := range entries {
			sk := listingKey(hash, shards)
			if probe > 0 {
				next := hash
				next[0] += byte(probe - 1)
				sk = listingKey(next, board.MaxShards)
			}
			if byItem[sk] == nil {
				byItem[sk] = map[board.URLHash]string{}
			}
			byItem[sk][hash] = entry
		}
		for sk, wanted := range byItem {
			listed, err := s.listIn(ctx, key(productKey(productID), sk), wanted)
			if err != nil {
				return err
			}
			for _, hash := range listed {
				delete(entries, hash)
			}
		}
	}
	return nil
}

// listIn adds those entries to an item that it has room for and returns their hashes, with those that are there already.
func (s *Store) listIn(ctx context.Context, at item, entries map[board.URLHash]string) (listed []board.URLHash, err error) {
	name := text(at, "pk") + " " + text(at, "sk")
	for {
		room := s.rooms.of(name, s.now())
		chunk, bytes := map[board.URLHash]string{}, 0
		for hash, entry := range entries {
			if len(chunk) < listingChunk && bytes+len(entry) < room {
				chunk[hash], bytes = entry, bytes+len(entry)
			}
		}
		if len(chunk) == 0 {
			return listed, nil
		}
		present, room, err := s.addEntries(ctx, at, chunk, bytes)
		if err != nil {
			return nil, err
		}
		if present != nil { // refused: some are there, or there is no room for all
			s.rooms.note(name, room, s.now())
			chunk = entries
		}
		for hash := range chunk {
			if _, there := present[entryName(hash)]; there || present == nil {
				listed = append(listed, hash)
				delete(entries, hash)
			}
		}
	}
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
	var lost *types.ConditionalCheckFailedException
	if !errors.As(err, &lost) || lost.Item == nil {
		return nil, 0, failed
	}
	taken, err := integer(lost.Item, listingBytes)
	if err != nil {
		return nil, 0, fmt.Errorf("listing %s: %w: %w", text(at, "pk"), board.ErrFormat, err)
	}
	refusedWrite(ctx, int(taken))
	return lost.Item, listingLimit - int(taken), nil
}

// rooms remembers for a while how many bytes listing items had room for when they refused more: it only gets less. The
// zero value knows nothing; it is safe for concurrent use.
type rooms struct {
	mu    sync.Mutex
	known map[string]knownRoom
}

type knownRoom struct {
	bytes int
	since time.Time
}

// of returns the room that an item is known to have at most.
func (r *rooms) of(name string, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.known[name]; ok && now.Sub(k.since) < roomKnown {
		return k.bytes
	}
	return listingLimit
}

func (r *rooms) note(name string, bytes int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= mostRooms {
		r.known = map[string]knownRoom{}
	}
	r.known[name] = knownRoom{bytes, now}
}

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

// A urls item has one attribute for each url: the url's hash -> "<yymmdd first seen> <url>". A board keeps only the hash.
// A url is added before the board that names it and is never replaced. So neither order nor repetition nor a crash can
// harm; a url that is missing reads as null.
//
// A new url costs a write of its whole item, so the items are small. A url that has no room in the item where it belongs
// is tried in a few of 64 others. A reader takes all of them, so a url may stand in any.
const (
	urlsLimit = 2 * 1024  // the urls of an item take fewer bytes than this
	urlsACall = 100       // most urls added by a call: an expression may have 4 KB
	urlProbes = 8         // how many of the 64 items are tried before a url is left out
	roomKnown = time.Hour // how long an item that refused urls is not asked for that much room: a refusal costs as much as a write
	mostRooms = 10_000    // how many items are remembered for it
	daySeen   = "060102"  // the layout of the day on which a url was first seen
)

// urlsKey returns the sort key of the item where a url of a product in n shards belongs.
func urlsKey(hash board.URLHash, n int) string {
	if n == 0 {
		return urlsSK
	}
	return urlsSK + "#" + strconv.Itoa(int(hash[0])%n)
}

// urlAttribute is the name of a url's attribute.
func urlAttribute(hash board.URLHash) string { return base64.RawURLEncoding.EncodeToString(hash[:]) }

// URLsItem is an item with some of a product's urls.
type URLsItem struct {
	URLs  map[board.URLHash]SeenURL
	Bytes int64 // that they take
}

// SeenURL is a url and the day on which it was first seen, as yymmdd.
type SeenURL struct{ Day, URL string }

// decodeURLs gives each url of an item to add.
func decodeURLs(it item, add func(board.URLHash, SeenURL)) error {
	for name, value := range it {
		if name == AttrPK || name == AttrSK || name == AttrURLBytes {
			continue
		}
		var hash board.URLHash
		decoded, err := base64.RawURLEncoding.DecodeString(name)
		stored, ok := value.(*types.AttributeValueMemberS)
		if err != nil || copy(hash[:], decoded) != len(decoded) || urlAttribute(hash) != name || !ok {
			return fmt.Errorf("urls of %s: %w: attribute %q", text(it, AttrPK), board.ErrFormat, name)
		}
		day, url, ok := strings.Cut(stored.Value, " ")
		if !ok {
			return fmt.Errorf("urls of %s: %w: url %q", text(it, AttrPK), board.ErrFormat, stored.Value)
		}
		add(hash, SeenURL{day, url})
	}
	return nil
}

func decodeURLsItem(it item) (URLsItem, error) {
	urls := URLsItem{URLs: map[board.URLHash]SeenURL{}}
	if err := decodeURLs(it, func(hash board.URLHash, url SeenURL) { urls.URLs[hash] = url }); err != nil {
		return URLsItem{}, err
	}
	var err error
	urls.Bytes, err = integer(it, AttrURLBytes)
	return urls, err
}

// addURLs adds urls to a product. Those for which no item that is tried has room are left out.
func (s *Store) addURLs(ctx context.Context, productID string, shards int, urls map[board.URLHash]string, now price.Timestamp) error {
	left := make(map[board.URLHash]string, len(urls)) // as they are stored
	for hash, url := range urls {
		left[hash] = now.Time().Format(daySeen) + " " + url
	}
	for probe := 0; probe <= urlProbes && len(left) > 0; probe++ {
		byItem := map[string]map[board.URLHash]string{}
		for hash, url := range left {
			sk := urlsKey(hash, shards)
			if probe > 0 {
				next := hash
				next[0] += byte(probe - 1)
				sk = urlsKey(next, board.MaxShards)
			}
			if byItem[sk] == nil {
				byItem[sk] = map[board.URLHash]string{}
			}
			byItem[sk][hash] = url
		}
		for sk, wanted := range byItem {
			added, err := s.addURLsTo(ctx, key(ProductPartition(productID), sk), wanted)
			if err != nil {
				return err
			}
			for _, hash := range added {
				delete(left, hash)
			}
		}
	}
	return nil
}

// addURLsTo adds those urls to an item that it has room for. It returns their hashes and those of the urls that are there
// already.
func (s *Store) addURLsTo(ctx context.Context, at item, urls map[board.URLHash]string) (added []board.URLHash, err error) {
	name := text(at, AttrPK) + " " + text(at, AttrSK)
	for {
		room := s.rooms.of(name, s.now())
		chunk := map[board.URLHash]string{}
		bytes := 0
		for hash, url := range urls {
			if len(chunk) < urlsACall && bytes+len(url) < room {
				chunk[hash] = url
				bytes += len(url)
			}
		}
		if len(chunk) == 0 {
			return added, nil
		}
		present, room, err := s.updateURLs(ctx, at, chunk, bytes)
		if err != nil {
			return nil, err
		}
		if present != nil { // refused: some are there, or there is no room for all
			s.rooms.note(name, room, s.now())
			chunk = urls
		}
		for hash := range chunk {
			if _, there := present[urlAttribute(hash)]; there || present == nil {
				added = append(added, hash)
				delete(urls, hash)
			}
		}
	}
}

// updateURLs adds urls, which take some bytes together, to an item that has room for them and none of them yet, so that the
// count of bytes stays true. Otherwise it returns the item as it is and how many bytes it has room for.
func (s *Store) updateURLs(ctx context.Context, at item, urls map[board.URLHash]string, bytes int) (present item, room int, err error) {
	in := &dynamodb.UpdateItemInput{
		TableName: s.table, Key: at,
		ExpressionAttributeNames:            map[string]string{"#c": AttrURLBytes},
		ExpressionAttributeValues:           item{":b": number(int64(bytes)), ":room": number(int64(urlsLimit - bytes))},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
	}
	var sets, conditions []string
	for hash, url := range urls {
		n := strconv.Itoa(len(sets))
		in.ExpressionAttributeNames["#"+n] = urlAttribute(hash)
		in.ExpressionAttributeValues[":"+n] = str(url)
		sets = append(sets, "#"+n+"=:"+n)
		conditions = append(conditions, "attribute_not_exists(#"+n+")")
	}
	in.UpdateExpression = aws.String("SET " + strings.Join(sets, ",") + " ADD #c :b")
	in.ConditionExpression = aws.String("(attribute_not_exists(#c) OR #c<:room) AND " + strings.Join(conditions, " AND "))
	out, err := s.db.UpdateItem(ctx, in)
	if err == nil {
		countWrite(ctx, out.ConsumedCapacity)
		return nil, 0, nil
	}
	failed := s.failed(ctx, "update urls", err)
	var lost *types.ConditionalCheckFailedException
	if !errors.As(err, &lost) || lost.Item == nil {
		return nil, 0, failed
	}
	taken, err := integer(lost.Item, AttrURLBytes)
	if err != nil {
		return nil, 0, fmt.Errorf("urls of %s: %w: %w", text(at, AttrPK), board.ErrFormat, err)
	}
	countRefused(ctx, int(taken))
	return lost.Item, urlsLimit - int(taken), nil
}

// rooms remembers for a while how many bytes urls items had room for when they refused more: it only gets less. The zero
// value knows nothing. It is safe for concurrent use.
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
	return urlsLimit
}

func (r *rooms) note(name string, bytes int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= mostRooms {
		r.known = map[string]knownRoom{}
	}
	r.known[name] = knownRoom{bytes, now}
}

package store_test

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

// kindOf is what an item is, by what it was decoded to.
func kindOf(decoded any) string {
	switch decoded := decoded.(type) {
	case store.BoardItem:
		switch {
		case decoded.Shard.N > 0:
			return "shard"
		case decoded.Board == nil:
			return "directory"
		}
		return "board"
	default:
		return strings.TrimPrefix(fmt.Sprintf("%T", decoded), "store.")
	}
}

// Every item that the store writes can be read by tools, and what they are shown is what was stored. One whose attributes are
// missing or of another type is an error, never something less.
func TestDecode(t *testing.T) {
	t.Parallel()
	client, table := market(t)
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	require.NoError(t, err)
	needed := map[string]string{ // by kind of item
		"board": "v o h w cv", "shard": "v o h w", "directory": "v shards past cv", "SegmentItem": "h n lo expires", "URLsItem": "",
		"CatalogueItem": "v cat", "GTINItem": "productId", "price.Competitor": "kind freshFor", "HealthItem": "r o",
		"token.Record": "notBefore notAfter", "ListedToken": "",
	}
	seen := map[string]int{}
	for _, it := range out.Items {
		decoded, err := store.Decode(it)
		require.NoError(t, err)
		kind := kindOf(decoded)
		seen[kind]++
		attributes, known := needed[kind]
		require.True(t, known, kind)
		for _, name := range strings.Fields(attributes) {
			damaged := maps.Clone(it)
			require.Contains(t, damaged, name, kind)
			for what, value := range map[string]types.AttributeValue{
				"null": &types.AttributeValueMemberNULL{Value: true}, "a set": &types.AttributeValueMemberSS{Value: []string{"x"}},
				"half of one": &types.AttributeValueMemberN{Value: "0.5"}, "nothing": nil,
			} {
				damaged[name] = value
				if value == nil {
					delete(damaged, name)
				}
				_, err := store.Decode(damaged)
				require.Error(t, err, "%s: %s is %s", kind, name, what)
			}
		}
		switch decoded := decoded.(type) {
		case price.Competitor:
			assert.Contains(t, []string{"bigmart", "shopx"}, decoded.ID)
			assert.NotContains(t, it, "domain", "what is not known takes no room")
		case token.Record:
			assert.Equal(t, keyID, decoded.KeyID)
		case store.ListedToken:
			assert.Equal(t, keyID, decoded.KeyID)
		case store.GTINItem:
			owner := map[string]price.GTIN{"P1": gtin, "P2": otherGTIN}[decoded.ProductID]
			assert.Equal(t, itemKey(store.GTINPartition(owner), "product")["pk"], it["pk"])
		case store.CatalogueItem:
			assert.Equal(t, int64(1), decoded.Version)
			assert.Equal(t, "Kettle", decoded.Title)
		case store.SegmentItem:
			n := int64(0)
			for _, o := range decoded.Offers {
				for _, one := range o.Observations {
					n++
					assert.LessOrEqual(t, decoded.Low, one.ObservedAt)
					assert.GreaterOrEqual(t, decoded.High, one.ObservedAt)
				}
			}
			assert.Equal(t, n, decoded.Count)
			assert.Equal(t, decoded.High.Add(storetest.Retention+7*24*time.Hour).Time().Truncate(time.Second), decoded.Expires)
		case store.URLsItem:
			assert.NotEmpty(t, decoded.URLs)
			assert.Positive(t, decoded.Version)
			for name, url := range decoded.URLs {
				assert.NotEqual(t, board.URLName{}, name)
				assert.Contains(t, url, "https://")
			}
		}
	}
	for kind := range needed {
		assert.Positive(t, seen[kind], kind)
	}
}

// An item of no known form is an error, whatever it holds.
func TestDecode_NoKnownForm(t *testing.T) {
	t.Parallel()
	client, table := market(t)
	whole := items(t, client, table, "p#P1", "board")[0]
	for name, value := range items(t, client, table, "p#P1", "product")[0] { // beside what the board has, so that only the key is wrong
		whole[name] = value
	}
	for _, sk := range []string{"", "board#", "board#1", "board#1.0", "board#3.0", "board#2.2", "board#128.0", "boards", "seg",
		"board.urlss", "seg#1#20260706T091403.123", "seg#1#20260706#0000000042", "late#1#20260706T091403.123#42",
		"products", "product#1", "health"} {
		it := maps.Clone(whole)
		it["sk"] = &types.AttributeValueMemberS{Value: sk}
		_, err := store.Decode(it)
		require.Error(t, err, "p#P1 %s", sk)
	}
	record := items(t, client, table, store.TokenPartition(keyID), "token")[0]
	record["productId"] = &types.AttributeValueMemberS{Value: "P1"} // as a gtin has it
	for pk, sk := range map[string]string{
		store.TokenPartition(keyID): "tokens", "x#" + keyID: "token", store.GTINPartition(gtin): "token", "x#" + string(gtin): "product",
	} {
		maps.Copy(record, itemKey(pk, sk))
		_, err := store.Decode(record)
		require.Error(t, err, "%s %s", pk, sk)
	}
	record = items(t, client, table, store.TokenPartition(keyID), "token")[0]
	for _, unreadable := range []types.AttributeValue{
		&types.AttributeValueMemberS{Value: " "}, &types.AttributeValueMemberSS{Value: []string{"crawler-a"}},
	} {
		record["sources"] = unreadable
		_, err := store.Decode(record)
		require.Error(t, err, "a token whose sources are not readable is not one of any source")
	}
	for name, offers := range map[string]map[string]types.AttributeValue{
		"no text": {"bigmart": &types.AttributeValueMemberBOOL{}}, "no offers": {},
	} {
		it := maps.Clone(whole)
		maps.Copy(it, itemKey("p#P1", "board"))
		it["o"] = &types.AttributeValueMemberM{Value: offers}
		_, err := store.Decode(it)
		require.ErrorIs(t, err, board.ErrFormat, name)
	}
	urls := items(t, client, table, "p#P1", "board.urls")[0]
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for name, value := range map[string]types.AttributeValue{
		"x": text("https://a.example/"), "AAAAAAAAAAAAAAAA": text("https://a.example/"), "AAAAAAAAAAA=": text("https://a.example/"),
		"AAAA": text("https://a.example/"), "AAAAAAAAAAB": text("https://a.example/"),
		urlName(urls): &types.AttributeValueMemberN{Value: "1"},
	} {
		it := maps.Clone(urls)
		it[name] = value
		_, err := store.Decode(it)
		require.ErrorIs(t, err, board.ErrFormat, name)
	}
	for _, it := range []map[string]types.AttributeValue{
		{}, itemKey("", ""), itemKey("p#P1", "board#2.0"), itemKey("p#P1", "product"), itemKey("g#1", "product"), itemKey("g#1", "token"),
		itemKey("t#1", "token"), itemKey("t#1", "product"), itemKey("x#1", "product"), itemKey("competitors", "x"),
		itemKey("competitors", "x#health"),
	} {
		_, err := store.Decode(it)
		assert.Error(t, err, "%v", it)
	}
}

// urlName returns the name of one of the item's urls.
func urlName(urls map[string]types.AttributeValue) string {
	for name := range urls {
		if name != "pk" && name != "sk" && name != "v" {
			return name
		}
	}
	return ""
}

// A directory names numbers of shards that there can be; what only a part of a board can say is no answer about the whole, and
// the other way round.
func TestDecode_Directory(t *testing.T) {
	t.Parallel()
	number := func(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }
	directory := func(sk string, shards int, past ...int) map[string]types.AttributeValue {
		it := itemKey("p#P1", sk)
		it["v"] = number(9)
		it["shards"] = number(shards)
		list := &types.AttributeValueMemberL{}
		for _, n := range past {
			list.Value = append(list.Value, number(n))
		}
		it["past"] = list
		return it
	}
	never := store.Flushed{Newest: price.NoTime, Late: price.NoTime}
	decoded, err := store.Decode(directory("board", 64, 2, 4))
	require.NoError(t, err)
	assert.Equal(t, store.BoardItem{Directory: store.Directory{Version: 9, Shards: 64, Past: []int{2, 4}, Flushed: never}}, decoded)
	decoded, err = store.Decode(directory("board", 2))
	require.NoError(t, err)
	assert.Equal(t, store.BoardItem{Directory: store.Directory{Version: 9, Shards: 2, Past: []int{}, Flushed: never}}, decoded)

	moved := func(sk string) map[string]types.AttributeValue {
		it := itemKey("p#P1", sk)
		it["v"] = number(9)
		it["moved"] = &types.AttributeValueMemberBOOL{Value: true}
		return it
	}
	decoded, err = store.Decode(moved("board#2.0"))
	require.NoError(t, err)
	assert.Equal(t, store.BoardItem{Shard: board.Shard{N: 2}, Directory: store.Directory{Version: 9, Flushed: never}}, decoded)

	for name, it := range map[string]map[string]types.AttributeValue{
		"no shards": directory("board", 0), "one shard": directory("board", 1), "three shards": directory("board", 3),
		"too many shards": directory("board", 128), "less than none": directory("board", -2), "there were three": directory("board", 8, 2, 3),
		"there was one": directory("board", 8, 1), "a shard with shards": directory("board#2.0", 4), "the whole has moved": moved("board"),
	} {
		_, err := store.Decode(it)
		assert.ErrorIs(t, err, board.ErrFormat, name)
	}
}

// An item's size is what DynamoDB bills.
func TestItemSize(t *testing.T) {
	t.Parallel()
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	for name, tt := range map[string]struct {
		value types.AttributeValue
		want  int // with a name of one byte
	}{
		"text": {text("Café"), 1 + 5}, "no text": {text(""), 1}, "bytes": {&types.AttributeValueMemberB{Value: make([]byte, 7)}, 1 + 7},
		"a digit": {number("7"), 1 + 2}, "two digits": {number("77"), 1 + 2}, "three digits": {number("777"), 1 + 3},
		"thirteen": {number("1783328400000"), 1 + 8},
		"null":     {&types.AttributeValueMemberNULL{Value: true}, 1 + 1}, "bool": {&types.AttributeValueMemberBOOL{}, 1 + 1},
		"an empty list": {&types.AttributeValueMemberL{}, 1 + 3},
		"a list":        {&types.AttributeValueMemberL{Value: []types.AttributeValue{text("abc"), number("7")}}, 1 + 3 + 1 + 3 + 1 + 2},
		"an empty map":  {&types.AttributeValueMemberM{}, 1 + 3},
		"a map": {&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"ab": text("abc"), "c": number("7")}},
			1 + 3 + 1 + 2 + 3 + 1 + 1 + 2},
	} {
		assert.Equal(t, tt.want, store.ItemSize(map[string]types.AttributeValue{"x": tt.value}), name)
	}
	assert.Equal(t, len("pk")+len("p#P1")+len("sk")+len("board"), store.ItemSize(itemKey("p#P1", "board")))
}

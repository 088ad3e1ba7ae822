package store

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/token"
)

// An item may be damaged or of another release. A decoder never panics, and what it accepts encodes to something that
// decodes to the same. The seeds in testdata/fuzz are items in DynamoDB's JSON, as its console shows them.

func FuzzDecodeBoardItem(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		it, ok := parseItem(text)
		if !ok {
			return
		}
		bi, err := decodeBoardItem("ZU-1042", it)
		if err != nil {
			require.ErrorIs(t, err, board.ErrFormat)
			return
		}
		if bi.Directory.Catalogued {
			again, err := board.ParseCatalogue(bi.Directory.Catalogue.Text())
			require.NoError(t, err)
			require.Equal(t, bi.Directory.Catalogue, again)
		}
		if bi.Board == nil {
			assert.Equal(t, bi.Shard.N == 0, bi.Directory.Shards > 0, "a directory, or a shard that was split further")
			return
		}
		require.Equal(t, bi.Shard, bi.Board.Shard)
		if bi.Board.Version == 0 {
			require.Zero(t, bi.Shard.N, "only the whole board may never have been written")
			return
		}
		again := boardAttributes(bi.Board.Pack())
		again["sk"] = str(boardKey(bi.Shard))
		if bi.Directory.Catalogued {
			again["cat"] = str(bi.Directory.Catalogue.Text())
			again["cv"] = number(bi.Directory.CatalogueVersion)
		}
		repeated, err := decodeBoardItem("ZU-1042", again)
		require.NoError(t, err)
		require.Equal(t, bi, repeated)
	})
}

func FuzzDecodeURLs(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		it, ok := parseItem(text)
		if !ok {
			return
		}
		urls, err := decodeURLsItem(it)
		if err != nil {
			require.ErrorIs(t, err, board.ErrFormat)
			return
		}
		stored := 0
		for attribute, value := range it {
			if attribute == "pk" || attribute == "sk" || attribute == "v" {
				continue
			}
			stored++
			name, err := parseURLAttribute(attribute)
			require.NoError(t, err)
			require.Equal(t, attribute, urlAttribute(name))
			require.Equal(t, str(urls.URLs[name]), value)
		}
		require.Len(t, urls.URLs, stored, "no attribute stands for the url of another")
	})
}

func FuzzParseSegmentKey(f *testing.F) {
	f.Add("seg#1#20260706T091403.123#0000000042")
	f.Add("late#64.63#00010101T000000.000#9999999999")
	f.Fuzz(func(t *testing.T, sk string) {
		seg, err := parseSegmentKey(sk)
		if err != nil {
			require.ErrorIs(t, err, board.ErrFormat)
			return
		}
		newest, err := time.Parse(newestLayout, strings.Split(sk, "#")[2])
		require.NoError(t, err)
		require.Equal(t, sk, segmentKey(board.Segment{Late: seg.Late, Shard: seg.Shard, Version: seg.Version, High: price.At(newest)}))
	})
}

func FuzzDecodeCompetitor(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		it, ok := parseItem(text)
		if !ok {
			return
		}
		_, _, _ = decodeHealth(it) // either form may stand under either key
		c, err := decodeCompetitor("bigmart", it)
		if err != nil {
			return
		}
		again, err := decodeCompetitor("bigmart", competitorItem(c))
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

func FuzzDecodeToken(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		it, ok := parseItem(text)
		if !ok {
			return
		}
		r, err := decodeToken("0123456789abcdef", it)
		if err != nil {
			return
		}
		again, err := decodeToken("0123456789abcdef", tokenItem(r))
		require.NoError(t, err)
		again.LastUsed = r.LastUsed // a note beside the record, which its put leaves out
		require.Equal(t, r, again)
	})
}

func FuzzDecodeCatalogueItem(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		it, ok := parseItem(text)
		if !ok {
			return
		}
		c, err := decodeCatalogueItem(it)
		if err != nil {
			require.ErrorIs(t, err, board.ErrFormat)
			return
		}
		again, err := decodeCatalogueItem(catalogueItem(c))
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

// parseItem reads an item in DynamoDB's JSON.
func parseItem(text string) (item, bool) {
	var attributes map[string]attribute
	if json.Unmarshal([]byte(text), &attributes) != nil {
		return nil, false
	}
	it := item{}
	for name, a := range attributes {
		it[name] = a.value()
	}
	return it, true
}

type attribute struct {
	S, N *string
	B    []byte
	BOOL *bool
	L    []attribute
	M    map[string]attribute
}

func (a attribute) value() types.AttributeValue {
	switch {
	case a.S != nil:
		return str(*a.S)
	case a.N != nil:
		return &types.AttributeValueMemberN{Value: *a.N}
	case a.B != nil:
		return bin(a.B)
	case a.BOOL != nil:
		return &types.AttributeValueMemberBOOL{Value: *a.BOOL}
	case a.L != nil:
		list := &types.AttributeValueMemberL{}
		for _, one := range a.L {
			list.Value = append(list.Value, one.value())
		}
		return list
	case a.M != nil:
		m := &types.AttributeValueMemberM{Value: item{}}
		for name, one := range a.M {
			m.Value[name] = one.value()
		}
		return m
	}
	return &types.AttributeValueMemberNULL{Value: true}
}

// TestStoredNames holds the attribute names of items that the fuzz targets only compare with themselves.
func TestStoredNames(t *testing.T) {
	it, ok := parseItem(`{"name":{"S":"BigMart"},"kind":{"S":"marketplace"},"domain":{"S":"bigmart.example"},"country":{"S":"US"},
		"currency":{"S":"USD"},"freshFor":{"S":"PT26H"},"status":{"S":"active"},"pk":{"S":"competitors"},"sk":{"S":"bigmart"}}`)
	require.True(t, ok)
	c, err := decodeCompetitor("bigmart", it)
	require.NoError(t, err)
	want := price.Competitor{ID: "bigmart", Name: "BigMart", Kind: price.Marketplace, Domain: "bigmart.example", Country: "US",
		DefaultCurrency: "USD", FreshFor: price.DefaultFreshFor, Active: true}
	assert.Equal(t, want, c)
	assert.Equal(t, it, competitorItem(want))

	it, ok = parseItem(`{"digest":{"B":"3q2+7w=="},"client":{"S":"crawler-a"},"scopes":{"S":"ingest read"},
		"sources":{"S":"crawler-a feed-*"},"notBefore":{"N":"1783328400"},"notAfter":{"N":"1814864400"},
		"status":{"S":"revoked"},"pk":{"S":"t#0123456789abcdef"},"sk":{"S":"token"}}`)
	require.True(t, ok)
	r, err := decodeToken("0123456789abcdef", it)
	require.NoError(t, err)
	assert.Equal(t, it, tokenItem(r))
	assert.Equal(t, token.Record{KeyID: "0123456789abcdef", Client: "crawler-a", Scopes: []string{"ingest", "read"},
		Sources: []string{"crawler-a", "feed-*"}, NotBefore: time.Unix(1783328400, 0), Expires: time.Unix(1814864400, 0),
		Digest: []byte{0xde, 0xad, 0xbe, 0xef}}, r)

	delete(it, "sources")
	r, err = decodeToken("0123456789abcdef", it)
	require.NoError(t, err)
	assert.Empty(t, r.Sources, "one that is bound to no sources")
	assert.Equal(t, it, tokenItem(r))

	received, observed, err := decodeHealth(item{"r": number(60_000), "o": number(120_000)})
	require.NoError(t, err)
	assert.Equal(t, []price.Timestamp{60_000, 120_000}, []price.Timestamp{received, observed})

	board1, ok := parseItem(goldenBoard)
	require.True(t, ok)
	bi, err := decodeBoardItem("ZU-1042", board1)
	require.NoError(t, err)
	require.NotNil(t, bi.Board)
	assert.True(t, bi.Directory.Catalogued)
	assert.Equal(t, int64(3), bi.Directory.CatalogueVersion)
	again := boardAttributes(bi.Board.Pack())
	for _, name := range []string{"pk", "sk", "cat", "cv"} { // beside the board
		again[name] = board1[name]
	}
	assert.Equal(t, board1, again)

	directory, ok := parseItem(`{"sk":{"S":"board"},"v":{"N":"9"},"shards":{"N":"8"},"past":{"L":[{"N":"2"},{"N":"4"}]},"f":{"N":"7"}}`)
	require.True(t, ok)
	bi, err = decodeBoardItem("ZU-1042", directory)
	require.NoError(t, err)
	assert.Equal(t, BoardItem{Directory: Directory{Version: 9, Shards: 8, Past: []int{2, 4}, Flushed: Flushed{7, price.NoTime}}}, bi)

	moved, ok := parseItem(`{"sk":{"S":"board#4.1"},"v":{"N":"9"},"moved":{"BOOL":true},"f":{"N":"7"},"l":{"N":"6"}}`)
	require.True(t, ok)
	bi, err = decodeBoardItem("ZU-1042", moved)
	require.NoError(t, err)
	assert.Equal(t, BoardItem{Shard: board.Shard{N: 4, I: 1}, Directory: Directory{Version: 9, Flushed: Flushed{7, 6}}}, bi)
}

// goldenBoard is a board with all its attributes and the catalogue's part beside it.
const goldenBoard = `{"f":{"N":"1783242000000"},"l":{"N":"1783238400000"},"d":{"N":"1740128400000"},
	"h":{"B":"AbgXAYAJY3Jhd2xlci1hCW5pZ2h0LXJ1bgFVU0Q2AOVLAAAAgbq3AwHLDwChRsmnJOgzQBQJ+rEHBi1wBgDlSwAAAAADAQEByw+AurcDAAEE"},
	"o":{"M":{"bigmart":{"S":"19.97 USD|2.99|I|260706T110000.000"},
	"shopx":{"S":"19.96 USD|2.99|I|260706T100000.000"}}},
	"cv":{"N":"3"},
	"cat":{"S":"A|24.99 USD|-"},
	"pk":{"S":"p#ZU-1042"},
	"sk":{"S":"board"},
	"v":{"N":"3"},
	"w":{"B":"AAAAAAABAgAAAQIBAAECAgAAAAAAAAAAAAAAAAAAAAA="}}`

package store

import (
	"hash/fnv"
	"strconv"

	"pricing/shared/board"
	"pricing/shared/price"
)

// The attributes of items. The names are stored, so none may change. On items that observations write they have one or two
// letters, since DynamoDB bills names like values. An expression spells its names out: so it can be read as DynamoDB reads it.
const (
	AttrPK      = "pk"      // partition key
	AttrSK      = "sk"      // sort key
	AttrExpires = "expires" // when DynamoDB may delete the item, in seconds (TTL)
	AttrVersion = "v"       // of a board, a directory, a shard, a urls item or a catalogue entry: it only grows
	AttrStatus  = "status"  // of a catalogue entry, a competitor or a token

	// A board: the whole one or a shard.
	AttrFlushed = "f" // newest observedAt ever flushed into a segment; absent when none was. A directory keeps it, and a moved shard
	AttrLate    = "l" // newest observedAt ever flushed into a late segment; absent when none was. Kept alike
	AttrDropped = "d" // newest observedAt of any offer that was ever dropped; absent when none was
	AttrOffers  = "o" // offer key -> readable text of its current observation
	AttrPacked  = "h" // the rest of each offer, then the tail; of a segment its observations
	AttrMarks   = "w" // the marks of whoever wrote the last versions

	// Beside or instead of a board.
	AttrCatalogue        = "cat"    // status, list and MAP price of the catalogue entry, also on that itself
	AttrCatalogueVersion = "cv"     // the version of the catalogue entry that they came from
	AttrShards           = "shards" // of a directory: how many shards there are
	AttrPast             = "past"   // of a directory: how many there were before, least first
	AttrMoved            = "moved"  // of a shard that was split further: its offers are elsewhere

	// A segment.
	AttrCount = "n"  // its observations
	AttrLow   = "lo" // their oldest observedAt; the newest stands in the key

	// A catalogue entry.
	AttrBucket   = "b" // which part of the index of the catalogue it is in: nothing else has it
	AttrTitle    = "title"
	AttrGTIN     = "gtin"
	AttrMPN      = "mpn"
	AttrBrand    = "brand"
	AttrCategory = "category"
	AttrTags     = "tags"

	// A gtin.
	AttrProductID = "productId"

	// A competitor.
	AttrName     = "name"
	AttrKind     = "kind"
	AttrDomain   = "domain"
	AttrCountry  = "country"
	AttrCurrency = "currency"
	AttrFreshFor = "freshFor"

	// The health of a competitor's feed.
	AttrLastReceived = "r"
	AttrLastObserved = "o"

	// A token.
	AttrDigest    = "digest"
	AttrClient    = "client"
	AttrScopes    = "scopes"
	AttrSources   = "sources" // absent: any
	AttrNotBefore = "notBefore"
	AttrNotAfter  = "notAfter" // not AttrExpires: the record outlives its token, so that a late use can be told
	AttrLastUsed  = "lastUsed"
)

// Partition keys. They are stored, as are the sort keys below.
//
// Each kind has a function, and no key is written in another way: a function's role allows only the partitions whose functions
// its code can call, and a test compares the two.
const (
	productPrefix = "p#"
	gtinPrefix    = "g#"
	tokenPrefix   = "t#"
	bucketPrefix  = "b#"
)

// CompetitorsPartition is the partition key of all competitors and the health of their feeds.
func CompetitorsPartition() string { return "competitors" }

// TokensPartition is the partition key of the key ids of all tokens.
func TokensPartition() string { return "tokens" }

// ProductsIndex is the index of the catalogue: its partitions are buckets, and within one the entries are in the order of pk.
const ProductsIndex = "products"

// buckets is how many partitions the index has. It is stored in each entry, so it cannot change.
const buckets = 16

// BucketPartition is the partition key of a part of the index of the catalogue, 0 to 15.
func BucketPartition(n int) string { return bucketText(n) }

// bucketText is what an entry says of its bucket: whoever writes it reads no partition of the index.
func bucketText(n int) string { return bucketPrefix + strconv.Itoa(n) }

// bucketOf is the part that a product is in.
func bucketOf(productID string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(productID)) // never fails
	return int(h.Sum32() % buckets)
}

// ProductPartition is the partition key of all that is stored of a product.
func ProductPartition(id string) string { return productPrefix + id }

// GTINPartition is the partition key of the item that says whose a gtin is.
func GTINPartition(g price.GTIN) string { return gtinPrefix + string(g) }

// TokenPartition is the partition key of a token's record.
func TokenPartition(keyID string) string { return tokenPrefix + keyID }

// Sort keys.
const (
	boardSK   = "board"      // a board or a directory; a shard's goes on with "#" and its label
	urlsSK    = "board.urls" // the urls of a product, right behind its boards; those of a shard go on with "#" and its number
	segmentSK = "seg"        // then label, newest observedAt and version
	lateSK    = "late"       // the same for what was not later than all that had been flushed before
	productSK = "product"    // a catalogue entry, and what a gtin belongs to
	tokenSK   = "token"

	healthSuffix = "#health" // after a competitor's id

	leastSK    = " " // comes before every sort key
	greatestSK = "~" // comes after every sort key
)

// boardKey returns the sort key of a shard, or of the whole board.
func boardKey(s board.Shard) string {
	if s.N == 0 {
		return boardSK
	}
	return boardSK + "#" + s.String()
}

// urlsKey returns the sort key of the urls of a shard's offers. Its number names it: where a product was split further, the first
// of the new shards goes on with the item.
func urlsKey(s board.Shard) string {
	if s.N == 0 {
		return urlsSK
	}
	return urlsSK + "#" + strconv.Itoa(s.I)
}

package store

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/price"
)

// Inspected is an item as it stands in the table, for a person to read.
type Inspected struct {
	PK, SK string
	Size   int      // bytes, as DynamoDB bills them
	Lines  []string // what it says; its attributes as they are when it could not be decoded
	Err    error    // why it could not be decoded
}

// ProductPartition is where all of a product stands, for Inspect.
func ProductPartition(id string) string { return productKey(id) }

// GTINPartition is where it stands whose a gtin is, for Inspect.
func GTINPartition(g price.GTIN) string { return gtinKey(g) }

// CompetitorsPartition is where all competitors stand, for Inspect.
func CompetitorsPartition() string { return competitorsKey }

// TokensPartition is where the key ids of all tokens are listed, for Inspect.
func TokensPartition() string { return tokensKey }

// TokenPartition is where a token's record stands, for Inspect.
func TokenPartition(keyID string) string { return tokenPrefix + keyID }

// Inspect reads a partition, strongly consistent, and decodes each of its items, in the order of their sort keys. An
// item that cannot be decoded is no error.
func (s *Store) Inspect(ctx context.Context, partition string) ([]Inspected, error) {
	var items []item
	urls := map[board.URLHash]string{}
	err := s.query(ctx, partition, " ", "~", queryOptions{consistent: true}, func(it item) (bool, error) {
		items = append(items, it)
		if strings.HasPrefix(text(it, "sk"), listingSK) {
			_ = decodeListing(it, urls) // told when its turn comes
		}
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	out := make([]Inspected, len(items))
	for i, it := range items {
		out[i] = Inspected{PK: text(it, "pk"), SK: text(it, "sk"), Size: ItemSize(it)}
		if out[i].Lines, out[i].Err = describe(it, urls); out[i].Err != nil {
			out[i].Lines = attributes(it)
		}
	}
	return out, nil
}

// errUnknown is an item that this release has no form for.
var errUnknown = errors.New("no known form")

// describe decodes an item by its key.
func describe(it item, urls map[board.URLHash]string) ([]string, error) {
	pk, sk := text(it, "pk"), text(it, "sk")
	kind, name, _ := strings.Cut(pk, "#")
	switch {
	case kind == "p" && (sk == boardSK || strings.HasPrefix(sk, boardSK+"#")):
		return describeBoard(name, it, urls)
	case kind == "p" && strings.HasPrefix(sk, segmentPrefix):
		return describeSegment(name, it, urls)
	case kind == "p" && (sk == listingSK || strings.HasPrefix(sk, listingSK+"#")):
		return describeListing(it)
	case kind == "p" && sk == productSK:
		e, version, err := decodeEntry(it)
		status := statusActive
		if e.Discontinued {
			status = statusDiscontinued
		}
		return []string{fmt.Sprintf("catalogue entry v %d: %q, %s, gtin %s, mpn %s, brand %s, category %s, tags %q, own prices %s (own|list|MAP)", version, e.Title,
			status, orNone(string(e.GTIN)), orNone(e.MPN), orNone(e.Brand), orNone(e.Category), e.Tags, e.Own.Text())}, err
	case kind == "g" && sk == productSK:
		if text(it, "productId") == "" {
			return nil, fmt.Errorf("%w: no productId", errUnknown)
		}
		return []string{"gtin of product " + text(it, "productId")}, nil
	case kind == "t" && sk == "token":
		return describeToken(name, it)
	case pk == tokensKey:
		return []string{"listed; its record stands under " + tokenPrefix + sk}, nil
	case pk == competitorsKey && strings.HasSuffix(sk, healthSuffix):
		received, observed, err := decodeHealth(it)
		return []string{fmt.Sprintf("last received %s, last observed %s", received, observed)}, err
	case pk == competitorsKey:
		c, err := decodeCompetitor(sk, it)
		status := "inactive"
		if c.Active {
			status = "active"
		}
		return []string{fmt.Sprintf("%s, %s, %s, fresh for %s, domain %s, country %s, currency %s", c.Name, c.Kind, status,
			price.FormatDuration(c.FreshFor), orNone(c.Domain), orNone(c.Country), orNone(c.DefaultCurrency))}, err
	}
	return nil, errUnknown
}

func describeBoard(productID string, it item, urls map[board.URLHash]string) ([]string, error) {
	st, err := decodeStored(productID, it)
	if err != nil {
		return nil, err
	}
	var lines []string
	if st.directory.catalogued {
		version, err := integer(it, "ov")
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("own prices %s (own|list|MAP), version %d of the product", st.directory.own.Text(), version))
	}
	switch {
	case st.board == nil && st.shard.N == 0:
		return append(lines, fmt.Sprintf("directory v %d: %d shards, before %v", st.directory.version, st.directory.shards, st.directory.past)), nil
	case st.board != nil && st.board.Version == 0:
		return append(lines, "no board yet: never observed"), nil
	case st.board == nil:
		return append(lines, fmt.Sprintf("marker v %d: divided further", st.directory.version)), nil
	}
	b := st.board
	tail := 0
	for _, o := range b.Offers {
		tail += len(o.Tail)
	}
	line := fmt.Sprintf("board v %d: %d offers, %d observations in the tail, ", b.Version, len(b.Offers), tail)
	if b.Flushed == price.NoTime {
		line += "never flushed"
	} else {
		line += "flushed up to " + b.Flushed.String()
	}
	if b.FlushDue() {
		line += ", the next write flushes"
	}
	if n := b.SplitDue(); n > 0 {
		line += fmt.Sprintf(", the next write divides into %d", n)
	}
	lines = append(lines, line)
	for _, o := range b.Offers {
		previous := "none"
		if o.Previous.At != price.NoTime {
			previous = o.Previous.Price.String() + " at " + o.Previous.At.String()
		}
		lines = append(lines,
			fmt.Sprintf("offer %s: first seen %s, these terms since %s, before that %s", board.KeyText(o.Key), o.FirstSeen, o.RunStart, previous),
			"  now "+observation(o.Key, o.Current, urls))
		for _, e := range o.Tail {
			lines = append(lines, "      "+observation(o.Key, e, urls))
		}
	}
	return lines, nil
}

func describeSegment(productID string, it item, urls map[board.URLHash]string) ([]string, error) {
	offers, err := board.UnpackSegment(productID, blob(it, "h"))
	if err != nil {
		return nil, err
	}
	n, errN := integer(it, "n")
	low, errLow := integer(it, "lo")
	high, errHigh := integer(it, "hi")
	expires, errExpires := integer(it, "expires")
	if err := errors.Join(errN, errLow, errHigh, errExpires); err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("%d observations from %s to %s, expires %s", n, price.Timestamp(low), price.Timestamp(high),
		time.Unix(expires, 0).UTC().Format(time.RFC3339))}
	for _, o := range offers {
		lines = append(lines, "offer "+board.KeyText(o.Key))
		for _, e := range o.Entries {
			lines = append(lines, "      "+observation(o.Key, e, urls))
		}
	}
	return lines, nil
}

func describeListing(it item) ([]string, error) {
	urls := map[board.URLHash]string{}
	if err := decodeListing(it, urls); err != nil {
		return nil, err
	}
	taken, err := integer(it, listingBytes)
	if err != nil {
		return nil, err
	}
	var lines []string
	for hash := range urls {
		lines = append(lines, hex.EncodeToString(hash[:])+" since "+text(it, entryName(hash))) // yymmdd url
	}
	slices.Sort(lines)
	return append([]string{fmt.Sprintf("%d urls in %d bytes", len(urls), taken)}, lines...), nil
}

func describeToken(keyID string, it item) ([]string, error) {
	r, err := decodeToken(keyID, it)
	if err != nil {
		return nil, err
	}
	status := "revoked"
	if r.Active {
		status = "active"
	}
	used := "never"
	if !r.LastUsed.IsZero() {
		used = r.LastUsed.UTC().Format(time.RFC3339)
	}
	return []string{fmt.Sprintf("token of %s, %s, scopes %s, from %s to %s, last used %s", r.Client, status, strings.Join(r.Scopes, " "),
		r.NotBefore.UTC().Format(time.RFC3339), r.Expires.UTC().Format(time.RFC3339), used)}, nil
}

// observation is one line about an entry.
func observation(key price.OfferKey, e board.Entry, urls map[board.URLHash]string) string {
	t := e.Terms
	line := fmt.Sprintf("%s %s, shipping %s, %s", e.ObservedAt, t.Price, t.Shipping, t.Availability)
	if t.ListPrice.Present() {
		line += ", list price " + t.ListPrice.String()
	}
	if t.PriceType != price.PriceTypeRegular {
		line += ", " + t.PriceType.String()
	}
	if p := t.Promotion; p.Present {
		line += fmt.Sprintf(", promotion %q", p.Label)
		if p.ValidThrough != price.NoTime {
			line += " until " + p.ValidThrough.String()
		}
		if p.MinQuantity > 0 {
			line += fmt.Sprintf(" from %d pieces", p.MinQuantity)
		}
	}
	line += fmt.Sprintf(", by %s (%s", e.Source.ID, e.Source.Kind)
	if e.Source.Confidence != price.NoConfidence {
		line += " " + e.Source.Confidence.String()
	}
	line += ")"
	if e.URL != (board.URLHash{}) {
		line += ", url " + cmp.Or(urls[e.URL], hex.EncodeToString(e.URL[:])+" (not listed)")
	}
	return line + ", received " + e.ReceivedAt.String() + ", id " + e.ID(key)
}

func orNone(s string) string { return cmp.Or(s, "none") }

// attributes are an item's attributes as DynamoDB has them, keys aside, by name.
func attributes(it item) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(it)) {
		switch name {
		case "pk", "sk":
		case "digest": // of a token: nobody's business
			lines = append(lines, name+": not shown")
		default:
			lines = append(lines, name+": "+raw(it[name]))
		}
	}
	return lines
}

func raw(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return fmt.Sprintf("%q", v.Value)
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberB:
		return "bytes " + hex.EncodeToString(v.Value)
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprint(v.Value)
	case *types.AttributeValueMemberM:
		return "{" + strings.Join(attributes(v.Value), ", ") + "}"
	case *types.AttributeValueMemberL:
		var parts []string
		for _, e := range v.Value {
			parts = append(parts, raw(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprintf("%T", v)
}

// ItemSize is an item's size in bytes as DynamoDB bills it: names and values in UTF-8 bytes, a number one byte for two
// digits and one more, a list or map 3 bytes and one for each element.
func ItemSize(it map[string]types.AttributeValue) int {
	n := 0
	for name, value := range it {
		n += len(name) + valueSize(value)
	}
	return n
}

func valueSize(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(v.Value)+1)/2 + 1
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + ItemSize(v.Value)
	case *types.AttributeValueMemberL:
		n := 3
		for _, e := range v.Value {
			n += valueSize(e) + 1
		}
		return n
	}
	return 1
}

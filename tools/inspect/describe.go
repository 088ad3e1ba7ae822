package main

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/token"
)

// describe says in lines what a decoded item is. urls are those of its product.
func describe(decoded any, urls map[board.URLName]string) []string {
	switch it := decoded.(type) {
	case store.BoardItem:
		return describeBoard(it, urls)
	case store.SegmentItem:
		return describeSegment(it)
	case store.URLsItem:
		return describeURLs(it)
	case store.CatalogueItem:
		status := "active"
		if it.Discontinued {
			status = "discontinued"
		}
		return []string{fmt.Sprintf("catalogue entry v %d: %q, %s, gtin %s, mpn %s, brand %s, category %s, tags %q, list price %s, MAP %s",
			it.Version, it.Title, status, orNone(it.GTIN), orNone(it.MPN), orNone(it.Brand), orNone(it.Category), it.Tags, it.List, it.MAP)}
	case store.GTINItem:
		return []string{"gtin of product " + it.ProductID}
	case price.Competitor:
		status := "inactive"
		if it.Active {
			status = "active"
		}
		return []string{fmt.Sprintf("%s, %s, %s, fresh for %s, domain %s, country %s, currency %s", it.Name, it.Kind, status,
			price.FormatDuration(it.FreshFor), orNone(it.Domain), orNone(it.Country), orNone(it.DefaultCurrency))}
	case store.HealthItem:
		return []string{fmt.Sprintf("last received %s, last observed %s", it.LastReceivedAt, it.LastObservedAt)}
	case token.Record:
		return []string{describeToken(it)}
	case store.ListedToken:
		return []string{"listed; its record stands under " + store.TokenPartition(it.KeyID)}
	}
	return []string{fmt.Sprintf("%+v", decoded)}
}

func describeBoard(it store.BoardItem, urls map[board.URLName]string) []string {
	var lines []string
	d := it.Directory
	if d.Catalogued {
		lines = append(lines, fmt.Sprintf("catalogue %s (status|list|MAP), version %d of the entry", d.Catalogue.Text(), d.CatalogueVersion))
	}
	switch {
	case it.Board == nil && it.Shard.N == 0:
		return append(lines, fmt.Sprintf("directory v %d: %d shards, before %v; %s", d.Version, d.Shards, d.Past, flushed(d.Flushed)))
	case it.Board == nil:
		return append(lines, fmt.Sprintf("moved v %d: this shard was split further; %s", d.Version, flushed(d.Flushed)))
	case it.Board.Version == 0:
		return append(lines, "no board yet: never observed")
	}
	b := it.Board
	tail := 0
	for _, o := range b.Offers {
		tail += len(o.Tail)
	}
	line := fmt.Sprintf("board v %d: %d offers, %d observations in the tail, %s", b.Version, len(b.Offers), tail,
		flushed(store.Flushed{Newest: b.Flushed, Late: b.Late}))
	if b.Dropped != price.NoTime {
		line += ", offers dropped up to " + b.Dropped.String()
	}
	if b.FlushDue() {
		line += ", the next write flushes"
	}
	if n := b.SplitDue(); n > 0 {
		line += fmt.Sprintf(", the next write splits the product into %d", n)
	}
	lines = append(lines, line)
	for _, o := range b.Offers {
		previous := "none"
		if o.Previous.At != price.NoTime {
			previous = o.Previous.Price.String() + " at " + o.Previous.At.String()
		}
		lines = append(lines,
			fmt.Sprintf("offer %s: first seen %s, these terms since %s, before that %s", board.KeyText(o.Key), o.FirstSeen, o.RunStart, previous),
			"  now "+observation(o.Key, o.Current))
		if o.URL.Name != (board.URLName{}) {
			url := cmp.Or(urls[o.URL.Name], hex.EncodeToString(o.URL.Name[:])+" (not stored)")
			lines = append(lines, fmt.Sprintf("  url %s, carried at %s by %s", url, o.URL.Of.At, o.URL.Of.Source))
		}
		for _, e := range o.Tail {
			lines = append(lines, "      "+observation(o.Key, e))
		}
	}
	return lines
}

// flushed says how far history stands in segments.
func flushed(f store.Flushed) string {
	if f.Newest == price.NoTime {
		return "never flushed"
	}
	text := "flushed up to " + f.Newest.String()
	if f.Late != price.NoTime {
		text += ", late up to " + f.Late.String()
	}
	return text
}

func describeSegment(it store.SegmentItem) []string {
	kind := "segment"
	if it.Late {
		kind = "late segment"
	}
	lines := []string{fmt.Sprintf("%s of label %s, flushed from version %d: %d observations from %s to %s, expires %s", kind, it.Shard,
		it.Version, it.Count, it.Low, it.High, it.Expires.Format(time.RFC3339))}
	for _, o := range it.Offers {
		lines = append(lines, "offer "+board.KeyText(o.Key))
		for _, e := range o.Observations {
			lines = append(lines, "      "+observation(o.Key, e))
		}
	}
	return lines
}

func describeURLs(it store.URLsItem) []string {
	var lines []string
	for name, url := range it.URLs {
		lines = append(lines, hex.EncodeToString(name[:])+" "+url)
	}
	slices.Sort(lines)
	return append([]string{fmt.Sprintf("%d urls, version %d", len(it.URLs), it.Version)}, lines...)
}

func describeToken(r token.Record) string {
	status := "revoked"
	if r.Active {
		status = "active"
	}
	used := "never"
	if !r.LastUsed.IsZero() {
		used = r.LastUsed.UTC().Format(time.RFC3339)
	}
	sources := cmp.Or(strings.Join(r.Sources, " "), "any")
	return fmt.Sprintf("token of %s, %s, scopes %s, sources %s, from %s to %s, last used %s", r.Client, status, strings.Join(r.Scopes, " "),
		sources, r.NotBefore.UTC().Format(time.RFC3339), r.Expires.UTC().Format(time.RFC3339), used)
}

// observation is one line about an observation.
func observation(key price.OfferKey, e board.Observation) string {
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
	return line + ", received " + e.ReceivedAt.String() + " from " + cmp.Or(e.Client, "nobody named") + ", id " + e.ID(key)
}

func orNone(s string) string { return cmp.Or(s, "none") }

// attributes are an item's attributes as DynamoDB has them, keys aside, by name.
func attributes(it map[string]types.AttributeValue) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(it)) {
		switch name {
		case store.AttrPK, store.AttrSK:
		case store.AttrDigest: // of a token: nobody's business
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

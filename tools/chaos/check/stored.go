// Package check says what is wrong with a table after a run of chaos. It reads the table, item by item, and never asks the API.
//
// What must hold has numbers:
//
//	I1  every acknowledged observation is stored, with its content
//	I2  an offer's state is the fold of what is stored of it: current, previousPrice, lastChangedAt, firstSeen, url
//	I3  the acknowledged observations sent again, in another order and split, change no byte
//	I4  nothing is stored that nobody sent
//	I5  one answer for each observation that is sent, and a true one
//	V   versions only grow, and what is immutable is written once
//
// The fold is that of package oracle, which shares no line with the board.
package check

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// Item is an item of the table.
type Item = map[string]types.AttributeValue

// Stored is what a table holds.
type Stored struct {
	Folded      bool // an offer is written together with its observations, and so is always their fold
	Rows        []Row
	Offers      []Offer
	Products    map[string]Product
	Competitors map[string]price.Competitor
	Items       map[string]string // by key: all attributes as text; what may differ after a replay is left out
	Segments    int
	Shards      int            // of products that are split
	Splits      map[string]int // of each product that is split: how often it was
	Misfits     []string       // what cannot be decoded or does not fit together
}

// Row is a stored observation. One may be stored twice, on a board and in a segment.
type Row struct {
	Observation price.Observation // without its url
	Client      string
	Received    price.Timestamp // 0: not stored
	Where       string          // the item's key
	content     string          // of the observation, as histories name it; set by Run
}

// Offer is an offer's stored state.
type Offer struct {
	Current price.Observation // without its url
	URL     string            // the offer's
	Derived Derived
	Where   string
}

// Derived are the fields of an offer that come from several observations.
type Derived struct {
	FirstSeen     price.Timestamp
	LastChanged   price.Timestamp
	PreviousAt    price.Timestamp // NoTime: there was none
	PreviousPrice price.Money
}

// Product is what is stored of a product of the catalogue.
type Product struct {
	Title         string
	List          string // list price
	Version       int64  // 0: none is stored
	BesideList    string // that beside the board
	BesideVersion int64  // of the entry that it came from
}

// Read reads the items of a table.
func Read(items []Item) Stored {
	r := reader{Stored: Stored{Folded: true, Products: map[string]Product{}, Competitors: map[string]price.Competitor{},
		Items: map[string]string{}, Splits: map[string]int{}},
		boards: map[string]map[board.Shard]store.BoardItem{}, urls: map[string]map[board.URLName]string{}}
	for _, it := range items {
		decoded, err := store.Decode(it)
		if err != nil {
			r.misfit("%s: %v", Key(it), err)
			continue
		}
		if _, health := decoded.(store.HealthItem); !health {
			r.Items[Key(it)] = whole(it)
		}
		r.item(it, decoded)
	}
	for id, boards := range r.boards {
		r.product(id, boards)
	}
	return r.Stored
}

// Key names an item.
func Key(it Item) string { return text(it[store.AttrPK]) + " " + text(it[store.AttrSK]) }

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

type reader struct {
	Stored
	boards map[string]map[board.Shard]store.BoardItem // by product
	urls   map[string]map[board.URLName]string        // by product
}

func (r *reader) misfit(format string, args ...any) {
	r.Misfits = append(r.Misfits, fmt.Sprintf(format, args...))
}

func (r *reader) item(it Item, decoded any) {
	id := strings.TrimPrefix(text(it[store.AttrPK]), store.ProductPartition(""))
	switch d := decoded.(type) {
	case store.BoardItem:
		if r.boards[id] == nil {
			r.boards[id] = map[board.Shard]store.BoardItem{}
		}
		r.boards[id][d.Shard] = d
	case store.SegmentItem:
		r.Segments++
		n := 0
		for _, o := range d.Offers {
			r.rows(o.Key, o.Observations, Key(it))
			n += len(o.Observations)
		}
		if int64(n) != d.Count {
			r.misfit("%s: holds %d observations, not %d", Key(it), n, d.Count)
		}
	case store.URLsItem:
		if r.urls[id] == nil {
			r.urls[id] = map[board.URLName]string{}
		}
		maps.Copy(r.urls[id], d.URLs)
	case store.CatalogueItem:
		p := r.Products[id]
		p.Title, p.List, p.Version = d.Title, d.List.String(), d.Version
		r.Products[id] = p
	case price.Competitor:
		r.Competitors[d.ID] = d
	}
}

func (r *reader) rows(key price.OfferKey, observations []board.Observation, where string) {
	for _, e := range observations {
		r.Rows = append(r.Rows, Row{Observation: observation(key, e), Client: e.Client, Received: e.ReceivedAt, Where: where})
	}
}

func observation(key price.OfferKey, e board.Observation) price.Observation {
	return price.Observation{Key: key, Terms: e.Terms, Source: e.Source, ObservedAt: e.ObservedAt}
}

// product reads the boards of a product: of a split one those that the directory names, and no others may have offers.
func (r *reader) product(id string, boards map[board.Shard]store.BoardItem) {
	whole, ok := boards[board.Shard{}]
	if !ok {
		r.misfit("product %s: has shards and no directory", id)
		return
	}
	if whole.Directory.Catalogued {
		p := r.Products[id]
		p.BesideList, p.BesideVersion = whole.Directory.Catalogue.List.String(), whole.Directory.CatalogueVersion
		r.Products[id] = p
	}
	n := whole.Directory.Shards
	r.Shards += n
	if n > 0 {
		r.Splits[id] = len(whole.Directory.Past) + 1
	}
	for i := range n {
		if boards[board.Shard{N: n, I: i}].Board == nil {
			r.misfit("product %s: shard %d of %d is missing", id, i, n)
		}
	}
	for shard, bi := range boards {
		if bi.Board == nil {
			continue
		}
		where := "board " + shard.String() + " of " + id
		if shard.N != n {
			r.misfit("%s: is not one of %d shards", where, n)
		}
		for _, o := range bi.Board.Offers {
			r.offer(id, shard, o, where)
		}
	}
}

func (r *reader) offer(product string, shard board.Shard, o board.Offer, where string) {
	r.rows(o.Key, o.Tail, where)
	url, stored := r.urls[product][o.URL.Name]
	if (o.URL.Name != board.URLName{}) && !stored {
		r.misfit("%s: offer %v has a url that is not stored", where, o.Key)
	}
	r.Offers = append(r.Offers, Offer{Current: observation(o.Key, o.Current), Where: where, URL: url,
		Derived: Derived{FirstSeen: o.FirstSeen, LastChanged: o.RunStart, PreviousAt: o.Previous.At, PreviousPrice: o.Previous.Price}})
	if board.ShardOf(o.Key, shard.N) != shard {
		r.misfit("%s: offer %v belongs elsewhere", where, o.Key)
	}
}

// Text writes a value of an item, the same for equal values.
func Text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return strconv.Quote(v.Value)
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberB:
		return fmt.Sprintf("%x", v.Value)
	case *types.AttributeValueMemberBOOL:
		return strconv.FormatBool(v.Value)
	case *types.AttributeValueMemberM:
		var parts []string
		for _, name := range sortedKeys(v.Value) {
			parts = append(parts, strconv.Quote(name)+":"+Text(v.Value[name]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case *types.AttributeValueMemberL:
		var parts []string
		for _, e := range v.Value {
			parts = append(parts, Text(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return fmt.Sprintf("%#v", v)
}

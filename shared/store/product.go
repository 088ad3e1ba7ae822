package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
)

// Product is what the table holds of one product, its older history aside.
type Product struct {
	ID         string
	Boards     []board.Board // the whole board, or its shards in their order
	Catalogued bool          // it is in the catalogue
	Catalogue  board.Catalogue
	URLs       map[board.URLName]string

	directory Directory
	moved     map[board.Shard]Directory // of shards that were split further
}

// Live returns the offers seen within the retention, in no order. The others are gone.
func (p Product) Live(clock price.Clock) []board.Offer {
	n := 0
	for _, b := range p.Boards {
		n += len(b.Offers)
	}
	live := make([]board.Offer, 0, n)
	for _, b := range p.Boards {
		live = b.AppendLive(live, clock)
	}
	return live
}

// Find returns the offer of a key.
func (p Product) Find(key price.OfferKey) (board.Offer, bool) { return p.Shard(key).Find(key) }

// URL returns the url of an offer, if the product was read with its urls; empty: it has none.
func (p Product) URL(o board.Offer) string { return p.URLs[o.URL.Name] }

// Shard returns the board that holds a key, or would hold it.
func (p Product) Shard(key price.OfferKey) board.Board {
	return p.Boards[board.ShardOf(key, p.directory.Shards).I]
}

// Product reads a product strongly consistent, with its urls when they are asked for. One that was never observed nor put
// into the catalogue is a NotFound fault.
func (s *Store) Product(ctx context.Context, productID string, urls bool) (Product, error) {
	return s.readProduct(ctx, productID, urls, queryOptions{consistent: true})
}

// errTorn is a read that saw some items of a product from before it was split and some from after.
var errTorn = errors.New("the product was being split")

// readProduct reads all of a product's boards with one query. That is no snapshot: it may see a split half done, and then
// reads again. Nothing missing is ever taken for empty.
func (s *Store) readProduct(ctx context.Context, productID string, urls bool, o queryOptions) (Product, error) {
	to := boardSK + "#" + greatestSK
	if urls {
		to = urlsSK + "#" + greatestSK
	}
	return untilWhole(ctx, func(again bool) (Product, error) {
		o.consistent = o.consistent || again
		g := gathered{id: productID}
		if err := s.query(ctx, ProductPartition(productID), boardSK, to, o, g.add); err != nil {
			return Product{}, fmt.Errorf("read product: %w", err)
		}
		return g.assemble()
	})
}

// readBoardOf reads, strongly consistent, of a product only the board that holds an offer, or would hold it. Of a split product that
// takes two calls: the directory says which shard. Read units are added to units.
//
// The first two items tell whether the product is split, as no other call does for one unit: a whole board has no shard behind it.
// The directory may be older than the shard, but a shard that is there and not split further is that of today.
func (s *Store) readBoardOf(ctx context.Context, key price.OfferKey, units *float64) (Product, error) {
	o := queryOptions{consistent: true, limit: 2, units: units}
	return untilWhole(ctx, func(bool) (Product, error) {
		g := gathered{id: key.ProductID}
		items, _, err := s.queryOnce(ctx, ProductPartition(g.id), boardSK, boardSK+"#"+greatestSK, nil, o)
		if err == nil {
			err = g.addAll(items)
		}
		if err != nil {
			return Product{}, fmt.Errorf("read directory: %w", err)
		}
		if g.directory.Shards == 0 {
			return g.assemble()
		}
		items, _, err = s.batchGet(ctx, g.directory.keysOf(key), true)
		for _, it := range items {
			*units += float64((ItemSize(it) + unit - 1) / unit)
		}
		if err == nil {
			err = g.addAll(items)
		}
		if err != nil {
			return Product{}, fmt.Errorf("read shard: %w", err)
		}
		if b := g.shards[board.ShardOf(key, g.directory.Shards)]; b != nil {
			p := g.product()
			p.Boards = []board.Board{*b}
			return p, nil
		}
		return Product{}, errTorn
	})
}

// untilWhole reads a product until what was read fits together. again: a read before did not.
func untilWhole(ctx context.Context, read func(again bool) (Product, error)) (Product, error) {
	const tries = 6
	for try := 0; ; try++ {
		p, err := read(try > 0)
		if !errors.Is(err, errTorn) {
			return p, err
		}
		if try == tries {
			return Product{}, unavailable("The product was being reorganised; repeat the request.", err)
		}
		if err := pause(ctx, try); err != nil {
			return Product{}, unavailable("The deadline came near; repeat the request.", err)
		}
	}
}

// gathered are the items of one product as they were read.
type gathered struct {
	id        string
	known     bool
	directory Directory
	whole     *board.Board
	shards    map[board.Shard]*board.Board // nil: it was split further
	moved     map[board.Shard]Directory    // of those that were
	urls      map[board.URLName]string
}

func (g *gathered) add(it item) (more bool, err error) {
	if strings.HasPrefix(text(it, AttrSK), urlsSK) {
		urls, err := decodeURLsItem(it)
		if g.urls == nil {
			g.urls = urls.URLs
		}
		maps.Copy(g.urls, urls.URLs)
		return true, err
	}
	bi, err := decodeBoardItem(g.id, it)
	if err != nil {
		return false, err
	}
	if bi.Shard.N == 0 {
		g.known = true
		g.directory = bi.Directory
		g.whole = bi.Board
		return true, nil
	}
	if g.shards == nil {
		g.shards = map[board.Shard]*board.Board{}
		g.moved = map[board.Shard]Directory{}
	}
	g.shards[bi.Shard] = bi.Board
	if bi.Board == nil {
		g.moved[bi.Shard] = bi.Directory
	}
	return true, nil
}

func (g *gathered) addAll(items []item) error {
	for _, it := range items {
		if _, err := g.add(it); err != nil {
			return err
		}
	}
	return nil
}

// product returns what the items say beside the boards.
func (g *gathered) product() Product {
	return Product{ID: g.id, Catalogued: g.directory.Catalogued, Catalogue: g.directory.Catalogue, URLs: g.urls,
		directory: g.directory, moved: g.moved}
}

// assemble puts the items together; errTorn when they do not fit.
func (g *gathered) assemble() (Product, error) {
	p := g.product()
	switch {
	case !g.known && len(g.shards) == 0:
		return Product{}, fault.New(fault.NotFound, fault.CodeUnknownProduct,
			"No product "+strconv.Quote(g.id)+" is in the catalogue, and none was observed.")
	case !g.known || g.whole != nil && len(g.shards) > 0:
		return Product{}, errTorn
	case g.whole != nil:
		p.Boards = []board.Board{*g.whole}
		return p, nil
	}
	for i := range g.directory.Shards {
		b := g.shards[board.Shard{N: g.directory.Shards, I: i}]
		if b == nil {
			return Product{}, errTorn
		}
		p.Boards = append(p.Boards, *b)
	}
	return p, nil
}

// Products reads many products eventually consistent, with their urls when they are asked for. It gives each to visit as soon as it
// was read, so that not all of them have to be in memory: one at a time, in any order. The ids must differ. err is a NotFound fault
// for a product that was never observed nor put into the catalogue, an Unavailable one for a product that could not be read before
// the deadline, and no fault for one whose stored form cannot be read.
//
// A call reads a hundred products, fifty with their urls, but each one that was split costs a call of its own. The error that
// Products returns is our mistake: nothing can be said then of products that visit was not given.
func (s *Store) Products(ctx context.Context, ids []string, urls bool, visit func(id string, p Product, err error)) error {
	var visiting sync.Mutex
	settle := func(id string, p Product, err error) {
		visiting.Lock()
		defer visiting.Unlock()
		visit(id, p, err)
	}
	most := batchKeys
	if urls {
		most /= 2
	}
	chunks := slices.Collect(slices.Chunk(ids, most))
	split := make([][]string, len(chunks))
	errs := make([]error, len(chunks))
	eachOf(len(chunks), s.width, func(i int) {
		split[i], errs[i] = s.readWhole(ctx, chunks[i], urls, settle)
	})
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("read products: %w", err)
	}
	ofShards := slices.Concat(split...)
	eachOf(len(ofShards), s.width, func(i int) {
		p, err := s.readProduct(ctx, ofShards[i], urls, queryOptions{})
		settle(ofShards[i], p, err)
	})
	return nil
}

// readWhole reads as many products as a call takes and settles them, but for those that were split, which it returns.
func (s *Store) readWhole(
	ctx context.Context, ids []string, urls bool, settle func(id string, p Product, err error),
) (split []string, err error) {
	read := make(map[string]*gathered, len(ids)) // by partition
	var keys []item
	for _, id := range ids {
		pk := ProductPartition(id)
		read[pk] = &gathered{id: id}
		keys = append(keys, key(pk, boardSK))
		if urls {
			keys = append(keys, key(pk, urlsKey(board.Shard{})))
		}
	}
	items, unread, err := s.batchGetOnce(ctx, keys, false)
	if err != nil && !fault.Is(err, fault.Unavailable) {
		return nil, err
	}
	wrong := map[string]error{} // by partition
	for _, it := range unread {
		wrong[text(it, AttrPK)] = err
	}
	for _, it := range items {
		pk := text(it, AttrPK)
		if _, err := read[pk].add(it); err != nil {
			wrong[pk] = err
		}
	}
	for _, id := range ids {
		pk := ProductPartition(id)
		switch g := read[pk]; {
		case wrong[pk] != nil:
			settle(id, Product{}, wrong[pk])
		case g.known && g.whole == nil:
			split = append(split, id)
		default:
			p, err := g.assemble()
			settle(id, p, err)
		}
	}
	return split, nil
}

// SetCatalogue puts a product's part of its catalogue entry beside its board, if it is of a later version of the entry than what
// stands there; the first makes it a product of the catalogue. The board and its version are untouched, so no writer of
// observations is disturbed, and a split does not lose it.
func (s *Store) SetCatalogue(ctx context.Context, productID string, c board.Catalogue, version int64) error {
	return untilCommitted(ctx, func() (met, error) {
		met, _, err := s.update(ctx, "set catalogue", &dynamodb.UpdateItemInput{
			Key:                       key(ProductPartition(productID), boardSK),
			UpdateExpression:          aws.String("SET cat = :cat, cv = :cv"),
			ConditionExpression:       aws.String("attribute_not_exists(cv) OR cv < :cv"),
			ExpressionAttributeValues: item{":cat": str(c.Text()), ":cv": number(version)},
		})
		if met == overtaken { // this or a later one stands there
			met = committed
		}
		return met, err
	})
}

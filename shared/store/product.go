package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
)

// Product is what the table holds of one product, its older history aside.
type Product struct {
	ID         string
	Boards     []board.Board // the whole board, or its shards in their order
	Catalogued bool          // it is in the catalogue
	Own        board.Own     // its own prices, if it is
	URLs       map[board.URLHash]string

	directory Directory
}

// Live returns the offers seen within the retention, by key text. The others are gone.
func (p Product) Live(clock price.Clock) []board.Offer {
	var live []board.Offer
	for _, b := range p.Boards {
		live = append(live, b.Live(clock)...)
	}
	if len(p.Boards) > 1 {
		slices.SortFunc(live, func(a, b board.Offer) int { return strings.Compare(board.KeyText(a.Key), board.KeyText(b.Key)) })
	}
	return live
}

// Find returns the offer of a key.
func (p Product) Find(key price.OfferKey) (board.Offer, bool) { return p.shard(key).Find(key) }

// flushed returns the newest observedAt ever moved into a segment.
func (p Product) flushed() price.Timestamp {
	newest := price.NoTime
	for _, b := range p.Boards {
		newest = max(newest, b.Flushed)
	}
	return newest
}

// shard returns the board that holds a key.
func (p Product) shard(key price.OfferKey) board.Board {
	return p.Boards[board.ShardOf(key, p.directory.Shards).I]
}

// Product reads a product strongly consistent, with its urls when they are asked for. One that was never observed nor put
// into the catalogue is a NotFound fault.
func (s *Store) Product(ctx context.Context, productID string, urls bool) (Product, error) {
	return s.readProduct(ctx, productID, urls, true)
}

// errTorn is a read that saw some items of a product from before it was split and some from after.
var errTorn = errors.New("the product was being split")

// readProduct reads all of a product's boards with one query. That is no snapshot: it may see a split half done, and then
// reads again. Nothing missing is ever taken for empty.
func (s *Store) readProduct(ctx context.Context, productID string, urls, consistent bool) (Product, error) {
	to := boardSK + "#" + greatestSK
	if urls {
		to = urlsSK + "#" + greatestSK
	}
	const tries = 6
	for try := 0; ; try++ {
		g := gathered{id: productID}
		if err := s.query(ctx, ProductPartition(productID), boardSK, to, queryOptions{consistent: consistent}, g.add); err != nil {
			return Product{}, fmt.Errorf("read product: %w", err)
		}
		p, err := g.assemble()
		if !errors.Is(err, errTorn) {
			return p, err
		}
		consistent = true
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
	urls      map[board.URLHash]string
}

func (g *gathered) add(it item) (more bool, err error) {
	if strings.HasPrefix(text(it, AttrSK), urlsSK) {
		if g.urls == nil {
			g.urls = map[board.URLHash]string{}
		}
		return true, decodeURLs(it, func(hash board.URLHash, url SeenURL) { g.urls[hash] = url.URL })
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
	}
	g.shards[bi.Shard] = bi.Board
	return true, nil
}

// assemble puts the items together; errTorn when they do not fit.
func (g *gathered) assemble() (Product, error) {
	p := Product{ID: g.id, Catalogued: g.directory.Catalogued, Own: g.directory.Own, URLs: g.urls, directory: g.directory}
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

// Products reads many products eventually consistent, without urls, in any order; unknown ones are left out. A call reads a
// hundred of them, but each one that was split costs a call of its own.
func (s *Store) Products(ctx context.Context, ids []string) ([]Product, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = key(ProductPartition(id), boardSK)
	}
	items, err := s.batchGet(ctx, keys, false)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	products := make([]Product, len(items))
	errs := make([]error, len(items))
	eachOf(len(items), s.width, func(i int) {
		id := strings.TrimPrefix(text(items[i], AttrPK), productPrefix)
		g := gathered{id: id}
		if _, errs[i] = g.add(items[i]); errs[i] != nil {
			return
		}
		if g.whole == nil {
			products[i], errs[i] = s.readProduct(ctx, id, false, false)
			return
		}
		products[i], errs[i] = g.assemble()
	})
	return products, errors.Join(errs...)
}

// SetOwn puts a product's own prices beside its board, if they are of a later version of the product than what stands
// there; the first makes it a product of the catalogue. The board and its version are untouched, so no writer of
// observations is disturbed, and a split does not lose the prices.
func (s *Store) SetOwn(ctx context.Context, productID string, own board.Own, version int64) error {
	for try := 1; ; try++ {
		out, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 s.table,
			Key:                       key(ProductPartition(productID), boardSK),
			UpdateExpression:          aws.String("SET own = :own, ov = :ov"),
			ConditionExpression:       aws.String("attribute_not_exists(ov) OR ov < :ov"),
			ExpressionAttributeValues: item{":own": str(own.Text()), ":ov": number(version)},
			ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
		})
		if err == nil {
			countWrite(ctx, out.ConsumedCapacity)
			return nil
		}
		failed := s.failed(ctx, "set own prices", err)
		var newer *types.ConditionalCheckFailedException
		var conflict *types.TransactionConflictException
		switch {
		case errors.As(err, &newer): // these or later ones stand there
			return nil
		case !errors.As(err, &conflict) || try == maxWrites:
			return failed
		}
		if err := pause(ctx, try); err != nil {
			return unavailable("The deadline came near before this could be stored; repeat it.", err)
		}
	}
}

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

	directory directory
}

// Live returns the offers seen within the retention, by key text (api.md, rule 7).
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
	return p.Boards[board.ShardOf(key, p.directory.shards).I]
}

// Product reads a product strongly consistent, with the urls of its listings when they are asked for. One that was
// never observed nor put into the catalogue is a NotFound fault.
func (s *Store) Product(ctx context.Context, productID string, urls bool) (Product, error) {
	return s.product(ctx, productID, urls, true)
}

// errTorn is a read that saw the items of a product from before and after it was divided.
var errTorn = errors.New("the product was being divided")

// product reads all of a product's boards with one query. That is no snapshot: it may see the product divided half, and
// reads again then. Nothing missing is ever taken for empty.
func (s *Store) product(ctx context.Context, productID string, urls, consistent bool) (Product, error) {
	to := boardSK + "#~"
	if urls {
		to = listingSK + "#~"
	}
	const tries = 6
	for try := 0; ; try++ {
		g := gathered{id: productID}
		if err := s.query(ctx, productKey(productID), boardSK, to, queryOptions{consistent: consistent}, g.add); err != nil {
			return Product{}, fmt.Errorf("read product: %w", err)
		}
		p, err := g.product()
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
	directory directory
	whole     *board.Board
	shards    map[board.Shard]*board.Board // nil: a marker
	urls      map[board.URLHash]string
}

func (g *gathered) add(it item) (more bool, err error) {
	if strings.HasPrefix(text(it, "sk"), listingSK) {
		if g.urls == nil {
			g.urls = map[board.URLHash]string{}
		}
		return true, decodeListing(it, g.urls)
	}
	st, err := decodeStored(g.id, it)
	if err != nil {
		return false, err
	}
	if st.shard.N == 0 {
		g.known, g.directory, g.whole = true, st.directory, st.board
		return true, nil
	}
	if g.shards == nil {
		g.shards = map[board.Shard]*board.Board{}
	}
	g.shards[st.shard] = st.board
	return true, nil
}

// product puts the items together; errTorn when they do not fit.
func (g *gathered) product() (Product, error) {
	p := Product{ID: g.id, Catalogued: g.directory.catalogued, Own: g.directory.own, URLs: g.urls, directory: g.directory}
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
	for i := range g.directory.shards {
		b := g.shards[board.Shard{N: g.directory.shards, I: i}]
		if b == nil {
			return Product{}, errTorn
		}
		p.Boards = append(p.Boards, *b)
	}
	return p, nil
}

// Products reads many products eventually consistent, without urls, in any order; unknown ones are left out. Undivided
// ones cost one call for a hundred of them, each divided one a call of its own.
func (s *Store) Products(ctx context.Context, ids []string) ([]Product, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = key(productKey(id), boardSK)
	}
	items, err := s.batchGet(ctx, keys, false)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	products := make([]Product, len(items))
	errs := make([]error, len(items))
	eachOf(len(items), s.width, func(i int) {
		id := strings.TrimPrefix(text(items[i], "pk"), productKey(""))
		g := gathered{id: id}
		if _, errs[i] = g.add(items[i]); errs[i] != nil {
			return
		}
		if g.whole == nil {
			products[i], errs[i] = s.product(ctx, id, false, false)
			return
		}
		products[i], errs[i] = g.product()
	})
	return products, errors.Join(errs...)
}

// SetOwn puts a product's own prices beside its board, if they are of a later version of the product than what stands
// there; the first makes it a product of the catalogue. The board and its version are untouched, so no writer of
// observations is disturbed, nor does a division lose it.
func (s *Store) SetOwn(ctx context.Context, productID string, own board.Own, version int64) error {
	for try := 1; ; try++ {
		out, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 s.table,
			Key:                       key(productKey(productID), boardSK),
			UpdateExpression:          aws.String("SET own = :own, ov = :ov"),
			ConditionExpression:       aws.String("attribute_not_exists(ov) OR ov < :ov"),
			ExpressionAttributeValues: item{":own": str(own.Text()), ":ov": number(version)},
			ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
		})
		if err == nil {
			wrote(ctx, out.ConsumedCapacity)
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

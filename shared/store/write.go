package store

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
)

// How often a board is written at most. The first two attempts need no new read; from the third on the writer waits with full
// jitter. A request with a single observation gives up early: its client repeats it at no cost, while many writers waiting for
// one hot product only make it hotter.
const (
	maxWrites       = 10
	maxWritesSingle = 6
	maxMoves        = 8 // how often a board may have gone elsewhere; a product is split at most six times
)

// part is the part of a request that concerns one board: a product's whole board or one of its shards.
type part struct {
	productID string
	directory Directory
	board     *board.Board // as last read; nil when it has to be looked for anew
	in        []board.Incoming
	urls      map[board.URLHash]string // of in, not yet added to the product
	items     []int                    // where in the request
	tried     map[int64][]board.Result // results of each attempt, by the version that it would have made
	attempts  int
	moves     int   // how often the board was not where it was looked for
	split     bool  // this request has tried to split it
	err       error // the board could not be read
}

func (p *part) fail(verdicts []Verdict, err error) {
	for _, at := range p.items {
		verdicts[at].Err = err
	}
}

func (p *part) settle(verdicts []Verdict, results []board.Result) {
	for n, at := range p.items {
		verdicts[at].Result = results[n]
		verdicts[at].Catalogued = p.directory.Catalogued
	}
}

// byShard gives each of d's shards its share of the part, in the order of the shards. What earlier attempts did is kept: a
// shard has the marks of the board that it was split from.
func (p *part) byShard(d Directory) []*part {
	if d.Shards == 0 {
		p.directory = d
		return []*part{p}
	}
	shares := make([]*part, d.Shards)
	var parts []*part
	for n, in := range p.in {
		i := board.ShardOf(in.Key, d.Shards).I
		if shares[i] == nil {
			shares[i] = &part{productID: p.productID, directory: d, urls: map[board.URLHash]string{}, tried: map[int64][]board.Result{},
				attempts: p.attempts, moves: p.moves, split: p.split}
		}
		share := shares[i]
		share.in = append(share.in, in)
		share.items = append(share.items, p.items[n])
		for v, results := range p.tried {
			share.tried[v] = append(share.tried[v], results[n])
		}
		if url, ok := p.urls[in.Observation.URL]; ok {
			share.urls[in.Observation.URL] = url
		}
	}
	for _, share := range shares {
		if share != nil {
			parts = append(parts, share)
		}
	}
	return parts
}

// locate reads the boards of a request. A writer reads them eventually consistent, since a stale one fails its version check; a
// dry run has none. Products that were split cost a second round for their shards; a shard that is missing or was split further
// is left to be looked for anew.
func (s *Store) locate(ctx context.Context, products []*part, consistent bool) ([]*part, error) {
	keys := make([]item, len(products))
	byKey := map[string]*part{}
	for i, p := range products {
		empty := board.New(p.productID)
		p.board = &empty
		keys[i] = key(ProductPartition(p.productID), boardSK)
		byKey[ProductPartition(p.productID)] = p
	}
	items, err := s.batchGet(ctx, keys, consistent)
	if err != nil {
		return products, err
	}
	for _, it := range items {
		p := byKey[text(it, AttrPK)]
		var bi BoardItem
		bi, p.err = decodeBoardItem(p.productID, it)
		p.board = bi.Board
		p.directory = bi.Directory
	}
	var parts []*part
	keys = nil
	byKey = map[string]*part{}
	for _, p := range products {
		for _, share := range p.byShard(p.directory) {
			parts = append(parts, share)
			if n := p.directory.Shards; n > 0 {
				at := key(ProductPartition(p.productID), boardKey(board.ShardOf(share.in[0].Key, n)))
				keys = append(keys, at)
				byKey[text(at, AttrPK)+" "+text(at, AttrSK)] = share
			}
		}
	}
	items, err = s.batchGet(ctx, keys, consistent)
	if err != nil {
		return parts, err
	}
	for _, it := range items {
		p := byKey[text(it, AttrPK)+" "+text(it, AttrSK)]
		var bi BoardItem
		bi, p.err = decodeBoardItem(p.productID, it)
		p.board = bi.Board
	}
	return parts, nil
}

// boardWriter writes the boards of one request.
type boardWriter struct {
	store    *Store
	clock    price.Clock
	mark     board.Mark
	dryRun   bool
	verdicts []Verdict
	past     *pastMonths
}

// errMoved is a board that is not where it was read: the product was split, or a read was stale.
var errMoved = errors.New("the board is elsewhere")

// write settles a part's verdicts. It follows the part's observations to other boards when the product is split meanwhile.
func (w boardWriter) write(ctx context.Context, p *part) {
	if p.err != nil {
		p.fail(w.verdicts, p.err)
		return
	}
	results, err := w.attempt(ctx, p)
	switch {
	case err == nil:
		p.settle(w.verdicts, results)
	case !errors.Is(err, errMoved):
		p.fail(w.verdicts, err)
	default:
		parts, err := w.relocate(ctx, p)
		if err != nil {
			p.fail(w.verdicts, err)
			return
		}
		for _, share := range parts {
			if results, ok := landed(ctx, *share.board, share.tried, w.mark); ok {
				share.settle(w.verdicts, results)
				continue
			}
			w.write(ctx, share)
		}
	}
}

// relocate reads the whole product strongly consistent and gives each board of it its share of the part.
func (w boardWriter) relocate(ctx context.Context, p *part) ([]*part, error) {
	if p.moves++; p.moves > maxMoves {
		return nil, unavailable("The product is being reorganised; repeat the request.", errMoved)
	}
	product, err := w.store.productOrNew(ctx, p.productID)
	if err != nil {
		return nil, err
	}
	parts := p.byShard(product.directory)
	for _, share := range parts {
		b := product.shard(share.in[0].Key)
		share.board = &b
	}
	return parts, nil
}

// productOrNew reads a product that may not exist yet.
func (s *Store) productOrNew(ctx context.Context, productID string) (Product, error) {
	product, err := s.Product(ctx, productID, false)
	if fault.Is(err, fault.NotFound) {
		return Product{ID: productID, Boards: []board.Board{board.New(productID)}}, nil
	}
	return product, err
}

// attempt applies a part's observations and stores its board, again and again while other writers come first.
func (w boardWriter) attempt(ctx context.Context, p *part) ([]board.Result, error) {
	most := maxWrites
	if len(p.in) == 1 {
		most = maxWritesSingle
	}
	for {
		if ctx.Err() != nil {
			return nil, unavailable("The deadline came near before this could be stored; repeat it.", context.Cause(ctx))
		}
		if p.board == nil {
			return nil, errMoved
		}
		if err := w.splitFirst(ctx, p); err != nil {
			return nil, err
		}
		b := *p.board
		change, err := w.apply(ctx, p)
		if err != nil {
			return nil, err
		}
		if !change.Write || w.dryRun {
			return change.Results, nil
		}
		if err := w.prepare(ctx, p, change); err != nil {
			return nil, err
		}
		p.tried[change.Next.Version] = change.Results
		current, err := w.store.updateBoard(ctx, b, change.Next)
		if err == nil {
			return change.Results, nil
		}
		if !errors.Is(err, errLost) {
			return nil, err
		}
		p.attempts++
		switch {
		case current != nil && current.Board == nil:
			return nil, errMoved
		case current != nil:
			p.found(*current)
			if results, ok := landed(ctx, *p.board, p.tried, w.mark); ok {
				return results, nil
			}
		}
		if p.attempts >= most {
			return nil, unavailable("Many clients write this product at once; repeat it.", err)
		}
		if current == nil || p.attempts > 1 {
			if err := pause(ctx, p.attempts); err != nil {
				return nil, unavailable("The deadline came near before this could be stored; repeat it.", err)
			}
			if err := w.reread(ctx, p); err != nil {
				return nil, err
			}
			if p.board == nil {
				continue
			}
			if results, ok := landed(ctx, *p.board, p.tried, w.mark); ok {
				return results, nil
			}
		}
	}
}

// found takes over what was read of the part's board. A shard's item says nothing of the directory.
func (p *part) found(bi BoardItem) {
	p.board = bi.Board
	if bi.Shard.N == 0 {
		p.directory = bi.Directory
	}
}

// reread reads a part's board again, strongly consistent.
func (w boardWriter) reread(ctx context.Context, p *part) error {
	shard := p.board.Shard
	it, err := w.store.find(ctx, ProductPartition(p.productID), boardKey(shard), true)
	switch {
	case fault.Is(err, fault.NotFound) && shard.N == 0:
		empty := board.New(p.productID)
		p.board = &empty
		return nil
	case fault.Is(err, fault.NotFound):
		p.board = nil
		return nil
	case err != nil:
		return err
	}
	bi, err := decodeBoardItem(p.productID, it)
	if err != nil {
		return err
	}
	p.found(bi)
	return nil
}

// splitFirst splits a product whose offers have become too many for one item, once a request. It returns errMoved then,
// since the request starts again. Where that fails for the moment, it is left to a later writer.
func (w boardWriter) splitFirst(ctx context.Context, p *part) error {
	if p.split || w.dryRun {
		return nil
	}
	n := p.board.SplitDue()
	if n == 0 {
		return nil
	}
	p.split = true
	product, err := w.store.productOrNew(ctx, p.productID)
	if err == nil {
		err = w.store.split(ctx, product, n)
	}
	if err != nil && !fault.Is(err, fault.Unavailable) {
		return err
	}
	return errMoved
}

// prepare stores what must stand before the board is written: new urls, and the tail that leaves it.
func (w boardWriter) prepare(ctx context.Context, p *part, change board.Change) error {
	known := p.board.URLs()
	urls := map[board.URLHash]string{}
	for _, r := range change.Results {
		if url, ok := p.urls[r.Stored.URL]; ok && r.Stored.ReceivedAt == w.clock.Now && !known[r.Stored.URL] {
			urls[r.Stored.URL] = url
			delete(p.urls, r.Stored.URL)
		}
	}
	if err := w.store.addURLs(ctx, p.productID, p.directory.Shards, urls, w.clock.Now); err != nil {
		return fmt.Errorf("add urls: %w", err)
	}
	for _, seg := range change.Segments {
		if _, err := w.store.put(ctx, segmentItem(p.productID, seg, w.store.retention)); err != nil {
			return fmt.Errorf("put segment: %w", err)
		}
	}
	return nil
}

// landed finds the attempt that wrote the board although its answer said otherwise or was lost, and returns its results.
func landed(ctx context.Context, b board.Board, tried map[int64][]board.Result, mark board.Mark) ([]board.Result, bool) {
	for v, results := range tried {
		if b.WroteBy(v, mark) {
			meter.Add(ctx, meter.Counts{OwnWrites: 1})
			return results, true
		}
	}
	return nil, false
}

// apply runs the fold and loads the months it asks for. They are read strongly consistent: the version check does not protect
// against a segment that a weaker read misses.
func (w boardWriter) apply(ctx context.Context, p *part) (board.Change, error) {
	var history board.History
	for {
		change, need := board.Apply(*p.board, p.in, w.clock, w.mark, &history)
		if len(need) == 0 {
			return change, nil
		}
		for _, m := range need {
			for _, shard := range p.directory.lineage(p.board.Shard) {
				read := func() ([][]board.SegmentOffer, error) { return w.store.month(ctx, p.productID, m, shard) }
				if shard != p.board.Shard {
					read = w.past.once(p.productID+" "+string(m)+" "+shard.String(), read)
				}
				segments, err := read()
				if err != nil {
					return board.Change{}, fmt.Errorf("read history of %s: %w", m, err)
				}
				history.Add(m, segments...)
			}
		}
	}
}

// pastMonths shares, within one request, what was flushed by the shards that a product had before it was split. The shards of
// today ask for the same, and no writer adds to it any more. So it still holds when the board was written by another, which
// a look-up of a shard's own segments does not.
type pastMonths struct {
	mu    sync.Mutex
	reads map[string]func() ([][]board.SegmentOffer, error)
}

// once returns the first read of a key, made to run only once.
func (p *pastMonths) once(key string, read func() ([][]board.SegmentOffer, error)) func() ([][]board.SegmentOffer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reads == nil {
		p.reads = map[string]func() ([][]board.SegmentOffer, error){}
	}
	if p.reads[key] == nil {
		p.reads[key] = sync.OnceValues(read)
	}
	return p.reads[key]
}

// month reads the history of one month, strongly consistent, that was flushed from a shard.
func (s *Store) month(ctx context.Context, productID string, m board.Month, shard board.Shard) ([][]board.SegmentOffer, error) {
	var segments [][]board.SegmentOffer
	prefix := monthKey(m) + shard.String() + "#"
	err := s.query(ctx, ProductPartition(productID), prefix, prefix+greatestSK, queryOptions{consistent: true}, func(it item) (bool, error) {
		offers, err := board.UnpackSegment(productID, blob(it, AttrPacked))
		segments = append(segments, offers)
		return true, err
	})
	return segments, err
}

// errLost is a board update that another writer came before.
var errLost = errors.New("the board was written by another")

// updateBoard stores next if the table still holds old's version. When another writer was first, the error is errLost, and
// current is what stands there, if DynamoDB returned it. Attributes beside the board (own prices) are untouched. Only the whole
// board may be new here: a shard is created by a split alone.
func (s *Store) updateBoard(ctx context.Context, old, next board.Board) (current *BoardItem, err error) {
	set := "SET v = :v, o = :o, h = :h, w = :w"
	if next.Flushed != price.NoTime {
		set += ", f = :f"
	}
	values := item{}
	for name, value := range boardAttributes(next) {
		values[":"+name] = value
	}
	condition := "v = :old"
	if old.Version == 0 {
		condition = "attribute_not_exists(v)"
	} else {
		values[":old"] = number(old.Version)
	}
	out, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                           s.table,
		Key:                                 key(ProductPartition(next.ProductID), boardKey(next.Shard)),
		UpdateExpression:                    aws.String(set),
		ConditionExpression:                 aws.String(condition),
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
	})
	var lost *types.ConditionalCheckFailedException
	var conflict *types.TransactionConflictException
	switch {
	case err == nil:
		countWrite(ctx, out.ConsumedCapacity)
		return nil, nil
	case errors.As(err, &lost):
		_ = s.failed(ctx, "update board", err) // counts the call
		countRefused(ctx, max(old.Size(), next.Size()))
		switch {
		case lost.Item == nil && next.Shard.N > 0: // missing, not empty
			return &BoardItem{Shard: next.Shard}, errLost
		case lost.Item == nil:
			return nil, errLost
		}
		bi, err := decodeBoardItem(next.ProductID, lost.Item)
		if err != nil {
			return nil, err
		}
		return &bi, errLost
	case errors.As(err, &conflict):
		_ = s.failed(ctx, "update board", err) // counts the call
		return nil, errLost
	}
	return nil, s.failed(ctx, "update board", err)
}

func unavailable(detail string, cause error) error {
	return fault.New(fault.Unavailable, fault.CodeThrottled, detail).Because(cause)
}

// pause waits before try number n with full jitter, growing from 25 ms to at most 1.6 s.
func pause(ctx context.Context, n int) error {
	const base = 25 * time.Millisecond
	const most = 6 // doublings
	timer := time.NewTimer(mathrand.N(base << min(n, most)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"

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
	maxWritesSingle = 6
	maxMoves        = 8 // how often a board may have gone elsewhere; a product is split at most six times
)

// part is the part of a request that concerns one board: a product's whole board or one of its shards.
type part struct {
	productID string
	directory Directory
	board     board.Board // as last read
	elsewhere bool        // there is no such board: the product was split, or a read was stale
	certain   bool        // the board was read strongly consistent, or stands as another writer has just left it
	in        []board.Incoming
	items     []int                    // where in the request
	tried     map[int64][]board.Result // results of each attempt, by the version that it would have made
	attempts  int
	beyond    int64 // version of a segment that was seen before the board was read last, see flushedBeyond
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
		verdicts[at].Err = nil
		if results[n].Outcome == board.NoRoom {
			verdicts[at].Err = tooManyOffers()
		}
	}
}

func tooManyOffers() error {
	return fault.Fields([]fault.Field{{Pointer: "/competitorId", Code: fault.CodeTooManyOffers, Detail: fmt.Sprintf(
		"The product has as many offers as it may have (%d, fewer where their keys fall together). Those that exist stay writable.",
		board.MaxOffers)}})
}

// take takes over what was read of the part's board. A shard's item says nothing of the directory.
func (p *part) take(bi BoardItem) {
	p.elsewhere = bi.Board == nil
	if bi.Board != nil {
		p.board = *bi.Board
	}
	if bi.Shard.N == 0 {
		p.directory = bi.Directory
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
		shard := board.ShardOf(in.Key, d.Shards)
		if shares[shard.I] == nil {
			shares[shard.I] = &part{
				productID: p.productID, directory: d, board: board.Board{ProductID: p.productID, Shard: shard}, elsewhere: true,
				certain: p.certain, tried: map[int64][]board.Result{}, attempts: p.attempts, moves: p.moves, split: p.split,
			}
		}
		share := shares[shard.I]
		share.in = append(share.in, in)
		share.items = append(share.items, p.items[n])
		for v, results := range p.tried {
			share.tried[v] = append(share.tried[v], results[n])
		}
	}
	for _, share := range shares {
		if share != nil {
			parts = append(parts, share)
		}
	}
	return parts
}

// landed returns the results of the attempt that wrote the part's board although its answer said otherwise or was lost.
func (p *part) landed(ctx context.Context, mark board.Mark) ([]board.Result, bool) {
	for v, results := range p.tried {
		if !p.elsewhere && p.board.WroteBy(v, mark) {
			meter.Add(ctx, meter.Counts{OwnWrites: 1})
			return results, true
		}
	}
	return nil, false
}

// locate reads the boards of a request. A writer reads them eventually consistent, since a stale one fails its version check; a
// dry run has none. Products that were split cost a second round for their shards; a shard that is missing or was split further
// is left to be looked for anew.
func (s *Store) locate(ctx context.Context, products []*part, consistent bool) ([]*part, error) {
	for _, p := range products {
		p.board = board.New(p.productID)
		p.certain = consistent
	}
	if err := s.readBoards(ctx, products, consistent); err != nil {
		return products, err
	}
	var parts, ofShards []*part
	for _, p := range products {
		for _, share := range p.byShard(p.directory) {
			parts = append(parts, share)
			if share != p {
				ofShards = append(ofShards, share)
			}
		}
	}
	return parts, s.readBoards(ctx, ofShards, consistent)
}

// readBoards reads the board, or shard, of each part into it, or why it could not be read. Its error is our mistake.
func (s *Store) readBoards(ctx context.Context, parts []*part, consistent bool) error {
	keys := make([]item, len(parts))
	byKey := make(map[[2]string]*part, len(parts))
	for i, p := range parts {
		pk, sk := ProductPartition(p.productID), boardKey(p.board.Shard)
		keys[i] = key(pk, sk)
		byKey[[2]string{pk, sk}] = p
	}
	items, unread, err := s.batchGet(ctx, keys, consistent)
	if err != nil && !fault.Is(err, fault.Unavailable) {
		return err
	}
	of := func(it item) *part { return byKey[[2]string{text(it, AttrPK), text(it, AttrSK)}] }
	for _, it := range unread {
		of(it).err = err
	}
	for _, it := range items {
		p := of(it)
		var bi BoardItem
		if bi, p.err = decodeBoardItem(p.productID, it); p.err == nil {
			p.take(bi)
		}
	}
	return nil
}

// boardWriter writes the boards of one request.
type boardWriter struct {
	store    *Store
	clock    price.Clock
	mark     board.Mark
	dryRun   bool
	verdicts []Verdict
	shared   *shared
}

func newBoardWriter(s *Store, clock price.Clock, dryRun bool, verdicts []Verdict) boardWriter {
	w := boardWriter{store: s, clock: clock, dryRun: dryRun, verdicts: verdicts, shared: &shared{}}
	_, _ = rand.Read(w.mark[:]) // never fails (crypto/rand)
	return w
}

// writeAll settles the verdicts of all parts, several boards at a time. Boards that end without a write are then read again
// together, strongly consistent, since the answer says what is current: a weaker read may have missed it.
func (w boardWriter) writeAll(ctx context.Context, parts []*part) {
	uncertain := make([]*part, len(parts))
	eachOf(len(parts), w.store.width, func(i int) {
		if !w.write(ctx, parts[i]) {
			uncertain[i] = parts[i]
		}
	})
	again := slices.DeleteFunc(uncertain, func(p *part) bool { return p == nil })
	if len(again) == 0 {
		return
	}
	err := w.store.readAgain(ctx, again)
	eachOf(len(again), w.store.width, func(i int) {
		if err != nil {
			again[i].fail(w.verdicts, err)
		} else {
			w.write(ctx, again[i])
		}
	})
}

// readAgain reads the boards of parts again, strongly consistent. Those of one product keep their directory: one that is out of
// date leads to a shard that is not there.
func (s *Store) readAgain(ctx context.Context, parts []*part) error {
	for _, p := range parts {
		p.certain = true
		p.elsewhere = p.board.Shard.N > 0 // until it is found
		if !p.elsewhere {                 // what is not there is empty
			p.board = board.New(p.productID)
			p.directory = Directory{}
		}
	}
	return s.readBoards(ctx, parts, true)
}

// write settles a part's verdicts. It follows the part's observations to other boards when the product is split meanwhile. It
// returns false, and settles nothing, when there is nothing to write as far as a weak read has shown.
func (w boardWriter) write(ctx context.Context, p *part) (settled bool) {
	if p.err != nil {
		p.fail(w.verdicts, p.err)
		return true
	}
	for {
		met, results, err := w.try(ctx, p) // overtaken: again
		switch {
		case err != nil:
			p.fail(w.verdicts, err)
			return true
		case met == moved:
			w.follow(ctx, p)
			return true
		case met == committed && results == nil:
			return false
		case met == committed:
			p.settle(w.verdicts, results)
			return true
		}
	}
}

// follow reads the whole product strongly consistent and writes each of its boards' share of the part.
func (w boardWriter) follow(ctx context.Context, p *part) {
	if p.moves++; p.moves > maxMoves {
		p.fail(w.verdicts, unavailable("The product is being reorganised; repeat the request.", errTorn))
		return
	}
	product, err := w.store.productOrNew(ctx, p.productID)
	if err != nil {
		p.fail(w.verdicts, err)
		return
	}
	p.certain = true
	shares := p.byShard(product.directory)
	eachOf(len(shares), w.store.width, func(i int) {
		share := shares[i]
		share.board = product.Shard(share.in[0].Key)
		share.elsewhere = false
		if results, ok := share.landed(ctx, w.mark); ok {
			share.settle(w.verdicts, results)
			return
		}
		w.write(ctx, share)
	})
}

// productOrNew reads a product that may not exist yet.
func (s *Store) productOrNew(ctx context.Context, productID string) (Product, error) {
	product, err := s.Product(ctx, productID, false)
	if fault.Is(err, fault.NotFound) {
		return Product{ID: productID, Boards: []board.Board{board.New(productID)}}, nil
	}
	return product, err
}

// try applies a part's observations and stores its board, once. Results come with committed: nil when there was nothing to write
// and that is not certain.
func (w boardWriter) try(ctx context.Context, p *part) (met, []board.Result, error) {
	switch {
	case ctx.Err() != nil:
		return 0, nil, tooLate(context.Cause(ctx))
	case p.elsewhere:
		return moved, nil, nil
	}
	change, err := w.apply(ctx, p)
	switch {
	case err != nil:
		return 0, nil, err
	case w.dryRun, !change.Write && p.certain:
		return committed, change.Results, nil
	case !change.Write:
		return committed, nil, nil
	}
	if went, err := w.splitFirst(ctx, p); went || err != nil {
		return moved, nil, err
	}
	switch met, err := w.prepare(ctx, p, change); {
	case err != nil:
		return 0, nil, err
	case met == overtaken:
		return w.overtaken(ctx, p, nil)
	}
	p.tried[change.Next.Version] = change.Results
	met, standing, err := w.store.updateBoard(ctx, p.board, change)
	switch {
	case err != nil, met == committed:
		return met, change.Results, err
	case met == overtaken && len(standing) == 0 && p.board.Shard.N > 0: // missing, not empty: only a split creates a shard
		return moved, nil, nil
	}
	return w.overtaken(ctx, p, standing)
}

// overtaken finds out what became of the part's board, on which another writer is at work or was first: what stands there, if
// that is known. It may be this one's own write, whose answer was lost.
func (w boardWriter) overtaken(ctx context.Context, p *part, standing item) (met, []board.Result, error) {
	most := maxWrites
	if len(p.in) == 1 {
		most = maxWritesSingle
	}
	p.attempts++
	if len(standing) > 0 {
		bi, err := decodeBoardItem(p.productID, standing)
		if err != nil {
			return 0, nil, unreadable(err)
		}
		p.take(bi)
		p.certain = true
		if results, ok := p.landed(ctx, w.mark); ok {
			return committed, results, nil
		}
	}
	switch {
	case p.elsewhere:
		return moved, nil, nil
	case p.attempts >= most:
		return 0, nil, unavailable("Many clients write this product at once; repeat it.", errOvertaken)
	case len(standing) > 0 && p.attempts == 1:
		return overtaken, nil, nil
	}
	if err := pause(ctx, p.attempts); err != nil {
		return 0, nil, tooLate(err)
	}
	if err := w.store.readAgain(ctx, []*part{p}); err != nil {
		return 0, nil, err
	}
	if p.err != nil {
		return 0, nil, unreadable(p.err)
	}
	if results, ok := p.landed(ctx, w.mark); ok {
		return committed, results, nil
	}
	return overtaken, nil, nil
}

// unreadable is the fault of a board that cannot be read after an attempt to write it: nobody can tell whether that came to pass.
func unreadable(cause error) error {
	if fault.Is(cause, fault.Unavailable) { // it may be readable
		return cause
	}
	return unavailable("What stands in the store cannot be read; the outcome is unknown. Repeat the request.", cause)
}

// splitFirst splits a product whose offers have become too many for one item, once a request, and only if there is something to write:
// a repeated request changes nothing. The request starts again then.
// Where it fails for the moment, that is left to a later writer.
func (w boardWriter) splitFirst(ctx context.Context, p *part) (started bool, err error) {
	n := p.board.SplitDue()
	if n == 0 || p.split {
		return false, nil
	}
	p.split = true
	product, err := w.store.productOrNew(ctx, p.productID)
	if err == nil {
		err = w.store.split(ctx, product, n)
	}
	if fault.Is(err, fault.Unavailable) {
		err = nil
	}
	return true, err
}

// prepare stores what must stand before the board is written: new urls, and the tail that leaves it. It is overtaken when a later
// version of the board has been flushed already.
func (w boardWriter) prepare(ctx context.Context, p *part, change board.Change) (met, error) {
	if n := len(change.Segments); n > 0 {
		beyond, err := w.store.flushedBeyond(ctx, p.board)
		switch {
		case err != nil:
			return 0, err
		case beyond.name == "", beyond.name == segmentKey(change.Segments[n-1]): // perhaps this very flush, which was not finished
		case beyond.version <= p.board.Version, // whoever flushed that wrote a board that knows of it
			p.beyond > p.board.Version: // this board was read after such a segment had been seen
			return 0, fmt.Errorf("%s of %s has version %d and does not know of %s: %w", boardKey(p.board.Shard), p.productID, p.board.Version,
				beyond.name, errPutBack)
		default: // the board may be one that was read too early
			p.beyond = beyond.version
			return overtaken, nil
		}
	}
	if err := w.store.changeURLs(ctx, change.Next, change.URLs); err != nil {
		return 0, err
	}
	for _, seg := range change.Segments {
		if err := w.store.putSegment(ctx, p.productID, seg); err != nil {
			return 0, err
		}
	}
	return committed, nil
}

// apply runs the fold and loads what it asks for.
func (w boardWriter) apply(ctx context.Context, p *part) (board.Change, error) {
	var history board.History
	request := board.Request{Clock: w.clock, Mark: w.mark, Room: board.MaxOffers}
	for {
		change, need := board.Apply(p.board, p.in, request, &history)
		if len(need) == 0 {
			if p.board.Shard.N == 0 || change.Created == 0 {
				return change, nil
			}
			room, err := w.shared.room(p.productID, func() (int, error) { return w.store.room(ctx, p.productID) })
			if err != nil || change.Created <= room {
				return change, err
			}
			request.Room = room
			continue
		}
		for _, span := range need {
			for _, l := range p.directory.lineage(p.board) {
				read := func() ([][]board.SegmentOffer, error) { return w.store.flushed(ctx, p.productID, l, span) }
				segments, err := w.shared.past(p, l, span, read)
				if err != nil {
					return board.Change{}, fmt.Errorf("read history: %w", err)
				}
				history.Add(span, segments...)
			}
		}
	}
}

// room returns how many offers a split product may get yet, about: others may be creating some.
func (s *Store) room(ctx context.Context, productID string) (int, error) {
	room := board.MaxOffers
	err := s.query(ctx, ProductPartition(productID), boardSK, boardSK+"#"+greatestSK, queryOptions{}, func(it item) (bool, error) {
		if offers, ok := it[AttrOffers].(*types.AttributeValueMemberM); ok {
			room -= len(offers.Value)
		}
		return true, nil
	})
	if err != nil {
		return 0, fmt.Errorf("count offers: %w", err)
	}
	return max(room, 0), nil
}

// shared is what the boards of one request read once for all of them. The zero value is empty.
type shared struct {
	mu       sync.Mutex
	segments map[string]func() ([][]board.SegmentOffer, error)
	rooms    map[string]func() (int, error)
}

// past reads what was flushed by a shard that a product had before it was split. The shards of today ask for the same, and no
// writer adds to it any more. So it still holds when the board was written by another, which a look-up of a board's own segments
// does not.
func (s *shared) past(
	p *part, l label, span board.Span, read func() ([][]board.SegmentOffer, error),
) ([][]board.SegmentOffer, error) {
	if l.shard == p.board.Shard {
		return read()
	}
	return once(&s.mu, &s.segments, fmt.Sprint(p.productID, l.shard, span), read)
}

// room returns the room of a product.
func (s *shared) room(productID string, ask func() (int, error)) (int, error) {
	return once(&s.mu, &s.rooms, productID, ask)
}

// once returns what was read under a key, and reads it if nobody has. A read that failed is not kept.
func once[T any](mu *sync.Mutex, reads *map[string]func() (T, error), key string, read func() (T, error)) (T, error) {
	mu.Lock()
	if (*reads)[key] == nil {
		if *reads == nil {
			*reads = map[string]func() (T, error){}
		}
		(*reads)[key] = sync.OnceValues(read)
	}
	known := (*reads)[key]
	mu.Unlock()
	value, err := known()
	if err != nil {
		mu.Lock()
		delete(*reads, key)
		mu.Unlock()
	}
	return value, err
}

// updateBoard stores a change of a board if the table still holds the version that it was made from. When another writer was first
// it returns what stands there, if that is known. Attributes beside the board (the catalogue's part) are untouched. Only the whole
// board may be new here: a shard is created by a split alone.
func (s *Store) updateBoard(ctx context.Context, old board.Board, change board.Change) (met, item, error) {
	set := "SET v = :v, o = :o, h = :h, w = :w"
	values := item{}
	for name, value := range boardAttributes(change.Packed) {
		values[":"+name] = value
		switch name {
		case AttrFlushed, AttrLate, AttrDropped:
			set += ", " + name + " = :" + name
		}
	}
	condition := "v = :old"
	if old.Version == 0 {
		condition = "attribute_not_exists(v)"
	} else {
		values[":old"] = number(old.Version)
	}
	return s.update(ctx, "update board", &dynamodb.UpdateItemInput{
		Key:                       key(ProductPartition(old.ProductID), boardKey(old.Shard)),
		UpdateExpression:          &set,
		ConditionExpression:       aws.String(condition),
		ExpressionAttributeValues: values,
	})
}

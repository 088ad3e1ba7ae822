package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
)

// Verdict is what became of one submission.
type Verdict struct {
	ProductID  string       // resolved from the gtin where only that was sent; empty when it could not be
	Result     board.Result // when Err is nil
	Catalogued bool         // the product is in the catalogue
	Err        error        // a fault: Invalid (never stored, do not repeat) or Unavailable (unknown, repeat)
}

// Record stores observations received at one moment and returns one verdict each, in order. An observation is
// reported as stored only after its board was written. With dryRun nothing is written and the verdicts are what they
// would have been. The error is set only when nothing can be said of any of them and the cause is ours.
func (s *Store) Record(ctx context.Context, submissions []price.Submission, received price.Timestamp, dryRun bool) ([]Verdict, error) {
	verdicts := make([]Verdict, len(submissions))
	if err := s.resolveProducts(ctx, submissions, verdicts); err != nil {
		return nil, fmt.Errorf("resolve gtins: %w", err)
	}
	if err := s.admitCompetitors(ctx, submissions, verdicts); err != nil {
		return nil, fmt.Errorf("check competitors: %w", err)
	}
	work := groupByProduct(submissions, verdicts, received)
	if err := s.loadBoards(ctx, work); err != nil {
		if !fault.Is(err, fault.Unavailable) {
			return nil, fmt.Errorf("read boards: %w", err)
		}
		for _, w := range work {
			w.fail(verdicts, err)
		}
		return verdicts, nil
	}
	writer := boardWriter{store: s, clock: board.Clock{Now: received, Retention: s.retention}, dryRun: dryRun}
	_, _ = rand.Read(writer.mark[:]) // never fails (crypto/rand)
	eachOf(len(work), s.width, func(i int) {
		w := work[i]
		results, catalogued, err := writer.write(ctx, w)
		if err != nil {
			w.fail(verdicts, err)
			return
		}
		for n, at := range w.items {
			verdicts[at].Result, verdicts[at].Catalogued = results[n], catalogued
		}
	})
	if !dryRun {
		s.noteHealth(ctx, submissions, verdicts, received)
	}
	return verdicts, nil
}

// boardWork is the part of a request that concerns one product.
type boardWork struct {
	board board.Board
	in    []board.Incoming
	items []int // where in the request
	err   error // the board could not be read
}

func (w *boardWork) fail(verdicts []Verdict, err error) {
	for _, at := range w.items {
		verdicts[at].Err = err
	}
}

func groupByProduct(submissions []price.Submission, verdicts []Verdict, received price.Timestamp) []*boardWork {
	var work []*boardWork
	byProduct := map[string]*boardWork{}
	for i, sub := range submissions {
		if verdicts[i].Err != nil {
			continue
		}
		o := sub.Observation
		o.Key.ProductID = verdicts[i].ProductID
		w := byProduct[o.Key.ProductID]
		if w == nil {
			w = &boardWork{board: board.New(o.Key.ProductID)}
			byProduct[o.Key.ProductID] = w
			work = append(work, w)
		}
		w.items = append(w.items, i)
		w.in = append(w.in, board.Incoming{Key: o.Key, Entry: board.NewEntry(o, received)})
	}
	return work
}

// resolveProducts fills the verdicts' product ids. A gtin is looked up strongly consistent, so that none is refused
// although its product was just stored.
func (s *Store) resolveProducts(ctx context.Context, submissions []price.Submission, verdicts []Verdict) error {
	products := map[price.GTIN]string{}
	var keys []item
	for i, sub := range submissions {
		verdicts[i].ProductID = sub.Observation.Key.ProductID
		if _, ok := products[sub.GTIN]; sub.GTIN != "" && !ok {
			products[sub.GTIN] = ""
			keys = append(keys, key(gtinKey(sub.GTIN), "product"))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	items, err := s.batchGet(ctx, keys, true)
	if err != nil && !fault.Is(err, fault.Unavailable) {
		return err
	}
	for _, it := range items {
		products[price.GTIN(text(it, "pk")[len("g#"):])] = text(it, "productId")
	}
	for i, sub := range submissions {
		if sub.GTIN == "" {
			continue
		}
		verdicts[i].ProductID = products[sub.GTIN]
		switch {
		case err != nil:
			verdicts[i].Err = err
		case verdicts[i].ProductID == "":
			verdicts[i].Err = fault.Fields([]fault.Field{{Pointer: "/gtin", Code: fault.CodeUnknownGTIN,
				Detail: "No product has the gtin " + string(sub.GTIN) + "."}})
		}
	}
	return nil
}

// loadBoards reads the boards of a request, eventually consistent: a stale one fails its version check.
func (s *Store) loadBoards(ctx context.Context, work []*boardWork) error {
	keys := make([]item, len(work))
	byKey := make(map[string]*boardWork, len(work))
	for i, w := range work {
		pk := productKey(w.board.ProductID)
		keys[i] = key(pk, boardSK)
		byKey[pk] = w
	}
	items, err := s.batchGet(ctx, keys, false)
	if err != nil {
		return err
	}
	for _, it := range items {
		w := byKey[text(it, "pk")]
		w.board, w.err = decodeBoard(w.board.ProductID, it)
	}
	return nil
}

// Attempts at one board. The first two need no new read; from the third on the writer waits with full jitter. A single
// observation's client gives up early: it repeats at no cost, while many waiting writers of one hot product only make
// it hotter.
const (
	maxWrites       = 10
	maxWritesSingle = 6
)

// boardWriter writes the boards of one request.
type boardWriter struct {
	store  *Store
	clock  board.Clock
	mark   board.Mark
	dryRun bool
}

// write applies a product's observations and stores the board, again and again while other writers come first.
func (bw boardWriter) write(ctx context.Context, w *boardWork) (results []board.Result, catalogued bool, err error) {
	if w.err != nil {
		return nil, false, w.err
	}
	attempts := maxWrites
	if len(w.in) == 1 {
		attempts = maxWritesSingle
	}
	b := w.board
	tried := map[int64][]board.Result{} // results by the version an attempt would have made
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return nil, false, unavailable("The deadline came near before this could be stored; repeat it.", context.Cause(ctx))
		}
		change, err := bw.apply(ctx, b, w.in)
		if err != nil {
			return nil, false, err
		}
		if !change.Write || bw.dryRun {
			return change.Results, b.Catalogued, nil
		}
		for _, seg := range change.Segments {
			if _, err := bw.store.put(ctx, segmentItem(b.ProductID, seg, bw.store.retention)); err != nil {
				return nil, false, fmt.Errorf("put segment: %w", err)
			}
		}
		tried[change.Next.Version] = change.Results
		current, err := bw.store.updateBoard(ctx, b, change.Next)
		if err == nil {
			return change.Results, b.Catalogued, nil
		}
		if !errors.Is(err, errLost) {
			return nil, false, err
		}
		if current != nil {
			if results, ok := landed(*current, tried, bw.mark); ok {
				return results, current.Catalogued, nil
			}
		}
		if n == attempts {
			return nil, false, unavailable("Many clients write this product at once; repeat it.", err)
		}
		if current == nil || n > 1 {
			if current, err = bw.reread(ctx, b.ProductID, n); err != nil {
				return nil, false, err
			}
			if results, ok := landed(*current, tried, bw.mark); ok {
				return results, current.Catalogued, nil
			}
		}
		b = *current
	}
}

// landed finds the attempt that did write the board although its answer said otherwise or was lost.
func landed(b board.Board, tried map[int64][]board.Result, mark board.Mark) ([]board.Result, bool) {
	for v, results := range tried {
		if b.WroteBy(v, mark) {
			return results, true
		}
	}
	return nil, false
}

// apply runs the fold, loading the months it asks for. They are read strongly consistent: the version check does not
// protect against a segment that a weaker read misses.
func (bw boardWriter) apply(ctx context.Context, b board.Board, in []board.Incoming) (board.Change, error) {
	var history board.History
	for {
		change, need := board.Apply(b, in, bw.clock, bw.mark, &history)
		if len(need) == 0 {
			return change, nil
		}
		for _, m := range need {
			segments, err := bw.store.month(ctx, b.ProductID, m)
			if err != nil {
				return board.Change{}, fmt.Errorf("read history of %s: %w", m, err)
			}
			history.Add(m, segments...)
		}
	}
}

// reread waits and reads the board strongly consistent.
func (bw boardWriter) reread(ctx context.Context, productID string, n int) (*board.Board, error) {
	if err := pause(ctx, n); err != nil {
		return nil, unavailable("The deadline came near before this could be stored; repeat it.", err)
	}
	b, err := bw.store.Board(ctx, productID)
	if fault.Is(err, fault.NotFound) {
		b, err = board.New(productID), nil
	}
	return &b, err
}

// errLost is a board update that another writer came before.
var errLost = errors.New("the board was written by another")

// updateBoard stores next if the table still holds old's version. When another writer was first the error is errLost,
// with the board that stands there if DynamoDB returned it. Attributes beside the board (own prices) are untouched.
func (s *Store) updateBoard(ctx context.Context, old, next board.Board) (current *board.Board, err error) {
	p := next.Pack()
	in := &dynamodb.UpdateItemInput{
		TableName:                           s.table,
		Key:                                 key(productKey(next.ProductID), boardSK),
		UpdateExpression:                    aws.String("SET v = :v, o = :o, h = :h, w = :w"),
		ConditionExpression:                 aws.String("v = :old"),
		ExpressionAttributeValues:           item{":v": number(p.V), ":o": offerMap(p.O), ":h": bin(p.H), ":w": bin(p.W)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
	}
	if p.F != price.NoTime {
		in.UpdateExpression = aws.String(*in.UpdateExpression + ", f = :f")
		in.ExpressionAttributeValues[":f"] = number(int64(p.F))
	}
	if old.Version == 0 {
		in.ConditionExpression = aws.String("attribute_not_exists(v)")
	} else {
		in.ExpressionAttributeValues[":old"] = number(old.Version)
	}
	out, err := s.db.UpdateItem(ctx, in)
	var lost *types.ConditionalCheckFailedException
	var conflict *types.TransactionConflictException
	switch {
	case err == nil:
		wrote(ctx, out.ConsumedCapacity)
		return nil, nil
	case errors.As(err, &lost):
		_ = s.failed(ctx, "update board", err) // counts the call
		if lost.Item == nil {
			return nil, errLost
		}
		b, err := decodeBoard(next.ProductID, lost.Item)
		if err != nil {
			return nil, err
		}
		return &b, errLost
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
	const base, most = 25 * time.Millisecond, 6
	timer := time.NewTimer(mathrand.N(base << min(n, most)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

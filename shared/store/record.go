package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

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

// Record stores observations that were received at one moment and returns a verdict for each, in order. An observation is reported
// as stored only after its board was written. With dryRun nothing is written, and the verdicts are what they would have been.
// An error means that nothing can be said of any of them and that the cause is ours.
func (s *Store) Record(ctx context.Context, submissions []price.Submission, received price.Timestamp, dryRun bool) ([]Verdict, error) {
	verdicts := make([]Verdict, len(submissions))
	if err := s.resolveProducts(ctx, submissions, verdicts); err != nil {
		return nil, fmt.Errorf("resolve gtins: %w", err)
	}
	if err := s.admitCompetitors(ctx, submissions, verdicts); err != nil {
		return nil, fmt.Errorf("check competitors: %w", err)
	}
	parts := groupByProduct(submissions, verdicts, received)
	parts, err := s.locate(ctx, parts)
	if err != nil {
		if !fault.Is(err, fault.Unavailable) {
			return nil, fmt.Errorf("read boards: %w", err)
		}
		for _, p := range parts {
			p.fail(verdicts, err)
		}
		return verdicts, nil
	}
	w := boardWriter{
		store: s, clock: price.Clock{Now: received, Retention: s.retention}, dryRun: dryRun, verdicts: verdicts, past: &pastMonths{},
	}
	_, _ = rand.Read(w.mark[:]) // never fails (crypto/rand)
	eachOf(len(parts), s.width, func(i int) { w.write(ctx, parts[i]) })
	if !dryRun {
		s.noteHealth(ctx, submissions, verdicts, received)
	}
	return verdicts, nil
}

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

func groupByProduct(submissions []price.Submission, verdicts []Verdict, received price.Timestamp) []*part {
	var parts []*part
	byProduct := map[string]*part{}
	for i, sub := range submissions {
		if verdicts[i].Err != nil {
			continue
		}
		o := sub.Observation
		o.Key.ProductID = verdicts[i].ProductID
		p := byProduct[o.Key.ProductID]
		if p == nil {
			p = &part{productID: o.Key.ProductID, urls: map[board.URLHash]string{}, tried: map[int64][]board.Result{}}
			byProduct[o.Key.ProductID] = p
			parts = append(parts, p)
		}
		e := board.NewObservation(o, received)
		p.items = append(p.items, i)
		p.in = append(p.in, board.Incoming{Key: o.Key, Observation: e})
		if o.URL != "" {
			p.urls[e.URL] = o.URL
		}
	}
	return parts
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

// locate reads the boards of a request, eventually consistent: a stale one fails its version check. Products that were split
// cost a second round for their shards; a shard that is missing or was split further is left to be looked for anew.
func (s *Store) locate(ctx context.Context, products []*part) ([]*part, error) {
	keys := make([]item, len(products))
	byKey := map[string]*part{}
	for i, p := range products {
		empty := board.New(p.productID)
		p.board = &empty
		keys[i] = key(ProductPartition(p.productID), boardSK)
		byKey[ProductPartition(p.productID)] = p
	}
	items, err := s.batchGet(ctx, keys, false)
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
	items, err = s.batchGet(ctx, keys, false)
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

// resolveProducts fills in the verdicts' product ids. A gtin is looked up strongly consistent, so that it is not refused when its
// product was only just stored.
func (s *Store) resolveProducts(ctx context.Context, submissions []price.Submission, verdicts []Verdict) error {
	products := map[price.GTIN]string{}
	var keys []item
	for i, sub := range submissions {
		verdicts[i].ProductID = sub.Observation.Key.ProductID
		if _, ok := products[sub.GTIN]; sub.GTIN != "" && !ok {
			products[sub.GTIN] = ""
			keys = append(keys, key(GTINPartition(sub.GTIN), productSK))
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
		products[price.GTIN(strings.TrimPrefix(text(it, AttrPK), gtinPrefix))] = text(it, AttrProductID)
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

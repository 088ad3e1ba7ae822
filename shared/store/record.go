package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
)

// Verdict is what became of one submission.
type Verdict struct {
	ProductID  string       // resolved from the gtin where only that was sent; empty when it could not be
	Result     board.Result // when Err is nil
	Catalogued bool         // the product is in the catalogue
	Err        error        // Invalid (never stored, do not repeat), Unavailable (unknown, repeat), or no fault: a board that we have to mend
}

// Record stores observations that were received at one moment and returns a verdict for each, in order. An observation is reported
// as stored only after its board was written. With dryRun nothing is written, and the verdicts are what they would have been.
// An error means that nothing can be said of any of them and that the cause is ours.
func (s *Store) Record(ctx context.Context, submissions []price.Submission, received price.Timestamp, dryRun bool) ([]Verdict, error) {
	verdicts := make([]Verdict, len(submissions))
	if err := s.resolveProducts(ctx, submissions, verdicts); err != nil {
		return nil, fmt.Errorf("resolve gtins: %w", err)
	}
	parts := groupByProduct(submissions, verdicts, received)
	var boards sync.WaitGroup
	var readErr error
	locate := func() { parts, readErr = s.locate(ctx, parts, dryRun) }
	// A request about several products opens several connections. For one product a call beside another would need a second
	// connection, whose handshake takes longer than the call.
	several := len(parts) > 1
	beside := several && !s.competitors.fresh(s.now(), competitorAge) // the list has to be read: the boards meanwhile
	if beside {
		boards.Go(locate)
	}
	err := s.admitCompetitors(ctx, submissions, verdicts)
	boards.Wait()
	if err != nil {
		return nil, fmt.Errorf("check competitors: %w", err)
	}
	parts = admitted(parts, verdicts)
	if !beside {
		locate()
	}
	if readErr != nil {
		if !fault.Is(readErr, fault.Unavailable) {
			return nil, fmt.Errorf("read boards: %w", readErr)
		}
		for _, p := range parts {
			p.fail(verdicts, readErr)
		}
		return verdicts, nil
	}
	write := func() {
		newBoardWriter(s, price.Clock{Now: received, Retention: s.retention}, dryRun, verdicts).writeAll(ctx, parts)
	}
	switch {
	case dryRun:
		write()
	case several:
		var noted sync.WaitGroup
		noted.Go(func() { s.noteHealth(ctx, parts, received) })
		write()
		noted.Wait()
	default:
		write()
		s.noteHealth(ctx, parts, received)
	}
	return verdicts, nil
}

// admitted leaves out what was refused meanwhile.
func admitted(parts []*part, verdicts []Verdict) []*part {
	return slices.DeleteFunc(parts, func(p *part) bool {
		kept := 0
		for n, at := range p.items {
			if verdicts[at].Err == nil {
				p.items[kept] = at
				p.in[kept] = p.in[n]
				kept++
			}
		}
		p.items = p.items[:kept]
		p.in = p.in[:kept]
		return kept == 0
	})
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
		default:
			if f, broken := sub.ReservedName(verdicts[i].ProductID); broken {
				verdicts[i].Err = fault.Fields([]fault.Field{f})
			}
		}
	}
	return nil
}

// groupByProduct makes a part of the submissions of each product, in the order of the request.
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
			p = &part{productID: o.Key.ProductID, tried: map[int64][]board.Result{}}
			byProduct[o.Key.ProductID] = p
			parts = append(parts, p)
		}
		p.items = append(p.items, i)
		p.in = append(p.in, board.Incoming{Key: o.Key, Observation: board.NewObservation(o, sub.Writer.Client, received), URL: o.URL})
	}
	return parts
}

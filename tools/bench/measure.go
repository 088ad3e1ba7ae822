package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/tools/bench/peer"
)

// retention is long enough for every scan of a run.
const retention = 400 * 24 * time.Hour

// width is how many writes of a request are under way at once. It changes no count.
const width = 4

// sink is a design under measurement: it stores a request.
type sink interface {
	record(ctx context.Context, request []price.Observation, received price.Timestamp) error
}

// boards is the product's own store.
type boards struct {
	*store.Store
	table string
}

func (b *bench) newBoards(ctx context.Context, m *market) (*boards, error) {
	table, err := b.newTable(ctx)
	if err != nil {
		return nil, err
	}
	now := start.Time()
	s := store.New(b.client, store.Options{Table: table, Retention: retention, Width: width, Now: func() time.Time { return now }})
	for _, id := range m.competitors() {
		if _, err := s.PutCompetitor(ctx, price.Competitor{ID: id, Name: id, FreshFor: price.DefaultFreshFor, Active: true}); err != nil {
			return nil, fmt.Errorf("register competitors: %w", err)
		}
	}
	if _, err := s.Competitors(ctx); err != nil {
		return nil, fmt.Errorf("read competitors: %w", err)
	}
	return &boards{s, table}, nil
}

func (s *boards) record(ctx context.Context, request []price.Observation, received price.Timestamp) error {
	in := make([]price.Submission, len(request))
	for i, o := range request {
		in[i].Observation = o
		in[i].Writer.Client = "night-run"
	}
	verdicts, err := s.Record(ctx, in, received, false)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	for _, v := range verdicts {
		if v.Err != nil {
			return fmt.Errorf("record: %w", v.Err)
		}
	}
	return nil
}

// twoItems is the usual design.
type twoItems struct {
	*peer.Store
	table string
}

func (b *bench) newTwoItems(ctx context.Context) (*twoItems, error) {
	b.tables++
	table := fmt.Sprintf("peer-%d", b.tables)
	s, err := peer.New(ctx, b.client, table, width)
	if err != nil {
		return nil, fmt.Errorf("make the two-item store: %w", err)
	}
	return &twoItems{s, table}, nil
}

func (s *twoItems) record(ctx context.Context, request []price.Observation, received price.Timestamp) error {
	return s.Record(ctx, request, received)
}

// cost is what an observation costs.
type cost struct {
	writes, reads, calls float64
	health               float64 // write units of the competitors' health, which writes does not have
}

// run sends scans in a mode and returns the mean cost of an observation and their number.
func (m *market) run(ctx context.Context, s sink, how mode, scans int) (c cost, n int, err error) {
	var total meter.Counts
	for range scans {
		scan, received := m.scan()
		counts, err := send(ctx, s, how.requests(scan), received)
		if err != nil {
			return cost{}, 0, err
		}
		for _, of := range scan {
			n += len(of)
		}
		total.Calls += counts.Calls
		total.ReadUnits += counts.ReadUnits
		total.WriteUnits += counts.WriteUnits
	}
	c = perObservation(total, n)
	if _, ours := s.(*boards); ours {
		// One write of a small item for each competitor, process and minute, however many observations come in it: of a
		// scan as small as these it would be the larger part.
		c.health = float64(scans*len(m.competitors())) / float64(n)
		c.writes -= c.health
	}
	return c, n, nil
}

func perObservation(c meter.Counts, observations int) cost {
	n := float64(observations)
	return cost{writes: c.WriteUnits / n, reads: c.ReadUnits / n, calls: float64(c.Calls) / n}
}

// send records requests one after the other and returns what they consumed.
func send(ctx context.Context, s sink, requests [][]price.Observation, received price.Timestamp) (meter.Counts, error) {
	ctx, counter := meter.With(ctx)
	for _, request := range requests {
		if err := s.record(ctx, request, received); err != nil {
			return meter.Counts{}, err
		}
	}
	return counter.Counts(), nil
}

// stored returns the bytes of a table's items, competitors aside, without the 100 bytes that DynamoDB bills
// for each beside its own.
func (b *bench) stored(ctx context.Context, table string) (bytes int, err error) {
	in := &dynamodb.ScanInput{TableName: &table}
	for {
		out, err := b.client.Scan(ctx, in)
		if err != nil {
			return 0, fmt.Errorf("scan: %w", err)
		}
		for _, it := range out.Items {
			if pk, ok := it[store.AttrPK].(*types.AttributeValueMemberS); ok && pk.Value == store.CompetitorsPartition() {
				continue
			}
			bytes += store.ItemSize(it)
		}
		if len(out.LastEvaluatedKey) == 0 {
			return bytes, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

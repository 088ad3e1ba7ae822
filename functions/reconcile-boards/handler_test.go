package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/boardtest"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

// market is a table with a few products, one of them split, all with a history.
type market struct {
	client *dynamodb.Client
	table  string
	store  *store.Store
}

func newMarket(t testing.TB) market {
	t.Helper()
	client, table := storetest.Table(t)
	return market{client, table, store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})}
}

// record stores observations of so many sellers of a product, one for each minute of [from, to), ten minutes a request.
func (m market) record(t testing.TB, product string, sellers, from, to int) {
	t.Helper()
	var in []price.Submission
	for minute := from; minute < to; minute++ {
		for seller := range sellers {
			in = append(in, price.Submission{Writer: price.Writer{SelfCheck: true}, Observation: price.Observation{
				Key:        price.OfferKey{ProductID: product, CompetitorID: price.SelfCheck, SellerID: fmt.Sprintf("%040d", seller)},
				Terms:      price.Terms{Price: price.Money{Minor: int64(1000 + minute/2 + seller), Currency: "EUR"}},
				Source:     price.Source{ID: "test", Confidence: price.NoConfidence},
				ObservedAt: price.At(cases.Now.Add(time.Duration(minute-10_000) * time.Minute)),
			}})
		}
		if minute%10 < 9 && minute < to-1 {
			continue
		}
		verdicts, err := m.store.Record(t.Context(), in, price.At(cases.Now), false)
		require.NoError(t, err)
		for _, v := range verdicts {
			require.NoError(t, v.Err)
		}
		in = nil
	}
}

// items returns the items of a product whose sort keys begin like this.
func (m market) items(t testing.TB, product, prefix string) (found []map[string]types.AttributeValue) {
	t.Helper()
	all, err := m.store.Items(t.Context(), store.ProductPartition(product))
	require.NoError(t, err)
	for _, it := range all {
		if strings.HasPrefix(it[store.AttrSK].(*types.AttributeValueMemberS).Value, prefix) {
			found = append(found, it)
		}
	}
	return found
}

func (m market) put(t testing.TB, it map[string]types.AttributeValue) {
	t.Helper()
	_, err := m.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &m.table, Item: it})
	require.NoError(t, err)
}

func (m market) remove(t testing.TB, it map[string]types.AttributeValue) {
	t.Helper()
	_, err := m.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &m.table,
		Key: map[string]types.AttributeValue{store.AttrPK: it[store.AttrPK], store.AttrSK: it[store.AttrSK]}})
	require.NoError(t, err)
}

// run reconciles everything once and returns the answer, the metrics, the run's line and the lines of differences.
func run(
	t testing.TB, ctx context.Context, r *reconciler,
) (got tally, samples metertest.Samples, line map[string]any, said []string, err error) {
	t.Helper()
	var log bytes.Buffer
	r.total, r.retention = 8, storetest.Retention
	r.log = slog.New(slog.NewJSONHandler(&log, nil))
	out, err := r.job(metertest.Source, func() time.Time { return cases.Now }).Serve(ctx, nil)
	if err == nil {
		require.NoError(t, json.Unmarshal(out, &got))
	}
	for text := range bytes.Lines(log.Bytes()) {
		line = nil
		require.NoError(t, json.Unmarshal(text, &line))
		if line["msg"] == "difference" {
			said = append(said, fmt.Sprintf("%v %v: %v", line["productId"], line["offer"], line["what"]))
		}
	}
	return got, metertest.Extract(t, log.Bytes()), line, said, err
}

func TestReconcile_Same(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.record(t, "P1", 1, 0, 300)
	m.record(t, "P2", 3, 0, 100)
	m.record(t, "P3", 40, 0, 20)
	require.NoError(t, m.store.SetCatalogue(t.Context(), "P4", board.Catalogue{}, 1))
	require.NotEmpty(t, m.items(t, "P1", "seg#"), "flushed")
	require.NotEmpty(t, m.items(t, "P3", "board#"), "split")
	got, samples, line, said, err := run(t, t.Context(), &reconciler{db: m.store, first: 7})
	require.NoError(t, err)
	assert.Empty(t, said)
	assert.Positive(t, got.Observations)
	got.Observations = 0
	assert.Equal(t, tally{Segments: 8, Products: 4, Offers: 44, Complete: true}, got)
	assert.Equal(t, []any{"INFO", "same", true}, []any{line["level"], line["outcome"], line["complete"]})
	assert.Equal(t, []float64{0}, samples["BoardDifferences Environment=dev"])
	assert.Equal(t, 4, samples.Sum("ReconciledProducts"))
}

func TestReconcile_Damage(t *testing.T) {
	t.Parallel()
	const older = ", which is not below its board's: the board was put back from an earlier time"
	tests := map[string]struct {
		damage func(t *testing.T, m market)
		want   []string // of what is said
	}{
		"a board is put back": {func(t *testing.T, m market) {
			old := m.items(t, "P1", "board")[0]
			m.record(t, "P1", 1, 300, 600)
			m.put(t, old)
		}, []string{"P1 : a segment of shard 1 has version ", older}},
		"the whole board is put back over a split one": {func(t *testing.T, m market) {
			old := m.items(t, "P1", "board")[0]
			m.record(t, "P1", 40, 300, 320)
			for _, it := range m.items(t, "P1", "board") {
				m.remove(t, it)
			}
			m.put(t, old)
		}, []string{older}},
		"the oldest segment is missing": {func(t *testing.T, m market) { m.remove(t, m.items(t, "P1", "seg#")[0]) },
			[]string{"P1 self-check|0000000000000000000000000000000000000000: firstSeenAt is 2026-06-29T10:34:05.112Z on its board, 2026-06-29T"}},
		"all segments are missing": {func(t *testing.T, m market) {
			for _, it := range m.items(t, "P2", "seg#") {
				m.remove(t, it)
			}
		}, []string{"P2 self-check|0000000000000000000000000000000000000000: firstSeenAt is"}},
		"a board has another one's offers": {func(t *testing.T, m market) {
			m.record(t, "P9", 1, 0, 1)
			broken, other := m.items(t, "P1", "board")[0], m.items(t, "P9", "board")[0]
			broken[store.AttrOffers], broken[store.AttrPacked] = other[store.AttrOffers], other[store.AttrPacked]
			m.put(t, broken)
		}, []string{"P1 self-check|0000000000000000000000000000000000000000: current is "}},
		"a board has nothing of an offer": {func(t *testing.T, m market) {
			m.record(t, "P9", 1, 0, 1)
			broken, other := m.items(t, "P2", "board")[0], m.items(t, "P9", "board")[0]
			broken[store.AttrOffers], broken[store.AttrPacked] = other[store.AttrOffers], other[store.AttrPacked]
			m.put(t, broken)
		}, []string{"P2 self-check|0000000000000000000000000000000000000001: its board does not have it, its history does"}},
		"a segment cannot be read": {func(t *testing.T, m market) {
			broken := m.items(t, "P1", "seg#")[0]
			broken[store.AttrPacked] = &types.AttributeValueMemberB{Value: []byte{99}}
			m.put(t, broken)
		}, []string{"P1 : read segments: segment seg#"}},
		"a board cannot be read": {func(t *testing.T, m market) {
			broken := m.items(t, "P1", "board")[0]
			broken[store.AttrPacked] = &types.AttributeValueMemberB{Value: []byte{99}}
			m.put(t, broken)
		}, []string{"P1 : read product: board of P1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMarket(t)
			m.record(t, "P1", 1, 0, 300)
			m.record(t, "P2", 3, 0, 100)
			tt.damage(t, m)
			got, samples, line, said, err := run(t, t.Context(), &reconciler{db: m.store})
			require.NoError(t, err)
			for _, want := range tt.want {
				assert.Contains(t, strings.Join(said, "\n"), want)
			}
			assert.Positive(t, got.Differences)
			assert.Equal(t, got.Differences, samples.Sum("BoardDifferences"))
			assert.Len(t, said, got.Differences)
			assert.Equal(t, []any{"different", true}, []any{line["outcome"], line["complete"]})
		})
	}
}

// TestReconcile_UnfinishedFlush: a writer ended between its segments and its board. The next writer makes the same segments.
func TestReconcile_UnfinishedFlush(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	var before map[string]types.AttributeValue
	for minute, flushed := 0, 0; flushed < 3; minute++ {
		board := m.items(t, "P1", "board")
		m.record(t, "P1", 1, minute, minute+1)
		if n := len(m.items(t, "P1", "seg#")); n > flushed {
			flushed, before = n, board[0]
		}
	}
	m.put(t, before)
	_, _, _, said, err := run(t, t.Context(), &reconciler{db: m.store})
	require.NoError(t, err)
	assert.Empty(t, said)
}

// between is a store in which something happens after the boards of a product were read.
type between struct {
	*store.Store
	happens func()
}

func (b between) Product(ctx context.Context, id string, urls bool) (store.Product, error) {
	p, err := b.Store.Product(ctx, id, urls)
	b.happens()
	return p, err
}

// TestReconcile_WritersBetween: boards and segments are not read at one moment. What was flushed, or split, in between is no difference.
func TestReconcile_WritersBetween(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.record(t, "P1", 1, 0, 300)
	minute := 300
	db := between{m.store, func() {
		m.record(t, "P1", 1, minute, minute+200) // some flushes
		m.record(t, "P1", 40, minute+200, minute+204)
		minute += 204
	}}
	for range 3 {
		_, _, _, said, err := run(t, t.Context(), &reconciler{db: db})
		require.NoError(t, err)
		assert.Empty(t, said)
	}
	require.NotEmpty(t, m.items(t, "P1", "board#"), "split")
}

// stubborn is a store in trouble.
type stubborn struct {
	*store.Store
	sample, product, urls error
	calls                 int
}

func (s *stubborn) RemoveOrphanURLs(ctx context.Context, id string) (int, error) {
	if s.urls != nil {
		return 0, s.urls
	}
	return s.Store.RemoveOrphanURLs(ctx, id)
}

func (s *stubborn) Sample(ctx context.Context, segment, total int32, visit func(string) (bool, error)) error {
	if s.sample != nil {
		return s.sample
	}
	return s.Store.Sample(ctx, segment, total, visit)
}

func (s *stubborn) Product(ctx context.Context, id string, urls bool) (store.Product, error) {
	if s.calls++; s.product != nil {
		return store.Product{}, s.product
	}
	return s.Store.Product(ctx, id, urls)
}

func TestReconcile_Trouble(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.record(t, "P1", 1, 0, 2)
	m.record(t, "P2", 1, 0, 2)
	busy := fault.New(fault.Unavailable, fault.CodeInternal, "Busy.")

	t.Run("a busy product is left out", func(t *testing.T) {
		got, samples, line, said, err := run(t, t.Context(), &reconciler{db: &stubborn{Store: m.store, product: busy}})
		require.NoError(t, err)
		assert.Empty(t, said)
		assert.Equal(t, tally{Segments: 8, Unread: 2, Complete: true}, got)
		assert.Equal(t, []any{"INFO", 2.0}, []any{line["level"], line["unread"]})
		assert.Equal(t, 0, samples.Sum("ReconciledProducts"))
	})
	t.Run("the urls of a busy product are left", func(t *testing.T) {
		got, _, _, said, err := run(t, t.Context(), &reconciler{db: &stubborn{Store: m.store, urls: busy}})
		require.NoError(t, err)
		assert.Empty(t, said)
		assert.Equal(t, []any{0, 2, true}, []any{got.Products, got.Unread, got.Complete})
	})
	t.Run("urls that cannot be read", func(t *testing.T) {
		got, _, _, said, err := run(t, t.Context(), &reconciler{db: &stubborn{Store: m.store, urls: board.ErrFormat}})
		require.NoError(t, err, "the other products are reconciled")
		assert.Len(t, said, 2)
		assert.Equal(t, []any{2, 2, true}, []any{got.Products, got.Differences, got.Complete})
	})
	t.Run("a table that cannot be scanned", func(t *testing.T) {
		_, _, line, _, err := run(t, t.Context(), &reconciler{db: &stubborn{Store: m.store, sample: busy}})
		require.ErrorIs(t, err, busy)
		assert.Equal(t, "ERROR", line["level"])
	})
	t.Run("time is up", func(t *testing.T) {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(spare)) // no time beside what is spared
		defer cancel()
		got, samples, line, _, err := run(t, ctx, &reconciler{db: m.store})
		require.NoError(t, err, "it is reported, not failed")
		assert.Equal(t, tally{}, got)
		assert.Equal(t, []any{"INFO", false}, []any{line["level"], line["complete"]})
		assert.Equal(t, []float64{0}, samples["ReconciledProducts Environment=dev"])
	})
	t.Run("time is up between two products", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		db := between{m.store, cancel}
		got, _, _, _, err := run(t, ctx, &reconciler{db: db})
		require.NoError(t, err)
		assert.False(t, got.Complete)
		assert.LessOrEqual(t, got.Products, 1)
	})
	t.Run("too many lines", func(t *testing.T) {
		n := mostLines + 5
		db := many{m.store, n}
		got, _, _, said, err := run(t, t.Context(), &reconciler{db: db})
		require.NoError(t, err)
		assert.Equal(t, n, got.Differences)
		assert.Len(t, said, mostLines)
	})
	t.Run("enough products", func(t *testing.T) {
		got, _, _, _, err := run(t, t.Context(), &reconciler{db: many{m.store, enough}})
		require.NoError(t, err)
		assert.Equal(t, tally{Segments: 1, Products: enough, Differences: enough, Complete: true}, got)
	})
}

// many is a store whose first segment has many products, none of which can be read.
type many struct {
	*store.Store
	n int
}

func (m many) Sample(_ context.Context, segment, _ int32, visit func(string) (bool, error)) error {
	for range m.n {
		if segment == 0 {
			if _, err := visit("P7"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m many) Product(context.Context, string, bool) (store.Product, error) {
	return store.Product{}, errors.New("of no known form")
}

// TestReconcile_OrphanURLs: urls that no board names are removed and counted, those that one names stay, and those of a writer
// that may be about to name them.
func TestReconcile_OrphanURLs(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	for _, id := range []string{"P1", "P2"} {
		in := price.Submission{Observation: price.Observation{
			Key: price.OfferKey{ProductID: id, CompetitorID: price.SelfCheck}, Terms: price.Terms{Price: price.Money{Minor: 1, Currency: "USD"}},
			Source: price.Source{ID: "s", Confidence: price.NoConfidence}, ObservedAt: price.At(cases.Now), URL: "https://a.example/named",
		}}
		_, err := m.store.Record(t.Context(), []price.Submission{in}, price.At(cases.Now), false)
		require.NoError(t, err)
		urls := m.items(t, id, "board.urls")[0]
		urls["AAECAwQFBgc"] = &types.AttributeValueMemberS{Value: "https://a.example/orphan"}
		if id == "P2" {
			urls[store.AttrVersion] = &types.AttributeValueMemberN{Value: "2"} // its board has 1
		}
		m.put(t, urls)
	}
	got, samples, _, _, err := run(t, t.Context(), &reconciler{db: m.store})
	require.NoError(t, err)
	assert.Equal(t, 1, got.OrphanURLs)
	assert.Equal(t, 1, samples.Sum("OrphanURLsRemoved"))
	for id, want := range map[string]int{"P1": 1, "P2": 2} {
		p, err := m.store.Product(t.Context(), id, true)
		require.NoError(t, err)
		assert.Len(t, p.URLs, want, id)
		assert.Equal(t, "https://a.example/named", p.URL(p.Boards[0].Offers[0]), id)
	}
}

// TestReconcile_Property: whatever clients send, in any order, with offers that leave the retention and come back and products
// that are split, no board differs from its history.
func TestReconcile_Property(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: boardtest.Retention, Width: 4})
	for _, id := range boardtest.Competitors {
		_, err := s.PutCompetitor(t.Context(), price.Competitor{ID: id, Name: id, FreshFor: price.DefaultFreshFor, Active: true})
		require.NoError(t, err)
	}
	boardtest.Checks(t, 60)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		product := fmt.Sprint("P", n)
		n++
		c := boardtest.Draw(rt).Of(product)
		r := reconciler{db: s, retention: boardtest.Retention}
		for _, phase := range c.Phases {
			for _, request := range phase.Requests {
				in := make([]price.Submission, len(request.Observations))
				for i, o := range request.Observations {
					in[i] = price.Submission{Observation: o, Writer: price.Writer{Client: request.Client}}
				}
				_, err := s.Record(context.Background(), in, phase.Now, false)
				require.NoError(rt, err)
			}
			found, err := r.compare(context.Background(), product, price.Clock{Now: phase.Now, Retention: boardtest.Retention})
			if fault.Is(err, fault.NotFound) { // nothing was accepted yet
				continue
			}
			require.NoError(rt, err)
			require.Empty(rt, found)
		}
	})
}

func TestFunction(t *testing.T) {
	m := newMarket(t)
	m.record(t, "P1", 1, 0, 2)
	out, err := function(boot.Function{Settings: cases.Settings, Store: m.store, Metrics: metertest.Source})(t.Context(),
		[]byte(`{"source":"aws.events"}`))
	require.NoError(t, err)
	assert.JSONEq(t, `{"segments": 4096, "products": 1, "offers": 1, "observations": 0, "unread": 0, "differences": 0, "orphanUrls": 0,
		"complete": true}`, string(out))
}

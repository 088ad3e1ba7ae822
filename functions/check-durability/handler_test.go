package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

// run checks once at a moment and returns the answer, the log line and the metrics.
func run(t *testing.T, db observations, at time.Time) (answer string, line map[string]any, samples metertest.Samples, err error) {
	t.Helper()
	var log bytes.Buffer
	now := func() time.Time { defer func() { at = at.Add(7 * time.Millisecond) }(); return at }
	out, err := job(db, metertest.Source, now, slog.New(slog.NewJSONHandler(&log, nil))).Serve(t.Context(), nil)
	require.NoError(t, json.Unmarshal(log.Bytes(), &line), "one line: %s", log.String())
	return string(out), line, metertest.Extract(t, log.Bytes()), err
}

func TestCheck_Confirmed(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	answer, line, samples, err := run(t, s, cases.Now)
	require.NoError(t, err)
	id := observation(price.At(cases.Now)).ID()
	assert.JSONEq(t, `{"productId": "self-check-durability", "sellerId": "minute-14", "observationId": "`+id+`"}`, answer)
	assert.Equal(t, []any{"INFO", "confirmed", id}, []any{line["level"], line["outcome"], line["observationId"]})
	assert.Equal(t, 1, samples.Sum("DurabilityHeartbeat"))
	assert.Equal(t, 7, samples.Sum("DurabilityCheckMs"))
	assert.NotContains(t, samples, "Accepted Environment=dev", "the alarm on a silent ingestion must not hear of it")

	_, line, _, err = run(t, s, cases.Now)
	require.NoError(t, err, "a schedule may call twice")
	assert.Equal(t, "confirmed", line["outcome"])
}

// TestCheck_Small: a check of every minute leaves 60 offers however long it goes on, and competitors and health as they were.
func TestCheck_Small(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})
	for _, hours := range []time.Duration{0, 1, 48, 800} {
		for minute := range time.Duration(60) {
			_, line, _, err := run(t, s, cases.Now.Add(hours*time.Hour+minute*time.Minute))
			require.NoError(t, err)
			require.Equal(t, "confirmed", line["outcome"])
		}
	}
	p, err := s.Product(t.Context(), product, true)
	require.NoError(t, err)
	offers := 0
	for _, b := range p.Boards {
		offers += len(b.Offers)
	}
	assert.Equal(t, 60, offers)
	assert.Empty(t, p.URLs)
	competitors, err := s.Items(t.Context(), store.CompetitorsPartition())
	require.NoError(t, err)
	assert.Empty(t, competitors)
}

// TestObservation: what is stored differs from what the same seller offered before, or it would prove little.
func TestObservation(t *testing.T) {
	t.Parallel()
	o := observation(price.At(cases.Now))
	next := observation(price.At(cases.Now.Add(time.Hour)))
	assert.Equal(t, o.Key, next.Key)
	assert.NotEqual(t, o.Terms, next.Terms)
	sellers := map[string]bool{}
	for minute := range 24 * 60 {
		o := observation(price.At(cases.Now.Add(time.Duration(minute) * time.Minute)))
		assert.Positive(t, o.Terms.Price.Minor)
		_, reserved := price.Submission{Observation: o, Writer: price.Writer{SelfCheck: true}}.ReservedName(product)
		assert.False(t, reserved)
		sellers[o.Key.SellerID] = true
	}
	assert.Len(t, sellers, 60)
}

// damaged is a store that acknowledges and then has something else.
type damaged struct {
	*store.Store
	record func([]store.Verdict, error) ([]store.Verdict, error)
	boards func([]board.Board)
	read   error
}

func (d damaged) Record(ctx context.Context, in []price.Submission, at price.Timestamp, dryRun bool) ([]store.Verdict, error) {
	if d.record == nil {
		return d.Store.Record(ctx, in, at, dryRun)
	}
	return d.record(d.Store.Record(ctx, in, at, dryRun))
}

func (d damaged) Product(ctx context.Context, id string, urls bool) (store.Product, error) {
	if d.read != nil {
		return store.Product{}, d.read
	}
	p, err := d.Store.Product(ctx, id, urls)
	if d.boards != nil {
		d.boards(p.Boards)
	}
	return p, err
}

func TestCheck_Fails(t *testing.T) {
	t.Parallel()
	busy := fault.New(fault.Unavailable, fault.CodeInternal, "Busy.")
	tests := map[string]struct {
		db            damaged
		outcome, want string
	}{
		"nothing of the offer": {
			damaged{boards: func(boards []board.Board) { boards[0].Offers = nil }}, "not-found", "an observation that was acknowledged is not there",
		},
		"an older one of the offer": {damaged{boards: func(boards []board.Board) {
			o := &boards[0].Offers[0]
			o.Tail = nil
			o.Current.ObservedAt--
		}}, "not-found", "an observation that was acknowledged is not there"},
		"the board cannot be read": {damaged{read: busy}, "not-found", "read it back: internal: Busy."},
		"nothing stored": {damaged{record: func([]store.Verdict, error) ([]store.Verdict, error) { return nil, errors.New("denied") }},
			"not-stored", "store an observation: denied"},
		"of unknown outcome": {damaged{record: func([]store.Verdict, error) ([]store.Verdict, error) {
			return []store.Verdict{{Err: busy}}, nil
		}}, "not-stored", "store an observation: internal: Busy."},
		"a conflict": {damaged{record: func([]store.Verdict, error) ([]store.Verdict, error) {
			return []store.Verdict{{Result: board.Result{Outcome: board.Conflict}}}, nil
		}}, "not-stored", "the store says conflict"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.db.Store = storetest.New(t)
			answer, line, samples, err := run(t, tt.db, cases.Now)
			require.ErrorContains(t, err, tt.want)
			assert.Empty(t, answer)
			assert.Equal(t, []any{"ERROR", tt.outcome, err.Error()}, []any{line["level"], line["outcome"], line["error"]})
			assert.NotContains(t, samples, "DurabilityHeartbeat Environment=dev")
			assert.NotContains(t, samples, "DurabilityCheckMs Environment=dev")
		})
	}
}

// TestCheck_Overtaken: another check of the same seller came between writing and reading.
func TestCheck_Overtaken(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	later := func(verdicts []store.Verdict, err error) ([]store.Verdict, error) {
		require.NoError(t, err)
		o := observation(price.At(cases.Now.Add(time.Second)))
		_, err = s.Record(t.Context(), []price.Submission{{Observation: o, Writer: price.Writer{SelfCheck: true}}}, o.ObservedAt, false)
		return verdicts, err
	}
	_, line, _, err := run(t, damaged{Store: s, record: later}, cases.Now)
	require.NoError(t, err)
	assert.Equal(t, "confirmed", line["outcome"])
}

// TestFunction: it is built from its settings, and takes a schedule's event.
func TestFunction(t *testing.T) {
	out, err := function(boot.Function{Settings: cases.Settings, Store: storetest.New(t), Metrics: metertest.Source})(t.Context(),
		[]byte(`{"source":"aws.events"}`))
	require.NoError(t, err)
	assert.Contains(t, string(out), `"productId":"self-check-durability"`)
}

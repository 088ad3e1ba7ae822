package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/jsondoc"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
)

var clock = price.Clock{Now: price.At(time.Date(2026, 7, 6, 9, 14, 5, 0, time.UTC)), Retention: 400 * 24 * time.Hour}

// readItem reads the only item of a batch.
func readItem(t *testing.T, batch string, by price.Writer) api.Item {
	t.Helper()
	document, err := jsondoc.Parse([]byte(batch))
	require.NoError(t, err)
	var r jsondoc.Reader
	root, _ := r.At(document, "").Object("defaults", "observations")
	sent, _ := root.Required("observations").Array()
	require.Len(t, sent, 1)
	return api.ReadItem(sent[0], root.Optional("defaults"), true, by, clock)
}

const (
	defaults = `"defaults":{"competitorId":"bigmart","availability":"InStock","source":{"id":"crawler-a","kind":"crawler"}},`
	good     = `{"itemId":"a","productId":"P","price":{"amount":"1.00","currency":"USD"},"observedAt":"2026-07-06T09:14:03Z"}`
)

func pointers(err error) (all []string) {
	for _, f := range fault.Of(err).Fields {
		all = append(all, f.Pointer)
	}
	return all
}

func TestReadItem(t *testing.T) {
	t.Parallel()
	item := readItem(t, `{`+defaults+`"observations":[`+good+`]}`, price.Writer{Client: "night-run", Sources: []string{"crawler-*"}})
	require.NoError(t, item.Faults)
	assert.Equal(t, "a", item.Submission.ItemID)
	assert.Equal(t, "bigmart", item.Submission.Observation.Key.CompetitorID)
	assert.Equal(t, "P", item.ProductID())

	item.Refuse("/itemId", fault.CodeInvalidField, "Not that one.")
	item.Refuse("/source/id", fault.CodeInvalidField, "Nor that.")
	assert.Equal(t, []string{"/observations/0/itemId", "/defaults/source/id"}, pointers(item.Faults))
	assert.Equal(t, "rejected", item.Outcome())

	item = readItem(t, `{`+defaults+`"observations":[{"productId":"not one"}]}`, price.Writer{})
	assert.Contains(t, pointers(item.Faults), "/observations/0/productId")
	assert.Empty(t, item.ProductID(), "what is none is not sent back")
	results := api.NewResults([]api.Item{item})
	require.NotNil(t, results[0].Problem)
	assert.Nil(t, results[0].ProductID)

	item = readItem(t, `{`+defaults+`"observations":[{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,
		"o":1,"p":1,"q":1,"r":1,"s":1,"t":1,"u":1}]}`, price.Writer{})
	problem := api.NewResults([]api.Item{item})[0].Problem
	require.Len(t, problem.Errors, fault.ItemFields+1)
	assert.Equal(t, "/observations/0", problem.Errors[fault.ItemFields].Pointer, "what is more, is of the item")
}

func TestWriter(t *testing.T) {
	t.Parallel()
	by := func(scopes ...string) price.Writer {
		return api.Writer(&gateway.Request{Caller: gateway.Caller{Client: "night-run", Scopes: scopes, Sources: []string{"feed-*"}}})
	}
	assert.Equal(t, price.Writer{Client: "night-run", Sources: []string{"feed-*"}}, by("ingest", "read"))
	assert.Equal(t, price.Writer{Client: "night-run", Sources: []string{"feed-*"}, SelfCheck: true}, by("ingest", "self-check"))
	assert.Equal(t, price.Writer{Client: "night-run", Sources: []string{"feed-*"}, Own: true}, by("ingest", "catalog"))
}

// recorder is a store that answers as it is told.
type recorder func(in []price.Submission, dryRun bool) ([]store.Verdict, error)

func (r recorder) Record(_ context.Context, in []price.Submission, _ price.Timestamp, dryRun bool) ([]store.Verdict, error) {
	return r(in, dryRun)
}

// TestRecord: the store sees the items without a fault, and each gets the verdict that is its own.
func TestRecord(t *testing.T) {
	t.Parallel()
	items := func() []api.Item {
		all := make([]api.Item, 5)
		for i, id := range []string{"a", "b", "c", "d", "e"} {
			all[i].Submission.ItemID = id
		}
		all[0].Faults = errors.New("x")
		all[2].Faults = errors.New("x")
		return all
	}
	var asked []string
	var dry bool
	answers := recorder(func(in []price.Submission, dryRun bool) (verdicts []store.Verdict, err error) {
		asked = []string{}
		dry = dryRun
		for _, s := range in {
			asked = append(asked, s.ItemID)
			verdicts = append(verdicts, store.Verdict{ProductID: "of " + s.ItemID})
		}
		return verdicts, nil
	})
	for _, dryRun := range []bool{true, false} {
		all := items()
		require.NoError(t, api.Record(t.Context(), answers, all, clock.Now, dryRun))
		assert.Equal(t, []string{"b", "d", "e"}, asked)
		assert.Equal(t, dryRun, dry)
		var got []string
		for _, item := range all {
			got = append(got, item.Verdict.ProductID)
		}
		assert.Equal(t, []string{"", "of b", "", "of d", "of e"}, got)
	}

	asked = nil
	require.NoError(t, api.Record(t.Context(), answers, items()[:1], clock.Now, false))
	assert.Nil(t, asked, "a store is not asked for nothing")
	require.NoError(t, api.Record(t.Context(), answers, items()[1:2], clock.Now, false))
	assert.Equal(t, []string{"b"}, asked)

	cause := errors.New("x")
	all := items()
	failing := recorder(func([]price.Submission, bool) ([]store.Verdict, error) { return nil, cause })
	err := api.Record(t.Context(), failing, all, clock.Now, false)
	require.ErrorIs(t, err, cause)
	for i, want := range []error{nil, cause, nil, cause, cause} {
		assert.Equal(t, want, all[i].Verdict.Err, i)
	}
}

// TestItem_Err: what the store found is told with its place in the request.
func TestItem_Err(t *testing.T) {
	t.Parallel()
	read := func() api.Item { return readItem(t, `{`+defaults+`"observations":[`+good+`]}`, price.Writer{}) }

	conflict := read()
	conflict.Verdict.Result = board.Result{Outcome: board.Conflict, Differs: []string{"/price", "/source/kind"}}
	err := conflict.Err()
	assert.True(t, fault.Is(err, fault.Conflict))
	assert.Equal(t, []fault.Field{
		{Pointer: "/observations/0/price", Code: fault.CodeConflict, Detail: "Differs from what is stored."},
		{Pointer: "/defaults/source/kind", Code: fault.CodeConflict, Detail: "Differs from what is stored."},
	}, fault.Of(err).Fields)

	unknown := read()
	found := fault.Fields([]fault.Field{{Pointer: "/competitorId", Code: fault.CodeUnknownCompetitor, Detail: "x"}})
	unknown.Verdict.Err = found
	assert.Equal(t, []string{"/defaults/competitorId"}, pointers(unknown.Err()))
	assert.Equal(t, []string{"/competitorId"}, pointers(found), "the store's fault stays as it is")

	busy := read()
	busy.Verdict.Err = fault.New(fault.Unavailable, fault.CodeThrottled, "x")
	assert.Same(t, busy.Verdict.Err, busy.Err(), "it is not about fields")

	failed := read()
	failed.Verdict.Err = fault.New(fault.NotFound, fault.CodeInternal, "x")
	assert.True(t, fault.Is(failed.Err(), fault.Internal))
	require.ErrorIs(t, failed.Err(), failed.Verdict.Err, "for the log")

	stored := read()
	require.NoError(t, stored.Err())
	got := api.NewResults([]api.Item{stored})[0]
	assert.Equal(t, stored.ID(), got.ObservationID)
	assert.Len(t, got.ObservationID, 26)
	require.NotNil(t, got.Current)
	assert.False(t, *got.Current)
	assert.Equal(t, "P", *got.ProductID)
	assert.Equal(t, "a", got.ItemID)
	stored.Verdict.ProductID = "found by its gtin"
	assert.Equal(t, "found by its gtin", stored.ProductID())
}

func TestTally(t *testing.T) {
	t.Parallel()
	stored := func(o board.Outcome, lag time.Duration) api.Item {
		seen := clock.Now.Add(-lag)
		observation := board.Observation{ObservedAt: seen, ReceivedAt: clock.Now}
		return api.Item{Verdict: store.Verdict{Result: board.Result{Outcome: o, Stored: observation}}}
	}
	broken := func(code string) error { return fault.Fields([]fault.Field{{Pointer: "/a", Code: code, Detail: "x"}}) }
	busy := fault.New(fault.Unavailable, fault.CodeThrottled, "x")
	damaged := errors.New("x")
	items := []api.Item{
		stored(board.Created, time.Second), stored(board.Changed, time.Minute), stored(board.Unchanged, -time.Second),
		stored(board.Late, time.Hour), stored(board.Duplicate, time.Hour), stored(board.Duplicate, time.Hour), stored(board.Conflict, time.Hour),
		{Faults: broken(fault.CodeAmountRange)}, {Faults: broken(fault.CodeAmountRange)},
		{Verdict: store.Verdict{Err: broken(fault.CodeUnknownGTIN)}}, {Verdict: store.Verdict{Err: busy}},
		{Verdict: store.Verdict{Err: damaged}}, {Verdict: store.Verdict{Err: errors.New("y")}},
	}
	tally := api.Tally(items, true)
	assert.Equal(t, meter.Items{
		DryRun: true,
		Outcomes: map[string]int{"created": 1, "changed": 1, "unchanged": 1, "late": 1, "duplicate": 2, "conflict": 1, "rejected": 3,
			"throttled": 1, "failed": 2},
		Rejected: map[string]int{fault.CodeAmountRange: 2, fault.CodeUnknownGTIN: 1},
		Lags:     []time.Duration{time.Second, time.Minute, -time.Second, time.Hour},
	}, tally)
	assert.Equal(t, api.Counts{Received: 13, Created: 1, Changed: 1, Unchanged: 1, Late: 1, Duplicate: 2, Conflict: 1, Rejected: 3,
		Throttled: 1, Failed: 2}, api.NewCounts(tally))
	assert.False(t, api.Tally(nil, false).DryRun)
	assert.Nil(t, api.Tally(items[:1], false).Rejected)

	assert.Equal(t, damaged, api.Cause(items), "the first that we have to mend something for")
	assert.Same(t, busy, api.Cause(items[:11]), "else the first that has to be repeated")
	require.NoError(t, api.Cause(items[:10]))
}

// TestNewResults_Order: of the broken fields of a batch the first 200 are named, in the order of its items.
func TestNewResults_Order(t *testing.T) {
	t.Parallel()
	fields := func(n int) error {
		all := make([]fault.Field, n)
		for i := range all {
			all[i] = fault.Field{Pointer: "/a", Code: fault.CodeAmountRange, Detail: "x"}
		}
		return fault.Fields(all)
	}
	items := []api.Item{{}}
	for range 9 {
		items = append(items, api.Item{Faults: fields(20)})
	}
	items = append(items, api.Item{Faults: fields(1)}, api.Item{Verdict: store.Verdict{Err: fields(18)}}, api.Item{},
		api.Item{Faults: fields(5)}, api.Item{Faults: fields(1)})
	var named []int
	for _, r := range api.NewResults(items) {
		if r.Problem != nil {
			assert.Equal(t, http.StatusUnprocessableEntity, r.Problem.Status)
			named = append(named, len(r.Problem.Errors))
		}
	}
	assert.Equal(t, []int{20, 20, 20, 20, 20, 20, 20, 20, 20, 1, 18, 2, 1}, named, "180 and 19 leave room for one of 5, and how many more")
	text, err := json.Marshal(api.NewResults(items)[14].Problem)
	require.NoError(t, err)
	assert.JSONEq(t, `{"type":"urn:problem-type:pricing:amount-range","title":"Amount out of range","status":422,
		"errors":[{"pointer":"","code":"amount-range","detail":"and 1 more"}]}`, string(text))
}

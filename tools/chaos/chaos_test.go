package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/faultproxy"
	"pricing/shared/testkit/storetest"
	"pricing/tools/chaos/check"
	"pricing/tools/chaos/history"
	"pricing/tools/chaos/plan"
	"pricing/tools/chaos/trial"
)

// boards is the product's design on an engine of its own.
func boards(t *testing.T) trial.Config {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	table, err := engine.OnlyTable(root)
	require.NoError(t, err)
	e, err := engine.Start(t.Context(), root, "")
	require.NoError(t, err)
	t.Cleanup(e.Stop)
	return trial.Config{Engine: e.Endpoint(), Design: trial.Boards(table)}
}

func try(t *testing.T, c trial.Config, p plan.Plan) trial.Result {
	t.Helper()
	result, err := trial.Run(t.Context(), c, p)
	require.NoError(t, err)
	return result
}

// found are the invariants that do not hold, each once, with the kinds of what was found.
func found(r trial.Result) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Invariant+" "+f.Kind)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func lines(r trial.Result) string {
	var text []string
	for _, f := range r.Findings[:min(len(r.Findings), 5)] {
		text = append(text, f.String())
	}
	return strings.Join(text, "\n")
}

func TestBoardsHold(t *testing.T) {
	t.Parallel()
	c := boards(t)
	faults, segments, shards := 0, 0, 0
	for seed := range uint64(6) {
		r := try(t, c, plan.Draw(seed, plan.Options{Observations: 250}))
		assert.Empty(t, r.Findings, "seed %d\n%s", seed, lines(r))
		assert.Greater(t, r.Tally.Acked, 50, "seed %d", seed)
		segments += r.Segments
		shards += r.Shards
		for _, n := range r.Faults {
			faults += n
		}
	}
	assert.Positive(t, faults, "calls that met a fault")
	assert.Positive(t, segments, "segments")
	assert.Positive(t, shards, "shards")
}

// upkeep is a plan in which orphaned urls are removed and products restored, again and again, beside the writers and without faults.
func upkeep() plan.Plan {
	p := plan.Draw(9, plan.Options{Observations: 400})
	requests, _ := p.Numbers()
	p = p.Only(requests, nil)
	for w, of := range p.Workers {
		var with []plan.Request
		for i, r := range of {
			if r.Restore != "" || r.Orphans != "" {
				continue
			}
			r.KillAt = 0
			r.Deadline = time.Minute
			r.Repeats = 6
			with = append(with, r)
			n := len(requests) + 100*w + i
			switch products := p.Products(); {
			case i%2 == 0:
				with = append(with, plan.Request{N: n, Orphans: products[i%len(products)], Deadline: time.Minute})
			case i%5 == 1:
				with = append(with, plan.Request{N: n, Restore: products[i%len(products)], Deadline: time.Minute})
			}
		}
		p.Workers[w] = with
	}
	return p
}

// TestUpkeep: what operators do beside writers loses nothing. That this is seen is shown by a restoration from an empty copy, one that
// ends without having restored anything, and a removal that takes urls away which boards name.
func TestUpkeep(t *testing.T) {
	t.Parallel()
	root, err := engine.Root()
	require.NoError(t, err)
	restore, err := restorer(root, t.TempDir())
	require.NoError(t, err)
	tests := map[string]struct {
		want    string
		restore func(ctx context.Context, engine, table, from, productID string) error
		open    func(client *dynamodb.Client, table string, p trial.Process) trial.Process
	}{
		"as it should be": {restore: restore},
		"from an empty copy": {want: "I1 lost", restore: func(ctx context.Context, url, table, from, productID string) error {
			declared, err := engine.OnlyTable(root)
			if err != nil {
				return err
			}
			empty := from + "-empty" // of a restoration or of the one at the end: it may stand there
			_ = engine.Create(ctx, storetest.Client(url), declared, empty)
			return restore(ctx, url, table, empty, productID)
		}},
		"not at all": {want: "I2 damaged", restore: func(context.Context, string, string, string, string) error { return nil }},
		"urls that are named are removed": {want: "I2 damaged", restore: restore,
			open: func(client *dynamodb.Client, table string, p trial.Process) trial.Process {
				return careless{p, meddler{client, table}}
			}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := boards(t)
			c.Restore = tt.restore
			if tt.open != nil {
				open := c.Design.Open
				c.Design.Open = func(client *dynamodb.Client, table string) trial.Process {
					return tt.open(client, table, open(client, table))
				}
			}
			r := try(t, c, upkeep())
			if tt.want != "" {
				assert.Contains(t, found(r), tt.want, lines(r))
				return
			}
			assert.Empty(t, r.Findings, lines(r))
			assert.Positive(t, r.Faults["restoration: ok"], "%v", r.Faults)
		})
	}
}

// careless removes all urls of the table.
type careless struct {
	trial.Process
	meddler
}

func (c careless) RemoveOrphanURLs(ctx context.Context, _ string) (removed int, err error) {
	return 0, c.removeURLs(ctx)
}

// TestUsualDesign shows that the checker sees: the design as it is often written loses what was acknowledged and shows old prices, also
// without any fault. A good one, run by the same code, does neither.
func TestUsualDesign(t *testing.T) {
	t.Parallel()
	options := plan.Options{Observations: 250, Plain: true}
	naive := trial.Config{Engine: storetest.Endpoint(t), Design: trial.Usual(true)}
	good := trial.Config{Engine: storetest.Endpoint(t), Design: trial.Usual(false)}
	lost, wrong := 0, 0
	for seed := range uint64(6) {
		p := plan.Draw(seed, options)
		for n := range 5 {
			p.Faults = append(p.Faults, plan.Fault{N: len(p.Faults), Operation: "BatchWriteItem", Nth: 3 * n,
				Action: faultproxy.Action{Kind: faultproxy.Leave, Keep: 0.5}})
		}
		r := try(t, naive, p)
		for _, f := range r.Findings {
			switch f.Invariant + " " + f.Kind {
			case "I1 " + check.Lost:
				lost++
			case "I2 " + check.Wrong:
				wrong++
			}
		}
		r = try(t, good, p)
		assert.Empty(t, r.Findings, "a good one, seed %d\n%s", seed, lines(r))
		assert.Positive(t, r.Tally.Acked)
	}
	assert.Positive(t, lost, "lost")
	assert.Positive(t, wrong, "wrong offers")
	requests, _ := plan.Draw(1, options).Numbers()
	r := try(t, naive, plan.Draw(1, options).Only(requests, nil))
	assert.Contains(t, found(r), "I2 wrong", "without any fault")
}

// meddler changes a table before it is read.
type meddler struct {
	*dynamodb.Client
	table string
}

// first returns the first item that decodes to something that is wanted.
func (m meddler) first(ctx context.Context, wanted func(any) bool) (check.Item, error) {
	pages := dynamodb.NewScanPaginator(m, &dynamodb.ScanInput{TableName: &m.table})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, it := range page.Items {
			decoded, err := store.Decode(it)
			if err != nil {
				return nil, err
			}
			if wanted(decoded) {
				return it, nil
			}
		}
	}
	return nil, os.ErrNotExist
}

func (m meddler) put(ctx context.Context, it check.Item) error {
	_, err := m.PutItem(ctx, &dynamodb.PutItemInput{TableName: &m.table, Item: it})
	return err
}

func (m meddler) remove(ctx context.Context, it check.Item) error {
	_, err := m.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &m.table,
		Key: check.Item{store.AttrPK: it[store.AttrPK], store.AttrSK: it[store.AttrSK]}})
	return err
}

// removeURLs removes the urls of all products.
func (m meddler) removeURLs(ctx context.Context) error {
	for {
		it, err := m.first(ctx, isURLs)
		if err == os.ErrNotExist { //nolint:errorlint // as first gives it
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.remove(ctx, it); err != nil {
			return err
		}
	}
}

func isSegment(decoded any) bool { _, ok := decoded.(store.SegmentItem); return ok }
func isURLs(decoded any) bool    { _, ok := decoded.(store.URLsItem); return ok }
func isEntry(decoded any) bool   { _, ok := decoded.(store.CatalogueItem); return ok }

// isBoard is a board that has been written often and holds offers.
func isBoard(decoded any) bool {
	b, ok := decoded.(store.BoardItem)
	return ok && b.Board != nil && b.Board.Version > 1 && len(b.Board.Offers) > 0
}

// isRepeating is such a board that has an offer whose run began in a segment and still goes on. Another price of its newest
// observation breaks that run. If the run stood in the tail it would be altered as a whole, since repetitions there have no price of
// their own.
func isRepeating(decoded any) bool {
	return isBoard(decoded) && slices.ContainsFunc(decoded.(store.BoardItem).Board.Offers, func(o board.Offer) bool {
		return o.RunStart < o.Current.ObservedAt &&
			!slices.ContainsFunc(o.Tail, func(e board.Observation) bool { return e.ObservedAt == o.RunStart })
	})
}

func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

// TestPlantedViolations does one thing to the table, or to the answers, of a run without faults, and wants it found.
func TestPlantedViolations(t *testing.T) {
	t.Parallel()
	whole := plan.Draw(9, plan.Options{Observations: 400})
	requests, _ := whole.Numbers()
	p := whole.Only(requests, nil)
	for _, workers := range p.Workers {
		for i := range workers {
			workers[i].KillAt = 0
		}
	}
	p.Workers[0] = append(p.Workers[0], plan.Request{N: len(requests), Deadline: time.Minute, Product: &plan.Product{ID: "P-0", Title: "t"}})
	stranger := price.Observation{Key: price.OfferKey{ProductID: "P-0", CompetitorID: "bigmart"}, Source: price.Source{ID: "stranger"},
		Terms: price.Terms{Price: price.Money{Minor: 1, Currency: "USD"}}, ObservedAt: plan.Start}
	// A product that no other worker writes: what is told of it leaves no doubt, however slow the others are.
	alone := price.Observation{Key: price.OfferKey{ProductID: "P-alone", CompetitorID: "bigmart"}, Source: price.Source{ID: "alone"},
		Terms: stranger.Terms, ObservedAt: plan.Start}
	p.Workers[0] = append(p.Workers[0], plan.Request{N: len(requests) + 1, Client: "c", Deadline: time.Minute,
		Observations: []price.Observation{alone}})
	plants := map[string]struct {
		want   string
		meddle func(ctx context.Context, m meddler) error
		spoil  spoil
	}{
		"nothing": {},
		"a segment is deleted": {want: "I1 lost", meddle: func(ctx context.Context, m meddler) error {
			it, err := m.first(ctx, isSegment)
			if err != nil {
				return err
			}
			return m.remove(ctx, it)
		}},
		"a board is deleted": {want: "I1 lost", meddle: func(ctx context.Context, m meddler) error {
			it, err := m.first(ctx, isBoard)
			if err != nil {
				return err
			}
			return m.remove(ctx, it)
		}},
		"a price on a board is altered": {want: "I2 wrong", meddle: func(ctx context.Context, m meddler) error {
			it, err := m.first(ctx, isRepeating)
			if err != nil {
				return err
			}
			for _, text := range it[store.AttrOffers].(*types.AttributeValueMemberM).Value {
				s := text.(*types.AttributeValueMemberS)
				s.Value = "0.01 USD" + s.Value[strings.Index(s.Value, "|"):]
			}
			return m.put(ctx, it)
		}},
		"a byte of a board is altered": {want: "I2 damaged", meddle: func(ctx context.Context, m meddler) error {
			it, err := m.first(ctx, isBoard)
			if err != nil {
				return err
			}
			it[store.AttrPacked].(*types.AttributeValueMemberB).Value[0] ^= 0x55 // its format
			return m.put(ctx, it)
		}},
		"the urls are deleted": {want: "I2 damaged", meddle: func(ctx context.Context, m meddler) error { return m.removeURLs(ctx) }},
		"urls are altered": {want: "I2 wrong", meddle: func(ctx context.Context, m meddler) error {
			it, err := m.first(ctx, isURLs)
			if err != nil {
				return err
			}
			for name, url := range it {
				if s, ok := url.(*types.AttributeValueMemberS); ok && name != store.AttrPK && name != store.AttrSK {
					s.Value += "x"
				}
			}
			return m.put(ctx, it)
		}},
		"somebody else writes": {want: "I4 phantom", meddle: func(ctx context.Context, m meddler) error {
			s := store.New(m.Client, store.Options{Table: m.table, Retention: storetest.Retention})
			_, err := s.Record(ctx, []price.Submission{{Observation: stranger}}, plan.Start, false)
			return err
		}},
		"a segment is written again with other bytes": {want: "V version", meddle: func(ctx context.Context, m meddler) error {
			it, err := m.first(ctx, isSegment)
			if err != nil {
				return err
			}
			it[store.AttrExpires] = number("1")
			return m.put(ctx, it)
		}},
		"a board goes back to a lower version": {want: "V version", meddle: func(ctx context.Context, m meddler) error {
			it, err := m.first(ctx, isBoard)
			if err != nil {
				return err
			}
			it[store.AttrVersion] = number("1")
			return m.put(ctx, it)
		}},
		"an entry of the catalogue goes back": {want: "I1 lost", meddle: func(ctx context.Context, m meddler) error {
			it, err := m.first(ctx, isEntry)
			if err != nil {
				return err
			}
			return m.remove(ctx, it)
		}},
		"a replay stores something": {want: "I3 replay", spoil: func(client string, sent []price.Observation, got []trial.Answer) (
			[]price.Observation, []trial.Answer,
		) {
			if client == "replay" {
				sent = append(slices.Clone(sent[1:]), stranger)
			}
			return sent, got
		}},
		"an answer is missing": {want: "I5 answer", spoil: func(_ string, sent []price.Observation, got []trial.Answer) (
			[]price.Observation, []trial.Answer,
		) {
			return sent, got[:max(len(got)-1, 0)]
		}},
		"answers are in another order": {want: "I5 answer", spoil: func(_ string, sent []price.Observation, got []trial.Answer) (
			[]price.Observation, []trial.Answer,
		) {
			slices.Reverse(got)
			return sent, got
		}},
		"a duplicate is new": {want: "I5 doubled", spoil: func(_ string, sent []price.Observation, got []trial.Answer) (
			[]price.Observation, []trial.Answer,
		) {
			for i := range got {
				if got[i].Outcome == "duplicate" {
					got[i].Outcome = "late"
				}
			}
			return sent, got
		}},
		"what is new is called a duplicate": {want: "I5 answer", spoil: func(_ string, sent []price.Observation, got []trial.Answer) (
			[]price.Observation, []trial.Answer,
		) {
			for i := range got {
				if got[i].Outcome == "created" || got[i].Outcome == "changed" {
					got[i].Outcome = "duplicate"
				}
			}
			return sent, got
		}},
		"what was refused is acknowledged": {want: "I1 lost", spoil: func(_ string, sent []price.Observation, got []trial.Answer) (
			[]price.Observation, []trial.Answer,
		) {
			for i := range got {
				if got[i].Outcome == "conflict" {
					got[i].Outcome = "duplicate"
				}
			}
			return sent, got
		}},
	}
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := boards(t)
			if plant.meddle != nil {
				c.Meddle = func(ctx context.Context, client *dynamodb.Client, table string) error {
					return plant.meddle(ctx, meddler{client, table})
				}
			}
			if plant.spoil != nil {
				open := c.Design.Open
				c.Design.Open = func(client *dynamodb.Client, table string) trial.Process {
					return spoiled{open(client, table), plant.spoil}
				}
			}
			r := try(t, c, p)
			if plant.want == "" {
				assert.Empty(t, r.Findings, lines(r))
				return
			}
			assert.Contains(t, found(r), plant.want, lines(r))
		})
	}
}

// spoil changes what a process is sent, or what it answers (nil before it has).
type spoil func(client string, sent []price.Observation, got []trial.Answer) ([]price.Observation, []trial.Answer)

type spoiled struct {
	trial.Process
	spoil spoil
}

func (s spoiled) Record(
	ctx context.Context, client string, observations []price.Observation, received price.Timestamp,
) ([]trial.Answer, error) {
	sent, _ := s.spoil(client, observations, nil)
	answers, err := s.Process.Record(ctx, client, sent, received)
	_, answers = s.spoil(client, observations, answers)
	return answers, err
}

func TestCommand(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history.ndjson")
	var out strings.Builder
	failed, err := run(t.Context(), []string{"-seed", "3", "-seeds", "2", "-observations", "60", "-history", file, "-json"}, &out)
	require.NoError(t, err)
	assert.False(t, failed, out.String())
	var r report
	require.NoError(t, json.Unmarshal([]byte(out.String()), &r))
	assert.Equal(t, 2, r.Seeds)
	assert.Equal(t, uint64(3), r.First)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	invoked, answered := 0, 0
	for line := range strings.Lines(string(text)) {
		var e struct {
			ID   string
			Type history.Type
		}
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		switch {
		case e.ID == "":
		case e.Type == history.Invoke:
			invoked++
		default:
			answered++
		}
	}
	assert.Equal(t, r.Sent, invoked)
	assert.Equal(t, invoked, answered)
}

func TestLeast(t *testing.T) {
	t.Parallel()
	needs := func(wanted ...int) func([]int) bool {
		return func(some []int) bool {
			return !slices.ContainsFunc(wanted, func(n int) bool { return !slices.Contains(some, n) })
		}
	}
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, wanted := range [][]int{{}, {0}, {10}, {3, 4}, {0, 5, 10}, all} {
		assert.Equal(t, append([]int{}, wanted...), append([]int{}, least(t.Context(), slices.Clone(all), needs(wanted...))...))
	}
}

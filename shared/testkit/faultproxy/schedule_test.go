package faultproxy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/testkit/faultproxy"
)

// call is one on an item of table t.
func call(operation, pk, kind string) faultproxy.Call {
	return faultproxy.Call{Operation: operation, Item: kind, Keys: []faultproxy.Key{{Table: "t", PK: pk, SK: kind}}}
}

func TestSchedule_Rules(t *testing.T) {
	t.Parallel()
	update, put := call("UpdateItem", "a", "board"), call("PutItem", "a", "seg")
	get, strong := call("GetItem", "a", "board"), call("GetItem", "a", "board")
	strong.Consistent = true
	tests := map[string]struct {
		rules string
		calls []faultproxy.Call
		want  []faultproxy.Kind
	}{
		"none": {``, []faultproxy.Call{update}, []faultproxy.Kind{"pass"}},
		"an operation": {`rules: [{op: UpdateItem, do: drop}]`, []faultproxy.Call{put, update, update},
			[]faultproxy.Kind{"pass", "drop", "drop"}},
		"a kind of item":      {`rules: [{item: seg, do: drop}]`, []faultproxy.Call{put, update}, []faultproxy.Kind{"drop", "pass"}},
		"a table":             {`rules: [{table: t, do: fail}]`, []faultproxy.Call{put}, []faultproxy.Kind{"fail"}},
		"another table":       {`rules: [{table: u, do: fail}]`, []faultproxy.Call{put}, []faultproxy.Kind{"pass"}},
		"the first that fits": {`rules: [{item: seg, do: drop}, {do: fail}]`, []faultproxy.Call{put, update}, []faultproxy.Kind{"drop", "fail"}},
		"the second of its kind": {`rules: [{op: UpdateItem, nth: 2, do: drop}]`, []faultproxy.Call{update, put, update, update},
			[]faultproxy.Kind{"pass", "pass", "drop", "pass"}},
		"only where it makes sense": {`{"rules": [{"do": "conflict"}, {"do": "stale"}]}`, []faultproxy.Call{update, get, strong},
			[]faultproxy.Kind{"conflict", "stale", "pass"}},
		"not for tables themselves": {`rules: [{do: drop}]`, []faultproxy.Call{call("CreateTable", "", "")}, []faultproxy.Kind{"pass"}},
		"always and never": {`rules: [{op: PutItem, probability: 1, do: drop}, {probability: 1e-300, do: fail}]`,
			[]faultproxy.Call{put, update}, []faultproxy.Kind{"drop", "pass"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, err := faultproxy.ReadRules([]byte(tt.rules))
			require.NoError(t, err)
			var log []faultproxy.Kind
			s := faultproxy.Schedule{Rules: rules, Log: func(d faultproxy.Decision) { log = append(log, d.Do) }}
			var got []faultproxy.Kind
			for _, c := range tt.calls {
				got = append(got, s.Decide(c).Kind)
			}
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.want, log)
		})
	}
	t.Run("what an action needs comes with it, and the log has it all", func(t *testing.T) {
		t.Parallel()
		rules, err := faultproxy.ReadRules([]byte(
			"rules:\n- {op: PutItem, do: late-apply, wait: 300ms}\n- {op: BatchGetItem, do: leave, keep: 0.5}"))
		require.NoError(t, err)
		var log []string
		s := faultproxy.Schedule{Rules: rules, Log: func(d faultproxy.Decision) {
			line, err := json.Marshal(d)
			require.NoError(t, err)
			log = append(log, string(line))
		}}
		assert.Equal(t, faultproxy.Action{Kind: "late-apply", Wait: 300 * time.Millisecond}, s.Decide(put))
		assert.Equal(t, faultproxy.Action{Kind: "leave", Keep: 0.5}, s.Decide(call("BatchGetItem", "a", "")))
		assert.JSONEq(t, `{"n":1,"operation":"PutItem","keys":[{"Table":"t","PK":"a","SK":"seg"}],"rule":1,"do":"late-apply"}`, log[0])
		assert.False(t, s.Remembers())
		s.Rules[0].Do = faultproxy.Stale
		assert.True(t, s.Remembers())
	})
}

func TestReadRules_Refused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`rules: [{do: explode}]`:                          `rule 1: do: "explode" is none of ["cancel" `,
		`rules: [{op: CreateTable, do: drop}]`:            `rule 1: op: "CreateTable" is no operation that reads or writes items`,
		`rules: [{do: drop}, {op: PutItem, do: leave}]`:   `rule 2: do: "leave" does not fit PutItem`,
		`rules: [{nth: 1, probability: 0.5, do: drop}]`:   "rule 1: give nth or probability, not both",
		`rules: [{nth: -1, do: drop}]`:                    "rule 1: nth: -1 is not at least 1",
		`rules: [{probability: 1.5, do: drop}]`:           "rule 1: probability: 1.5 is not between 0 and 1",
		`rules: [{probability: .nan, do: drop}]`:          "rule 1: probability: NaN is not between 0 and 1",
		`rules: [{do: drop, wait: 1s}]`:                   "rule 1: wait: 1s; delay and late-apply wait",
		`rules: [{do: delay, wait: -1s}]`:                 "rule 1: wait: -1s; delay and late-apply wait",
		`rules: [{do: drop, keep: 0.5}]`:                  "rule 1: keep: 0.5; leave keeps a share",
		`rules: [{op: BatchGetItem, do: leave, keep: 2}]`: "rule 1: keep: 2; leave keeps a share",
		`rules: [{do: drop, chance: 1}]`:                  "field chance not found",
		`rules: 1`:                                        "read the rules: ",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := faultproxy.ReadRules([]byte(text))
			require.ErrorContains(t, err, want)
		})
	}
}

// seeded are rules of which the second has a probability.
func seeded(seed uint64, rules ...faultproxy.Rule) *faultproxy.Schedule {
	return &faultproxy.Schedule{Seed: seed, Rules: rules, Identity: faultproxy.Call.Target}
}

// Calls in any order meet the same faults: of each call that comes several times, its first, second and so on.
func TestSchedule_OrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		names := rapid.SliceOfN(rapid.StringMatching("[a-d]"), 1, 40).Draw(t, "calls")
		drop := faultproxy.Rule{Probability: rapid.Float64Range(0.1, 0.9).Draw(t, "p"), Do: faultproxy.Drop}
		fail := faultproxy.Rule{Probability: 0.5, Do: faultproxy.Fail}
		run := func(names []string, rules ...faultproxy.Rule) map[string][]faultproxy.Kind {
			s := seeded(seed, rules...)
			got := map[string][]faultproxy.Kind{}
			for _, pk := range names {
				got[pk] = append(got[pk], s.Decide(call("PutItem", pk, "board")).Kind)
			}
			return got
		}
		want := run(names, drop, fail)
		shuffled := rapid.Permutation(names).Draw(t, "shuffled")
		assert.Equal(t, want, run(shuffled, drop, fail))
		for pk, kinds := range run(shuffled, drop) { // without a rule, what the others do stays
			for i, k := range kinds {
				assert.Equal(t, want[pk][i] == faultproxy.Drop, k == faultproxy.Drop)
			}
		}
	})
}

// A probability is one: over many calls and over many attempts of one call; and every seed has faults of its own.
func TestSchedule_Probability(t *testing.T) {
	t.Parallel()
	const n, p = 10_000, 0.2
	count := func(seed uint64, pk func(i int) string) (hits map[int]bool) {
		hits = map[int]bool{}
		s := seeded(seed, faultproxy.Rule{Probability: p, Do: faultproxy.Drop})
		for i := range n {
			if s.Decide(call("PutItem", pk(i), "board")).Kind == faultproxy.Drop {
				hits[i] = true
			}
		}
		assert.InDelta(t, n*p, len(hits), 5*math.Sqrt(n*p*(1-p)))
		return hits
	}
	one := count(1, func(int) string { return "a" })
	assert.NotEqual(t, one, count(2, func(int) string { return "a" }))
	assert.NotEqual(t, one, count(1, func(i int) string { return fmt.Sprint(i) }))
}

// Through a proxy and without an identity of its own, a call is known by its content, in whatever order its members are.
func TestSchedule_ByContent(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) map[string]string {
		var mu sync.Mutex
		got := map[string]string{}
		s := &faultproxy.Schedule{Seed: seed, Rules: []faultproxy.Rule{{Op: "PutItem", Probability: 0.5, Do: faultproxy.Deny}}}
		b := newBench(t, func(c faultproxy.Call) faultproxy.Action {
			a := s.Decide(c)
			got[c.Keys[0].PK] += string(a.Kind) + " "
			return a
		})
		b.table = "ByContent" // the same in each run, so that the contents are
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				mu.Lock()
				table := b.table
				mu.Unlock()
				_, _ = b.proxied.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item(fmt.Sprint(i%20), 1)}) // refused or not
			})
		}
		wg.Wait()
		return got
	}
	first := run(1)
	assert.Equal(t, first, run(1))
	assert.NotEqual(t, first, run(2))
	assert.Subset(t, []string{"deny deny ", "deny pass ", "pass deny ", "pass pass "}, slices.Collect(maps.Values(first)))
}

// What is read is valid, and what is written of it reads the same.
func FuzzReadRules(f *testing.F) {
	f.Add(`rules: [{op: UpdateItem, item: board, probability: 0.05, do: late-apply, wait: 300ms}]`)
	f.Add(`{"rules": [{"op": "BatchGetItem", "nth": 3, "do": "leave", "keep": 0.5}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := faultproxy.ReadRules([]byte(text))
		if err != nil {
			return
		}
		for _, r := range rules {
			require.NoError(t, r.Check())
		}
		same, err := faultproxy.ReadRules(faultproxy.WriteRules(rules))
		require.NoError(t, err)
		assert.ElementsMatch(t, rules, same)
	})
}

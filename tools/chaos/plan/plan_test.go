package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/price"
	"pricing/shared/testkit/faultproxy"
	"pricing/tools/chaos/plan"
)

func draw(seed uint64) plan.Plan { return plan.Draw(seed, plan.Options{Observations: 300}) }

func TestSeedRepeatsItsPlan(t *testing.T) {
	t.Parallel()
	first, second := draw(1), draw(1)
	assert.Equal(t, first, second)
	assert.NotEqual(t, draw(1), draw(2))
}

// requests are a plan's, in the order of their numbers.
func requests(p plan.Plan) []plan.Request {
	var all []plan.Request
	for _, of := range p.Workers {
		all = append(all, of...)
	}
	slices.SortFunc(all, func(a, b plan.Request) int { return a.N - b.N })
	return all
}

// TestEverythingHappens proves that no run of seeds is idle: each thing that a plan may hold is in some of a hundred.
func TestEverythingHappens(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(100) {
		p := draw(seed)
		sent := map[string]price.Observation{}
		newest := map[price.OfferKey]price.Timestamp{}
		urls := map[price.OfferKey]string{}
		for _, r := range requests(p) {
			for what, is := range map[string]bool{"single": len(r.Observations) == 1, "batch": len(r.Observations) > 1,
				"product": r.Product != nil, "competitor": r.Competitor != nil, "killed": r.KillAt > 0, "new process": r.Fresh,
				"orphans": r.Orphans != "", "restoration": r.Restore != "", "killed restoration": r.Restore != "" && r.Deadline < time.Second,
				"given up": r.Repeats == 0, "closed": r.Competitor != nil && !r.Competitor.Active} {
				if is {
					seen[what]++
				}
			}
			for _, o := range r.Observations {
				before, known := sent[o.ID()]
				at, offered := newest[o.Key]
				for what, is := range map[string]bool{"duplicate": known && before == o, "conflict": known && before.Terms != o.Terms,
					"late": offered && o.ObservedAt < at, "another url": offered && urls[o.Key] != o.URL, "no url": o.URL == "",
					"long seller": len(o.Key.SellerID) > 100, "sold out": o.Terms.Availability == price.AvailabilitySoldOut} {
					if is {
						seen[what]++
					}
				}
				sent[o.ID()] = o
				newest[o.Key] = max(at, o.ObservedAt)
				urls[o.Key] = o.URL
			}
		}
		for _, f := range p.Faults {
			seen[f.Operation]++
			seen[string(f.Action.Kind)]++
		}
	}
	for _, what := range []string{"orphans", "restoration", "killed restoration", "single", "batch", "product", "competitor",
		"killed", "new process", "given up", "closed", "duplicate",
		"conflict", "late", "another url", "no url", "long seller", "sold out", "UpdateItem", "BatchGetItem", "PutItem", "Query", "GetItem",
		"TransactWriteItems", "BatchWriteItem", string(faultproxy.Drop), string(faultproxy.Throttle), string(faultproxy.Throttling),
		string(faultproxy.RequestLimit), string(faultproxy.Fail), string(faultproxy.Unavailable), string(faultproxy.DropAnswer),
		string(faultproxy.CloseAnswer), string(faultproxy.Stall), string(faultproxy.Truncate), string(faultproxy.LateApply),
		string(faultproxy.Conflict), string(faultproxy.Collide), string(faultproxy.Stale), string(faultproxy.Missing),
		string(faultproxy.Leave), string(faultproxy.Delay), string(faultproxy.WrongChecksum)} {
		assert.Positive(t, seen[what], what)
	}
}

// TestLargePlansAreVaried proves that a large plan is no small one whose observations are sent again and again.
func TestLargePlansAreVaried(t *testing.T) {
	t.Parallel()
	share := func(seeds uint64, observations int) (fresh float64, products int) {
		ids, sent := 0, 0
		for seed := range seeds {
			p := plan.Draw(seed, plan.Options{Observations: observations})
			each := map[string]bool{}
			for _, r := range requests(p) {
				for _, o := range r.Observations {
					each[o.ID()] = true
				}
				sent += len(r.Observations)
			}
			ids += len(each)
			products += len(p.Products())
		}
		return float64(ids) / float64(sent), products
	}
	small, products := share(100, 600)
	large, productsOfLarge := share(3, 20_000)
	assert.Greater(t, large, 0.9*small, "the share of ids that are new")
	assert.Greater(t, productsOfLarge, products/2, "of as many observations")
}

func TestPropertyPlansAreSound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		options := plan.Options{Observations: rapid.IntRange(1, 400).Draw(t, "observations"), Plain: rapid.Bool().Draw(t, "plain")}
		p := plan.Draw(rapid.Uint64().Draw(t, "seed"), options)
		total := 0
		contents := map[string]price.Observation{}
		for n, r := range requests(p) {
			require.Equal(t, n, r.N)
			require.Positive(t, r.Deadline)
			total += len(r.Observations)
			for _, o := range r.Observations {
				require.Less(t, o.ObservedAt, plan.Start+1)
				if before, ok := contents[o.ID()]; ok && options.Plain {
					require.Equal(t, before, o, "a plain plan has one content for an id")
				}
				contents[o.ID()] = o
			}
			require.False(t, options.Plain && (r.Product != nil || r.Competitor != nil || r.Orphans != "" || r.Restore != ""))
		}
		require.GreaterOrEqual(t, total, options.Observations)
		for n, f := range p.Faults {
			require.Equal(t, n, f.N)
			require.True(t, f.Action.Kind.Fits(f.Operation), "%s of %s", f.Action.Kind, f.Operation)
		}
	})
}

func TestPropertyOnlyKeepsWhatIsNamed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := draw(rapid.Uint64().Draw(t, "seed"))
		some := func(all []int, what string) []int {
			kept := []int{}
			for _, n := range all {
				if rapid.Bool().Draw(t, what) {
					kept = append(kept, n)
				}
			}
			return kept
		}
		allRequests, allFaults := p.Numbers()
		wantRequests, wantFaults := some(allRequests, "request"), some(allFaults, "fault")
		gotRequests, gotFaults := p.Only(wantRequests, wantFaults).Numbers()
		require.Equal(t, wantRequests, append([]int{}, gotRequests...))
		require.Equal(t, wantFaults, append([]int{}, gotFaults...))
		require.Equal(t, p, p.Only(allRequests, allFaults))
	})
}

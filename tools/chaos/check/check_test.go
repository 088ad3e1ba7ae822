package check_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/price"
	"pricing/tools/chaos/check"
	"pricing/tools/chaos/history"
)

// TestRun_ADuplicateOfNothing: a writer may find its own write and call it a duplicate only if so many versions came meanwhile that the
// board has forgotten its mark, which it keeps for eight.
func TestRun_ADuplicateOfNothing(t *testing.T) {
	t.Parallel()
	event := func(source string, worker int, kind history.Type, verdict string) history.Event {
		o := price.Observation{Key: price.OfferKey{ProductID: "P", CompetitorID: "bigmart"}, Source: price.Source{ID: source}}
		return history.Event{Worker: worker, ID: o.ID(), Content: history.Content(o), Type: kind, Verdict: verdict,
			Sent: history.Sent{Observation: &o}}
	}
	found := func(splits, before, beside int) bool {
		h := history.New(nil)
		others := func(kind history.Type, verdict string, from, n int) {
			for i := range n {
				h.Add(event("other", from+i, kind, verdict))
			}
		}
		others(history.Invoke, "", 1, before)
		others(history.OK, "late", 1, before)
		h.Add(event("mine", 0, history.Invoke, ""))
		others(history.Invoke, "", 100, beside)
		others(history.OK, "late", 100, beside)
		h.Add(event("mine", 0, history.OK, "duplicate"))
		events, err := h.Events()
		require.NoError(t, err)
		findings, _ := check.Run(events, check.Stored{Folded: true, Splits: map[string]int{"P": splits}})
		for _, f := range findings {
			if strings.Contains(f.Text, "a duplicate, though no attempt may have stored it first") {
				return true
			}
		}
		return false
	}
	assert.True(t, found(0, 0, 0))
	assert.True(t, found(0, 0, 7))
	assert.True(t, found(0, 20, 7), "who was there before has written before")
	assert.False(t, found(0, 0, 8))
	assert.True(t, found(2, 0, 5))
	assert.False(t, found(2, 0, 6), "a split makes a version too")
}

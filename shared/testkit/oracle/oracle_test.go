package oracle_test

import (
	"slices"
	"testing"
	"time"

	"pricing/shared/testkit/oracle"
)

var start = time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)

// seen is an observation of one offer, hours after start.
func seen(hours int, source, confidence string, minor int64) oracle.Observation {
	o := oracle.Observation{Key: oracle.Key{Product: "ZU-1042", Competitor: "bigmart", Condition: "New", Audience: "public"},
		Terms: oracle.Terms{Price: &oracle.Money{Minor: minor, Currency: "USD"}, Availability: "InStock", PriceType: "regular"},
		At:    start.Add(time.Duration(hours) * time.Hour), Source: source, Confidence: confidence}
	o.ID = oracle.Identity(o)
	return o
}

func words(results []oracle.Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = r.Outcome
	}
	return out
}

// TestMarket has results worked out by hand. Fold and Identity have more cases in tools/oracle.
func TestMarket(t *testing.T) {
	m := oracle.Market{Retention: 100 * time.Hour}
	steps := []struct {
		hours int // since start
		in    []oracle.Observation
		want  []string
	}{
		{3, []oracle.Observation{seen(2, "a", "", 6), seen(0, "a", "", 5), seen(1, "a", "", 5), seen(0, "a", "", 5), seen(0, "a", "", 7)},
			[]string{"changed", "created", "unchanged", "duplicate", "conflict"}},
		{4, []oracle.Observation{seen(2, "b", "0.1", 6), seen(2, "c", "", 6)}, []string{"unchanged", "late"}},
		{101, []oracle.Observation{seen(0, "a", "", 5), seen(1, "a", "", 5)}, []string{"rejected", "duplicate"}},
		{103, []oracle.Observation{seen(3, "a", "", 9), seen(50, "a", "", 9)}, []string{"created", "unchanged"}},
	}
	for _, step := range steps {
		if got := words(m.Record(start.Add(time.Duration(step.hours)*time.Hour), step.in)); !slices.Equal(step.want, got) {
			t.Errorf("at %d h: want %v, got %v", step.hours, step.want, got)
		}
	}
	now := start.Add(103 * time.Hour)
	offers := m.Offers(now)
	if len(offers) != 1 || !offers[0].FirstSeen.Equal(start.Add(3*time.Hour)) || offers[0].PreviousPrice != nil {
		t.Errorf("an offer that was gone starts afresh, got %+v", offers)
	}
	if rows := m.History(now); len(rows) != 2 {
		t.Errorf("want the two rows within the retention, got %v", rows)
	}
	if len(m.Stored()) != 7 {
		t.Errorf("want all that was stored, got %d", len(m.Stored()))
	}
	if gone := m.Gone(now.Add(100 * time.Hour)); len(gone) != 1 {
		t.Errorf("want it gone again, got %v", gone)
	}
}

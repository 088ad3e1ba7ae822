package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
)

var (
	now    = price.At(cases.Now)
	clock  = price.Clock{Now: now, Retention: 100 * time.Hour}
	ofShop = price.OfferKey{ProductID: "P1", CompetitorID: "shop"}
)

// hours is so many hours before now, and eur a price.
func hours(n int) price.Timestamp { return now.Add(-time.Duration(n) * time.Hour) }
func eur(minor int64) price.Money { return price.Money{Minor: minor, Currency: "EUR"} }
func at(n int, p int64) board.Observation {
	return board.Observation{Terms: price.Terms{Price: eur(p)}, Source: price.Source{ID: "s"}, ObservedAt: hours(n)}
}

// TestUnlike: what lies before the retention of 100 hours may be gone from the history, what comes after may not.
func TestUnlike(t *testing.T) {
	t.Parallel()
	none := board.Previous{At: price.NoTime}
	offer := func(first, run int, previous board.Previous) board.Offer {
		return board.Offer{Key: ofShop, Current: at(1, 200), FirstSeen: hours(first), RunStart: hours(run), Previous: previous}
	}
	was := func(n int, p int64) board.Previous { return board.Previous{At: hours(n), Price: eur(p)} }
	tests := map[string]struct {
		stored, folded board.Offer
		want           []string
	}{
		"the same":                     {offer(90, 10, was(11, 100)), offer(90, 10, was(11, 100)), nil},
		"the first is gone":            {offer(300, 10, was(11, 100)), offer(90, 10, was(11, 100)), nil},
		"the whole run's start":        {offer(300, 200, was(250, 100)), offer(90, 90, none), nil},
		"only the one before the run":  {offer(300, 90, was(101, 100)), offer(90, 90, none), nil},
		"first seen later than stored": {offer(99, 10, was(11, 100)), offer(90, 10, was(11, 100)), []string{"firstSeenAt is"}},
		"first seen before":            {offer(50, 10, was(11, 100)), offer(90, 10, was(11, 100)), []string{"firstSeenAt is"}},
		"another run":                  {offer(90, 10, was(11, 100)), offer(90, 9, was(11, 100)), []string{"lastChangedAt is"}},
		"a change the board missed":    {offer(300, 200, was(250, 100)), offer(90, 50, was(60, 7)), []string{"previous is"}},
		"another one before":           {offer(90, 10, was(11, 100)), offer(90, 10, was(12, 100)), []string{"previous is"}},
		"another price before":         {offer(90, 10, was(11, 100)), offer(90, 10, was(11, 101)), []string{"previous is"}},
		"none before":                  {offer(90, 10, was(11, 100)), offer(90, 10, none), []string{"previous is"}},
		"one before":                   {offer(90, 10, none), offer(90, 10, was(11, 100)), []string{"previous is"}},
		"all at once": {offer(90, 10, none), offer(91, 9, was(11, 100)),
			[]string{"firstSeenAt is", "lastChangedAt is", "previous is none on its board, "}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := newHistory(store.Product{}, clock).unlike(tt.stored, tt.folded)
			assert.Len(t, got, len(tt.want), got)
			for i := range min(len(got), len(tt.want)) {
				assert.Contains(t, got[i], tt.want[i])
			}
		})
	}
	other := offer(90, 10, none)
	other.Current = at(2, 300)
	other.Previous, other.RunStart = was(11, 100), hours(3)
	got := newHistory(store.Product{}, clock).unlike(offer(90, 10, none), other)
	assert.Len(t, got, 1, "the rest follows from another current one")
	assert.Regexp(t, `^current is \w{26} at 2026-07-06T08:14:05.112Z for 2.00 EUR InStock on its board, `+
		`\w{26} at 2026-07-06T07:14:05.112Z for 3.00 EUR InStock by its history$`, got[0])
}

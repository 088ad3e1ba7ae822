package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/storetest"
)

// A crawler whose urls carry a session is never short of new ones. Its observations must go in all the same, and must
// not cost a write of a full listing each.
func TestStore_Record_AListingThatIsFull(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	now := time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4, Now: func() time.Time { return now }})
	register(t, s, "bigmart")
	_, err := s.Competitors(t.Context())
	require.NoError(t, err)
	put := func(minute int) meter.Counts {
		sub := seen("P1", "bigmart", at(minute), int64(minute))
		sub.Observation.URL = "https://bigmart.example/p/77?session=" + strings.Repeat("x", 400) + at(minute).String()
		ctx, m := meter.With(t.Context())
		verdicts, err := s.Record(ctx, []price.Submission{sub}, at(100), false)
		require.NoError(t, err)
		require.NoError(t, verdicts[0].Err)
		return m.Counts()
	}
	url := func() string {
		product, err := s.Product(t.Context(), "P1", true)
		require.NoError(t, err)
		require.Len(t, product.Boards[0].Offers, 1)
		return product.URLs[product.Boards[0].Offers[0].Current.URL]
	}

	put(0)
	assert.Contains(t, url(), at(0).String())
	for minute := 1; minute < 30; minute++ {
		put(minute)
	}
	assert.Empty(t, url(), "a missing entry reads as none")
	assert.Len(t, history(t, s, "P1"), 30, "nothing of the history is lost")
	assert.Equal(t, 2, put(30).Calls, "the board's read and write: a full listing is not asked again")
	now = now.Add(2 * time.Hour)
	_, err = s.Competitors(t.Context())
	require.NoError(t, err)
	assert.Greater(t, put(31).Calls, 2, "an hour later it is, for it may have been cleared")
}

package store_test

import (
	"fmt"
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
		verdicts, err := s.Record(ctx, []price.Submission{sub}, at(10_000), false)
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
	const most = 64*4 + 4 // urls as long as these in all items of a listing
	minute, missing := 1, 0
	for ; missing < 20 && minute < 6*most; minute++ {
		units := put(minute).WriteUnits
		assert.LessOrEqual(t, units, 8.0, "at the worst two refusals, an entry, the board and segments")
		if missing++; url() != "" {
			missing = 0
		}
	}
	assert.Equal(t, 20, missing, "a missing entry reads as none")
	assert.Len(t, history(t, s, "P1"), minute, "nothing of the history is lost")
	assert.LessOrEqual(t, put(minute).Calls, 3, "the board's read and write, and a segment now and then: a full listing is not asked again")
	now = now.Add(2 * time.Hour)
	_, err = s.Competitors(t.Context())
	require.NoError(t, err)
	assert.Greater(t, put(minute+1).Calls, 3, "an hour later it is, for it may have been cleared")
}

// A product's first request may bring hundreds of urls, before it is divided.
func TestStore_Record_ManyNewURLsAtOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	register(t, s, "bigmart")
	in := sellers(300, 1)
	for i := range in {
		in[i].Observation.URL = fmt.Sprintf("https://bigmart.example/%d/%s", i, strings.Repeat("x", 100))
	}
	record(t, s, at(100), in...)
	record(t, s, at(100), sellers(300, 2)...) // divides
	product, err := s.Product(t.Context(), "P2", true)
	require.NoError(t, err)
	assert.Len(t, product.URLs, len(in), "each is listed")
	for _, row := range history(t, s, "P2") {
		if row.Entry.ObservedAt == at(1) {
			require.NotEmpty(t, product.URLs[row.Entry.URL])
		}
	}
}

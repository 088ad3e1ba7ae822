package peer_test

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/testkit/storetest"
	"pricing/tools/bench/peer"
)

var start = price.At(time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC))

func seen(competitor string, minute int, minor int64) price.Observation {
	return price.Observation{
		Key:        price.OfferKey{ProductID: "P1", CompetitorID: competitor},
		Terms:      price.Terms{Price: price.Money{Minor: minor, Currency: "USD"}},
		URL:        "https://bigmart.example/p/77",
		Source:     price.Source{ID: "crawler-a", Confidence: 9700},
		ObservedAt: start.Add(time.Duration(minute) * time.Minute),
	}
}

func newStore(t *testing.T) *peer.Store {
	t.Helper()
	s, err := peer.New(t.Context(), storetest.Client(storetest.Endpoint(t)), "peer-"+strings.ToLower(rand.Text()), 4)
	require.NoError(t, err)
	return s
}

func TestStore_OrderAndRepetitionDoNotMatter(t *testing.T) {
	t.Parallel()
	var all []price.Observation
	for minute := range 30 {
		all = append(all, seen([]string{"bigmart", "shopx", "kyoto"}[minute%3], minute, int64(100+minute)))
	}
	s := newStore(t)
	require.NoError(t, s.Record(t.Context(), all, start))
	want, err := s.Latest(t.Context(), "P1")
	require.NoError(t, err)
	require.Len(t, want, 3)
	assert.Contains(t, want["kyoto"], "1783330140000", "the observation of minute 29")

	other := newStore(t)
	shuffled := append(append([]price.Observation{}, all...), all[:10]...)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, o := range shuffled {
		require.NoError(t, other.Record(t.Context(), []price.Observation{o}, start))
	}
	got, err := other.Latest(t.Context(), "P1")
	require.NoError(t, err)
	assert.Equal(t, want, got)
	n, err := other.Count(t.Context(), all[0].Key)
	require.NoError(t, err)
	assert.Equal(t, 10, n)
}

func TestStore_CostsTwoUnitsAnObservation(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx, m := meter.With(t.Context())
	require.NoError(t, s.Record(ctx, []price.Observation{seen("bigmart", 5, 100), seen("shopx", 5, 100)}, start))
	assert.Equal(t, meter.Counts{Calls: 3, WriteUnits: 4, Attempts: 3}, m.Counts(), "one call for the history, one for each latest")
	ctx, m = meter.With(t.Context())
	require.NoError(t, s.Record(ctx, []price.Observation{seen("bigmart", 1, 100)}, start))
	assert.InDelta(t, 2, m.Counts().WriteUnits, 0, "a condition that fails is billed")
}

func TestStore_Changes(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, s.Record(t.Context(), []price.Observation{
		seen("bigmart", 1, 100), seen("bigmart", 2, 100), seen("bigmart", 4, 90), seen("bigmart", 6, 90), seen("bigmart", 7, 100),
		seen("shopx", 3, 80), seen("shopx", 5, 80), seen("kyoto", 9, 70),
	}, start))
	minutes := func(limit int, competitors ...string) (found []int) {
		var offers []price.OfferKey
		for _, c := range competitors {
			offers = append(offers, seen(c, 0, 0).Key)
		}
		changes, err := s.Changes(t.Context(), offers, limit)
		require.NoError(t, err)
		for _, o := range changes {
			found = append(found, int(o.ObservedAt.Time().Sub(start.Time()).Minutes()))
		}
		return found
	}
	assert.Equal(t, []int{7, 4, 3, 1}, minutes(0, "bigmart", "shopx"), "what nobody asked for is left out")
	assert.Equal(t, []int{9, 7}, minutes(2, "bigmart", "shopx", "kyoto"))
}

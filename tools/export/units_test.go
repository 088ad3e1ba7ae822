package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// sellers are those of a marketplace's largest product.
const sellers = 419

// large records so many hours of a product that each seller is looked at in once an hour. One price in ten changes.
func large(tb testing.TB, s *store.Store, hours int) {
	tb.Helper()
	_, err := s.PutCompetitor(tb.Context(), price.Competitor{ID: "bigmart", FreshFor: time.Hour, Active: true})
	require.NoError(tb, err)
	random := rand.New(rand.NewPCG(1, 1))
	prices := make([]int64, sellers)
	for hour := range hours {
		at := start.Add(time.Duration(hour) * time.Hour)
		in := make([]price.Submission, sellers)
		for i := range in {
			if prices[i] == 0 || random.IntN(10) == 0 {
				prices[i] = 500 + random.Int64N(20_000)
			}
			in[i].Writer.Client = "night-run"
			in[i].Observation = price.Observation{
				Key:        price.OfferKey{ProductID: "P", CompetitorID: "bigmart", SellerID: fmt.Sprintf("seller-%d", i)},
				Terms:      price.Terms{Price: price.Money{Minor: prices[i], Currency: "USD"}},
				Source:     price.Source{ID: "crawler-a", Confidence: price.NoConfidence},
				ObservedAt: at.Add(time.Duration(random.IntN(600_000)) * time.Millisecond),
			}
		}
		verdicts, err := s.Record(tb.Context(), in, at.Add(11*time.Minute), false)
		require.NoError(tb, err)
		for _, v := range verdicts {
			require.NoError(tb, v.Err)
		}
	}
}

// perUnit exports a table and returns how many observations came with a read unit, by a scan or by a query of the product.
func perUnit(tb testing.TB, table string, args ...string) (perUnit float64, c counts) {
	tb.Helper()
	folder := tb.TempDir()
	told, err := export(tb, append(args, "-table", table, "-out", folder, "-rate", "0")...)
	require.NoError(tb, err, told)
	c = state(tb, folder).Counts
	return float64(c.Written) / c.Units, c
}

// TestUnits: what an export reads is at most a unit for 200 observations of a large product.
func TestUnits(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	const hours = 60
	large(t, tab.Store, hours)
	for _, args := range [][]string{nil, {"-product", "P"}} {
		got, c := perUnit(t, tab.name, args...)
		assert.Equal(t, sellers*hours, c.Written)
		assert.Greater(t, got, 200.0, "%.1f units", c.Units)
	}
}

// BenchmarkUnits measures a month of the large product, 301,680 observations (minutes):
//
//	go test ./tools/export -run '^$' -bench Units -benchtime 1x
func BenchmarkUnits(b *testing.B) {
	client, table := storetest.Table(b)
	large(b, store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4}), 720)
	b.ResetTimer()
	for b.Loop() {
		got, c := perUnit(b, table)
		b.ReportMetric(c.Units, "units")
		b.ReportMetric(got, "observations/unit")
		b.ReportMetric(float64(c.Written), "observations")
	}
}

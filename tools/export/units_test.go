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

// shape is what a table holds: each offer of each product is seen every so often. One price in ten changes between.
type shape struct {
	products, offers, looks int
	every                   time.Duration
}

func (s shape) observations() int { return s.products * s.offers * s.looks }

// marketplace is a product with as many sellers as the largest that we know of, for so many hours.
func marketplace(hours int) shape {
	return shape{products: 1, offers: 419, looks: hours, every: time.Hour}
}

// record records all of it, each look at a product in one request.
func (s shape) record(tb testing.TB, db *store.Store) {
	tb.Helper()
	_, err := db.PutCompetitor(tb.Context(), price.Competitor{ID: "bigmart", FreshFor: time.Hour, Active: true})
	require.NoError(tb, err)
	random := rand.New(rand.NewPCG(1, 1))
	prices := make([]int64, s.products*s.offers)
	for look := range s.looks {
		at := start.Add(time.Duration(look) * s.every)
		for product := range s.products {
			in := make([]price.Submission, s.offers)
			for i := range in {
				minor := &prices[product*s.offers+i]
				if *minor == 0 || random.IntN(10) == 0 {
					*minor = 500 + random.Int64N(20_000)
				}
				in[i].Writer.Client = "night-run"
				in[i].Observation = price.Observation{
					Key: price.OfferKey{ProductID: fmt.Sprintf("P-%d", product), CompetitorID: "bigmart",
						SellerID: fmt.Sprintf("seller-%d", i)},
					Terms:      price.Terms{Price: price.Money{Minor: *minor, Currency: "USD"}},
					Source:     price.Source{ID: "crawler-a", Confidence: price.NoConfidence},
					ObservedAt: at.Add(time.Duration(random.IntN(600_000)) * time.Millisecond),
				}
			}
			verdicts, err := db.Record(tb.Context(), in, at.Add(11*time.Minute), false)
			require.NoError(tb, err)
			for _, v := range verdicts {
				require.NoError(tb, v.Err)
			}
		}
	}
}

// perUnit exports a table and returns how many observations came with a read unit.
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
	large := marketplace(60)
	large.record(t, tab.Store)
	for _, args := range [][]string{nil, {"-product", "P-0"}} {
		got, c := perUnit(t, tab.name, args...)
		assert.Equal(t, large.observations(), c.Written)
		assert.Greater(t, got, 200.0, "%.1f units", c.Units)
	}
}

// BenchmarkUnits measures what an export of a whole table reads (minutes):
//
//	go test ./tools/export -run '^$' -bench Units -benchtime 1x
func BenchmarkUnits(b *testing.B) {
	for name, s := range map[string]shape{
		"419 sellers hourly for a month":             marketplace(720),
		"500 products of 8 offers daily for 60 days": {products: 500, offers: 8, looks: 60, every: 24 * time.Hour},
		"5,000 products of 1 offer, seen 10 times":   {products: 5000, offers: 1, looks: 10, every: 24 * time.Hour},
	} {
		b.Run(name, func(b *testing.B) {
			client, table := storetest.Table(b)
			s.record(b, store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4}))
			b.ResetTimer()
			for b.Loop() {
				got, c := perUnit(b, table)
				require.Equal(b, s.observations(), c.Written)
				b.ReportMetric(c.Units, "units")
				b.ReportMetric(got, "observations/unit")
				b.ReportMetric(float64(c.Written), "observations")
			}
		})
	}
}

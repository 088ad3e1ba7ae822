package main

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/jsondoc"
	"pricing/shared/price"
	"pricing/tools/internal/profile"
)

var start = time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)

func make10000(tr traffic, seed uint64) []sighting {
	due := profile.Default.Due(2, false, nil)[:5000]
	return tr.sightings(start, due, 2, rand.New(rand.NewPCG(seed, 0)))
}

func TestSightings(t *testing.T) {
	t.Parallel()
	tr := traffic{products: 50, skew: 1, duplicates: 0.1, late: 0.2}
	all := make10000(tr, 1)
	require.Len(t, all, 10_000)
	assert.Equal(t, all, make10000(tr, 1))
	assert.NotEqual(t, all, make10000(tr, 2))
	seen := map[sighting]bool{}
	moments := map[moment]sighting{}
	products := map[int]int{}
	duplicates, late := 0, 0
	var newest int64
	for _, s := range all {
		products[s.product]++
		if seen[s] {
			duplicates++
			continue
		}
		seen[s] = true
		if before, ok := moments[s.moment()]; ok {
			assert.Equal(t, before, s, "two of one offer at one moment")
		}
		moments[s.moment()] = s
		if s.at < newest-1000 {
			late++
		}
		newest = max(newest, s.at)
	}
	assert.InDelta(t, 1000, duplicates, 150)
	assert.InDelta(t, 1800, late, 250)
	assert.InDelta(t, 10_000/4.5, products[0], 400, "the sum of 1/n up to 50 is 4.5")
	assert.InDelta(t, products[0], 2*products[1], 500)

	even := map[int]int{}
	for _, s := range make10000(traffic{products: 50}, 1) {
		even[s.product]++
	}
	require.Len(t, even, 50)
	for product, n := range even {
		assert.InDelta(t, 200, n, 90, "%d", product)
	}
}

// What is sent passes the API's rules, and is the observation that is looked for.
func TestBody(t *testing.T) {
	t.Parallel()
	all := make10000(traffic{products: 50, late: 0.5}, 1)[:20]
	read := func(item jsondoc.Value, inBatch bool) price.Observation {
		clock := price.Clock{Now: price.At(start.Add(time.Minute)), Retention: 24 * time.Hour}
		return price.ReadSubmission(item, jsondoc.Value{}, inBatch, clock).Observation
	}
	check := func(s sighting, o price.Observation) {
		t.Helper()
		assert.Equal(t, s.id("run"), o.ID())
		assert.Equal(t, s.price(), o.Terms.Price)
		assert.Equal(t, productID("run", s.product), o.Key.ProductID)
	}
	text, err := body("run", all[:1], true)
	require.NoError(t, err)
	node, err := jsondoc.Parse(text)
	require.NoError(t, err)
	var reader jsondoc.Reader
	check(all[0], read(reader.At(node, ""), false))

	text, err = body("run", all, false)
	require.NoError(t, err)
	var batch struct{ Observations []json.RawMessage }
	require.NoError(t, json.Unmarshal(text, &batch))
	require.Len(t, batch.Observations, len(all))
	for i, each := range batch.Observations {
		node, err := jsondoc.Parse(each)
		require.NoError(t, err)
		check(all[i], read(reader.At(node, ""), true))
	}
	require.NoError(t, reader.Err())
}

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestOrdered: whatever the times and products are, the order of sending has each observation once, those of a product in the order of
// time and of the file, a window's products one after the other, and no window before an earlier one.
func TestOrdered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		items := make([]item, rapid.IntRange(0, 60).Draw(rt, "items"))
		for i := range items {
			items[i] = item{row: &row{line: i}, time: rapid.Int64Range(-5, 5).Draw(rt, "time"),
				product: hashed(fmt.Sprint(rapid.IntRange(0, 4).Draw(rt, "product")))}
		}
		byTime := func(a, b item) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.line, b.line)) }
		size := rapid.IntRange(1, 70).Draw(rt, "window")
		got := slices.Clone(items)
		ordered(got, size)
		assert.ElementsMatch(rt, items, got)
		of := map[uint64][]item{}
		for _, i := range got {
			of[i.product] = append(of[i.product], i)
		}
		for _, all := range of {
			assert.True(rt, slices.IsSortedFunc(all, byTime))
		}
		var before *item
		for part := range slices.Chunk(got, size) {
			turns := len(slices.CompactFunc(slices.Clone(part), func(a, b item) bool { return a.product == b.product }))
			products := map[uint64]bool{}
			for _, i := range part {
				products[i.product] = true
			}
			assert.Len(rt, products, turns, "each product once")
			if before != nil {
				assert.Negative(rt, byTime(*before, slices.MinFunc(part, byTime)))
			}
			last := slices.MaxFunc(part, byTime)
			before = &last
		}
		got = slices.Clone(items)
		ordered(got, 1)
		assert.True(rt, slices.IsSortedFunc(got, byTime), "as -print has it")
	})
}

// TestFeed_groups: a file that goes round its products is sent product by product, also where a mapping makes the product's id or there
// is only a gtin. Printed, it stays in the order of time.
func TestFeed_groups(t *testing.T) {
	const products, looks, batch = 30, 6, 18
	var asSent, mapped strings.Builder
	for n := range products * looks {
		at := fmt.Sprintf("2025-12-01T%02d:%02d:00Z", n/60, n%60)
		product := fmt.Sprintf(`"productId":"P-%d"`, n%products)
		if n%2 == 1 {
			product = fmt.Sprintf(`"gtin":"%d"`, n%products)
		}
		fmt.Fprintf(&asSent, `{%s,"competitorId":"c","observedAt":%q}`+"\n", product, at)
		fmt.Fprintf(&mapped, `{"item":"%d","shop":"c","cell":"1.5","day":%q}`+"\n", n%products, at)
	}
	mapping := write(t, "map.yaml", accountMapping)
	for name, args := range map[string][]string{
		"as sent": {write(t, "a.ndjson", asSent.String())},
		"mapped":  {"-map", mapping, write(t, "b.ndjson", mapped.String())},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, allCreated)
			o := run(t.Context(), t, a, nil, append([]string{"-batch", fmt.Sprint(batch)}, args...)...)
			require.Equal(t, products*looks, o.summary.Stored, o.stderr)
			require.Len(t, a.bodies, products*looks/batch)
			for _, body := range a.bodies {
				assert.Len(t, productsOf(t, body), batch/looks, "a request has all looks at its products")
			}
		})
	}
	o := run(t.Context(), t, nil, nil, "-print", "-map", mapping, write(t, "c.ndjson", mapped.String()))
	var times []string
	for line := range strings.Lines(o.stdout) {
		var printed struct{ ObservedAt string }
		require.NoError(t, json.Unmarshal([]byte(line), &printed))
		times = append(times, printed.ObservedAt)
	}
	require.Len(t, times, products*looks)
	assert.True(t, slices.IsSorted(times))
}

// productsOf are the different products of a batch.
func productsOf(t *testing.T, body []byte) map[string]bool {
	t.Helper()
	var b struct {
		Observations []struct{ ProductID, GTIN string }
	}
	require.NoError(t, json.Unmarshal(body, &b))
	products := map[string]bool{}
	for _, o := range b.Observations {
		products[o.ProductID+o.GTIN] = true
	}
	return products
}

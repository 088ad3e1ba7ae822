package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/price"
	"pricing/shared/testkit/cases"
)

// BenchmarkRead_500 takes the largest usual batch apart: 25 products of 20 sellers, every member usual clients send, no faults.
func BenchmarkRead_500(b *testing.B) {
	var observations []object
	for i := range api.BatchItems {
		observations = append(observations, object{
			"productId": fmt.Sprint("ZU-", i/20), "competitorId": "bigmart", "sellerId": fmt.Sprint("Seller ", i%20), "availability": "InStock",
			"price":  object{"amount": fmt.Sprintf("%d.99", 10+i), "currency": "USD"},
			"url":    fmt.Sprint("https://bigmart.example/", i),
			"source": object{"id": "crawler-a", "kind": "crawler"}, "observedAt": "2026-07-06T09:00:00Z",
		})
	}
	body, err := json.Marshal(object{"observations": observations})
	require.NoError(b, err)
	clock := price.Clock{Now: price.At(cases.Now), Retention: 400 * 24 * time.Hour}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		items, err := read(body, price.Writer{Client: "crawler-a"}, clock)
		require.NoError(b, err)
		require.Len(b, items, api.BatchItems)
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/testkit/cases"
)

// BenchmarkQuery_500 is a query of 500 products, the engine's time included. Of 40 offers each they are split, and one query each.
func BenchmarkQuery_500(b *testing.B) {
	for _, offers := range []int{8, 40} {
		b.Run(fmt.Sprint(offers, " offers"), func(b *testing.B) { benchmarkQuery(b, offers) })
	}
}

func benchmarkQuery(b *testing.B, offers int) {
	m := newMarket(b)
	var ids []string
	for i := range 500 {
		ids = append(ids, fmt.Sprintf("ZU-%04d", i))
	}
	for scan := range 2 { // the second splits what has to be split
		var in []price.Submission
		for _, id := range ids {
			for seller := range offers {
				in = append(in, offer(id, seller, func(o *price.Observation) { o.ObservedAt += price.Timestamp(scan) }))
			}
		}
		m.record(b, in)
	}
	e := endpoint(boot.Function{Settings: cases.Settings, Store: m.store(m.client, 4)})
	e.Now = func() time.Time { return cases.Now }
	e.Log = slog.New(slog.DiscardHandler)
	body, err := json.Marshal(object{"productIds": ids, "perProductLimit": min(offers, 5)})
	require.NoError(b, err)
	event := cases.Case{Request: e.Route, Body: body}.Event(b, e)
	b.ReportAllocs()
	for b.Loop() {
		response := gateway.Serve(b.Context(), e, event)
		require.Equal(b, http.StatusOK, response.StatusCode)
	}
}

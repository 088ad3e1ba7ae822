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

// BenchmarkQuery_500 is a query of 500 products of 8 offers, the engine's time included.
func BenchmarkQuery_500(b *testing.B) {
	m := newMarket(b)
	var ids []string
	var in []price.Submission
	for i := range 500 {
		ids = append(ids, fmt.Sprintf("ZU-%04d", i))
		for seller := range 8 {
			in = append(in, offer(ids[i], seller, nil))
		}
	}
	m.record(b, in)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: m.store(m.client, 4)})
	e.Now = func() time.Time { return cases.Now }
	e.Log = slog.New(slog.DiscardHandler)
	body, err := json.Marshal(object{"productIds": ids})
	require.NoError(b, err)
	event := cases.Case{Request: e.Route, Body: body}.Event(b, e)
	b.ReportAllocs()
	for b.Loop() {
		response := gateway.Serve(b.Context(), e, event)
		require.Equal(b, http.StatusOK, response.StatusCode)
	}
}

package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"pricing/shared/gateway"
	"pricing/shared/meter"
	"pricing/shared/testkit/metertest"
)

// BenchmarkServe counts what one request costs beside its handler: decoding, answering and the log line with its metrics.
func BenchmarkServe(b *testing.B) {
	e := answering(gateway.Answer{}, nil)
	e.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // encoding is part of the cost
	e.Source = metertest.Source
	e.Handle = func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
		meter.Add(ctx, meter.Counts{Calls: 3, Attempts: 3, ReadUnits: 0.5, WriteUnits: 2})
		return gateway.Answer{Status: 201, Body: "x",
			Items: meter.Items{Outcomes: map[string]int{"changed": 1}, Lags: []time.Duration{3 * time.Second}}}, nil
	}
	raw := event(b, nil)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		gateway.Serve(ctx, e, raw)
	}
}

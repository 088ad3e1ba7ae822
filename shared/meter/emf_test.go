package meter_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/meter"
	"pricing/shared/testkit/metertest"
)

var now = time.Date(2026, 7, 6, 9, 14, 5, 112_000_000, time.UTC)

// logged writes metrics as a function does and reads them as CloudWatch does.
func logged(tb testing.TB, metrics []meter.Metric) (samples metertest.Samples, lines int) {
	tb.Helper()
	var log bytes.Buffer
	for _, attrs := range metertest.Source.Lines(now, metrics) {
		slog.New(slog.NewJSONHandler(&log, nil)).LogAttrs(tb.Context(), slog.LevelInfo, "request", attrs...)
		lines++
	}
	return metertest.Extract(tb, log.Bytes()), lines
}

// TestLines_Property: whatever the metrics, CloudWatch reads each of them by its own dimensions, and by no other.
func TestLines_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		metric := rapid.Custom(func(rt *rapid.T) meter.Metric {
			m := meter.Metric{
				Name:   fmt.Sprintf("M%d", rapid.IntRange(0, 130).Draw(rt, "name")),
				Unit:   rapid.SampledFrom([]meter.Unit{meter.Count, meter.Milliseconds, meter.Seconds}).Draw(rt, "unit"),
				Values: rapid.SliceOfN(rapid.IntRange(-1e9, 1e12), 1, 100).Draw(rt, "values"),
				By:     rapid.SampledFrom([]string{"", "", meter.Code, meter.Function, meter.Reason}).Draw(rt, "by"),
			}
			if m.By != "" && m.By != meter.Function {
				m.Of = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "of")
			}
			return m
		})
		metrics := rapid.SliceOfN(metric, 0, 150).Draw(rt, "metrics")
		want := metertest.Samples{}
		for _, m := range metrics {
			set := m.Name + " Environment=dev"
			switch m.By {
			case "":
			case meter.Function:
				set += ",Function=pricing-dev-test"
			default:
				set += "," + m.By + "=" + m.Of
			}
			for _, v := range m.Values {
				want[set] = append(want[set], float64(v))
			}
		}
		got, _ := logged(t, metrics)
		for _, samples := range []metertest.Samples{want, got} {
			for _, values := range samples {
				slices.Sort(values)
			}
		}
		if !assert.Equal(t, want, got) {
			rt.FailNow()
		}
	})
}

func TestLines_OneLineUnlessADimensionHasTwoValues(t *testing.T) {
	t.Parallel()
	count := func(name, by, of string) meter.Metric {
		return meter.Metric{Name: name, Unit: meter.Count, Values: []int{1}, By: by, Of: of}
	}
	var many []meter.Metric
	for i := range 101 {
		many = append(many, count(fmt.Sprintf("M%d", i), "", ""))
	}
	tests := map[string]struct {
		metrics []meter.Metric
		want    int
	}{
		"as many as a line takes": {many[:100], 1},
		"more than a line takes":  {many, 2},
		"none":                    {nil, 1},
		"one each": {[]meter.Metric{count("Created", "", ""), count("Rejected", meter.Code, "a"),
			count("ThrottledByReason", meter.Reason, "x")}, 1},
		"two codes, two reasons": {[]meter.Metric{count("Rejected", meter.Code, "a"), count("Rejected", meter.Code, "b"),
			count("ThrottledByReason", meter.Reason, "x"), count("ThrottledByReason", meter.Reason, "y")}, 2},
		"two metrics of one code": {[]meter.Metric{count("Rejected", meter.Code, "a"), count("Refused", meter.Code, "a")}, 1},
		"three codes and one reason": {[]meter.Metric{count("Rejected", meter.Code, "a"), count("Rejected", meter.Code, "b"),
			count("Rejected", meter.Code, "c"), count("ThrottledByReason", meter.Reason, "y")}, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, lines := logged(t, tt.metrics)
			assert.Equal(t, tt.want, lines)
		})
	}
}

func TestLines_ManyValuesKeepTheirPercentiles(t *testing.T) {
	t.Parallel()
	values := make([]int, 500)
	for i := range values {
		values[i] = (i*7919)%500 + 1 // 1 to 500, shuffled
	}
	samples, lines := logged(t, []meter.Metric{{Name: "IngestLagSeconds", Unit: meter.Seconds, Values: values}})
	got := samples["IngestLagSeconds Environment=dev"]
	require.Len(t, got, 100)
	assert.Equal(t, 1, lines)
	assert.InDelta(t, 1, got[0], 0)
	assert.InDelta(t, 250, got[49], 5)
	assert.InDelta(t, 495, got[98], 5)
	assert.InDelta(t, 500, got[99], 0)
	assert.Equal(t, 500, (500*7919)%500+500, "the values are left as they were")
	assert.Equal(t, (7919)%500+1, values[1], "the values are left as they were")
}

func TestLines_NobodysMetrics(t *testing.T) {
	t.Parallel()
	metrics := []meter.Metric{{Name: "Created", Unit: meter.Count, Values: []int{1}}}
	for _, source := range []meter.Source{{}, {Environment: "dev"}, {Function: "f"}} {
		lines := source.Lines(now, metrics)
		require.Len(t, lines, 1)
		assert.Empty(t, lines[0], "CloudWatch takes no dimension without a value")
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	ctx, m := meter.With(t.Context())
	meter.Add(ctx, meter.Counts{Attempts: 3, Throttles: map[string]int{"TableWriteKeyRangeThroughputExceeded": 2, "Unspecified": 1},
		QuotaExceeded: 1, Unprocessed: 4, OwnWrites: 5})
	items := meter.Items{
		Outcomes: map[string]int{"created": 1, "changed": 2, "unchanged": 3, "late": 4,
			"duplicate": 5, "conflict": 6, "rejected": 7, "throttled": 8},
		Rejected: map[string]int{"unknown-gtin": 3, "invalid-field": 4},
		Lags:     []time.Duration{1499 * time.Millisecond, -time.Second, 36 * time.Hour},
	}
	samples, lines := logged(t, m.Metrics(12345*time.Microsecond, items))
	assert.Equal(t, 2, lines)
	for name, want := range map[string]int{
		"Created": 1, "Changed": 2, "Unchanged": 3, "Late": 4, "Duplicate": 5, "Conflict": 6, "Rejected": 7, "Throttled": 8,
		"Accepted": 15, "BatchSize": 36,
		"SdkAttempts": 3, "ThrottledByReason": 3, "RetryQuotaExceeded": 1, "Unprocessed": 4, "ConditionalOwnWrite": 5, "DeadlineLeftMs": 12,
	} {
		assert.Equal(t, want, samples.Sum(name), name)
	}
	assert.Equal(t, 4, samples.Sum("Rejected", "Code=invalid-field"))
	assert.Equal(t, 3, samples.Sum("Rejected", "Code=unknown-gtin"))
	assert.Equal(t, 2, samples.Sum("ThrottledByReason", "Reason=TableWriteKeyRangeThroughputExceeded"))
	assert.Equal(t, []float64{1, 0, 129600}, samples["IngestLagSeconds Environment=dev"])
	assert.Equal(t, 1, samples.Sum("ClockAhead"))

	items.DryRun = true
	samples, _ = logged(t, m.Metrics(time.Second, items))
	assert.Equal(t, 3, samples.Sum("SdkAttempts"))
	for _, name := range []string{"Created", "Rejected", "Accepted", "BatchSize", "IngestLagSeconds"} {
		assert.NotContains(t, strings.Join(slices.Collect(maps.Keys(samples)), "\n"), name+" ", "nothing was stored")
	}

	samples, _ = logged(t, m.Metrics(time.Second, meter.Items{Outcomes: map[string]int{"created": 1}, Lags: []time.Duration{time.Minute}}))
	assert.Equal(t, []float64{60}, samples["IngestLagSeconds Environment=dev"])
	assert.NotContains(t, samples, "ClockAhead Environment=dev")

	_, idle := meter.With(t.Context())
	for name, nothing := range map[string]meter.Items{"a read": {}, "a refusal": {Outcomes: map[string]int{}}, "none of an outcome": {
		Outcomes: map[string]int{"created": 0}}} {
		samples, _ = logged(t, idle.Metrics(0, nothing))
		assert.Empty(t, samples, "%s: an alarm takes Accepted of 0 for a silent feed, and each metric is paid for", name)
	}

	samples, _ = logged(t, m.Metrics(time.Second, meter.Items{Outcomes: map[string]int{"throttled": 1}}))
	assert.Equal(t, []float64{0}, samples["Accepted Environment=dev"], "the alarm on a silent ingestion looks for this 0")
}

// first is the first meter of the process.
var first *meter.Meter

func TestMain(m *testing.M) {
	_, first = meter.With(context.Background())
	m.Run()
}

// TestMetrics_Property: CloudWatch gives no percentile of a period in which one value is negative, so none is, however the clocks of
// clients and ours differ and whatever time is left. What came from the future is counted.
func TestMetrics_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		around := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2e9, 2e9)) // a few seconds are where it is decided
		items := meter.Items{Outcomes: map[string]int{}}
		ahead := 0
		for _, lag := range rapid.SliceOfN(around, 1, 20).Draw(rt, "lags") {
			items.Lags = append(items.Lags, time.Duration(lag))
			items.Outcomes["created"]++
			if lag < 0 {
				ahead++
			}
		}
		_, m := meter.With(t.Context())
		counted := 0
		for _, metric := range m.Metrics(time.Duration(around.Draw(rt, "left")), items) {
			assert.GreaterOrEqual(rt, slices.Min(metric.Values), 0, metric.Name)
			switch metric.Name {
			case "IngestLagSeconds":
				assert.Len(rt, metric.Values, len(items.Lags))
			case "ClockAhead":
				counted = metric.Values[0]
			}
		}
		assert.Equal(rt, ahead, counted)
	})
}

func TestMetrics_OneColdStartAProcess(t *testing.T) {
	t.Parallel()
	assert.True(t, first.Cold())
	samples, _ := logged(t, first.Metrics(time.Second, meter.Items{}))
	assert.Equal(t, []float64{1}, samples["ColdStart Environment=dev"])
	_, second := meter.With(t.Context())
	assert.False(t, second.Cold())
	samples, _ = logged(t, second.Metrics(time.Second, meter.Items{}))
	assert.NotContains(t, samples, "ColdStart Environment=dev")
}

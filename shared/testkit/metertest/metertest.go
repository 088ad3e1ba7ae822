// Package metertest reads a log as CloudWatch does: it takes the metrics out of its lines, and fails the test where
// CloudWatch would drop a line or a metric without a word to anybody but a counter of its own. Everything and Every are a request
// that has all there is to tell.
package metertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/jsondoc"
	"pricing/shared/meter"
)

// Source is whose metrics tests are about.
var Source = meter.Source{Environment: "dev", Function: "pricing-dev-test"}

// Everything is what can befall a request at the store.
func Everything() meter.Counts {
	return meter.Counts{
		Calls: 1, Attempts: 1, ReadUnits: 1, WriteUnits: 1, Throttles: map[string]int{"Unspecified": 1}, QuotaExceeded: 1,
		Unprocessed: 1, OwnWrites: 1,
	}
}

// Every has an observation of each outcome, some of them from the future.
func Every() meter.Items {
	return meter.Items{
		Outcomes: map[string]int{
			"created": 1, "changed": 1, "unchanged": 1, "late": 1, "duplicate": 1, "conflict": 1, "rejected": 1, "throttled": 1,
		},
		Rejected: map[string]int{"invalid-field": 1}, Lags: []time.Duration{-time.Second, time.Second},
	}
}

// Samples are the values of each metric: by name and dimensions, such as "Rejected Environment=dev,Code=invalid-field".
type Samples map[string][]float64

// Sum adds up the samples of a metric for the environment, of one value of a further dimension such as Code=throttled or of all.
func (s Samples) Sum(name string, further ...string) int {
	sum := 0.0
	set := strings.Join(append([]string{name + " Environment=" + Source.Environment}, further...), ",")
	for of, values := range s {
		if of == set || strings.HasPrefix(of, set+",") {
			for _, v := range values {
				sum += v
			}
		}
	}
	return int(sum)
}

type envelope struct {
	Timestamp         *int64
	CloudWatchMetrics []struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []struct{ Name, Unit string }
	}
}

// Limits of the embedded metric format: of a line, a directive, a metric, a dimension.
const (
	maxLine    = 256 << 10
	maxMetrics = 100
	maxValues  = 100
	maxText    = 1024
)

var (
	namespace  = regexp.MustCompile(`^pricing/[a-z][a-z0-9-]{0,15}$`)
	units      = []string{"Count", "Milliseconds", "Seconds"}          // of CloudWatch's, those that fit
	dimensions = []string{"Environment", "Function", "Code", "Reason"} // none that grows with products or clients
)

// Extract returns the metrics of a log.
func Extract(tb testing.TB, log []byte) Samples {
	tb.Helper()
	samples := Samples{}
	for text := range bytes.Lines(log) {
		require.LessOrEqual(tb, len(text), maxLine)
		_, err := jsondoc.Parse(text)
		require.NoError(tb, err, "a line is one JSON object, no name twice: %s", text)
		var members map[string]json.RawMessage
		require.NoError(tb, json.Unmarshal(text, &members))
		if members["_aws"] == nil {
			continue
		}
		var e envelope
		decoder := json.NewDecoder(bytes.NewReader(members["_aws"]))
		decoder.DisallowUnknownFields()
		require.NoError(tb, decoder.Decode(&e), "%s", text)
		require.NotNil(tb, e.Timestamp)
		assert.Len(tb, fmt.Sprint(*e.Timestamp), len("1780000000000"), "milliseconds")
		require.NotEmpty(tb, e.CloudWatchMetrics)
		for _, d := range e.CloudWatchMetrics {
			assert.Regexp(tb, namespace, d.Namespace)
			assert.NotEmpty(tb, d.Dimensions)
			assert.NotEmpty(tb, d.Metrics)
			assert.LessOrEqual(tb, len(d.Metrics), maxMetrics)
			for _, set := range d.Dimensions {
				of := make([]string, len(set))
				for i, name := range set {
					assert.Contains(tb, dimensions, name)
					of[i] = name + "=" + value(tb, members, name)
				}
				for _, m := range d.Metrics {
					assert.Contains(tb, units, m.Unit, m.Name)
					at := m.Name + " " + strings.Join(of, ",")
					samples[at] = append(samples[at], values(tb, members, m.Name)...)
				}
			}
			names := map[string]bool{}
			for _, m := range d.Metrics {
				assert.False(tb, names[m.Name], "%s twice", m.Name)
				names[m.Name] = true
			}
		}
	}
	return samples
}

// value reads a dimension's value.
func value(tb testing.TB, members map[string]json.RawMessage, name string) string {
	tb.Helper()
	var text string
	require.NoError(tb, json.Unmarshal(members[name], &text), "the dimension %s is a text of the line", name)
	assert.NotEmpty(tb, text, name)
	assert.LessOrEqual(tb, len(text), maxText, name)
	assert.False(tb, slices.ContainsFunc([]rune(text), func(r rune) bool { return r < ' ' || r > '~' }), "%s is printable ASCII", name)
	return text
}

// values reads a metric's samples.
func values(tb testing.TB, members map[string]json.RawMessage, name string) []float64 {
	tb.Helper()
	require.NotEmpty(tb, name)
	assert.LessOrEqual(tb, len(name), maxText)
	require.Contains(tb, members, name, "a metric is a member of the line")
	var one float64
	if json.Unmarshal(members[name], &one) == nil && string(members[name]) != "null" {
		return []float64{one}
	}
	var many []float64
	require.NoError(tb, json.Unmarshal(members[name], &many), "%s is a number or an array of them", name)
	require.NotEmpty(tb, many, name)
	assert.LessOrEqual(tb, len(many), maxValues, name)
	return many
}

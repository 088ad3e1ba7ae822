package main

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/samkit/local/samtemplate"
	"pricing/tools/internal/prices"
)

// project reads the project's template for an environment with everything that costs.
func project(t *testing.T, parameters map[string]string) (*samtemplate.Template, figures, prices.List) {
	t.Helper()
	all := map[string]string{"DeployEnv": "prod", "ClientRateLimit": "45000", "LogRetentionDays": "90"}
	maps.Copy(all, parameters)
	template, err := samtemplate.Load("../../template.yaml", all)
	require.NoError(t, err)
	var f figures
	require.NoError(t, decode(figuresFile, &f))
	list, err := prices.Read()
	require.NoError(t, err)
	return template, f, list
}

// usd returns the lines' sums by name.
func (b bill) usd() map[string]float64 {
	sums := map[string]float64{}
	for _, l := range b.Lines {
		sums[l.Name] = l.USD
	}
	return sums
}

// TestBill is a day of a million single observations, computed by hand: a month is 30.4167 days, 2,628,000 seconds.
func TestBill(t *testing.T) {
	t.Parallel()
	template, f, list := project(t, map[string]string{
		"PrewarmSchedule": "23:50-00:52@UTC", "PrewarmEnvironments": "42",
	})
	b, err := newBill("prod", template, traffic{Observations: 1e6, ObservationsPerRequest: 1, Clients: 10, Products: 1000}, f, list)
	require.NoError(t, err)
	got := b.usd()
	const month = 30.416667
	for name, want := range map[string]float64{
		"API Gateway":                      month * 3.50,
		"Lambda, invocations":              month * (1 + 10*288/1e6) * 0.20, // and the authorizer, each token every five minutes
		"Lambda, duration":                 month * (1e6*0.025 + 2880*0.010) * 0.25 * 0.0000133334,
		"table, writes":                    month * 1.05 * 0.625,
		"table, reads":                     month * (1 + 2880*0.5/1e6) * 0.125,
		"table, storage":                   (1e6*400*18 + 1000*1000) / 1e9 * 0.25,
		"table, point-in-time recovery":    (1e6*400*18 + 1000*1000) / 1e9 * 0.20,
		"logs, ingestion":                  month * (1e6*(1465+600) + 2880*807) / 1e9 * 0.50,
		"logs, storage":                    90 * (1e6*(1465+600) + 2880*807) / 1e9 * 0.15 * 0.03,
		"traces, the first of each second": 2.628 * 5,
		"traces, a share of the rest":      (month - 2.628) * 0.05 * 5,
		"answers to the Internet":          month * 1e6 * 700 / 1e9 * 0.09,
		"web ACL, requests":                month * 0.60,
		"web ACL":                          5,
		"web ACL, rules":                   2,
		"composite alarms":                 3 * 0.50,
		"scheduled functions, writes":      month * 288 * 1.5 * 0.625 / 1e6,
		"environments kept ready":          42 * 0.25 * 65 * 60 * month * 0.0000033334, // 62 minutes are billed as 65
	} {
		assert.InEpsilon(t, want, got[name], 1e-4, name)
	}
	sum, share, peer := 0.0, 0.0, map[string]float64{}
	for _, l := range b.Lines {
		sum, share, peer[l.Name] = sum+l.USD, share+l.Share, l.PeerUSD
	}
	assert.InDelta(t, b.USD, sum, 1e-9)
	assert.InDelta(t, 1, share, 1e-9)
	assert.InEpsilon(t, month*2*0.625, peer["table, writes"], 1e-4, "two items")
	assert.InDelta(t, peer["API Gateway"], got["API Gateway"], 0)
}

// What stands in the template is counted there: a look at its text finds as many.
func TestCount(t *testing.T) {
	t.Parallel()
	template, f, list := project(t, nil)
	text, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	all, looked := strings.Count(string(text), "Type: AWS::CloudWatch::Alarm\n"), strings.Count(string(text), "MetricStat:")
	c := count(template)
	assert.Greater(t, c.alarms, all, "a few look at several metrics")
	assert.Less(t, c.alarms, all+looked)
	assert.Equal(t, strings.Count(string(text), "Type: AWS::CloudWatch::CompositeAlarm\n"), c.composite)
	assert.Equal(t, 2, c.filters)
	assert.Zero(t, c.fast)

	api := object(template.Resources["Api"], "Properties")
	api["MethodSettings"] = []any{map[string]any{"HttpMethod": "*", "MetricsEnabled": true}}
	b, err := newBill("prod", template, traffic{ObservationsPerRequest: 1}, f, list)
	require.NoError(t, err)
	routes := strings.Count(string(text), "operationId:")
	assert.InDelta(t, float64(5*routes)*0.30, b.usd()["metrics of each gateway method"], 1e-9)
	var out strings.Builder
	b.print(&out)
	assert.Contains(t, out.String(), "USD, costs more than it gives: no alarm and no panel reads them")
}

func drawTraffic(t *rapid.T) traffic {
	amount := func(most float64, what string) float64 { return rapid.Float64Range(0, most).Draw(t, what) }
	tr := traffic{
		Observations: amount(1e7, "observations"), ObservationsPerRequest: rapid.SampledFrom([]float64{1, 20, 500}).Draw(t, "items"),
		ByProduct: rapid.Bool().Draw(t, "by product"), Clients: amount(1000, "clients"), Products: amount(1e6, "products"),
		Requests: map[string]float64{"list-offers": 24*60*60 + amount(1e6, "offers")}, // a request a second at least: see traces
	}
	for _, name := range []string{"query-offers", "list-history", "put-products", "get-health"} {
		tr.Requests[name] = amount(1e5, name)
	}
	return tr
}

// times is the traffic so many times.
func (t traffic) times(n float64) traffic {
	t.Observations, t.Clients, t.Products, t.Requests = n*t.Observations, n*t.Clients, n*t.Products, maps.Clone(t.Requests)
	for name := range t.Requests {
		t.Requests[name] *= n
	}
	return t
}

// Twice the traffic costs twice what is with the traffic and nothing else, and no more of anything makes a bill smaller.
func TestBill_Property(t *testing.T) {
	t.Parallel()
	template, f, list := project(t, nil)
	rapid.Check(t, func(rt *rapid.T) {
		tr := drawTraffic(rt)
		reckon := func(tr traffic) bill {
			b, err := newBill("prod", template, tr, f, list)
			require.NoError(rt, err)
			return b
		}
		once, twice := reckon(tr), reckon(tr.times(2))
		fixed := func(b bill) float64 { return b.USD - b.VariableUSD }
		assert.InEpsilon(rt, fixed(once), fixed(twice), 1e-9)
		// The first trace of each second is not doubled, so the rest more than doubles, by that many at 5 %.
		const first = 2_628_000 * 0.05 * 5 / 1e6
		assert.InEpsilon(rt, 2*once.VariableUSD+first, twice.VariableUSD, 1e-9)

		more := tr.times(1)
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(tr.Requests))).Draw(rt, "of")
		switch rapid.IntRange(0, 3).Draw(rt, "more of") {
		case 0:
			more.Observations += 1000
		case 1:
			more.Clients++
		case 2:
			more.Products++
		default:
			more.Requests[name] += 1000
		}
		assert.GreaterOrEqual(rt, reckon(more).USD, once.USD-1e-9)
	})
}

// Every function has figures, with where they come from.
func TestFigures(t *testing.T) {
	t.Parallel()
	template, f, _ := project(t, nil)
	for _, function := range template.Functions {
		name := strings.Trim(strings.TrimPrefix(function.CodeURI, "functions/"), "/")
		require.Contains(t, f.Functions, name)
		assert.Positive(t, f.Functions[name].Ms, name)
		assert.NotEmpty(t, f.Functions[name].From, name)
	}
	assert.Len(t, f.Functions, len(template.Functions))
	for name, figure := range f.Functions {
		assert.GreaterOrEqual(t, figure.PeerReadUnits, 0.0, name)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "traffic.yaml")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	var out strings.Builder
	require.NoError(t, run([]string{"-root", "../.."}, &out, io.Discard))
	assert.Contains(t, out.String(), "prod, a month in USD; list prices of us-east-1")
	out.Reset()
	dev := []string{"-root", "../..", "-env", "dev", "-json", "-traffic", file("observationsPerRequest: 1\n")}
	require.NoError(t, run(dev, &out, io.Discard))
	var b bill
	require.NoError(t, json.Unmarshal([]byte(out.String()), &b))
	assert.NotContains(t, b.usd(), "web ACL", "dev has no ClientRateLimit")
	for text, want := range map[string]string{
		"observations: 1\n":                                              "observationsPerRequest: 0",
		"observationsPerRequest: 1\nobservation: 1\n":                    "field observation not found",
		"observationsPerRequest: 1\nclients: -1\n":                       "clients: -1",
		"observationsPerRequest: 1\nrequests: {list-offer: 1}\n":         "list-offer: figures.yaml or the template",
		"observationsPerRequest: 1\nrequests: {record-observation: 1}\n": "follows from observations",
	} {
		require.ErrorContains(t, run([]string{"-root", "../..", "-traffic", file(text)}, io.Discard, io.Discard), want)
	}
	for args, want := range map[string]string{
		"x": "unexpected argument", "-root none": "read the environments", "-root ../.. -env none": `no "none"`,
		"-root ../.. -traffic none": "open none",
	} {
		require.ErrorContains(t, run(strings.Fields(args), io.Discard, io.Discard), want, args)
	}
}

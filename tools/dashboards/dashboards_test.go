package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/gateway"
	"pricing/shared/meter"
	"pricing/shared/testkit/metertest"
)

const root = "../.."

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

// TestCommitted: what is committed is what would be written now.
func TestCommitted(t *testing.T) {
	t.Parallel()
	template, grafana, err := generate(root)
	require.NoError(t, err)
	for file, want := range map[string][]byte{templateFile: template, grafanaFile: grafana} {
		if string(want) != readFile(t, file) { // a test that showed both would fill the screen
			t.Errorf("%s: run `make dashboards` and commit what it writes", file)
		}
	}
}

// TestTemplate: nothing is wrong with CloudWatch's dashboard, and what is would be told.
func TestTemplate(t *testing.T) {
	t.Parallel()
	text := readFile(t, templateFile)
	require.Empty(t, templateFaults([]byte(text)),
		"a new metric goes into metrics.go, and onto a panel in describe.go or into unseen with a reason")

	// All occurrences are replaced.
	tests := map[string]struct{ old, broken, want string }{
		"a metric that is misspelt": {`"DeadlineLeftMs","Env`, `"DeadlineLeft","Env`, "nobody sends pricing/${DeployEnv} DeadlineLeft by"},
		"a metric of AWS's":         {`"SuccessfulRequestLatency"`, `"RequestLatency"`, "nobody sends AWS/DynamoDB RequestLatency by"},
		"a search for one": {
			`MetricName=\"Rejected\"`, `MetricName=\"Refused\"`, "nobody sends pricing/${DeployEnv} Refused by Code",
		},
		"a dimension that is missing": {
			`"Stage","${DeployEnv}",{"label":"4XX"`, `{"label":"4XX"`, "nobody sends AWS/ApiGateway 4XXError by ApiName",
		},
		"a dimension too many":        {`"SdkAttempts",`, `"SdkAttempts","Function","x",`, "SdkAttempts by Environment,Function"},
		"a dimension of a search":     {`,Environment,Reason}`, `,Environment}`, "ThrottledByReason by Environment"},
		"a dimension without a value": {`"TableName","${TableName}",{"id":"read"`, `"TableName",{"id":"read"`, "is no metric"},
		"a value that is not used":    {"${TableName}", "pricing-prod", "TableName is not used"},
		"a value that is not there":   {"${RunbookUrl}", "${RunbookUri}", "${RunbookUri} is nothing"},
		"a member that is misspelt":   {`"yAxis"`, `"yaxes"`, `unknown field "yaxes"`},
		"a member of a series":        {`"stat":"p95"`, `"statistic":"p95"`, `unknown field "statistic"`},
		"a statistic that adds times": {
			`"label":"P95","stat":"p95"`, `"label":"P95","stat":"Sum"`, "Sum is no statistic of AWS/ApiGateway Latency",
		},
		"a statistic that is misspelt": {`"stat":"Maximum"`, `"stat":"Max"`, "Max is no statistic"},
		"a mean of counts":             {`"label":"5XX","stat":"Sum"`, `"label":"5XX","stat":"Average"`, "Average is no statistic"},
		"an axis of another unit":      {`"label":"ms"`, `"label":"s"`, `is "ms", the axis "s"`},
		"a sum at a number's axis":     {`"label":"in 5 minutes"`, `"label":"number"`, `is "in 5 minutes", the axis "number"`},
		"an axis that begins anywhere": {`"label":"ms","min":0`, `"label":"ms"`, "Latency at the gateway: its axis does not begin at 0"},
		"a panel over another":         {`"x":8,"y":8`, `"x":7,"y":8`, "Requests by route: lies over Answers of the gateway"},
		"a panel beside the grid":      {`"x":16,"y":8,"width":8`, `"x":17,"y":8,"width":8`, "Refusals by route: is not on the grid"},
		"one title twice":              {"Refusals by route", "Requests by route", "is the title of two"},
		"an expression of nothing":     {`"id":"starts"`, `"id":"start"`, "no series is called starts"},
		"a series that nothing uses":   {"100 * starts / SUM", "100 / SUM", "the hidden series starts is in no expression"},
		"one id twice":                 {`"id":"calls2"`, `"id":"calls1"`, "two series are called calls1"},
		"a field that no line has":     {"by resourcePath, ", "by resource, ", "the access log has no resource"},
		"a field that was taken away":  {`"errorType":"$context`, `"type":"$context`, "the access log has no errorType"},
		"a log of something else":      {"SOURCE '/aws/apigateway/", "SOURCE '/aws/lambda/", "is not the access log"},
		"a metric that is not shown":   {`"ClockAhead"`, `"BatchSize"`, "ClockAhead: is on no panel"},
		"a reason too many":            {`"Created"`, `"Accepted"`, "Accepted: is on a panel, and a reason"},
		"a metric that nothing reads":  {"MetricName: Accepted\n", "MetricName: Created\n", "Accepted: is billed, and neither"},
		"an alarm on nothing":          {"MetricName: RetryQuotaExceeded\n", "MetricName: RetryQuota\n", "retry-quota: nobody sends"},
		"an alarm that is not shown":   {`"${Alarm}retry-quota"`, `"${Alarm}retries"`, "the alarm retry-quota is shown 0 times"},
		"an alarm that is none":        {`"${Alarm}retry-quota"`, `"${Alarm}retries"`, "there is no alarm retries"},
		"an alarm that is new":         {"-ingest-lag\n", "-ingest-delay\n", "the alarm ingest-delay is shown 0 times"},
		"no dashboard":                 {"  Dashboard:\n", "  Board:\n", "the body is not"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text, tt.old)
			assert.Contains(t, strings.Join(templateFaults([]byte(strings.ReplaceAll(text, tt.old, tt.broken))), "\n"), tt.want)
		})
	}
}

// TestGrafana: the same for Grafana's.
func TestGrafana(t *testing.T) {
	p, err := readProject(root)
	require.NoError(t, err)
	text := readFile(t, grafanaFile)
	require.Empty(t, grafanaFaults([]byte(text), p))

	tests := map[string]struct{ old, broken, want string }{
		"a metric that is misspelt": {
			`"metricName": "DeadlineLeftMs"`, `"metricName": "DeadlineLeft"`, "nobody sends pricing/${DeployEnv} DeadlineLeft by",
		},
		"a dimension that is misspelt": {`"Stage": "`, `"Stages": "`, "nobody sends AWS/ApiGateway Count by ApiName,Stages"},
		"a namespace of nobody":        {`"namespace": "AWS/SQS"`, `"namespace": "AWS/SNS"`, "nobody sends AWS/SNS"},
		"a variable that is dead":      {"${runbook}", "https://example.com", "the variable runbook is not used"},
		"a variable that is not there": {`"name": "environment"`, `"name": "env"`, "${environment} is no variable"},
		"a member that is misspelt":    {`"gridPos"`, `"gridPosition"`, "gridPosition"},
		"a member of a query":          {`"matchExact"`, `"exact"`, "exact"},
		"a member of an option":        {`"axisLabel"`, `"axisLabels"`, "axisLabels"},
		"a mode that is none":          {`"queryMode": "Metrics"`, `"queryMode": "Metric"`, "queryMode"},
		"a panel over another": {
			"\"x\": 8,\n    \"y\": 8\n", "\"x\": 7,\n    \"y\": 8\n", "Requests by route: lies over Answers of the gateway",
		},
		"another unit":                 {`"unit": "ms"`, `"unit": "s"`, "is in Milliseconds, the panel in s"},
		"another axis":                 {`"axisLabel": "ms"`, `"axisLabel": "s"`, `is "ms", the axis "s"`},
		"another statistic":            {`"statistic": "p99"`, `"statistic": "Sum"`, "Sum is no statistic of AWS/Lambda Duration"},
		"an axis that begins anywhere": {`"min": 0`, `"min": 1`, "its axis does not begin at 0"},
		"an expression of nothing":     {`"id": "starts"`, `"id": "start"`, "no series is called starts"},
		"one id twice":                 {"\"id\": 2,", "\"id\": 1,", "its id 1 is another's too"},
		"a field that no line has":     {"by resourcePath, ", "by resource, ", "the access log has no resource"},
		"a metric that is not shown":   {`"metricName": "ClockAhead"`, `"metricName": "BatchSize"`, "ClockAhead: is on no panel"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, text, tt.old)
			assert.Contains(t, strings.Join(grafanaFaults([]byte(strings.ReplaceAll(text, tt.old, tt.broken)), p), "\n"), tt.want)
		})
	}
}

// TestBoth: the two show the same.
func TestBoth(t *testing.T) {
	t.Parallel()
	p, err := readProject(root)
	require.NoError(t, err)
	d := describe(p)
	text, err := cloudwatchBody(d)
	require.NoError(t, err)
	body, err := decodeBody(text)
	require.NoError(t, err)
	var drawn []read
	for _, panel := range body.panels { // as many as a widget of CloudWatch's may have
		assert.LessOrEqual(t, len(panel.alarms), 100, panel.title)
		assert.LessOrEqual(t, len(panel.series), 500, panel.title)
		for _, s := range panel.series {
			drawn = append(drawn, s.of)
		}
	}
	var described []read
	for _, row := range d.Rows {
		for _, panel := range row.Panels {
			for _, s := range panel.Series {
				of := read{}
				if s.Expression == "" {
					of = newRead(s.Namespace, s.Name, s.Dimensions)
				}
				described = append(described, of)
			}
		}
	}
	assert.Equal(t, described, drawn)
	assert.Less(t, len(body.panels), 500, "the most that a dashboard of CloudWatch's may have")
	// Grafana's has the queries of each series, in the order of the description.
	grafana, err := grafanaJSON(d, p.environments)
	require.NoError(t, err)
	want := 0
	for _, of := range described {
		if of != (read{}) {
			want++
		}
	}
	assert.Equal(t, want, strings.Count(string(grafana), `"matchExact": true`))
}

// ownMetric is a metric that code names itself.
var ownMetric = regexp.MustCompile(`\bName: "(\w+)", Unit: meter\.(\w+)`)

// TestOwn: what is known of our metrics is what the code and the metric filters send, no more and no less.
func TestOwn(t *testing.T) {
	t.Parallel()
	sent, err := logged(bytes.NewReader(lines(t)))
	require.NoError(t, err)
	files, err := filepath.Glob(root + "/functions/*/*.go")
	require.NoError(t, err)
	scheduled := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range ownMetric.FindAllStringSubmatch(string(text), -1) {
			scheduled++
			sent[newRead(namespace, m[1], byEnvironment)] = Unit(m[2]) // by no further dimension, as TestOwn_Scheduled tells
			assert.NotContains(t, string(text), "By: meter.", file)
		}
	}
	assert.Positive(t, scheduled)
	p, err := readProject(root)
	require.NoError(t, err)
	require.NotEmpty(t, p.filtered)
	for _, name := range p.filtered {
		sent[newRead(namespace, name, nil)] = Count
	}
	want := map[read]Unit{}
	for _, m := range own {
		of := newRead(namespace, m.Name, m.Dimensions)
		assert.NotContains(t, want, of, "twice")
		want[of] = m.Unit
	}
	assert.Equal(t, want, sent)
	for name, reason := range unseen {
		assert.NotEmpty(t, reason, name)
	}
}

// lines are those of requests with everything that there is to tell.
func lines(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	event := []byte(`{"httpMethod":"POST","resource":"/v1/observations","requestContext":{"authorizer":{"clientId":"c","scopes":"ingest"}}}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	gateway.Serve(ctx, gateway.Endpoint{
		Route: "POST /v1/observations", Scope: "ingest", Source: metertest.Source, Now: time.Now, Log: slog.New(slog.NewJSONHandler(&out, nil)),
		Handle: func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
			meter.Add(ctx, metertest.Everything())
			return gateway.Answer{Items: metertest.Every()}, nil
		},
	}, event)
	gateway.Serve(ctx, gateway.Endpoint{
		Route: "POST /v1/observations", Scope: "ingest", Source: metertest.Source, Now: time.Now, Log: slog.New(slog.NewJSONHandler(&out, nil)),
		Handle: func(context.Context, *gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{}, errors.New("a fault of ours")
		},
	}, event)
	metertest.Extract(t, out.Bytes())
	return out.Bytes()
}

// TestCheck: the sample's log has what is known, and no other.
func TestCheck(t *testing.T) {
	t.Parallel()
	quiet := func(environment string) string {
		var metrics []meter.Metric
		for _, m := range own {
			if m.Rare != "" {
				continue
			}
			metric := meter.Metric{Name: m.Name, Unit: meter.Unit(m.Unit), Values: []int{1}}
			if len(m.Dimensions) > 1 {
				metric.By, metric.Of = m.Dimensions[1], "x"
			}
			metrics = append(metrics, metric)
		}
		var out bytes.Buffer
		for _, attrs := range (meter.Source{Environment: environment, Function: "f"}).Lines(time.Now(), metrics) {
			slog.New(slog.NewJSONHandler(&out, nil)).LogAttrs(t.Context(), slog.LevelInfo, "request", attrs...)
		}
		return "[not JSON]\n" + out.String()
	}
	tests := map[string]struct{ old, broken, want string }{
		"nothing is wrong": {"", "", ""},
		"one is not sent": {
			`{"Name":"Created","Unit":"Count"},`, "", "pricing/${DeployEnv} Created by Environment is known and was not sent",
		},
		"one is misspelt": {`{"Name":"Created"`, `{"Name":"Made"`, "Made by Environment is sent and not known"},
		"a dimension too many": {
			`["Environment"]`, `["Environment"],["Environment","Function"]`, "Created by Environment,Function is sent and not known",
		},
		"another unit": {
			`{"Name":"DurabilityCheckMs","Unit":"Milliseconds"}`, `{"Name":"DurabilityCheckMs","Unit":"Seconds"}`, "is sent in Seconds",
		},
		"another's namespace":   {`"Namespace":"pricing/dev"`, `"Namespace":"pricing/prod"`, "is not that of the environment dev"},
		"a line that is broken": {`"_aws":{`, `"_aws":{{`, "invalid character"},
		"no metrics":            {`"_aws"`, `"aws"`, "no line has metrics"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := quiet("dev")
			require.Contains(t, text, tt.old)
			file := filepath.Join(t.TempDir(), "log.ndjson")
			require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(text, tt.old, tt.broken)), 0o600))
			var out bytes.Buffer
			err := checkLog(file, &out)
			if tt.want == "" {
				require.NoError(t, err)
				assert.Contains(t, out.String(), "metrics of ours, all known here")
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
	require.ErrorIs(t, checkLog("nowhere", &bytes.Buffer{}), os.ErrNotExist)
}

// TestAmazon: what is AWS's has the page of its service, and stands there once.
func TestAmazon(t *testing.T) {
	t.Parallel()
	pages := map[string]string{"AWS/ApiGateway": "/apigateway/", "AWS/Lambda": "/lambda/", "AWS/DynamoDB": "/amazondynamodb/",
		"AWS/SQS": "/AWSSimpleQueueService/"}
	seen := map[read]bool{}
	for _, m := range amazon {
		of := newRead(m.Namespace, m.Name, m.Dimensions)
		assert.False(t, seen[of], of.String())
		seen[of] = true
		require.NotEmpty(t, pages[m.Namespace], m.Namespace)
		assert.True(t, strings.HasPrefix(m.Page, "https://docs.aws.amazon.com"+pages[m.Namespace]), of.String())
		assert.Empty(t, m.Rare, of.String())
	}
}

// TestPlace_Property: wherever panels stand, none lies over another or beside the grid.
func TestPlace_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		side := func(name string, most uint32) *rapid.Generator[Panel] {
			return rapid.Custom(func(rt *rapid.T) Panel {
				return Panel{
					Title: rapid.StringMatching(`[a-z]{12}`).Draw(rt, name), Text: "text",
					Width: rapid.Uint32Range(1, most).Draw(rt, "width"), Height: rapid.Uint32Range(1, 9).Draw(rt, "height"),
				}
			})
		}
		var d Dashboard
		for i, panels := range rapid.SliceOfN(rapid.SliceOfN(side("title", gridWidth), 1, 9), 1, 5).Draw(rt, "rows") {
			d.Rows = append(d.Rows, Row{strings.Repeat("R", i+1), panels})
		}
		d.place()
		text, err := cloudwatchBody(d)
		require.NoError(rt, err)
		drawn, err := decodeBody(text)
		require.NoError(rt, err)
		for _, fault := range drawn.faults(project{}) {
			if strings.Contains(fault, "lies over") || strings.Contains(fault, "grid") {
				rt.Fatal(fault)
			}
		}
	})
}

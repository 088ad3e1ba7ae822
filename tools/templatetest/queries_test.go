package templatetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/local/lambdaruntime"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/meter"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

func init() { lambdacontext.FunctionVersion = "12" } // as in Lambda, whose environment tells it

// Names of the log groups, as the template makes them.
const (
	functionLog  = "/aws/lambda/pricing-prod-x"
	accessLog    = "/aws/apigateway/pricing-prod"
	executionLog = "API-Gateway-Execution-Logs_a1b2c3/prod"
)

// recorded reads a file of events: of each a line with its name, which begins with #, and a line with its text.
func recorded(t *testing.T, file, group string) (log []logEvent) {
	t.Helper()
	name := ""
	for line := range strings.Lines(readFile(t, file)) {
		line = strings.TrimSuffix(line, "\n")
		if comment, ok := strings.CutPrefix(line, "# "); ok {
			name = comment
		} else if line != "" {
			log = append(log, logEvent{name, discover(t, group, line)})
		}
	}
	require.NotEmpty(t, log)
	return log
}

// written makes events of what a function has logged.
func written(t *testing.T, name string, log []byte) (events []logEvent) {
	t.Helper()
	for line := range bytes.Lines(log) {
		events = append(events, logEvent{name, discover(t, functionLog, string(bytes.TrimSpace(line)))})
		name += "+"
	}
	require.NotEmpty(t, events, name)
	return events
}

// requests are the lines of requests with everything that there is to tell, and of one with nothing.
func requests(t *testing.T) (log []logEvent) {
	t.Helper()
	meter.With(t.Context()) // the first of the process would be a cold start
	event := []byte(`{"httpMethod":"POST","resource":"/v1/observations/batch","headers":{"X-Correlation-Id":"corr"},"requestContext":{
		"requestId":"r","extendedRequestId":"ID","authorizer":{"clientId":"c","scopes":"ingest"}}}`)
	const trace = "Root=1-6a4b7c1d-0123456789abcdef01234567"
	traced := context.WithValue(t.Context(), "x-amzn-trace-id", trace) //nolint:staticcheck // aws-lambda-go's own key
	ctx, cancel := context.WithTimeout(traced, time.Hour)
	defer cancel()
	many := metertest.Every()
	many.Lags, many.Rejected = nil, map[string]int{"invalid-field": 1, "too-many-offers": 1}
	for i := range 100 {
		many.Lags = append(many.Lags, time.Duration(i-1)*time.Second)
	}
	single := metertest.Every()
	single.Lags = single.Lags[:1]
	for name, tt := range map[string]struct {
		took  time.Duration
		calls int
		items meter.Items
		err   error
	}{
		"stored":         {20 * time.Millisecond, 1, single, nil},
		"stored slowly":  {1500 * time.Millisecond, 90, many, nil},
		"not found":      {20 * time.Millisecond, 0, meter.Items{}, fault.New(fault.NotFound, fault.CodeUnknownProduct, "")},
		"a busy store":   {20 * time.Millisecond, 1, meter.Items{}, fault.New(fault.Unavailable, fault.CodeThrottled, "")},
		"a fault of us":  {20 * time.Millisecond, 1, meter.Items{}, errors.New("AccessDenied")},
		"nothing to say": {20 * time.Millisecond, 0, meter.Items{}, nil},
	} {
		var out bytes.Buffer
		at := time.Now()
		handler := slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}) // as boot's
		gateway.Serve(ctx, gateway.Endpoint{
			Route: "POST /v1/observations/batch", Scope: "ingest", Source: metertest.Source, Log: slog.New(handler).With("lambdaRequestId", "l"),
			Now: func() time.Time { defer func() { at = at.Add(tt.took) }(); return at },
			Handle: func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
				if tt.calls > 0 {
					meter.Add(ctx, metertest.Everything())
				}
				for range tt.calls {
					meter.AddCall(ctx, meter.Call{Operation: "PutItem", Took: time.Millisecond, Attempts: 2, RequestID: "d"})
				}
				return gateway.Answer{Items: tt.items, About: "p"}, tt.err
			},
		}, event)
		log = append(log, written(t, name, out.Bytes())...)
	}
	return log
}

// programs are functions as they are deployed.
func programs(t *testing.T, names ...string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for i, name := range names {
		names[i] = "./functions/" + name
	}
	cmd := exec.Command("go", append([]string{"build", "-tags=lambda.norpc", "-o", folder + "/"}, names...)...)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return folder
}

// call runs a function for one event, and returns what it logged.
func call(t *testing.T, folder, name, function, event string, env ...string) []logEvent {
	t.Helper()
	var mu sync.Mutex
	var log bytes.Buffer
	pool := lambdaruntime.New(lambdaruntime.Function{
		Name: function, Binary: filepath.Join(folder, function), Directory: t.TempDir(), Timeout: 2 * time.Minute,
		Log: writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(p)
		}),
		Environment: append([]string{
			"DEPLOY_ENV=dev", "HISTORY_DAYS=400", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
			"AWS_LAMBDA_FUNCTION_NAME=pricing-dev-" + function, "AWS_LAMBDA_FUNCTION_VERSION=12", "AWS_LAMBDA_LOG_FORMAT=JSON",
		}, env...),
	})
	_, _ = pool.Invoke(t.Context(), "l", "", []byte(event)) // whether it fails, its log shows
	pool.Close(time.Second)
	mu.Lock()
	defer mu.Unlock()
	return written(t, name, log.Bytes())
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// calls are the lines of the functions that are no endpoints, and of those that cannot reach or believe the table, or cannot start.
func calls(t *testing.T) (log []logEvent) {
	t.Helper()
	client, table := storetest.Table(t)
	built := programs(t, "authorize-request", "check-durability", "reconcile-boards", "forward-logs")
	run := func(name, function, event string, env ...string) {
		log = append(log, call(t, built, name, function, event, env...)...)
	}
	const nobody = "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1"
	here := []string{"TABLE_NAME=" + table, "AWS_ENDPOINT_URL_DYNAMODB=" + storetest.Endpoint(t)}
	foreign := httptest.NewUnstartedServer(nil)
	foreign.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of handshakes that the function breaks off
	foreign.StartTLS()
	defer foreign.Close()
	run("durable", "check-durability", "{}", here...)
	run("not durable", "check-durability", "{}", "TABLE_NAME="+table, "AWS_ENDPOINT_URL_DYNAMODB="+foreign.URL)
	run("no start", "check-durability", "{}")
	storetest.Damage(t, client, table, "self-check-durability")
	run("reconciled", "reconcile-boards", "{}", here...)
	run("not reconciled", "reconcile-boards", "{}", "TABLE_NAME="+table, nobody)
	const deaf = "LOGSTASH_URL=http://127.0.0.1:1"
	run("not forwarded", "forward-logs", readFile(t, "../../events/forward-logs/function.json"), deaf)
	run("not forwarded again", "forward-logs", readFile(t, "../../events/forward-logs/queue.json"), deaf)
	bearer := func(text string) string {
		return `{"methodArn":"arn:aws:execute-api:eu-west-1:1:a/s/GET/v1/offers","authorizationToken":"Bearer ` + text + `"}`
	}
	run("a bad token", "authorize-request", bearer("x"), here...)
	run("no decision", "authorize-request", bearer(token.Mint("dev").String()), "TABLE_NAME="+table, nobody)
	return log
}

// accesses are lines of the gateway's access log, whose format the template spells out. What is not known is - there.
func accesses(t *testing.T) (log []logEvent) {
	t.Helper()
	format := regexp.MustCompile(`(?s)Format: '(\{.*?\})'`).FindStringSubmatch(readFile(t, templateFile))
	require.Len(t, format, 2)
	for name, values := range map[string]map[string]string{
		"answered":           {"status": "200", "functionStatus": "200"},
		"refused":            {"status": "403", "errorType": "ACCESS_DENIED"},
		"failed":             {"status": "503", "functionStatus": "503", "integrationStatus": "200"},
		"without a function": {"status": "500", "errorType": "AUTHORIZER_CONFIGURATION_ERROR"},
	} {
		var line map[string]string
		require.NoError(t, json.Unmarshal([]byte(format[1]), &line))
		for member := range line {
			line[member] = "-"
		}
		for member, value := range values {
			require.Contains(t, line, member)
			line[member] = value
		}
		text, err := json.Marshal(line)
		require.NoError(t, err)
		log = append(log, logEvent{name, discover(t, accessLog, string(text))})
	}
	return log
}

var (
	block   = regexp.MustCompile("(?s)```(insights|access|sh)\n(.*?)```")
	inShell = regexp.MustCompile(`look \d+ '([^']+)'`)
)

// query is one that the runbook tells somebody to run.
type query struct{ look, log, text string }

// queries are all of the runbook's, by the headings that they stand below.
func queries(runbook string) (found []query) {
	for _, section := range strings.Split(runbook, "\n##")[1:] {
		look, _, _ := strings.Cut(strings.TrimLeft(section, "# "), "\n")
		for _, m := range block.FindAllStringSubmatch(section, -1) {
			switch {
			case m[1] != "sh":
				found = append(found, query{look, map[string]string{"insights": functionLog, "access": accessLog}[m[1]], m[2]})
			case inShell.MatchString(m[2]):
				log := functionLog
				if strings.Contains(m[2], "API-Gateway-Execution-Logs_") {
					log = executionLog
				}
				for _, in := range inShell.FindAllStringSubmatch(m[2], -1) {
					found = append(found, query{look, log, in[1]})
				}
			}
		}
	}
	return found
}

// selected are the lines that each query is for, in the order of the runbook.
var selected = []string{
	"How to look: a fault of us; no decision; no start; not durable; not forwarded; not reconciled; reconciled",
	"request: a busy store; a fault of us; not found; nothing to say; report: out of memory (WARN); stored; stored slowly; stored slowly+",
	"crashes: a fatal error of Go, as Lambda makes an object of a line of text; a panic of Go, as it is; a timeout as text; " +
		"done: exit (WARN); done: timeout (WARN); init report: exit (WARN); init: exit (WARN); no start; " +
		"report: exit as a failure (WARN); report: exit as an error (WARN); report: out of memory (WARN); report: timeout (WARN)",
	"memory: report (INFO); report of a cold start (INFO); report of an error that the function answered (WARN); " +
		"report: exit as a failure (WARN); report: exit as an error (WARN); report: out of memory (WARN); report: timeout (WARN)",
	"versions: a busy store; a fault of us",
	"faults: a fault of us; no decision; no start; not durable; not forwarded; not reconciled; reconciled",
	"slow: stored slowly",
	"cold: a bad token; durable; no decision; not durable; not forwarded; not forwarded again; not reconciled; reconciled+",
	"store: a busy store; a fault of us; no decision; not durable; not reconciled; stored; stored slowly",
	"store: a busy store; a fault of us; no decision; stored; stored slowly",
	"throttles: a busy store; a fault of us; stored; stored slowly",
	"trust: not durable",
	"units: a busy store; a fault of us; durable; no decision; not durable; not reconciled; reconciled+; stored; stored slowly",
	"outcomes: stored; stored slowly",
	"rejections: stored; stored slowly; stored slowly+",
	"lag: stored; stored slowly",
	"authorizer: a fault of us; no decision", // the former is in no log of the authorizer's
	"checks: durable; not durable",
	"differences: reconciled",
	"reconciled: not reconciled; reconciled+",
	"forwarded: not forwarded; not forwarded again",
	"gateway: failed; without a function",
	"refusals: refused",
	"execution: a function that it may not call; a function that took too long; an authorizer that failed",
}

// TestRunbook_Queries runs each query of the runbook on lines of the logs: what functions write, as their code makes it, what Lambda and
// the gateway write, as documented. It must select the lines that it is for, and each field that it names must be in one of them.
func TestRunbook_Queries(t *testing.T) {
	t.Parallel()
	logs := map[string][]logEvent{
		functionLog:  slices.Concat(recorded(t, "testdata/lambda.log", functionLog), requests(t), calls(t)),
		accessLog:    accesses(t),
		executionLog: recorded(t, "testdata/execution.log", executionLog),
	}
	answers := func(runbook string) string {
		var all []string
		for _, q := range queries(runbook) {
			found, wrong := ask(q.text, logs[q.log])
			all = append(all, strings.Join(append([]string{q.look + ": " + strings.Join(found, "; ")}, wrong...), "\n"))
		}
		return strings.Join(all, "\n")
	}
	runbook := readFile(t, runbookFile)
	require.Equal(t, strings.Join(selected, "\n"), answers(runbook))
	for old, broken := range map[string]string{
		"durationMs > 1000":                 "duration > 1000",
		"max(items)":                        "max(item)",
		"by resourcePath, status":           "by route, status", // of the other log
		`record.status = "timeout"`:         `record.status = "timed out"`,
		`record.errorType like /^(Runtime|`: `record.errorType like /^(runtime|`,
		`"platform.report"`:                 `"platform.reports"`,
		"record.metrics.maxMemoryUsedMB":    "record.maxMemoryUsedMB",
		"record.metrics.initDurationMs":     "record.metrics.initDuration",
		`or record.requestId = "ID"`:        `or record.lambdaRequestId = "ID"`,
		`level = "ERROR"`:                   `level = "error"`,
		`outcome = "internal"`:              `outcome = "Internal"`,
		"error like /x509":                  "message like /x509",
		"IngestLagSeconds.0":                "IngestLagSeconds.1000",
		"like /Execution failed/":           "like /execution failed/",
		"| sort written desc":               "| sort writes desc",
	} {
		require.Contains(t, runbook, old)
		assert.NotEqual(t, strings.Join(selected, "\n"), answers(strings.Replace(runbook, old, broken, 1)), broken)
	}

	// The template's metric filters count what they are for in the same lines.
	counted := map[string]string{
		"AuthorizeRequestInternalMetric": "a fault of us; no decision",
		"AuthorizeRequestCrashesMetric": "report: exit as a failure (WARN); report: exit as an error (WARN); report: out of memory (WARN); " +
			"report: timeout (WARN)",
	}
	for id, properties := range projectResources(t) {
		pattern, _ := properties["FilterPattern"].(string)
		if pattern == "" { // a subscription's, which takes every line
			continue
		}
		found, wrong := ask("filter "+asQuery(pattern), logs[functionLog])
		assert.Equal(t, counted[id], strings.Join(append(found, wrong...), "; "), id)
		delete(counted, id)
	}
	assert.Empty(t, counted)
}

// asQuery writes a pattern of a metric filter in the language of queries. A * at the end of a text is any text.
func asQuery(pattern string) string {
	words := strings.NewReplacer("{", "", "}", "", "$.", "", "&&", "and", "||", "or").Replace(pattern)
	return regexp.MustCompile(`= "([^"*]*)\*"`).ReplaceAllString(words, "like /^$1/")
}

// TestProject_Logs: alarms that tell of something tell of its end too. The execution role may make every log group.
func TestProject_Logs(t *testing.T) {
	t.Parallel()
	account := readFile(t, accountFile)
	alarms, groups := 0, 0
	for id, r := range projectResources(t) {
		if r["AlarmName"] != nil && r["AlarmActions"] != nil {
			alarms++
			assert.Equal(t, r["AlarmActions"], r["OKActions"], id)
		}
		name, ok := r["LogGroupName"].(string)
		if !ok || r["RetentionInDays"] == nil {
			continue
		}
		groups++
		name = strings.NewReplacer("${DeployEnv}", "${Env}", "${Api}", "*").Replace(name)
		if strings.HasPrefix(name, "/aws/lambda/pricing-${Env}-") {
			name = "/aws/lambda/pricing-${Env}-*"
		}
		assert.Contains(t, account, ":log-group:"+name+"\n", id)
	}
	assert.Greater(t, alarms, 50)
	assert.Equal(t, len(functionFolders(t))+2, groups)
}

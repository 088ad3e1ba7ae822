package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Dashboard is what both dashboards are made of.
type Dashboard struct{ Rows []Row }

// Row is a title and the panels below it, from left to right.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel is one rectangle: a graph, or if there are no series, the answers of a query of logs, alarms or a text.
type Panel struct {
	Title         string
	Width, Height uint32 // the grid is 24 wide
	X, Y          uint32 // set by place

	Unit    Unit
	Signed  bool // values may be below 0
	Stacked bool
	Days    int // shows the last so many days, whatever is chosen
	Series  []Series
	Lines   []Line // horizontal ones

	Logs   *Logs
	Alarms []string // names, without the environment's prefix
	Text   string   // Markdown
}

// Series is a metric with the values of its dimensions and a statistic, or an expression over others of the panel.
type Series struct {
	Metric
	Values    []string // of the dimensions, in their order; each means one series for each value that there is
	Statistic string
	Label     string // of series for each value, what comes before the value
	Period    int    // in seconds; 0 is period
	ID        string // by which expressions name it
	Hidden    bool   // it is there for an expression alone

	Expression string // metric math of CloudWatch's
}

const (
	each   = "*"
	period = 300 // seconds that a point is about, whatever range is shown: so a sum can be read
)

// Line is a horizontal line: where an alarm rings.
type Line struct {
	Label string
	Value float64
}

// Logs is a query of Logs Insights.
type Logs struct {
	Group string
	Query string
}

const (
	gridWidth = 24
	high      = 6
	accessLog = "/aws/apigateway/pricing-" + environment
)

// Names that CloudFormation and Grafana replace, each in their own way.
const (
	tableName = "${TableName}"
	region    = "${AWS::Region}"
	runbook   = "${RunbookUrl}"
)

// describe says what is shown.
func describe(p project) Dashboard {
	d := Dashboard{Rows: []Row{
		alarmsRow(p), trafficRow(p), latencyRow(p), failuresRow(p), observationsRow(p), tableRow(p), checksRow(), logsRow(p),
	}}
	d.place()
	return d
}

func alarmsRow(p project) Row {
	var service, functions []string
	for _, a := range p.alarms {
		switch {
		case !a.tells: // a part of another
		case p.ofFunction(a.name):
			functions = append(functions, a.name)
		default:
			service = append(service, a.name)
		}
	}
	text := `An alarm's name is its heading in the [runbook](` + runbook + `), ` + "`ops/runbook.md`" + `: what it means, who feels it, what to
look at, what to do.

One request, by any id that a client or a log has:

    go run ./tools/trace -env ` + environment + ` ID

A sum is over five minutes. Several alarms at once: begin with those of the table, then those of single functions.`
	return Row{"Alarms", []Panel{
		{Title: "Where to go from here", Width: 6, Height: high, Text: text},
		{Title: "Alarms of the service", Width: 9, Height: high, Alarms: service},
		{Title: "Alarms of functions", Width: 9, Height: high, Alarms: functions},
	}}
}

func trafficRow(p project) Row {
	answers := Panel{Title: "Answers of the gateway", Width: 8, Height: high, Unit: Count, Series: []Series{
		ofGateway("Count", "Sum", "requests"), ofGateway("4XXError", "Sum", "4XX"), ofGateway("5XXError", "Sum", "5XX"),
	}}
	requests := Panel{Title: "Requests by route", Width: 8, Height: high, Unit: Count, Stacked: true}
	for _, f := range p.endpoints() {
		requests.Series = append(requests.Series, ofLambda("Invocations", "Sum", f, f.route))
	}
	// The gateway's metrics by route cost more than this query: docs/decisions/0036.
	refusals := Panel{Title: "Refusals by route", Width: 8, Height: high, Logs: &Logs{accessLog, `filter status >= 400
| stats count(*) as refused by resourcePath, status, errorType
| sort refused desc
| limit 50`}}
	return Row{"Traffic and refusals", []Panel{answers, requests, refusals}}
}

func latencyRow(p project) Row {
	whole := Panel{Title: "Latency at the gateway", Width: 6, Height: high, Unit: Milliseconds, Series: []Series{
		ofGateway("Latency", "p50", "P50"), ofGateway("Latency", "p95", "P95"), ofGateway("Latency", "p99", "P99"),
		ofGateway("IntegrationLatency", "p99", "P99 of functions"),
	}}
	functions := Panel{Title: "Duration by function, P99", Width: 6, Height: high, Unit: Milliseconds}
	cold := Panel{Title: "Cold starts, share of all calls", Width: 6, Height: high, Unit: Percent}
	ids := make([]string, len(p.functions))
	for i, f := range p.functions {
		if !f.scheduled() {
			functions.Series = append(functions.Series, ofLambda("Duration", "p99", f, f.name))
		}
		ids[i] = fmt.Sprintf("calls%d", i+1)
		calls := ofLambda("Invocations", "Sum", f, f.name)
		calls.ID, calls.Hidden = ids[i], true
		cold.Series = append(cold.Series, calls)
	}
	starts := ours("ColdStart", "Sum", "cold starts")
	starts.ID, starts.Hidden = "starts", true
	cold.Series = append(cold.Series, starts, Series{
		Expression: "100 * starts / SUM([" + strings.Join(ids, ", ") + "])", Label: "cold", Metric: Metric{Unit: Percent},
	})
	left := Panel{Title: "Least time left before the timeout", Width: 6, Height: high, Unit: Milliseconds,
		Series: []Series{ours("DeadlineLeftMs", "Minimum", "left")}, Lines: []Line{{"deadline rings below", p.threshold("deadline")}}}
	return Row{"Latency", []Panel{whole, functions, cold, left}}
}

// budget is the share of requests, of a month's, that may fail.
const budget = 0.001

func failuresRow(p project) Row {
	ratio := func(suffix string, seconds int) (failures, requests Series) {
		failures, requests = ofGateway("5XXError", "Sum", "5XX"), ofGateway("Count", "Sum", "requests")
		failures.ID, requests.ID = "failures"+suffix, "requests"+suffix
		failures.Hidden, requests.Hidden = true, true
		failures.Period, requests.Period = seconds, seconds
		return failures, requests
	}
	// The alarms ring by percents that fail.
	burns := func(alarm string) float64 { return math.Round(p.threshold(alarm)/(100*budget)*1000) / 1000 }
	burn := Panel{Title: "Error budget: how many times too fast it is used", Width: 8, Height: high, Unit: Times,
		Lines: []Line{{"burn-fast", burns("burn-fast-1h")}, {"burn-slow", burns("burn-slow-6h")}, {"burn-ticket", burns("burn-ticket-3d")}}}
	for _, window := range []struct {
		suffix, label string
		seconds       int
	}{{"Hour", "over an hour", 3600}, {"Hours", "over six hours", 6 * 3600}} {
		failures, requests := ratio(window.suffix, window.seconds)
		burn.Series = append(burn.Series, failures, requests, Series{
			Expression: fmt.Sprintf("%g * failures%[2]s / requests%[2]s", 1/budget, window.suffix), Label: window.label,
			Metric: Metric{Unit: Times}, Period: window.seconds,
		})
	}
	failures, requests := ratio("", 3600)
	used := fmt.Sprintf("%g * RUNNING_SUM(failures) / RUNNING_SUM(requests)", 100/budget)
	left := Panel{Title: "Error budget: what is left of 30 days", Width: 8, Height: high, Unit: Percent, Signed: true, Days: 30,
		Series: []Series{failures, requests, {Expression: "100 - " + used, Label: "left", Metric: Metric{Unit: Percent}, Period: 3600}},
		Lines:  []Line{{"used up", 0}}}
	faults := Panel{Title: "Answers of 500", Width: 8, Height: high, Unit: Count, Series: []Series{
		ours("InternalErrors", "Sum", "", each),
		ours("AuthorizerInternalErrors", "Sum", "authorizer"), ours("AuthorizerCrashes", "Sum", "authorizer, no answer"),
	}}
	crashes := Panel{Title: "Calls that got no answer", Width: 8, Height: high, Unit: Count}
	throttles := Panel{Title: "Calls refused for want of concurrency", Width: 8, Height: high, Unit: Count}
	for _, f := range p.functions {
		if f.route != "" || f.scheduled() { // the authorizer answers a bad token with an error
			crashes.Series = append(crashes.Series, ofLambda("Errors", "Sum", f, f.name))
		}
		throttles.Series = append(throttles.Series, ofLambda("Throttles", "Sum", f, f.name))
	}
	concurrency := Panel{Title: "Concurrent executions of the account", Width: 8, Height: high, Unit: Count, Series: []Series{
		amazonSeries("AWS/Lambda", "ConcurrentExecutions", "Maximum", "all functions", nil),
	}}
	return Row{"Failures and error budget", []Panel{burn, left, faults, crashes, throttles, concurrency}}
}

func observationsRow(p project) Row {
	outcomes := Panel{Title: "Observations by outcome", Width: 9, Height: high, Unit: Count, Stacked: true}
	for _, name := range []string{"Created", "Changed", "Unchanged", "Late", "Duplicate", "Conflict", "Throttled"} {
		outcomes.Series = append(outcomes.Series, ours(name, "Sum", strings.ToLower(name)))
	}
	outcomes.Series = append(outcomes.Series, ours("Rejected", "Sum", "rejected:", each))
	sizes := Panel{Title: "Observations of a request", Width: 5, Height: high, Unit: Count, Series: []Series{
		ours("BatchSize", "p50", "half have at most"), ours("BatchSize", "Maximum", "most"),
	}}
	lag := Panel{Title: "How old they arrive", Width: 5, Height: high, Unit: Seconds,
		Series: []Series{ours("IngestLagSeconds", "p50", "P50"), ours("IngestLagSeconds", "p99", "P99")},
		Lines:  []Line{{"ingest-lag rings above", p.threshold("ingest-lag")}}}
	ahead := Panel{Title: "Observed in the future, by a wrong clock", Width: 5, Height: high, Unit: Count,
		Series: []Series{ours("ClockAhead", "Sum", "ahead")}}
	return Row{"Observations", []Panel{outcomes, sizes, lag, ahead}}
}

func tableRow(p project) Row {
	units := Panel{Title: "Units a second", Width: 8, Height: high, Unit: PerSecond, Lines: []Line{
		{"reads of a new table", 12000}, {"writes of a new table", 4000},
	}}
	for _, of := range []struct{ id, metric, label, index string }{
		{"read", "ConsumedReadCapacityUnits", "reads", ""}, {"written", "ConsumedWriteCapacityUnits", "writes", ""},
		{"readIndex", "ConsumedReadCapacityUnits", "reads of products", "products"},
		{"writtenIndex", "ConsumedWriteCapacityUnits", "writes to products", "products"},
	} {
		dimensions, values := byTable, []string{tableName}
		if of.index != "" {
			dimensions, values = byIndex, append(values, of.index)
		}
		s := amazonSeries("AWS/DynamoDB", of.metric, "Sum", of.label, dimensions, values...)
		s.ID, s.Hidden = of.id, true
		units.Series = append(units.Series, s, Series{
			Expression: of.id + " / PERIOD(" + of.id + ")", Label: of.label, Metric: Metric{Unit: PerSecond},
		})
	}
	throttles := Panel{Title: "Throttled, by DynamoDB's reason: KeyRange is a hot key", Width: 8, Height: high, Unit: Count, Series: []Series{
		ours("ThrottledByReason", "Sum", "", each),
		amazonSeries("AWS/DynamoDB", "ReadThrottleEvents", "Sum", "reads, all", byTable, tableName),
		amazonSeries("AWS/DynamoDB", "WriteThrottleEvents", "Sum", "writes, all", byTable, tableName),
	}}
	calls := Panel{Title: "Calls sent, and what the SDK met", Width: 8, Height: high, Unit: Count, Series: []Series{
		ours("SdkAttempts", "Sum", "calls, repeats included"), ours("RetryQuotaExceeded", "Sum", "given up"),
		ours("Unprocessed", "Sum", "keys left over"), ours("ConditionalOwnWrite", "Sum", "own writes recognised"),
	}}
	latency := Panel{Title: "DynamoDB's own latency, mean", Width: 12, Height: high, Unit: Milliseconds}
	errors := Panel{Title: "DynamoDB's own failures", Width: 12, Height: high, Unit: Count}
	for _, operation := range p.operations {
		latency.Series = append(latency.Series,
			amazonSeries("AWS/DynamoDB", "SuccessfulRequestLatency", "Average", operation, byOperation, tableName, operation))
		errors.Series = append(errors.Series, amazonSeries("AWS/DynamoDB", "SystemErrors", "Sum", operation, byOperation, tableName, operation))
	}
	return Row{"Table", []Panel{units, throttles, calls, latency, errors}}
}

func checksRow() Row {
	return Row{"Scheduled checks", []Panel{
		{Title: "Durability: written and found again", Width: 6, Height: high, Unit: Count,
			Series: []Series{ours("DurabilityHeartbeat", "Sum", "checks")}},
		{Title: "Durability: how long a check takes", Width: 6, Height: high, Unit: Milliseconds,
			Series: []Series{ours("DurabilityCheckMs", "Maximum", "longest")}},
		{Title: "Boards compared with their history", Width: 6, Height: high, Unit: Count, Series: []Series{
			ours("ReconciledProducts", "Sum", "products compared"), ours("BoardDifferences", "Sum", "differences"),
			ours("OrphanURLsRemoved", "Sum", "orphan urls removed"),
		}},
		{Title: "Scheduled calls that failed for good", Width: 6, Height: high, Unit: Count, Series: []Series{
			amazonSeries("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", "in the queue", byQueue,
				prefix+"failed-schedules"),
		}},
	}}
}

func logsRow(p project) Row {
	const queue = prefix + "failed-logs"
	return Row{"Logs to Logstash, where LogstashUrl is set", []Panel{
		{Title: "Log events that arrived", Width: 8, Height: high, Unit: Count, Series: []Series{ours("ForwardedEvents", "Sum", "events")}},
		{Title: "Age of the newest event that arrived", Width: 8, Height: high, Unit: Seconds,
			Series: []Series{ours("ForwardLagSeconds", "Minimum", "least"), ours("ForwardLagSeconds", "Maximum", "greatest")},
			Lines:  []Line{{"forward-lag rings above", p.threshold("forward-lag")}}},
		{Title: "Deliveries that wait", Width: 8, Height: high, Unit: Count, Series: []Series{
			amazonSeries("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", "to be tried", byQueue, queue),
			amazonSeries("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "Maximum", "just tried", byQueue, queue),
		}},
	}}
}

// endpoints are the functions that have a route.
func (p project) endpoints() []function {
	return slices.DeleteFunc(slices.Clone(p.functions), func(f function) bool { return f.route == "" })
}

// scheduled reports whether nobody waits for the function: a schedule or logs call it, and neither a route nor the gateway for a token.
func (f function) scheduled() bool { return f.route == "" && f.name != "authorize-request" }

// ours is a metric of our own. A dimension besides the environment has a value of its own.
func ours(name, statistic, label string, further ...string) Series {
	i := slices.IndexFunc(own, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Series{Metric: Metric{Namespace: namespace, Name: name}, Statistic: statistic, Label: label} // a check names it
	}
	m := own[i]
	m.Namespace = namespace
	values := further
	if len(m.Dimensions) > 0 {
		values = append([]string{environment}, further...)
	}
	return Series{Metric: m, Values: values, Statistic: statistic, Label: label}
}

func amazonSeries(namespace, name, statistic, label string, dimensions []string, values ...string) Series {
	s := Series{Metric: Metric{Namespace: namespace, Name: name, Dimensions: dimensions}, Values: values, Statistic: statistic, Label: label}
	for _, m := range amazon {
		if newRead(m.Namespace, m.Name, m.Dimensions) == newRead(namespace, name, dimensions) {
			s.Metric = m
		}
	}
	return s
}

func ofGateway(name, statistic, label string) Series {
	return amazonSeries("AWS/ApiGateway", name, statistic, label, byStage, "pricing-"+environment, environment)
}

func ofLambda(name, statistic string, f function, label string) Series {
	return amazonSeries("AWS/Lambda", name, statistic, label, byLambda, prefix+f.name)
}

// place puts the rows one below the other, each below a line for its title, and the panels of a row side by side while there is room.
func (d Dashboard) place() {
	y := uint32(0)
	for r := range d.Rows {
		y++
		x, tallest := uint32(0), uint32(0)
		for i := range d.Rows[r].Panels {
			p := &d.Rows[r].Panels[i]
			if x+p.Width > gridWidth {
				x, y, tallest = 0, y+tallest, 0
			}
			p.X, p.Y = x, y
			x, tallest = x+p.Width, max(tallest, p.Height)
		}
		y += tallest
	}
}

package meter

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Source is whose metrics they are. The zero Source has none.
type Source struct {
	Environment string // of DEPLOY_ENV; it names the namespace as well, pricing/<environment>
	Function    string // Lambda's name of the function
}

// The dimensions. A metric is counted for the environment, or for each value of one further dimension instead: CloudWatch bills every
// set of values as a metric of its own, so there is none that no alarm and no dashboard reads (docs/decisions/0036). Code and Reason
// are closed lists; nothing a client chooses may become a dimension.
const (
	Environment = "Environment"
	Function    = "Function"
	Code        = "Code"
	Reason      = "Reason"
)

// Unit is one of CloudWatch's units.
type Unit string

// The units in use.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
)

// Metric is what CloudWatch is to know under one name.
type Metric struct {
	Name   string // a Go identifier, not yet a member of the log line
	Unit   Unit
	Values []int  // one sample each, at least one, none below 0: CloudWatch has no percentiles of a period with a negative one
	By, Of string // a further dimension and its value, or nothing. Of Function the value is the source's
}

// Limits of CloudWatch's embedded metric format.
const (
	maxMetrics = 100 // of one directive, here of all of a line
	maxValues  = 100 // of one metric
)

// accepted are the outcomes that acknowledge an observation, in the order in which answers count them.
var accepted = []string{"created", "changed", "unchanged", "late", "duplicate"}

// names are the metrics of the outcomes that have no further dimension.
var names = map[string]string{
	"created": "Created", "changed": "Changed", "unchanged": "Unchanged", "late": "Late", "duplicate": "Duplicate",
	"conflict": "Conflict", "throttled": "Throttled",
}

// Metrics lists the metrics of a request. left is what remained of Lambda's time at its end, 0 when it had no deadline.
// A count of 0 is left out, except Accepted, because an alarm looks for its 0. Nothing is negative: time that is used up is 0
// left, and an observation from the future, by the clock that received it, has a lag of 0 and counts as ClockAhead.
func (m *Meter) Metrics(left time.Duration, items Items) []Metric {
	metrics := make([]Metric, 0, 12)
	count := func(name string, n int) {
		if n > 0 {
			metrics = append(metrics, Metric{Name: name, Unit: Count, Values: []int{n}})
		}
	}
	by := func(name, dimension string, counts map[string]int) {
		for _, of := range slices.Sorted(maps.Keys(counts)) {
			metrics = append(metrics, Metric{Name: name, Unit: Count, Values: []int{counts[of]}, By: dimension, Of: of})
		}
	}
	if m.cold {
		count("ColdStart", 1)
	}
	if left != 0 {
		metrics = append(metrics, Metric{Name: "DeadlineLeftMs", Unit: Milliseconds, Values: []int{int(max(0, left).Milliseconds())}})
	}
	c := m.Counts()
	count("SdkAttempts", c.Attempts)
	count("RetryQuotaExceeded", c.QuotaExceeded)
	count("ConditionalOwnWrite", c.OwnWrites)
	count("Unprocessed", c.Unprocessed)
	by("ThrottledByReason", Reason, c.Throttles)
	total := items.Total()
	if items.DryRun || items.Products || total == 0 {
		return metrics
	}
	count("BatchSize", total)
	for _, outcome := range slices.Sorted(maps.Keys(items.Outcomes)) {
		if name, ok := names[outcome]; ok {
			count(name, items.Outcomes[outcome])
		}
	}
	by("Rejected", Code, items.Rejected)
	stored := 0
	for _, outcome := range accepted {
		stored += items.Outcomes[outcome]
	}
	metrics = append(metrics, Metric{Name: "Accepted", Unit: Count, Values: []int{stored}})
	if len(items.Lags) > 0 {
		lags, ahead := make([]int, len(items.Lags)), 0
		for i, lag := range items.Lags {
			lags[i] = int(max(0, lag).Round(time.Second) / time.Second)
			if lag < 0 {
				ahead++
			}
		}
		count("ClockAhead", ahead)
		metrics = append(metrics, Metric{Name: "IngestLagSeconds", Unit: Seconds, Values: lags})
	}
	return metrics
}

// Lines puts metrics into the attributes of as few log lines as the format allows, at least one, which is empty when
// there is nothing to tell. A line has one value for each dimension and one member for each name: what would be a
// second of either goes to the next line. CloudWatch adds them up.
func (s Source) Lines(at time.Time, metrics []Metric) [][]slog.Attr {
	if s.Environment == "" || s.Function == "" || len(metrics) == 0 {
		return make([][]slog.Attr, 1)
	}
	var lines [][]Metric
	for _, m := range metrics {
		i := slices.IndexFunc(lines, func(line []Metric) bool { return fits(line, m) })
		if i < 0 {
			i, lines = len(lines), append(lines, make([]Metric, 0, min(len(metrics), maxMetrics)))
		}
		lines[i] = append(lines[i], m)
	}
	attrs := make([][]slog.Attr, len(lines))
	for i, line := range lines {
		attrs[i] = s.attrs(at, line)
	}
	return attrs
}

// fits reports whether a line can take one more metric.
func fits(line []Metric, m Metric) bool {
	return len(line) < maxMetrics && !slices.ContainsFunc(line, func(other Metric) bool {
		return other.Name == m.Name || m.By != "" && other.By == m.By && other.Of != m.Of
	})
}

// attrs describes the metrics of one line to CloudWatch, with a directive for each set of dimensions, and gives them
// and their dimensions. The function is a member of every line, since people ask for it. The description is written by hand: by
// reflection it would take as long as the rest of the line.
func (s Source) attrs(at time.Time, line []Metric) []slog.Attr {
	attrs := make([]slog.Attr, 0, len(line)+5)
	attrs = append(attrs, slog.String(Environment, s.Environment), slog.String(Function, s.Function))
	aws := make([]byte, 0, 256+48*len(line))
	aws = strconv.AppendInt(append(aws, `{"Timestamp":`...), at.UnixMilli(), 10)
	aws = append(aws, `,"CloudWatchMetrics":[`...)
	for _, by := range []string{"", Code, Function, Reason} {
		first := true
		for _, m := range line {
			if m.By != by {
				continue
			}
			if first {
				aws = append(append(append(aws, `{"Namespace":"pricing/`...), s.Environment...),
					`","Dimensions":[["Environment"`...)
				if by != "" {
					aws = append(append(append(aws, `,"`...), by...), '"')
				}
				if by != "" && by != Function {
					attrs = append(attrs, slog.String(by, m.Of))
				}
				aws = append(aws, `]],"Metrics":[`...)
				first = false
			}
			aws = append(append(append(append(append(aws, `{"Name":"`...), m.Name...), `","Unit":"`...), m.Unit...), `"},`...)
			attrs = append(attrs, m.attr())
		}
		if !first {
			aws = append(aws[:len(aws)-1], `]},`...)
		}
	}
	aws = append(aws[:len(aws)-1], `]}`...)
	return append(attrs, slog.Any("_aws", json.RawMessage(aws)))
}

func (m Metric) attr() slog.Attr {
	if len(m.Values) == 1 {
		return slog.Int(m.Name, m.Values[0])
	}
	return slog.Any(m.Name, thinned(m.Values))
}

// thinned returns at most maxValues of the values: all, or those of equally distant ranks, the least and the greatest
// among them, so that percentiles stay what they were.
func thinned(values []int) []int {
	if len(values) <= maxValues {
		return values
	}
	sorted, some := slices.Sorted(slices.Values(values)), make([]int, maxValues)
	for i := range some {
		some[i] = sorted[i*(len(sorted)-1)/(maxValues-1)]
	}
	return some
}

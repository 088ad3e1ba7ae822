package gateway

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"pricing/shared/fault"
	"pricing/shared/meter"
)

// logLine is what becomes the request's log line.
type logLine struct {
	start   time.Time
	meter   *meter.Meter
	route   string
	request *Request // not all of it, if the event could not be read
	bytesIn int
	code    string // of the fault, if any
}

// write logs the line: at ERROR when the fault is ours, WARN when the client may try again, else INFO. The request's
// metrics are members of it. CloudWatch takes one value of a dimension from a line, so a second reason for rejections or
// throttles has a line of its own, with nothing but the metric.
func (l logLine) write(ctx context.Context, e Endpoint, answer Answer, err error, out Response) {
	level := slog.LevelInfo
	outcome := "ok"
	switch {
	case out.StatusCode == http.StatusInternalServerError, answer.Items.Outcomes[failed] > 0,
		answer.Cause != nil && !fault.Is(answer.Cause, fault.Unavailable):
		level = slog.LevelError
	case out.StatusCode == http.StatusServiceUnavailable || answer.Retry:
		level = slog.LevelWarn
	}
	if l.code != "" {
		outcome = l.code
	}
	outcomes := answer.Items.Outcomes
	if len(outcomes) == 1 {
		outcome = slices.Collect(maps.Keys(outcomes))[0]
	}
	method, _, _ := strings.Cut(l.route, " ")
	took := e.Now().Sub(l.start)
	const most = 48 // of a request with every outcome; less would grow three times
	product := cmp.Or(answer.About, l.request.event.PathParameters["productId"])
	if !isID(product) {
		product = ""
	}
	attrs := append(make([]slog.Attr, 0, most),
		slog.String("route", l.route), slog.String("method", method), slog.Int("status", out.StatusCode), slog.String("outcome", outcome),
		slog.Float64("durationMs", meter.Ms(took)), slog.Bool("coldStart", l.meter.Cold()),
		slog.Int("bytesIn", l.bytesIn), slog.Int("bytesOut", len(out.Body)),
	)
	attrs = append(attrs, l.meter.Attrs()...)
	var left time.Duration
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
		attrs = append(attrs, slog.Float64("deadlineLeftMs", meter.Ms(left)))
	}
	trace, _ := ctx.Value("x-amzn-trace-id").(string) // where aws-lambda-go puts it
	for _, text := range []struct{ name, value string }{
		{"requestId", l.request.id}, {"correlationId", l.request.correlation}, {"clientId", l.request.Caller.Client}, {"traceId", traceID(trace)},
		{"functionVersion", lambdacontext.FunctionVersion}, {"errorCode", l.code}, {"observationId", answer.ID},
		{"productId", product}, // a member, never a dimension: there are too many
	} {
		if text.value != "" {
			attrs = append(attrs, slog.String(text.name, printable(text.value)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		attrs = append(attrs, slog.Int(name, outcomes[name]))
	}
	if items := answer.Items.Total(); items > 0 {
		attrs = append(attrs, slog.Int("items", items))
	}
	if answer.Items.DryRun {
		attrs = append(attrs, slog.Bool("dryRun", true))
	}
	if err != nil && level != slog.LevelInfo {
		attrs = append(attrs, slog.String("error", printable(err.Error())))
	}
	metrics := l.meter.Metrics(left, answer.Items)
	if level == slog.LevelError { // Lambda counts no error: it was answered, and of a batch perhaps with 207
		metrics = append(metrics, meter.Metric{Name: "InternalErrors", Unit: meter.Count, Values: []int{1}, By: meter.Function})
	}
	lines := e.Source.Lines(l.start, metrics)
	attrs = append(attrs, lines[0]...)
	attrs = append(attrs, l.meter.CallList(took, out.StatusCode >= http.StatusInternalServerError)...)
	e.Log.LogAttrs(ctx, level, "request", attrs...)
	for _, more := range lines[1:] {
		if id := l.request.id; id != "" {
			more = append(more, slog.String("requestId", printable(id)))
		}
		e.Log.LogAttrs(ctx, slog.LevelInfo, "metrics", more...)
	}
}

// failed is the outcome of an item that we have to mend something for, whatever became of its neighbours.
const failed = "failed"

// traceID returns the root of a trace header, "Root=1-...;Parent=...;Sampled=0", by which X-Ray knows the trace. It is empty
// for what is none: a client can send any text.
func traceID(header string) string {
	for part := range strings.SplitSeq(header, ";") {
		id, ok := strings.CutPrefix(strings.TrimSpace(part), "Root=")
		if parts := strings.Split(id, "-"); ok && len(parts) == 3 && parts[0] == "1" && hexOf(parts[1], 8) && hexOf(parts[2], 24) {
			return id
		}
	}
	return ""
}

func hexOf(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == ""
}

// printable escapes what slog's JSON lets through although it changes how a line is shown: bidirectional controls,
// zero-width and other non-graphic runes. Newlines are left to slog, which escapes them.
func printable(s string) string {
	var out strings.Builder
	for _, r := range s {
		if unicode.IsGraphic(r) || r == '\n' || r == '\t' {
			out.WriteRune(r)
			continue
		}
		out.WriteString(`\u{`)
		const hex = "0123456789abcdef"
		for shift := 20; shift >= 0; shift -= 4 {
			out.WriteByte(hex[r>>shift&15])
		}
		out.WriteByte('}')
	}
	return out.String()
}

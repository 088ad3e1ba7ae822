package meter

import (
	"cmp"
	"log/slog"
	"math"
	"slices"
	"time"
)

// maxCalls is how many calls a line lists, so that it stays far below the megabyte that CloudWatch takes.
const maxCalls = 500

// slow is a request whose line lists its calls, though it succeeded.
const slow = time.Second

// callLine is a call as a line has it.
type callLine struct {
	Operation string  `json:"operation"`
	Ms        float64 `json:"ms"`
	Attempts  int     `json:"attempts"`
	RequestID string  `json:"dynamodbRequestId,omitempty"`
}

func (c Call) line() callLine {
	return callLine{Operation: c.Operation, Ms: Ms(c.Took), Attempts: c.Attempts, RequestID: c.RequestID}
}

// Attrs are the members of a request's log line that say what it cost at the store: storeCalls, storeMs (the sum over its calls, which
// may run side by side), readUnits, writeUnits, sdkAttempts and slowest (of the calls; left out when there were none).
func (m *Meter) Attrs() []slog.Attr {
	counts, calls := m.Counts(), m.Calls()
	var sum time.Duration
	for _, call := range calls {
		sum += call.Took
	}
	attrs := append(make([]slog.Attr, 0, 6),
		slog.Int("storeCalls", counts.Calls), slog.Float64("storeMs", Ms(sum)), slog.Float64("readUnits", counts.ReadUnits),
		slog.Float64("writeUnits", counts.WriteUnits), slog.Int("sdkAttempts", counts.Attempts),
	)
	if len(calls) == 0 {
		return attrs
	}
	return append(attrs, slog.Any("slowest", slices.MinFunc(calls, longer).line()))
}

func longer(a, b Call) int { return cmp.Compare(b.Took, a.Took) }

// CallList is the last member of the line of a request that failed or took over a second: calls, which lists every call in the order in
// which they ended, but of more than 500 those that took longest, longest first. There is none for others. It is last because Logs
// Insights makes fields of the first 200 values of a line alone.
func (m *Meter) CallList(took time.Duration, failed bool) []slog.Attr {
	calls := m.Calls()
	if len(calls) == 0 || !failed && took <= slow {
		return nil
	}
	if len(calls) > maxCalls {
		slices.SortStableFunc(calls, longer)
		calls = calls[:maxCalls]
	}
	lines := make([]callLine, len(calls))
	for i, call := range calls {
		lines[i] = call.line()
	}
	return []slog.Attr{slog.Any("calls", lines)}
}

// Ms is a duration in milliseconds, rounded to hundredths.
func Ms(d time.Duration) float64 { return math.Round(float64(d.Microseconds())/10) / 100 }

// Package schedule serves functions for whose answer nobody waits, above all those that a schedule calls: it ends their work before Lambda
// would, writes one log line with the run's metrics, and returns what the run came to.
//
// What surprises: a run that fails returns its error to Lambda, which counts it as an error of the function and rings its alarm.
// The metrics have no DeadlineLeftMs: the alarm on it is about requests, and a run may use all of its time.
package schedule

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"pricing/shared/meter"
)

// Job is a function that a schedule calls, or another event that nobody waits for.
type Job struct {
	Name   string           // of the function, the message of its log line
	Spare  time.Duration    // how long before Lambda's deadline the work ends
	Source meter.Source     // of its metrics
	Now    func() time.Time // when a run starts and ends
	Log    *slog.Logger
	Work   func(ctx context.Context, now time.Time) (Result, error)
}

// Result is what a run came to.
type Result struct {
	Outcome string         // one word for its log line
	Answer  any            // returned as JSON, which nobody but a person who invokes the function reads
	Attrs   []slog.Attr    // further members of the log line
	Metrics []meter.Metric // besides those of the store's calls
	Quiet   bool           // the run is not worth a line, unless it fails
}

// Serve runs the job once. The event plays no part: it says no more than the time. An error of the work is logged and returned.
func (j Job) Serve(ctx context.Context, _ []byte) ([]byte, error) {
	ctx, m := meter.With(ctx)
	work := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		work, cancel = context.WithDeadline(ctx, deadline.Add(-j.Spare))
		defer cancel()
	}
	start := j.Now()
	result, err := j.Work(work, start)
	var answer []byte
	if err == nil {
		answer, err = json.Marshal(result.Answer)
	}
	if result.Quiet && err == nil {
		return answer, nil
	}
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelError
	}
	cost := m.Counts()
	attrs := []slog.Attr{
		slog.String("outcome", result.Outcome), slog.Int64("durationMs", j.Now().Sub(start).Milliseconds()),
		slog.Int("storeCalls", cost.Calls), slog.Float64("readUnits", cost.ReadUnits), slog.Float64("writeUnits", cost.WriteUnits),
		slog.Int("sdkAttempts", cost.Attempts),
	}
	if lambdacontext.FunctionVersion != "" {
		attrs = append(attrs, slog.String("functionVersion", lambdacontext.FunctionVersion))
	}
	attrs = append(attrs, result.Attrs...)
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	lines := j.Source.Lines(start, append(m.Metrics(0, meter.Items{}), result.Metrics...))
	j.Log.LogAttrs(ctx, level, j.Name, append(attrs, lines[0]...)...)
	for _, more := range lines[1:] {
		j.Log.LogAttrs(ctx, slog.LevelInfo, "metrics", more...)
	}
	return answer, err
}

package schedule_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/meter"
	"pricing/shared/schedule"
	"pricing/shared/testkit/metertest"
)

var now = time.Date(2026, 7, 6, 9, 14, 5, 112_000_000, time.UTC)

// serve runs a job once, which takes 12 ms by its clock.
func serve(
	ctx context.Context, work func(context.Context, time.Time) (schedule.Result, error),
) (answer []byte, log bytes.Buffer, err error) {
	clock := now.Add(-12 * time.Millisecond)
	answer, err = schedule.Job{
		Name: "tidy-up", Spare: time.Minute, Source: metertest.Source, Log: slog.New(slog.NewJSONHandler(&log, nil)), Work: work,
		Now: func() time.Time { clock = clock.Add(12 * time.Millisecond); return clock },
	}.Serve(ctx, []byte("no event"))
	return answer, log, err
}

func TestServe(t *testing.T) {
	t.Parallel()
	tidied := schedule.Result{
		Outcome: "tidied", Answer: map[string]int{"rooms": 3}, Attrs: []slog.Attr{slog.Int("rooms", 3)},
		Metrics: []meter.Metric{{Name: "Rooms", Unit: meter.Count, Values: []int{3}}},
	}
	tests := map[string]struct {
		result schedule.Result
		err    error
		want   map[string]any
		answer string
	}{
		"done": {tidied, nil, map[string]any{
			"level": "INFO", "msg": "tidy-up", "outcome": "tidied", "durationMs": 12.0, "rooms": 3.0,
			"storeCalls": 2.0, "readUnits": 1.5, "writeUnits": 1.0, "sdkAttempts": 3.0, "SdkAttempts": 3.0, "Rooms": 3.0,
		}, `{"rooms":3}`},
		"failed": {schedule.Result{Outcome: "stuck"}, errors.New("the door is locked"), map[string]any{
			"level": "ERROR", "msg": "tidy-up", "outcome": "stuck", "durationMs": 12.0, "error": "the door is locked",
			"storeCalls": 2.0, "readUnits": 1.5, "writeUnits": 1.0, "sdkAttempts": 3.0, "SdkAttempts": 3.0,
		}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, log, err := serve(t.Context(), func(ctx context.Context, at time.Time) (schedule.Result, error) {
				assert.Equal(t, now, at)
				meter.Add(ctx, meter.Counts{Calls: 2, Attempts: 3, ReadUnits: 1.5, WriteUnits: 1})
				return tt.result, tt.err
			})
			require.ErrorIs(t, err, tt.err)
			assert.Equal(t, tt.answer, string(answer))
			assert.Equal(t, 3, metertest.Extract(t, log.Bytes()).Sum("SdkAttempts"))
			var line map[string]any
			require.NoError(t, json.Unmarshal(log.Bytes(), &line), "one line: %s", log.String())
			for _, name := range []string{"time", "_aws", "Environment", "Function", "ColdStart"} {
				delete(line, name)
			}
			assert.Equal(t, tt.want, line)
		})
	}
}

// TestServe_Reasons: CloudWatch takes one value of a dimension from a line.
func TestServe_Reasons(t *testing.T) {
	t.Parallel()
	_, log, err := serve(t.Context(), func(ctx context.Context, _ time.Time) (schedule.Result, error) {
		meter.Add(ctx, meter.Counts{Throttles: map[string]int{"KeyRange": 2, "Account": 1}})
		return schedule.Result{}, nil
	})
	require.NoError(t, err)
	samples := metertest.Extract(t, log.Bytes())
	assert.Equal(t, 2, samples.Sum("ThrottledByReason", "Reason=KeyRange"))
	assert.Equal(t, 1, samples.Sum("ThrottledByReason", "Reason=Account"))
}

// TestServe_Deadline: the work ends before Lambda's deadline, and its line is no sample of the alarm on requests.
func TestServe_Deadline(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithDeadline(t.Context(), now.Add(time.Hour*24*365*100))
	defer cancel()
	_, log, err := serve(ctx, func(ctx context.Context, _ time.Time) (schedule.Result, error) {
		deadline, _ := ctx.Deadline()
		whole, _ := t.Context().Deadline()
		assert.NotEqual(t, whole, deadline)
		assert.Equal(t, now.Add(time.Hour*24*365*100-time.Minute), deadline)
		return schedule.Result{}, nil
	})
	require.NoError(t, err)
	assert.NotContains(t, log.String(), "DeadlineLeftMs")
}

func TestServe_AnswerThatIsNoJSON(t *testing.T) {
	t.Parallel()
	answer, log, err := serve(t.Context(), func(context.Context, time.Time) (schedule.Result, error) {
		return schedule.Result{Answer: func() {}}, nil
	})
	require.Error(t, err)
	assert.Empty(t, answer)
	assert.Contains(t, log.String(), `"level":"ERROR"`)
}

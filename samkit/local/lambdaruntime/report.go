package lambdaruntime

import (
	"encoding/json"
	"errors"
	"time"
)

// reportLine is a platform event as Lambda writes it to the log of a function whose LogFormat is JSON. What a laptop cannot know is left
// out: the memory that was used, and what is billed.
type reportLine struct {
	Time   string `json:"time"`
	Type   string `json:"type"`
	Record record `json:"record"`
}

type record struct {
	RequestID string         `json:"requestId,omitempty"`
	Init      string         `json:"initializationType,omitempty"`
	Phase     string         `json:"phase,omitempty"`
	Metrics   map[string]any `json:"metrics"`
	Status    string         `json:"status"`
	ErrorType string         `json:"errorType,omitempty"`
}

// Report writes what Lambda reports of a call: platform.report, and before it platform.initReport if the process died at its start.
// start is how long a process took to start for it, in which it did nothing else.
func (f Function) Report(requestID string, began time.Time, start time.Duration, err error) {
	if f.SystemLogLevel == "" || err == nil && f.SystemLogLevel == "WARN" {
		return
	}
	r := record{RequestID: requestID, Status: "success", Metrics: map[string]any{
		"durationMs": milliseconds(time.Since(began)), "memorySizeMB": f.MemoryMB,
	}}
	var failed *Error
	switch {
	case errors.As(err, &failed) && failed.Type == "Sandbox.Timedout":
		r.Status = "timeout"
	case errors.As(err, &failed):
		r.Status, r.ErrorType = "error", failed.Type
	case err != nil: // no process could be started
		r.Status, r.ErrorType = "failure", "Runtime.Unknown"
	}
	switch {
	case failed != nil && failed.atStart:
		died := r
		died.RequestID, died.Init, died.Phase = "", "on-demand", "init"
		died.Metrics = map[string]any{"durationMs": milliseconds(start)}
		f.write("platform.initReport", died)
	case start > time.Millisecond:
		r.Metrics["initDurationMs"] = milliseconds(start)
	}
	f.write("platform.report", r)
}

func (f Function) write(kind string, r record) {
	line, _ := json.Marshal(reportLine{time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), kind, r}) // cannot fail: texts and numbers
	_, _ = f.Log.Write(append(line, '\n'))                                                            // as of a child's output
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

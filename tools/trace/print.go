package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// client is whose request it was.
func (w way) client() string {
	for _, e := range []*entry{w.gateway, w.function.line, w.authorizer.line} {
		if e != nil && e.ClientID != "" {
			return string(e.ClientID)
		}
	}
	return "unknown"
}

// step is a layer that the request met, or did not.
type step struct {
	Layer string `json:"layer"`
	What  string `json:"what"`
}

// steps are the layers in the order in which the request met them.
func (w way) steps() (steps []step) {
	add := func(layer, format string, args ...any) {
		steps = append(steps, step{layer, fmt.Sprintf(format, args...)})
	}
	g := w.gateway
	switch {
	case g != nil:
		add(atGateway, "%s", w.atTheGateway())
	case w.function.line == nil || w.function.line.RequestID != "":
		add(atGateway, "its line was not found in what was searched")
	default:
		add(atGateway, "none: no request made this call")
	}
	if g != nil || w.authorizer.log() != "" {
		add(atAuthorizer, "%s", w.atTheAuthorizer())
	}
	switch {
	case legacy(w) && g.IntegrationStatus != "":
		add(atOldService, "%s, %s ms", g.IntegrationStatus, g.IntegrationLatency)
	case legacy(w) && g.IntegrationLatency != "":
		add(atOldService, "no answer, %s ms", g.IntegrationLatency)
	case legacy(w) || g != nil && g.LambdaRequestID == "" && w.function.log() == "":
		add(atFunction, "not called")
	default:
		add(atFunction, "%s", w.atTheFunction())
	}
	if line := w.function.line; line != nil {
		for _, c := range calls(line) {
			add(atStore, "%s", c)
		}
	} else if line := w.authorizer.line; line != nil && line.Error != "" {
		for _, c := range calls(line) {
			add(atStore, "%s", c)
		}
	}
	return steps
}

func (w way) atTheGateway() string {
	g := w.gateway
	parts := []string{string(g.Status)}
	if g.ErrorType != "" {
		parts = append(parts, string(g.ErrorType))
	}
	if g.ResourcePath != "" {
		parts = append(parts, string(g.ResourcePath))
	}
	parts = append(parts, string(g.ResponseLatency)+" ms")
	if g.IntegrationLatency != "" && !legacy(w) {
		parts = append(parts, "of which the function "+string(g.IntegrationLatency)+" ms")
	}
	if g.IntegrationStatus != "" && g.IntegrationStatus != "200" && g.FunctionStatus == "" && !legacy(w) { // 200 that Lambda took the call
		parts = append(parts, "Lambda said "+string(g.IntegrationStatus))
	}
	parts = append(parts, "from "+string(g.SourceIP))
	for _, e := range w.execution {
		parts = append(parts, "its execution log at that time: "+firstLine(string(e.Message)))
	}
	return strings.Join(parts, ", ")
}

func (w way) atTheAuthorizer() string {
	line, report := w.authorizer.line, w.authorizer.report
	var parts []string
	switch {
	case line != nil:
		parts = append(parts, string(line.Outcome))
		if line.ErrorCode != "" {
			parts = append(parts, string(line.ErrorCode))
		}
		parts = append(parts, "client "+w.client(), ms(line.DurationMs))
		if line.Error != "" {
			parts = append(parts, brief(line.Error))
		}
	case w.gateway.AuthorizerLambdaRequestID == "" && w.gateway.AuthorizerStatus == "" && w.gateway.ClientID == "":
		switch {
		case w.gateway.Status == "401":
			return "not asked: what stands for a token was refused unseen"
		case w.gateway.LambdaRequestID != "":
			return "none needed"
		}
		return "not reached"
	case w.gateway.AuthorizerLambdaRequestID == "" || w.gateway.AuthorizerLatency == "" && w.gateway.AuthorizerStatus == "200":
		return "policy from the cache, client " + w.client()
	default:
		parts = append(parts, "status "+string(w.gateway.AuthorizerStatus), "no line of its own")
	}
	if report != nil && (line == nil || report.Record.Status != "error") { // a refused token is an error to Lambda
		parts = append(parts, lambda(report))
	}
	return strings.Join(parts, ", ")
}

func (w way) atTheFunction() string {
	line, report := w.function.line, w.function.report
	if line == nil && report == nil {
		return "no line of its own and no report of Lambda's (call " + string(w.gateway.LambdaRequestID) + ")"
	}
	parts := []string{w.function.log()}
	if line != nil {
		for _, part := range []string{string(line.Route), string(line.Status), string(line.Outcome)} {
			if part != "" {
				parts = append(parts, part)
			}
		}
		parts = append(parts, ms(line.DurationMs))
		if line.ColdStart {
			parts = append(parts, "cold start")
		}
		if line.DeadlineLeftMs != nil {
			parts = append(parts, ms(*line.DeadlineLeftMs)+" left")
		}
		if line.FunctionVersion != "" {
			parts = append(parts, "version "+string(line.FunctionVersion))
		}
		if line.Error != "" {
			parts = append(parts, brief(line.Error))
		}
	}
	if report != nil {
		parts = append(parts, lambda(report))
	}
	for _, e := range w.function.more {
		parts = append(parts, "its process wrote: "+brief(text(strings.TrimSpace(string(e.Message)+" "+string(e.Error)))))
	}
	return strings.Join(parts, ", ")
}

// lambda is what Lambda's report says.
func lambda(report *entry) string {
	r := report.Record
	said := "Lambda reports " + string(r.Status)
	if r.ErrorType != "" {
		said += " " + string(r.ErrorType)
	}
	said += " after " + ms(r.Metrics.DurationMs)
	if r.Metrics.InitDurationMs > 0 {
		said += ", start " + ms(r.Metrics.InitDurationMs)
	}
	if r.Metrics.MaxMemoryUsedMB > 0 {
		said += fmt.Sprintf(", %.0f of %.0f MB used", float64(r.Metrics.MaxMemoryUsedMB), float64(r.Metrics.MemorySizeMB))
	}
	return said
}

// calls are a line's calls of the store, and what they came to. Only lines of requests that failed or took over a second list each.
func calls(e *entry) (told []string) {
	if e.StoreCalls == nil || *e.StoreCalls == 0 {
		return nil
	}
	list := e.Calls
	if list == nil && e.Slowest != nil {
		list = []call{*e.Slowest}
	}
	for _, c := range list {
		s := c.String()
		if c.RequestID != "" {
			s += ", DynamoDB's id " + c.RequestID
		}
		if e.Calls == nil && *e.StoreCalls > 1 {
			s += " (the slowest; only requests that failed or took over a second list each call)"
		}
		told = append(told, s)
	}
	return append(told, fmt.Sprintf("all calls: %.0f, attempts: %.0f, %.1f ms; read units: %g, write units: %g",
		float64(*e.StoreCalls), float64(e.SDKAttempts), float64(e.StoreMs), float64(e.ReadUnits), float64(e.WriteUnits)))
}

// links are the ids by which others find the same request.
func (w way) links() (found []string) {
	add := func(name string, id text) {
		if id != "" {
			found = append(found, name+" "+string(id))
		}
	}
	if w.gateway != nil {
		add("lambdaRequestId", w.gateway.LambdaRequestID)
		add("authorizerLambdaRequestId", w.gateway.AuthorizerLambdaRequestID)
	}
	if line := w.function.line; line != nil {
		if w.gateway == nil {
			add("lambdaRequestId", line.LambdaRequestID)
		}
		add("correlationId", line.CorrelationID)
		add("traceId", line.TraceID)
		add("observationId", line.ObservationID)
	}
	return found
}

func (w way) print(out *bytes.Buffer) {
	fmt.Fprintf(out, "request %s  %s  client %s\n", w.id(), moment(w.at()), w.client())
	for _, link := range w.links() {
		fmt.Fprintf(out, "        %s\n", link)
	}
	fmt.Fprintln(out)
	for i, s := range w.steps() {
		fmt.Fprintf(out, "  %2d  %-12s %s\n", i+1, s.Layer, printable(s.What))
	}
	c := why(w)
	fmt.Fprintf(out, "\n  cause    %s\n  layer    %s\n", printable(c.Text), c.Layer)
	if c.Runbook != "" {
		fmt.Fprintf(out, "  do       %s\n", c.Runbook)
	}
}

// short is a way in one line.
func (w way) short() string {
	status := text("-")
	if w.gateway != nil {
		status = w.gateway.Status
	} else if w.function.line != nil {
		status = w.function.line.Status
	}
	return fmt.Sprintf("%s  %s  %3s  %s", moment(w.at()), w.id(), status, why(w).Code)
}

// document is a way for machines.
type document struct {
	RequestID string    `json:"requestId"`
	At        time.Time `json:"at"`
	Client    string    `json:"clientId"`
	Steps     []step    `json:"steps"`
	cause
	Lines []json.RawMessage `json:"lines"` // as the logs have them, those that are JSON
}

func (w way) document() document {
	d := document{RequestID: w.id(), At: w.at(), Client: w.client(), Steps: w.steps(), cause: why(w), Lines: []json.RawMessage{}}
	lines := []*entry{w.gateway, w.authorizer.line, w.authorizer.report, w.function.line, w.function.report}
	for _, list := range [][]entry{w.execution, w.authorizer.more, w.function.more} {
		for i := range list {
			lines = append(lines, &list[i])
		}
	}
	for _, e := range lines {
		if e != nil && json.Valid([]byte(e.text)) {
			d.Lines = append(d.Lines, json.RawMessage(e.text))
		}
	}
	return d
}

// printable keeps a log's text from moving the terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

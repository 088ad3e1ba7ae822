package main

import (
	"bytes"
	"cmp"
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
	return ""
}

// known is the client in words.
func (w way) known() string {
	if c := w.client(); c != "" {
		return "client " + c
	}
	return "client not known"
}

// asked is the route of a request, of which the gateway's line has only the path, and the status.
func (w way) asked() string {
	route, status := text(""), text("")
	if w.gateway != nil {
		route, status = w.gateway.ResourcePath, w.gateway.Status
	}
	if line := w.function.line; line != nil {
		route, status = cmp.Or(line.Route, route), cmp.Or(status, line.Status)
	}
	return string(cmp.Or(route, "-")) + "  " + string(cmp.Or(status, "-"))
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
		add(atOldService, "%s, %s ms; the log has neither method nor path of the call", g.IntegrationStatus, g.IntegrationLatency)
	case legacy(w) && g.IntegrationLatency != "":
		add(atOldService, "no answer, %s ms; the log has neither method nor path of the call", g.IntegrationLatency)
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
		parts = append(parts, w.known())
		if line.KeyID != "" {
			parts = append(parts, "key id "+string(line.KeyID))
		}
		parts = append(parts, ms(line.DurationMs))
		if line.Error != "" && !w.explained(line) {
			parts = append(parts, brief(line.Error))
		}
	case w.undecided() && report == nil && w.gateway.AuthorizerLambdaRequestID == "":
		return "no decision, no line of its own"
	case w.gateway.AuthorizerLambdaRequestID == "" && w.gateway.AuthorizerStatus == "" && w.gateway.ClientID == "":
		switch {
		case w.gateway.Status == "401":
			return "not asked: what stands for a token was refused unseen"
		case w.gateway.LambdaRequestID != "":
			return "none needed"
		}
		return "not reached"
	case w.gateway.AuthorizerLambdaRequestID == "" || w.gateway.AuthorizerLatency == "" && w.gateway.AuthorizerStatus == "200":
		return "token accepted before (policy from the cache), " + w.known()
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
			parts = append(parts, ms(*line.DeadlineLeftMs)+" left before its timeout")
		}
		if line.FunctionVersion != "" {
			parts = append(parts, "version "+string(line.FunctionVersion))
		}
		if line.Error != "" && !w.explained(line) {
			parts = append(parts, brief(line.Error))
		}
	}
	if report != nil {
		parts = append(parts, lambda(report))
	}
	for _, e := range w.function.more {
		when, what := "", e.Message
		if failedStart(&e) {
			when, what = " at its start", e.Error
		}
		if e.FunctionVersion != "" {
			parts = append(parts, "version "+string(e.FunctionVersion))
		}
		parts = append(parts, fmt.Sprintf("its process wrote%s: %q", when, brief(what)))
	}
	return strings.Join(parts, ", ")
}

// explained reports whether the cause says already what a line's error says.
func (w way) explained(line *entry) bool { return strings.Contains(why(w).Text, brief(line.Error)) }

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
	units := fmt.Sprintf("read units: %g, write units: %g", float64(e.ReadUnits), float64(e.WriteUnits))
	for _, c := range list {
		s := c.String()
		if c.RequestID != "" {
			s += ", DynamoDB's id " + c.RequestID
		}
		told = append(told, s)
	}
	switch all := fmt.Sprintf("all %.0f calls", float64(*e.StoreCalls)); {
	case *e.StoreCalls == 1 && len(told) == 1:
		told[0] += "; " + units
		return told
	case float64(len(list)) == float64(*e.StoreCalls):
		return append(told, fmt.Sprintf("%s: %.1f ms; %s", all, float64(e.StoreMs), units))
	default: // the slowest; only requests that failed or took over a second list each
		return append(told, fmt.Sprintf("that is the slowest; %s: %.0f attempts, %.1f ms; %s", all, float64(e.SDKAttempts),
			float64(e.StoreMs), units))
	}
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

// print has first what somebody on call has to know, then the way.
func (w way) print(out *bytes.Buffer) {
	fmt.Fprintf(out, "request %s  %s  %s  %s\n\n", w.id(), moment(w.at()), printable(w.asked()), w.known())
	c := why(w)
	for _, row := range [][2]string{{"cause", c.Text}, {"layer", c.Layer}, {"product", c.Product}, {"data", c.Data}, {"do", c.Do}} {
		if row[1] != "" {
			fmt.Fprintf(out, "  %-8s %s\n", row[0], printable(row[1]))
		}
	}
	fmt.Fprintln(out)
	for i, s := range w.steps() {
		fmt.Fprintf(out, "  %2d  %-12s %s\n", i+1, s.Layer, printable(s.What))
	}
	for i, link := range w.links() {
		if i == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "  %s\n", link)
	}
}

// short is a way in one line.
func (w way) short() string {
	return printable(fmt.Sprintf("%-24s  %s  %s  %s", moment(w.at()), w.id(), w.asked(), why(w).Code))
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

package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// source is where lines are looked for.
type source interface {
	find(ctx context.Context, texts []string) ([]entry, error)                        // lines in which one of the texts occurs
	similar(ctx context.Context, text string) ([]entry, error)                        // the same, whatever the case of letters
	near(ctx context.Context, log string, from, to time.Time) ([]entry, error)        // what processes said of their own end
	requests(ctx context.Context, client string, from, to time.Time) ([]entry, error) // lines of a client
	where() string
}

// way is what the logs have of one request, or of one call of a function that no request made.
type way struct {
	gateway    *entry  // the access line
	execution  []entry // what the gateway says of its own errors
	authorizer side
	function   side
}

// side is one call of a function.
type side struct {
	line   *entry  // its own, which a function writes last
	report *entry  // Lambda's, of a call that failed, and of each where the template wants it
	more   []entry // what its process wrote about its own end
}

// log is the function's.
func (s side) log() string {
	switch {
	case s.line != nil:
		return s.line.log
	case s.report != nil:
		return s.report.log
	}
	return ""
}

// usual is how many requests are followed at once if nobody says otherwise. One correlation id may stand for a whole night.
const usual = 10

// ids are those that lead from one log to the next. What a client can choose, such as a correlation id, leads nowhere.
type ids struct{ request, lambda map[string]bool }

func (i ids) take(e *entry) {
	for _, id := range []text{e.LambdaRequestID, e.AuthorizerLambdaRequestID, e.Record.RequestID} {
		i.lambda[string(id)] = true
	}
	i.request[string(e.RequestID)] = true
	delete(i.lambda, "")
	delete(i.request, "")
}

func (i ids) have(e *entry) bool {
	return i.request[string(e.RequestID)] || i.lambda[string(e.LambdaRequestID)] || i.lambda[string(e.AuthorizerLambdaRequestID)] ||
		i.lambda[string(e.Record.RequestID)]
}

func (i ids) all() []string {
	return slices.Concat(slices.Collect(maps.Keys(i.request)), slices.Collect(maps.Keys(i.lambda)))
}

// follow finds the requests that an id stands for, oldest first, the newest of them if there are more than most. Others is how many there
// are beyond those.
func follow(ctx context.Context, from source, id string, most int) (ways []way, others int, err error) {
	lines, err := from.find(ctx, []string{id})
	if err != nil {
		return nil, 0, err
	}
	lines = slices.DeleteFunc(lines, func(e entry) bool { return !e.is(id) })
	return chain(ctx, from, lines, most)
}

// meant are the ids of lines that somebody may have meant who wrote an id in other letters, or without the = at its end.
func meant(ctx context.Context, from source, id string) ([]string, error) {
	bare := strings.TrimRight(id, "=")
	lines, err := from.similar(ctx, bare)
	found := map[string]bool{}
	for i := range lines {
		for _, own := range lines[i].ids() {
			if strings.EqualFold(strings.TrimRight(string(own), "="), bare) && bare != "" {
				found[string(own)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), err
}

// followClient finds the requests of a client that came at a time, to the second or the millisecond as the time is given.
func followClient(
	ctx context.Context, from source, client string, at time.Time, exact time.Duration, most int,
) (ways []way, others int, err error) {
	const longest = 30 * time.Second // of a request
	lines, err := from.requests(ctx, client, at.Add(-longest), at.Add(exact+longest))
	if err != nil {
		return nil, 0, err
	}
	lines = slices.DeleteFunc(lines, func(e entry) bool {
		began := e.began()
		return string(e.ClientID) != client || e.Message == "authorize" || began.Before(at) || !began.Before(at.Add(exact))
	})
	return chain(ctx, from, lines, most)
}

// chain follows the ids of lines from log to log until there are no new ones.
func chain(ctx context.Context, from source, lines []entry, most int) (ways []way, others int, err error) {
	lines = order(lines)
	lines, others = newest(lines, most)
	known := ids{map[string]bool{}, map[string]bool{}}
	for i := range lines {
		known.take(&lines[i])
	}
	asked := map[string]bool{}
	for {
		var texts []string
		for _, id := range slices.Sorted(slices.Values(known.all())) {
			if !asked[id] {
				asked[id] = true
				texts = append(texts, id)
			}
		}
		if texts == nil {
			break
		}
		found, err := from.find(ctx, texts)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range found {
			if known.have(&e) {
				known.take(&e)
				lines = append(lines, e)
			}
		}
	}
	ways = assemble(order(lines))
	for i := range ways {
		if err := ways[i].explain(ctx, from); err != nil {
			return nil, 0, err
		}
	}
	return ways, others, nil
}

// order sorts lines by time and leaves out those that were found twice. A log may have them in any order.
func order(lines []entry) []entry {
	slices.SortFunc(lines, func(a, b entry) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.log, b.log), cmp.Compare(a.text, b.text))
	})
	return slices.CompactFunc(lines, func(a, b entry) bool { return a.text == b.text && a.log == b.log })
}

// newest keeps the lines of the newest requests.
func newest(lines []entry, most int) (kept []entry, others int) {
	seen, more := map[string]bool{}, map[string]bool{}
	for i := len(lines) - 1; i >= 0; i-- {
		e := &lines[i]
		id := string(cmp.Or(e.RequestID, e.LambdaRequestID, e.Record.RequestID))
		if !seen[id] && len(seen) >= most {
			more[id] = true
			continue
		}
		seen[id] = true
		kept = append(kept, *e)
	}
	slices.Reverse(kept)
	return kept, len(more)
}

// assemble joins the lines of each request, in the order of time.
func assemble(lines []entry) (ways []way) {
	byCall := map[string]*side{} // by Lambda's id
	call := func(id text) *side {
		if byCall[string(id)] == nil {
			byCall[string(id)] = &side{}
		}
		return byCall[string(id)]
	}
	for i := range lines {
		e := &lines[i]
		switch {
		case e.log == accessLog || e.log == executionLog:
		case e.Type == "platform.report":
			call(e.Record.RequestID).report = e
		case e.LambdaRequestID != "" && e.Message != "metrics":
			call(e.LambdaRequestID).line = e
		}
	}
	taken := map[string]bool{}
	for i := range lines {
		e := &lines[i]
		if e.log != accessLog {
			continue
		}
		w := way{gateway: e}
		if id := e.LambdaRequestID; id != "" {
			w.function, taken[string(id)] = *call(id), true
		}
		if id := e.AuthorizerLambdaRequestID; id != "" {
			w.authorizer, taken[string(id)] = *call(id), true
		}
		for _, other := range lines { // the function's line names the request where the gateway's does not name the call
			if w.function.line == nil && other.RequestID == e.RequestID && other.LambdaRequestID != "" && other.log != accessLog {
				w.function, taken[string(other.LambdaRequestID)] = *call(other.LambdaRequestID), true
			}
		}
		ways = append(ways, w)
	}
	for _, id := range slices.Sorted(maps.Keys(byCall)) { // without a line of the gateway's: a schedule called, or that log was not given
		s := byCall[id]
		switch {
		case taken[id] || id == "":
		case s.line != nil && s.line.Message == "authorize":
			ways = append(ways, way{authorizer: *s})
		default:
			ways = append(ways, way{function: *s})
		}
	}
	slices.SortStableFunc(ways, func(a, b way) int { return a.at().Compare(b.at()) })
	return ways
}

// at is when the request came, as well as the logs know it.
func (w way) at() time.Time {
	switch {
	case w.function.line != nil:
		return w.function.line.began()
	case w.gateway != nil:
		return w.gateway.at
	case w.function.report != nil:
		return w.function.report.at
	case w.authorizer.line != nil:
		return w.authorizer.line.at
	}
	return time.Time{}
}

// explain asks what processes that died have written about it, and the gateway about a function that it could not call: those lines have
// no id of the request.
func (w *way) explain(ctx context.Context, from source) (err error) {
	for _, s := range []*side{&w.function, &w.authorizer} {
		if s.report == nil || !died(s.report) || s.report.at.IsZero() {
			continue
		}
		took := time.Duration(float64(s.report.Record.Metrics.DurationMs) * float64(time.Millisecond))
		began := s.report.at.Add(-took).Truncate(time.Millisecond)
		if s.more, err = from.near(ctx, s.report.log, began.Add(-initTime), s.report.at.Add(time.Second)); err != nil {
			return err
		}
		// What was written before the call is another process's, but for a start that failed: Lambda starts processes before it calls.
		s.more = order(slices.DeleteFunc(s.more, func(e entry) bool { return e.at.Before(began) && !failedStart(&e) }))
		if slices.ContainsFunc(s.more, func(e entry) bool { return !failedStart(&e) }) {
			s.more = slices.DeleteFunc(s.more, func(e entry) bool { return failedStart(&e) })
		}
	}
	if w.unanswered() && w.function.line == nil && w.function.report == nil || w.undecided() && w.authorizer.log() == "" {
		at := w.gateway.at // to the second, when the request came
		took := time.Duration(w.gateway.ResponseLatency.number()) * time.Millisecond
		w.execution, err = from.near(ctx, executionLog, at.Add(-time.Second), at.Add(took+2*time.Second))
		w.execution = order(w.execution)
	}
	return err
}

// unanswered reports whether the gateway got no answer of a function or of the old service.
func (w way) unanswered() bool {
	return w.gateway != nil && w.gateway.FunctionStatus == "" && w.gateway.Status.number() >= 500 && !w.undecided()
}

// undecided reports whether the authorizer gave no decision.
func (w way) undecided() bool {
	return w.gateway != nil && strings.HasPrefix(string(w.gateway.ErrorType), "AUTHORIZER_")
}

// initTime is how long Lambda lets a process start.
const initTime = 10 * time.Second

// failedStart reports whether a process says that it could not start.
func failedStart(e *entry) bool { return e.Message == "start" && e.Level == "ERROR" }

// died reports whether a process ended within the call.
func died(report *entry) bool {
	return report != nil && (strings.HasPrefix(string(report.Record.ErrorType), "Runtime.") || report.Record.Status == "failure")
}

// id is what the request is called.
func (w way) id() string {
	switch {
	case w.gateway != nil:
		return string(w.gateway.RequestID)
	case w.function.line != nil:
		return string(cmp.Or(w.function.line.RequestID, w.function.line.LambdaRequestID))
	case w.function.report != nil:
		return string(w.function.report.Record.RequestID)
	case w.authorizer.line != nil:
		return string(w.authorizer.line.LambdaRequestID)
	}
	return ""
}

// check refuses what is no id of ours, before it becomes part of a query.
func check(id string) error {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if id == "" || len(id) > 128 || strings.Trim(id, letters+"._-=+/:") != "" {
		return fmt.Errorf("%q is no id: ids have letters, digits and any of ._-=+/: in them", id)
	}
	return nil
}

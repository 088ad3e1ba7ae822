package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// What became of what a request sent.
const (
	noneSent  = "none was sent"
	nothing   = "nothing was stored"
	notStored = "not stored; repeat it"
	uncertain = "not acknowledged: it may or may not be stored; repeat it"
	perhaps   = "none was sent, or it was not acknowledged: then it may or may not be stored; repeat it"
	dubious   = "what the product had before may be damaged: see the section"
)

// data says what became of what was sent. A write is called not stored only if that is certain: a connection that broke may have broken
// after the write, and then its units are not counted either.
func data(w way, code string) string {
	line, kind := w.function.line, w.kind()
	scheduled := line != nil && line.Route == ""
	switch {
	case w.gateway == nil && scheduled:
		return noneSent + ": no request made this call"
	case w.gateway == nil && w.function.log() == "":
		if w.authorizer.line != nil && w.authorizer.line.Outcome == "unauthorized" {
			return nothing
		}
		return "not known: no line of the gateway or of a function was found"
	case legacy(w) && w.gateway.ErrorType == "ACCESS_DENIED", w.gateway != nil && w.gateway.Status.number() < 500 && w.function.log() == "" &&
		w.gateway.LambdaRequestID == "" && !legacy(w): // refused before any function
		return nothing
	case legacy(w):
		return "none of ours: only the old service knows what became of what it was sent"
	case w.undecided() || code == "function-throttled" || code == "gateway-may-not-call" || code == "function-dies-at-start":
		return map[requestKind]string{reading: noneSent, writing: notStored, either: nothing + "; repeat it"}[kind]
	case line == nil:
		return map[requestKind]string{reading: noneSent, writing: uncertain, either: perhaps}[kind]
	case line.DryRun:
		return nothing + ": it was a dry run"
	case kind == reading && code == "board-damaged":
		return noneSent + "; " + dubious
	case kind == reading:
		return noneSent
	case line.Items > 1 || line.Status.number() == 207:
		return items(line)
	}
	return single(w, code)
}

// single is what became of the only thing that was sent.
func single(w way, code string) string {
	line := w.function.line
	status := line.Status.number()
	told := w.gateway == nil || w.gateway.Status.number() < 300
	switch {
	case code == "board-damaged":
		return "not stored; " + dubious
	case status < 300 && !told:
		return "stored, though the client was not told so; it may repeat it"
	case status < 300 && line.Outcome == "duplicate":
		return "stored, by an earlier request"
	case status < 300:
		return "stored"
	case status < 500:
		return nothing
	case unwritten(line):
		return notStored
	}
	return uncertain
}

// items is what became of a batch.
func items(e *entry) string {
	refused := e.Rejected + e.Conflict
	kept := e.Items - refused - e.Throttled - e.Failed
	if kept == e.Items {
		return "stored"
	}
	parts := []string{fmt.Sprintf("%.0f of %.0f items stored", float64(kept), float64(e.Items))}
	if refused > 0 {
		parts = append(parts, fmt.Sprintf("%.0f refused", float64(refused)))
	}
	if e.Throttled > 0 {
		fate := "not acknowledged: they may or may not be stored; repeat them"
		if unwritten(e) {
			fate = "not stored; repeat them"
		}
		parts = append(parts, fmt.Sprintf("%.0f %s", float64(e.Throttled), fate))
	}
	if e.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%.0f not stored, and what their products had before may be damaged: see the section",
			float64(e.Failed)))
	}
	return strings.Join(parts, "; ")
}

// unwritten reports whether it is certain that what the store was busy for is not stored: nothing tried to write, or each try of a write
// was refused by a throttle. It is not if the line lacks some of the calls.
func unwritten(e *entry) bool {
	if !retry(e) || e.StoreCalls == nil || float64(len(e.Calls)) != float64(*e.StoreCalls) {
		return false
	}
	tries := 0
	for _, c := range e.Calls {
		if c.writes() {
			tries += c.Attempts
		}
	}
	return tries == 0 || e.WriteUnits == 0 && contains(e.Reason, "Write") && int(e.ThrottledByReason) >= tries
}

// requestKind is whether a request sends something to be stored.
type requestKind int

const (
	either requestKind = iota // the gateway's line has no method, and both are at this path
	reading
	writing
)

// kind finds out by the function's line, or its name, or the gateway's path.
func (w way) kind() requestKind {
	if line := w.function.line; line != nil && line.Route != "" {
		return kindOf(string(line.Route))
	}
	name := w.function.log()
	if parts := strings.Split(name, "-"); len(parts) > 2 { // pricing-prod-record-observation
		name = parts[len(parts)-2]
	}
	name = strings.ToLower(name)
	switch {
	case strings.HasPrefix(name, "put") || strings.HasPrefix(name, "record"):
		return writing
	case name != "":
		return reading
	case w.gateway == nil:
		return either
	}
	path := string(w.gateway.ResourcePath)
	switch {
	case path == "/v1/observations" || strings.HasSuffix(path, "/batch"):
		return writing
	case path == "/v1/products/{productId}" || path == "/v1/competitors/{competitorId}" || path == "":
		return either
	}
	return reading
}

// kindOf is a route's. A query is a POST that only asks.
func kindOf(route string) requestKind {
	method, path, _ := strings.Cut(route, " ")
	if method == "GET" || method == "HEAD" || strings.HasSuffix(path, "/query") {
		return reading
	}
	return writing
}

// runbook is where the sections are.
const runbook = "ops/runbook.md"

// headings are the runbook's, with their lines, by their anchors. It is looked for above the working folder: there is none where the tool
// was built and carried elsewhere.
var headings = sync.OnceValue(func() map[string]string {
	found := map[string]string{}
	folder, err := os.Getwd()
	for err == nil {
		text, failed := os.ReadFile(filepath.Join(folder, runbook))
		if failed == nil {
			for i, line := range strings.Split(string(text), "\n") {
				if m := heading.FindStringSubmatch(line); m != nil {
					title := strings.ReplaceAll(m[1], "`", "")
					found[anchor(title)] = fmt.Sprintf("%s:%d %q", runbook, i+1, title)
				}
			}
			return found
		}
		if folder == filepath.Dir(folder) {
			return found
		}
		folder = filepath.Dir(folder)
	}
	return found
})

var heading = regexp.MustCompile(`^#{2,4} (.+)$`)

// anchor is a heading's, as GitHub and GitLab make it.
func anchor(title string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-':
			return r
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.ToLower(title))
	return kept
}

// place is where a section of the runbook stands.
func place(section string) string {
	if at := headings()[section]; at != "" {
		return at
	}
	return runbook + "#" + section
}

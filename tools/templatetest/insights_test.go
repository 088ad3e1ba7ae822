package templatetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// This file evaluates what the runbook uses of Logs Insights' language: fields, filter, stats, sort and limit. It says which events a
// query selects and which of the named fields none of them has. It adds nothing up: no name or value can be wrong in that.

// mostFields is how many fields Logs Insights makes of a JSON event ("Supported logs and discovered fields" in its user guide). Which
// it takes of more is not documented; here they are the first.
const mostFields = 200

// discover returns the fields of a log event as Logs Insights names them: a.b of an object, a.0 of a list, and its own with @. An event
// that is no JSON object has only the latter.
func discover(t *testing.T, group, message string) map[string]any {
	t.Helper()
	fields := map[string]any{"@message": message, "@timestamp": "2026-07-06 09:14:03.123", "@log": "123456789012:" + group, "@logStream": "s"}
	if !strings.HasPrefix(message, "{") {
		return fields
	}
	own := len(fields)
	decoder := json.NewDecoder(strings.NewReader(message))
	var read func(name string)
	read = func(name string) {
		token, err := decoder.Token()
		require.NoError(t, err, message)
		delimiter, nested := token.(json.Delim)
		if !nested {
			if token != nil && len(fields) < mostFields+own {
				fields[name] = token
			}
			return
		}
		for i := 0; decoder.More(); i++ {
			below := strconv.Itoa(i)
			if delimiter == '{' {
				key, err := decoder.Token()
				require.NoError(t, err, message)
				below = key.(string)
			}
			if name != "" {
				below = name + "." + below
			}
			read(below)
		}
		_, err = decoder.Token()
		require.NoError(t, err, message)
	}
	read("")
	_, err := decoder.Token()
	require.ErrorIs(t, err, io.EOF, "one object: %s", message)
	return fields
}

// logEvent is an event of a log under a name for tests.
type logEvent struct {
	name   string
	fields map[string]any
}

// ask runs a query. It returns the names of the events that the query's filters select, and what no selected event has.
func ask(query string, log []logEvent) (selected, wrong []string) {
	rows := slices.Clone(log)
	defined := map[string]bool{} // by fields and stats
	aggregated := false
	need := func(nodes ...node) {
		for _, n := range nodes {
			for _, name := range n.names() {
				has := func(e logEvent) bool { return e.fields[name] != nil }
				if !defined[name] && (aggregated || !slices.ContainsFunc(rows, has)) {
					wrong = append(wrong, name+" is in none of the lines that are selected")
				}
			}
		}
	}
	for _, command := range commands(query) {
		p := &parser{tokens: tokens(command)}
		switch verb := p.next(); verb {
		case "fields", "stats":
			var by []node
			columns := p.list()
			if verb == "stats" && p.accept("by") {
				by = p.list()
			}
			need(append(slices.Clone(columns), by...)...)
			for _, c := range columns {
				if c.alias == "" {
					continue
				}
				defined[c.alias] = true
				for i, e := range rows {
					if verb == "fields" {
						rows[i].fields = cloneWith(e.fields, c.alias, c.eval(e.fields))
					}
				}
			}
			if aggregated = aggregated || verb == "stats"; verb == "stats" {
				for _, c := range by {
					defined[c.alias], defined[c.text] = true, true
				}
			}
		case "filter":
			condition := p.expression()
			kept := rows[:0:0]
			for _, e := range rows {
				if condition.eval(e.fields) == true {
					kept = append(kept, e)
				}
			}
			// A field of one alternative alone need not be in a line that another selected, so it is looked for in all.
			need(condition)
			rows = kept
		case "sort":
			need(p.expression())
			if !p.accept("desc") {
				p.accept("asc")
			}
		case "limit":
			p.next()
		default:
			wrong = append(wrong, verb+" is no command")
		}
		if p.failed == "" && len(p.tokens) > 0 {
			p.failed = p.tokens[0]
		}
		if p.failed != "" {
			wrong = append(wrong, fmt.Sprintf("%q is not understood in: %s", p.failed, command))
		}
	}
	for _, e := range rows {
		selected = append(selected, e.name)
	}
	slices.Sort(selected)
	return selected, wrong
}

func cloneWith(fields map[string]any, name string, value any) map[string]any {
	clone := map[string]any{name: value}
	for k, v := range fields {
		if k != name {
			clone[k] = v
		}
	}
	return clone
}

var (
	atom   = regexp.MustCompile(`^\s*("[^"]*"|/(?:\\.|[^/\\])+/|@?[A-Za-z_][\w.]*|\d+(?:\.\d+)?[smhd]?|!=|>=|<=|[=<>(),*])`)
	number = regexp.MustCompile(`^\d+(\.\d+)?$`)
)

// commands cuts a query at the bars that are in no text and in no regular expression.
func commands(query string) []string {
	bare := regexp.MustCompile(`"[^"]*"|/(?:\\.|[^/\\\n])+/`).ReplaceAllStringFunc(query, func(s string) string {
		return strings.ReplaceAll(s, "|", "\x00")
	})
	parts := strings.Split(bare, "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(strings.ReplaceAll(parts[i], "\x00", "|"))
	}
	return parts
}

func tokens(command string) (found []string) {
	for {
		m := atom.FindStringSubmatch(command)
		if m == nil {
			if rest := strings.TrimSpace(command); rest != "" {
				found = append(found, rest)
			}
			return found
		}
		found, command = append(found, m[1]), command[len(m[0]):]
	}
}

// node is a value, a field, a call of a function or an operation.
type node struct {
	kind  string // value, field, or the function's or operation's name
	text  string
	value any
	args  []node
	alias string
}

type parser struct {
	tokens []string
	failed string
}

func (p *parser) next() string {
	if len(p.tokens) == 0 {
		p.failed = "the end"
		return ""
	}
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	return token
}

func (p *parser) accept(word string) bool {
	if len(p.tokens) > 0 && p.tokens[0] == word {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *parser) list() (nodes []node) {
	for {
		n := p.expression()
		if p.accept("as") {
			n.alias = p.next()
		}
		nodes = append(nodes, n)
		if !p.accept(",") {
			return nodes
		}
	}
}

func (p *parser) expression() node {
	n := p.both()
	for p.accept("or") {
		n = node{kind: "or", args: []node{n, p.both()}}
	}
	return n
}

func (p *parser) both() node {
	n := p.comparison()
	for p.accept("and") {
		n = node{kind: "and", args: []node{n, p.comparison()}}
	}
	return n
}

func (p *parser) comparison() node {
	n := p.operand()
	for _, op := range []string{"=", "!=", ">=", "<=", ">", "<", "like"} {
		if p.accept(op) {
			return node{kind: op, args: []node{n, p.operand()}}
		}
	}
	return n
}

func (p *parser) operand() node {
	token := p.next()
	switch {
	case token == "(":
		n := p.expression()
		if !p.accept(")") {
			p.failed = "( without )"
		}
		return n
	case strings.HasPrefix(token, `"`):
		return node{kind: "value", value: strings.Trim(token, `"`)}
	case strings.HasPrefix(token, "/"):
		pattern, err := regexp.Compile(strings.Trim(token, "/"))
		if err != nil {
			p.failed = token
		}
		return node{kind: "value", value: pattern}
	case token == "", token == "*", token[0] >= '0' && token[0] <= '9': // such as 5m as well
		return node{kind: "value", value: token}
	case !p.accept("("):
		return node{kind: "field", text: token}
	}
	n := node{kind: token, args: p.list()}
	if !p.accept(")") || !slices.Contains([]string{"avg", "bin", "coalesce", "count", "ispresent", "max", "min", "pct", "sum"}, token) {
		p.failed = token
	}
	return n
}

// names are the fields that a node is about.
func (n node) names() []string {
	if n.kind == "field" {
		return []string{n.text}
	}
	var names []string
	for _, a := range n.args {
		names = append(names, a.names()...)
	}
	return names
}

// eval returns a node's value for an event, nil if there is none. What is not there equals nothing and is like nothing.
func (n node) eval(fields map[string]any) any {
	of := func(i int) any { return n.args[i].eval(fields) }
	switch n.kind {
	case "value":
		return n.value
	case "field":
		return fields[n.text]
	case "and":
		return of(0) == true && of(1) == true
	case "or":
		return of(0) == true || of(1) == true
	case "ispresent":
		return of(0) != nil
	case "coalesce":
		for i := range n.args {
			if v := of(i); v != nil {
				return v
			}
		}
		return nil
	case "like":
		pattern, ok := of(1).(*regexp.Regexp)
		return ok && of(0) != nil && pattern.MatchString(fmt.Sprint(of(0)))
	}
	if len(n.args) != 2 || of(0) == nil || of(1) == nil {
		return nil
	}
	one, other := fmt.Sprint(of(0)), fmt.Sprint(of(1))
	order := strings.Compare(one, other)
	if number.MatchString(one) && number.MatchString(other) {
		a, _ := strconv.ParseFloat(one, 64)
		b, _ := strconv.ParseFloat(other, 64)
		order = 0
		switch {
		case a < b:
			order = -1
		case a > b:
			order = 1
		}
	} else if n.kind != "=" && n.kind != "!=" {
		return false
	}
	return map[string]bool{
		"=": order == 0, "!=": order != 0, ">": order > 0, "<": order < 0, ">=": order >= 0, "<=": order <= 0,
	}[n.kind]
}

// TestAsk: the evaluator selects as Logs Insights does, and says what it does not know.
func TestAsk(t *testing.T) {
	t.Parallel()
	var log []logEvent
	for name, text := range map[string]string{
		"number": `{"a":{"b":[7,{"c":"x/y"}]},"n":10,"s":"9"}`, "text": "fatal error: a|b", "null": `{"a":null,"n":9.5,"s":"nine"}`,
	} {
		log = append(log, logEvent{name, discover(t, "g", text)})
	}
	for query, want := range map[string]string{
		`filter n > 9`:                               "[null number] []",
		`filter n > 9.5 and s = "9"`:                 "[number] []",
		`filter s >= 9`:                              "[number] []",
		`filter s != "nine"`:                         "[number] []",
		`filter a.b.1.c = "x/y" or n < 9.6`:          "[null number] []",
		`filter ispresent(a.b.0)`:                    "[number] []",
		`filter ispresent(a)`:                        "[] [a is in none of the lines that are selected]",
		`filter @message like /fatal error|panic/`:   "[text] []",
		`filter @message like /x\/y/ | fields a.b.0`: "[number] []",
		`filter (n = 10 or n = 9.5) and s = "9"`:     "[number] []",
		`filter n = 9.5 | fields a.b.0`:              "[null] [a.b.0 is in none of the lines that are selected]",
		`fields coalesce(a.b.0, n) as v | filter v > 9 | stats max(v) as most by s, bin(5m) | sort most desc | limit 5`: "[null] []",
		`stats max(n) as most | sort n`:   "[null number text] [n is in none of the lines that are selected]",
		`stats median(n) as most`:         `[null number text] ["median" is not understood in: stats median(n) as most]`,
		`filter n =`:                      `[] ["the end" is not understood in: filter n =]`,
		`where n = 1`:                     `[null number text] [where is no command "n" is not understood in: where n = 1]`,
		`filter n = 9.5 | sort n up`:      `[null] ["up" is not understood in: sort n up]`,
		`filter n = 9.5 # | fields none`:  `[null] ["#" is not understood in: filter n = 9.5 # none is in none of the lines that are selected]`,
		`stats count(*) as all by @log`:   "[null number text] []",
		`filter @log like /:g$/ | sort s`: "[null number text] []",
	} {
		selected, wrong := ask(query, log)
		assert.Equal(t, want, fmt.Sprint(orEmpty(selected), orEmpty(wrong)), query)
	}

	var long bytes.Buffer
	for i := range mostFields {
		fmt.Fprintf(&long, `"f%d":%d,`, i, i)
	}
	fields := discover(t, "g", "{"+long.String()+`"late":1}`)
	assert.Contains(t, fields, "f199")
	assert.NotContains(t, fields, "late")
}

func orEmpty(list []string) []string { return append([]string{}, list...) }

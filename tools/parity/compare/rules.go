// Package compare says in what two answers differ that should be the same, and which differences do not count, by rules for each
// route.
//
// A rules file is YAML or JSON (Read). Paths in it are JSON pointers: * is any one element or member, ** any number of levels, and an
// element of an array is always *, "" is the whole document. Numbers are compared as decimals everywhere, 9.90 is
// 9.9, and the order of members never counts.
//
// What surprises: comparing is symmetric, so a renamed member is known by its new name on both sides, and a document equals itself
// whatever the rules: a text that matches no pattern is still the same as itself. A body that shared/jsondoc refuses (no JSON, over
// 20 levels or 100,000 values) is compared byte by byte. What a report shows of a difference is its shape, unless a rule says show.
package compare

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"pricing/shared/jsondoc"
)

// Rules are those of a file, routes in its order: the first that fits a request is its route.
type Rules struct {
	ColdHeader string   `yaml:"coldHeader"` // an answer that has this header came from a cold start
	Routes     []*Route `yaml:"routes"`
}

// Route says what may differ in the answers to one kind of request, and what is done with it.
type Route struct {
	Name       string      `yaml:"route"`      // GET /products/{sku}; {rest+} is any number of segments, * any method
	New        string      `yaml:"new"`        // the path on the new side, with the same names; the same if empty
	Send       bool        `yaml:"send"`       // to the new side, too: needed for all but GET and HEAD, which may have effects
	ReadBack   *ReadBack   `yaml:"readBack"`   // how to compare the state after it
	Ignore     []Path      `yaml:"ignore"`     // what differs here does not count
	Unordered  []Unordered `yaml:"unordered"`  // arrays whose order does not count
	Tolerance  []Tolerance `yaml:"tolerance"`  // numbers that may be apart
	Pattern    []Pattern   `yaml:"pattern"`    // texts of one form, whatever they are
	Rename     []Rename    `yaml:"rename"`     // members that have another name on the new side
	Decimals   []Path      `yaml:"decimals"`   // texts that are numbers: "9.90" is 9.9
	Nullable   []Path      `yaml:"nullable"`   // members that may be null or absent
	Headers    []string    `yaml:"headers"`    // those that are compared; others are not
	SameStatus [][]int     `yaml:"sameStatus"` // statuses that mean the same
	Show       []Path      `yaml:"show"`       // what reports may show as it is

	MaxMismatch *Rate `yaml:"maxMismatch"` // instead of the run's budget
	P99Margin   *Rate `yaml:"p99Margin"`   // likewise; none: the route's latency is not judged

	method   string
	segments []string
}

// ReadBack is the GET whose answers show the state after a write. In its path a {name} is of the route's path, a {/pointer} of the
// request's body.
type ReadBack struct {
	Get   string   `yaml:"get"`
	After Duration `yaml:"after"` // the settle time
}

// Unordered is an array whose elements are matched by their keys, or as they are if there are none.
type Unordered struct {
	Path Path   `yaml:"path"`
	Key  []Path `yaml:"key"` // within an element
}

// Tolerance is how far apart two numbers may be.
type Tolerance struct {
	Path     Path    `yaml:"path"`
	Absolute float64 `yaml:"absolute"`
	Relative Rate    `yaml:"relative"` // to the greater of the two
}

// Pattern is a form that texts have on both sides.
type Pattern struct {
	Path    Path   `yaml:"path"`
	Matches Regexp `yaml:"matches"`
}

// Rename moves a member to another name, or, with slashes in it, into an object beside it.
type Rename struct {
	Path Path   `yaml:"path"`
	To   string `yaml:"to"`
}

// Path is a JSON pointer with wildcards.
type Path struct {
	segments []string
	line     int
}

// UnmarshalYAML reads a path.
func (p *Path) UnmarshalYAML(n *yaml.Node) error {
	p.segments, p.line = nil, n.Line
	if n.Kind == yaml.ScalarNode && n.Value == "" { // the whole document
		return nil
	}
	if n.Kind != yaml.ScalarNode || !strings.HasPrefix(n.Value, "/") {
		return fmt.Errorf("line %d: a path must begin with a slash, such as /items/*/price, not be %q", n.Line, n.Value)
	}
	p.segments = slices.CompactFunc(strings.Split(n.Value[1:], "/"), func(a, b string) bool { return a == "**" && b == "**" })
	for i, s := range p.segments {
		p.segments[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
	}
	return nil
}

// PathOf is a path of the text of a rule, for programs.
func PathOf(text string) (p Path, err error) {
	return p, p.UnmarshalYAML(&yaml.Node{Kind: yaml.ScalarNode, Value: text, Line: 1})
}

func (p Path) matches(at []string) bool { return matches(p.segments, at) }

func matches(pattern, at []string) bool {
	for i, s := range pattern {
		if s == "**" {
			for from := i; from <= len(at); from++ {
				if matches(pattern[i+1:], at[from:]) {
					return true
				}
			}
			return false
		}
		if i >= len(at) || s != "*" && s != at[i] {
			return false
		}
	}
	return len(pattern) == len(at)
}

// Rate is a share such as 0.1%, or none.
type Rate float64

// None is a rate that is not judged.
const None = Rate(-1)

// ParseRate reads 0.1%, 0.001 or none.
func ParseRate(text string) (Rate, error) {
	if text == "none" {
		return None, nil
	}
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 10) {
		return 0, fmt.Errorf("%q is no share, such as 0.1%%", text)
	}
	return Rate(v), nil
}

// UnmarshalYAML reads a rate.
func (r *Rate) UnmarshalYAML(n *yaml.Node) (err error) {
	if *r, err = ParseRate(n.Value); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

// Duration is one such as 2s.
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: %q is no time, such as 2s", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// Regexp is a regular expression that a whole text must match.
type Regexp struct{ *regexp.Regexp }

// UnmarshalYAML reads an expression.
func (r *Regexp) UnmarshalYAML(n *yaml.Node) (err error) {
	if r.Regexp, err = regexp.Compile(`\A(?:` + n.Value + `)\z`); err != nil {
		return fmt.Errorf("line %d: %q is no regular expression: %w", n.Line, n.Value, err)
	}
	return nil
}

// Read reads a rules file. Its errors name the line and what is wrong there.
func Read(content []byte) (*Rules, error) {
	r := &Rules{}
	d := yaml.NewDecoder(bytes.NewReader(content))
	d.KnownFields(true)
	if err := d.Decode(r); err != nil && !errors.Is(err, io.EOF) {
		return nil, plain(err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("a second document begins; a file has one set of rules")
	}
	for i, route := range r.Routes {
		if route == nil {
			return nil, fmt.Errorf("routes: number %d is empty", i+1)
		}
		if err := route.prepare(); err != nil {
			return nil, fmt.Errorf("routes: number %d, %q: %w", i+1, route.Name, err)
		}
		if slices.ContainsFunc(r.Routes[:i], func(o *Route) bool { return o.Name == route.Name }) {
			return nil, fmt.Errorf("routes: %q is there twice", route.Name)
		}
	}
	return r, nil
}

// plain tells an error of the yaml package without its words for Go's types.
func plain(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	text = regexp.MustCompile(`field (\S+) not found in type compare\.\w+`).ReplaceAllString(text, `there is no member "$1" here`)
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.TrimSpace(line))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// prepare reads the route's name and looks for what is missing.
func (r *Route) prepare() error {
	method, path, ok := strings.Cut(r.Name, " ")
	if !ok || method == "" || method != strings.ToUpper(method) || !strings.HasPrefix(path, "/") {
		return errors.New("a route is a method and a path, such as GET /products/{sku}")
	}
	r.method, r.segments = method, strings.Split(path[1:], "/")
	names := map[string]string{}
	for i, s := range r.segments {
		name, in := placeholder(s)
		if !in {
			continue
		}
		if strings.HasSuffix(name, "+") && i != len(r.segments)-1 {
			return fmt.Errorf("{%s} is not the last segment", name)
		}
		names[strings.TrimSuffix(name, "+")] = "x"
	}
	if r.New != "" {
		if _, err := fill(r.New, names, nil); err != nil || r.New[0] != '/' {
			return fmt.Errorf("new: %q is no path with the names of the route", r.New)
		}
	}
	if r.ReadBack != nil {
		if !strings.HasPrefix(r.ReadBack.Get, "/") {
			return errors.New("readBack: get is a path, such as /products/{sku}")
		}
		if _, err := fill(r.ReadBack.Get, names, func(string) (string, error) { return "x", nil }); err != nil {
			return fmt.Errorf("readBack: %w", err)
		}
	}
	for where, paths := range r.paths() {
		for _, p := range paths {
			if p.line == 0 {
				return fmt.Errorf("%s: a path is missing", where)
			}
		}
	}
	for _, p := range r.Pattern {
		if p.Matches.Regexp == nil {
			return errors.New("pattern: matches is missing")
		}
	}
	for _, t := range r.Tolerance {
		if t.Absolute < 0 || t.Relative < 0 || t.Absolute == 0 && t.Relative == 0 {
			return errors.New("tolerance: absolute or relative must be above 0")
		}
	}
	for _, rename := range r.Rename {
		if rename.To == "" || slices.Contains(strings.Split(rename.To, "/"), "") {
			return fmt.Errorf("rename: to is %q; it must be a name, or names with / between them", rename.To)
		}
	}
	if r.MaxMismatch != nil && *r.MaxMismatch == 0 {
		return errors.New("maxMismatch: no number of requests shows that nothing ever differs; give a share above 0")
	}
	for i, h := range r.Headers {
		r.Headers[i] = http.CanonicalHeaderKey(h)
	}
	return nil
}

func (r *Route) paths() map[string][]Path {
	all := map[string][]Path{"ignore": r.Ignore, "decimals": r.Decimals, "nullable": r.Nullable, "show": r.Show}
	for _, u := range r.Unordered {
		all["unordered"] = append(append(all["unordered"], u.Path), u.Key...)
	}
	for _, t := range r.Tolerance {
		all["tolerance"] = append(all["tolerance"], t.Path)
	}
	for _, p := range r.Pattern {
		all["pattern"] = append(all["pattern"], p.Path)
	}
	for _, rename := range r.Rename {
		all["rename"] = append(all["rename"], rename.Path)
	}
	return all
}

func placeholder(segment string) (name string, ok bool) {
	name, ok = strings.CutPrefix(segment, "{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, "}")
}

// Find returns the route of a request, whose escaped path is given, and the values of the names in it. What fits none has a route of its
// own for each method, without rules.
func (r *Rules) Find(method, path string) (route *Route, names map[string]string) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, route := range r.Routes {
		if route.method != "*" && route.method != method {
			continue
		}
		if names, ok := route.match(segments); ok {
			return route, names
		}
	}
	return &Route{Name: method + " (no route)", method: method}, nil
}

func (r *Route) match(segments []string) (map[string]string, bool) {
	names := map[string]string{}
	for i, s := range r.segments {
		if i >= len(segments) {
			return nil, false
		}
		name, in := placeholder(s)
		switch {
		case in && strings.HasSuffix(name, "+"):
			names[strings.TrimSuffix(name, "+")] = strings.Join(segments[i:], "/")
			return names, true
		case in && segments[i] != "":
			names[name] = segments[i]
		case s != segments[i]:
			return nil, false
		}
	}
	return names, len(r.segments) == len(segments)
}

// Sent says whether requests of a method go to the new side.
func (r *Route) Sent(method string) bool {
	return r.Send || method == http.MethodGet || method == http.MethodHead
}

// NewPath is the path, escaped, on the new side.
func (r *Route) NewPath(path string, names map[string]string) string {
	if r.New == "" {
		return path
	}
	filled, _ := fill(r.New, names, nil) // prepare has tried it
	return filled
}

// ReadBackPath is the escaped path of the GET after a write with this body.
func (r *Route) ReadBackPath(names map[string]string, body []byte) (string, error) {
	doc, err := parse(body)
	return fill(r.ReadBack.Get, names, func(pointer string) (string, error) {
		p, invalid := PathOf(pointer)
		if err != nil || invalid != nil {
			return "", fmt.Errorf("the body has no %s", pointer)
		}
		at := doc
		for _, s := range p.segments {
			if at = at.at(s); at == nil {
				return "", fmt.Errorf("the body has no %s", pointer)
			}
		}
		if at.kind != jsondoc.String && at.kind != jsondoc.Number || at.text == "" || at.text == "." || at.text == ".." {
			return "", fmt.Errorf("%s of the body is no name", pointer)
		}
		return url.PathEscape(at.text), nil
	})
}

// fill puts values into the {names} of a path.
func fill(path string, names map[string]string, pointer func(string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		before, rest, more := strings.Cut(path, "{")
		out.WriteString(before)
		if !more {
			return out.String(), nil
		}
		name, after, ended := strings.Cut(rest, "}")
		if !ended {
			return "", fmt.Errorf("%q: a } is missing", path)
		}
		value, known := names[name]
		if !known && strings.HasPrefix(name, "/") && pointer != nil {
			var err error
			if value, err = pointer(name); err != nil {
				return "", err
			}
		} else if !known {
			return "", fmt.Errorf("{%s} is no name in the route", name)
		}
		out.WriteString(value)
		path = after
	}
}

// WithoutRules is the route with what is sent and read back, and with nothing ruled out.
func (r *Route) WithoutRules() *Route {
	return &Route{Name: r.Name, New: r.New, Send: r.Send, ReadBack: r.ReadBack, MaxMismatch: r.MaxMismatch, P99Margin: r.P99Margin,
		method: r.method, segments: r.segments}
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// differences compares the metrics that are known here with those of the sample's log.
func differences(found map[read]Unit) (wrong []string) {
	known := map[read]Metric{}
	for _, m := range own {
		known[newRead(namespace, m.Name, m.Dimensions)] = m
	}
	for of, unit := range found {
		m, ok := known[of]
		switch {
		case !ok:
			wrong = append(wrong, of.String()+" is sent and not known: a set of dimensions is billed as a metric of its own")
		case m.Unit != unit:
			wrong = append(wrong, fmt.Sprintf("%s is sent in %s, not in %s", of, unit, m.Unit))
		}
	}
	for of, m := range known {
		if _, ok := found[of]; !ok && m.Rare == "" {
			wrong = append(wrong, of.String()+" is known and was not sent")
		}
	}
	slices.Sort(wrong)
	return wrong
}

func (r read) String() string {
	if r.Dimensions == "" {
		return r.Namespace + " " + r.Name + " without dimensions"
	}
	return r.Namespace + " " + r.Name + " by " + r.Dimensions
}

// logged lists the metrics of a log by every set of dimensions that CloudWatch would take from it, with their units. Whether it would
// take them at all, package metertest tells.
func logged(log io.Reader) (map[read]Unit, error) {
	found := map[read]Unit{}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !bytes.Contains(lines.Bytes(), []byte(`"_aws"`)) {
			continue
		}
		var line struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct {
						Name string
						Unit Unit
					}
				}
			} `json:"_aws"`
			Environment string
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, err
		}
		for _, d := range line.AWS.CloudWatchMetrics {
			if d.Namespace != "pricing/"+line.Environment {
				return nil, fmt.Errorf("the namespace %s is not that of the environment %s", d.Namespace, line.Environment)
			}
			for _, set := range d.Dimensions {
				for _, m := range d.Metrics {
					found[newRead(namespace, m.Name, set)] = m.Unit
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("no line has metrics")
	}
	return found, nil
}

// drawing is what the text of a dashboard shows, of either kind.
type drawing struct {
	text   string // all of it
	panels []drawnPanel
}

type drawnPanel struct {
	title         string
	x, y          uint32
	width, height uint32

	graph      bool
	axis, unit string // of a graph; CloudWatch has no unit of an axis
	fromZero   bool
	series     []drawnSeries
	logs       string // a query
	alarms     []string
}

type drawnSeries struct {
	of         read
	values     int // how many dimensions have one
	statistic  string
	id         string
	hidden     bool
	expression string // metric math over other series
}

var (
	words    = regexp.MustCompile(`\b[a-z][A-Za-z0-9]*\b`)
	variable = regexp.MustCompile(`\$\{([A-Za-z:]+)\}`)
	// What a statistic may be, for a metric that counts and for one that measures a time.
	ofCounts = regexp.MustCompile(`^(Sum|Maximum|p[0-9]+)$`)
	ofTimes  = regexp.MustCompile(`^(Minimum|Maximum|Average|p[0-9]+)$`)
)

// faults lists what is wrong with what is drawn, in either dashboard.
func (d drawing) faults(p project) (wrong []string) {
	say := func(title, format string, args ...any) {
		wrong = append(wrong, title+": "+fmt.Sprintf(format, args...))
	}
	all := map[read]Metric{}
	for _, m := range known() {
		all[newRead(m.Namespace, m.Name, m.Dimensions)] = m
	}
	drawn := map[read]bool{}
	for i, panel := range d.panels {
		if panel.title == "" {
			say(fmt.Sprintf("panel %d", i), "has no title")
		}
		if panel.width < 1 || panel.height < 1 || panel.x+panel.width > gridWidth {
			say(panel.title, "is not on the grid")
		}
		for _, other := range d.panels[:i] {
			if panel.x < other.x+other.width && other.x < panel.x+panel.width && panel.y < other.y+other.height && other.y < panel.y+panel.height {
				say(panel.title, "lies over %s", other.title)
			}
			if panel.title == other.title {
				say(panel.title, "is the title of two")
			}
		}
		ids := map[string]bool{}
		for _, s := range panel.series {
			if s.id != "" && ids[s.id] {
				say(panel.title, "two series are called %s", s.id)
			}
			ids[s.id] = true
		}
		named := map[string]bool{}
		for _, s := range panel.series {
			for _, id := range words.FindAllString(s.expression, -1) {
				if named[id] = true; !ids[id] {
					say(panel.title, "no series is called %s", id)
				}
			}
		}
		for _, s := range panel.series {
			if s.hidden && !named[s.id] {
				say(panel.title, "the hidden series %s is in no expression", s.id)
			}
			if s.expression != "" {
				continue
			}
			drawn[s.of] = true
			m, ok := all[s.of]
			if !ok {
				say(panel.title, "nobody sends %s", s.of)
				continue
			}
			if s.values != len(m.Dimensions) {
				say(panel.title, "%s has %d values of dimensions", s.of, s.values)
			}
			fits := ofCounts
			if m.Unit != Count {
				fits = ofTimes
			}
			if !fits.MatchString(s.statistic) {
				say(panel.title, "%s is no statistic of %s, whose unit is %s", s.statistic, s.of, m.Unit)
			}
			if s.hidden {
				continue
			}
			if panel.unit != "" && panel.unit != grafanaUnits[m.Unit] {
				say(panel.title, "%s is in %s, the panel in %s", s.of, m.Unit, panel.unit)
			}
			if want := axisOf(m.Unit, s.statistic); panel.axis != want {
				say(panel.title, "the %s of %s is %q, the axis %q", s.statistic, s.of, want, panel.axis)
			}
		}
		if panel.graph && len(panel.series) == 0 {
			say(panel.title, "shows nothing")
		}
		if panel.graph && !panel.fromZero && panel.axis != axisLabels[Percent] {
			say(panel.title, "its axis does not begin at 0")
		}
		for _, field := range fields(panel.logs) {
			if !strings.Contains(p.access, `"`+field+`":`) {
				say(panel.title, "the access log has no %s", field)
			}
		}
	}
	alarmed := map[read]bool{}
	for _, a := range p.alarms {
		for _, r := range a.reads {
			if alarmed[r] = true; r.Namespace == namespace && all[r].Name == "" {
				say(a.name, "nobody sends %s", r)
			}
		}
	}
	for _, m := range own {
		of := newRead(namespace, m.Name, m.Dimensions)
		switch reason := unseen[m.Name]; {
		case !drawn[of] && reason == "":
			say(m.Name, "is on no panel, and no reason is given")
		case drawn[of] && reason != "":
			say(m.Name, "is on a panel, and a reason is given why not")
		case !drawn[of] && !alarmed[of]:
			say(m.Name, "is billed, and neither an alarm nor a panel reads it")
		}
	}
	return wrong
}

// keywords of Logs Insights, as far as the queries here use it, and names that they make themselves.
var (
	keyword = regexp.MustCompile(`^(filter|stats|count|as|by|sort|desc|and|or|limit)$`)
	made    = regexp.MustCompile(`\bas ([a-z]\w*)`)
)

// fields are the members of lines that a query reads.
func fields(query string) (names []string) {
	own := map[string]bool{}
	for _, m := range made.FindAllStringSubmatch(query, -1) {
		own[m[1]] = true
	}
	for _, word := range words.FindAllString(query, -1) {
		if !keyword.MatchString(word) && !own[word] {
			names = append(names, word)
		}
	}
	return names
}

// used lists what stands in ${...}.
func (d drawing) used() []string {
	names := map[string]bool{}
	for _, m := range variable.FindAllStringSubmatch(d.text, -1) {
		names[m[1]] = true
	}
	return slices.Sorted(maps.Keys(names))
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cloudwatch"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"go.yaml.in/yaml/v3"
)

// templateFaults lists what is wrong with the dashboard in the template's text.
func templateFaults(text []byte) []string {
	p, err := parseProject(text)
	if err != nil {
		return []string{err.Error()}
	}
	var template struct {
		Resources map[string]struct {
			Type       string    `yaml:"Type"`
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	var properties struct {
		DashboardBody []yaml.Node `yaml:"DashboardBody"`
	}
	var given map[string]yaml.Node
	resource := func() error {
		if err := yaml.Unmarshal(text, &template); err != nil {
			return err
		}
		node := template.Resources["Dashboard"].Properties
		if err := node.Decode(&properties); err != nil {
			return err
		}
		if len(properties.DashboardBody) != 2 {
			return errors.New("the body is not a text and what to put into it")
		}
		return properties.DashboardBody[1].Decode(&given)
	}
	if err := resource(); err != nil {
		return []string{err.Error()}
	}
	d, err := decodeBody([]byte(properties.DashboardBody[0].Value))
	if err != nil {
		return []string{err.Error()}
	}
	wrong := d.faults(p)
	for _, name := range d.used() {
		_, ok := given[name]
		if !ok && !slices.Contains(p.placeholders, name) && !strings.HasPrefix(name, "AWS::") {
			wrong = append(wrong, "${"+name+"} is nothing")
		}
	}
	for name := range given {
		if !slices.Contains(d.used(), name) {
			wrong = append(wrong, name+" is not used")
		}
	}
	shown := map[string]int{}
	for _, panel := range d.panels {
		for _, name := range panel.alarms {
			shown[strings.TrimPrefix(name, alarmARN)]++
		}
	}
	for _, a := range p.alarms {
		if a.tells && shown[a.name] != 1 || !a.tells && shown[a.name] != 0 {
			wrong = append(wrong, fmt.Sprintf("the alarm %s is shown %d times", a.name, shown[a.name]))
		}
		delete(shown, a.name)
	}
	for name := range shown {
		wrong = append(wrong, "there is no alarm "+name)
	}
	return wrong
}

// search is a search as cloudwatchBody writes it.
var search = regexp.MustCompile(`^SEARCH\('\{"([^"]+)",([A-Za-z,]+)\} MetricName="(\w+)"', '(\w+)', (\d+)\)$`)

// decodeBody reads a dashboard of CloudWatch's. It refuses members that it does not know.
func decodeBody(text []byte) (drawing, error) {
	var b body
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return drawing{}, err
	}
	d := drawing{text: string(text)}
	for _, w := range b.Widgets {
		title, _, _ := strings.Cut(w.Properties.Markdown, "\n")
		if title == "" {
			title = w.Properties.Title
		}
		p := drawnPanel{
			title: title, x: w.X, y: w.Y, width: w.Width, height: w.Height, graph: w.Type == "metric", alarms: w.Properties.Alarms,
		}
		if group, query, ok := strings.Cut(w.Properties.Query, "\n| "); ok {
			p.logs = query
			if group != "SOURCE '"+accessLog+"'" {
				return drawing{}, fmt.Errorf("%s: %s is not the access log", title, group)
			}
		}
		if y := w.Properties.YAxis; y != nil {
			p.axis, p.fromZero = y.Left.Label, y.Left.Min != nil && *y.Left.Min == 0
		}
		for _, list := range w.Properties.Metrics {
			s, err := decodeSeries(list)
			if err != nil {
				return drawing{}, fmt.Errorf("%s: %w", title, err)
			}
			p.series = append(p.series, s)
		}
		d.panels = append(d.panels, p)
	}
	return d, nil
}

// decodeSeries reads the list of a metric: namespace, name, dimensions and values, and how it is drawn.
func decodeSeries(list []any) (drawnSeries, error) {
	if len(list) == 0 {
		return drawnSeries{}, errors.New("a metric has nothing in it")
	}
	var r rendering
	last, err := json.Marshal(list[len(list)-1])
	if err != nil {
		return drawnSeries{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(last))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return drawnSeries{}, err
	}
	s := drawnSeries{statistic: r.Stat, id: r.ID, hidden: r.Visible != nil && !*r.Visible, expression: r.Expression}
	if m := search.FindStringSubmatch(r.Expression); m != nil {
		dimensions := strings.Split(m[2], ",")
		s.of, s.statistic, s.values, s.expression = newRead(m[1], m[3], dimensions), m[4], len(dimensions), ""
		return s, nil
	}
	if r.Expression != "" {
		return s, nil
	}
	texts := make([]string, len(list)-1)
	for i, part := range list[:len(list)-1] {
		texts[i], _ = part.(string)
	}
	if len(texts) < 2 || len(texts)%2 != 0 || slices.Contains(texts, "") {
		return drawnSeries{}, fmt.Errorf("%v is no metric", list)
	}
	var dimensions []string
	for i := 2; i < len(texts); i += 2 {
		dimensions = append(dimensions, texts[i])
	}
	s.of, s.values = newRead(texts[0], texts[1], dimensions), len(dimensions)
	return s, nil
}

// fromGrafana undoes toGrafana where a metric's namespace is compared.
var fromGrafana = strings.NewReplacer("${environment}", environment)

// grafanaFaults lists what is wrong with the dashboard of Grafana.
func grafanaFaults(text []byte, p project) []string {
	plugins.RegisterDefaultPlugins()  // or the strict decoder would take any query and any options
	var strict, g dashboard.Dashboard //nolint:staticcheck // see grafanaJSON
	// Its error is an empty list, and not nil, where nothing is wrong; then it leaves out what it has decoded of panels.
	if err := strict.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return []string{err.Error()}
	}
	if err := json.Unmarshal(text, &g); err != nil {
		return []string{err.Error()}
	}
	d := drawing{text: string(text)}
	ids := map[uint32]bool{}
	var wrong []string
	for _, either := range g.Panels {
		var id *uint32
		var drawn drawnPanel
		if row := either.RowPanel; row != nil {
			id = &row.Id
			drawn = drawnPanel{title: "## " + *row.Title}
			drawn.place(*row.GridPos)
		} else {
			id = either.Panel.Id
			var err error
			if drawn, err = decodePanel(*either.Panel); err != nil {
				return []string{err.Error()}
			}
		}
		if ids[*id] {
			wrong = append(wrong, fmt.Sprintf("%s: its id %d is another's too", drawn.title, *id))
		}
		ids[*id] = true
		d.panels = append(d.panels, drawn)
	}
	wrong = append(wrong, d.faults(p)...)
	var declared []string
	for _, v := range g.Templating.List {
		declared = append(declared, v.Name)
		if !slices.Contains(d.used(), v.Name) {
			wrong = append(wrong, "the variable "+v.Name+" is not used")
		}
	}
	for _, name := range d.used() {
		if !slices.Contains(declared, name) {
			wrong = append(wrong, "${"+name+"} is no variable")
		}
	}
	return wrong
}

func (p *drawnPanel) place(at dashboard.GridPos) {
	p.x, p.y, p.width, p.height = at.X, at.Y, at.W, at.H
}

func decodePanel(panel dashboard.Panel) (drawnPanel, error) {
	d := drawnPanel{title: *panel.Title, graph: panel.Type == "timeseries"}
	d.place(*panel.GridPos)
	if d.graph {
		defaults := panel.FieldConfig.Defaults
		d.unit, d.fromZero = *defaults.Unit, defaults.Min != nil && *defaults.Min == 0
		custom, ok := defaults.Custom.(*timeseries.FieldConfig)
		if !ok {
			return d, fmt.Errorf("%s: its options are of another panel", d.title)
		}
		d.axis = *custom.AxisLabel
	}
	for _, target := range panel.Targets {
		s, logs, err := decodeTarget(target)
		if err != nil {
			return d, fmt.Errorf("%s: %w", d.title, err)
		}
		if d.logs += logs; d.graph {
			d.series = append(d.series, s)
		}
	}
	return d, nil
}

func decodeTarget(target variants.Dataquery) (s drawnSeries, logs string, err error) {
	request, ok := target.(*cloudwatch.Request)
	if !ok {
		return s, "", fmt.Errorf("a query of %T", target)
	}
	if q := request.LogsQuery; q != nil {
		return s, *q.Expression, nil
	}
	q := request.MetricsQuery
	if q == nil {
		return s, "", nil
	}
	s = drawnSeries{id: q.Id, hidden: q.Hide != nil && *q.Hide}
	if q.Expression != nil {
		s.expression = *q.Expression
		return s, "", nil
	}
	var dimensions []string
	for name := range *q.Dimensions {
		dimensions = append(dimensions, name)
	}
	s.of, s.values, s.statistic = newRead(fromGrafana.Replace(q.Namespace), *q.MetricName, dimensions), len(dimensions), *q.Statistic
	return s, "", nil
}

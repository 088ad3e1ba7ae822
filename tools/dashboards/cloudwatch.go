package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// body is a dashboard of CloudWatch's: of what its reference lists, these members are used, and a strict decoder refuses others.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
type body struct {
	Start          string   `json:"start"`
	PeriodOverride string   `json:"periodOverride"`
	Widgets        []widget `json:"widgets"`
}

type widget struct {
	Type       string     `json:"type"`
	X          uint32     `json:"x"`
	Y          uint32     `json:"y"`
	Width      uint32     `json:"width"`
	Height     uint32     `json:"height"`
	Properties widgetBody `json:"properties"`
}

type widgetBody struct {
	Title       string       `json:"title,omitempty"`
	Region      string       `json:"region,omitempty"`
	View        string       `json:"view,omitempty"`
	Stacked     bool         `json:"stacked,omitempty"`
	Period      int          `json:"period,omitempty"`
	Start       string       `json:"start,omitempty"`
	End         string       `json:"end,omitempty"`
	YAxis       *axes        `json:"yAxis,omitempty"`
	Annotations *annotations `json:"annotations,omitempty"`
	Query       string       `json:"query,omitempty"`
	Alarms      []string     `json:"alarms,omitempty"`
	SortBy      string       `json:"sortBy,omitempty"`
	Markdown    string       `json:"markdown,omitempty"`
	Metrics     [][]any      `json:"metrics,omitempty"`
}

type axes struct {
	Left axis `json:"left"`
}

type axis struct {
	Label     string `json:"label"`
	Min       *int   `json:"min,omitempty"`
	ShowUnits bool   `json:"showUnits"`
}

type annotations struct {
	Horizontal []horizontal `json:"horizontal"`
}

type horizontal struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
}

// rendering is how a series is drawn, the last member of its list.
type rendering struct {
	Expression string `json:"expression,omitempty"`
	ID         string `json:"id,omitempty"`
	Label      string `json:"label,omitempty"`
	Stat       string `json:"stat,omitempty"`
	Period     int    `json:"period,omitempty"`
	Visible    *bool  `json:"visible,omitempty"`
}

// axisLabels say what a number on the axis is, in either dashboard.
var axisLabels = map[Unit]string{
	Count: "in 5 minutes", Milliseconds: "ms", Seconds: "s", PerSecond: "a second", Percent: "%", Times: "times",
}

// label is what stands at a panel's axis. Only a sum is over a time.
func (p Panel) label() string {
	for _, s := range p.Series {
		if !s.Hidden && s.Statistic != "Sum" {
			return axisOf(p.Unit, s.Statistic)
		}
	}
	return axisOf(p.Unit, "Sum")
}

// axisOf is what stands at the axis of a metric.
func axisOf(unit Unit, statistic string) string {
	if unit == Count && statistic != "Sum" {
		return "number"
	}
	return axisLabels[unit]
}

// alarmARN begins the ARN of every alarm of the environment; inTemplate says what it is.
const alarmARN = "${Alarm}"

// cloudwatchBody makes the dashboard of CloudWatch, for Fn::Sub to fill in.
func cloudwatchBody(d Dashboard) ([]byte, error) {
	out := body{Start: "-PT12H", PeriodOverride: "inherit"}
	for _, row := range d.Rows {
		out.Widgets = append(out.Widgets, widget{"text", 0, row.Panels[0].Y - 1, gridWidth, 1, widgetBody{Markdown: "## " + row.Title}})
		for _, p := range row.Panels {
			kind, properties := p.widget()
			out.Widgets = append(out.Widgets, widget{kind, p.X, p.Y, p.Width, p.Height, properties})
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

func (p Panel) widget() (kind string, properties widgetBody) {
	switch {
	case p.Text != "":
		return "text", widgetBody{Markdown: "### " + p.Title + "\n" + p.Text}
	case p.Alarms != nil:
		properties = widgetBody{Title: p.Title, SortBy: "stateUpdatedTimestamp"}
		for _, name := range p.Alarms {
			properties.Alarms = append(properties.Alarms, alarmARN+name)
		}
		return "alarm", properties
	case p.Logs != nil:
		return "log", widgetBody{Title: p.Title, Region: region, View: "table", Query: "SOURCE '" + p.Logs.Group + "'\n| " + p.Logs.Query}
	}
	properties = widgetBody{
		Title: p.Title, Region: region, View: "timeSeries", Stacked: p.Stacked, Period: period, YAxis: &axes{axis{Label: p.label()}},
	}
	if !p.Signed {
		properties.YAxis.Left.Min = new(int)
	}
	if p.Days > 0 {
		properties.Start, properties.End = fmt.Sprintf("-P%dD", p.Days), "P0D"
	}
	for _, l := range p.Lines {
		if properties.Annotations == nil {
			properties.Annotations = &annotations{}
		}
		properties.Annotations.Horizontal = append(properties.Annotations.Horizontal, horizontal(l))
	}
	for _, s := range p.Series {
		properties.Metrics = append(properties.Metrics, s.metric())
	}
	return "metric", properties
}

// metric is a series as CloudWatch lists it: namespace, name, dimensions and their values, and how it is drawn.
func (s Series) metric() []any {
	r := rendering{ID: s.ID, Label: s.Label, Stat: s.Statistic, Period: s.Period, Expression: s.Expression}
	if s.Hidden {
		r.Visible = new(bool)
	}
	if s.Expression != "" {
		return []any{r}
	}
	if s.each() {
		search := make([]string, 0, len(s.Dimensions)+1)
		search = append(search, `"`+s.Namespace+`"`)
		search = append(search, s.Dimensions...)
		r.Expression = fmt.Sprintf(`SEARCH('{%s} MetricName="%s"', '%s', %d)`, strings.Join(search, ","), s.Name, s.Statistic, period)
		r.Stat = ""
		return []any{r}
	}
	out := []any{s.Namespace, s.Name}
	for i, name := range s.Dimensions {
		out = append(out, name, s.Values[i])
	}
	return append(out, r)
}

// each reports whether the series is one for each value of a dimension.
func (s Series) each() bool {
	for _, v := range s.Values {
		if v == each {
			return true
		}
	}
	return false
}

// The comments between which the template's dashboard stands.
const (
	opening = "  # --- dashboard: `make dashboards` writes what follows, from tools/dashboards ---\n"
	closing = "  # --- end of what `make dashboards` writes ---\n"
)

// inTemplate puts the dashboard into the template's text.
func inTemplate(text, body []byte) ([]byte, error) {
	before, rest, ok := strings.Cut(string(text), opening)
	_, after, closed := strings.Cut(rest, closing)
	if !ok || !closed {
		return nil, errors.New(templateFile + " lacks one of the two comments between which the dashboard stands")
	}
	// One metric on each line, so that a change is one. Where a list ends and another begins, nothing can be within a text.
	lines := strings.NewReplacer(
		`},{"type"`, "},\n{\"type\"", `"metrics":[[`, "\"metrics\":[\n [", `],[`, "],\n [", `","`+alarmARN, "\",\n \""+alarmARN,
	).Replace(string(body))
	var out strings.Builder
	out.WriteString(before + opening + `  Dashboard:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardName: !Sub pricing-${DeployEnv}
      DashboardBody: !Sub
        - |
`)
	for line := range strings.Lines(lines) {
		out.WriteString("          " + line)
	}
	out.WriteString(`        - TableName: !If [HasExistingTable, !Ref ExistingTable, !Ref Table]
          Alarm: !Sub "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:pricing-${DeployEnv}-"
`)
	return []byte(out.String() + closing + after), nil
}

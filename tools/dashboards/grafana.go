package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cloudwatch"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// toGrafana names Grafana's variables in the place of CloudFormation's.
var toGrafana = strings.NewReplacer(
	environment, "${environment}", region, "${region}", "${TableName}", "${table}", runbook, "${runbook}",
)

var grafanaUnits = map[Unit]string{
	Count: units.Short, Milliseconds: units.Milliseconds, Seconds: units.Seconds, PerSecond: units.CountsPerSecond, Percent: units.Percent,
	Times: units.NoUnit,
}

// consoleAlarms is the console's list of the environment's alarms.
const consoleAlarms = "https://console.aws.amazon.com/cloudwatch/home?region=" + region + "#alarmsV2:?search=" + prefix

// grafanaJSON makes the dashboard of Grafana. Its metrics, logs and alarms come from one data source, of the kind CloudWatch.
func grafanaJSON(d Dashboard, environments []string) ([]byte, error) {
	source := common.DataSourceRef{Type: cog.ToPtr("cloudwatch"), Uid: cog.ToPtr("${datasource}")}
	b := dashboard.NewDashboardBuilder("Competitor prices"). //nolint:staticcheck // only new Grafanas import the newer form, all this one
									Uid("pricing").Description("Written by tools/dashboards. Change that, not this.").Tags([]string{"pricing"}).
									Editable().Timezone("browser").Time("now-12h", "now").Tooltip(dashboard.DashboardCursorSyncCrosshair).
									Variables(variables(source, environments)).
									Annotation(dashboard.NewAnnotationQueryBuilder().Name("Alarms").Datasource(source).Enable(true).IconColor("red").
										Target(alarmChanges(source)))
	id := uint32(0)
	next := func() uint32 { id++; return id }
	for _, row := range d.Rows {
		top := row.Panels[0].Y - 1
		b.WithRow(dashboard.NewRowBuilder(row.Title).Id(next()).GridPos(dashboard.GridPos{H: 1, W: gridWidth, Y: top}))
		alarms := false
		for _, p := range row.Panels {
			at := dashboard.GridPos{H: p.Height, W: p.Width, X: p.X, Y: p.Y}
			switch {
			case p.Text != "":
				content := p.Text + "\n\n[Alarms in the console](" + consoleAlarms +
					"): Grafana shows how they changed, not how they are, and of those that are made of others (burn-...) only the parts."
				b.WithPanel(text.NewPanelBuilder().Id(next()).GridPos(at).Title(p.Title).Mode(text.TextModeMarkdown).
					Content(toGrafana.Replace(content)))
			case p.Alarms != nil:
				// Grafana knows the changes of alarms by the beginning of their names, so one panel has them all.
				if alarms {
					continue
				}
				alarms = true
				at.W = gridWidth - at.X
				b.WithPanel(list(source).Id(next()).GridPos(at).Title("Changes of alarms").
					WithTarget(alarmChanges(source)))
			case p.Logs != nil:
				b.WithPanel(list(source).Id(next()).GridPos(at).Title(p.Title).WithTarget(p.Logs.target(source)))
			default:
				b.WithPanel(p.graph(source).Id(next()).GridPos(at))
			}
		}
	}
	built, err := b.Build()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err = encoder.Encode(built)
	return out.Bytes(), err
}

// runbookDefault stands for an address that nobody has given yet, here and in the template.
const runbookDefault = "https://runbook.invalid"

// variables are the environment and what differs between environments.
func variables(source common.DataSourceRef, environments []string) []cog.Builder[dashboard.VariableModel] {
	text := func(s string) dashboard.StringOrMap { return dashboard.StringOrMap{String: &s} }
	chosen := func(s string) dashboard.VariableOption {
		value := dashboard.StringOrArrayOfString{String: &s}
		return dashboard.VariableOption{Selected: cog.ToPtr(true), Text: value, Value: value}
	}
	last := environments[len(environments)-1]
	return []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").Label("CloudWatch").Type("cloudwatch"),
		dashboard.NewTextBoxVariableBuilder("region").Label("Region").DefaultValue(text("eu-west-1")).Current(chosen("eu-west-1")),
		dashboard.NewCustomVariableBuilder("environment").Label("Environment").Values(text(strings.Join(environments, ","))).
			Current(chosen(last)).AllowCustomValue(true),
		// the stack's own table, or a restored one in its place
		dashboard.NewQueryVariableBuilder("table").Label("Table").Datasource(source).Refresh(dashboard.VariableRefreshOnDashboardLoad).
			Query(dashboard.StringOrMap{Map: map[string]any{
				"queryType": "dimensionValues", "refId": "table", "region": "${region}", "namespace": "AWS/DynamoDB",
				"metricName": "ConsumedWriteCapacityUnits", "dimensionKey": "TableName",
			}}).Regex("/^pricing-${environment}(-.+)?$/"),
		dashboard.NewTextBoxVariableBuilder("runbook").Label("Runbook").DefaultValue(text(runbookDefault)).Current(chosen(runbookDefault)),
	}
}

// list is a panel of rows and columns. The SDK leaves out how its footer sums up, without which its own strict decoder refuses the panel.
func list(source common.DataSourceRef) *table.PanelBuilder {
	return table.NewPanelBuilder().Datasource(source).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{}))
}

// alarmChanges asks for the changes of the environment's alarms.
func alarmChanges(source common.DataSourceRef) cog.Builder[variants.Dataquery] {
	return built{cloudwatch.Request{AnnotationQuery: &cloudwatch.AnnotationQuery{
		QueryMode: cloudwatch.QueryModeAnnotations, RefId: cog.ToPtr("alarms"), PrefixMatching: cog.ToPtr(true), Region: "${region}",
		AlarmNamePrefix: cog.ToPtr(toGrafana.Replace(prefix)), ActionPrefix: cog.ToPtr(""), Datasource: &source,
	}}}
}

// built is a query that needs no builder: the SDK makes none of its three kinds in one.
type built struct{ query cloudwatch.Request }

func (b built) Build() (variants.Dataquery, error) { return b.query, nil }

func (l Logs) target(source common.DataSourceRef) cog.Builder[variants.Dataquery] {
	return built{cloudwatch.Request{LogsQuery: &cloudwatch.LogsQuery{
		QueryMode: cloudwatch.QueryModeLogs, Id: "logs", RefId: cog.ToPtr("logs"), Region: "${region}", Expression: &l.Query,
		LogGroupNames: []string{toGrafana.Replace(l.Group)}, Datasource: &source,
	}}}
}

func (p Panel) graph(source common.DataSourceRef) *timeseries.PanelBuilder {
	b := timeseries.NewPanelBuilder().Title(p.Title).Datasource(source).Unit(grafanaUnits[p.Unit]).AxisLabel(p.label()).
		LineWidth(1).FillOpacity(0).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom))
	if !p.Signed {
		b.Min(0)
	}
	if p.Stacked {
		b.FillOpacity(30).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
	}
	if p.Days > 0 {
		b.TimeFrom(fmt.Sprintf("%dd", p.Days))
	}
	if len(p.Lines) > 0 {
		steps := []dashboard.Threshold{{Color: "transparent"}}
		for _, l := range p.sortedLines() {
			steps = append(steps, dashboard.Threshold{Value: &l.Value, Color: "red"})
		}
		b.Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)).
			ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed)).
			Description(p.lineText())
	}
	for i, s := range p.Series {
		b.WithTarget(s.target(i, source))
	}
	return b
}

// sortedLines are the panel's lines as thresholds have to be, from the lowest up.
func (p Panel) sortedLines() []Line {
	return slices.SortedFunc(slices.Values(p.Lines), func(a, b Line) int { return cmp.Compare(a.Value, b.Value) })
}

// lineText says what the lines are, which Grafana does not name.
func (p Panel) lineText() string {
	var texts []string
	for _, l := range p.sortedLines() {
		texts = append(texts, fmt.Sprintf("%g: %s", l.Value, l.Label))
	}
	return strings.Join(texts, "; ")
}

// target is a series as the query editor of Grafana has it: a metric, or an expression.
func (s Series) target(i int, source common.DataSourceRef) cog.Builder[variants.Dataquery] {
	id := s.ID
	if id == "" {
		id = fmt.Sprintf("m%d", i+1)
	}
	seconds := period
	if s.Period > 0 {
		seconds = s.Period
	}
	q := cloudwatch.MetricsQuery{
		QueryMode: cloudwatch.QueryModeMetrics, MetricQueryType: cog.ToPtr(cloudwatch.MetricQueryTypeSearch), Id: id, RefId: &id,
		Region: "${region}", Period: cog.ToPtr(fmt.Sprint(seconds)), Datasource: &source,
	}
	if s.Hidden {
		q.Hide = cog.ToPtr(true)
	}
	if s.Label != "" && !s.each() {
		q.Label = &s.Label
	}
	if s.Expression != "" {
		q.MetricEditorMode, q.Expression = cog.ToPtr(cloudwatch.MetricEditorModeCode), &s.Expression
		return built{cloudwatch.Request{MetricsQuery: &q}}
	}
	q.MetricEditorMode, q.MatchExact = cog.ToPtr(cloudwatch.MetricEditorModeBuilder), cog.ToPtr(true)
	q.Namespace, q.MetricName, q.Statistic = toGrafana.Replace(s.Namespace), &s.Name, &s.Statistic
	dimensions := cloudwatch.Dimensions{}
	for i, name := range s.Dimensions {
		value := toGrafana.Replace(s.Values[i])
		dimensions[name] = cloudwatch.StringOrArrayOfString{String: &value}
		if s.Values[i] == each { // CloudWatch itself fills in the value
			q.Label = cog.ToPtr(strings.TrimSpace(s.Label + " ${PROP('Dim." + name + "')}"))
		}
	}
	q.Dimensions = &dimensions
	return built{cloudwatch.Request{MetricsQuery: &q}}
}

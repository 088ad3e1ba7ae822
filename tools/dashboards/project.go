package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"pricing/samkit/samconfig"
)

// project is what the dashboards need to know of the template, in its order.
type project struct {
	text         []byte
	environments []string
	functions    []function
	alarms       []alarm
	operations   []string // of DynamoDB, that the store calls: those of the alarm on DynamoDB's own errors
	filtered     []string // metrics of metric filters
	placeholders []string // what may stand in ${...}: parameters and resources
	access       string   // the format of the gateway's access log
}

// function is a function: its name without the environment's prefix, and its route if it has one.
type function struct{ name, route string }

// alarm is an alarm: its name without the prefix, whether it tells anybody, where it rings, and what it reads.
type alarm struct {
	name      string
	tells     bool
	threshold any
	reads     []read
}

// read is one metric that is read by one set of dimensions.
type read struct{ Namespace, Name, Dimensions string }

const prefix = "pricing-" + environment + "-"

// stat is a metric as alarms name it. Intrinsic functions are read as their argument.
type stat struct {
	Namespace  string `yaml:"Namespace"`
	MetricName string `yaml:"MetricName"`
	Dimensions []struct {
		Name  string `yaml:"Name"`
		Value any    `yaml:"Value"`
	} `yaml:"Dimensions"`
}

func (s stat) read() read {
	names := make([]string, len(s.Dimensions))
	for i, d := range s.Dimensions {
		names[i] = d.Name
	}
	return newRead(s.Namespace, s.MetricName, names)
}

func newRead(namespace, name string, dimensions []string) read {
	return read{namespace, name, strings.Join(slices.Sorted(slices.Values(dimensions)), ",")}
}

// toFunction finds the function that a route calls.
var toFunction = regexp.MustCompile(`\$\{(\w+)\.Arn\}:live/invocations`)

func readProject(root string) (project, error) {
	text, err := os.ReadFile(filepath.Join(root, templateFile))
	if err != nil {
		return project{}, err
	}
	environments, err := samconfig.Read(filepath.Join(root, configFile))
	if err != nil {
		return project{}, err
	}
	p, err := parseProject(text)
	p.environments = slices.Sorted(maps.Keys(environments))
	return p, err
}

func parseProject(text []byte) (project, error) {
	var template struct {
		Parameters map[string]yaml.Node `yaml:"Parameters"`
		Resources  yaml.Node            `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		return project{}, err
	}
	p := project{text: text, placeholders: slices.Sorted(maps.Keys(template.Parameters))}
	routes, ids := map[string]string{}, []string{}
	for i := 0; i+1 < len(template.Resources.Content); i += 2 {
		id, node := template.Resources.Content[i].Value, template.Resources.Content[i+1]
		var r struct {
			Type       string    `yaml:"Type"`
			Properties yaml.Node `yaml:"Properties"`
		}
		if err := node.Decode(&r); err != nil {
			return project{}, fmt.Errorf("%s: %w", id, err)
		}
		p.placeholders = append(p.placeholders, id)
		var err error
		switch r.Type {
		case "AWS::Serverless::Api":
			p.access, routes, err = readAPI(r.Properties)
		case "AWS::Serverless::Function":
			var f struct {
				FunctionName string `yaml:"FunctionName"`
			}
			err = r.Properties.Decode(&f)
			ids = append(ids, id)
			p.functions = append(p.functions, function{name: strings.TrimPrefix(f.FunctionName, prefix)})
		case "AWS::Logs::MetricFilter":
			var f struct {
				MetricTransformations []stat `yaml:"MetricTransformations"`
			}
			err = r.Properties.Decode(&f)
			for _, m := range f.MetricTransformations {
				p.filtered = append(p.filtered, m.MetricName)
			}
		case "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm":
			err = p.addAlarm(r.Properties)
		}
		if err != nil {
			return project{}, fmt.Errorf("%s: %w", id, err)
		}
	}
	for i, id := range ids {
		p.functions[i].route = routes[id]
	}
	return p, nil
}

// readAPI returns the format of the access log, and the routes of functions.
func readAPI(properties yaml.Node) (access string, routes map[string]string, err error) {
	var api struct {
		AccessLogSetting struct {
			Format string `yaml:"Format"`
		} `yaml:"AccessLogSetting"`
		DefinitionBody struct {
			Paths map[string]map[string]struct {
				Integration struct {
					URI any `yaml:"uri"`
				} `yaml:"x-amazon-apigateway-integration"`
			} `yaml:"paths"`
		} `yaml:"DefinitionBody"`
	}
	if err := properties.Decode(&api); err != nil {
		return "", nil, err
	}
	routes = map[string]string{}
	for path, methods := range api.DefinitionBody.Paths {
		for method, m := range methods {
			if f := toFunction.FindStringSubmatch(fmt.Sprint(m.Integration.URI)); f != nil {
				routes[f[1]] = strings.ToUpper(method) + " " + path
			}
		}
	}
	return api.AccessLogSetting.Format, routes, nil
}

func (p *project) addAlarm(properties yaml.Node) error {
	var a struct {
		AlarmName    string      `yaml:"AlarmName"`
		AlarmActions []yaml.Node `yaml:"AlarmActions"`
		Threshold    any         `yaml:"Threshold"`
		stat         `yaml:",inline"`
		Metrics      []struct {
			MetricStat struct {
				Metric stat `yaml:"Metric"`
			} `yaml:"MetricStat"`
		} `yaml:"Metrics"`
	}
	if err := properties.Decode(&a); err != nil {
		return err
	}
	out := alarm{name: strings.TrimPrefix(a.AlarmName, prefix), tells: len(a.AlarmActions) > 0, threshold: a.Threshold}
	if a.MetricName != "" {
		out.reads = append(out.reads, a.read())
	}
	for _, m := range a.Metrics {
		metric := m.MetricStat.Metric
		if metric.MetricName == "" {
			continue
		}
		out.reads = append(out.reads, metric.read())
		for _, d := range metric.Dimensions {
			if d.Name == "Operation" {
				p.operations = append(p.operations, fmt.Sprint(d.Value))
			}
		}
	}
	p.alarms = append(p.alarms, out)
	return nil
}

// threshold is where an alarm rings. Without a number in the template it is none, which neither dashboard can be written with.
func (p project) threshold(name string) float64 {
	i := slices.IndexFunc(p.alarms, func(a alarm) bool { return a.name == name })
	if i < 0 {
		return math.NaN()
	}
	switch t := p.alarms[i].threshold.(type) {
	case int:
		return float64(t)
	case float64:
		return t
	}
	return math.NaN()
}

// ofFunction reports whether an alarm is about one function.
func (p project) ofFunction(name string) bool {
	return slices.ContainsFunc(p.functions, func(f function) bool {
		rest, ok := strings.CutPrefix(name, f.name+"-")
		return ok && slices.Contains([]string{"errors", "internal-errors", "crashes"}, rest)
	})
}

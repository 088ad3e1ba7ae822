package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"pricing/samkit/local/samtemplate"
)

// resources are those that cost the same whatever the traffic.
type resources struct {
	alarms, fast, composite    int // alarms by their metrics: CloudWatch bills each metric that one looks at
	filters, methodMetrics     int
	dashboards, acls, aclRules int
}

// metricsOfMethod are Count, 4XXError, 5XXError, Latency and IntegrationLatency.
const metricsOfMethod = 5

func count(template *samtemplate.Template) (c resources) {
	for _, r := range template.Resources {
		p := object(r, "Properties")
		switch r["Type"] {
		case "AWS::CloudWatch::Alarm":
			looked, fast := 1, often(p["Period"])
			if metrics := list(p["Metrics"]); len(metrics) > 0 {
				looked = 0
				for _, m := range metrics {
					if stat := object(m, "MetricStat"); stat != nil {
						looked++
						fast = fast || often(stat["Period"])
					}
				}
			}
			if fast {
				c.fast += looked
			} else {
				c.alarms += looked
			}
		case "AWS::CloudWatch::CompositeAlarm":
			c.composite++
		case "AWS::CloudWatch::Dashboard":
			c.dashboards++
		case "AWS::Logs::MetricFilter":
			c.filters++
		case "AWS::WAFv2::WebACL":
			c.acls++
			c.aclRules += len(list(p["Rules"]))
		case "AWS::Serverless::Api":
			for _, s := range list(p["MethodSettings"]) {
				if object(s)["MetricsEnabled"] == true && object(s)["HttpMethod"] == "*" && template.API != nil {
					c.methodMetrics += metricsOfMethod * methods(p)
				}
			}
		}
	}
	return c
}

// methods counts the operations of an API's body.
func methods(api map[string]any) (n int) {
	for _, path := range object(api, "DefinitionBody", "paths") {
		for name := range object(path) {
			if strings.Contains(" get put post delete patch head options x-amazon-apigateway-any-method ", " "+name+" ") {
				n++
			}
		}
	}
	return n
}

// often reports whether a period is shorter than a minute, which makes an alarm dearer.
func often(period any) bool {
	n, ok := period.(int)
	return ok && n < 60
}

// provisioned returns the GB-seconds a month for which environments are kept ready. Lambda rounds a day's time up to five minutes.
func provisioned(template *samtemplate.Template) (sum float64, err error) {
	for _, r := range template.Resources {
		if r["Type"] != "AWS::ApplicationAutoScaling::ScalableTarget" {
			continue
		}
		p := object(r, "Properties")
		id := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(object(p, "ResourceId")["Fn::Sub"]), "function:${"), "}:live")
		name := fmt.Sprint(object(p, "MaxCapacity")["Ref"])
		n, err := strconv.Atoi(template.Parameters[name])
		f, ok := template.Functions[id]
		if err != nil || !ok {
			return 0, fmt.Errorf("%s: %s of %s is not understood", p["ResourceId"], name, id)
		}
		var from, fromMinute, to, toMinute int
		if _, err := fmt.Sscanf(template.Parameters["PrewarmSchedule"], "%d:%d-%d:%d@", &from, &fromMinute, &to, &toMinute); err != nil {
			return 0, fmt.Errorf("PrewarmSchedule: %w", err)
		}
		minutes := (to*60 + toMinute - from*60 - fromMinute + 24*60) % (24 * 60)
		sum += float64(n) * float64(f.MemoryMB) / 1024 * math.Ceil(float64(minutes)/5) * 5 * 60 * days
	}
	return sum, nil
}

func object(v any, keys ...string) map[string]any {
	m, _ := v.(map[string]any)
	for _, key := range keys {
		m, _ = m[key].(map[string]any)
	}
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

package rules

import (
	"slices"
	"strings"
)

// alarmRules are about alarms: they exist, and they watch something.
func alarmRules() []Rule {
	return []Rule{
		{
			Name: "alarm-comparison", Doc: "An alarm has a ComparisonOperator.",
			Consequence: "the deployment fails",
			Fix:         "add ComparisonOperator, such as GreaterThanThreshold",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::CloudWatch::Alarm") {
					if text(r.properties["ComparisonOperator"]) == "" {
						report(r.property("ComparisonOperator"), "%s has no ComparisonOperator", r.id)
					}
				}
			},
		},
		{
			Name: "alarm-dimension",
			Doc: "An alarm on an AWS metric names functions, APIs, tables, queues and so on of this stack, or a table " +
				"that its roles name.",
			Consequence: "the alarm watches nothing, or another environment, and never goes off",
			Fix:         "refer to the resource: with !Ref for a function, table or log group, with the same text as its Name for an API",
			stack: func(s *Stack, report report) {
				s.eachMetric(func(_ resource, m metric) {
					if !strings.HasPrefix(m.namespace, "AWS/") {
						return
					}
					for i, v := range m.dimensions {
						d := object(v)
						if name := text(d["Name"]); !s.dimension(m, name, d["Value"]) {
							report(below(m.at, "Dimensions", text(i), "Value"), "the dimension %s=%s matches nothing in this stack", name, text(d["Value"]))
						}
					}
				})
			},
		},
		{
			Name: "errors-alarm", Doc: "Every function except an authorizer has an alarm on its Errors.",
			Consequence: "nobody is told of crashes and timeouts",
			Fix:         "add an AWS::CloudWatch::Alarm on AWS/Lambda Errors with the dimension FunctionName",
			stack: func(s *Stack, report report) {
				authorizers := s.authorizerFunctions()
				for _, f := range s.functions() {
					if !authorizers[f.id] && s.alarm(f, "Errors") == nil {
						report(f.at(), "%s has no alarm on Errors", f.id)
					}
				}
			},
		},
		{
			Name: "throttles-alarm",
			Doc: "Every function has an alarm on its Throttles, or what calls it has: an API on its 5XXError, a schedule or a subscription on " +
				"failed events.",
			Consequence: "nobody is told that callers are refused because too many calls run at once",
			Fix: "add an AWS::CloudWatch::Alarm on AWS/Lambda Throttles with the dimension FunctionName, or one on AWS/ApiGateway 5XXError, " +
				"or on the on-failure queue of a function that only schedules and subscriptions call",
			stack: func(s *Stack, report report) {
				for _, f := range s.functions() {
					if s.alarm(f, "Throttles") == nil && !s.throttlesSeen(f) && !s.watchedFailures(f) {
						report(f.at(), "%s has no alarm on Throttles", f.id)
					}
				}
			},
		},
		{
			Name: "authorizer-alarm", Doc: "An authorizer has an alarm on a metric filter of its own lines.",
			Consequence: "nobody is told that the authorizer fails and that callers get 500",
			Fix:         "add an AWS::Logs::MetricFilter that counts its failures, and an alarm on that metric",
			stack: func(s *Stack, report report) {
				for id := range s.authorizerFunctions() {
					if !slices.ContainsFunc(s.filterAlarms(s.resources[id]), func(a filterAlarm) bool { return !a.crashes() }) {
						report(s.resources[id].at(), "%s has no alarm on a metric filter", id)
					}
				}
			},
		},
		{
			Name: "authorizer-crash-alarm", Doc: "An authorizer has an alarm on Lambda's own reports of its crashes and timeouts.",
			Consequence: "nobody is told of an authorizer whose process dies at its start, and every call is answered with 500",
			Fix: "add an AWS::Logs::MetricFilter on its log group for events of the type platform.report with the status failure or timeout, " +
				"and an alarm on that metric",
			stack: func(s *Stack, report report) {
				for id := range s.authorizerFunctions() {
					if !slices.ContainsFunc(s.filterAlarms(s.resources[id]), filterAlarm.crashes) {
						report(s.resources[id].at(), "%s has no alarm on its crashes and timeouts", id)
					}
				}
			},
		},
		{
			Name: "authorizer-errors-alarm", Doc: "No alarm watches an authorizer's Errors, because it answers a bad token with an error.",
			Consequence: "anyone with a bad token can page the team or roll a deployment back",
			Fix:         "watch a metric filter on the authorizer's log group instead",
			stack: func(s *Stack, report report) {
				for id := range s.authorizerFunctions() {
					if m := s.alarm(s.resources[id], "Errors"); m != nil {
						report(m.at, "it watches the Errors of the authorizer %s", id)
					}
				}
			},
		},
		{
			Name: "alarm-silence", Doc: "An alarm on a function's Errors or Throttles treats missing data as good.",
			Consequence: "an hour without calls, in which Lambda sends no data, raises the alarm or leaves it without a state",
			Fix:         "write TreatMissingData: notBreaching",
			stack: func(s *Stack, report report) {
				guards := s.deploymentAlarms()
				s.eachMetric(func(alarm resource, m metric) {
					if m.namespace == "AWS/Lambda" && (m.name == "Errors" || m.name == "Throttles") &&
						alarm.properties["TreatMissingData"] != "notBreaching" &&
						!slices.ContainsFunc(guards, func(g guard) bool { return g.alarm == alarm.id }) {
						report(alarm.property("TreatMissingData"), "missing data is treated as %s", cmpAny(alarm.properties["TreatMissingData"], "missing"))
					}
				})
			},
		},
		{
			Name: "deployment-alarm", Doc: "The alarms of a DeploymentPreference treat missing data as good.",
			Consequence: "the first deployments, for which there is no data yet, are blocked or rolled back",
			Fix:         "write TreatMissingData: notBreaching",
			stack: func(s *Stack, report report) {
				for _, g := range s.deploymentAlarms() {
					if alarm := s.resources[g.alarm]; alarm.properties["TreatMissingData"] != "notBreaching" {
						at := alarm.property("TreatMissingData")
						report(at, "%s guards the deployment of %s, but does not treat missing data as good", g.alarm, g.function)
					}
				}
			},
		},
		{
			Name: "deployment-own-alarms", Doc: "The alarms of a DeploymentPreference are about its own function alone.",
			Consequence: "a fault of another function rolls this one back, and blocks the deployment that would mend it",
			Fix:         "give the alarm the function as a dimension, or count in its log group, and leave alarms on the whole API out",
			stack: func(s *Stack, report report) {
				for _, g := range s.deploymentAlarms() {
					if f := s.resources[g.function]; f.kind == "AWS::Lambda::Function" && !s.about(g.alarm, f) {
						report(s.resources[g.alarm].at(), "%s guards the deployment of %s, but is not about it alone", g.alarm, f.id)
					}
				}
			},
		},
		{
			Name: "deployment-crash-alarm", Doc: "A process that dies at its start sets off an alarm of its function's DeploymentPreference.",
			Consequence: "a version that cannot even start is deployed to everybody",
			Fix:         "name the function's alarm on Errors in Alarms, or for an authorizer the one on its crashes",
			stack: func(s *Stack, report report) {
				guards := s.deploymentAlarms()
				for _, group := range s.of("AWS::CodeDeploy::DeploymentGroup") {
					f := s.resources[strings.TrimSuffix(group.id, "DeploymentGroup")]
					if f.kind != "AWS::Lambda::Function" {
						continue
					}
					guarded := func(alarm string) bool { return slices.Contains(guards, guard{alarm, f.id}) }
					rings := slices.ContainsFunc(s.filterAlarms(f), func(a filterAlarm) bool { return a.crashes() && guarded(a.alarm) })
					s.eachMetric(func(alarm resource, m metric) {
						rings = rings || guarded(alarm.id) && m.namespace == "AWS/Lambda" && m.name == "Errors" &&
							f.is(m.dimension("FunctionName"), "FunctionName")
					})
					if !rings {
						report(s.deploymentPath(group, "Alarms"), "no alarm of the deployment of %s rings when it dies at its start", f.id)
					}
				}
			},
		},
	}
}

// about reports whether everything that an alarm watches is of one function: by a dimension, or counted in its log group.
func (s *Stack) about(alarm string, f resource) bool {
	counted := slices.ContainsFunc(s.filterAlarms(f), func(a filterAlarm) bool { return a.alarm == alarm })
	watched, others := 0, 0
	s.eachMetric(func(a resource, m metric) {
		if a.id != alarm {
			return
		}
		watched++
		own := slices.ContainsFunc(m.dimensions, func(d any) bool { return f.is(object(d)["Value"], "FunctionName") })
		if !own && (!counted || len(m.dimensions) > 0) {
			others++
		}
	})
	return watched > 0 && others == 0
}

// metric is one metric that an alarm watches.
type metric struct {
	at              []string
	namespace, name string
	dimensions      []any
}

// eachMetric calls f for every metric of every alarm, whether it stands alone or in a calculation.
func (s *Stack) eachMetric(f func(alarm resource, m metric)) {
	for _, r := range s.of("AWS::CloudWatch::Alarm") {
		read := func(at []string, of map[string]any) {
			f(r, metric{at: at, namespace: text(of["Namespace"]), name: text(of["MetricName"]), dimensions: list(of["Dimensions"])})
		}
		if r.properties["MetricName"] != nil {
			read(r.property(), r.properties)
		}
		for i, v := range list(r.properties["Metrics"]) {
			if m := object(v, "MetricStat", "Metric"); m != nil {
				read(r.property("Metrics", text(i), "MetricStat", "Metric"), m)
			}
		}
	}
}

// dimension returns the value of one of the metric's dimensions, or nil.
func (m metric) dimension(name string) any {
	for _, d := range m.dimensions {
		if object(d)["Name"] == name {
			return object(d)["Value"]
		}
	}
	return nil
}

// alarm returns the metric of an alarm that watches one of Lambda's metrics of a function, or nil.
func (s *Stack) alarm(f resource, name string) *metric {
	var found *metric
	s.eachMetric(func(_ resource, m metric) {
		if m.namespace == "AWS/Lambda" && m.name == name && f.is(m.dimension("FunctionName"), "FunctionName") {
			found = &m
		}
	})
	return found
}

// throttlesSeen reports whether APIs alone call a function, and each has an alarm on all its 5XX answers: a call that is
// throttled is one of them.
func (s *Stack) throttlesSeen(f resource) bool {
	called := false
	for _, a := range s.apis {
		if !a.calls(f) {
			continue
		}
		called = true
		name := text(apiName(a.resource()))
		watched := false
		s.eachMetric(func(_ resource, m metric) {
			watched = watched || m.namespace == "AWS/ApiGateway" && m.name == "5XXError" &&
				name != "" && text(m.dimension("ApiName")) == name && m.dimension("Resource") == nil
		})
		if !watched {
			return false
		}
	}
	return called && !s.calledElsewhere(f)
}

// calledElsewhere reports whether a schedule, a queue or another service calls a function.
func (s *Stack) calledElsewhere(f resource) bool {
	return s.scheduled(f) || slices.ContainsFunc(s.of("AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping"), func(r resource) bool {
		id, _, ok := s.function(r.properties["FunctionName"])
		return ok && id == f.id && r.properties["Principal"] != gatewayPrincipal
	})
}

// filterAlarm is an alarm on a metric that a filter counts in a log group.
type filterAlarm struct{ alarm, pattern string }

// crashes reports whether the filter counts Lambda's own reports of calls without an answer.
func (a filterAlarm) crashes() bool {
	return strings.Contains(a.pattern, "platform.report") && strings.Contains(a.pattern, "failure") && strings.Contains(a.pattern, "timeout")
}

// filterAlarms are the alarms on what is counted in a function's log group.
func (s *Stack) filterAlarms(f resource) []filterAlarm {
	var found []filterAlarm
	group := s.logGroup(f)
	for _, r := range s.of("AWS::Logs::MetricFilter") {
		if group == "" || !s.resources[group].is(r.properties["LogGroupName"], "LogGroupName") {
			continue
		}
		for _, v := range list(r.properties["MetricTransformations"]) {
			counted := object(v)
			s.eachMetric(func(alarm resource, m metric) {
				if m.namespace == text(counted["MetricNamespace"]) && m.name == text(counted["MetricName"]) {
					found = append(found, filterAlarm{alarm.id, text(r.properties["FilterPattern"])})
				}
			})
		}
	}
	return found
}

// guard is an alarm that may stop the deployment of a function.
type guard struct{ alarm, function string }

// deploymentAlarms are the alarms that may stop deployments. One of several deployments is there several times.
func (s *Stack) deploymentAlarms() []guard {
	var guards []guard
	for _, group := range s.of("AWS::CodeDeploy::DeploymentGroup") {
		for _, v := range list(object(group.properties, "AlarmConfiguration")["Alarms"]) {
			for _, alarm := range s.of("AWS::CloudWatch::Alarm") {
				if alarm.is(object(v)["Name"], "AlarmName") {
					guards = append(guards, guard{alarm.id, strings.TrimSuffix(group.id, "DeploymentGroup")})
				}
			}
		}
	}
	return guards
}

// dimensionOf are the dimensions whose value is a resource's name: its type, and the property that holds the name.
var dimensionOf = map[string][2]string{
	"FunctionName": {"AWS::Lambda::Function", "FunctionName"},
	"TableName":    {"AWS::DynamoDB::Table", "TableName"},
	"QueueName":    {"AWS::SQS::Queue", "QueueName"},
	"TopicName":    {"AWS::SNS::Topic", "TopicName"},
	"LogGroupName": {"AWS::Logs::LogGroup", "LogGroupName"},
	"RuleName":     {"AWS::Events::Rule", "Name"},
	"BucketName":   {"AWS::S3::Bucket", "BucketName"},
}

// dimension reports whether a dimension of a metric matches something in this stack. Unknown dimensions do.
func (s *Stack) dimension(m metric, name string, value any) bool {
	switch {
	case m.namespace == "AWS/ApiGateway" && name == "ApiName":
		return slices.ContainsFunc(s.of("AWS::ApiGateway::RestApi"), func(r resource) bool { return value == apiName(r) })
	case m.namespace == "AWS/ApiGateway" && name == "Stage":
		return slices.ContainsFunc(s.of("AWS::ApiGateway::Stage"), func(r resource) bool { return r.is(value, "StageName") })
	case m.namespace == "AWS/ApiGateway" && name == "Resource":
		return slices.ContainsFunc(s.apis, func(a *api) bool { return a.methods(text(value)) != nil })
	case m.namespace == "AWS/Lambda" && name == "Resource":
		id, alias, ok := s.function(value)
		return ok && (alias == "" || slices.Contains(s.aliases(id), alias))
	}
	of, ok := dimensionOf[name]
	if !ok {
		return true
	}
	return slices.ContainsFunc(s.of(of[0]), func(r resource) bool { return r.is(value, of[1]) }) || name == "TableName" && s.uses(value)
}

// uses reports whether a policy of the stack allows something on a table, which need not be in the stack: a restored one may be
// used instead.
func (s *Stack) uses(table any) bool {
	found := false
	s.eachStatement(func(_ []string, statement map[string]any) {
		for _, arn := range list(statement["Resource"]) {
			found = found || statement["Effect"] == "Allow" && text(table) != "" && strings.HasSuffix(text(arn), ":table/"+text(table))
		}
	})
	return found
}

// apiName is what CloudWatch calls an API: its Name, or else its body's title.
func apiName(r resource) any {
	return cmpAny(r.properties["Name"], object(r.properties, "Body", "info")["title"])
}

package rules

import (
	"slices"
	"strings"
)

// scheduleRules are about functions that a schedule calls. Nobody waits for their answer, so nobody is told when there is none.
func scheduleRules() []Rule {
	return []Rule{
		{
			Name: "schedule-permission", Doc: "Each rule that calls a function has a permission that lets EventBridge call it, for the same alias.",
			Consequence: "the schedule calls nothing, and only a metric of EventBridge says so",
			Fix:         "add an AWS::Lambda::Permission for events.amazonaws.com with the rule's ARN as SourceArn and its target as FunctionName",
			stack: func(s *Stack, report report) {
				for _, c := range s.scheduledCalls() {
					if c.by.kind == "AWS::Events::Rule" && !s.scheduleMayCall(c) {
						report(c.at, "no permission lets %s call %s", c.by.id, c.function)
					}
				}
			},
		},
		{
			Name: "schedule-failures", Doc: "A schedule's target has a dead-letter queue, and the function that it calls an on-failure destination.",
			Consequence: "an event that could not be delivered, or on which the function failed for good, is gone without a trace",
			Fix:         "add DeadLetterConfig to the target, and EventInvokeConfig with DestinationConfig.OnFailure to the function",
			stack: func(s *Stack, report report) {
				for _, c := range s.scheduledCalls() {
					if object(c.target["DeadLetterConfig"])["Arn"] == nil {
						report(c.at, "%s has no dead-letter queue", c.by.id)
					}
					if s.onFailure(c.function) == nil {
						report(s.resources[c.function].at(), "%s has no on-failure destination", c.function)
					}
				}
			},
		},
		{
			Name: "failure-permission", Doc: "EventBridge may send to a rule's dead-letter queue, and a function to its on-failure queue.",
			Consequence: "what failed is gone without a trace, although there is a queue for it",
			Fix: "let events.amazonaws.com send messages in an AWS::SQS::QueuePolicy of the queue, " +
				"and allow sqs:SendMessage on it in the function's role",
			stack: func(s *Stack, report report) {
				for _, c := range s.scheduledCalls() {
					queue := s.queue(object(c.target["DeadLetterConfig"])["Arn"])
					if c.by.kind == "AWS::Events::Rule" && queue != "" && !s.eventsMaySend(queue) {
						report(c.at, "no policy of %s lets EventBridge send to it", queue)
					}
				}
				for _, f := range s.functions() {
					actions := s.actions(f)
					if queue := s.queue(s.onFailure(f.id)); queue != "" && actions != nil && !slices.Contains(actions, "sqs:SendMessage") {
						report(f.property("Role"), "the role of %s does not allow sqs:SendMessage, which its on-failure queue %s needs", f.id, queue)
					}
				}
			},
		},
	}
}

// scheduledCall is a function that a schedule has as its target.
type scheduledCall struct {
	by              resource // an AWS::Events::Rule or AWS::Scheduler::Schedule
	at              []string // the target
	target          map[string]any
	function, alias string
}

// scheduledCalls returns the functions that schedules call, by the id of the schedule.
func (s *Stack) scheduledCalls() []scheduledCall {
	var calls []scheduledCall
	add := func(r resource, at []string, target any) {
		if id, alias, ok := s.function(object(target)["Arn"]); ok {
			calls = append(calls, scheduledCall{r, at, object(target), id, alias})
		}
	}
	for _, r := range s.of("AWS::Events::Rule", "AWS::Scheduler::Schedule") {
		switch {
		case r.kind == "AWS::Scheduler::Schedule":
			add(r, r.property("Target"), r.properties["Target"])
		case r.properties["ScheduleExpression"] != nil:
			for i, target := range list(r.properties["Targets"]) {
				add(r, r.property("Targets", text(i)), target)
			}
		}
	}
	return calls
}

// scheduled reports whether a schedule's target is the function or an alias of it.
func (s *Stack) scheduled(f resource) bool {
	return slices.ContainsFunc(s.scheduledCalls(), func(c scheduledCall) bool { return c.function == f.id })
}

const eventsPrincipal = "events.amazonaws.com"

// scheduleMayCall reports whether a permission lets a rule call its target.
func (s *Stack) scheduleMayCall(c scheduledCall) bool {
	return slices.ContainsFunc(s.of("AWS::Lambda::Permission"), func(r resource) bool {
		id, alias, ok := s.function(r.properties["FunctionName"])
		source := text(r.properties["SourceArn"])
		named := "rule/" + text(c.by.properties["Name"])
		return ok && id == c.function && alias == c.alias && r.properties["Principal"] == eventsPrincipal &&
			(source == "" || source == "<"+c.by.id+".Arn>" || c.by.properties["Name"] != nil && strings.HasSuffix(source, named))
	})
}

// onFailure is where an event goes on which a function failed for good, or nil.
func (s *Stack) onFailure(function string) any {
	for _, r := range s.of("AWS::Lambda::EventInvokeConfig") {
		if id, _, ok := s.function(r.properties["FunctionName"]); ok && id == function {
			return object(r.properties, "DestinationConfig", "OnFailure")["Destination"]
		}
	}
	return nil
}

// queue returns the logical id of the queue that an ARN means, or "".
func (s *Stack) queue(arn any) string {
	for _, r := range s.of("AWS::SQS::Queue") {
		if arn == "<"+r.id+".Arn>" {
			return r.id
		}
	}
	return ""
}

// eventsMaySend reports whether a policy of a queue allows EventBridge something.
func (s *Stack) eventsMaySend(queue string) bool {
	for _, r := range s.of("AWS::SQS::QueuePolicy") {
		if !slices.ContainsFunc(list(r.properties["Queues"]), func(v any) bool { return s.resources[queue].is(v, "") }) {
			continue
		}
		for _, v := range list(object(r.properties["PolicyDocument"])["Statement"]) {
			services := list(object(object(v)["Principal"])["Service"])
			if object(v)["Effect"] == "Allow" && slices.Contains(services, any(eventsPrincipal)) {
				return true
			}
		}
	}
	return false
}

// watchedFailures reports whether nobody waits for a function, since schedules and subscriptions alone call it, and an alarm watches the
// queue for events on which it failed for good. Calls that were throttled are repeated for as long as EventInvokeConfig says, and end there
// too. The queue may hand its messages back to the function: they stay in it until it succeeds.
func (s *Stack) watchedFailures(f resource) bool {
	queue := s.queue(s.onFailure(f.id))
	if queue == "" || !s.scheduled(f) && !s.subscribed(f) || slices.ContainsFunc(s.apis, func(a *api) bool { return a.calls(f) }) {
		return false
	}
	for _, r := range s.of("AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping") {
		id, _, ok := s.function(r.properties["FunctionName"])
		unwaited := r.properties["Principal"] == eventsPrincipal || ofLogs(r.properties["Principal"]) ||
			s.queue(r.properties["EventSourceArn"]) == queue
		if ok && id == f.id && !unwaited {
			return false
		}
	}
	watched := false
	s.eachMetric(func(_ resource, m metric) {
		watched = watched || m.namespace == "AWS/SQS" && s.resources[queue].is(m.dimension("QueueName"), "QueueName")
	})
	return watched
}

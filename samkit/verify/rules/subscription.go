package rules

import (
	"slices"
	"strings"
)

// subscriptionRules are about functions that get other functions' logs. Nobody waits for them either, and their own log is one too.
func subscriptionRules() []Rule {
	return []Rule{
		{
			Name: "log-subscription", Doc: "Where functions get the logs of the stack, each log group but theirs has a subscription.",
			Consequence: "what a group has is missing where people look for it, and nobody notices",
			Fix:         "add an AWS::Logs::SubscriptionFilter for the log group",
			stack: func(s *Stack, report report) {
				subscriptions := s.subscriptions()
				if len(subscriptions) == 0 {
					return
				}
				for _, group := range s.of("AWS::Logs::LogGroup") {
					if !slices.ContainsFunc(subscriptions, func(b subscription) bool {
						return b.group == group.id || s.logGroup(s.resources[b.function]) == group.id
					}) {
						report(group.at(), "%s has no subscription, but other log groups have one", group.id)
					}
				}
			},
		},
		{
			Name: "subscription-loop", Doc: "No subscription sends a function what follows from its own log.",
			Consequence: "each line of the function makes another, and each is paid for, until somebody ends it",
			Fix:         "remove the subscription of the log group of the function that it calls",
			stack: func(s *Stack, report report) {
				subscriptions := s.subscriptions()
				for _, b := range subscriptions {
					if s.comesBack(subscriptions, b.function, b.group, nil) {
						report(b.at(), "%s sends %s what it writes itself", b.id, b.function)
					}
				}
			},
		},
		{
			Name:        "subscription-permission",
			Doc:         "Each subscription depends on a permission that lets CloudWatch Logs call its function, for the same alias.",
			Consequence: "CloudWatch Logs tries a call when it makes the subscription: the deployment fails, or does now and then",
			Fix: "add an AWS::Lambda::Permission for logs.amazonaws.com whose SourceArn is the log group's, and name it in DependsOn of the " +
				"subscription",
			stack: func(s *Stack, report report) {
				for _, b := range s.subscriptions() {
					if !slices.ContainsFunc(s.of("AWS::Lambda::Permission"), func(p resource) bool { return s.subscriptionMayCall(b, p) }) {
						report(b.at(), "it depends on no permission that lets %s call %s", b.id, b.function)
					}
				}
			},
		},
		{
			Name: "subscription-failures", Doc: "A function that gets logs has an on-failure destination.",
			Consequence: "logs on which the function failed for good are gone there without a trace",
			Fix:         "add EventInvokeConfig with DestinationConfig.OnFailure to the function",
			stack: func(s *Stack, report report) {
				told := map[string]bool{}
				for _, b := range s.subscriptions() {
					if s.onFailure(b.function) == nil && !told[b.function] {
						told[b.function] = true
						report(s.resources[b.function].at(), "%s has no on-failure destination", b.function)
					}
				}
			},
		},
	}
}

// subscription is one that calls a function of the stack.
type subscription struct {
	resource
	group           string // logical id of the log group; "" for one that is not in the stack
	function, alias string
}

func (s *Stack) subscriptions() []subscription {
	var found []subscription
	for _, r := range s.of("AWS::Logs::SubscriptionFilter") {
		b := subscription{resource: r}
		var ok bool
		if b.function, b.alias, ok = s.function(r.properties["DestinationArn"]); !ok {
			continue
		}
		for _, group := range s.of("AWS::Logs::LogGroup") {
			if group.is(r.properties["LogGroupName"], "LogGroupName") {
				b.group = group.id
			}
		}
		found = append(found, b)
	}
	return found
}

// subscribed reports whether a subscription calls a function.
func (s *Stack) subscribed(f resource) bool {
	return slices.ContainsFunc(s.subscriptions(), func(b subscription) bool { return b.function == f.id })
}

// comesBack reports whether what a function writes is sent to the functions that write to a log group, itself or by way of others.
func (s *Stack) comesBack(subscriptions []subscription, function, group string, seen []string) bool {
	written := s.logGroup(s.resources[function])
	if written == "" || slices.Contains(seen, function) {
		return false
	}
	if written == group {
		return true
	}
	return slices.ContainsFunc(subscriptions, func(b subscription) bool {
		return b.group == written && s.comesBack(subscriptions, b.function, group, append(seen, function))
	})
}

// logsPrincipal is CloudWatch Logs; older templates name its region too.
const logsPrincipal = "logs.amazonaws.com"

// ofLogs reports whether a principal is CloudWatch Logs.
func ofLogs(principal any) bool {
	return principal == logsPrincipal || strings.HasPrefix(text(principal), "logs.") && strings.HasSuffix(text(principal), ".amazonaws.com")
}

// subscriptionMayCall reports whether a subscription waits for a permission, and that lets it call its function.
func (s *Stack) subscriptionMayCall(b subscription, permission resource) bool {
	id, alias, ok := s.function(permission.properties["FunctionName"])
	if !ok || id != b.function || alias != b.alias || !ofLogs(permission.properties["Principal"]) ||
		!slices.Contains(list(b.whole["DependsOn"]), any(permission.id)) {
		return false
	}
	source := text(permission.properties["SourceArn"])
	group := s.resources[b.group]
	name := cmpAny(group.properties["LogGroupName"], "<"+b.group+">")
	arn := "arn:<AWS.Partition>:logs:<AWS.Region>:<AWS.AccountId>:log-group:" + text(name) + ":*"
	return source == "" || source == "<"+b.group+".Arn>" || glob(source).MatchString(arn)
}

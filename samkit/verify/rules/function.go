package rules

import (
	"maps"
	"slices"
	"strings"
)

// functionRules are about functions: their versions, log groups and callers.
func functionRules() []Rule {
	return []Rule{
		{
			Name: "alias-properties", Doc: "A function that publishes an alias does so for every change (AutoPublishAliasAllProperties).",
			Consequence: "a change of memory, environment or timeout does not reach the alias: callers keep the old version until the code changes",
			Fix:         "write AutoPublishAliasAllProperties: true at the function",
			source: func(p *Project, report report) {
				for id, r := range p.sourceResources("AWS::Serverless::Function") {
					property := func(name string) any {
						return cmpAny(object(r["Properties"])[name], object(p.source, "Globals", "Function")[name])
					}
					if property("AutoPublishAlias") != nil && !isTrue(property("AutoPublishAliasAllProperties")) {
						at := []string{"Resources", id, "Properties", "AutoPublishAliasAllProperties"}
						report(at, "%s publishes its alias only when its code changes", id)
					}
				}
			},
		},
		{
			Name: "version-deletion", Doc: "Every version of a function has the DeletionPolicy Delete.",
			Consequence: "after an update that failed, the same code cannot be deployed again, because its version is still there",
			Fix:         "write VersionDeletionPolicy: Delete in Globals.Function",
			stack: func(s *Stack, report report) {
				for _, v := range s.of("AWS::Lambda::Version") {
					at := v.at("DeletionPolicy")
					id, _, ok := s.function(v.properties["FunctionName"])
					if ok && object(s.project.source, "Resources", v.id) == nil { // SAM made it
						at = s.resources[id].property("VersionDeletionPolicy")
					}
					if policy := text(v.whole["DeletionPolicy"]); policy != "Delete" {
						report(at, "the DeletionPolicy of a version of %s is %q", id, policy)
					}
				}
			},
		},
		{
			Name:        "unversioned-property",
			Doc:         "A function that publishes an alias has no property whose change SAM takes for a new version and Lambda does not.",
			Consequence: "a change of this property alone fails, because SAM asks for a version that is there already",
			Fix: "give the tags to the whole stack when it is deployed; let a parameter give the others their value, or none, from the " +
				"stack's first deployment on: !If [Reserves, !Ref Concurrency, !Ref AWS::NoValue]",
			source: func(p *Project, report report) {
				globals := object(p.source, "Globals", "Function")
				for id, r := range p.sourceResources("AWS::Serverless::Function") {
					properties := object(r["Properties"])
					if cmpAny(properties["AutoPublishAlias"], globals["AutoPublishAlias"]) == nil {
						continue
					}
					for _, name := range unversioned {
						value := cmpAny(properties[name], globals[name])
						// The text of an intrinsic function stays the same when a parameter's value changes, but a tag's name is fixed.
						if value != nil && (name == "Tags" || object(value) == nil || writtenOut(value)) {
							report([]string{"Resources", id, "Properties", name}, "a change of the %s of %s makes no new version", name, id)
						}
					}
				}
			},
		},
		{
			Name: "function-log-group", Doc: "Every function logs to a log group in the stack.",
			Consequence: "Lambda creates a log group itself, which is kept for ever, even when the stack is deleted",
			Fix:         "add an AWS::Logs::LogGroup and name it in LoggingConfig.LogGroup",
			stack: func(s *Stack, report report) {
				for _, f := range s.functions() {
					if s.logGroup(f) == "" {
						report(f.property("LoggingConfig", "LogGroup"), "%s has no log group in this stack", f.id)
					}
				}
			},
		},
		{
			Name: "log-retention", Doc: "Every log group has RetentionInDays.",
			Consequence: "logs are kept, and paid for, for ever",
			Fix:         "add RetentionInDays",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::Logs::LogGroup") {
					if r.properties["RetentionInDays"] == nil {
						report(r.property("RetentionInDays"), "%s has no retention", r.id)
					}
				}
			},
		},
		{
			Name: "uncalled-function", Doc: "A method, an authorizer, an event or another resource calls each function, or an output shows it.",
			Consequence: "the function is deployed and never runs",
			Fix:         "add its route, event or permission, or remove the function",
			stack: func(s *Stack, report report) {
				for _, f := range s.functions() {
					if !s.used(f) && !s.mayCallUnseen() {
						report(f.at(), "nothing calls %s", f.id)
					}
				}
			},
		},
		{
			Name: "deployment-type", Doc: "A DeploymentPreference's Type is one of CodeDeploy's, or a configuration in this stack.",
			Consequence: "the deployment fails, after the API has been changed, with no deployment configuration found",
			Fix: "write AllAtOnce, Canary10Percent5Minutes (or 10, 15, 30), Linear10PercentEvery1Minute or " +
				"Linear10PercentEvery2Minutes (or 3, 10)",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::CodeDeploy::DeploymentGroup") {
					config := text(r.properties["DeploymentConfigName"])
					own := slices.ContainsFunc(s.of("AWS::CodeDeploy::DeploymentConfig"), func(c resource) bool {
						return c.is(config, "DeploymentConfigName")
					})
					if config == "" || own || slices.Contains(deploymentTypes, strings.TrimPrefix(config, "CodeDeployDefault.Lambda")) {
						continue
					}
					report(s.deploymentPath(r, "Type"), "there is no deployment type %s", config)
				}
			},
		},
	}
}

// writtenOut reports whether a value that an intrinsic function chooses is written there, so that another one is another text.
func writtenOut(value any) bool {
	for i, branch := range list(object(value)["Fn::If"]) {
		if i > 0 && (object(branch) == nil || writtenOut(branch)) {
			return true
		}
	}
	return false
}

// unversioned are the properties of a function that its versions do not have. Of all others Lambda keeps a version's own value.
var unversioned = []string{"CodeSigningConfigArn", "RecursiveLoop", "ReservedConcurrentExecutions", "Tags"}

var deploymentTypes = []string{
	"AllAtOnce", "Canary10Percent5Minutes", "Canary10Percent10Minutes", "Canary10Percent15Minutes", "Canary10Percent30Minutes",
	"Linear10PercentEvery1Minute", "Linear10PercentEvery2Minutes", "Linear10PercentEvery3Minutes", "Linear10PercentEvery10Minutes",
}

// deploymentPath is where the source has a property of a function's deployment group, which SAM makes.
func (s *Stack) deploymentPath(group resource, property string) []string {
	id := strings.TrimSuffix(group.id, "DeploymentGroup")
	if s.resources[id].kind == "AWS::Lambda::Function" && object(s.project.source, "Resources", group.id) == nil {
		return s.resources[id].property("DeploymentPreference", property)
	}
	return group.at()
}

// logGroup returns the logical id of the log group that a function writes to, or "".
func (s *Stack) logGroup(f resource) string {
	set := object(f.properties, "LoggingConfig")["LogGroup"]
	for _, r := range s.of("AWS::Logs::LogGroup") {
		name := text(r.properties["LogGroupName"])
		if set != nil && r.is(set, "LogGroupName") ||
			set == nil && (name == "/aws/lambda/<"+f.id+">" || name == "/aws/lambda/"+text(f.properties["FunctionName"])) {
			return r.id
		}
	}
	return ""
}

// used reports whether a resource refers to a function, other than those that only accompany it.
func (s *Stack) used(f resource) bool {
	found := false
	symbols := []string{"<" + f.id + ">", "<" + f.id + ".Arn>"}
	for _, r := range s.of("AWS::Lambda::Alias") {
		if id, _, ok := s.function(r.properties["FunctionName"]); ok && id == f.id {
			symbols = append(symbols, "<"+r.id+">")
		}
	}
	for _, r := range append(slices.Collect(maps.Values(s.resources)), resource{properties: s.outputs}) {
		switch r.kind {
		case "AWS::Lambda::Version", "AWS::CloudWatch::Alarm", "AWS::CodeDeploy::DeploymentGroup", "AWS::Logs::LogGroup":
			continue
		case "AWS::Lambda::Permission":
			if r.properties["Principal"] == gatewayPrincipal {
				continue
			}
		}
		if r.id == f.id {
			continue
		}
		what := any(r.properties)
		switch r.kind {
		case "AWS::Lambda::Alias":
			what = r.whole["UpdatePolicy"] // a deployment calls its hooks
		case "AWS::Lambda::EventInvokeConfig":
			what = r.properties["DestinationConfig"]
		}
		walk(what, nil, func(_ []string, v any) {
			found = found || slices.ContainsFunc(symbols, func(symbol string) bool { return strings.Contains(text(v), symbol) })
		})
	}
	return found
}

// cmpAny is the first of two values that is set.
func cmpAny(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

package rules

import (
	"regexp"
	"slices"
	"strings"

	"pricing/samkit/samconfig"
)

// production is the name of the environment whose data must not be lost.
const production = "prod"

// stackRules are about tables, and about environments that must not touch each other.
func stackRules() []Rule {
	return []Rule{
		{
			Name: "table-recovery", Doc: "Every table has point-in-time recovery.",
			Consequence: "data that a bug overwrites or deletes is lost",
			Fix:         "write PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::DynamoDB::Table") {
					if !isTrue(object(r.properties, "PointInTimeRecoverySpecification")["PointInTimeRecoveryEnabled"]) {
						report(r.property("PointInTimeRecoverySpecification"), "%s has no point-in-time recovery", r.id)
					}
				}
			},
		},
		{
			Name: "table-retention", Doc: "Every table outlives its stack and its replacement.",
			Consequence: "data is deleted with the stack, or when a change replaces the table",
			Fix:         "write DeletionPolicy: RetainExceptOnCreate (or Retain) and UpdateReplacePolicy: Retain",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::DynamoDB::Table") {
					if policy := text(r.whole["DeletionPolicy"]); policy != "Retain" && policy != "RetainExceptOnCreate" {
						report(r.at("DeletionPolicy"), "the DeletionPolicy of %s is %q", r.id, policy)
					}
					if policy := text(r.whole["UpdateReplacePolicy"]); policy != "Retain" {
						report(r.at("UpdateReplacePolicy"), "the UpdateReplacePolicy of %s is %q", r.id, policy)
					}
				}
			},
		},
		{
			Name: "table-protection", Doc: "In production every table has deletion protection.",
			Consequence: "one wrong command deletes the production table",
			Fix:         "set DeletionProtectionEnabled to true in production, with a parameter if it is false elsewhere",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::DynamoDB::Table") {
					if s.environment == production && !isTrue(r.properties["DeletionProtectionEnabled"]) {
						report(r.property("DeletionProtectionEnabled"), "%s has no deletion protection", r.id)
					}
				}
			},
		},
		{
			Name: "shared-name", Doc: "No two environments give a resource the same physical name.",
			Consequence: "the second environment cannot be deployed, or both write to one log, metric or alarm",
			Fix:         "put the environment's parameter into the name",
			all: func(p *Project, report report) {
				first := map[string]string{} // by type, property and name, the environment that has it
				for _, environment := range sorted(p.stacks) {
					s := p.stacks[environment]
					for _, id := range sorted(s.resources) {
						r := s.resources[id]
						for _, key := range physicalNames[r.kind] {
							name := text(r.properties[key])
							if name == "" {
								continue
							}
							k := strings.Join([]string{r.kind, key, name}, "\x00")
							if other, ok := first[k]; ok && other != environment {
								report(r.property(key), "%s and %s both have %s", other, environment, name)
								continue
							}
							first[k] = environment
						}
						if r.kind != "AWS::Logs::MetricFilter" {
							continue
						}
						for i, v := range list(r.properties["MetricTransformations"]) {
							m := object(v)
							if m["Dimensions"] != nil {
								continue // a dimension may keep the environments apart
							}
							namespace, name := text(m["MetricNamespace"]), text(m["MetricName"])
							k := "metric\x00" + namespace + "\x00" + name
							if other, ok := first[k]; ok && other != environment {
								at := r.property("MetricTransformations", text(i))
								report(at, "%s and %s both count %s %s", other, environment, namespace, name)
								continue
							}
							first[k] = environment
						}
					}
				}
			},
		},
		{
			Name: "shared-stack", Doc: "No two environments are deployed to one stack.",
			Consequence: "deploying one of them replaces the other",
			Fix:         "give each environment its own stack_name",
			all: func(p *Project, report report) {
				first := map[string]string{}
				for _, environment := range sorted(p.environments) {
					stack := p.environments[environment].Stack
					if other, ok := first[stack]; ok && stack != "" {
						report([]string{environment, "deploy", "parameters", "stack_name"}, "%s and %s both have %s", other, environment, stack)
						continue
					}
					first[stack] = environment
				}
			},
		},
		{
			Name: "environment-name", Doc: "No name, ARN, URL or variable has an environment's name written into it.",
			Consequence: "every environment gets that environment's value, and works with its resources",
			Fix:         "write !Sub with the environment's parameter",
			source: func(p *Project, report report) {
				for _, section := range []string{"Globals", "Resources"} {
					walk(p.source[section], []string{section}, func(at []string, v any) {
						value, isText := v.(string)
						if !isText || !p.namesSomething(at, value) {
							return
						}
						for _, word := range words.FindAllString(placeholder.ReplaceAllString(value, "."), -1) {
							if _, ok := p.environments[word]; ok {
								report(at, "%s is written into %q", word, value)
								return
							}
						}
					})
				}
			},
		},
		{
			Name: "template-rules", Doc: "The Rules of the template hold for the parameters of each environment.",
			Consequence: "CloudFormation refuses the deployment",
			Fix:         "set the parameters as the rule says",
			source: func(p *Project, report report) {
				for _, environment := range sorted(p.environments) {
					e := p.environments[environment]
					if len(samconfig.Environment{Parameters: e.Parameters}.Undecided()) > 0 {
						continue // the verifier has a note of that
					}
					for _, why := range samconfig.RefusedBy(p.source, e.Parameters) {
						report([]string{environment, "deploy", "parameters", "parameter_overrides"}, "%s", why)
					}
				}
			},
		},
		{
			Name: "undeclared-parameter", Doc: "samconfig.toml sets only parameters that the template declares.",
			Consequence: "the deployment fails, or the environments do not differ where they should",
			Fix:         "declare the parameter, or remove the value",
			source: func(p *Project, report report) {
				for _, environment := range sorted(p.environments) {
					for _, name := range sorted(p.environments[environment].Parameters) {
						if object(p.source["Parameters"])[name] == nil {
							report([]string{"Parameters", name}, "%s sets %s, which is not declared", environment, name)
						}
					}
				}
			},
		},
	}
}

var words = regexp.MustCompile(`[A-Za-z0-9]+`)

// namesSomething reports whether a text of the source is a name by which one resource means another or itself, rather
// than prose or a word in a schema: a physical name, a stage, an ARN, a URL, or the whole value of a variable or tag.
func (p *Project) namesSomething(at []string, value string) bool {
	switch {
	case strings.Contains(value, " "), slices.Contains(at, "Fn::If"), slices.Contains(at, "Fn::FindInMap"), slices.Contains(at, "Fn::GetAtt"):
		return false // prose, a choice between environments, or a logical id
	case strings.HasPrefix(value, "arn:"), strings.Contains(value, "://"):
		return true
	case slices.Contains(at, "Variables"), slices.Contains(at, "Tags"):
		_, ok := p.environments[value] // the whole
		return ok
	case len(at) < 4 || at[0] != "Resources" || at[2] != "Properties":
		return false
	}
	kind := text(object(p.source, "Resources", at[1])["Type"])
	switch kind {
	case "AWS::Serverless::Api":
		return at[3] == "Name" || at[3] == "StageName"
	case "AWS::Serverless::Function":
		return at[3] == "FunctionName"
	}
	return at[3] == "StageName" || slices.Contains(physicalNames[kind], at[3]) ||
		slices.Contains(at, "ApiStages") && slices.Contains(at, "Stage")
}

// physicalNames are the properties that name a resource in the whole account, or where the account shows it.
var physicalNames = map[string][]string{
	"AWS::ApiGateway::ApiKey":           {"Name", "Value"},
	"AWS::ApiGateway::RestApi":          {"Name"},
	"AWS::ApiGateway::UsagePlan":        {"UsagePlanName"},
	"AWS::CloudWatch::Alarm":            {"AlarmName"},
	"AWS::CloudWatch::CompositeAlarm":   {"AlarmName"},
	"AWS::CloudWatch::Dashboard":        {"DashboardName"},
	"AWS::CodeDeploy::Application":      {"ApplicationName"},
	"AWS::CodeDeploy::DeploymentConfig": {"DeploymentConfigName"},
	"AWS::DynamoDB::Table":              {"TableName"},
	"AWS::Events::EventBus":             {"Name"},
	"AWS::Events::Rule":                 {"Name"},
	"AWS::IAM::ManagedPolicy":           {"ManagedPolicyName"},
	"AWS::IAM::Role":                    {"RoleName"},
	"AWS::Kinesis::Stream":              {"Name"},
	"AWS::Lambda::Function":             {"FunctionName"},
	"AWS::Logs::LogGroup":               {"LogGroupName"},
	"AWS::S3::Bucket":                   {"BucketName"},
	"AWS::SNS::Topic":                   {"TopicName"},
	"AWS::SQS::Queue":                   {"QueueName"},
	"AWS::SSM::Parameter":               {"Name"},
	"AWS::Scheduler::Schedule":          {"Name"},
	"AWS::SecretsManager::Secret":       {"Name"},
	"AWS::StepFunctions::StateMachine":  {"StateMachineName"},
	"AWS::WAFv2::WebACL":                {"Name"},
}

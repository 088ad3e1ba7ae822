package rules

import "slices"

// rehearsalParameter is the parameter that leaves out of a stack what the emulator refuses.
const rehearsalParameter = "Rehearsal"

// refusedTypes are the resource types that the rehearsal's emulator (ministack 1.5.33) was seen to refuse.
var refusedTypes = []string{
	"AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy", "AWS::Budgets::Budget",
	"AWS::CloudWatch::AnomalyDetector", "AWS::CloudWatch::CompositeAlarm", "AWS::IAM::OIDCProvider", "AWS::Logs::QueryDefinition",
	"AWS::Synthetics::Canary", "AWS::WAFv2::WebACLAssociation", "AWS::XRay::Group",
}

// rehearsalRules make sure that a rehearsal shows all it can.
func rehearsalRules() []Rule {
	return []Rule{{
		Name: "rehearsal", Doc: "The parameter Rehearsal leaves out whole resources whose types the emulator refuses, and decides nothing else.",
		Consequence: "something is deployed that no rehearsal has seen",
		Fix:         "remove the condition, or add the type to this rule's list if the emulator really refuses it",
		source: func(p *Project, report report) {
			hiding := p.conditionsOn(rehearsalParameter)
			for _, id := range sorted(object(p.source, "Resources")) {
				r := object(p.source, "Resources", id)
				if slices.Contains(hiding, text(r["Condition"])) && !refused(r) {
					report([]string{"Resources", id, "Condition"}, "%s, which the emulator knows, is left out of the rehearsal", id)
				}
			}
			for _, section := range []string{"Globals", "Resources", "Outputs"} {
				walk(p.source[section], []string{section}, func(at []string, v any) {
					if n := len(at); n > 2 && at[n-2] == "Fn::If" && at[n-1] == "0" && slices.Contains(hiding, text(v)) {
						report(at[:n-2], "a value depends on %s", text(v))
					}
					if n := len(at); at[n-1] == "Ref" && v == rehearsalParameter {
						report(at[:n-1], "a value is %s itself", rehearsalParameter)
					}
				})
			}
		},
	}}
}

// refused reports whether the emulator refuses a resource: by its type, or an alarm on an expression.
func refused(r map[string]any) bool {
	kind := text(r["Type"])
	if slices.Contains(refusedTypes, kind) {
		return true
	}
	properties := object(r["Properties"])
	return kind == "AWS::CloudWatch::Alarm" && (properties["Metrics"] != nil || properties["ThresholdMetricId"] != nil)
}

// conditionsOn returns the conditions that look at a parameter, themselves or through others.
func (p *Project) conditionsOn(parameter string) []string {
	conditions := object(p.source, "Conditions")
	var found []string
	for more := true; more; {
		more = false
		for _, name := range sorted(conditions) {
			if slices.Contains(found, name) {
				continue
			}
			walk(conditions[name], []string{name}, func(at []string, v any) {
				last := at[len(at)-1]
				if (last == "Ref" && v == parameter || last == "Condition" && slices.Contains(found, text(v))) && !slices.Contains(found, name) {
					found, more = append(found, name), true
				}
			})
		}
	}
	return found
}

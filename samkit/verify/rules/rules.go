// Package rules holds the rules that no linter has for a SAM template whose API is an inline OpenAPI document. Each rule
// is one row of a table: what must hold, what happens if a template that breaks it is deployed, and how to fix it.
//
// A rule looks at the source, at the template as the SAM transform leaves it for one environment, or at all environments
// together. Source and transformed template are plain maps and lists. In the source every intrinsic function has its long
// form. In a Stack there are none left: what only a deployment knows is text in angle brackets (see resolver).
package rules

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Rule is one thing that must hold. Exactly one of its three functions is set.
type Rule struct {
	Name        string
	Doc         string // what must hold, in one sentence
	Consequence string // what happens if a template that breaks it is deployed
	Fix         string // how to repair it

	source func(*Project, report) // looks at the template as written
	stack  func(*Stack, report)   // looks at the transformed template of one environment
	all    func(*Project, report) // compares the environments
}

// report records a mistake: the keys that lead to it from the template's root, and what is wrong there.
type report func(path []string, format string, args ...any)

// Mistake is one place that breaks a rule.
type Mistake struct {
	Rule        *Rule
	Path        []string // keys from the template's root, in the source as far as it has them
	What        string
	Environment string // empty: any
}

// All returns every rule.
func All() []Rule {
	return slices.Concat(
		bodyRules(), modelRules(), integrationRules(), accessRules(), policyRules(), responseRules(), clientRules(),
		stageRules(), aclRules(), functionRules(), scheduleRules(), subscriptionRules(), scalingRules(), alarmRules(), stackRules(),
		rehearsalRules(),
	)
}

var symbol = regexp.MustCompile(`<(\w+(\.\w+)*)>`)

// written is how a template writes what only a deployment knows: ${Api}, ${AWS::Region}.
func written(symbol string) string {
	return "${" + strings.Replace(strings.Trim(symbol, "<>"), "AWS.", "AWS::", 1) + "}"
}

// Check returns every mistake, sorted by environment, rule and path.
func (p *Project) Check() []Mistake {
	var found []Mistake
	for _, rule := range All() {
		in := func(environment string) report {
			return func(path []string, format string, args ...any) {
				what := symbol.ReplaceAllStringFunc(fmt.Sprintf(format, args...), written)
				found = append(found, Mistake{Rule: &rule, Path: path, What: what, Environment: environment})
			}
		}
		switch {
		case rule.source != nil:
			rule.source(p, in(""))
		case rule.all != nil:
			rule.all(p, in(""))
		default:
			for _, name := range slices.Sorted(maps.Keys(p.stacks)) {
				rule.stack(p.stacks[name], in(name))
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Rule.Name, b.Rule.Name), slices.Compare(a.Path, b.Path))
	})
	return found
}

// Package rules holds what no linter knows of a SAM template whose API is an inline OpenAPI document: each rule is one
// row of a table, with what happens if a template that breaks it is deployed, and how to mend it.
//
// A rule looks at the source, or at the template as the SAM transform leaves it for one environment, or at all
// environments side by side. Both are plain maps and lists. In the source every intrinsic function has its long
// spelling; in a Stack none is left: what a deployment alone knows is text in angle brackets, see resolver.
package rules

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Rule is one thing that must hold, with what follows when it does not. Exactly one of the three functions is set.
type Rule struct {
	Name        string
	Doc         string // what must hold, in one sentence
	Consequence string // what happens if a template that breaks it is deployed
	Mend        string

	source func(*Project, report) // looks at the template as written
	stack  func(*Stack, report)   // looks at the transformed template of one environment
	all    func(*Project, report) // compares the environments
}

// report takes a mistake: the keys that lead to it from the template's root, and what is wrong there.
type report func(path []string, format string, args ...any)

// Mistake is one break of a rule.
type Mistake struct {
	Rule        *Rule
	Path        []string // keys from the template's root, in the source as far as it has them
	What        string
	Environment string // empty: any
}

// All lists every rule: the body, its refusals, the stage, functions, the rest.
func All() []Rule {
	return slices.Concat(bodyRules(), modelRules(), integrationRules(), accessRules(), policyRules(), responseRules(), stageRules(), functionRules(), alarmRules(), stackRules(), rehearsalRules())
}

var symbol = regexp.MustCompile(`<(\w+(\.\w+)*)>`)

// written is what only a deployment knows as templates write it: ${Api}, ${AWS::Region}.
func written(symbol string) string {
	return "${" + strings.Replace(strings.Trim(symbol, "<>"), "AWS.", "AWS::", 1) + "}"
}

// Check returns every break of every rule, by environment, rule and path.
func (p *Project) Check() []Mistake {
	var found []Mistake
	for _, rule := range All() {
		in := func(environment string) report {
			return func(path []string, format string, args ...any) {
				found = append(found, Mistake{Rule: &rule, Path: path, What: symbol.ReplaceAllStringFunc(fmt.Sprintf(format, args...), written), Environment: environment})
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

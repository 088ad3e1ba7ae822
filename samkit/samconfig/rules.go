package samconfig

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pricing/samkit/local/samtemplate"
)

// Undecided is the value of a parameter that somebody has to decide before an environment is deployed, such as who may call its API. The
// template allows the word, so that the rest of it can be checked, and its Rules must refuse it.
const Undecided = "undecided"

// Undecided lists the parameters that nobody has decided yet.
func (e Environment) Undecided() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e.Parameters)) {
		if e.Parameters[name] == Undecided {
			names = append(names, name)
		}
	}
	return names
}

// Refused is RefusedBy for a template's text.
func Refused(template []byte, parameters map[string]string) ([]string, error) {
	long, err := samtemplate.Long(template)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	whole, _ := long.(map[string]any)
	return RefusedBy(whole, parameters), nil
}

// RefusedBy returns what the Rules of a template say against parameters, as CloudFormation would before it changes anything: the
// AssertDescription of each assertion that does not hold. Where no value is given the template's default counts. The template has its
// intrinsic functions in their long form. A rule with one that only AWS can answer, such as Fn::ValueOf, is told as if it refused.
func RefusedBy(template map[string]any, parameters map[string]string) []string {
	rules, _ := template["Rules"].(map[string]any)
	given := values{}
	declared, _ := template["Parameters"].(map[string]any)
	for name, v := range declared {
		declaration, _ := v.(map[string]any)
		value, ok := parameters[name]
		if !ok && declaration["Default"] != nil {
			value = fmt.Sprint(declaration["Default"])
		}
		kind, _ := declaration["Type"].(string)
		if kind != "CommaDelimitedList" && !strings.HasPrefix(kind, "List<") {
			given[name] = value
			continue
		}
		list := strings.Split(value, ",") // of an empty text, a list with one empty member
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		given[name] = list
	}
	var refused []string
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		rule, _ := rules[name].(map[string]any)
		if condition, ok := rule["RuleCondition"]; ok {
			holds, err := given.holds(condition)
			if err != nil {
				refused = append(refused, fmt.Sprintf("Rules.%s: %v", name, err))
			}
			if !holds {
				continue
			}
		}
		assertions, _ := rule["Assertions"].([]any)
		for _, a := range assertions {
			assertion, _ := a.(map[string]any)
			holds, err := given.holds(assertion["Assert"])
			switch {
			case err != nil:
				refused = append(refused, fmt.Sprintf("Rules.%s: %v", name, err))
			case !holds:
				description, _ := assertion["AssertDescription"].(string)
				refused = append(refused, cmp.Or(description, "Rules."+name+" does not hold"))
			}
		}
	}
	return refused
}

// values are the parameters' values: a text, or a list of them.
type values map[string]any

// holds evaluates a rule's condition or assertion.
func (p values) holds(v any) (bool, error) {
	function, arguments := call(v)
	switch function {
	case "Fn::And", "Fn::Or":
		for _, a := range arguments {
			holds, err := p.holds(a)
			if err != nil || holds == (function == "Fn::Or") {
				return holds && err == nil, err
			}
		}
		return function == "Fn::And", nil
	case "Fn::Not":
		if len(arguments) != 1 {
			return false, fmt.Errorf("%s: needs one condition", function)
		}
		holds, err := p.holds(arguments[0])
		return !holds && err == nil, err
	case "Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		if len(arguments) != 2 {
			return false, fmt.Errorf("%s: needs two values", function)
		}
		left, err := p.texts(arguments[0], function != "Fn::Equals")
		if err != nil {
			return false, fmt.Errorf("%s: %w", function, err)
		}
		right, err := p.texts(arguments[1], function == "Fn::EachMemberIn")
		if err != nil {
			return false, fmt.Errorf("%s: %w", function, err)
		}
		switch function {
		case "Fn::Contains":
			return slices.Contains(left, right[0]), nil
		case "Fn::EachMemberIn":
			return !slices.ContainsFunc(left, func(s string) bool { return !slices.Contains(right, s) }), nil
		}
		return !slices.ContainsFunc(left, func(s string) bool { return s != right[0] }), nil
	}
	return false, fmt.Errorf("%v is no condition that can be evaluated here", v)
}

// texts returns a list's texts, or the one text where no list is allowed.
func (p values) texts(v any, list bool) ([]string, error) {
	if function, arguments := call(v); function == "Ref" && len(arguments) == 1 {
		value, ok := p[fmt.Sprint(arguments[0])]
		if !ok {
			return nil, fmt.Errorf("there is no parameter %v", arguments[0])
		}
		v = value
	}
	switch v := v.(type) {
	case string, bool, int, float64:
		if !list {
			return []string{fmt.Sprint(v)}, nil
		}
	case []string:
		if list {
			return v, nil
		}
	case []any:
		if !list {
			break
		}
		var all []string
		for _, member := range v {
			one, err := p.texts(member, false)
			if err != nil {
				return nil, err
			}
			all = append(all, one...)
		}
		return all, nil
	}
	if list {
		return nil, fmt.Errorf("%v is no list of texts", v)
	}
	return nil, fmt.Errorf("%v is no text", v)
}

// call splits an intrinsic function into its name and its arguments. The name is empty if it is none.
func call(v any) (function string, arguments []any) {
	m, _ := v.(map[string]any)
	if len(m) != 1 {
		return "", nil
	}
	for name, argument := range m {
		arguments, ok := argument.([]any)
		if !ok {
			arguments = []any{argument}
		}
		return name, arguments
	}
	return "", nil
}

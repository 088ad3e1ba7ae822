package rules

import (
	"regexp"
	"strings"
)

// resolver evaluates intrinsic functions with an environment's parameters. What only a deployment knows becomes text: a
// Ref to the resource X is <X>, its attribute A is <X.A>, AWS::Region is <AWS.Region>. A parameter that has no value, or has
// NoEcho, is <Name> too. It never fails: cfn-lint reports what is not a valid intrinsic function.
type resolver struct {
	template   map[string]any
	parameters map[string]any
	evaluating map[string]bool // conditions; one that refers to itself is false
}

// none is AWS::NoValue: it is left out of whatever holds it.
type none struct{}

func newResolver(template map[string]any, overrides map[string]string) *resolver {
	r := &resolver{template: template, parameters: map[string]any{}, evaluating: map[string]bool{}}
	for name, v := range object(template["Parameters"]) {
		value, ok := object(v)["Default"]
		if override, set := overrides[name]; set {
			value, ok = override, true
		}
		if !ok || isTrue(object(v)["NoEcho"]) { // a secret is not printed
			continue
		}
		kind := text(object(v)["Type"])
		if strings.HasPrefix(kind, "AWS::SSM::Parameter::Value") {
			continue // the value is the name of the value
		}
		if kind == "CommaDelimitedList" || strings.HasPrefix(kind, "List<") {
			var items []any
			for item := range strings.SplitSeq(text(value), ",") {
				items = append(items, strings.TrimSpace(item))
			}
			value = items
		}
		r.parameters[name] = value
	}
	return r
}

func (r *resolver) resolve(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			if got := r.resolve(item); got != (none{}) {
				out = append(out, got)
			}
		}
		return out
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				ref, isText := argument.(string)
				if name == "Ref" && isText && !strings.HasPrefix(ref, "#/") {
					return r.ref(ref)
				}
				if strings.HasPrefix(name, "Fn::") {
					return r.call(name, argument)
				}
			}
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			if got := r.resolve(item); got != (none{}) {
				out[key] = got
			}
		}
		return out
	case string:
		return dynamic.ReplaceAllString(v, "<resolve>")
	}
	return v
}

func (r *resolver) ref(name string) any {
	if name == "AWS::NoValue" {
		return none{}
	}
	if value, ok := r.parameters[name]; ok {
		return value
	}
	return "<" + strings.ReplaceAll(name, "::", ".") + ">"
}

func (r *resolver) call(name string, argument any) any {
	arguments := list(argument)
	nth := func(i int) any {
		if i < len(arguments) {
			return r.resolve(arguments[i])
		}
		return ""
	}
	switch name {
	case "Fn::If":
		if len(arguments) == 3 && r.condition(arguments[0]) {
			return nth(1)
		}
		return nth(2)
	case "Fn::Sub":
		return r.sub(arguments)
	case "Fn::GetAtt":
		if len(arguments) == 1 {
			return "<" + text(nth(0)) + ">"
		}
		return "<" + text(nth(0)) + "." + text(nth(1)) + ">"
	case "Fn::Join":
		var parts []string
		for _, part := range list(nth(1)) {
			parts = append(parts, text(part))
		}
		return strings.Join(parts, text(nth(0)))
	case "Fn::Split":
		var parts []any
		for part := range strings.SplitSeq(text(nth(1)), text(nth(0))) {
			parts = append(parts, part)
		}
		return parts
	case "Fn::Select":
		i, ok := number(nth(0))
		if items := list(nth(1)); ok && i >= 0 && int(i) < len(items) {
			return items[int(i)]
		}
	case "Fn::FindInMap":
		if v, ok := object(r.template["Mappings"], text(nth(0)), text(nth(1)))[text(nth(2))]; ok {
			return v
		}
	}
	return "<" + strings.TrimPrefix(name, "Fn::") + ">"
}

// dynamic is a reference to a parameter or secret that CloudFormation reads itself.
var dynamic = regexp.MustCompile(`\{\{resolve:[^}]*\}\}`)

var placeholder = regexp.MustCompile(`\$\{(!?)([^}]*)\}`)

func (r *resolver) sub(arguments []any) any {
	if len(arguments) == 0 {
		return ""
	}
	var own map[string]any
	if len(arguments) > 1 {
		own = object(arguments[1])
	}
	whole := placeholder.ReplaceAllStringFunc(text(arguments[0]), func(match string) string {
		parts := placeholder.FindStringSubmatch(match)
		if parts[1] == "!" {
			return "${" + parts[2] + "}"
		}
		name := strings.TrimSpace(parts[2])
		if v, ok := own[name]; ok {
			return text(r.resolve(v))
		}
		return text(r.ref(name))
	})
	return dynamic.ReplaceAllString(whole, "<resolve>")
}

// condition evaluates a condition by name or by its function.
func (r *resolver) condition(c any) bool {
	if name, ok := c.(string); ok {
		if r.evaluating[name] {
			return false
		}
		r.evaluating[name] = true
		defer delete(r.evaluating, name)
		return r.condition(object(r.template["Conditions"])[name])
	}
	for name, argument := range object(c) {
		arguments := list(argument)
		switch name {
		case "Condition":
			return r.condition(argument)
		case "Fn::Equals":
			return len(arguments) == 2 && text(r.resolve(arguments[0])) == text(r.resolve(arguments[1]))
		case "Fn::Not":
			return len(arguments) == 1 && !r.condition(arguments[0])
		case "Fn::And", "Fn::Or":
			for _, a := range arguments {
				if r.condition(a) == (name == "Fn::Or") {
					return name == "Fn::Or"
				}
			}
			return name == "Fn::And"
		}
	}
	return false
}

package samtemplate

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds how deep values are nested. It ends what refers to itself.
const maxDepth = 200

var errDeep = errors.New("is nested too deep, or refers to itself")

// Long turns a template's text into maps, lists and scalars with every intrinsic function in its long spelling: !Ref X
// becomes {Ref: X}. What CloudFormation does not accept is an error: an empty text, repeated and merged keys, and aliases that hold
// themselves.
func Long(text []byte) (any, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	if root.Kind == 0 {
		return nil, errors.New("it is empty")
	}
	return parse(&root, 0)
}

func parse(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: %w", n.Line, errDeep)
	}
	v, err := parseValue(n, depth)
	if err != nil {
		return nil, err
	}
	tag := n.Tag
	if n.Kind == yaml.DocumentNode || !strings.HasPrefix(tag, "!") || strings.HasPrefix(tag, "!!") {
		return v, nil
	}
	switch name := tag[1:]; name {
	case "Ref", "Condition":
		return map[string]any{name: v}, nil
	case "GetAtt":
		if s, ok := v.(string); ok {
			resource, attribute, _ := strings.Cut(s, ".")
			v = []any{resource, attribute}
		}
		return map[string]any{"Fn::GetAtt": v}, nil
	default:
		return map[string]any{"Fn::" + name: v}, nil
	}
}

func parseValue(n *yaml.Node, depth int) (any, error) {
	switch n.Kind {
	case yaml.DocumentNode:
		return parse(n.Content[0], depth+1)
	case yaml.AliasNode:
		return parse(n.Alias, depth+1)
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, twice := m[key.Value]; twice || key.Tag == "!!merge" {
				return nil, fmt.Errorf("line %d: %s: CloudFormation takes neither merged nor repeated keys", key.Line, key.Value)
			}
			v, err := parse(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m[key.Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			v, err := parse(c, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") || n.Tag == "!!timestamp" {
		return n.Value, nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, fmt.Errorf("line %d: %w", n.Line, err)
	}
	return v, nil
}

// noValue is what AWS::NoValue resolves to: the map or list that holds it leaves it out.
type noValue struct{}

// resolver evaluates intrinsic functions. Resources are not created; a Ref or GetAtt gives the name or ARN that the resource
// would have in this account and region.
type resolver struct {
	template   map[string]any
	parameters map[string]any
	pseudo     map[string]any
	conditions map[string]bool // evaluated so far
	depth      int             // of resolve within itself
}

// resolve returns v with every intrinsic function evaluated; path says in errors where v stands.
func (r *resolver) resolve(v any, path string) (any, error) {
	if r.depth++; r.depth > maxDepth {
		return nil, fmt.Errorf("%.200s: %w", path, errDeep)
	}
	defer func() { r.depth-- }()
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::") {
					if name == "Ref" && strings.HasPrefix(fmt.Sprint(argument), "#/") {
						break
					}
					return r.call(name, argument, path)
				}
			}
		}
		out := make(map[string]any, len(v))
		for key, value := range v {
			if strings.HasPrefix(key, "Fn::") { // Fn::ForEach::Name, or Fn::Transform beside what it adds to
				return nil, fmt.Errorf("%s.%s: is not supported beside other keys", path, key)
			}
			resolved, err := r.resolve(value, path+"."+key)
			if err != nil {
				return nil, err
			}
			if _, gone := resolved.(noValue); !gone {
				out[key] = resolved
			}
		}
		return out, nil
	case []any:
		out := make([]any, 0, len(v))
		for i, value := range v {
			resolved, err := r.resolve(value, path+"["+strconv.Itoa(i)+"]")
			if err != nil {
				return nil, err
			}
			if _, gone := resolved.(noValue); !gone {
				out = append(out, resolved)
			}
		}
		return out, nil
	case string:
		if strings.Contains(v, "{{resolve:") {
			return nil, fmt.Errorf("%s: dynamic references are not supported; make it a parameter", path)
		}
	}
	return v, nil
}

func (r *resolver) call(name string, argument any, path string) (any, error) {
	path += "." + name
	switch name {
	case "Ref":
		return r.ref(fmt.Sprint(argument), path)
	case "Condition":
		return r.condition(fmt.Sprint(argument), path)
	case "Fn::If":
		list, ok := argument.([]any)
		if !ok || len(list) != 3 {
			return nil, fmt.Errorf("%s: needs a condition and two values", path)
		}
		yes, err := r.condition(fmt.Sprint(list[0]), path)
		if err != nil {
			return nil, err
		}
		if yes {
			return r.resolve(list[1], path+"[1]")
		}
		return r.resolve(list[2], path+"[2]")
	case "Fn::Sub":
		return r.sub(argument, path)
	}
	resolved, err := r.resolve(argument, path)
	if err != nil {
		return nil, err
	}
	list, _ := resolved.([]any)
	switch name {
	case "Fn::GetAtt":
		if whole, ok := resolved.(string); ok {
			id, attribute, _ := strings.Cut(whole, ".")
			list = []any{id, attribute}
		}
		if len(list) != 2 {
			return nil, fmt.Errorf("%s: needs a resource and an attribute", path)
		}
		return r.attribute(fmt.Sprint(list[0]), fmt.Sprint(list[1]), path)
	case "Fn::Join":
		if len(list) == 2 {
			if parts, ok := list[1].([]any); ok {
				texts := make([]string, len(parts))
				for i, p := range parts {
					texts[i] = fmt.Sprint(p)
				}
				return strings.Join(texts, fmt.Sprint(list[0])), nil
			}
		}
	case "Fn::Split":
		if len(list) == 2 {
			var parts []any
			for _, p := range strings.Split(fmt.Sprint(list[1]), fmt.Sprint(list[0])) {
				parts = append(parts, p)
			}
			return parts, nil
		}
	case "Fn::Select":
		if len(list) == 2 {
			index, err := strconv.Atoi(fmt.Sprint(list[0]))
			if from, ok := list[1].([]any); ok && err == nil && index >= 0 && index < len(from) {
				return from[index], nil
			}
		}
	case "Fn::FindInMap":
		if len(list) == 3 {
			mappings, _ := r.template["Mappings"].(map[string]any)
			top, _ := mappings[fmt.Sprint(list[0])].(map[string]any)
			second, _ := top[fmt.Sprint(list[1])].(map[string]any)
			if v, ok := second[fmt.Sprint(list[2])]; ok {
				return v, nil
			}
		}
		return nil, fmt.Errorf("%s: no such entry %v", path, resolved)
	case "Fn::Equals":
		if len(list) == 2 {
			return fmt.Sprint(list[0]) == fmt.Sprint(list[1]), nil
		}
	case "Fn::Not":
		if len(list) == 1 {
			return list[0] != true, nil
		}
	case "Fn::And", "Fn::Or":
		want := name == "Fn::Or"
		for _, v := range list {
			if (v == true) == want {
				return want, nil
			}
		}
		return !want, nil
	default:
		return nil, fmt.Errorf("%s: this intrinsic function is not supported", path)
	}
	return nil, fmt.Errorf("%s: wrong arguments %v", path, resolved)
}

func (r *resolver) condition(name, path string) (bool, error) {
	if v, ok := r.conditions[name]; ok {
		return v, nil
	}
	conditions, _ := r.template["Conditions"].(map[string]any)
	definition, ok := conditions[name]
	if !ok {
		return false, fmt.Errorf("%s: there is no condition %s", path, name)
	}
	v, err := r.resolve(definition, "Conditions."+name)
	if err != nil {
		return false, err
	}
	r.conditions[name] = v == true
	return v == true, nil
}

func (r *resolver) ref(name, path string) (any, error) {
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}
	if v, ok := r.pseudo[name]; ok {
		return v, nil
	}
	if v, ok := r.parameters[name]; ok {
		return v, nil
	}
	if id, property, ok := strings.Cut(name, "."); ok && property == "Alias" {
		arn, err := r.attribute(id, "Arn", path)
		if err != nil {
			return nil, err
		}
		alias, err := r.property(id, "AutoPublishAlias")
		return fmt.Sprintf("%v:%v", arn, alias), err
	}
	resource, ok := r.resource(name)
	if !ok {
		return nil, fmt.Errorf("%s: there is no parameter or resource %s", path, name)
	}
	if condition, ok := resource["Condition"].(string); ok {
		made, err := r.condition(condition, "Resources."+name)
		if err != nil {
			return nil, err
		}
		if !made {
			return nil, fmt.Errorf("%s: %s is not made, its condition %s does not hold", path, name, condition)
		}
	}
	if resource["Type"] == "AWS::Serverless::Api" {
		return apiID(name), nil
	}
	if property, ok := nameProperties[fmt.Sprint(resource["Type"])]; ok {
		if v, err := r.property(name, property); err != nil || v != nil {
			return v, err
		}
	}
	return name, nil
}

// nameProperties says which property a Ref of a resource gives if it is set.
var nameProperties = map[string]string{
	"AWS::DynamoDB::Table":      "TableName",
	"AWS::Serverless::Function": "FunctionName",
	"AWS::Lambda::Function":     "FunctionName",
	"AWS::Logs::LogGroup":       "LogGroupName",
	"AWS::IAM::Role":            "RoleName",
}

// arns gives an ARN up to the resource's name by type; %s is the region and account.
var arns = map[string]string{
	"AWS::DynamoDB::Table":      "dynamodb:%s:table/",
	"AWS::Serverless::Function": "lambda:%s:function:",
	"AWS::Lambda::Function":     "lambda:%s:function:",
	"AWS::Logs::LogGroup":       "logs:%s:log-group:",
	"AWS::SNS::Topic":           "sns:%s:",
	"AWS::SQS::Queue":           "sqs:%s:",
}

func (r *resolver) attribute(id, attribute, path string) (any, error) {
	resource, ok := r.resource(id)
	if !ok {
		return nil, fmt.Errorf("%s: there is no resource %s", path, id)
	}
	if attribute != "Arn" {
		return nil, fmt.Errorf("%s: the attribute %s of %s is not supported", path, attribute, id)
	}
	name, err := r.ref(id, path)
	if err != nil {
		return nil, err
	}
	kind := fmt.Sprint(resource["Type"])
	if kind == "AWS::IAM::Role" {
		return fmt.Sprintf("arn:aws:iam::%v:role/%v", r.pseudo["AWS::AccountId"], name), nil
	}
	format, ok := arns[kind]
	if !ok {
		return nil, fmt.Errorf("%s: the ARN of a %s is not supported", path, kind)
	}
	place := fmt.Sprintf("%v:%v", r.pseudo["AWS::Region"], r.pseudo["AWS::AccountId"])
	return "arn:aws:" + fmt.Sprintf(format, place) + fmt.Sprint(name), nil
}

// resources returns the ids of the resources whose condition holds.
func (r *resolver) resources() []string {
	all, _ := r.template["Resources"].(map[string]any)
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		resource, _ := all[id].(map[string]any)
		if condition, ok := resource["Condition"].(string); ok && !r.conditions[condition] { // evaluated when the resource was read
			continue
		}
		ids = append(ids, id)
	}
	return ids
}

func (r *resolver) resource(id string) (map[string]any, bool) {
	resources, _ := r.template["Resources"].(map[string]any)
	resource, ok := resources[id].(map[string]any)
	return resource, ok
}

// property resolves one property of a resource, Globals included; nil when it is not set.
func (r *resolver) property(id, name string) (any, error) {
	resource, _ := r.resource(id)
	properties, _ := resource["Properties"].(map[string]any)
	v := merged(r.globals(fmt.Sprint(resource["Type"]))[name], properties[name])
	if v == nil {
		return nil, nil
	}
	v, err := r.resolve(v, "Resources."+id+".Properties."+name)
	if _, gone := v.(noValue); gone {
		return nil, err
	}
	return v, err
}

// merged adds a resource's own value to that of Globals as SAM does: maps by key, lists one after the other, else the
// own one alone.
func merged(global, own any) any {
	if own == nil {
		return global
	}
	switch g := global.(type) {
	case map[string]any:
		o, ok := own.(map[string]any)
		if !ok || intrinsic(g) || intrinsic(o) {
			return own
		}
		out := maps.Clone(g)
		for name, value := range o {
			out[name] = merged(g[name], value)
		}
		return out
	case []any:
		if o, ok := own.([]any); ok {
			return slices.Concat(g, o)
		}
	}
	return own
}

// intrinsic reports whether the map calls an intrinsic function.
func intrinsic(v map[string]any) bool {
	for name := range v {
		return len(v) == 1 && (name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::"))
	}
	return false
}

// globals returns the Globals section of a resource type.
func (r *resolver) globals(kind string) map[string]any {
	globals, _ := r.template["Globals"].(map[string]any)
	section, _ := globals[strings.TrimPrefix(kind, "AWS::Serverless::")].(map[string]any)
	return section
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

// sub fills ${...}; ${!x} is a literal ${x}.
func (r *resolver) sub(argument any, path string) (any, error) {
	text, ok := argument.(string)
	own := map[string]any{}
	if list, isList := argument.([]any); isList && len(list) == 2 {
		text, ok = list[0].(string)
		resolved, err := r.resolve(list[1], path+"[1]")
		if err != nil {
			return nil, err
		}
		own, _ = resolved.(map[string]any)
	}
	if !ok {
		return nil, fmt.Errorf("%s: needs a text", path)
	}
	var failed error
	out := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		if v, ok := own[name]; ok {
			return fmt.Sprint(v)
		}
		v, err := r.ref(name, path)
		if id, attribute, ok := strings.Cut(name, "."); ok && attribute != "Alias" && err != nil {
			v, err = r.attribute(id, attribute, path)
		}
		if err != nil && failed == nil {
			failed = err
		}
		return fmt.Sprint(v)
	})
	return out, failed
}

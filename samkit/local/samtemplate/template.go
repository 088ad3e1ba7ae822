// Package samtemplate reads what a laptop can run of a SAM template: its functions, its REST API and its tables.
//
// It does the part of the SAM transform and of CloudFormation that this needs: parameters, conditions, mappings, Globals
// and intrinsic functions in both spellings. It knows nothing of any particular template. What it does not support is
// never passed over: it is an error that names the place in the template.
package samtemplate

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The account and region that a template is resolved for.
const (
	AccountID = "123456789012"
	Region    = "eu-west-1"
)

// Template is the part of a template that can be run.
type Template struct {
	Functions  map[string]Function // by logical id
	API        *API                // nil: there is none
	Tables     map[string]string   // table names by logical id
	Parameters map[string]string
	Resources  map[string]map[string]any // all whose condition holds, by logical id, as written, intrinsic functions in their long form
	Notes      []string                  // what has no effect here, with its place in the template
}

// Function is an AWS::Serverless::Function.
type Function struct {
	LogicalID   string
	Name        string
	ARN         string // without an alias
	Alias       string
	CodeURI     string
	Handler     string
	MemoryMB    int
	Timeout     time.Duration
	Concurrency *int // reserved; nil: none, 0: it may never run
	Environment map[string]string
	Logging     Logging
	Tracing     bool
	Scheduled   bool // has a schedule
	events      map[string]event
}

// Logging is a function's LoggingConfig with Lambda's defaults.
type Logging struct {
	Format string `json:"LogFormat"`           // Text or JSON
	Level  string `json:"ApplicationLogLevel"` // empty with Text
	System string `json:"SystemLogLevel"`      // of Lambda's own lines; empty with Text
	Group  string `json:"LogGroup"`
}

type event struct {
	Type       string
	Properties struct{ Path, Method string }
}

// unserved types are called by clients, so a template that has one cannot be served as it is.
var unserved = []string{
	"AWS::Serverless::HttpApi", "AWS::Serverless::SimpleTable", "AWS::Serverless::GraphQLApi", "AWS::Serverless::Application",
	"AWS::ApiGateway::RestApi", "AWS::ApiGateway::Method", "AWS::ApiGateway::Authorizer", "AWS::ApiGateway::GatewayResponse",
	"AWS::ApiGatewayV2::Api", "AWS::Lambda::Function", "AWS::Lambda::Url",
	"AWS::DynamoDB::GlobalTable",
}

// undone types stand between a client and the API, or beside it. They are left out.
var undone = []string{"AWS::WAFv2::WebACLAssociation", "AWS::ApiGateway::BasePathMapping", "AWS::Lambda::EventSourceMapping",
	"AWS::CloudFormation::Stack"}

// Load reads a template with parameter values; parameters without a value have their defaults.
func Load(path string, parameters map[string]string) (*Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	t, err := Parse(text, parameters)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// Parse is Load for a text.
func Parse(text []byte, parameters map[string]string) (*Template, error) {
	parsed, err := Long(text)
	if err != nil {
		return nil, err
	}
	root, ok := parsed.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the template is not a mapping")
	}
	r := &resolver{template: root, conditions: map[string]bool{}, parameters: map[string]any{}, pseudo: map[string]any{
		"AWS::Region": Region, "AWS::AccountId": AccountID, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
		"AWS::StackName": "local", "AWS::StackId": "arn:aws:cloudformation:" + Region + ":" + AccountID + ":stack/local/0",
	}}
	t := &Template{Functions: map[string]Function{}, Tables: map[string]string{}, Parameters: map[string]string{},
		Resources: map[string]map[string]any{}}
	if err := t.readParameters(r, parameters); err != nil {
		return nil, err
	}
	resources, _ := root["Resources"].(map[string]any)
	var apis []string
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		if strings.HasPrefix(id, "Fn::") {
			return nil, fmt.Errorf("%s: is not supported", "Resources."+id)
		}
		resource, _ := resources[id].(map[string]any)
		if condition, ok := resource["Condition"].(string); ok {
			wanted, err := r.condition(condition, "Resources."+id)
			if err != nil {
				return nil, err
			}
			if !wanted {
				continue
			}
		}
		t.Resources[id] = resource
		switch resource["Type"] {
		case "AWS::Serverless::Function":
			f, err := readFunction(r, id)
			if err != nil {
				return nil, err
			}
			t.Functions[id] = f
			for _, name := range slices.Sorted(maps.Keys(f.events)) {
				if kind := f.events[name].Type; kind != "Api" && !strings.HasPrefix(kind, "Schedule") {
					t.Notes = append(t.Notes, fmt.Sprintf("Resources.%s.Properties.Events.%s: events of type %s are not delivered here", id, name, kind))
				}
			}
		case "AWS::Serverless::Api":
			apis = append(apis, id)
		case "AWS::DynamoDB::Table":
			name, err := r.ref(id, "Resources."+id)
			if err != nil {
				return nil, err
			}
			t.Tables[id] = fmt.Sprint(name)
		default:
			kind := fmt.Sprint(resource["Type"])
			if slices.Contains(unserved, kind) {
				return nil, fmt.Errorf("%s: %s is not supported", "Resources."+id, kind)
			}
			if slices.Contains(undone, kind) {
				t.Notes = append(t.Notes, fmt.Sprintf("Resources.%s: a %s has no effect here", id, kind))
			}
		}
	}
	if len(apis) > 1 {
		return nil, fmt.Errorf("in Resources: more than one AWS::Serverless::Api is not supported: %s", strings.Join(apis, ", "))
	}
	if len(apis) == 1 {
		if t.API, err = readAPI(r, apis[0], t.Functions); err != nil {
			return nil, err
		}
	}
	if t.API != nil {
		for _, name := range []string{"CacheClusterEnabled", "MinimumCompressionSize"} {
			if v, err := r.property(apis[0], name); err == nil && v != nil && v != false {
				t.Notes = append(t.Notes, fmt.Sprintf("Resources.%s.Properties.%s: has no effect here", apis[0], name))
			}
		}
		for _, key := range t.API.Keys {
			if key.Made {
				t.Notes = append(t.Notes, "Resources."+key.LogicalID+": its value is "+key.Value+" here")
			}
		}
	}
	return t, nil
}

func (t *Template) readParameters(r *resolver, given map[string]string) error {
	declared, _ := r.template["Parameters"].(map[string]any)
	for name := range given {
		if _, ok := declared[name]; !ok {
			return fmt.Errorf("there is no parameter %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		var p parameter
		if err := decode(declared[name], &p, "Parameters."+name); err != nil {
			return err
		}
		text, ok := given[name]
		switch {
		case ok:
		case p.Default == nil:
			return fmt.Errorf("parameter %s has no default; give it with -param %s=VALUE", name, name)
		case strings.HasPrefix(p.Type, "AWS::SSM::"):
			return fmt.Errorf("parameter %s: its value is kept in SSM; give it with -param %s=VALUE", name, name)
		default:
			text = fmt.Sprint(p.Default)
		}
		if err := p.check(text); err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		t.Parameters[name] = text
		r.parameters[name] = text
		if p.Type == "CommaDelimitedList" || strings.HasPrefix(p.Type, "List<") {
			var list []any
			for _, item := range strings.Split(text, ",") {
				list = append(list, strings.TrimSpace(item))
			}
			r.parameters[name] = list
		}
	}
	return nil
}

// parameter is a declared parameter and the limits of its value.
type parameter struct {
	Type           string
	Default        any
	AllowedValues  []any
	AllowedPattern string
	MinValue       any
	MaxValue       any
	MinLength      any
	MaxLength      any
}

func (p parameter) check(value string) error {
	if len(p.AllowedValues) > 0 && !slices.ContainsFunc(p.AllowedValues, func(v any) bool { return fmt.Sprint(v) == value }) {
		return fmt.Errorf("%s is not one of %v", value, p.AllowedValues)
	}
	if p.AllowedPattern != "" {
		pattern, err := regexp.Compile("^(?:" + p.AllowedPattern + ")$")
		if err != nil {
			return fmt.Errorf("AllowedPattern: %w", err)
		}
		if !pattern.MatchString(value) {
			return fmt.Errorf("%q does not match %s", value, p.AllowedPattern)
		}
	}
	size := float64(len(value))
	if p.Type == "Number" {
		var err error
		if size, err = strconv.ParseFloat(value, 64); err != nil {
			return fmt.Errorf("%q is not a number", value)
		}
		p.MinLength, p.MaxLength = p.MinValue, p.MaxValue
	}
	for _, bound := range []struct {
		limit any
		sign  float64
		what  string
	}{{p.MinLength, 1, "less"}, {p.MaxLength, -1, "more"}} {
		if bound.limit == nil {
			continue
		}
		limit, err := strconv.ParseFloat(fmt.Sprint(bound.limit), 64)
		if err == nil && (size-limit)*bound.sign < 0 {
			return fmt.Errorf("%q is %s than %v", value, bound.what, bound.limit)
		}
	}
	return nil
}

func readFunction(r *resolver, id string) (Function, error) {
	f := Function{LogicalID: id, Environment: map[string]string{}}
	fail := func(property string, err error) (Function, error) {
		return Function{}, fmt.Errorf("Resources.%s.Properties.%s: %w", id, property, err)
	}
	name, err := r.ref(id, "Resources."+id)
	if err != nil {
		return Function{}, err
	}
	f.Name = fmt.Sprint(name)
	f.ARN = functionARN(f.Name)
	if err := f.check(r, id); err != nil {
		return Function{}, err
	}
	for property, to := range map[string]*string{"CodeUri": &f.CodeURI, "Handler": &f.Handler, "AutoPublishAlias": &f.Alias} {
		v, err := r.property(id, property)
		if err != nil {
			return Function{}, err
		}
		if v != nil {
			*to = fmt.Sprint(v)
		}
	}
	if f.CodeURI == "" || strings.HasPrefix(f.CodeURI, "s3:") {
		return fail("CodeUri", fmt.Errorf("a folder is needed, not %q", f.CodeURI))
	}
	timeout := 3 // Lambda's defaults
	f.MemoryMB = 128
	reserved := -1
	for property, to := range map[string]*int{"Timeout": &timeout, "MemorySize": &f.MemoryMB, "ReservedConcurrentExecutions": &reserved} {
		v, err := r.property(id, property)
		if err != nil {
			return Function{}, err
		}
		if v != nil {
			if *to, err = strconv.Atoi(fmt.Sprint(v)); err != nil {
				return fail(property, fmt.Errorf("%v is not a whole number", v))
			}
		}
	}
	f.Timeout = time.Duration(timeout) * time.Second
	if reserved >= 0 {
		f.Concurrency = &reserved
	}
	environment, err := r.property(id, "Environment")
	if err != nil {
		return Function{}, err
	}
	section, _ := environment.(map[string]any)
	variables, _ := section["Variables"].(map[string]any)
	for name, value := range variables {
		switch value.(type) {
		case map[string]any, []any, nil:
			return fail("Environment.Variables."+name, fmt.Errorf("%v is not a string", value))
		}
		f.Environment[name] = fmt.Sprint(value)
	}
	return f, nil
}

// check reads the properties that decide how a function runs, and refuses those that cannot be run here.
func (f *Function) check(r *resolver, id string) error {
	for property, supported := range map[string]func(string) bool{
		"PackageType":       func(v string) bool { return v == "Zip" },
		"Runtime":           func(v string) bool { return strings.HasPrefix(v, "provided") },
		"InlineCode":        func(string) bool { return false },
		"ImageUri":          func(string) bool { return false },
		"Layers":            func(string) bool { return false },
		"FunctionUrlConfig": func(string) bool { return false },
	} {
		v, err := r.property(id, property)
		if err != nil {
			return err
		}
		if v != nil && !supported(fmt.Sprint(v)) {
			return fmt.Errorf("Resources.%s.Properties.%s: %v is not supported; functions are Go programs on provided.al2023", id, property, v)
		}
	}
	given := map[string]any{}
	for _, property := range []string{"LoggingConfig", "Tracing", "Events"} {
		v, err := r.property(id, property)
		if err != nil {
			return err
		}
		given[property] = v
	}
	f.Tracing = given["Tracing"] == "Active"
	path := "Resources." + id + ".Properties"
	if err := decode(given["LoggingConfig"], &f.Logging, path+".LoggingConfig"); err != nil {
		return err
	}
	if f.Logging.Format == "" {
		f.Logging.Format = "Text"
	}
	if f.Logging.Format == "JSON" && f.Logging.Level == "" {
		f.Logging.Level = "INFO"
	}
	if f.Logging.Format == "JSON" && f.Logging.System == "" {
		f.Logging.System = "INFO"
	}
	if f.Logging.Group == "" {
		f.Logging.Group = "/aws/lambda/" + f.Name
	}
	if err := decode(given["Events"], &f.events, path+".Events"); err != nil {
		return err
	}
	for _, e := range f.events {
		f.Scheduled = f.Scheduled || strings.HasPrefix(e.Type, "Schedule")
	}
	return nil
}

func functionARN(name string) string {
	return "arn:aws:lambda:" + Region + ":" + AccountID + ":function:" + name
}

// decode turns resolved maps into a struct by its json tags.
func decode(v, to any, path string) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

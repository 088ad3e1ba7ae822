package samtemplate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// API is an AWS::Serverless::Api with its OpenAPI body, resolved.
type API struct {
	LogicalID string
	ID        string // as Ref gives it; part of ARNs
	Stage     string
	Variables map[string]string
	Binary    []string // binaryMediaTypes
	LogFormat string   // of the access log; empty: none
	Settings  []MethodSetting
	Methods   []Method
	Schemas   map[string]any // components.schemas
	Responses map[string]GatewayResponse
	KeySource string          // HEADER or AUTHORIZER
	Policy    json.RawMessage // resource policy; nil: none
	Keys      []APIKey
	Plans     []UsagePlan
	Permitted []Permission
}

// MethodSetting is a stage's throttle for one method, * for all.
type MethodSetting struct {
	Method string   `json:"HttpMethod"`
	Path   string   `json:"ResourcePath"` // slashes after the first as ~1
	Rate   *float64 `json:"ThrottlingRateLimit"`
	Burst  *int     `json:"ThrottlingBurstLimit"`
}

// GatewayResponse is an answer that the gateway makes itself.
type GatewayResponse struct {
	StatusCode int               // 0: not set
	Parameters map[string]string // gatewayresponse.header.<name> -> 'static' or mapping
	Templates  map[string]string // by media type
}

// Method is one HTTP method of a path.
type Method struct {
	Path        string
	HTTPMethod  string // upper case; ANY for x-amazon-apigateway-any-method
	OperationID string
	Integration Integration
	Authorizer  *Authorizer // nil: open
	NeedsKey    bool
	CheckParams bool
	CheckBody   bool
	Parameters  []Parameter
	Bodies      map[string]string // model (JSON Schema) by media type
}

// Parameter is a declared parameter of a method.
type Parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"` // header, path, query
	Required bool   `json:"required"`
}

// The types of integration.
const (
	AWSProxy  = "aws_proxy"
	HTTPProxy = "http_proxy"
	Mock      = "mock"
)

// Integration is what answers a method.
type Integration struct {
	Type        string // AWSProxy, HTTPProxy or Mock
	HTTPMethod  string // of the call to the backend
	URI         string
	Function    string // logical id, with AWSProxy
	Invoked     string // ARN as invoked, with the qualifier
	Timeout     time.Duration
	Parameters  map[string]string // requestParameters: integration.request.<place>.<name> -> mapping
	Templates   map[string]string // requestTemplates by media type
	Passthrough string            // passthroughBehavior, lower case
	Responses   map[string]IntegrationResponse
}

// IntegrationResponse is one of a mock's answers; it is chosen by status pattern, or "default".
type IntegrationResponse struct {
	StatusCode string            `json:"statusCode"`
	Parameters map[string]string `json:"responseParameters"` // method.response.header.<name> -> 'static' or mapping
	Templates  map[string]string `json:"responseTemplates"`
}

// Authorizer is a Lambda authorizer.
type Authorizer struct {
	Name       string
	Function   string // logical id
	Invoked    string // ARN as invoked, with the qualifier
	Type       string // request or token
	Sources    []string
	Expression *regexp.Regexp // identityValidationExpression, of the whole token; nil: none
	TTL        time.Duration
}

// APIKey is an AWS::ApiGateway::ApiKey.
type APIKey struct {
	LogicalID string
	Value     string
	Made      bool // the template gives no value
	Enabled   bool
	Plans     []string // logical ids of the plans it is in
}

// UsagePlan is an AWS::ApiGateway::UsagePlan, as far as it is about the API's stage.
type UsagePlan struct {
	LogicalID string
	Rate      *float64
	Burst     *int
	Quota     int // 0: none
	Offset    int
	Period    string              // DAY, WEEK or MONTH
	Methods   map[string]Throttle // by "/path/METHOD"
}

// Throttle is a token bucket.
type Throttle struct {
	Rate  *float64 `json:"RateLimit"`
	Burst *int     `json:"BurstLimit"`
}

// Permission lets the gateway call a function.
type Permission struct {
	Function  string // ARN, with the qualifier it is for
	SourceARN string // pattern; empty: any
}

type openAPI struct {
	Version    string                                `json:"openapi"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Validators map[string]struct {
		Body       bool `json:"validateRequestBody"`
		Parameters bool `json:"validateRequestParameters"`
	} `json:"x-amazon-apigateway-request-validators"`
	Validator string          `json:"x-amazon-apigateway-request-validator"`
	Binary    []string        `json:"x-amazon-apigateway-binary-media-types"`
	KeySource string          `json:"x-amazon-apigateway-api-key-source"`
	Policy    json.RawMessage `json:"x-amazon-apigateway-policy"`
	Responses map[string]struct {
		StatusCode any               `json:"statusCode"`
		Parameters map[string]string `json:"responseParameters"`
		Templates  map[string]string `json:"responseTemplates"`
	} `json:"x-amazon-apigateway-gateway-responses"`
	Components struct {
		Schemas map[string]any            `json:"schemas"`
		Schemes map[string]securityScheme `json:"securitySchemes"`
	} `json:"components"`
}

type securityScheme struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	In         string `json:"in"`
	AuthType   string `json:"x-amazon-apigateway-authtype"`
	Authorizer *struct {
		Type       string `json:"type"`
		URI        string `json:"authorizerUri"`
		Source     string `json:"identitySource"`
		Expression string `json:"identityValidationExpression"`
		TTL        any    `json:"authorizerResultTtlInSeconds"`
	} `json:"x-amazon-apigateway-authorizer"`
}

type operation struct {
	OperationID string                `json:"operationId"`
	Security    []map[string][]string `json:"security"`
	Validator   *string               `json:"x-amazon-apigateway-request-validator"`
	Parameters  []Parameter           `json:"parameters"`
	Body        struct {
		Content map[string]struct {
			Schema any `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Integration *struct {
		Type        string                         `json:"type"`
		Method      string                         `json:"httpMethod"`
		URI         string                         `json:"uri"`
		Timeout     any                            `json:"timeoutInMillis"`
		Parameters  map[string]string              `json:"requestParameters"`
		Templates   map[string]string              `json:"requestTemplates"`
		Passthrough string                         `json:"passthroughBehavior"`
		Responses   map[string]IntegrationResponse `json:"responses"`
	} `json:"x-amazon-apigateway-integration"`
}

// The gateway's own extensions that are read; any other is an error, since leaving one out would change what happens.
var (
	bodyExtensions = []string{"request-validators", "request-validator", "binary-media-types", "api-key-source", "policy", "gateway-responses",
		"documentation", "importexport-version", "endpoint-configuration", "minimum-compression-size"} // the last four change nothing here
	operationExtensions   = []string{"request-validator", "integration"}
	integrationProperties = []string{"type", "httpMethod", "uri", "timeoutInMillis", "requestParameters", "requestTemplates",
		"passthroughBehavior", "responses", "credentials", "payloadFormatVersion", "connectionType"}
)

// served properties of AWS::Serverless::Api are read, harmless ones change nothing on a laptop.
var (
	servedProperties = []string{"StageName", "Variables", "AccessLogSetting", "MethodSettings", "DefinitionBody", "BinaryMediaTypes",
		"ApiKeySourceType"}
	harmlessProperties = []string{"Name", "Description", "OpenApiVersion", "FailOnWarnings", "TracingEnabled", "EndpointConfiguration",
		"EndpointAccessMode", "Tags", "PropagateTags", "Domain", "DisableExecuteApiEndpoint", "SecurityPolicy", "AlwaysDeploy", "Mode",
		"MinimumCompressionSize", "CacheClusterEnabled", "CacheClusterSize"}
)

var httpMethods = map[string]string{
	"get": "GET", "put": "PUT", "post": "POST", "delete": "DELETE", "patch": "PATCH", "head": "HEAD", "options": "OPTIONS",
	"x-amazon-apigateway-any-method": "ANY",
}

const (
	minTimeout = 50               // milliseconds of an integration's timeout; the highest is a quota that can be raised
	maxTimeout = 29 * time.Second // the integration's timeout unless the quota was raised
)

func readAPI(r *resolver, id string, functions map[string]Function) (*API, error) {
	path := "Resources." + id + ".Properties"
	resource, _ := r.resource(id)
	own, _ := resource["Properties"].(map[string]any)
	for where, given := range map[string]map[string]any{path: own, "Globals.Api": r.globals("AWS::Serverless::Api")} {
		for _, name := range slices.Sorted(maps.Keys(given)) {
			if !slices.Contains(servedProperties, name) && !slices.Contains(harmlessProperties, name) {
				return nil, fmt.Errorf("%s.%s: is not supported; write it in DefinitionBody", where, name)
			}
		}
	}
	api := &API{LogicalID: id, ID: apiID(id), Variables: map[string]string{}, Responses: map[string]GatewayResponse{}}
	properties := map[string]any{}
	for _, name := range servedProperties {
		v, err := r.property(id, name)
		if err != nil {
			return nil, err
		}
		properties[name] = v
	}
	if properties["StageName"] == nil {
		return nil, fmt.Errorf("%s.StageName: is needed", path)
	}
	api.Stage = fmt.Sprint(properties["StageName"])
	var set struct {
		Variables map[string]string
		Log       struct{ Format string }
		Settings  []MethodSetting
		Binary    []string
	}
	if err := decode(map[string]any{"Variables": properties["Variables"], "Log": properties["AccessLogSetting"],
		"Settings": numbers(properties["MethodSettings"]), "Binary": properties["BinaryMediaTypes"]}, &set, path); err != nil {
		return nil, err
	}
	api.Variables, api.LogFormat, api.Settings = set.Variables, set.Log.Format, set.Settings
	if properties["DefinitionBody"] == nil {
		return nil, fmt.Errorf("%s.DefinitionBody: is needed; routes from Events are not supported", path)
	}
	path += ".DefinitionBody"
	var body openAPI
	if err := extensions(properties["DefinitionBody"], bodyExtensions, path); err != nil {
		return nil, err
	}
	if err := flatten(properties["DefinitionBody"], path); err != nil {
		return nil, err
	}
	if err := decode(properties["DefinitionBody"], &body, path); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(body.Version, "3.0.") {
		return nil, fmt.Errorf("%s.openapi: API Gateway imports OpenAPI 3.0 documents, not %q", path, body.Version)
	}
	api.Schemas, api.Policy, api.KeySource = body.Components.Schemas, body.Policy, body.KeySource
	if v := properties["ApiKeySourceType"]; v != nil {
		api.KeySource = fmt.Sprint(v)
	}
	if api.KeySource == "" {
		api.KeySource = "HEADER"
	}
	for _, media := range slices.Concat(body.Binary, set.Binary) {
		api.Binary = append(api.Binary, strings.ReplaceAll(media, "~1", "/")) // SAM's spelling
	}
	for name, response := range body.Responses {
		status, err := number(response.StatusCode)
		if err != nil {
			return nil, fmt.Errorf("%s.x-amazon-apigateway-gateway-responses.%s.statusCode: %w", path, name, err)
		}
		api.Responses[name] = GatewayResponse{StatusCode: status, Parameters: response.Parameters, Templates: response.Templates}
	}
	authorizers, keys, err := readSchemes(body, functions, path+".components.securitySchemes")
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(body.Paths)) {
		for _, verb := range slices.Sorted(maps.Keys(body.Paths[p])) {
			where := path + ".paths." + p + "." + verb
			method, ok := httpMethods[verb]
			if !ok {
				if verb == "summary" || verb == "description" {
					continue
				}
				return nil, fmt.Errorf("%s: is not supported; write it at each method", where)
			}
			m, err := readMethod(body, body.Paths[p][verb], functions, authorizers, keys, where)
			if err != nil {
				return nil, err
			}
			m.Path, m.HTTPMethod = p, method
			api.Methods = append(api.Methods, m)
		}
	}
	if err := readPlans(r, api); err != nil {
		return nil, err
	}
	api.Permitted, err = readPermissions(r, api, functions)
	return api, err
}

// flatten copies to each method what OpenAPI allows in other places: a path's parameters, and what a $ref names. A $ref
// within a model stays.
func flatten(document any, path string) error {
	root, _ := document.(map[string]any)
	paths, _ := root["paths"].(map[string]any)
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		item, _ := paths[p].(map[string]any)
		shared, _ := item["parameters"].([]any)
		delete(item, "parameters")
		for _, verb := range slices.Sorted(maps.Keys(item)) {
			method, ok := item[verb].(map[string]any)
			if _, known := httpMethods[verb]; !ok || !known {
				continue
			}
			where := path + ".paths." + p + "." + verb
			own, _ := method["parameters"].([]any)
			byPlace := map[string]bool{}
			var parameters []any
			for i, parameter := range slices.Concat(own, shared) { // a method's own come first and win
				resolved, err := pointed(root, parameter, fmt.Sprintf("%s.parameters[%d]", where, i))
				if err != nil {
					return err
				}
				fields, _ := resolved.(map[string]any)
				key := fmt.Sprint(fields["in"], " ", fields["name"])
				if !byPlace[key] || i < len(own) {
					parameters = append(parameters, resolved)
				}
				byPlace[key] = true
			}
			if parameters != nil {
				method["parameters"] = parameters
			}
			for _, name := range []string{"requestBody", "x-amazon-apigateway-integration"} {
				if _, ok := method[name]; ok {
					resolved, err := pointed(root, method[name], where+"."+name)
					if err != nil {
						return err
					}
					method[name] = resolved
				}
			}
		}
	}
	return nil
}

// pointed returns the value, or what it names if it is a $ref into the document.
func pointed(root map[string]any, v any, path string) (any, error) {
	for range maxDepth {
		fields, _ := v.(map[string]any)
		ref, ok := fields["$ref"].(string)
		if !ok {
			return v, nil
		}
		pointer, ok := strings.CutPrefix(ref, "#/")
		if !ok {
			return nil, fmt.Errorf("%s.$ref: %s is not in this document", path, ref)
		}
		v = root
		for _, key := range strings.Split(pointer, "/") {
			at, _ := v.(map[string]any)
			if v, ok = at[strings.NewReplacer("~1", "/", "~0", "~").Replace(key)]; !ok {
				return nil, fmt.Errorf("%s.$ref: there is no %s", path, ref)
			}
		}
	}
	return nil, fmt.Errorf("%s.$ref: %w", path, errDeep)
}

// extensions refuses x-amazon-apigateway-* keys that nothing reads.
func extensions(v any, known []string, path string) error {
	m, _ := v.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if name, ok := strings.CutPrefix(key, "x-amazon-apigateway-"); ok && !slices.Contains(known, name) {
			return fmt.Errorf("%s.%s: is not supported", path, key)
		}
	}
	return nil
}

// number reads a whole number, also one in a string; an absent one is 0.
func number(v any) (int, error) {
	if v == nil {
		return 0, nil
	}
	n, err := strconv.Atoi(fmt.Sprint(v))
	if err != nil {
		return 0, fmt.Errorf("%v is not a whole number", v)
	}
	return n, nil
}

// numbers turns strings into numbers wherever a throttle or quota has them: a parameter's value is a string.
func numbers(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name, value := range v {
			switch name {
			case "ThrottlingRateLimit", "ThrottlingBurstLimit", "RateLimit", "BurstLimit", "Limit", "Offset":
				if text, ok := value.(string); ok {
					v[name] = json.Number(text)
				}
			default:
				v[name] = numbers(value)
			}
		}
	}
	return v
}

var functionURI = regexp.MustCompile(`^arn:[^:]+:apigateway:[^:]*:lambda:path/2015-03-31/functions/(arn:[^/]+)/invocations$`)

// functionOf finds the function that an integration or authorizer URI names, with or without an alias.
func functionOf(uri string, functions map[string]Function) (id, invoked string, err error) {
	if match := functionURI.FindStringSubmatch(uri); match != nil {
		for id, f := range functions {
			if qualifier, ok := strings.CutPrefix(match[1], f.ARN); ok && (qualifier == "" || qualifier[0] == ':') {
				return id, match[1], nil
			}
		}
	}
	return "", "", fmt.Errorf("%q names no function of the template", uri)
}

// readSchemes returns the Lambda authorizers and the names of the API key schemes.
func readSchemes(body openAPI, functions map[string]Function, path string,
) (authorizers map[string]*Authorizer, keys map[string]bool, err error) {
	authorizers, keys = map[string]*Authorizer{}, map[string]bool{}
	for name, scheme := range body.Components.Schemes {
		switch {
		case scheme.Type != "apiKey":
			return nil, nil, fmt.Errorf("%s.%s.type: %s is not supported by API Gateway, only apiKey", path, name, scheme.Type)
		case scheme.Authorizer == nil && strings.EqualFold(scheme.Name, "x-api-key") && scheme.In == "header":
			keys[name] = true
			continue
		case scheme.Authorizer == nil:
			return nil, nil, fmt.Errorf("%s.%s: is neither a Lambda authorizer nor the API key header x-api-key", path, name)
		}
		a := &Authorizer{Name: name, Type: strings.ToLower(scheme.Authorizer.Type), TTL: 300 * time.Second}
		if a.Type != "request" && a.Type != "token" {
			return nil, nil, fmt.Errorf("%s.%s.x-amazon-apigateway-authorizer.type: %s is not supported, only request and token",
				path, name, scheme.Authorizer.Type)
		}
		if a.Function, a.Invoked, err = functionOf(scheme.Authorizer.URI, functions); err != nil {
			return nil, nil, fmt.Errorf("%s.%s.x-amazon-apigateway-authorizer.authorizerUri: %w", path, name, err)
		}
		for _, source := range strings.Split(scheme.Authorizer.Source, ",") {
			if source = strings.TrimSpace(source); source != "" {
				a.Sources = append(a.Sources, source)
			}
		}
		if a.Type == "token" && len(a.Sources) == 0 {
			a.Sources = []string{"method.request.header." + scheme.Name}
		}
		if text := scheme.Authorizer.Expression; text != "" {
			if a.Expression, err = regexp.Compile("^(?:" + text + ")$"); err != nil {
				return nil, nil, fmt.Errorf("%s.%s.x-amazon-apigateway-authorizer.identityValidationExpression: %w", path, name, err)
			}
		}
		if scheme.Authorizer.TTL != nil {
			seconds, err := number(scheme.Authorizer.TTL)
			if err != nil {
				return nil, nil, fmt.Errorf("%s.%s.x-amazon-apigateway-authorizer.authorizerResultTtlInSeconds: %w", path, name, err)
			}
			a.TTL = time.Duration(seconds) * time.Second
		}
		authorizers[name] = a
	}
	return authorizers, keys, nil
}

func readMethod(body openAPI, raw json.RawMessage, functions map[string]Function,
	authorizers map[string]*Authorizer, keys map[string]bool, path string) (Method, error) {
	fail := func(where, format string, args ...any) (Method, error) {
		return Method{}, fmt.Errorf(path+where+": "+format, args...)
	}
	var op operation
	var keysOf map[string]any
	if err := errors.Join(json.Unmarshal(raw, &op), json.Unmarshal(raw, &keysOf)); err != nil {
		return fail("", "%w", err)
	}
	if err := extensions(keysOf, operationExtensions, path); err != nil {
		return Method{}, err
	}
	for i, p := range op.Parameters {
		if places := []string{"header", "path", "query", "cookie"}; p.Name == "" || !slices.Contains(places, p.In) {
			return fail(fmt.Sprintf(".parameters[%d]", i), "needs a name and a place")
		}
	}
	m := Method{OperationID: op.OperationID, Bodies: map[string]string{}, Parameters: op.Parameters}
	if op.Integration == nil {
		return fail("", "has no x-amazon-apigateway-integration")
	}
	integration, _ := keysOf["x-amazon-apigateway-integration"].(map[string]any)
	const place = ".x-amazon-apigateway-integration."
	for _, name := range slices.Sorted(maps.Keys(integration)) {
		if !slices.Contains(integrationProperties, name) {
			return fail(place+name, "is not supported")
		}
	}
	m.Integration = Integration{
		Type: strings.ToLower(op.Integration.Type), HTTPMethod: strings.ToUpper(op.Integration.Method), URI: op.Integration.URI,
		Timeout: maxTimeout, Parameters: op.Integration.Parameters, Templates: op.Integration.Templates,
		Passthrough: strings.ToLower(op.Integration.Passthrough), Responses: op.Integration.Responses,
	}
	switch m.Integration.Type {
	case AWSProxy:
		var err error
		if m.Integration.Function, m.Integration.Invoked, err = functionOf(op.Integration.URI, functions); err != nil {
			return fail(place+"uri", "%w", err)
		}
	case HTTPProxy, Mock:
	default:
		return fail(place+"type", "%s is not supported, only aws_proxy, http_proxy and mock", op.Integration.Type)
	}
	if op.Integration.Timeout != nil {
		milliseconds, err := number(op.Integration.Timeout)
		if err == nil && milliseconds < minTimeout {
			err = fmt.Errorf("%d is less than %d", milliseconds, minTimeout)
		}
		if err != nil {
			return fail(place+"timeoutInMillis", "%w", err)
		}
		m.Integration.Timeout = time.Duration(milliseconds) * time.Millisecond
	}
	validator := body.Validator
	if op.Validator != nil {
		validator = *op.Validator
	}
	if validator != "" {
		v, ok := body.Validators[validator]
		if !ok {
			return fail(".x-amazon-apigateway-request-validator", "there is no request validator %s", validator)
		}
		m.CheckParams, m.CheckBody = v.Parameters, v.Body
	}
	for media, content := range op.Body.Content {
		schema, err := json.Marshal(content.Schema)
		if err != nil {
			return fail(".requestBody", "%w", err)
		}
		m.Bodies[media] = string(schema)
	}
	for _, requirement := range op.Security { // root-level security is ignored by API Gateway
		for name := range requirement {
			switch a, ok := authorizers[name]; {
			case ok && m.Authorizer != nil && m.Authorizer != a:
				return fail(".security", "a method has one authorizer, not %s and %s", m.Authorizer.Name, name)
			case ok:
				m.Authorizer = a
			case keys[name]:
				m.NeedsKey = true
			default:
				return fail(".security", "there is no scheme %s", name)
			}
		}
	}
	return m, nil
}

// apiID is what Ref gives of an API. On AWS an id is random, in lower case; here it is the same in each run.
func apiID(logicalID string) string { return strings.ToLower(logicalID) }

// keyLength is the shortest length of an API key's value.
const keyLength = 20

// readPlans reads this API's keys and usage plans, and which key is in which plan.
func readPlans(r *resolver, api *API) error {
	ids := map[string]int{} // key -> place in api.Keys
	members := map[string][]string{}
	for _, id := range r.resources() {
		resource, _ := r.resource(id)
		kind, path := fmt.Sprint(resource["Type"]), "Resources."+id
		if !strings.HasPrefix(kind, "AWS::ApiGateway::") {
			continue
		}
		resolved, err := r.resolve(resource["Properties"], path+".Properties")
		if err != nil {
			return err
		}
		properties := numbers(resolved)
		switch kind {
		case "AWS::ApiGateway::ApiKey":
			var key struct {
				Value   string
				Enabled any
			}
			if err := decode(properties, &key, path); err != nil {
				return err
			}
			made := key.Value == ""
			if made { // AWS makes a random one; here it is the same in each run
				key.Value = strings.ToLower(id)
				key.Value += strings.Repeat("0", max(0, keyLength-len(key.Value)))
			}
			ids[id] = len(api.Keys)
			api.Keys = append(api.Keys,
				APIKey{LogicalID: id, Value: key.Value, Made: made, Enabled: key.Enabled == nil || fmt.Sprint(key.Enabled) == "true"})
		case "AWS::ApiGateway::UsagePlan":
			var plan struct {
				Throttle Throttle
				Quota    struct {
					Limit, Offset int
					Period        string
				}
				APIStages []struct {
					APIID    string `json:"ApiId"`
					Stage    string
					Throttle map[string]Throttle
				} `json:"ApiStages"`
			}
			if err := decode(properties, &plan, path); err != nil {
				return err
			}
			for _, s := range plan.APIStages {
				if s.APIID == api.ID && s.Stage == api.Stage {
					api.Plans = append(api.Plans, UsagePlan{LogicalID: id, Rate: plan.Throttle.Rate, Burst: plan.Throttle.Burst, Quota: plan.Quota.Limit,
						Offset: plan.Quota.Offset, Period: plan.Quota.Period, Methods: s.Throttle})
				}
			}
		case "AWS::ApiGateway::UsagePlanKey":
			var member struct {
				KeyID  string `json:"KeyId"`
				PlanID string `json:"UsagePlanId"`
			}
			if err := decode(properties, &member, path); err != nil {
				return err
			}
			members[member.KeyID] = append(members[member.KeyID], member.PlanID)
		}
	}
	for key, plans := range members {
		i, ok := ids[key]
		if !ok {
			return fmt.Errorf("in Resources: there is no AWS::ApiGateway::ApiKey %s for the usage plan %s", key, strings.Join(plans, ", "))
		}
		api.Keys[i].Plans = plans
	}
	return nil
}

// readPermissions returns the functions that the gateway may call, by AWS::Lambda::Permission and by SAM's Events of type
// Api. Beside a DefinitionBody such an event adds a permission and nothing else.
func readPermissions(r *resolver, api *API, functions map[string]Function) ([]Permission, error) {
	var permitted []Permission
	for _, id := range r.resources() {
		resource, _ := r.resource(id)
		if resource["Type"] != "AWS::Lambda::Permission" {
			continue
		}
		place := "Resources." + id + ".Properties"
		properties, _ := resource["Properties"].(map[string]any)
		principal, err := r.resolve(properties["Principal"], place+".Principal")
		if err != nil {
			return nil, err
		}
		if principal != "apigateway.amazonaws.com" && principal != "*" { // its SourceArn may be of anything
			continue
		}
		resolved, err := r.resolve(properties, place)
		if err != nil {
			return nil, err
		}
		var p struct{ Action, FunctionName, SourceArn string }
		if err := decode(resolved, &p, place); err != nil {
			return nil, err
		}
		if p.Action != "lambda:InvokeFunction" && p.Action != "lambda:*" {
			continue
		}
		if !strings.HasPrefix(p.FunctionName, "arn:") {
			p.FunctionName = functionARN(p.FunctionName)
		}
		permitted = append(permitted, Permission{Function: p.FunctionName, SourceARN: p.SourceArn})
	}
	for _, f := range functions {
		invoked := f.ARN
		if f.Alias != "" {
			invoked += ":" + f.Alias
		}
		for _, e := range f.events {
			if e.Type == "Api" {
				path := parameterSegment.ReplaceAllString(e.Properties.Path, "*")
				permitted = append(permitted,
					Permission{Function: invoked, SourceARN: ExecuteARN(api, "*", strings.ToUpper(e.Properties.Method), path)})
			}
		}
	}
	return permitted, nil
}

var parameterSegment = regexp.MustCompile(`\{[^}]*\}`)

// ExecuteARN is the execute-api ARN of a method.
func ExecuteARN(api *API, stage, method, path string) string {
	return "arn:aws:execute-api:" + Region + ":" + AccountID + ":" + api.ID + "/" + stage + "/" + method + path
}

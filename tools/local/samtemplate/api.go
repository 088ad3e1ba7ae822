package samtemplate

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// API is an AWS::Serverless::Api with its OpenAPI body, resolved.
type API struct {
	LogicalID string
	Stage     string
	Variables map[string]string
	Binary    []string // binaryMediaTypes
	LogFormat string   // of the access log; empty: none
	Settings  []MethodSetting
	Methods   []Method
	Schemas   map[string]any // components.schemas
	Responses map[string]GatewayResponse
}

// MethodSetting is a stage's throttle for one method, * for all.
type MethodSetting struct {
	Method string  `json:"HttpMethod"`
	Path   string  `json:"ResourcePath"` // slashes after the first as ~1
	Rate   float64 `json:"ThrottlingRateLimit"`
	Burst  int     `json:"ThrottlingBurstLimit"`
}

// GatewayResponse is an answer that the gateway makes itself.
type GatewayResponse struct {
	StatusCode int               // 0: not set
	Parameters map[string]string // gatewayresponse.header.<name> -> 'static' or mapping
	Templates  map[string]string // by media type
}

// Method is one path and HTTP method.
type Method struct {
	Path         string
	HTTPMethod   string // upper case; ANY for x-amazon-apigateway-any-method
	OperationID  string
	Function     string // logical id of the integration's function
	Timeout      time.Duration
	Authorizer   *Authorizer // nil: open
	CheckParams  bool
	CheckBody    bool
	Required     []Parameter       // required parameters
	Bodies       map[string]string // model (JSON Schema) by media type
	ResourcePath string            // as the event names it
}

// Parameter is a parameter of a method.
type Parameter struct {
	Name string `json:"name"`
	In   string `json:"in"` // header, path, query
}

// Authorizer is a Lambda authorizer.
type Authorizer struct {
	Name       string
	Function   string // logical id
	Type       string // request or token
	Sources    []string
	Expression string // identityValidationExpression
	TTL        time.Duration
}

type openAPI struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Security   []any                                 `json:"security"`
	Validators map[string]struct {
		Body       bool `json:"validateRequestBody"`
		Parameters bool `json:"validateRequestParameters"`
	} `json:"x-amazon-apigateway-request-validators"`
	Validator string   `json:"x-amazon-apigateway-request-validator"`
	Binary    []string `json:"x-amazon-apigateway-binary-media-types"`
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
	Parameters  []struct {
		Parameter
		Required bool `json:"required"`
	} `json:"parameters"`
	Body struct {
		Content map[string]struct {
			Schema any `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Integration *struct {
		Type    string `json:"type"`
		Method  string `json:"httpMethod"`
		URI     string `json:"uri"`
		Timeout int    `json:"timeoutInMillis"`
	} `json:"x-amazon-apigateway-integration"`
}

var httpMethods = map[string]string{
	"get": "GET", "put": "PUT", "post": "POST", "delete": "DELETE", "patch": "PATCH", "head": "HEAD", "options": "OPTIONS",
	"x-amazon-apigateway-any-method": "ANY",
}

func readAPI(r *resolver, id string, functions map[string]Function) (*API, error) {
	path := "Resources." + id + ".Properties"
	api := &API{LogicalID: id, Variables: map[string]string{}, Responses: map[string]GatewayResponse{}}
	properties := map[string]any{}
	for _, name := range []string{"StageName", "Variables", "AccessLogSetting", "MethodSettings", "DefinitionBody", "BinaryMediaTypes"} {
		v, err := r.property(id, name)
		if err != nil {
			return nil, err
		}
		properties[name] = v
	}
	api.Stage = fmt.Sprint(properties["StageName"])
	var set struct {
		Variables map[string]string
		Log       struct{ Format string }
		Settings  []MethodSetting
	}
	if err := decode(map[string]any{"Variables": properties["Variables"], "Log": properties["AccessLogSetting"], "Settings": numbers(properties["MethodSettings"])}, &set, path); err != nil {
		return nil, err
	}
	api.Variables, api.LogFormat, api.Settings = set.Variables, set.Log.Format, set.Settings
	if properties["DefinitionBody"] == nil {
		return nil, fmt.Errorf("%s.DefinitionBody: is needed; routes from Events are not supported", path)
	}
	var body openAPI
	if err := decode(properties["DefinitionBody"], &body, path+".DefinitionBody"); err != nil {
		return nil, err
	}
	api.Schemas, api.Binary = body.Components.Schemas, body.Binary
	for name, response := range body.Responses {
		status := 0
		if response.StatusCode != nil {
			if _, err := fmt.Sscan(fmt.Sprint(response.StatusCode), &status); err != nil {
				return nil, fmt.Errorf("%s.DefinitionBody.x-amazon-apigateway-gateway-responses.%s.statusCode: %v is no number", path, name, response.StatusCode)
			}
		}
		api.Responses[name] = GatewayResponse{StatusCode: status, Parameters: response.Parameters, Templates: response.Templates}
	}
	authorizers, err := readAuthorizers(body, functions, path+".DefinitionBody.components.securitySchemes")
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(body.Paths)) {
		for _, verb := range slices.Sorted(maps.Keys(body.Paths[p])) {
			method, ok := httpMethods[verb]
			if !ok {
				if verb == "parameters" || verb == "summary" || verb == "description" {
					return nil, fmt.Errorf("%s.DefinitionBody.paths.%s.%s: is not supported, write it at each method", path, p, verb)
				}
				continue
			}
			m, err := readMethod(body, body.Paths[p][verb], functions, authorizers)
			if err != nil {
				return nil, fmt.Errorf("%s.DefinitionBody.paths.%s.%s: %w", path, p, verb, err)
			}
			m.Path, m.HTTPMethod, m.ResourcePath = p, method, p
			api.Methods = append(api.Methods, m)
		}
	}
	return api, nil
}

// numbers turns texts in the throttle settings, which parameters are, into numbers.
func numbers(v any) any {
	list, _ := v.([]any)
	for _, setting := range list {
		m, _ := setting.(map[string]any)
		for _, name := range []string{"ThrottlingRateLimit", "ThrottlingBurstLimit"} {
			if text, ok := m[name].(string); ok {
				m[name] = json.Number(text)
			}
		}
	}
	return v
}

var functionURI = regexp.MustCompile(`functions/(arn:[^/]+)/invocations$`)

// functionOf finds the function that an integration or authorizer URI names, with or without an alias.
func functionOf(uri string, functions map[string]Function) (string, error) {
	if match := functionURI.FindStringSubmatch(uri); match != nil {
		for id, f := range functions {
			if match[1] == f.ARN || strings.HasPrefix(match[1], f.ARN+":") {
				return id, nil
			}
		}
	}
	return "", fmt.Errorf("uri: %q names no function of the template", uri)
}

func readAuthorizers(body openAPI, functions map[string]Function, path string) (map[string]*Authorizer, error) {
	authorizers := map[string]*Authorizer{}
	for name, scheme := range body.Components.Schemes {
		if scheme.Authorizer == nil {
			return nil, fmt.Errorf("%s.%s: only Lambda authorizers are supported", path, name)
		}
		a := &Authorizer{Name: name, Type: strings.ToLower(scheme.Authorizer.Type), Expression: scheme.Authorizer.Expression, TTL: 300 * time.Second}
		var err error
		if a.Function, err = functionOf(scheme.Authorizer.URI, functions); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", path, name, err)
		}
		for _, source := range strings.Split(scheme.Authorizer.Source, ",") {
			if source = strings.TrimSpace(source); source != "" {
				a.Sources = append(a.Sources, source)
			}
		}
		if a.Type == "token" && len(a.Sources) == 0 {
			a.Sources = []string{"method.request.header." + scheme.Name}
		}
		if scheme.Authorizer.TTL != nil {
			seconds := 0
			if _, err := fmt.Sscan(fmt.Sprint(scheme.Authorizer.TTL), &seconds); err != nil {
				return nil, fmt.Errorf("%s.%s: authorizerResultTtlInSeconds %v is no number", path, name, scheme.Authorizer.TTL)
			}
			a.TTL = time.Duration(seconds) * time.Second
		}
		authorizers[name] = a
	}
	return authorizers, nil
}

func readMethod(body openAPI, raw json.RawMessage, functions map[string]Function, authorizers map[string]*Authorizer) (Method, error) {
	var op operation
	if err := json.Unmarshal(raw, &op); err != nil {
		return Method{}, err
	}
	m := Method{OperationID: op.OperationID, Bodies: map[string]string{}}
	if op.Integration == nil {
		return Method{}, fmt.Errorf("has no x-amazon-apigateway-integration")
	}
	if kind := strings.ToLower(op.Integration.Type); kind != "aws_proxy" || op.Integration.Method != "POST" {
		return Method{}, fmt.Errorf("integration type %s with httpMethod %s is not supported, only aws_proxy with POST", kind, op.Integration.Method)
	}
	var err error
	if m.Function, err = functionOf(op.Integration.URI, functions); err != nil {
		return Method{}, err
	}
	m.Timeout = 29 * time.Second
	if op.Integration.Timeout > 0 {
		m.Timeout = time.Duration(op.Integration.Timeout) * time.Millisecond
	}
	validator := body.Validator
	if op.Validator != nil {
		validator = *op.Validator
	}
	if validator != "" {
		v, ok := body.Validators[validator]
		if !ok {
			return Method{}, fmt.Errorf("there is no request validator %s", validator)
		}
		m.CheckParams, m.CheckBody = v.Parameters, v.Body
	}
	for _, p := range op.Parameters {
		if p.Required {
			m.Required = append(m.Required, p.Parameter)
		}
	}
	for media, content := range op.Body.Content {
		schema, err := json.Marshal(content.Schema)
		if err != nil {
			return Method{}, err
		}
		m.Bodies[media] = string(schema)
	}
	for _, requirement := range op.Security { // root-level security is ignored by API Gateway
		for name := range requirement {
			a, ok := authorizers[name]
			if !ok {
				return Method{}, fmt.Errorf("security: there is no scheme %s", name)
			}
			m.Authorizer = a
		}
	}
	return m, nil
}

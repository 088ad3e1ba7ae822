package samtemplate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/local/samtemplate"
)

const served = `
Transform: AWS::Serverless-2016-10-31
Parameters:
  Rate: {Type: Number, Default: 5, MinValue: 1, MaxValue: 100}
  Names: {Type: CommaDelimitedList, Default: "a, b"}
  Old: {Type: String, Default: "https://old.example.com", AllowedPattern: "https?://.+", MaxLength: 40}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: f/, Runtime: provided.al2023, AutoPublishAlias: live, ReservedConcurrentExecutions: 0, Tracing: Active,
      LoggingConfig: {LogFormat: JSON},
      Events: {Get: {Type: Api, Properties: {Path: "/a/{id}", Method: get}},
        Night: {Type: Schedule, Properties: {Schedule: rate(1 day)}}, Queue: {Type: SQS, Properties: {Queue: x}}}}
  P:
    Type: AWS::Lambda::Permission
    Properties: {Action: "lambda:InvokeFunction", FunctionName: !Ref F.Alias, Principal: apigateway.amazonaws.com,
      SourceArn: !Sub "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${A}/*/POST/a"}
  Bucket: {Type: AWS::S3::Bucket}
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: x
      CacheClusterEnabled: true
      MethodSettings: [{HttpMethod: "*", ResourcePath: "/*", ThrottlingRateLimit: !Ref Rate, ThrottlingBurstLimit: "7"}]
      BinaryMediaTypes: [image~1png]
      DefinitionBody:
        openapi: 3.0.1
        paths:
          /a: {post: {x-amazon-apigateway-integration: {type: http_proxy, httpMethod: ANY, uri: !Sub "${Old}/{proxy}",
            timeoutInMillis: 100, requestParameters: {integration.request.path.proxy: "'x'"}}}}
          "/a/{id}": {get: {x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST,
            uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}:live/invocations"}}}
`

func TestParse_API(t *testing.T) {
	tmpl, err := samtemplate.Parse([]byte(served), map[string]string{"Rate": "9"})
	require.NoError(t, err)
	api := tmpl.API
	assert.Equal(t, "a", api.ID)
	assert.Equal(t, []string{"image/png"}, api.Binary)
	require.Len(t, api.Settings, 1)
	assert.InDelta(t, 9, *api.Settings[0].Rate, 0)
	assert.Equal(t, 7, *api.Settings[0].Burst)
	require.Len(t, api.Methods, 2)
	assert.Equal(t, "https://old.example.com/{proxy}", api.Methods[0].Integration.URI)
	assert.Equal(t, 100*time.Millisecond, api.Methods[0].Integration.Timeout)
	assert.Equal(t, 29*time.Second, api.Methods[1].Integration.Timeout)
	assert.Equal(t, "F", api.Methods[1].Integration.Function)
	assert.Equal(t, []samtemplate.Permission{
		{Function: "arn:aws:lambda:eu-west-1:123456789012:function:F:live", SourceARN: "arn:aws:execute-api:eu-west-1:123456789012:a/*/POST/a"},
		{Function: "arn:aws:lambda:eu-west-1:123456789012:function:F:live", SourceARN: "arn:aws:execute-api:eu-west-1:123456789012:a/*/GET/a/*"},
	}, api.Permitted, "what the template says, and what SAM adds for an event")

	f := tmpl.Functions["F"]
	assert.Equal(t, 0, *f.Concurrency, "none reserved is not the same")
	assert.True(t, f.Scheduled)
	assert.True(t, f.Tracing)
	assert.Equal(t, samtemplate.Logging{Format: "JSON", Level: "INFO", System: "INFO", Group: "/aws/lambda/F"}, f.Logging)
	assert.Equal(t, []string{
		"Resources.F.Properties.Events.Queue: events of type SQS are not delivered here",
		"Resources.A.Properties.CacheClusterEnabled: has no effect here",
	}, tmpl.Notes)
}

// TestParse_GlobalsAreMerged: maps by key, lists one after the other, as SAM does.
func TestParse_GlobalsAreMerged(t *testing.T) {
	globals := `Globals:
  Function: {LoggingConfig: {LogGroup: mine, LogFormat: Text}}
  Api: {Variables: {a: b}, BinaryMediaTypes: [a~1b]}
Resources:
`
	text := strings.NewReplacer("Resources:\n", globals, "StageName: x", "StageName: x\n      Variables: {c: d}").Replace(served)
	tmpl, err := samtemplate.Parse([]byte(text), nil)
	require.NoError(t, err)
	assert.Equal(t, samtemplate.Logging{Format: "JSON", Level: "INFO", System: "INFO", Group: "mine"}, tmpl.Functions["F"].Logging)
	assert.Equal(t, []string{"a/b", "image/png"}, tmpl.API.Binary)
	assert.Equal(t, map[string]string{"a": "b", "c": "d"}, tmpl.API.Variables)
}

// TestParse_SharedParts: a path's parameters and what a $ref names hold at each method, whose own parameters win.
func TestParse_SharedParts(t *testing.T) {
	text := strings.NewReplacer(
		`/a: {post: {`, `/a: {parameters: [{name: q, in: query, required: true}, {$ref: "#/components/parameters/Page"}],
            post: {requestBody: {$ref: "#/components/requestBodies/Thing"}, parameters: [{name: q, in: query}], `,
		"        paths:\n", `        components:
          parameters: {Page: {name: page, in: query, required: true}}
          requestBodies: {Thing: {content: {application/json: {schema: {type: object}}}}}
        paths:
`).Replace(served)
	tmpl, err := samtemplate.Parse([]byte(text), nil)
	require.NoError(t, err)
	m := tmpl.API.Methods[0]
	assert.Equal(t, []samtemplate.Parameter{{Name: "q", In: "query"}, {Name: "page", In: "query", Required: true}}, m.Parameters)
	assert.Equal(t, map[string]string{"application/json": `{"type":"object"}`}, m.Bodies)
}

// TestParse_Unsupported: what is not supported is an error with its place, never silence.
func TestParse_Unsupported(t *testing.T) {
	const api = "Resources.A.Properties"
	tests := map[string]struct{ old, new, want string }{
		"a property of the API": {"StageName: x", "StageName: x\n      Cors: \"'*'\"", api + ".Cors: is not supported"},
		"routes from events":    {"DefinitionBody:", "DefinitionUri:", api + ".DefinitionUri: is not supported"},
		"a document of OpenAPI 3.1": {"openapi: 3.0.1", "openapi: 3.1.0",
			api + `.DefinitionBody.openapi: API Gateway imports OpenAPI 3.0 documents, not "3.1.0"`},
		"a document of Swagger": {"openapi: 3.0.1", `swagger: "2.0"`,
			api + `.DefinitionBody.openapi: API Gateway imports OpenAPI 3.0 documents, not ""`},
		"no stage": {"StageName: x", "Name: x", api + ".StageName: is needed"},
		"an extension of the body": {"openapi: 3.0.1", "x-amazon-apigateway-tls: {}",
			api + ".DefinitionBody.x-amazon-apigateway-tls: is not supported"},
		"an extension of a method": {"post: {", "post: {x-amazon-apigateway-auth: {type: AWS_IAM}, ",
			api + ".DefinitionBody.paths./a.post.x-amazon-apigateway-auth: is not supported"},
		"a property of the backend": {"httpMethod: ANY", "httpMethod: ANY, cacheKeyParameters: [a]",
			"paths./a.post.x-amazon-apigateway-integration.cacheKeyParameters: is not supported"},
		"another integration": {"type: http_proxy", "type: http",
			"paths./a.post.x-amazon-apigateway-integration.type: http is not supported"},
		"an unknown function": {"${F.Arn}:live", "${F.Arn}x:live", "x-amazon-apigateway-integration.uri: "},
		"no integration": {"post: {x-amazon-apigateway-integration", "post: {x-other",
			"paths./a.post: has no x-amazon-apigateway-integration"},
		"an unknown validator": {"post: {", "post: {x-amazon-apigateway-request-validator: all, ",
			"x-amazon-apigateway-request-validator: there is no request validator all"},
		"an unknown scheme": {"post: {", "post: {security: [{Nope: []}], ", "paths./a.post.security: there is no scheme Nope"},
		"a scheme that is not a key": {"paths:", "components: {securitySchemes: {S: {type: oauth2}}}\n        paths:",
			"components.securitySchemes.S.type: oauth2 is not supported"},
		"an authorizer without code": {"paths:",
			"components: {securitySchemes: {S: {type: apiKey, x-amazon-apigateway-authorizer: {type: request, authorizerUri: x}}}}\n        paths:",
			"securitySchemes.S.x-amazon-apigateway-authorizer.authorizerUri: \"x\" names no function"},
		"a Cognito authorizer": {"paths:",
			"components: {securitySchemes: {S: {type: apiKey, x-amazon-apigateway-authorizer: {type: cognito_user_pools}}}}\n        paths:",
			"securitySchemes.S.x-amazon-apigateway-authorizer.type: cognito_user_pools is not supported"},
		"something else of a path": {"/a: {post", "/a: {servers: [], post", "paths./a.servers: is not supported; write it at each method"},
		"a parameter in another file": {"post: {", "post: {parameters: [{$ref: 'other.yaml'}], ",
			"paths./a.post.parameters[0].$ref: other.yaml is not in this document"},
		"a timeout that is not a number": {"timeoutInMillis: 100", "timeoutInMillis: soon", "timeoutInMillis: soon is not a whole number"},
		"a timeout too short":            {"timeoutInMillis: 100", "timeoutInMillis: 49", "timeoutInMillis: 49 is less than 50"},
		"a parameter elsewhere": {"post: {", "post: {parameters: [{$ref: '#/components/parameters/X'}], ",
			"paths./a.post.parameters[0].$ref: there is no #/components/parameters/X"},
		"a body elsewhere": {"post: {", "post: {requestBody: {$ref: '#/components/requestBodies/X'}, ",
			"paths./a.post.requestBody.$ref: there is no #/components/requestBodies/X"},
		"a transform of the body": {"openapi: 3.0.1", "openapi: 3.0.1\n        Fn::Transform: {Name: AWS::Include}",
			api + ".DefinitionBody.Fn::Transform: is not supported"},
		"a property of Globals": {"Resources:\n", "Globals: {Api: {Auth: {ApiKeyRequired: true}}}\nResources:\n",
			"Globals.Api.Auth: is not supported"},
		"a loop of resources": {"Resources:\n", "Resources:\n  Fn::ForEach::X: [A, [a], {}]\n",
			"Resources.Fn::ForEach::X: is not supported"},
		"a global table": {"AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable",
			"Resources.Bucket: AWS::DynamoDB::GlobalTable is not supported"},
		"a function's own URL": {"CodeUri: f/", "CodeUri: f/, FunctionUrlConfig: {AuthType: NONE}",
			"Resources.F.Properties.FunctionUrlConfig: map[AuthType:NONE] is not supported"},
		"an HTTP API": {"AWS::S3::Bucket", "AWS::Serverless::HttpApi",
			"Resources.Bucket: AWS::Serverless::HttpApi is not supported"},
		"a second API":    {"Type: AWS::S3::Bucket", "Type: AWS::Serverless::Api", "more than one AWS::Serverless::Api"},
		"a layer":         {"CodeUri: f/", "CodeUri: f/, Layers: [x]", "Resources.F.Properties.Layers: [x] is not supported"},
		"another runtime": {"provided.al2023", "python3.13", "Resources.F.Properties.Runtime: python3.13 is not supported"},
		"code that is elsewhere": {"CodeUri: f/", "CodeUri: s3://bucket/f.zip",
			`Resources.F.Properties.CodeUri: a folder is needed, not "s3://bucket/f.zip"`},
		"no code": {"CodeUri: f/, ", "", `Resources.F.Properties.CodeUri: a folder is needed, not ""`},
		"an image": {"CodeUri: f/", "CodeUri: f/, PackageType: Image",
			"Resources.F.Properties.PackageType: Image is not supported"},
		"a dynamic reference": {"CodeUri: f/", "CodeUri: f/, Environment: {Variables: {A: '{{resolve:ssm:x}}'}}",
			"Variables.A: dynamic references are not supported"},
		"a number below its bound":    {"Default: 5", "Default: 0", `parameter Rate: "0" is less than 1`},
		"a number above its bound":    {"Default: 5", "Default: 101", `parameter Rate: "101" is more than 100`},
		"a text that is not a number": {"Default: 5", "Default: many", `parameter Rate: "many" is not a number`},
		"a text of another form":      {`"https://old.example.com"`, `"ftp://x"`, `parameter Old: "ftp://x" does not match`},
		"a text too long":             {`"https://old.example.com"`, `"https://0123456789012345678901234567890123456789"`, "is more than 40"},
		"a value kept in SSM": {"Type: CommaDelimitedList", "Type: AWS::SSM::Parameter::Value<String>",
			"parameter Names: its value is kept in SSM; give it with -param Names=VALUE"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, served, tt.old)
			_, err := samtemplate.Parse([]byte(strings.Replace(served, tt.old, tt.new, 1)), nil)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// TestParse_Security: a method may name an authorizer more than once, but no two.
func TestParse_Security(t *testing.T) {
	schemes := `        components: {securitySchemes: {S: &s {type: apiKey, name: Authorization, in: header,
          x-amazon-apigateway-authorizer: {type: token,
          authorizerUri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}:live/invocations"}}, T: *s}}
        paths:
`
	for security, want := range map[string]string{
		"[{S: []}, {S: []}]": "",
		"[{S: []}, {T: []}]": "paths./a.post.security: a method has one authorizer, not S and T",
	} {
		text := strings.NewReplacer("        paths:\n", schemes, "post: {", "post: {security: "+security+", ").Replace(served)
		tmpl, err := samtemplate.Parse([]byte(text), nil)
		if want != "" {
			require.ErrorContains(t, err, want)
			continue
		}
		require.NoError(t, err, security)
		assert.Equal(t, "S", tmpl.API.Methods[0].Authorizer.Name)
	}
}

// TestParse_Permissions: only a permission to invoke, for API Gateway or everybody, lets the gateway call a function.
func TestParse_Permissions(t *testing.T) {
	for permission, permitted := range map[string]bool{
		`Action: "lambda:InvokeFunction", FunctionName: !Ref F.Alias, Principal: apigateway.amazonaws.com`: true,
		`Action: "lambda:*", FunctionName: !Ref F.Alias, Principal: "*"`:                                   true,
		`Action: "lambda:GetFunction", FunctionName: !Ref F.Alias, Principal: apigateway.amazonaws.com`:    false,
		`Action: "lambda:InvokeFunctionUrl", FunctionName: !Ref F.Alias, Principal: "*"`:                   false,
		`Action: "lambda:InvokeFunction", FunctionName: !Ref F.Alias, Principal: s3.amazonaws.com`:         false,
		// whatever it names, it is not the gateway's
		`Action: "lambda:InvokeFunction", FunctionName: !Ref F.Alias, Principal: events.amazonaws.com, SourceAccount: !GetAtt Rule.Arn`: false,
	} {
		const given = `Action: "lambda:InvokeFunction", FunctionName: !Ref F.Alias, Principal: apigateway.amazonaws.com`
		tmpl, err := samtemplate.Parse([]byte(strings.Replace(served, given, permission, 1)), nil)
		require.NoError(t, err, permission)
		got := false
		for _, p := range tmpl.API.Permitted {
			got = got || strings.HasSuffix(p.SourceARN, "/POST/a")
		}
		assert.Equal(t, permitted, got, permission)
	}
}

// FuzzParse: a template that cannot be read is an error, whatever it holds.
func FuzzParse(f *testing.F) {
	f.Add(served)
	f.Add(head)
	f.Add("Resources: {A: {Type: AWS::Serverless::Api, Properties: {StageName: !Select [0, !Split [a, b]], DefinitionBody: []}}}")
	f.Add("Conditions: {A: !Condition A}\nResources: {F: {Condition: A}}")
	f.Add("A: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		if tmpl, err := samtemplate.Parse([]byte(text), nil); err == nil {
			require.NotNil(t, tmpl.Functions)
		}
	})
}

package main

import "strings"

// body is the path of the API's body.
const body = "Resources.Api.Properties.DefinitionBody."

// Statements of a resource policy.
const (
	allowAll   = "{Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*'}"
	denyOthers = "{Effect: Deny, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*', " +
		"Condition: {StringNotEquals: {'aws:SourceVpce': vpce-0123}}}"
)

// ownRule is a rule of the template's own, beside the one that SAM makes of an event.
const ownRule = "  OwnRule:\n    Type: AWS::Events::Rule\n    Properties: {ScheduleExpression: rate(1 hour), " +
	"Targets: [{Id: purge, Arn: !Ref PurgeFunction.Alias, DeadLetterConfig: {Arn: !GetAtt Failed.Arn}}]}\n"

// scaleUp is a scheduled action that brings as much as a parameter says.
const scaleUp = "{ScheduledActionName: up, Schedule: 'cron(0 6 * * ? *)', " +
	"ScalableTargetAction: {MinCapacity: !Ref TokenTtl, MaxCapacity: !Ref TokenTtl}}"

// scaled is a scalable target with scheduled actions.
func scaled(actions ...string) string {
	return "  Warm:\n    Type: AWS::ApplicationAutoScaling::ScalableTarget\n    DependsOn: PurgeFunctionAliaslive\n    Properties: {" +
		"ServiceNamespace: lambda, ScalableDimension: lambda:function:ProvisionedConcurrency, " +
		"ResourceId: !Sub \"function:${PurgeFunction}:live\", " +
		"MinCapacity: 0, MaxCapacity: 100, ScheduledActions: [" + strings.Join(actions, ", ") + "]}\n\n"
}

// mapping gives the API a domain name that is made elsewhere.
const mapping = "  Mapping: {Type: AWS::ApiGateway::BasePathMapping, Properties: {DomainName: parcels.example.com, RestApiId: !Ref Api, " +
	"Stage: !Ref Stage}}\n"

// subscriptions send what all functions but one write to that one, the gateway's logs too.
const subscriptions = `  MayForward:
    Type: AWS::Lambda::Permission
    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref PurgeFunction.Alias, Principal: logs.amazonaws.com,
      SourceArn: !Sub "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*"}
  OfApi: {Type: AWS::Logs::SubscriptionFilter, DependsOn: MayForward, Properties: {FilterPattern: "", LogGroupName: !Ref ApiLogs,
    DestinationArn: !Ref PurgeFunction.Alias}}
  OfExecution: {Type: AWS::Logs::SubscriptionFilter, DependsOn: [MayForward], Properties: {FilterPattern: "",
    LogGroupName: !Sub "API-Gateway-Execution-Logs_${Api}/${Stage}", DestinationArn: !Ref PurgeFunction.Alias}}
  OfRegister: {Type: AWS::Logs::SubscriptionFilter, DependsOn: MayForward, Properties: {FilterPattern: "", LogGroupName: !Ref RegisterLogs,
    DestinationArn: !Ref PurgeFunction.Alias}}
  OfTrack: {Type: AWS::Logs::SubscriptionFilter, DependsOn: MayForward, Properties: {FilterPattern: "", LogGroupName: !Ref TrackLogs,
    DestinationArn: !Ref PurgeFunction.Alias}}
  OfCheck: {Type: AWS::Logs::SubscriptionFilter, DependsOn: MayForward, Properties: {FilterPattern: "", LogGroupName: !Ref CheckLogs,
    DestinationArn: !Ref PurgeFunction.Alias}}
`

// subscribed are the subscriptions with a mistake.
func subscribed(old, broken string) string {
	return strings.Replace(subscriptions, old, broken, 1) + "\n  TestTopic:\n"
}

// ownPermission is a permission for it.
func ownPermission(function, principal, source string) string {
	return "\n  OwnPermission:\n    Type: AWS::Lambda::Permission\n    Properties: {Action: lambda:InvokeFunction, FunctionName: " + function +
		", Principal: " + principal + ", SourceArn: " + source + "}\n"
}

// ruleFaults are, by rule, edits of parcels, each with everything that the rules say of the result. Some edits break several
// rules, such as one after which a function is called by another name.
//
//nolint:lll // data rows: an edit and what is said of it
var ruleFaults = map[string][]fault{
	"unknown-validator": {
		{"request-validator: everything", "request-validator: evrything", []string{
			body + `paths./parcels.post.x-amazon-apigateway-request-validator: there is no validator "evrything" (unknown-validator)`,
		}},
		{"request-validator: names", "request-validator: nams", []string{
			body + `x-amazon-apigateway-request-validator: there is no validator "nams" (unknown-validator)`,
		}},
	},
	"variable-siblings": {
		{"          /status:", "          /parcels/{other}/x:", []string{
			body + "paths./parcels/{parcelId}: {parcelId} and {other} are both variable below /parcels/ (variable-siblings)",
		}},
	},
	"greedy-child": {{"          /status:", "          /files/{key+}/meta:", []string{
		body + "paths./files/{key+}/meta: /meta follows a greedy segment (greedy-child)",
	}}},
	"path-segment": {{"          /status:", "          /status/v{version}:", []string{
		body + `paths./status/v{version}: "v{version}" is not a valid path segment (path-segment)`,
	}}, {"          /status:", "          /stätus:", []string{
		body + `paths./stätus: "stätus" is not a valid path segment (path-segment)`,
	}}},
	"repeated-parameter": {
		{"{name: lang, in: query,", "{name: parcelId, in: query,", []string{
			body + "paths./parcels/{parcelId}.get: the parameter parcelId is in both query and path (repeated-parameter)",
		}},
	},
	"parameter-constraint": {
		{"{type: string, description: A language.}", "{type: string, pattern: '^[a-z]$'}", []string{
			body + "paths./parcels/{parcelId}.get.parameters.0.schema.pattern: the parameter lang has pattern (parameter-constraint)",
		}},
		{"in: header, required: true, schema: {type: string}", "in: header, required: true, schema: {type: string, enum: [a, b]}", []string{
			body + "paths./parcels/{parcelId}.get.parameters.1.schema.enum: the parameter X-Client has enum (parameter-constraint)",
		}},
		{"{name: parcelId, in: path, required: true, schema: {type: string}}", "{name: parcelId, in: path, required: true, schema: {type: integer, minimum: 1, format: int32}}", []string{
			body + "paths./parcels/{parcelId}.parameters.0.schema.format: the parameter parcelId has format (parameter-constraint)",
			body + "paths./parcels/{parcelId}.parameters.0.schema.minimum: the parameter parcelId has minimum (parameter-constraint)",
		}},
	},
	"body-on-get": {{"/status:\n            get:", "/status:\n            get:\n              requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Place'}}}}", []string{
		body + "paths./status.get.requestBody: GET /status has a request body (body-on-get)",
	}}},
	"content-types": {
		{"content: {application/json: {schema: {$ref: \"#/components/schemas/Parcel\"}}}\n", "content: {application/json: {schema: {$ref: \"#/components/schemas/Parcel\"}}, text/csv: {}}\n", []string{
			body + "paths./parcels.post.requestBody.content: POST /parcels accepts application/json and text/csv and has no $default model (content-types)",
		}},
	},
	"no-security": {{"              security: []\n", "", []string{
		body + "paths./status.get.security: GET /status has no security (no-security)",
	}}, {"              security: [{Badge: []}]\n", "", []string{
		body + "paths./parcels/{parcelId}.get.security: GET /parcels/{parcelId} has no security (no-security)",
	}}, {"              security: []\n", "              security: [{}]\n", []string{
		body + "paths./status.get.security.0: GET /status may be called without a security scheme (no-security)",
	}}},
	"root-security": {
		{"        openapi: 3.0.1\n", "        openapi: 3.0.1\n        security: [{Badge: []}]\n", []string{
			body + "security: security is set at the root of the body (root-security)",
		}},
	},
	"scheme-type": {
		{"Key: {type: apiKey, in: header, name: x-api-key}", "Key: {type: http, scheme: bearer}", []string{
			body + "components.securitySchemes.Key.type: the scheme Key is of type http (scheme-type)",
		}},
		{"Key: {type: apiKey, in: header, name: x-api-key}", "Key: {type: apiKey, in: query, name: x-api-key}", []string{
			body + "components.securitySchemes.Key: the scheme Key needs in: header and a name (scheme-type)",
		}},
	},
	"scheme-authorizer": {{"Key: {type: apiKey, in: header, name: x-api-key}", "Key: {type: apiKey, in: header, name: key}", []string{
		body + "components.securitySchemes.Key: the scheme Key has no authorizer (scheme-authorizer)",
	}}},
	"identity-source": {
		{"identitySource: method.request.header.Authorization", "identitySource: method.request.querystring.token", []string{
			body + `components.securitySchemes.Badge.x-amazon-apigateway-authorizer.identitySource: the identity source of a token authorizer is "method.request.querystring.token" (identity-source)`,
		}},
		{"type: token\n                identitySource: method.request.header.Authorization", "type: request\n                identitySource: method.request.header.A, method.request.path.b", []string{
			body + `components.securitySchemes.Badge.x-amazon-apigateway-authorizer.identitySource: the identity source of a request authorizer is "method.request.header.A, method.request.path.b" (identity-source)`,
		}},
		{"type: token\n                identitySource: method.request.header.Authorization\n", "type: request\n", []string{
			body + `components.securitySchemes.Badge.x-amazon-apigateway-authorizer.identitySource: the identity source of a request authorizer is "" (identity-source)`,
		}},
	},
	"stage-name": {{"      StageName: !Ref Stage", "      StageName: !Sub v1.${Stage}", []string{
		`Resources.Api.Properties.StageName: "v1.prod" is not a valid stage name (stage-name, only prod)`,
		`Resources.Api.Properties.StageName: "v1.test" is not a valid stage name (stage-name, only test)`,
		"Resources.Api.Properties.MethodSettings.2.LoggingLevel: the log group API-Gateway-Execution-Logs_${Api}/v1.prod is not in this stack (execution-log, only prod)",
		"Resources.Api.Properties.MethodSettings.2.LoggingLevel: the log group API-Gateway-Execution-Logs_${Api}/v1.test is not in this stack (execution-log, only test)",
		body + "paths./parcels.post.x-amazon-apigateway-integration.uri: no permission lets POST /parcels call RegisterFunction (method-permission)",
		"Resources.ApiErrorsAlarm.Properties.Metrics.0.MetricStat.Metric.Dimensions.1.Value: the dimension Stage=prod matches nothing in this stack (alarm-dimension, only prod)",
		"Resources.ApiErrorsAlarm.Properties.Metrics.0.MetricStat.Metric.Dimensions.1.Value: the dimension Stage=test matches nothing in this stack (alarm-dimension, only test)",
	}}},
	"authorizer-ttl": {
		{"authorizerResultTtlInSeconds: !Ref TokenTtl", "authorizerResultTtlInSeconds: 3601", []string{
			body + "components.securitySchemes.Badge.x-amazon-apigateway-authorizer.authorizerResultTtlInSeconds: 3601 is not from 0 to 3600 (authorizer-ttl)",
		}},
		{"    Default: 300", "    Default: 4000", []string{
			body + "components.securitySchemes.Badge.x-amazon-apigateway-authorizer.authorizerResultTtlInSeconds: 4000 is not from 0 to 3600 (authorizer-ttl, only test)",
		}},
	},
	"body-alias": {
		{"${RegisterFunction.Arn}:current/inv", "${RegisterFunction.Alias}/inv", []string{
			body + "paths./parcels.post.x-amazon-apigateway-integration.uri.Fn::Sub: ${RegisterFunction.Alias} is used in the body (body-alias)",
		}},
		{"!GetAtt TrackFunction.Arn, \":current/inv", "!Ref TrackFunction.Alias, \"/inv", []string{
			body + "paths./parcels/{parcelId}.get.x-amazon-apigateway-integration.uri.Fn::Join.1.5.Ref: TrackFunction.Alias is used in the body (body-alias)",
		}},
	},
	"policy-allow": {
		{"        paths:\n", "        x-amazon-apigateway-policy: {Version: '2012-10-17', Statement: [" + denyOthers + "]}\n        paths:\n", []string{
			body + "x-amazon-apigateway-policy: the resource policy allows nothing (policy-allow)",
		}},
	},
	"private-api": {
		{"{Type: REGIONAL}", "{Type: !If [IsProd, PRIVATE, REGIONAL]}", []string{
			"Resources.Api.Properties.EndpointConfiguration: the private API names no VPC endpoint (private-api, only prod)",
			body + "x-amazon-apigateway-policy: no statement denies other VPC endpoints (private-api, only prod)",
		}},
	},
	"source-ip": {
		{"        paths:\n", "        x-amazon-apigateway-policy: {Version: '2012-10-17', Statement: [" + allowAll + ", {Effect: Deny, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*', Condition: {NotIpAddress: {'aws:SourceIp': [10.0.0.0/8, 10.1/16]}}}]}\n        paths:\n", []string{
			body + `x-amazon-apigateway-policy: "10.1/16" is not a range of addresses (source-ip)`,
		}},
		{"        paths:\n", "        x-amazon-apigateway-policy: {Version: '2012-10-17', Statement: [" + allowAll + ", {Effect: Deny, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*', Condition: {StringNotEquals: {'aws:SourceIp': 10.0.0.1}}}]}\n        paths:\n", []string{
			body + "x-amazon-apigateway-policy: aws:SourceIp is compared by StringNotEquals (source-ip)",
		}},
		{"        paths:\n", "        x-amazon-apigateway-policy: {Version: '2012-10-17', Statement: [" + allowAll + ", {Effect: Deny, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*', Condition: {NotIpAddress: {'aws:VpcSourceIp': 10.0.0.1}}}]}\n        paths:\n", []string{
			body + "x-amazon-apigateway-policy: this kind of API does not set aws:VpcSourceIp (source-ip)",
		}},
	},
	"rehearsal": {
		{"    Condition: IsTest\n", "    Condition: OnAws\n", []string{
			"Resources.TestTopic.Condition: TestTopic, which the emulator knows, is left out of the rehearsal (rehearsal)",
		}},
		{"DisplayName: !Select [1,", "FifoTopic: !If [ProdOnAws, true, false], DisplayName: !Select [1,", []string{
			"Resources.TestTopic.Properties.FifoTopic: a value depends on ProdOnAws (rehearsal)",
		}},
		{"DisplayName: !Select [1,", "FifoTopic: !Ref Rehearsal, DisplayName: !Select [1,", []string{
			"Resources.TestTopic.Properties.FifoTopic: a value is Rehearsal itself (rehearsal)",
		}},
	},
	"body-version": {{"        openapi: 3.0.1\n", "        openapi: 3.1.0\n", []string{
		body + "openapi: the body is OpenAPI 3.1.0 (body-version)",
	}}, {"        openapi: 3.0.1\n", "        swagger: \"2.0\"\n", []string{
		body + "openapi: the body is OpenAPI 2.0 (body-version)",
	}}},
	"openapi-version": {{"      OpenApiVersion: 3.0.1\n", "", []string{
		"Resources.Api.Properties.OpenApiVersion: OpenApiVersion is not set (openapi-version)",
	}}},
	"always-deploy": {{"      FailOnWarnings: true\n", "      FailOnWarnings: true\n      AlwaysDeploy: true\n", []string{
		"Resources.Api.Properties.AlwaysDeploy: AlwaysDeploy is on (always-deploy)",
	}}, {"Globals:\n", "Globals:\n  Api: {AlwaysDeploy: true}\n", []string{
		"Resources.Api.Properties.AlwaysDeploy: AlwaysDeploy is on (always-deploy)",
	}}},
	"fail-on-warnings": {
		{"      FailOnWarnings: true\n", "", []string{
			"Resources.Api.Properties.FailOnWarnings: FailOnWarnings is not on (fail-on-warnings)",
		}},
		{"      FailOnWarnings: true\n", "      FailOnWarnings: false\n", []string{
			"Resources.Api.Properties.FailOnWarnings: FailOnWarnings is not on (fail-on-warnings)",
		}},
	},
	"event-route": {
		{`Path: "/parcels/{parcelId}", Method: get`, `Path: "/parcels/{id}", Method: get`, []string{
			"Resources.TrackFunction.Properties.Events.Track.Properties.Path: there is no path /parcels/{id} in Api (event-route)",
		}},
		{`Path: "/parcels/{parcelId}", Method: get`, `Path: "/parcels/{parcelId}", Method: put`, []string{
			body + "paths./parcels/{parcelId}.get.x-amazon-apigateway-integration.uri: no permission lets GET /parcels/{parcelId} call TrackFunction (method-permission)",
			"Resources.TrackFunction.Properties.Events.Track.Properties.Method: /parcels/{parcelId} has no method put (event-route)",
		}},
	},
	"model-name": {
		{"            Place:\n", "            Place-of:\n", []string{
			body + `components.schemas.Place-of: "Place-of" is not a valid model name (model-name)`,
		}},
	},
	"model-keyword": {
		{"town: {type: string, maxLength: 80}", "town: {type: string, nullable: true}", []string{
			body + "components.schemas.Place.properties.town.nullable: the keyword nullable is not supported (model-keyword)",
		}},
		{"town: {type: string, maxLength: 80}", "town: {type: string, default: here, example: there, readOnly: true, deprecated: true}", []string{
			body + "components.schemas.Place.properties.town.default: the keyword default is not supported (model-keyword)",
			body + "components.schemas.Place.properties.town.deprecated: the keyword deprecated is not supported (model-keyword)",
			body + "components.schemas.Place.properties.town.example: the keyword example is not supported (model-keyword)",
			body + "components.schemas.Place.properties.town.readOnly: the keyword readOnly is not supported (model-keyword)",
		}},
		{"exclusiveMinimum: false, format: grams", "format: int64", []string{
			body + "components.schemas.Parcel.properties.weight.format: the format int64 is not supported (model-keyword)",
		}},
		{"exclusiveMinimum: false, format: grams", "exclusiveMinimum: 0", []string{
			body + "components.schemas.Parcel.properties.weight.exclusiveMinimum: exclusiveMinimum is a number, as in draft 6 (model-keyword)",
		}},
		{"items: {type: string}}", "items: {type: string, const: x}}", []string{
			body + "components.schemas.Parcel.properties.example.items.const: the keyword const is not supported (model-keyword)",
		}},
		{"{$ref: \"#/components/schemas/Place\"}}}}}", "{type: object, minProperties: 1, oneOf: [{discriminator: {propertyName: x}}]}}}}}", []string{
			body + "paths./parcels/{parcelId}.get.responses.200.content.application/json.schema.minProperties: the keyword minProperties is not supported (model-keyword)",
			body + "paths./parcels/{parcelId}.get.responses.200.content.application/json.schema.oneOf.0.discriminator: the keyword discriminator is not supported (model-keyword)",
		}},
	},
	"no-integration": {
		{"/status:\n            get:", "/status:\n            put: {security: [], responses: {\"200\": {description: x}}}\n            get:", []string{
			body + "paths./status.put: PUT /status has no integration (no-integration)",
		}},
	},
	"integration-type": {
		{"type: http_proxy", "type: http-proxy", []string{
			body + `paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.type: "http-proxy" is not an integration type (integration-type)`,
		}},
		{"type: mock", "type: mok", []string{
			body + `paths./status.get.x-amazon-apigateway-integration.type: "mok" is not an integration type (integration-type)`,
		}},
	},
	"integration-post": {
		{"httpMethod: POST\n                timeoutInMillis: 8000", "httpMethod: GET\n                timeoutInMillis: 8000", []string{
			body + `paths./parcels/{parcelId}.get.x-amazon-apigateway-integration.httpMethod: GET /parcels/{parcelId} calls its function with httpMethod "GET" (integration-post)`,
		}},
	},
	"lambda-uri": {
		{"functions/${RegisterFunction.Arn}:current/invocations", "functions/${RegisterRole.Arn}:current/invocations", []string{
			body + "paths./parcels.post.x-amazon-apigateway-integration.uri: arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${RegisterRole.Arn}:current/invocations invokes no function (lambda-uri)",
		}},
		{"functions/${RegisterFunction.Arn}:current/invocations", "functions/${RegisterFunction.Arn}:current", []string{
			body + "paths./parcels.post.x-amazon-apigateway-integration.uri: arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${RegisterFunction.Arn}:current invokes no function (lambda-uri)",
		}},
		{"functions/${Checker}:current/invocations", "functions/${Checker}:current/invoke", []string{
			body + "components.securitySchemes.Badge.x-amazon-apigateway-authorizer.authorizerUri: arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${CheckFunction.Arn}:current/invoke invokes no function (lambda-uri)",
		}},
	},
	"integration-alias": {
		{"${RegisterFunction.Arn}:current/inv", "${RegisterFunction.Arn}/inv", []string{
			body + "paths./parcels.post.x-amazon-apigateway-integration.uri: RegisterFunction is called by no alias, but its aliases are [current] (integration-alias)",
		}},
		{"${Checker}:current/inv", "${Checker}:live/inv", []string{
			body + "components.securitySchemes.Badge.x-amazon-apigateway-authorizer.authorizerUri: CheckFunction is called by live, but its aliases are [current] (integration-alias)",
		}},
	},
	"timeout-range": {{"timeoutInMillis: 12000", "timeoutInMillis: 29001", []string{
		body + "paths./parcels.post.x-amazon-apigateway-integration.timeoutInMillis: 29001 is not from 50 to 29000 (timeout-range)",
	}}, {"httpMethod: ANY", "httpMethod: ANY\n                timeoutInMillis: 49", []string{
		body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.timeoutInMillis: 49 is not from 50 to 29000 (timeout-range)",
	}}},
	"timeout-margin": {{"timeoutInMillis: 12000", "timeoutInMillis: 29000", []string{
		body + "paths./parcels.post.x-amazon-apigateway-integration.timeoutInMillis: POST /parcels waits for the full 29000 ms (timeout-margin)",
	}}, {"                timeoutInMillis: 12000\n", "", []string{
		body + "paths./parcels.post.x-amazon-apigateway-integration.timeoutInMillis: POST /parcels waits for the full 29000 ms (timeout-margin)",
	}}},
	"function-timeout": {
		{"timeoutInMillis: 12000", "timeoutInMillis: 10000", []string{
			body + "paths./parcels.post.x-amazon-apigateway-integration.timeoutInMillis: RegisterFunction may take 10000 ms, but the gateway waits only 10000 ms (function-timeout)",
		}},
		{"timeoutInMillis: 8000", "timeoutInMillis: 3000", []string{
			body + "paths./parcels/{parcelId}.get.x-amazon-apigateway-integration.timeoutInMillis: TrackFunction may take 3000 ms, but the gateway waits only 3000 ms (function-timeout)",
		}},
	},
	"bad-mapping": {
		{"context.requestId\n                  integration.request.header.X-T", "context.requstId\n                  integration.request.header.X-T", []string{
			body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.requestParameters.integration.request.header.X-Request-Id: context.requstId is not a mapping expression (bad-mapping)",
		}},
		{"search: method.request.querystring.q", "search: $request.querystring.q", []string{
			body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.requestParameters.integration.request.querystring.search: $request.querystring.q is not a mapping expression (bad-mapping)",
		}},
		{"integration.request.querystring.search", "integration.request.query.search", []string{
			body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.requestParameters.integration.request.query.search: nothing can be mapped to integration.request.query.search (bad-mapping)",
		}},
		{"!Sub \"'Key ${CarrierKey}'\"", "!Ref CarrierKey", []string{
			body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.requestParameters.integration.request.header.Authorization: ${CarrierKey} is not a mapping expression (bad-mapping)",
		}},
		{"\"'no-store'\"", "no-store", []string{
			body + "paths./status.get.x-amazon-apigateway-integration.responses.default.responseParameters.method.response.header.Cache-Control: no-store is not a mapping expression (bad-mapping)",
		}},
		{"gatewayresponse.header.Retry: \"'no'\"", "gatewayresponse.header.Retry: \"no\"", []string{
			body + "x-amazon-apigateway-gateway-responses.UNAUTHORIZED.responseParameters.gatewayresponse.header.Retry: no is not a mapping expression (bad-mapping)",
		}},
		{"gatewayresponse.header.Retry: \"'no'\"", "header.Retry: \"'no'\"", []string{
			body + "x-amazon-apigateway-gateway-responses.UNAUTHORIZED.responseParameters.header.Retry: nothing can be mapped to header.Retry (bad-mapping)",
		}},
	},
	"undeclared-mapping": {
		{"search: method.request.querystring.q", "search: method.request.querystring.query", []string{
			body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.requestParameters.integration.request.querystring.search: ANY /carrier/{proxy+} does not declare the query parameter query (undeclared-mapping)",
		}},
		{"X-Tenant: context.authorizer.tenant", "X-Tenant: method.request.header.tenant", []string{
			body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.requestParameters.integration.request.header.X-Tenant: ANY /carrier/{proxy+} does not declare the header parameter tenant (undeclared-mapping)",
		}},
	},
	"forbidden-header": {
		{"integration.request.header.X-Tenant", "integration.request.header.X-Amzn-Trace-Id", []string{
			body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.requestParameters.integration.request.header.X-Amzn-Trace-Id: X-Amzn-Trace-Id must not be mapped (forbidden-header)",
		}},
		{"timeoutInMillis: 12000", "timeoutInMillis: 12000\n                requestParameters: {integration.request.header.Authorization: \"'x'\"}", []string{
			body + "paths./parcels.post.x-amazon-apigateway-integration.requestParameters.integration.request.header.Authorization: Authorization must not be mapped (forbidden-header)",
		}},
	},
	"http-uri": {{"uri: !Sub \"${CarrierUrl}/", "uri: !Sub \"carrier.example/", []string{
		body + `paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.uri: "carrier.example/${stageVariables.version}/{rest}" is not a URL (http-uri)`,
	}}, {"uri: !Sub \"${CarrierUrl}/", "uri: !Sub \"ftp://carrier.example/", []string{
		body + `paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.uri: "ftp://carrier.example/${stageVariables.version}/{rest}" is not a URL (http-uri)`,
	}}},
	"http-method": {{"                httpMethod: ANY\n", "", []string{
		body + `paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.httpMethod: "" is not an HTTP method (http-method)`,
	}}, {"httpMethod: ANY", "httpMethod: ALL", []string{
		body + `paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.httpMethod: "ALL" is not an HTTP method (http-method)`,
	}}},
	"uri-parameter": {
		{"integration.request.path.rest:", "integration.request.path.proxy:", []string{
			body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.uri: nothing is mapped to {rest} (uri-parameter)",
		}},
	},
	"method-permission": {
		{"${Api}/${Stage}/POST/parcels", "${Api}/${Stage}/POST/parcel", []string{
			body + "paths./parcels.post.x-amazon-apigateway-integration.uri: no permission lets POST /parcels call RegisterFunction (method-permission)",
		}},
		{"      Events:\n        Track: {Type: Api, Properties: {RestApiId: !Ref Api, Path: \"/parcels/{parcelId}\", Method: get}}\n", "", []string{
			body + "paths./parcels/{parcelId}.get.x-amazon-apigateway-integration.uri: no permission lets GET /parcels/{parcelId} call TrackFunction (method-permission)",
		}},
		{"${Api}/${Stage}/POST/parcels", "${Other}/${Stage}/POST/parcels", []string{
			body + "paths./parcels.post.x-amazon-apigateway-integration.uri: no permission lets POST /parcels call RegisterFunction (method-permission)",
		}},
	},
	"authorizer-permission": {
		{"${Api}/authorizers/*", "${Api}/*/GET/status", []string{
			body + "components.securitySchemes.Badge.x-amazon-apigateway-authorizer.authorizerUri: no permission lets Badge call CheckFunction (authorizer-permission)",
		}},
	},
	"permission-alias": {
		{"FunctionName: !Ref RegisterFunction.Alias", "FunctionName: !Ref RegisterFunction", []string{
			"Resources.RegisterPermission.Properties.FunctionName: it is for no alias of RegisterFunction, but the API calls the alias current (permission-alias)",
		}},
		{"FunctionName: !Sub ${CheckFunction.Arn}:current", "FunctionName: !Sub ${CheckFunction.Arn}:live", []string{
			"Resources.CheckPermission.Properties.FunctionName: it is for the alias live of CheckFunction, but the API calls the alias current (permission-alias)",
		}},
	},
	"role-boundary": {{"  RegisterRole:\n    Type: AWS::IAM::Role\n    Properties:\n",
		"  RegisterRole:\n    Type: AWS::IAM::Role\n    Properties:\n      PermissionsBoundary: !Sub arn:aws:iam::${AWS::AccountId}:policy/owner\n", []string{
			"Resources.CheckFunction.Properties.PermissionsBoundary: CheckFunctionRole has no boundary, but other roles have one (role-boundary)",
			"Resources.PurgeFunction.Properties.PermissionsBoundary: PurgeFunctionRole has no boundary, but other roles have one (role-boundary)",
			"Resources.RegisterFunction.Properties.DeploymentPreference.Role: CodeDeployServiceRole has no boundary, but other roles have one (role-boundary)",
			"Resources.TrackFunction.Properties.PermissionsBoundary: TrackFunctionRole has no boundary, but other roles have one (role-boundary)",
		}}},
	"permission-principal": {
		{"Principal: apigateway.amazonaws.com", "Principal: lambda.amazonaws.com", []string{
			"Resources.RegisterPermission.Properties.Principal: the principal is lambda.amazonaws.com (permission-principal)",
		}},
		{"  RegisterErrors:\n", "  OldPermission:\n    Type: AWS::Lambda::Permission\n    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref RegisterFunction.Alias, Principal: s3.amazonaws.com, SourceArn: !Sub \"arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/DELETE/parcels/*\"}\n\n  RegisterErrors:\n", []string{
			"Resources.OldPermission.Properties.Principal: the principal is s3.amazonaws.com (permission-principal)",
		}},
		{"Action: lambda:InvokeFunction", "Action: lambda:GetFunction", []string{
			"Resources.RegisterPermission.Properties.Action: the action is lambda:GetFunction (permission-principal)",
		}},
	},
	"permission-source": {
		{"      SourceArn: !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/authorizers/*\n", "", []string{
			"Resources.CheckPermission.Properties.SourceArn: the permission names no API (permission-source)",
		}},
	},
	"permission-route": {{"  RegisterErrors:\n", "  OldPermission:\n    Type: AWS::Lambda::Permission\n    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref RegisterFunction.Alias, Principal: apigateway.amazonaws.com, SourceArn: !Sub \"arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/DELETE/parcels/*\"}\n\n  RegisterErrors:\n", []string{
		"Resources.OldPermission.Properties.SourceArn: it matches no route that calls RegisterFunction (permission-route)",
	}}},
	"iam-resource": {
		{"dynamodb:GetItem], Resource: !GetAtt Parcels.Arn", "dynamodb:GetItem], Resource: '*'", []string{
			"Resources.RegisterRole.Properties.Policies.0.PolicyDocument.Statement.0.Resource: dynamodb:PutItem and dynamodb:GetItem is allowed on * (iam-resource)",
		}},
		{"        - DynamoDBReadPolicy: {TableName: !Ref Parcels}\n", "        - {Version: '2012-10-17', Statement: [{Effect: Allow, Action: dynamodb:Scan, Resource: '*'}]}\n", []string{
			"Resources.TrackFunctionRole.Properties.Policies.0.PolicyDocument.Statement.0.Resource: dynamodb:Scan is allowed on * (iam-resource)",
		}},
		{"[xray:PutTelemetryRecords, xray:PutTraceSegments]", "[xray:PutTelemetryRecords, logs:PutLogEvents]", []string{
			"Resources.RegisterRole.Properties.Policies.0.PolicyDocument.Statement.3.Resource: xray:PutTelemetryRecords and logs:PutLogEvents is allowed on * (iam-resource)",
		}},
		{"!Sub \"${Parcels.Arn}/index/*\"", "!Sub \"arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/*\"", []string{
			"Resources.RegisterRole.Properties.Policies.0.PolicyDocument.Statement.1.Resource: dynamodb:Query is allowed on arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/* (iam-resource)",
		}},
	},
	"iam-action": {{"Action: dynamodb:Query", "Action: dynamodb:*", []string{
		"Resources.RegisterRole.Properties.Policies.0.PolicyDocument.Statement.1.Action: the action is dynamodb:* (iam-action)",
	}}, {"Action: dynamodb:Query", "NotAction: [dynamodb:Query, dynamodb:Scan]", []string{
		"Resources.RegisterRole.Properties.Policies.0.PolicyDocument.Statement.1.NotAction: everything but dynamodb:Query and dynamodb:Scan is allowed (iam-action)",
	}}},
	"leading-keys": {
		{"{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem], Resource: !GetAtt Parcels.Arn}", "{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem, dynamodb:Scan], Resource: !GetAtt Parcels.Arn, Condition: {\"ForAllValues:StringLike\": {\"dynamodb:LeadingKeys\": [\"p#*\"]}}}", []string{
			"Resources.RegisterRole.Properties.Policies.0.PolicyDocument.Statement.0.Action: dynamodb:Scan is allowed by a condition on dynamodb:LeadingKeys (leading-keys)",
		}},
		{"{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem], Resource: !GetAtt Parcels.Arn}", "{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem], Resource: !GetAtt Parcels.Arn, Condition: {\"ForAnyValue:StringLike\": {\"dynamodb:LeadingKeys\": [\"p#*\"]}}}", []string{
			"Resources.RegisterRole.Properties.Policies.0.PolicyDocument.Statement.0.Condition.ForAnyValue:StringLike: dynamodb:LeadingKeys is compared by ForAnyValue:StringLike (leading-keys)",
		}},
		{"{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem], Resource: !GetAtt Parcels.Arn}", "{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem], Resource: !GetAtt Parcels.Arn, Condition: {StringEquals: {\"dynamodb:LeadingKeys\": p1}}}", []string{
			"Resources.RegisterRole.Properties.Policies.0.PolicyDocument.Statement.0.Condition.StringEquals: dynamodb:LeadingKeys is compared by StringEquals (leading-keys)",
		}},
	},
	"managed-policy": {{"        - DynamoDBReadPolicy: {TableName: !Ref Parcels}\n", "        - AdministratorAccess\n", []string{
		"Resources.TrackFunctionRole.Properties.ManagedPolicyArns.1: TrackFunction may do what arn:aws:iam::aws:policy/AdministratorAccess allows (managed-policy)",
	}}, {"  RegisterRole:\n    Type: AWS::IAM::Role\n    Properties:\n", "  RegisterRole:\n    Type: AWS::IAM::Role\n    Properties:\n      ManagedPolicyArns: [!Sub 'arn:${AWS::Partition}:iam::aws:policy/AmazonDynamoDBFullAccess', !Sub 'arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole']\n", []string{
		"Resources.RegisterRole.Properties.ManagedPolicyArns.0: RegisterFunction may do what arn:${AWS::Partition}:iam::aws:policy/AmazonDynamoDBFullAccess allows (managed-policy)",
	}}},
	"shared-role": {
		{"      CodeUri: check/\n", "      CodeUri: check/\n      Role: !GetAtt RegisterRole.Arn\n", []string{
			"Resources.RegisterFunction.Properties.Role: CheckFunction and RegisterFunction share ${RegisterRole.Arn} (shared-role)",
		}},
	},
	"response-type": {
		{"          UNAUTHORIZED:\n", "          UNAUTHORISED:\n", []string{
			body + "x-amazon-apigateway-gateway-responses.UNAUTHORISED: there is no response type UNAUTHORISED (response-type)",
		}},
	},
	"too-large-response": {
		{"          DEFAULT_5XX:\n", "          REQUEST_TOO_LARGE:\n            responseTemplates: {application/json: '{}'}\n          DEFAULT_5XX:\n", []string{
			body + "x-amazon-apigateway-gateway-responses.REQUEST_TOO_LARGE: REQUEST_TOO_LARGE is customised (too-large-response)",
		}},
	},
	"failure-status": {{"            statusCode: 503\n", "", []string{
		body + "x-amazon-apigateway-gateway-responses.INTEGRATION_FAILURE.statusCode: INTEGRATION_FAILURE has no statusCode (failure-status)",
	}}},
	"default-status": {{"          DEFAULT_5XX:\n", "          DEFAULT_5XX:\n            statusCode: 500\n", []string{
		body + "x-amazon-apigateway-gateway-responses.DEFAULT_5XX.statusCode: DEFAULT_5XX has a statusCode (default-status)",
	}}},
	"token-echo": {
		{`{"error":"refused"}`, `{"error":$context.error.messageString}`, []string{
			body + "x-amazon-apigateway-gateway-responses.DEFAULT_4XX.responseTemplates.application/json: DEFAULT_4XX prints the error's message (token-echo)",
		}},
	},
	"response-variable": {
		{`{"error":"refused"}`, `{"error":"$context.requestID"}`, []string{
			body + "x-amazon-apigateway-gateway-responses.DEFAULT_4XX.responseTemplates.application/json: $context.requestID is not replaced (response-variable)",
		}},
		{`{"error":"refused"}`, `{"error":"$util.escapeJavaScript(x)"}`, []string{
			body + "x-amazon-apigateway-gateway-responses.DEFAULT_4XX.responseTemplates.application/json: $util.escapeJavaScript is not replaced (response-variable)",
		}},
	},
	"response-json": {
		{`{"error":"later","type"`, `{"error":"$context.error.message","type"`, []string{
			body + "x-amazon-apigateway-gateway-responses.INTEGRATION_FAILURE.responseTemplates.application/json: $context.error.message breaks the JSON (response-json)",
		}},
		{`{"error":"later","type"`, `{"error":"$context.error.messageString","type"`, []string{
			body + "x-amazon-apigateway-gateway-responses.INTEGRATION_FAILURE.responseTemplates.application/json: $context.error.messageString breaks the JSON (response-json)",
		}},
		{`{"error":"later","type"`, `{"error":"$context.authorizer.tenant","type"`, []string{
			body + "x-amazon-apigateway-gateway-responses.INTEGRATION_FAILURE.responseTemplates.application/json: $context.authorizer.tenant breaks the JSON (response-json)",
		}},
		{`,"id":"$context.extendedRequestId","took"`, `,"id":$context.extendedRequestId,"took"`, []string{
			body + "x-amazon-apigateway-gateway-responses.UNAUTHORIZED.responseTemplates.application/json: $context.extendedRequestId breaks the JSON (response-json)",
		}},
		{`{"error":"refused"}`, `{"error":"refused"`, []string{
			body + "x-amazon-apigateway-gateway-responses.DEFAULT_4XX.responseTemplates.application/json: the template is not JSON (response-json)",
		}},
	},
	"client-text": {
		{`"id":"$context.extendedRequestId",`, `"id":"$context.extendedRequestId","asked":"$context.requestId","agent":"$context.identity.userAgent","path":"$context.path","why":"$context.error.validationErrorString",`, []string{
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.requestId holds (client-text)",
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.identity.userAgent holds (client-text)",
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.path holds (client-text)",
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.error.validationErrorString holds (client-text)",
		}},
		{`"status":"$context.status"`, `"status":"$context.status","error":$context.error.messageString,"to":"$context.requestOverride.path.parcelId","how":"$context.httpMethod $context.xrayTraceId $context.domainName $context.domainPrefix"`, []string{
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.httpMethod holds (client-text)",
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.xrayTraceId holds (client-text)",
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.domainName holds (client-text)",
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.domainPrefix holds (client-text)",
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.error.messageString holds (client-text)",
			"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.requestOverride.path.parcelId holds (client-text)",
		}},
		{`{"error":"later","type"`, `{"error":"$context.error.validationErrorString","at":"$context.path","type"`, []string{
			body + "x-amazon-apigateway-gateway-responses.INTEGRATION_FAILURE.responseTemplates.application/json: callers choose what $context.error.validationErrorString holds (client-text)",
			body + "x-amazon-apigateway-gateway-responses.INTEGRATION_FAILURE.responseTemplates.application/json: callers choose what $context.path holds (client-text)",
		}},
		{`{"error":"later","type"`, `{"error":"method.request.header.X-Client","id":"$context.requestId","cert":"$context.identity.clientCert.subjectDN","type"`, []string{
			body + "x-amazon-apigateway-gateway-responses.INTEGRATION_FAILURE.responseTemplates.application/json: callers choose what method.request.header.X-Client holds (client-text)",
			body + "x-amazon-apigateway-gateway-responses.INTEGRATION_FAILURE.responseTemplates.application/json: callers choose what $context.requestId holds (client-text)",
			body + "x-amazon-apigateway-gateway-responses.INTEGRATION_FAILURE.responseTemplates.application/json: callers choose what $context.identity.clientCert.subjectDN holds (client-text)",
		}},
		{`requestTemplates: {application/json: '{"statusCode": 200}'}`, `requestTemplates: {application/json: '{"statusCode": $input.params("code"), "id": "${context.requestId}", "all": "$!input.body"}'}`, []string{
			body + "paths./status.get.x-amazon-apigateway-integration.requestTemplates.application/json: callers choose what $input.params holds (client-text)",
			body + "paths./status.get.x-amazon-apigateway-integration.requestTemplates.application/json: callers choose what ${context.requestId holds (client-text)",
			body + "paths./status.get.x-amazon-apigateway-integration.requestTemplates.application/json: callers choose what $!input.body holds (client-text)",
		}},
		{`default: {statusCode: "200", `, `default: {statusCode: "200", responseTemplates: {application/problem+json: '{"lang":"$input.path(''$.lang'')"}'}, `, []string{
			body + "paths./status.get.x-amazon-apigateway-integration.responses.default.responseTemplates.application/problem+json: callers choose what $input.path holds (client-text)",
		}},
	},
	"error-header": {
		{"gatewayresponse.header.Id: context.requestId", "gatewayresponse.header.Id: context.error.message", []string{
			body + "x-amazon-apigateway-gateway-responses.DEFAULT_4XX.responseParameters.gatewayresponse.header.Id: gatewayresponse.header.Id is made of context.error.message (error-header)",
		}},
		{"gatewayresponse.header.Retry: \"'no'\"", "gatewayresponse.header.Why: context.error.validationErrorString", []string{
			body + "x-amazon-apigateway-gateway-responses.UNAUTHORIZED.responseParameters.gatewayresponse.header.Why: gatewayresponse.header.Why is made of context.error.validationErrorString (error-header)",
		}},
		{"integration.request.header.X-Tenant: context.authorizer.tenant", "integration.request.header.X-Tenant: context.error.responseType", []string{
			body + "paths./carrier/{proxy+}.x-amazon-apigateway-any-method.x-amazon-apigateway-integration.requestParameters.integration.request.header.X-Tenant: integration.request.header.X-Tenant is made of context.error.responseType (error-header)",
		}},
	},
	"access-log": {{"        DestinationArn: !GetAtt ApiLogs.Arn\n        Format:", "        DestinationArn: !GetAtt ApiLogs.Arn\n      Tags:\n        x:", []string{
		"Resources.Api.Properties.AccessLogSetting: the stage has no access log (access-log)",
	}}},
	"execution-log": {{"API-Gateway-Execution-Logs_${Api}/${Stage}", "API-Gateway-Execution-Logs-${Api}/${Stage}", []string{
		"Resources.Api.Properties.MethodSettings.2.LoggingLevel: the log group API-Gateway-Execution-Logs_${Api}/prod is not in this stack (execution-log, only prod)",
		"Resources.Api.Properties.MethodSettings.2.LoggingLevel: the log group API-Gateway-Execution-Logs_${Api}/test is not in this stack (execution-log, only test)",
	}}},
	"log-context": {{"$context.status", "$context.statusCode", []string{
		"Resources.Api.Properties.AccessLogSetting.Format: there is no variable $context.statusCode (log-context)",
	}}, {"$context.status", "$input.body", []string{
		"Resources.Api.Properties.AccessLogSetting.Format: there is no variable $input.body (log-context)",
	}}, {"$context.status", "${context.status}", []string{
		"Resources.Api.Properties.AccessLogSetting.Format: there is no variable ${context.status (log-context)",
	}}},
	"log-request-id": {
		{`"id":"$context.extendedRequestId",`, "", []string{
			"Resources.Api.Properties.AccessLogSetting.Format: the format has no request id (log-request-id)",
		}},
	},
	"log-token": {{`"status":"$context.status"`, `"status":"$context.requestOverride.header.Authorization"`, []string{
		"Resources.Api.Properties.AccessLogSetting.Format: callers choose what $context.requestOverride.header.Authorization holds (client-text)",
		"Resources.Api.Properties.AccessLogSetting.Format: the format prints $context.requestOverride.header.Authorization (log-token)",
	}}},
	"method-settings-encoding": {
		{"/~1parcels~1{parcelId}", "/parcels/{parcelId}", []string{
			`Resources.Api.Properties.MethodSettings.1.ResourcePath: "/parcels/{parcelId}" is not an encoded path (method-settings-encoding)`,
		}},
		{"/~1parcels~1{parcelId}", "~1parcels~1{parcelId}", []string{
			`Resources.Api.Properties.MethodSettings.1.ResourcePath: "~1parcels~1{parcelId}" is not an encoded path (method-settings-encoding)`,
		}},
	},
	"method-settings-path": {
		{"/~1parcels~1{parcelId}", "/~1parcels~1{id}", []string{
			"Resources.Api.Properties.MethodSettings.1.ResourcePath: there is no path /parcels/{id} (method-settings-path)",
		}},
		{"{HttpMethod: GET, ResourcePath: ", "{HttpMethod: PUT, ResourcePath: ", []string{
			"Resources.Api.Properties.MethodSettings.1.HttpMethod: /parcels/{parcelId} has no method PUT (method-settings-path)",
		}},
	},
	"plan-order": {{"    DependsOn: ApiStage\n", "", []string{
		"Resources.Plan.Properties.ApiStages.0: Plan does not depend on ApiStage (plan-order)",
	}}, {"Properties: {Enabled: true}", "Properties: {Enabled: true, StageKeys: [{RestApiId: !Ref Api, StageName: !Ref Stage}]}", []string{
		"Resources.PartnerKey.Properties.StageKeys.0: PartnerKey does not depend on ApiStage (plan-order)",
	}}},
	"quota-period": {
		{"Period: DAY", "Period: YEAR", []string{
			`Resources.Plan.Properties.Quota.Period: the period is "YEAR" (quota-period)`,
		}},
	},
	"plan-method": {{"{/parcels/POST: {", "{/parcels/PUT: {", []string{
		"Resources.Plan.Properties.ApiStages.0.Throttle./parcels/PUT: there is no method /parcels/PUT (plan-method)",
	}}},
	"alias-properties": {
		{"      AutoPublishAliasAllProperties: true\n", "", []string{
			"Resources.RegisterFunction.Properties.AutoPublishAliasAllProperties: RegisterFunction publishes its alias only when its code changes (alias-properties)",
		}},
	},
	"version-deletion": {{"    VersionDeletionPolicy: Delete\n", "", []string{
		`Resources.CheckFunction.Properties.VersionDeletionPolicy: the DeletionPolicy of a version of CheckFunction is "Retain" (version-deletion)`,
		`Resources.PurgeFunction.Properties.VersionDeletionPolicy: the DeletionPolicy of a version of PurgeFunction is "Retain" (version-deletion)`,
		`Resources.RegisterFunction.Properties.VersionDeletionPolicy: the DeletionPolicy of a version of RegisterFunction is "Retain" (version-deletion)`,
		`Resources.TrackFunction.Properties.VersionDeletionPolicy: the DeletionPolicy of a version of TrackFunction is "Retain" (version-deletion)`,
	}}, {"      Timeout: 10\n", "      Timeout: 10\n      VersionDeletionPolicy: Retain\n", []string{
		`Resources.RegisterFunction.Properties.VersionDeletionPolicy: the DeletionPolicy of a version of RegisterFunction is "Retain" (version-deletion)`,
	}}, {"  TestTopic:\n", "  OwnVersion:\n    Type: AWS::Lambda::Version\n    Properties: {FunctionName: !Ref TrackFunction}\n\n  TestTopic:\n", []string{
		`Resources.OwnVersion.DeletionPolicy: the DeletionPolicy of a version of TrackFunction is "" (version-deletion)`,
	}}},
	"unversioned-property": {{"      Timeout: 10\n", "      Timeout: 10\n      Tags: {Team: parcels}\n", []string{
		"Resources.RegisterFunction.Properties.Tags: a change of the Tags of RegisterFunction makes no new version (unversioned-property)",
	}}, {"    AutoPublishAlias: current\n", "    AutoPublishAlias: current\n    Tags: {Stage: !Ref Stage}\n", []string{
		"Resources.CheckFunction.Properties.Tags: a change of the Tags of CheckFunction makes no new version (unversioned-property)",
		"Resources.PurgeFunction.Properties.Tags: a change of the Tags of PurgeFunction makes no new version (unversioned-property)",
		"Resources.RegisterFunction.Properties.Tags: a change of the Tags of RegisterFunction makes no new version (unversioned-property)",
		"Resources.TrackFunction.Properties.Tags: a change of the Tags of TrackFunction makes no new version (unversioned-property)",
	}}, {"      Timeout: 10\n", "      Timeout: 10\n      ReservedConcurrentExecutions: 5\n", []string{
		"Resources.RegisterFunction.Properties.ReservedConcurrentExecutions: a change of the ReservedConcurrentExecutions of " +
			"RegisterFunction makes no new version (unversioned-property)",
	}}, {"      Timeout: 10\n", "      Timeout: 10\n      ReservedConcurrentExecutions: !If [IsProd, 5, !Ref AWS::NoValue]\n", []string{
		"Resources.RegisterFunction.Properties.ReservedConcurrentExecutions: a change of the ReservedConcurrentExecutions of " +
			"RegisterFunction makes no new version (unversioned-property)",
	}}, {"      Timeout: 10\n", "      Timeout: 10\n      ReservedConcurrentExecutions: !If [IsProd, !If [IsTest, !Ref TokenTtl, 5], !Ref AWS::NoValue]\n", []string{
		"Resources.RegisterFunction.Properties.ReservedConcurrentExecutions: a change of the ReservedConcurrentExecutions of " +
			"RegisterFunction makes no new version (unversioned-property)",
	}}},
	"acl-association": {{"ResourceArn: !Sub [\"arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Of}\", {Of: !Ref Api.Stage}]", "ResourceArn: !Sub arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/live", []string{
		"Resources.Limits: no stage is associated with Limits (acl-association)",
	}}, {"WebACLArn: !GetAtt Limits.Arn", "WebACLArn: arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/other/1", []string{
		"Resources.Limits: no stage is associated with Limits (acl-association)",
	}}},
	"acl-samples": {{"{SampledRequestsEnabled: false, CloudWatchMetricsEnabled: true, MetricName: all}", "{SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true, MetricName: all}", []string{
		"Resources.Limits.Properties.VisibilityConfig: Limits samples requests (acl-samples)",
	}}, {"{SampledRequestsEnabled: false, CloudWatchMetricsEnabled: true, MetricName: address}", "{CloudWatchMetricsEnabled: true, MetricName: address}", []string{
		"Resources.Limits.Properties.Rules.0.VisibilityConfig: the rule address of Limits samples requests (acl-samples)",
	}}},
	"acl-answer": {{"            statusCode: 429\n", "            statusCode: 403\n", []string{
		body + "x-amazon-apigateway-gateway-responses.WAF_FILTERED: who sends too much is not told to wait (acl-answer)",
	}}, {"{gatewayresponse.header.Retry-After: \"'10'\"}", "{gatewayresponse.header.Retry: \"'10'\"}", []string{
		body + "x-amazon-apigateway-gateway-responses.WAF_FILTERED: who sends too much is not told to wait (acl-answer)",
	}}},
	"template-rules": {{"TokenTtl=60", "TokenTtl=0", []string{
		"prod.deploy.parameters.parameter_overrides: Keep policies. (template-rules)",
	}}, {"!Not [Fn::Contains: [[\"0\"], !Ref TokenTtl]]", "{Fn::ValueOf: [TokenTtl, Attribute]}", []string{
		"prod.deploy.parameters.parameter_overrides: Rules.Ttl: map[Fn::ValueOf:[TokenTtl Attribute]] is no condition that can be evaluated here (template-rules)",
	}}},
	"function-log-group": {
		{"LoggingConfig: {LogGroup: !Ref TrackLogs}", "LoggingConfig: {LogGroup: /somewhere}", []string{
			"Resources.TrackFunction.Properties.LoggingConfig.LogGroup: TrackFunction has no log group in this stack (function-log-group)",
		}},
		{"      LoggingConfig: {LogGroup: !Ref PurgeLogs}\n", "", []string{
			"Resources.PurgeFunction.Properties.LoggingConfig.LogGroup: PurgeFunction has no log group in this stack (function-log-group)",
		}},
		{"/aws/lambda/${Stage}-check", "/aws/lambda/${Stage}-chek", []string{
			"Resources.CheckFunction.Properties.LoggingConfig.LogGroup: CheckFunction has no log group in this stack (function-log-group)",
			"Resources.CheckFunction: CheckFunction has no alarm on a metric filter (authorizer-alarm)",
			"Resources.CheckFunction: CheckFunction has no alarm on its crashes and timeouts (authorizer-crash-alarm)",
		}},
	},
	"log-retention": {{"  PurgeLogs:\n    Type: AWS::Logs::LogGroup\n    DeletionPolicy: Delete\n    UpdateReplacePolicy: Delete\n    Properties: {RetentionInDays: 7}", "  PurgeLogs:\n    Type: AWS::Logs::LogGroup\n    DeletionPolicy: Delete\n    UpdateReplacePolicy: Delete", []string{
		"Resources.PurgeLogs.Properties.RetentionInDays: PurgeLogs has no retention (log-retention)",
	}}},
	"uncalled-function": {{"      Events:\n        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day), DeadLetterConfig: {Arn: !GetAtt Failed.Arn}}}\n", "", []string{
		"Resources.PurgeFunction: nothing calls PurgeFunction (uncalled-function)",
	}}},
	"deployment-type": {{"Canary10Percent5Minutes", "Canary10Percent6Minutes", []string{
		"Resources.RegisterFunction.Properties.DeploymentPreference.Type: there is no deployment type Canary10Percent6Minutes (deployment-type, only prod)",
	}}, {", AllAtOnce]", ", Everywhere]", []string{
		"Resources.RegisterFunction.Properties.DeploymentPreference.Type: there is no deployment type Everywhere (deployment-type, only test)",
	}}},
	"schedule-permission": {
		{"  Failed:\n", ownRule + "\n  Failed:\n", []string{
			"Resources.OwnRule.Properties.Targets.0: no permission lets OwnRule call PurgeFunction (schedule-permission)",
		}},
		{"  Failed:\n", ownRule + ownPermission("!Ref PurgeFunction", "events.amazonaws.com", "!GetAtt OwnRule.Arn") + "\n  Failed:\n", []string{
			"Resources.OwnRule.Properties.Targets.0: no permission lets OwnRule call PurgeFunction (schedule-permission)",
		}},
		{"  Failed:\n", ownRule + ownPermission("!Ref PurgeFunction.Alias", "sns.amazonaws.com", "!GetAtt OwnRule.Arn") + "\n  Failed:\n", []string{
			"Resources.OwnRule.Properties.Targets.0: no permission lets OwnRule call PurgeFunction (schedule-permission)",
		}},
		{"  Failed:\n", ownRule + ownPermission("!Ref PurgeFunction.Alias", "events.amazonaws.com", "!Sub \"arn:aws:events:eu-west-1:1:rule/other\"") + "\n  Failed:\n", []string{
			"Resources.OwnRule.Properties.Targets.0: no permission lets OwnRule call PurgeFunction (schedule-permission)",
		}},
	},
	"scale-down": {
		{"  Failed:\n", scaled("{ScheduledActionName: up, Schedule: 'cron(0 6 * * ? *)', ScalableTargetAction: {MinCapacity: 5, MaxCapacity: 5}}") + "  Failed:\n", []string{
			"Resources.Warm.Properties.ScheduledActions.0: Warm goes up by up, and by nothing down (scale-down)",
		}},
		{"  Failed:\n", scaled("{ScheduledActionName: up, Schedule: 'cron(0 6 * * ? *)', "+
			"ScalableTargetAction: {MinCapacity: !Ref TokenTtl, MaxCapacity: 100}}") + "  Failed:\n", []string{
			"Resources.Warm.Properties.ScheduledActions.0: Warm goes up by up, and by nothing down (scale-down)",
		}},
		{"  Failed:\n", scaled(scaleUp, "{ScheduledActionName: down, Schedule: 'cron(0 7 * * ? *)', ScalableTargetAction: {MinCapacity: 0}}") + "  Failed:\n", []string{
			"Resources.Warm.Properties.ScheduledActions.0: Warm goes up by up, and by nothing down (scale-down)",
		}},
		{"  Failed:\n", scaled(scaleUp, "{ScheduledActionName: down, Schedule: 'cron(0 7 * * ? *)', ScalableTargetAction: {MinCapacity: 0, MaxCapacity: !Ref TokenTtl}}") + "  Failed:\n", []string{
			"Resources.Warm.Properties.ScheduledActions.0: Warm goes up by up, and by nothing down (scale-down)",
		}},
	},
	"schedule-failures": {
		{"{Schedule: rate(1 day), DeadLetterConfig: {Arn: !GetAtt Failed.Arn}}", "{Schedule: rate(1 day)}", []string{
			"Resources.PurgeFunctionNightly.Properties.Targets.0: PurgeFunctionNightly has no dead-letter queue (schedule-failures)",
		}},
		{"      EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failed.Arn}}}\n", "", []string{
			"Resources.PurgeFunction: PurgeFunction has no on-failure destination (schedule-failures)",
		}},
		{"      EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failed.Arn}}}\n", "      EventInvokeConfig: {MaximumRetryAttempts: 0}\n", []string{
			"Resources.PurgeFunction: PurgeFunction has no on-failure destination (schedule-failures)",
		}},
	},
	"failure-permission": {
		{"Principal: {Service: events.amazonaws.com}", "Principal: {Service: sns.amazonaws.com}", []string{
			"Resources.PurgeFunctionNightly.Properties.Targets.0: no policy of Failed lets EventBridge send to it (failure-permission)",
		}},
		{"Queues: [!Ref Failed]", "Queues: [https://sqs.eu-west-1.amazonaws.com/123456789012/other]", []string{
			"Resources.PurgeFunctionNightly.Properties.Targets.0: no policy of Failed lets EventBridge send to it (failure-permission)",
		}},
		{"      Role: !GetAtt RegisterRole.Arn\n", "      Role: !GetAtt RegisterRole.Arn\n      EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failed.Arn}}}\n", []string{
			"Resources.RegisterFunction.Properties.Role: the role of RegisterFunction does not allow sqs:SendMessage, which its on-failure queue Failed needs (failure-permission)",
		}},
	},
	"log-subscription": {
		{"  TestTopic:\n", subscribed("!Ref RegisterLogs", "/somewhere/else"), []string{
			"Resources.RegisterLogs: RegisterLogs has no subscription, but other log groups have one (log-subscription)",
		}},
		{"  TestTopic:\n", subscribed("LogGroupName: !Ref CheckLogs,\n    DestinationArn: !Ref PurgeFunction.Alias", "LogGroupName: !Ref CheckLogs,\n    DestinationArn: arn:aws:firehose:eu-west-1:123456789012:deliverystream/other"), []string{
			"Resources.CheckLogs: CheckLogs has no subscription, but other log groups have one (log-subscription)",
		}},
	},
	"subscription-loop": {
		{"  TestTopic:\n", subscribed("  OfApi:", "  OfPurge: {Type: AWS::Logs::SubscriptionFilter, DependsOn: MayForward, Properties: {FilterPattern: x, LogGroupName: !Ref PurgeLogs,\n    DestinationArn: !Ref PurgeFunction.Alias}}\n  OfApi:"), []string{
			"Resources.OfPurge: OfPurge sends PurgeFunction what it writes itself (subscription-loop)",
		}},
		{"  TestTopic:\n", subscribed("  OfApi:", "  MayForwardToo: {Type: AWS::Lambda::Permission, Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref RegisterFunction.Alias, Principal: logs.eu-west-1.amazonaws.com, SourceArn: !GetAtt PurgeLogs.Arn}}\n"+
			"  OfPurge: {Type: AWS::Logs::SubscriptionFilter, DependsOn: MayForwardToo, Properties: {FilterPattern: x, LogGroupName: !Ref PurgeLogs,\n    DestinationArn: !Ref RegisterFunction.Alias}}\n  OfApi:"), []string{
			"Resources.OfPurge: OfPurge sends RegisterFunction what it writes itself (subscription-loop)",
			"Resources.OfRegister: OfRegister sends PurgeFunction what it writes itself (subscription-loop)",
			"Resources.RegisterFunction: RegisterFunction has no on-failure destination (subscription-failures)",
		}},
	},
	"subscription-permission": {
		{"  TestTopic:\n", subscribed("DependsOn: [MayForward]", "DependsOn: Failed"), []string{
			"Resources.OfExecution: it depends on no permission that lets OfExecution call PurgeFunction (subscription-permission)",
		}},
		{"  TestTopic:\n", subscribed("Ref TrackLogs,\n    DestinationArn: !Ref PurgeFunction.Alias", "Ref TrackLogs,\n    DestinationArn: !GetAtt PurgeFunction.Arn"), []string{
			"Resources.OfTrack: it depends on no permission that lets OfTrack call PurgeFunction (subscription-permission)",
		}},
		{"  TestTopic:\n", subscribed("log-group:*", "log-group:/parcels/*"), []string{
			"Resources.OfCheck: it depends on no permission that lets OfCheck call PurgeFunction (subscription-permission)",
			"Resources.OfExecution: it depends on no permission that lets OfExecution call PurgeFunction (subscription-permission)",
			"Resources.OfRegister: it depends on no permission that lets OfRegister call PurgeFunction (subscription-permission)",
			"Resources.OfTrack: it depends on no permission that lets OfTrack call PurgeFunction (subscription-permission)",
		}},
	},
	"subscription-failures": {
		{"  TestTopic:\n", subscribed("  OfApi:", "  MayForwardToo: {Type: AWS::Lambda::Permission, Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref TrackFunction.Alias, Principal: logs.amazonaws.com, SourceArn: !GetAtt ApiLogs.Arn}}\n"+
			"  OfApiToo: {Type: AWS::Logs::SubscriptionFilter, DependsOn: MayForwardToo, Properties: {FilterPattern: x, LogGroupName: !Ref ApiLogs,\n    DestinationArn: !Ref TrackFunction.Alias}}\n  OfApi:"), []string{
			"Resources.TrackFunction: TrackFunction has no on-failure destination (subscription-failures)",
			"Resources.TrackFunction: TrackFunction has no alarm on Throttles (throttles-alarm)",
		}},
	},
	"alarm-comparison": {{"      ComparisonOperator: GreaterThanThreshold\n", "", []string{
		"Resources.ApiErrorsAlarm.Properties.ComparisonOperator: ApiErrorsAlarm has no ComparisonOperator (alarm-comparison)",
	}}},
	"alarm-dimension": {
		{"{Name: ApiName, Value: !Sub \"parcels-${Stage}\"}", "{Name: ApiName, Value: !Ref Api}", []string{
			"Resources.ApiErrorsAlarm.Properties.Metrics.0.MetricStat.Metric.Dimensions.0.Value: the dimension ApiName=${Api} matches nothing in this stack (alarm-dimension)",
			"Resources.CheckFunction: CheckFunction has no alarm on Throttles (throttles-alarm)",
			"Resources.TrackFunction: TrackFunction has no alarm on Throttles (throttles-alarm)",
		}},
		{"{Name: ApiName, Value: !Sub \"parcels-${Stage}\"}", "{Name: ApiName, Value: parcels-prod}", []string{
			"Resources.ApiErrorsAlarm.Properties.Metrics.0.MetricStat.Metric.Dimensions.0.Value: the dimension ApiName=parcels-prod matches nothing in this stack (alarm-dimension, only test)",
			"Resources.CheckFunction: CheckFunction has no alarm on Throttles (throttles-alarm, only test)",
			"Resources.TrackFunction: TrackFunction has no alarm on Throttles (throttles-alarm, only test)",
		}},
		{"{Name: Stage, Value: !Ref Stage}", "{Name: Stage, Value: live}", []string{
			"Resources.ApiErrorsAlarm.Properties.Metrics.0.MetricStat.Metric.Dimensions.1.Value: the dimension Stage=live matches nothing in this stack (alarm-dimension)",
		}},
		{"{Name: FunctionName, Value: !Ref RegisterFunction}, {", "{Name: FunctionName, Value: !GetAtt RegisterFunction.Arn}, {", []string{
			"Resources.RegisterErrors.Properties.Dimensions.0.Value: the dimension FunctionName=${RegisterFunction.Arn} matches nothing in this stack (alarm-dimension)",
			"Resources.RegisterFunction: RegisterFunction has no alarm on Errors (errors-alarm)",
			"Resources.RegisterFunction.Properties.DeploymentPreference.Alarms: no alarm of the deployment of RegisterFunction rings when it dies at its start (deployment-crash-alarm)",
			"Resources.RegisterErrors: RegisterErrors guards the deployment of RegisterFunction, but is not about it alone (deployment-own-alarms)",
		}},
		{"\"${RegisterFunction}:current\"", "\"${RegisterFunction}:live\"", []string{
			"Resources.RegisterErrors.Properties.Dimensions.1.Value: the dimension Resource=${RegisterFunction}:live matches nothing in this stack (alarm-dimension)",
		}},
		{"{Name: FunctionName, Value: !Ref RegisterFunction}, {", "{Name: FunctionName, Value: !Ref RegisterFunction}, {Name: TableName, Value: Parcels}, {", []string{
			"Resources.RegisterErrors.Properties.Dimensions.1.Value: the dimension TableName=Parcels matches nothing in this stack (alarm-dimension)",
		}},
	},
	"domain-tls": {{"  TestTopic:\n", "  Domain: {Type: AWS::ApiGateway::DomainName, Properties: {DomainName: parcels.example.com, SecurityPolicy: !If [IsProd, TLS_1_2, TLS_1_0]}}\n\n  TestTopic:\n", []string{
		`Resources.Domain.Properties.SecurityPolicy: the SecurityPolicy of Domain is "TLS_1_0" (domain-tls, only test)`,
	}}},
	"domain-endpoint": {{"  TestTopic:\n", mapping + "\n  TestTopic:\n", []string{
		body + "servers: Api has a domain name and answers at its own address too (domain-endpoint)",
	}}},
	"errors-alarm": {{"      MetricName: Errors\n", "      MetricName: Duration\n", []string{
		"Resources.RegisterFunction: RegisterFunction has no alarm on Errors (errors-alarm)",
		"Resources.RegisterFunction.Properties.DeploymentPreference.Alarms: no alarm of the deployment of RegisterFunction rings when it dies at its start (deployment-crash-alarm)",
	}}},
	"throttles-alarm": {
		{"  PurgeThrottles:\n    Type: AWS::CloudWatch::Alarm\n", "  PurgeThrottles:\n    Type: AWS::CloudWatch::AnomalyDetector\n", []string{
			"Resources.PurgeFunction: PurgeFunction has no alarm on Throttles (throttles-alarm)",
		}},
		{"MetricName: 5XXError", "MetricName: 4XXError", []string{
			"Resources.CheckFunction: CheckFunction has no alarm on Throttles (throttles-alarm)",
			"Resources.TrackFunction: TrackFunction has no alarm on Throttles (throttles-alarm)",
		}},
		{"{Name: Stage, Value: !Ref Stage}", "{Name: Stage, Value: !Ref Stage}, {Name: Resource, Value: /status}", []string{
			"Resources.CheckFunction: CheckFunction has no alarm on Throttles (throttles-alarm)",
			"Resources.TrackFunction: TrackFunction has no alarm on Throttles (throttles-alarm)",
		}},
		{"        Track: {Type: Api,", "        Nightly: {Type: ScheduleV2, Properties: {Name: !Sub \"track-${Stage}\", ScheduleExpression: rate(1 day), DeadLetterConfig: {Arn: !GetAtt Failed.Arn}}}\n        Track: {Type: Api,", []string{
			"Resources.TrackFunction: TrackFunction has no alarm on Throttles (throttles-alarm)",
			"Resources.TrackFunction: TrackFunction has no on-failure destination (schedule-failures)",
		}},
		{"        Track: {Type: Api,", "        Orders: {Type: SQS, Properties: {Queue: arn:aws:sqs:eu-west-1:123456789012:orders}}\n        Track: {Type: Api,", []string{
			"Resources.TrackFunction: TrackFunction has no alarm on Throttles (throttles-alarm)",
		}},
		{"        Track: {Type: Api,", "        Trial: {Type: SNS, Properties: {Topic: arn:aws:sns:eu-west-1:123456789012:trial}}\n        Track: {Type: Api,", []string{
			"Resources.TrackFunction: TrackFunction has no alarm on Throttles (throttles-alarm)",
		}},
	},
	"authorizer-alarm": {
		{"      MetricName: CheckFailures\n", "      MetricName: CheckFailure\n", []string{
			"Resources.CheckFunction: CheckFunction has no alarm on a metric filter (authorizer-alarm)",
		}},
		{"      LogGroupName: !Ref CheckLogs\n", "      LogGroupName: !Ref TrackLogs\n", []string{
			"Resources.CheckFunction: CheckFunction has no alarm on a metric filter (authorizer-alarm)",
		}},
	},
	"authorizer-crash-alarm": {
		{"      MetricName: CheckCrashes\n", "      MetricName: CheckCrash\n", []string{
			"Resources.CheckFunction: CheckFunction has no alarm on its crashes and timeouts (authorizer-crash-alarm)",
		}},
		{` || ($.record.status = "timeout")`, "", []string{
			"Resources.CheckFunction: CheckFunction has no alarm on its crashes and timeouts (authorizer-crash-alarm)",
		}},
	},
	"deployment-own-alarms": {
		{"Alarms: [!Ref RegisterErrors]", "Alarms: [!Ref RegisterErrors, !Ref TrackErrors]", []string{
			"Resources.TrackErrors: TrackErrors guards the deployment of RegisterFunction, but is not about it alone (deployment-own-alarms)",
		}},
		{"Alarms: [!Ref RegisterErrors]", "Alarms: [!Ref RegisterErrors, !Ref CheckCrashAlarm]", []string{
			"Resources.CheckCrashAlarm: CheckCrashAlarm guards the deployment of RegisterFunction, but is not about it alone (deployment-own-alarms)",
		}},
	},
	"deployment-crash-alarm": {
		{"Alarms: [!Ref RegisterErrors]", "Alarms: [!Ref RegisterThrottles]", []string{
			"Resources.RegisterFunction.Properties.DeploymentPreference.Alarms: no alarm of the deployment of RegisterFunction rings when it dies at its start (deployment-crash-alarm)",
		}},
		{"      Timeout: 2\n", "      Timeout: 2\n      DeploymentPreference: {Type: AllAtOnce, Alarms: [!Ref RegisterErrors]}\n", []string{
			"Resources.CheckFunction.Properties.DeploymentPreference.Alarms: no alarm of the deployment of CheckFunction rings when it dies at its start (deployment-crash-alarm)",
			"Resources.RegisterErrors: RegisterErrors guards the deployment of CheckFunction, but is not about it alone (deployment-own-alarms)",
		}},
	},
	"authorizer-errors-alarm": {
		{"  # --- purge", "  CheckErrors:\n    Type: AWS::CloudWatch::Alarm\n    Properties: {Namespace: AWS/Lambda, MetricName: Errors, Dimensions: [{Name: FunctionName, Value: !Ref CheckFunction}], ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching, EvaluationPeriods: 1}\n\n  # --- purge", []string{
			"Resources.CheckErrors.Properties: it watches the Errors of the authorizer CheckFunction (authorizer-errors-alarm)",
		}},
	},
	"alarm-silence": {{"      TreatMissingData: notBreaching\n      AlarmActions", "      AlarmActions", []string{
		"Resources.RegisterThrottles.Properties.TreatMissingData: missing data is treated as missing (alarm-silence)",
	}}, {"      TreatMissingData: notBreaching\n      AlarmActions", "      TreatMissingData: breaching\n      AlarmActions", []string{
		"Resources.RegisterThrottles.Properties.TreatMissingData: missing data is treated as breaching (alarm-silence)",
	}}},
	"deployment-alarm": {{"      TreatMissingData: notBreaching\n", "      TreatMissingData: missing\n", []string{
		"Resources.RegisterErrors.Properties.TreatMissingData: RegisterErrors guards the deployment of RegisterFunction, but does not treat missing data as good (deployment-alarm)",
	}}},
	"table-recovery": {{"PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false", []string{
		"Resources.Parcels.Properties.PointInTimeRecoverySpecification: Parcels has no point-in-time recovery (table-recovery)",
	}}, {"      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}\n", "", []string{
		"Resources.Parcels.Properties.PointInTimeRecoverySpecification: Parcels has no point-in-time recovery (table-recovery)",
	}}},
	"table-retention": {{"    DeletionPolicy: RetainExceptOnCreate\n", "", []string{
		`Resources.Parcels.DeletionPolicy: the DeletionPolicy of Parcels is "" (table-retention)`,
	}}, {"    UpdateReplacePolicy: Retain\n", "    UpdateReplacePolicy: Snapshot\n", []string{
		`Resources.Parcels.UpdateReplacePolicy: the UpdateReplacePolicy of Parcels is "Snapshot" (table-retention)`,
	}}},
	"table-protection": {{"!If [IsProd, true, false]", "!If [IsProd, false, true]", []string{
		"Resources.Parcels.Properties.DeletionProtectionEnabled: Parcels has no deletion protection (table-protection, only prod)",
	}}, {"      DeletionProtectionEnabled: !If [IsProd, true, false]\n", "", []string{
		"Resources.Parcels.Properties.DeletionProtectionEnabled: Parcels has no deletion protection (table-protection, only prod)",
	}}},
	"shared-name": {
		{"UsagePlanName: !Sub parcels-${Stage}", "UsagePlanName: !Join ['', [parcels]]", []string{
			"Resources.Plan.Properties.UsagePlanName: prod and test both have parcels (shared-name)",
		}},
		{"      AssumeRolePolicyDocument:", "      RoleName: register\n      AssumeRolePolicyDocument:", []string{
			"Resources.RegisterRole.Properties.RoleName: prod and test both have register (shared-name)",
		}},
		{"MetricNamespace: !Sub \"parcels/${Stage}\"", "MetricNamespace: parcels", []string{
			"Resources.CheckFailures.Properties.MetricTransformations.0: prod and test both count parcels CheckFailures (shared-name)",
			"Resources.CheckFunction: CheckFunction has no alarm on a metric filter (authorizer-alarm)",
		}},
		{"      LogGroupName: !Sub /parcels/${Stage}/api\n", "      LogGroupName: /parcels/api\n", []string{
			"Resources.ApiLogs.Properties.LogGroupName: prod and test both have /parcels/api (shared-name)",
		}},
	},
	"shared-stack": {{`stack_name = "parcels-prod"`, `stack_name = "parcels-test"`, []string{
		"test.deploy.parameters.stack_name: prod and test both have parcels-test (shared-stack)",
	}}},
	"environment-name": {
		{"      StageName: !Ref Stage", "      StageName: prod", []string{
			`Resources.Api.Properties.StageName: prod is written into "prod" (environment-name)`,
			"Resources.Api.Properties.MethodSettings.2.LoggingLevel: the log group API-Gateway-Execution-Logs_${Api}/prod is not in this stack (execution-log, only test)",
			body + "paths./parcels.post.x-amazon-apigateway-integration.uri: no permission lets POST /parcels call RegisterFunction (method-permission, only test)",
			"Resources.ApiErrorsAlarm.Properties.Metrics.0.MetricStat.Metric.Dimensions.1.Value: the dimension Stage=test matches nothing in this stack (alarm-dimension, only test)",
			"Resources.Plan.Properties.ApiStages.0: Plan does not depend on ApiprodStage (plan-order)",
		}},
		{"      Name: !Join [\"-\", [parcels, !Ref Stage]]", "      Name: !Join [\"-\", [parcels, prod]]", []string{
			`Resources.Api.Properties.Name.Fn::Join.1.1: prod is written into "prod" (environment-name)`,
			"Resources.Api.Properties.Name: prod and test both have parcels-prod (shared-name)",
			"Resources.ApiErrorsAlarm.Properties.Metrics.0.MetricStat.Metric.Dimensions.0.Value: the dimension ApiName=parcels-test matches nothing in this stack (alarm-dimension, only test)",
			"Resources.CheckFunction: CheckFunction has no alarm on Throttles (throttles-alarm, only test)",
			"Resources.TrackFunction: TrackFunction has no alarm on Throttles (throttles-alarm, only test)",
		}},
		{"        STAGE: !Ref Stage\n", "        STAGE: prod\n", []string{
			`Globals.Function.Environment.Variables.STAGE: prod is written into "prod" (environment-name)`,
		}},
		{"${Api}/${Stage}/POST/parcels", "${Api}/prod/POST/parcels", []string{
			body + "paths./parcels.post.x-amazon-apigateway-integration.uri: no permission lets POST /parcels call RegisterFunction (method-permission, only test)",
			`Resources.RegisterPermission.Properties.SourceArn.Fn::Sub: prod is written into "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/prod/POST/parcels" (environment-name)`,
		}},
		{"        STAGE: !Ref Stage\n", "        STAGE: !Ref Stage\n        TOPIC: !Sub \"arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:parcels-test\"\n", []string{
			`Globals.Function.Environment.Variables.TOPIC.Fn::Sub: test is written into "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:parcels-test" (environment-name)`,
		}},
	},
	"undeclared-parameter": {
		{"  TokenTtl:\n    Type: Number\n", "  TokenTTL:\n    Type: Number\n", []string{
			"Parameters.TokenTtl: prod sets TokenTtl, which is not declared (undeclared-parameter)",
			"prod.deploy.parameters.parameter_overrides: Rules.Ttl: Fn::Contains: there is no parameter TokenTtl (template-rules)",
		}},
	},
}

// harmless are edits of parcels that break no rule: pairs of old and new text.
//
//nolint:lll // data rows: edits
var harmless = map[string][]string{
	"logs of all functions, and a queue that is handed back": {"  TestTopic:\n", subscribed("  OfApi:",
		"  Again: {Type: AWS::Lambda::EventSourceMapping, Properties: {EventSourceArn: !GetAtt Failed.Arn, FunctionName: !Ref PurgeFunction.Alias}}\n  OfApi:"),
		"  PurgeThrottles:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      Namespace: AWS/Lambda\n      MetricName: Throttles\n      Dimensions: [{Name: FunctionName, Value: !Ref PurgeFunction}]\n",
		"  PurgeThrottles:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      Namespace: AWS/SQS\n      MetricName: ApproximateNumberOfMessagesVisible\n      Dimensions: [{Name: QueueName, Value: !GetAtt Failed.QueueName}]\n"},
	"a hook of a deployment calls the function": {
		"      Events:\n        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day), DeadLetterConfig: {Arn: !GetAtt Failed.Arn}}}\n", "",
		"        Alarms: [!Ref RegisterErrors]\n", "        Alarms: [!Ref RegisterErrors]\n        Hooks: {PreTraffic: !Ref PurgeFunction}\n",
	},
	"somebody has to decide first": {"CarrierKey=to be replaced", "CarrierKey=undecided", "TokenTtl=60", "TokenTtl=0"},
	"a web ACL that limits nobody": {
		"Statement: {RateBasedStatement: {Limit: 100, EvaluationWindowSec: 60, AggregateKeyType: IP}}", "Statement: {GeoMatchStatement: {CountryCodes: [AQ]}}",
		"            statusCode: 429\n", "            statusCode: 403\n",
	},
	"a parameter reserves concurrency":        {"      Timeout: 10\n", "      Timeout: 10\n      ReservedConcurrentExecutions: !If [IsProd, !Ref TokenTtl, !Ref AWS::NoValue]\n"},
	"the authorizer has a gradual deployment": {"      Timeout: 2\n", "      Timeout: 2\n      DeploymentPreference: {Type: AllAtOnce, Alarms: [!Ref CheckCrashAlarm]}\n"},
	"a queue calls the function": {
		"{Type: Schedule, Properties: {Schedule: rate(1 day), DeadLetterConfig: {Arn: !GetAtt Failed.Arn}}}", "{Type: SQS, Properties: {Queue: !GetAtt Orders.Arn}}",
		"  TestTopic:\n", "  Orders: {Type: AWS::SQS::Queue}\n\n  TestTopic:\n",
	},
	"another service may call the function": {
		"      Events:\n        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day), DeadLetterConfig: {Arn: !GetAtt Failed.Arn}}}\n", "",
		"  TestTopic:\n", "  ByTopic:\n    Type: AWS::Lambda::Permission\n    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref PurgeFunction.Alias, Principal: sns.amazonaws.com}\n\n  TestTopic:\n",
	},
	"a deployment type of the stack's own": {
		"!If [IsProd, Canary10Percent5Minutes, AllAtOnce]", "!Ref Slowly",
		"  TestTopic:\n", "  Slowly:\n    Type: AWS::CodeDeploy::DeploymentConfig\n    Properties: {ComputePlatform: Lambda, TrafficRoutingConfig: {Type: TimeBasedLinear, TimeBasedLinear: {LinearInterval: 5, LinearPercentage: 20}}}\n\n  TestTopic:\n",
	},
	"a scheduled action takes back what another brings": {
		"  Failed:\n", scaled(scaleUp, "{ScheduledActionName: down, Schedule: 'cron(0 7 * * ? *)', ScalableTargetAction: {MinCapacity: 0, MaxCapacity: 0}}") + "  Failed:\n",
	},
	"less at night": {
		"  Failed:\n", scaled("{ScheduledActionName: day, Schedule: 'cron(0 6 * * ? *)', ScalableTargetAction: {MinCapacity: 50, MaxCapacity: 100}}",
			"{ScheduledActionName: night, Schedule: 'cron(0 20 * * ? *)', ScalableTargetAction: {MinCapacity: 0, MaxCapacity: 20}}") + "  Failed:\n",
	},
	"a rule that may call": {
		"  Failed:\n", ownRule + ownPermission("!Ref PurgeFunction.Alias", "events.amazonaws.com", "!GetAtt OwnRule.Arn") + "\n  Failed:\n",
	},
	"a queue of failed events is watched": {
		"  PurgeThrottles:\n    Type: AWS::CloudWatch::Alarm\n", "  PurgeThrottles:\n    Type: AWS::CloudWatch::AnomalyDetector\n",
		"  TestTopic:\n", "  FailedAlarm:\n    Type: AWS::CloudWatch::Alarm\n    Properties: {Namespace: AWS/SQS, MetricName: ApproximateNumberOfMessagesVisible, Dimensions: [{Name: QueueName, Value: !GetAtt Failed.QueueName}], ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}\n\n  TestTopic:\n",
	},
	"a plan that refers to the stage":     {"    DependsOn: ApiStage\n", "", "Stage: !Ref Stage, Throttle", "Stage: !Ref Api.Stage, Throttle"},
	"a permission for the whole API":      {"${Api}/${Stage}/POST/parcels", "${Api}/*"},
	"a permission by the function's name": {"FunctionName: !Ref RegisterFunction.Alias", "FunctionName: !Sub \"${Stage}-register:current\""},
	"a permission of the resource's ARN":  {"FunctionName: !Ref RegisterFunction.Alias", "FunctionName: !Sub \"arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${Stage}-register:current\""},
	"another function by its full ARN": {
		"type: mock", "type: aws_proxy\n                httpMethod: POST\n                timeoutInMillis: 1000\n                uri: arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:other:v1/invocations",
	},
	"a role calls the function": {
		"timeoutInMillis: 8000", "timeoutInMillis: 8000\n                credentials: arn:aws:iam::123456789012:role/gateway",
		"      Events:\n        Track: {Type: Api, Properties: {RestApiId: !Ref Api, Path: \"/parcels/{parcelId}\", Method: get}}\n", "",
	},
	"an alarm on one method": {"{Name: Stage, Value: !Ref Stage}", "{Name: Stage, Value: !Ref Stage}, {Name: Method, Value: GET}"},
	"any method has a permission": {
		"            get:\n              security: [{Badge: []}]\n", "            x-amazon-apigateway-any-method:\n              security: [{Badge: []}]\n",
		"Method: get}}", "Method: any}}",
		"HttpMethod: GET, ResourcePath", "HttpMethod: PUT, ResourcePath",
	},
	"several types that are not validated":    {"request-validator: everything", "request-validator: names", "schemas/Parcel\"}}}", "schemas/Parcel\"}}, text/csv: {}}"},
	"several types with a default model":      {"schemas/Parcel\"}}}", "schemas/Parcel\"}}, $default: {schema: {$ref: \"#/components/schemas/Parcel\"}}}"},
	"several identity sources":                {"type: token\n                identitySource: method.request.header.Authorization", "type: request\n                identitySource: method.request.header.A, method.request.querystring.b,context.identity.sourceIp"},
	"the scheme's header is the token":        {"                identitySource: method.request.header.Authorization\n", ""},
	"no identity source and no cache":         {"type: token\n                identitySource: method.request.header.Authorization\n                authorizerResultTtlInSeconds: !Ref TokenTtl", "type: request\n                authorizerResultTtlInSeconds: 0"},
	"AlwaysDeploy is off":                     {"      FailOnWarnings: true\n", "      FailOnWarnings: true\n      AlwaysDeploy: false\n"},
	"everything is denied":                    {"{Effect: Allow, Action: dynamodb:Query, Resource: !Sub \"${Parcels.Arn}/index/*\"}", "{Effect: Deny, Action: '*', Resource: '*'}"},
	"a log group's streams":                   {"Resource: !GetAtt RegisterLogs.Arn", "Resource: !Sub \"arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${Stage}-register:*\""},
	"a stage that does not log its execution": {"LoggingLevel: ERROR", "LoggingLevel: \"OFF\"", "API-Gateway-Execution-Logs_${Api}/${Stage}", "/parcels/${Stage}/unused"},
	"a log that is not JSON":                  {`Format: '{"id":"$context.extendedRequestId",`, `Format: '$context.requestId [$context.path] {"x":"x",`},
	"a client's text in plain text":           {"text/plain: $context.error.message", "text/plain: $context.path method.request.header.X-Client"},
	"ids that no client chooses":              {`"status":"$context.status"`, `"status":"$context.status","asked":"$context.authorizer.requestId","took":"$context.integration.requestId","epoch":$context.requestTimeEpoch,"route":"$context.resourcePath"`},
	"a client's text, escaped": {
		`requestTemplates: {application/json: '{"statusCode": 200}'}`,
		`requestTemplates: {application/json: '{"statusCode": #if ($input.params("x") == "(y)") 404 #else 200 #end, "a": "$util.escapeJavaScript($input.params("a").trim())", "b": $input.json("$.b")}'}`,
	},
	"some keys alone":                         {"{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem], Resource: !GetAtt Parcels.Arn}", "{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem], Resource: !GetAtt Parcels.Arn, Condition: {\"ForAllValues:StringLike\": {\"dynamodb:LeadingKeys\": [\"p#*\", one]}}}"},
	"a scan that is refused for want of keys": {"{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem], Resource: !GetAtt Parcels.Arn}", "{Effect: Allow, Action: [dynamodb:PutItem, dynamodb:GetItem, dynamodb:Scan], Resource: !GetAtt Parcels.Arn, Condition: {\"ForAllValues:StringLike\": {\"dynamodb:LeadingKeys\": [\"p#*\"]}, \"Null\": {\"dynamodb:LeadingKeys\": \"false\"}}}"},
	"a key's own policy": {
		"  TestTopic:\n", "  Key:\n    Type: AWS::KMS::Key\n    Properties: {KeyPolicy: {Version: \"2012-10-17\", Statement: [{Effect: Allow, Principal: {AWS: !Sub \"arn:${AWS::Partition}:iam::${AWS::AccountId}:root\"}, Action: \"kms:*\", Resource: \"*\"}]}}\n\n  TestTopic:\n",
	},
	"an output shows the function": {
		"      Events:\n        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day), DeadLetterConfig: {Arn: !GetAtt Failed.Arn}}}\n", "",
		"Resources:\n", "Outputs:\n  Purge: {Value: !GetAtt PurgeFunction.Arn}\n\nResources:\n",
	},
	"a name by choice":           {"UsagePlanName: !Sub parcels-${Stage}", "UsagePlanName: !If [IsProd, parcels-prod, parcels-test]"},
	"a value of Systems Manager": {"  CarrierUrl:\n    Type: String\n", "  CarrierUrl:\n    Type: AWS::SSM::Parameter::Value<String>\n"},
	"a dynamic reference":        {"uri: !Sub \"${CarrierUrl}/${!stageVariables.version}/", "uri: !Sub \"{{resolve:ssm:/carrier/${Stage}/url}}/"},
	"a queue's alarm": {
		"  TestTopic:\n", "  Orders: {Type: AWS::SQS::Queue}\n\n  OrdersAlarm:\n    Type: AWS::CloudWatch::Alarm\n    Properties: {Namespace: AWS/SQS, MetricName: ApproximateAgeOfOldestMessage, Dimensions: [{Name: QueueName, Value: !GetAtt Orders.QueueName}], ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}\n\n  TestTopic:\n",
	},
	"a restored table's alarm": {
		"Resource: !Sub \"${Parcels.Arn}/index/*\"", "Resource: !Sub \"arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/parcels-restored\"",
		"  TestTopic:\n", "  ReadsAlarm:\n    Type: AWS::CloudWatch::Alarm\n    Properties: {Namespace: AWS/DynamoDB, MetricName: ConsumedReadCapacityUnits, Dimensions: [{Name: TableName, Value: parcels-restored}], ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}\n\n  TestTopic:\n",
	},
	"a domain name alone": {
		"      FailOnWarnings: true\n", "      FailOnWarnings: true\n      DisableExecuteApiEndpoint: true\n",
		"  TestTopic:\n", mapping + "\n  TestTopic:\n",
	},
	"an API of another kind": {
		"  TestTopic:\n", "  Web:\n    Type: AWS::Serverless::HttpApi\n    Properties: {DefinitionUri: s3://artifacts/web.yaml}\n\n  WebPermission:\n    Type: AWS::Lambda::Permission\n    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref RegisterFunction.Alias, Principal: apigateway.amazonaws.com, SourceArn: !Sub \"arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Web}/*/*/x\"}\n\n  TestTopic:\n",
	},
	"an API whose body is elsewhere": {
		"  TestTopic:\n", "  Other:\n    Type: AWS::Serverless::Api\n    Properties: {StageName: !Ref Stage, DefinitionUri: s3://artifacts/other.yaml, MethodSettings: [{HttpMethod: GET, ResourcePath: /~1x}]}\n\n  TestTopic:\n",
		"      Events:\n        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day), DeadLetterConfig: {Arn: !GetAtt Failed.Arn}}}\n", "",
	},
	"a private API": {
		"{Type: REGIONAL}", "{Type: PRIVATE, VPCEndpointIds: [vpce-0123]}",
		"        paths:\n", "        x-amazon-apigateway-policy: {Version: '2012-10-17', Statement: [" + allowAll + ", " + denyOthers + ", {Effect: Deny, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*', Condition: {NotIpAddress: {'aws:VpcSourceIp': 10.0.0.0/8}}}]}\n        paths:\n",
	},
	"an API for some addresses": {
		"        paths:\n", "        x-amazon-apigateway-policy: !If [IsProd, {Version: '2012-10-17', Statement: [" + allowAll + ", {Effect: Deny, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*', Condition: {NotIpAddress: {'aws:SourceIp': [10.0.0.0/8, '2001:db8::/32']}}}]}, !Ref AWS::NoValue]\n        paths:\n",
	},
	"prose names an environment": {"{description: Up.}", "{description: Same in test and prod.}"},
	"a quota by condition":       {"{Limit: !FindInMap [Settings, !Ref Stage, Quota], Period: DAY}", "{Limit: !FindInMap [Settings, !Ref Stage, Quota], Period: !If [IsProd, MONTH, WEEK]}"},
	"a stage variable as host":   {"uri: !Sub \"${CarrierUrl}/${!stageVariables.version}/", "uri: !Sub \"https://${!stageVariables.host}/"},
	"a protected table everywhere": {
		"!If [IsProd, true, false]", "\"true\"",
		"    DeletionPolicy: RetainExceptOnCreate\n", "    DeletionPolicy: Retain\n",
	},
}

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type properties = map[string]any

// missing lists what this project's template lacks and no linter asks for. Intrinsic functions are read as their
// argument: !Ref Table is the text Table.
func missing(t *testing.T, text string) (wrong []string) {
	t.Helper()
	var template struct {
		Parameters map[string]struct {
			Default any `yaml:"Default"`
		} `yaml:"Parameters"`
		Globals struct {
			Function struct {
				Alias       string `yaml:"AutoPublishAlias"`
				Environment struct {
					Variables map[string]string `yaml:"Variables"`
				} `yaml:"Environment"`
			} `yaml:"Function"`
		} `yaml:"Globals"`
		Resources map[string]struct {
			Type           string     `yaml:"Type"`
			DeletionPolicy string     `yaml:"DeletionPolicy"`
			ReplacePolicy  string     `yaml:"UpdateReplacePolicy"`
			Properties     properties `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &template))
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	alarmed := func(function, metric string) bool {
		for _, r := range template.Resources {
			p := r.Properties
			if r.Type != "AWS::CloudWatch::Alarm" || p["MetricName"] != metric || p["TreatMissingData"] != "notBreaching" || p["ComparisonOperator"] == nil {
				continue
			}
			dimensions, _ := p["Dimensions"].([]any)
			if function == "" && len(dimensions) == 0 || slices.ContainsFunc(dimensions, func(d any) bool { return d.(properties)["Value"] == function }) {
				return true
			}
		}
		return false
	}
	demand(template.Globals.Function.Alias == "live", "functions publish no alias")
	demand(template.Parameters["StoreEndpoint"].Default == "" && template.Globals.Function.Environment.Variables["AWS_ENDPOINT_URL_DYNAMODB"] == "StoreEndpoint", "StoreEndpoint reaches no function")
	demand(template.Parameters["DeletionProtection"].Default == "true", "a forgotten parameter leaves the table unprotected")

	timeouts := map[string]int{} // of functions, in milliseconds
	for id, r := range template.Resources {
		p := r.Properties
		switch r.Type {
		case "AWS::Serverless::Function":
			memory := 256
			if strings.HasPrefix(id, "RecordObservations") {
				memory = 512
			}
			timeouts[id], _ = p["Timeout"].(int)
			timeouts[id] *= 1000
			demand(p["MemorySize"] == memory, "%s: has not %d MB", id, memory)
			demand(p["AutoPublishAliasAllProperties"] == true, "%s: a change of memory does not reach the alias", id)
			demand(alarmed(id, "Throttles"), "%s: no alarm on Throttles", id)
			if id == "AuthorizeRequestFunction" { // a bad token is an error of it
				demand(!alarmed(id, "Errors") && alarmed("", "AuthorizerInternalErrors"), "%s: not its own errors alone are alarmed", id)
				continue
			}
			demand(alarmed(id, "Errors"), "%s: no alarm on Errors", id)
		case "AWS::Logs::LogGroup":
			demand(p["RetentionInDays"] == "LogRetentionDays", "%s: keeps its lines for ever", id)
			demand(r.DeletionPolicy != "" && r.ReplacePolicy != "", "%s: no policy for its end", id)
		case "AWS::DynamoDB::Table":
			demand(strings.HasPrefix(r.DeletionPolicy, "Retain") && r.ReplacePolicy == "Retain", "%s: data goes with the stack", id)
			demand(p["DeletionProtectionEnabled"] == "DeletionProtection", "%s: no deletion protection", id)
			recovery, _ := p["PointInTimeRecoverySpecification"].(properties)
			demand(recovery["PointInTimeRecoveryEnabled"] == true, "%s: no recovery", id)
			ttl, _ := p["TimeToLiveSpecification"].(properties)
			demand(ttl["Enabled"] == true && ttl["AttributeName"] == "expires", "%s: nothing ever expires", id)
		case "AWS::IAM::Role":
			policies, _ := yaml.Marshal(p["Policies"])
			demand(!strings.Contains(string(policies), "dynamodb:*") && !strings.Contains(string(policies), "Action: '*'"), "%s: actions are not exact", id)
		}
	}
	api := template.Resources["Api"].Properties
	access, _ := api["AccessLogSetting"].(properties)
	format, _ := access["Format"].(string)
	demand(strings.Contains(format, "$context.extendedRequestId") && !strings.Contains(strings.ToLower(format), "header.authorization"), "Api: no safe access log")
	body := api["DefinitionBody"].(properties)
	for path, methods := range body["paths"].(properties) {
		for method, operation := range methods.(properties) {
			integration := operation.(properties)["x-amazon-apigateway-integration"].(properties)
			if integration["type"] == "http_proxy" {
				continue
			}
			limit, _ := integration["timeoutInMillis"].(int)
			_, after, _ := strings.Cut(integration["uri"].(string), "functions/${")
			function, alias, _ := strings.Cut(after, ".Arn}")
			demand(strings.HasPrefix(alias, ":live/"), "%s %s: does not call the alias", method, path)
			demand(timeouts[function] > 0 && timeouts[function] < limit && limit < 29_000, "%s %s: function %d ms, gateway %d ms", method, path, timeouts[function], limit)
		}
	}
	for name, r := range body["x-amazon-apigateway-gateway-responses"].(properties) {
		response := r.(properties)
		parameters, _ := response["responseParameters"].(properties)
		templates, _ := response["responseTemplates"].(properties)
		text, _ := templates["application/json"].(string)
		demand(parameters["gatewayresponse.header.Content-Type"] == "'application/problem+json'" && strings.Contains(text, `"type":"urn:problem-type:pricing:`), "%s: is no problem document", name)
		for _, header := range []string{"x-request-id", "x-correlation-id"} {
			demand(parameters["gatewayresponse.header."+header] != nil, "%s: without %s", name, header)
		}
		status, _ := response["statusCode"].(int)
		demand(status != 429 && status != 503 || parameters["gatewayresponse.header.Retry-After"] != nil, "%s: without Retry-After", name)
		demand(status == 0 || strings.Contains(text, fmt.Sprintf(`"status":%d,`, status)), "%s: its body tells another status", name)
	}
	return wrong
}

// TestProject holds this project's template to what it promises; a template broken in one place must show it.
func TestProject(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	text := string(file)
	require.Empty(t, missing(t, text))

	tests := map[string]struct{ old, broken, want string }{
		"no alias":                     {"AutoPublishAlias: live", "Description: x", "functions publish no alias"},
		"an alias that lags":           {"AutoPublishAliasAllProperties: true", "AutoPublishAliasAllProperties: false", "does not reach the alias"},
		"past the alias":               {"Function.Arn}:live/", "Function.Arn}/", "does not call the alias"},
		"no other engine":              {"AWS_ENDPOINT_URL_DYNAMODB: !Ref StoreEndpoint", "X: x", "StoreEndpoint reaches no function"},
		"another memory":               {"MemorySize: 512", "MemorySize: 128", "has not 512 MB"},
		"a function slower":            {"Timeout: 27", "Timeout: 29", "function 29000 ms, gateway 28500 ms"},
		"a gateway slower":             {"timeoutInMillis: 28500", "timeoutInMillis: 29000", "gateway 29000 ms"},
		"an alarm less":                {"MetricName: Throttles", "MetricName: Duration", "no alarm on Throttles"},
		"an alarm on silence":          {"TreatMissingData: notBreaching", "TreatMissingData: breaching", "no alarm on Errors"},
		"an alarm that anyone rings":   {"MetricName: AuthorizerInternalErrors\n      Statistic", "MetricName: Errors\n      Statistic", "not its own errors alone"},
		"a table that goes":            {"DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Delete", "data goes with the stack"},
		"a table unprotected":          {"DeletionProtectionEnabled: !Ref DeletionProtection", "TableClass: STANDARD", "no deletion protection"},
		"a table without recovery":     {"PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false", "no recovery"},
		"a table without expiry":       {"AttributeName: expires, Enabled: true", "AttributeName: expires, Enabled: false", "nothing ever expires"},
		"logs for ever":                {"RetentionInDays: !Ref LogRetentionDays", "KmsKeyId: x", "keeps its lines for ever"},
		"any action":                   {"Action: [dynamodb:GetItem, dynamodb:PutItem]", "Action: ['dynamodb:*']", "actions are not exact"},
		"no access log":                {"AccessLogSetting:", "Ignored:", "no safe access log"},
		"a refusal in another form":    {"'application/problem+json'", "'application/json'", "is no problem document"},
		"a refusal of another status":  {`"status":429`, `"status":430`, "tells another status"},
		"throttled, no word when":      {`gatewayresponse.header.Retry-After: "'1'"`, "x: x", "without Retry-After"},
		"a refusal nobody can look up": {"gatewayresponse.header.x-request-id: context.requestId", "x: x", "without x-request-id"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text, tt.old)
			assert.Contains(t, strings.Join(missing(t, strings.Replace(text, tt.old, tt.broken, 1)), "\n"), tt.want)
		})
	}
}

// TestProject_Environments: only production, the one whose data is worth it, refuses to lose its table.
func TestProject_Environments(t *testing.T) {
	t.Parallel()
	environments, err := readEnvironments("../../samconfig.toml")
	require.NoError(t, err)
	for name, want := range map[string]string{"dev": "false", "integ": "false", "prod": ""} { // "" is the template's default, true
		assert.Contains(t, environments, name)
		assert.Equal(t, want, environments[name]["DeletionProtection"], name)
		assert.Equal(t, name, environments[name]["DeployEnv"])
	}
}

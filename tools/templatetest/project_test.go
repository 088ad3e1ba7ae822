package templatetest

import (
	"cmp"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/samkit/samconfig"
	"pricing/shared/price"
)

type properties = map[string]any

// missing lists what this project alone asks of its template and does not find. What any template needs is a rule of the
// verifier. Intrinsic functions are read as their argument: !Ref Table is the text Table.
func missing(t *testing.T, text string) (wrong []string) {
	t.Helper()
	var template struct {
		Parameters map[string]struct {
			Default any `yaml:"Default"`
		} `yaml:"Parameters"`
		Globals struct {
			Function struct {
				MemorySize    int        `yaml:"MemorySize"`
				LoggingConfig properties `yaml:"LoggingConfig"`
				Environment   struct {
					Variables properties `yaml:"Variables"`
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
	variables := template.Globals.Function.Environment.Variables
	demand(template.Parameters["StoreEndpoint"].Default == "" && variables["AWS_ENDPOINT_URL_DYNAMODB"] == "StoreEndpoint",
		"StoreEndpoint reaches no function")
	demand(template.Parameters["DeletionProtection"].Default == "true", "a forgotten parameter leaves the table unprotected")
	for id, condition := range map[string]string{
		"AuthorizeRequestFunction": "ReservesForAuthorizer AuthorizerConcurrency", "GetHealthFunction": "ReservesForHealth HealthConcurrency",
		"ForwardLogsFunction": "ReservesForForwarder LogstashConcurrency",
	} {
		demand(fmt.Sprint(template.Resources[id].Properties["ReservedConcurrentExecutions"]) == "["+condition+" AWS::NoValue]",
			"%s: a reservation could not be added later, since the text would change and the version would not", id)
	}
	global := template.Globals.Function
	demand(global.MemorySize == 256, "the functions have not 256 MB")
	demand(global.LoggingConfig["LogFormat"] == "JSON" && global.LoggingConfig["ApplicationLogLevel"] == "INFO",
		"metrics are lost with the lines that are not logged")
	for id, r := range template.Resources {
		p := r.Properties
		switch r.Type {
		case "AWS::Serverless::Function":
			want, own := memory[id]
			demand(!own && p["MemorySize"] == nil || own && p["MemorySize"] == want, "%s: has not %d MB", id, cmp.Or(want, 256))
			logging, _ := p["LoggingConfig"].(properties)
			level, all := logging["SystemLogLevel"] // Lambda's reports of all calls, where memory was chosen by what they handle
			demand(logging["LogGroup"] != nil && (!all && len(logging) == 1 || level == "INFO" && len(logging) == 2),
				"%s: logs otherwise than the rest", id)
			demand(own == all, "%s: its memory was chosen, and nobody sees how much it uses, or the reverse", id)
		case "AWS::Logs::LogGroup":
			demand(p["RetentionInDays"] == "LogRetentionDays", "%s: another retention than the environment's", id)
			demand(r.DeletionPolicy != "" && r.ReplacePolicy != "", "%s: no policy for its end", id)
		case "AWS::DynamoDB::Table":
			ttl, _ := p["TimeToLiveSpecification"].(properties)
			demand(ttl["Enabled"] == true && ttl["AttributeName"] == "expires", "%s: nothing ever expires", id)
		}
	}
	settings := template.Resources["Api"].Properties["MethodSettings"].([]any)
	for _, name := range []string{"MetricsEnabled", "LoggingLevel", "DataTraceEnabled"} {
		for _, s := range settings {
			demand(s.(properties)[name] == settings[0].(properties)[name], "%s: a method inherits nothing", name)
		}
	}
	demand(settings[0].(properties)["MetricsEnabled"] == false, "metrics of each method are billed, and nothing reads them")
	body := template.Resources["Api"].Properties["DefinitionBody"].(properties)
	for name, r := range body["x-amazon-apigateway-gateway-responses"].(properties) {
		response := r.(properties)
		parameters, _ := response["responseParameters"].(properties)
		templates, _ := response["responseTemplates"].(properties)
		text, _ := templates["application/json"].(string)
		problem := parameters["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
		demand(problem && strings.Contains(text, `"type":"urn:problem-type:pricing:`), "%s: is not a problem document", name)
		for header, value := range map[string]string{
			"x-request-id": "context.extendedRequestId", "x-correlation-id": "method.request.header.x-correlation-id",
			"X-Content-Type-Options": "'nosniff'", "Cache-Control": "'no-store'",
		} {
			demand(parameters["gatewayresponse.header."+header] == value, "%s: without %s: %s", name, header, value)
		}
		demand(strings.Contains(text, `"instance":"$context.extendedRequestId"`), "%s: its instance is not the id of the log", name)
		status, _ := response["statusCode"].(int)
		demand(status != 429 && status != 503 || parameters["gatewayresponse.header.Retry-After"] != nil, "%s: without Retry-After", name)
		told := `"status":`
		if status != 0 {
			told = fmt.Sprintf(`"status":%d,`, status)
		}
		demand(strings.Contains(text, told) == (status != 0), "%s: its body tells another status", name)
	}
	components := body["components"].(properties)
	for name, m := range components["schemas"].(properties) {
		model := m.(properties)
		shape := model["additionalProperties"] == nil
		var lists []any
		for property, p := range model["properties"].(properties) {
			switch p.(properties)["type"] {
			case nil:
			case "array":
				lists = append(lists, property)
			default:
				shape = false
			}
		}
		shape = shape && fmt.Sprint(lists) == fmt.Sprint(anyList(model["required"]))
		demand(shape, "%s: the gateway refuses what the function would name", name)
	}
	return wrong
}

// memory is, in MB, what functions have that need more than the rest, those that fold much at once, or less.
var memory = map[string]int{
	"RecordObservationsFunction": 512, "QueryOffersFunction": 512, "PutProductsFunction": 512, "GetSummaryFunction": 512,
	"QuerySummariesFunction": 512, "ReconcileBoardsFunction": 1024, "ForwardLogsFunction": 128,
}

// TestProject holds this project's template to what it promises; a template broken in one place must show it.
func TestProject(t *testing.T) {
	t.Parallel()
	text := readFile(t, templateFile)
	require.Empty(t, missing(t, text))

	tests := map[string]struct{ old, broken, want string }{
		"no other engine":            {"AWS_ENDPOINT_URL_DYNAMODB: !Ref StoreEndpoint", "X: x", "StoreEndpoint reaches no function"},
		"a forgotten protection":     {"Default: \"true\"", "Default: \"false\"", "leaves the table unprotected"},
		"another memory":             {"MemorySize: 512", "MemorySize: 128", "has not 512 MB"},
		"less memory for a history":  {"MemorySize: 1024", "MemorySize: 256", "has not 1024 MB"},
		"another memory for all":     {"MemorySize: 256", "MemorySize: 128", "have not 256 MB"},
		"logs kept otherwise":        {"RetentionInDays: !Ref LogRetentionDays", "RetentionInDays: 7", "another retention"},
		"logs without an end":        {"    DeletionPolicy: Delete\n", "", "no policy for its end"},
		"lines of requests left out": {"ApplicationLogLevel: INFO", "ApplicationLogLevel: WARN", "metrics are lost"},
		"lines of another form":      {"LogFormat: JSON", "LogFormat: Text", "metrics are lost"},
		"a table without expiry":     {"expires, Enabled: true", "expires, Enabled: false", "nothing ever expires"},
		"no reservation yet": {
			"      ReservedConcurrentExecutions: !If [ReservesForHealth, !Ref HealthConcurrency, !Ref AWS::NoValue] # see Globals\n", "",
			"GetHealthFunction: a reservation could not be added",
		},
		"another's reservation": {
			"!If [ReservesForAuthorizer, !Ref AuthorizerConcurrency", "!If [ReservesForHealth, !Ref HealthConcurrency",
			"AuthorizeRequestFunction: a reservation could not be added",
		},
		"a method of other settings": {
			"ThrottlingBurstLimit: 40\n          MetricsEnabled: false\n", "ThrottlingBurstLimit: 40\n", "MetricsEnabled: a method inherits",
		},
		"metrics of each method":       {"MetricsEnabled: false", "MetricsEnabled: true", "and nothing reads them"},
		"a refusal in another form":    {"'application/problem+json'", "'application/json'", "is not a problem document"},
		"a refusal of another status":  {`"status":429`, `"status":430`, "tells another status"},
		"throttled, no word when":      {`gatewayresponse.header.Retry-After: "'1'"`, "x: x", "without Retry-After"},
		"a refusal nobody can look up": {"gatewayresponse.header.x-request-id: context.extendedRequestId", "x: x", "without x-request-id"},
		"an id that clients choose":    {`"$context.extendedRequestId","errors"`, `"$context.requestId","errors"`, "is not the id of the log"},
		"a status of many":             {`"title":"Forbidden",` + "\n", `"title":"Forbidden","status":403,` + "\n", "4XX: its body tells"},
		"a refusal to be kept":         {`gatewayresponse.header.Cache-Control: "'no-store'"`, "x: x", "without Cache-Control"},
		"a refusal to be guessed at":   {`gatewayresponse.header.X-Content-Type-Options: "'nosniff'"`, "x: x", "without X-Content-Type-Options"},
		"a field the gateway asks for": {"required: [observations]", "required: [observations, defaults]", "Batch: the gateway refuses"},
		"a member it does not know":    {"required: [observations]", "additionalProperties: false", "Batch: the gateway refuses"},
		"a type that it asks for":      {"observations: {type: array, ", "observations: {type: object, ", "Batch: the gateway refuses"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text, tt.old)
			assert.Contains(t, strings.Join(missing(t, strings.Replace(text, tt.old, tt.broken, 1)), "\n"), tt.want)
		})
	}
}

// TestProject_Paths: a path of its own hides the product or competitor of that name from the path of all, so none may be called so.
func TestProject_Paths(t *testing.T) {
	t.Parallel()
	valid := map[string]func(string) bool{"products": price.CheckProductID, "competitors": price.CheckCompetitorID}
	paths := regexp.MustCompile(`(?m)^ +/v1/(products|competitors)/([A-Za-z0-9._-]+)[:/]`).FindAllStringSubmatch(readFile(t, templateFile), -1)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		assert.False(t, valid[path[1]](path[2]), path[0])
	}
}

// TestProject_Access: an environment of others than developers says who may call its API, or is refused before anything is made. As
// the repository leaves it, nobody has said so.
func TestProject_Access(t *testing.T) {
	t.Parallel()
	const say, replace = "Say who may call the API. Set VpcEndpointId or AllowedSourceIps, or Public=true if anybody may.",
		"Replace Public=undecided."
	tests := map[string]struct {
		parameters map[string]string
		want       []string
	}{
		"nothing":                {nil, []string{say}},
		"dev":                    {map[string]string{"DeployEnv": "dev"}, nil},
		"a developer's own":      {map[string]string{"DeployEnv": "anna"}, []string{say}},
		"public":                 {map[string]string{"Public": "true"}, nil},
		"not public":             {map[string]string{"Public": "false"}, []string{say}},
		"undecided":              {map[string]string{"Public": "undecided"}, []string{say, replace}},
		"undecided and private":  {map[string]string{"Public": "undecided", "VpcEndpointId": "vpce-0abc"}, []string{replace}},
		"private":                {map[string]string{"VpcEndpointId": "vpce-0abc"}, nil},
		"some addresses":         {map[string]string{"AllowedSourceIps": "10.0.0.0/8,192.0.2.0/24"}, nil},
		"a list without members": {map[string]string{"AllowedSourceIps": ""}, []string{say}},
		"a list of nothing":      {map[string]string{"AllowedSourceIps": ", "}, []string{say}},
	}
	template := []byte(readFile(t, templateFile))
	for name, tt := range tests {
		parameters := map[string]string{"DeployEnv": "integ"}
		maps.Copy(parameters, tt.parameters)
		got, err := samconfig.Refused(template, parameters)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got, name)
	}
	environments, err := samconfig.Read(configFile)
	require.NoError(t, err)
	for name, e := range environments {
		refused, err := samconfig.Refused(template, e.Parameters)
		require.NoError(t, err)
		if name == "dev" {
			assert.Empty(t, refused)
			continue
		}
		assert.Equal(t, []string{"Public"}, e.Undecided(), name)
		assert.NotEmpty(t, refused, name)
	}
}

// TestProject_Canaries: deploy.sh finds in the template every alarm that stops a canary. It reads the text, with sed.
func TestProject_Canaries(t *testing.T) {
	t.Parallel()
	script := readFile(t, "../../ops/pipeline/deploy.sh")
	expression := regexp.MustCompile(`guards=\$\(sed -n '([^']+)'`).FindStringSubmatch(script)
	require.NotNil(t, expression)
	found, err := exec.Command("sed", "-n", expression[1], templateFile).Output()
	require.NoError(t, err)
	var template struct {
		Resources map[string]struct {
			Properties struct {
				DeploymentPreference struct {
					Alarms []string `yaml:"Alarms"`
				} `yaml:"DeploymentPreference"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, templateFile)), &template))
	var want []string
	for _, r := range template.Resources {
		want = append(want, r.Properties.DeploymentPreference.Alarms...)
	}
	require.NotEmpty(t, want)
	assert.ElementsMatch(t, want, regexp.MustCompile(`\w+Alarm\b`).FindAllString(string(found), -1))
}

// TestProject_Throttles: what a method lets through is more than the spike, of one client too, and no client can have all of it.
func TestProject_Throttles(t *testing.T) {
	t.Parallel()
	const spike = 700 // observations a second, each a request of its own
	var template struct {
		Parameters map[string]struct {
			Default string `yaml:"Default"`
		} `yaml:"Parameters"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, templateFile)), &template))
	environments, err := samconfig.Read(configFile)
	require.NoError(t, err)
	prod := environments["prod"].Parameters
	value := func(name string) float64 {
		n, err := strconv.ParseFloat(cmp.Or(prod[name], template.Parameters[name].Default), 64)
		require.NoError(t, err, name)
		return n
	}
	assert.Greater(t, value("ThrottleRate"), 1.2*spike)
	assert.GreaterOrEqual(t, value("ThrottleBurst"), float64(spike))
	assert.Greater(t, value("ClientRateLimit")/60, float64(spike))
	assert.LessOrEqual(t, value("ClientRateLimit")/60, value("ThrottleRate")/2)
	assert.Positive(t, value("AuthorizerConcurrency"))
	assert.Positive(t, value("HealthConcurrency"))
}

// TestProject_Environments: only production, the one whose data is worth it, refuses to lose its table.
func TestProject_Environments(t *testing.T) {
	t.Parallel()
	environments, err := samconfig.Read(configFile)
	require.NoError(t, err)
	for name, want := range map[string]string{"dev": "false", "integ": "false", "prod": ""} { // "" is the template's default, true
		assert.Contains(t, environments, name)
		assert.Equal(t, want, environments[name].Parameters["DeletionProtection"], name)
		assert.Equal(t, name, environments[name].Parameters["DeployEnv"])
	}
}

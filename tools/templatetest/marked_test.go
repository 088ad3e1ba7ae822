package templatetest

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/samconfig"
	"pricing/samkit/verify/lint"
)

// TestMarked: a parameter's new value reaches those it is for. In the template as it is deployed, SAM makes another version
// of each function and another deployment of the API when one of their parameters changes, and none when another does.
func TestMarked(t *testing.T) {
	t.Parallel()
	template := []byte(readFile(t, templateFile))
	values := map[string]string{
		"HistoryDays": "7", "StoreEndpoint": "https://db.example.com", "TrustStore": "system",
		"AuthorizerTtlSeconds": "5", "LegacyUrl": "https://old.example.com", "LegacyAuthorization": "Basic c2VjcmV0",
		"LegacyPaths":   "orders/*",
		"VpcEndpointId": "vpce-0abc", "AllowedSourceIps": "10.0.0.0/8",
		"ExistingTable": "pricing-dev-restored", "DomainName": "prices.example.com",
		"": "", "LogRetentionDays": "7", "ThrottleRate": "7", "GradualDeployments": "true", "AlarmEndpoint": "a@example.com",
		"ClientRateLimit": "10", "AuthorizerConcurrency": "7", "HealthConcurrency": "7", "Public": "true",
		"PrewarmSchedule": "05:45-07:00@Europe/Berlin", "PrewarmEnvironments": "42", "PrewarmBatchEnvironments": "5",
		"WarmReadUnits": "24000", "WarmWriteUnits": "8000",
		"LogstashConcurrency": "7", "LogstashUrl": "https://logstash.example.com", "LogstashSecret": "pricing-dev-logstash",
	}
	// Lambda would refuse a version for a new reservation: it is not a version's own.
	reachNobody := []string{
		"", "LogRetentionDays", "ThrottleRate", "GradualDeployments", "AlarmEndpoint",
		"ClientRateLimit", "AuthorizerConcurrency", "HealthConcurrency", "Public",
		"PrewarmSchedule", "PrewarmEnvironments", "PrewarmBatchEnvironments", "WarmReadUnits", "WarmWriteUnits",
		"LogstashConcurrency",
	}
	var requests []lint.Request
	var names []string
	for name, value := range values {
		parameters := map[string]string{"DeployEnv": "dev"}
		if name != "" {
			parameters[name] = value
		}
		text, err := samconfig.Marked(template, parameters)
		require.NoError(t, err)
		names = append(names, name)
		requests = append(requests, lint.Request{Template: string(text), Parameters: parameters})
		if secret, err := samconfig.Marked(template, parameters); name == "LegacyAuthorization" {
			require.NoError(t, err)
			assert.NotEqual(t, string(text), string(secret), "a secret can be guessed from a hash of it alone")
		}
	}
	published := regexp.MustCompile(`^(.*)(Version|Deployment)[0-9a-f]{10}$`)
	ids := map[string][]string{}
	transformed, err := python(t).Transform(t.Context(), requests)
	require.NoError(t, err)
	for i, text := range transformed {
		var stack struct {
			Resources map[string]json.RawMessage
		}
		require.NoError(t, json.Unmarshal(text, &stack))
		for id := range stack.Resources {
			if published.MatchString(id) {
				ids[names[i]] = append(ids[names[i]], id)
			}
		}
		slices.Sort(ids[names[i]])
		assert.Len(t, ids[names[i]], len(functionFolders(t))+1, "a version of each function, and a deployment")
	}
	for name, got := range ids {
		if slices.Contains(reachNobody, name) {
			assert.Equal(t, ids[""], got, name)
			continue
		}
		for _, id := range got {
			assert.NotContains(t, ids[""], id, name)
		}
	}
}

package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/internal/samconfig"
	"pricing/samkit/verify/rules"
)

// TestMarked: a parameter's new value reaches whom it is for. SAM makes another version of each function and another
// deployment of the API when it is one of theirs, as the template is deployed, and none when it is not.
func TestMarked(t *testing.T) {
	t.Parallel()
	needPython(t)
	template, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	values := map[string]string{
		"HistoryDays": "7", "StoreEndpoint": "https://db.example.com", "TrustStore": "system",
		"AuthorizerTtlSeconds": "5", "LegacyUrl": "https://old.example.com", "LegacyAuthorization": "Basic c2VjcmV0",
		"VpcEndpointId": "vpce-0abc", "AllowedSourceIps": "10.0.0.0/8",
		"": "", "LogRetentionDays": "7", "ThrottleRate": "7", "GradualDeployments": "true", "AlarmEndpoint": "a@example.com",
	}
	reachNobody := []string{"", "LogRetentionDays", "ThrottleRate", "GradualDeployments", "AlarmEndpoint"}
	var all []deployable
	var names []string
	for name, value := range values {
		parameters := map[string]string{"DeployEnv": "dev"}
		if name != "" {
			parameters[name] = value
		}
		text, err := samconfig.Marked(template, parameters)
		require.NoError(t, err)
		names = append(names, name)
		all = append(all, deployable{string(text), map[string]rules.Environment{"dev": {Parameters: parameters}}})
		if secret, err := samconfig.Marked(template, parameters); name == "LegacyAuthorization" {
			require.NoError(t, err)
			assert.NotEqual(t, string(text), string(secret), "a hash of a secret alone tells it to who guesses")
		}
	}
	published := regexp.MustCompile(`^(.*)(Version|Deployment)[0-9a-f]{10}$`)
	ids := map[string][]string{}
	for i, environments := range transformAll(t, all) {
		var stack struct {
			Resources map[string]json.RawMessage
		}
		require.NoError(t, json.Unmarshal(environments["dev"].Transformed, &stack))
		for id := range stack.Resources {
			if published.MatchString(id) {
				ids[names[i]] = append(ids[names[i]], id)
			}
		}
		slices.Sort(ids[names[i]])
		assert.Len(t, ids[names[i]], 9, "eight versions and a deployment")
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

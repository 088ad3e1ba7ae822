package forward

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + file)
	require.NoError(t, err)
	return string(text)
}

// TestLogstash: what stands under ops/logstash names the members that documents have, and takes them as they are meant.
func TestLogstash(t *testing.T) {
	t.Parallel()
	var index struct {
		Template struct {
			Mappings struct {
				Properties map[string]struct{ Type string }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "ops/logstash/index-template.json")), &index))
	properties := index.Template.Mappings.Properties
	for _, member := range []string{memberTime, memberGroup, memberStream, memberMessage, memberBody, memberProblem, memberBytes} {
		assert.Contains(t, properties, member)
	}
	assert.NotContains(t, properties, memberID, "Elasticsearch refuses a document with it")
	assert.Equal(t, "flattened", properties[memberBody].Type, "its names are not ours")
	var whole []string
	for name, p := range properties {
		if slices.Contains([]string{"integer", "long"}, p.Type) && name != memberBytes {
			whole = append(whole, name)
		}
	}
	assert.ElementsMatch(t, numbers, whole)

	pipeline := read(t, "ops/logstash/pipeline.conf")
	for _, want := range []string{
		`codec => json_lines`, `rename => { "` + memberID + `" => "[@metadata][_id]" }`, `document_id => "%{[@metadata][_id]}"`,
		`action => "create"`, `if [@metadata][_id] {`,
	} {
		assert.Contains(t, pipeline, want)
	}
	assert.Regexp(t, `(?m)^queue\.type: persisted`, read(t, "ops/logstash/logstash.yml"))
}

// TestNumbers: they are members of the access log, and no other of its members is a count or a time.
func TestNumbers(t *testing.T) {
	t.Parallel()
	format := regexp.MustCompile(`(?s)Format: '(\{.*?\})'`).FindStringSubmatch(read(t, "template.yaml"))
	require.NotNil(t, format)
	var found []string
	for _, m := range regexp.MustCompile(`"(\w+)":"\$context\.([\w.]+)"`).FindAllStringSubmatch(format[1], -1) {
		if regexp.MustCompile(`(?i)(status|latency|length)$`).MatchString(m[2]) {
			found = append(found, m[1])
		}
	}
	assert.ElementsMatch(t, numbers, found)
	assert.Regexp(t, `LogGroupName: !Sub `+accessLog+`pricing-\$\{DeployEnv\}\n`, read(t, "template.yaml"))
}

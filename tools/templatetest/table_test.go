package templatetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/samkit/samconfig"
	"pricing/samkit/verify/rules"
)

// TestExistingTable: with ExistingTable everything that names the table names that one, and the stack's own stays as it is. No environment
// has it in samconfig.toml, where a rollback to an older commit would lose it.
func TestExistingTable(t *testing.T) {
	t.Parallel()
	const restored = "pricing-dev-restored"
	template := readFile(t, templateFile)
	own := map[string]string{"DeployEnv": "dev"}
	other := map[string]string{"DeployEnv": "dev", "ExistingTable": restored}
	transformed := transform(t, template, own, other)
	project, err := rules.New([]byte(template), map[string]rules.Environment{
		"own1": {Parameters: own, Transformed: transformed[0]}, "restored1": {Parameters: other, Transformed: transformed[1]},
	})
	require.NoError(t, err)
	count := map[string]int{}
	for _, d := range project.Differences("own1", "restored1") {
		place := strings.Join(d.Path, ".")
		require.Contains(t, d.B, restored, place)
		require.NotEqual(t, "Table", d.Path[1], place)
		for _, kind := range []string{"PolicyDocument", "Variables.TABLE_NAME", "Dimensions", "Outputs.TableName"} {
			if strings.Contains(place, kind) {
				count[kind]++
			}
		}
	}
	uses := func(text string) int { return strings.Count(template, text) }
	functions := len(functionFolders(t)) - len(withoutTable)
	assert.Equal(t, map[string]int{
		"PolicyDocument": functions + 3, "Variables.TABLE_NAME": functions, "Dimensions": uses("Name: TableName,"), "Outputs.TableName": 1,
	}, count)
	assert.Equal(t, functions+2, uses(`table/${ExistingTable}", !GetAtt Table.Arn]`), "each use of the own table has the other beside it")
	assert.Equal(t, functions+2, uses("!GetAtt Table.Arn"))
	for _, m := range project.Check() {
		assert.NotContains(t, []string{"alarm-dimension", "iam-resource"}, m.Rule.Name, m.What)
	}

	environments, err := samconfig.Read(configFile)
	require.NoError(t, err)
	for name, e := range environments {
		assert.NotContains(t, e.Parameters, "ExistingTable", name)
	}
}

// TestTableScript: what ops/pipeline/table.sh sets is what the template says of the stack's own table.
func TestTableScript(t *testing.T) {
	t.Parallel()
	script := readFile(t, "../../ops/pipeline/table.sh")
	table, err := engine.OnlyTable("../..")
	require.NoError(t, err)
	require.Len(t, table.Create.GlobalSecondaryIndexes, 1)
	var keys []string
	for _, k := range table.Create.KeySchema {
		keys = append(keys, *k.AttributeName)
	}
	assert.Contains(t, script, "[[ $keys == "+strings.Join(keys, ",")+" ]]")
	index := table.Create.GlobalSecondaryIndexes[0]
	projection := string(index.Projection.ProjectionType)
	assert.Contains(t, script, `"IndexName": "`+*index.IndexName+`", "Projection": {"ProjectionType": "`+projection+`"}`)
	assert.Contains(t, script, "[?IndexName=='"+*index.IndexName+"']")
	var schema []string
	for _, k := range index.KeySchema {
		schema = append(schema, fmt.Sprintf(`{"AttributeName": %q, "KeyType": %q}`, *k.AttributeName, k.KeyType))
	}
	assert.Contains(t, script, `"KeySchema": [`+strings.Join(schema, ", ")+`]`)
	const ttl = "TimeToLiveSpecification: {AttributeName: expires, Enabled: true}"
	assert.Contains(t, readFile(t, templateFile), ttl)
	assert.Contains(t, script, "--time-to-live-specification Enabled=true,AttributeName=expires")
}

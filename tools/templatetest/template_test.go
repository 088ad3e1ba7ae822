package templatetest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/samkit/samconfig"
	"pricing/samkit/verify/lint"
	"pricing/samkit/verify/rules"
)

// Files of the project.
const (
	templateFile = "../../template.yaml"
	configFile   = "../../samconfig.toml"
	accountFile  = "../../ops/account.yaml"
	runbookFile  = "../../ops/runbook.md"
)

// readFile returns a file's text.
func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// withoutTable are the functions that have no table.
var withoutTable = []string{"ForwardLogs"}

// functionFolders lists the folders of the functions, one for each that the template must have.
func functionFolders(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob("../../functions/*")
	require.NoError(t, err)
	return folders
}

// python returns the Python that has cfn-lint and the SAM transform.
func python(t *testing.T) lint.Python {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	p, err := lint.Find(root)
	require.NoError(t, err)
	return p
}

// transform returns what the SAM transform makes of a template for each set of parameters.
func transform(t *testing.T, template string, parameters ...map[string]string) []json.RawMessage {
	t.Helper()
	var requests []lint.Request
	for _, p := range parameters {
		requests = append(requests, lint.Request{Template: template, Parameters: p})
	}
	transformed, err := python(t).Transform(t.Context(), requests)
	require.NoError(t, err)
	return transformed
}

// TestEnvironments: environments differ by their parameters alone. The parameters of dev, given another environment's
// name, deploy the same there.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	environments, err := samconfig.Read(configFile)
	require.NoError(t, err)
	template := readFile(t, templateFile)
	dev := environments["dev"].Parameters
	integ, prod := environments["integ"].Parameters, environments["prod"].Parameters
	asInteg, asProd := rules.Renamed(dev, "dev", "integ"), rules.Renamed(dev, "dev", "prod")
	all := []map[string]string{dev, asInteg, integ, asProd, prod}
	transformed := transform(t, template, all...)
	differences := func(other string, i int) []rules.Difference {
		project, err := rules.New([]byte(template), map[string]rules.Environment{
			"dev": {Parameters: dev, Transformed: transformed[0]},
			other: {Parameters: all[i], Transformed: transformed[i]},
		})
		require.NoError(t, err)
		return project.Differences("dev", other)
	}
	const byName = "what the name alone decides"
	assert.NotEqual(t, dev, asInteg)
	assert.Empty(t, differences("integ", 1), byName)
	assert.NotEmpty(t, differences("integ", 2))
	assert.Empty(t, differences("prod", 3), byName)
	assert.NotEmpty(t, differences("prod", 4))
}

package samconfig

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		give    string
		want    map[string]Environment
		wantErr string
	}{
		"two": {
			`version = 0.1
[dev.deploy.parameters]
stack_name = 'a-dev'
parameter_overrides = 'A=1  B= C=x=y'
[prod.deploy.parameters]
parameter_overrides = ['A=1 2', 'B=3']
[prod.build.parameters]
`,
			map[string]Environment{
				"dev":  {"a-dev", map[string]string{"A": "1", "B": "", "C": "x=y"}},
				"prod": {"", map[string]string{"A": "1 2", "B": "3"}},
			}, "",
		},
		"all by default": {"[dev.deploy.parameters]\nstack_name = 'a'\n", map[string]Environment{"dev": {"a", map[string]string{}}}, ""},
		"no value": {"[dev.deploy.parameters]\nparameter_overrides = 'A'\n", nil,
			"dev.deploy.parameters.parameter_overrides: A: write Name=value"},
		"quotes":        {"[dev.deploy.parameters]\nparameter_overrides = 'A=\"1'\n", nil, "without quotes"},
		"the long form": {"[dev.deploy.parameters]\nparameter_overrides = 'ParameterKey=A,ParameterValue=1'\n", nil, "write Name=value"},
		"twice":         {"[dev.deploy.parameters]\nparameter_overrides = 'A=1 A=2'\n", nil, "A is set twice"},
		"a number":      {"[dev.deploy.parameters]\nparameter_overrides = 7\n", nil, "neither text nor a list: 7"},
		"one begins another": {"[dev.deploy.parameters]\n[dev-two.deploy.parameters]\n[developer.deploy.parameters]\n", nil,
			"the environment dev-two begins with dev-, so the roles of dev would reach it"},
		"one is part of another": {"[dev.deploy.parameters]\n[developer.deploy.parameters]\n[two-dev.deploy.parameters]\n",
			map[string]Environment{
				"dev": {"", map[string]string{}}, "developer": {"", map[string]string{}}, "two-dev": {"", map[string]string{}},
			}, ""},
		"none":    {"version = 0.1\n", nil, "no environment has deploy.parameters"},
		"no TOML": {"[", nil, "samconfig.toml: toml"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "samconfig.toml")
			require.NoError(t, os.WriteFile(path, []byte(tt.give), 0o600))
			got, err := Read(path)
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
	_, err := Read(filepath.Join(t.TempDir(), "none"))
	require.ErrorContains(t, err, "read the environments")
}

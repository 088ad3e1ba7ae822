package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCompare: this project's environments differ by declared parameters only; parcels chooses much by the name alone.
func TestCompare(t *testing.T) {
	t.Parallel()
	needPython(t)
	tests := map[string]struct {
		template, a, b string
		undeclared     int
		want           []string
	}{
		"dev and prod":   {"../../template.yaml", "dev", "prod", 0, []string{"Resources.Table.Properties.DeletionProtectionEnabled: dev false, prod true", "Resources.CodeDeployServiceRole: dev -, prod {Properties, Type}"}},
		"dev and integ":  {"../../template.yaml", "dev", "integ", 0, []string{"Resources.ApiAccessLogGroup.Properties.RetentionInDays: dev 7, integ 14"}},
		"test and prod":  {parcels, "test", "prod", 7, []string{"by the name alone: Resources.Plan.Properties.Quota.Limit: test 1000, prod 100000"}},
		"the same twice": {parcels, "prod", "prod", 0, []string{"0 differences, 0 of them declared by no parameter"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			undeclared, err := compare(t.Context(), tt.template, tt.a, tt.b, &out, &out)
			require.NoError(t, err)
			assert.Equal(t, tt.undeclared, undeclared, out.String())
			for _, line := range tt.want {
				assert.Contains(t, strings.Split(out.String(), "\n"), line)
			}
		})
	}
}

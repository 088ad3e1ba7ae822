package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCompare: parcels chooses much by the environment's name alone.
func TestCompare(t *testing.T) {
	t.Parallel()
	python(t)
	tests := map[string]struct {
		b          string
		undeclared int
		want       []string
	}{
		"test": {"test", 7, []string{
			"by the name alone: Resources.Plan.Properties.Quota.Limit: prod 100000, test 1000",
			"Resources.Api.Properties.Body.components.securitySchemes.Badge.x-amazon-apigateway-authorizer." +
				"authorizerResultTtlInSeconds: prod 60, test 300",
		}},
		"itself": {"prod", 0, []string{"0 differences, 0 of them declared by no parameter"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			undeclared, err := compare(t.Context(), parcels, "prod", tt.b, &out, &out)
			require.NoError(t, err)
			assert.Equal(t, tt.undeclared, undeclared, out.String())
			for _, line := range tt.want {
				assert.Contains(t, strings.Split(out.String(), "\n"), line)
			}
		})
	}
}

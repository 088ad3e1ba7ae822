package main

import (
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// TestMerge_UpToDate: the committed document is what the two halves make, and valid with all its examples.
func TestMerge_UpToDate(t *testing.T) {
	t.Parallel()
	c, tpl, err := read(os.DirFS(root))
	require.NoError(t, err)
	assert.Empty(t, differences(c, tpl))
	want, err := merge(c, tpl)
	require.NoError(t, err)
	got, err := os.ReadFile(root + "/" + mergedFile)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run `make docs` and commit %s", mergedFile)

	document, err := openapi3.NewLoader().LoadFromData(got)
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context(), openapi3.EnableExamplesValidation()))
}

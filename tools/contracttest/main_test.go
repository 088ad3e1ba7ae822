package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	t.Chdir("../..")
	err := run(t.Context(), []string{"-token-file", filepath.Join(t.TempDir(), "none")}, io.Discard)
	require.ErrorContains(t, err, "read the token")
	require.ErrorIs(t, run(t.Context(), []string{"-tokenfile", "x"}, io.Discard), flag.ErrHelp)
}

// TestWriteStrict: what a reader must accept and the API does not send is refused by the document that is asked for.
func TestWriteStrict(t *testing.T) {
	t.Chdir("../..")
	file := filepath.Join(t.TempDir(), document)
	require.NoError(t, writeStrict(file))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"additionalProperties":false,"description":"The current state of one offer key."`)
}

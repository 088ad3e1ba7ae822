package pythonenv

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tool makes a module with one tool whose list of packages is empty.
func tool(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "tools", "lint"), 0o755))
	list(t, root, "")
	return root
}

func list(t *testing.T, root, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(root, "tools", "lint", "requirements.txt"), []byte(text), 0o600))
}

func TestFind(t *testing.T) {
	t.Parallel()
	root := tool(t)
	_, err := Find(root, "tools/lint")
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, "tools/lint/requirements.txt: the Python environment is missing: run `make python`")

	want := filepath.Join(root, ".local", "lint-venv-e3b0c44298fc", "bin", "python")
	require.NoError(t, os.MkdirAll(filepath.Dir(want), 0o755))
	require.NoError(t, os.WriteFile(want, nil, 0o600))
	got, err := Find(root, "tools/lint")
	require.NoError(t, err)
	assert.Equal(t, want, got)
	got, err = Install(t.Context(), root, "tools/lint", &bytes.Buffer{})
	require.NoError(t, err)
	assert.Equal(t, want, got, "it is there, so nothing is run")

	list(t, root, "# another list\n")
	_, err = Find(root, "tools/lint")
	require.ErrorIs(t, err, ErrMissing)

	_, err = Find(root, "tools/none")
	require.ErrorContains(t, err, "read the list of packages")
	require.NotErrorIs(t, err, ErrMissing)
}

func TestInstall_NoPython(t *testing.T) {
	root := tool(t)
	t.Setenv("PATH", "")
	var log bytes.Buffer
	_, err := Install(t.Context(), root, "tools/lint", &log)
	require.ErrorContains(t, err, `python3 -m venv: exec: "python3": executable file not found`)
	assert.Contains(t, log.String(), "installing, once")
	left, err := os.ReadDir(filepath.Join(root, ".local"))
	require.NoError(t, err)
	assert.Empty(t, left, "the folder aside is gone")
}

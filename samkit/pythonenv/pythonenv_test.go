package pythonenv

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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

// TestInstall_Hashes: pip takes no file but one whose hash the list has.
func TestInstall_Hashes(t *testing.T) {
	if exec.Command("python3", "-c", "import ensurepip").Run() != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3 with its module ensurepip is missing (Debian: python3-venv)")
		}
		t.Skip("python3 with its module ensurepip is missing (Debian: python3-venv)")
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b) // a package of nothing but its name and version
	for name, text := range map[string]string{
		"METADATA": "Metadata-Version: 2.1\nName: nothing\nVersion: 1.0\n",
		"WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"RECORD":   "",
	} {
		file, err := w.Create("nothing-1.0.dist-info/" + name)
		require.NoError(t, err)
		_, err = file.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	wheels := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(wheels, "nothing-1.0-py3-none-any.whl"), b.Bytes(), 0o600))
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_FIND_LINKS", wheels)
	root := tool(t)
	list(t, root, "nothing==1.0 --hash=sha256:"+strings.Repeat("0", 64)+"\n")
	_, err := Install(t.Context(), root, "tools/lint", &bytes.Buffer{})
	require.ErrorContains(t, err, "DO NOT MATCH THE HASHES")
	left, err := os.ReadDir(filepath.Join(root, ".local"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// TestLists: every list of this project names one version of each package and the hashes of its files. That nothing is missing in a list
// is proved by `pip check` when it is installed.
func TestLists(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "-C", "../..", "ls-files", "*requirements.txt").Output()
	require.NoError(t, err)
	files := strings.Fields(string(out))
	require.NotEmpty(t, files)
	comment := regexp.MustCompile(`(?m)^#.*\n`)
	entry := regexp.MustCompile(`^[a-z0-9.-]+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})+\n`)
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("../..", file))
		require.NoError(t, err)
		for rest := comment.ReplaceAllString(string(text), ""); rest != ""; {
			found := entry.FindString(rest)
			line, _, _ := strings.Cut(rest, "\n")
			if !assert.NotEmpty(t, found, "%s: %q has no version or no hash", file, line) {
				break
			}
			rest = rest[len(found):]
		}
	}
}

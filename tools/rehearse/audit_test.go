package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAudit runs .ci/audit with scripts in the place of what it calls: only a database of vulnerabilities that is out of
// reach, and nothing else that goes wrong, is skipped.
func TestAudit(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../.ci/audit")
	require.NoError(t, err)
	database := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(database.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	const well, found, broken = "exit 0", "exit 3", "echo no such host >&2; exit 1"
	tests := map[string]struct {
		modules, secrets, vulnerabilities string
		database                          string
		want                              int
		skipped                           bool
	}{
		"all is well":                        {well, well, well, database.URL, 0, false},
		"a vulnerability":                    {well, well, found, database.URL, 1, false},
		"a vulnerability, found in a cache":  {well, well, found, gone.URL, 1, false},
		"govulncheck fails":                  {well, well, broken, database.URL, 1, false},
		"the database is out of reach":       {well, well, broken, gone.URL, 75, true},
		"a changed module":                   {"exit 1", well, well, database.URL, 1, false},
		"a secret":                           {well, "exit 1", well, database.URL, 1, false},
		"git fails, which gitleaks survives": {well, "echo ERR fatal: not a git repository >&2", well, database.URL, 1, false},
		"a secret and no database":           {well, "exit 1", broken, gone.URL, 1, true},
		"a changed module and no database":   {"exit 1", well, broken, gone.URL, 1, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, text := range map[string]string{
				".ci/audit":              string(script),
				".local/bin/gitleaks":    "#!/bin/sh\n" + tt.secrets + "\n",
				".local/bin/govulncheck": "#!/bin/sh\n" + tt.vulnerabilities + "\n",
				"path/go":                "#!/bin/sh\n" + tt.modules + "\n",
			} {
				require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o755))
			}
			cmd := exec.Command("bash", filepath.Join(dir, ".ci", "audit"))
			cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "path")+":"+os.Getenv("PATH"), "VULNDB="+tt.database)
			out, _ := cmd.CombinedOutput()
			assert.Equal(t, tt.want, cmd.ProcessState.ExitCode(), string(out))
			if tt.skipped {
				assert.Contains(t, string(out), "*** SKIPPED: "+tt.database)
			} else {
				assert.NotContains(t, string(out), "SKIPPED")
			}
		})
	}
}

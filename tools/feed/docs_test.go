package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFeedingPage tries the worked examples of docs/feeding.md as a reader would.
func TestFeedingPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/feeding.md")
	require.NoError(t, err)
	example := regexp.MustCompile("(?s)### ([^\n]+)\n[^#]*?" +
		"```\\w+ file=(\\S+)\n(.*?)```\\s+```yaml file=(\\S+)\n(.*?)```\\s+```json printed\n(.*?)```")
	found := example.FindAllStringSubmatch(string(page), -1)
	require.Len(t, found, 6)
	for _, e := range found {
		t.Run(e[1], func(t *testing.T) {
			dir := t.TempDir()
			file, mapping := filepath.Join(dir, e[2]), filepath.Join(dir, e[4])
			require.NoError(t, os.WriteFile(file, []byte(e[3]), 0o600))
			require.NoError(t, os.WriteFile(mapping, []byte(e[5]), 0o600))
			o := run(t.Context(), t, nil, nil, "-print", "-map", mapping, file)
			assert.Equal(t, e[6], o.stdout, o.stderr)
			if e[2] == "shops.csv" {
				assert.Equal(t, map[string]int{"amount-unreadable": 1}, o.summary.Reasons)
				assert.Contains(t, o.stderr, `"1,5 kg" is not a number`)
			} else {
				assert.Equal(t, exitStored, o.exit, o.stderr)
			}
		})
	}
}

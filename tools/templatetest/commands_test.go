package templatetest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	goRun      = regexp.MustCompile("go run (\\./[a-z/]+)((?:\\\\\n|[^`|>\n])*)")
	givenFlag  = regexp.MustCompile(`(?:^|\s)--?([a-z][a-z0-9-]*)`)
	knownFlag  = regexp.MustCompile(`\bflags?\.\w+\((?:&[\w.]+, )?"([a-z0-9-]+)"`)
	makeTarget = regexp.MustCompile("(?m)(?:^ *|`)make ([a-z][a-z-]*)\\b")
	makeRule   = regexp.MustCompile(`(?m)^([a-z][a-z -]*):`)
)

// impossible lists the commands of a page that nobody can run: a program that is not there, a flag or a target that it does not have.
func impossible(t *testing.T, page string) (wrong []string) {
	t.Helper()
	for _, m := range goRun.FindAllStringSubmatch(page, -1) {
		files, err := filepath.Glob(filepath.Join("../..", m[1], "*.go"))
		require.NoError(t, err)
		if len(files) == 0 {
			wrong = append(wrong, m[1]+": is no program")
			continue
		}
		known := []string{"h", "help"}
		for _, file := range files {
			for _, f := range knownFlag.FindAllStringSubmatch(readFile(t, file), -1) {
				known = append(known, f[1])
			}
		}
		for _, f := range givenFlag.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(known, f[1]) {
				wrong = append(wrong, fmt.Sprintf("%s: has no flag -%s", m[1], f[1]))
			}
		}
	}
	var targets []string
	for _, m := range makeRule.FindAllStringSubmatch(readFile(t, "../../Makefile"), -1) {
		targets = append(targets, strings.Fields(m[1])...)
	}
	for _, m := range makeTarget.FindAllStringSubmatch(page, -1) {
		if !slices.Contains(targets, m[1]) {
			wrong = append(wrong, "make "+m[1]+": is no target")
		}
	}
	return wrong
}

// TestPages_Commands: what pages tell people to run is there, with these flags.
func TestPages_Commands(t *testing.T) {
	t.Parallel()
	pages := []string{runbookFile}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/decisions/*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		pages = append(pages, found...)
	}
	commands := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		commands += len(goRun.FindAllString(string(text), -1))
		assert.Empty(t, impossible(t, string(text)), page)
	}
	assert.Greater(t, commands, 20)

	for text, want := range map[string]string{
		"`go run ./tools/restores -plan`":            "./tools/restores: is no program",
		"```sh\ngo run ./tools/restore \\\n  -plans": "./tools/restore: has no flag -plans",
		"`go run ./tools/export -out x -clients y`":  "./tools/export: has no flag -clients",
		"`make restored`":                            "make restored: is no target",
	} {
		assert.Equal(t, []string{want}, impossible(t, text), text)
	}
}

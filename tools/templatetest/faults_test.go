package templatetest

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const faults = 32

var (
	namedTest = regexp.MustCompile("`([a-z/-]+): ([A-Z]\\w+)`")
	faultRow  = regexp.MustCompile(`(?m)^\| (?:F(\d+)|–) \|(.*)\|$`)
)

// unshown lists the faults of the table that are missing or have no test, and the tests that it names and nobody has written.
func unshown(t *testing.T, page string) (wrong []string) {
	t.Helper()
	next := 1
	for _, row := range faultRow.FindAllStringSubmatch(page, -1) {
		cells := strings.Split(row[2], " | ")
		shown := cells[len(cells)-1]
		if len(cells) != 4 || !namedTest.MatchString(shown) && !strings.Contains(shown, "in no test") {
			wrong = append(wrong, strings.TrimSpace(cells[0])+": names no test")
		}
		if row[1] == "" {
			continue
		}
		if row[1] != strconv.Itoa(next) {
			wrong = append(wrong, "F"+row[1]+": F"+strconv.Itoa(next)+" is missing before")
		}
		next++
	}
	if next != faults+1 {
		wrong = append(wrong, "F"+strconv.Itoa(next)+": is missing")
	}
	for _, m := range namedTest.FindAllStringSubmatch(page, -1) {
		files, err := filepath.Glob(filepath.Join("../..", m[1], "*_test.go"))
		require.NoError(t, err)
		found := false
		for _, file := range files {
			found = found || strings.Contains(readFile(t, file), "\nfunc "+m[2]+"(")
		}
		if !found {
			wrong = append(wrong, m[1]+": has no "+m[2])
		}
	}
	return wrong
}

// TestFaults: every fault has its row, and every test that a row names is there.
func TestFaults(t *testing.T) {
	t.Parallel()
	page := readFile(t, "../../docs/faults.md")
	require.Empty(t, unshown(t, page))
	for name, tt := range map[string]struct{ old, broken, want string }{
		"a test that is gone":     {"shared/store: TestSDK_RetryBudget", "shared/store: TestSDK_Budget", "shared/store: has no TestSDK_Budget"},
		"a package that is gone":  {"shared/boot: TestStart", "shared/boots: TestStart", "shared/boots: has no TestStart_SurvivesAClosedLog"},
		"a fault without a test":  {"`shared/store: TestSDK_RetryBudget`", "some test", "A storm of retries: names no test"},
		"a fault that is missing": {"| F23 |", "| F24 |", "F24: F23 is missing before"},
		"the last one is missing": {"| F32 |", "| – |", "F32: is missing"},
	} {
		require.Contains(t, page, tt.old)
		assert.Contains(t, unshown(t, strings.Replace(page, tt.old, tt.broken, 1)), tt.want, name)
	}
}

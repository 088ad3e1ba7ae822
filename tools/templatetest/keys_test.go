package templatetest

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/samkit/verify/code"
	"pricing/shared/store"
)

// partitions are the store's key functions, each with a pattern of the partition keys that it makes.
var partitions = map[string]string{
	"BucketPartition":      strings.TrimSuffix(store.BucketPartition(0), "0") + "*",
	"CompetitorsPartition": store.CompetitorsPartition(),
	"GTINPartition":        store.GTINPartition("") + "*",
	"ProductPartition":     store.ProductPartition("") + "*",
	"TokenPartition":       store.TokenPartition("") + "*",
	"TokensPartition":      store.TokensPartition(),
}

// misallowed lists where a role of the template allows other partitions than its function's code can make keys of.
func misallowed(t *testing.T, template string, program *code.Program) (wrong []string) {
	t.Helper()
	type resource struct {
		Type       string `yaml:"Type"`
		Properties struct {
			CodeURI  string    `yaml:"CodeUri"`
			Role     yaml.Node `yaml:"Role"`
			Policies []struct {
				PolicyDocument struct {
					Statement []struct {
						Action    texts                       `yaml:"Action"`
						Condition map[string]map[string]texts `yaml:"Condition"`
					} `yaml:"Statement"`
				} `yaml:"PolicyDocument"`
			} `yaml:"Policies"`
		} `yaml:"Properties"`
	}
	var source struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(template), &source))
	read := func(id string) (r resource) {
		node, ok := source.Resources[id]
		require.True(t, ok, id)
		require.NoError(t, node.Decode(&r), id)
		return r
	}
	for _, id := range slices.Sorted(maps.Keys(source.Resources)) {
		if !strings.HasSuffix(id, "Function") {
			continue
		}
		f := read(id)
		var needed []string
		for function, pattern := range partitions {
			if program.Calls(f.Properties.CodeURI, "pricing/shared/store."+function) {
				needed = append(needed, pattern)
			}
		}
		var listed []string // by any statement; one with fewer actions may list fewer
		talks := false
		for _, policy := range read(strings.TrimSuffix(f.Properties.Role.Value, ".Arn")).Properties.Policies {
			for _, s := range policy.PolicyDocument.Statement {
				if !strings.HasPrefix(strings.Join(s.Action, " "), "dynamodb:") {
					continue
				}
				if slices.Contains(s.Action, "dynamodb:Scan") { // names no partitions
					wrong = append(wrong, scanned(id, s.Action, s.Condition)...)
					continue
				}
				allowed := s.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
				talks = true
				listed = append(listed, allowed...)
				for _, pattern := range allowed {
					if !slices.Contains(needed, pattern) {
						wrong = append(wrong, fmt.Sprintf("%s: its role lists %s, which its code never uses", id, pattern))
					}
				}
			}
		}
		for _, pattern := range needed {
			if talks && !slices.Contains(listed, pattern) {
				wrong = append(wrong, fmt.Sprintf("%s: its code uses %s, which its role does not list", id, pattern))
			}
		}
	}
	return wrong
}

// scanned lists what is wrong with a statement that allows a Scan: one function may scan, and sees nothing but keys.
func scanned(id string, actions texts, condition map[string]map[string]texts) (wrong []string) {
	if id != "ReconcileBoardsFunction" || len(actions) > 1 {
		wrong = append(wrong, fmt.Sprintf("%s: may scan the table, and %s", id, strings.Join(actions, " and ")))
	}
	if !slices.Equal(condition["ForAllValues:StringEquals"]["dynamodb:Attributes"], texts{"pk", "sk"}) ||
		!slices.Equal(condition["StringEquals"]["dynamodb:Select"], texts{"SPECIFIC_ATTRIBUTES"}) {
		wrong = append(wrong, id+": its Scan sees more than keys")
	}
	return wrong
}

// TestProject_Keys: the role of each function allows exactly the partitions that its code can make keys of, so whoever takes
// over one that takes prices in can make no tokens with it. Neither the engine nor the emulator enforces this.
func TestProject_Keys(t *testing.T) {
	t.Parallel()
	template := readFile(t, templateFile)
	var folders []string
	for _, folder := range functionFolders(t) {
		folders = append(folders, "functions/"+filepath.Base(folder))
	}
	program, err := code.Load(t.Context(), "../..", folders)
	require.NoError(t, err)
	require.Empty(t, misallowed(t, template, program))

	const ingest = `[competitors, "g#*", "p#*"]`
	tests := map[string]struct{ old, broken, want string }{
		"a prefix missing": {ingest, `[competitors, "p#*"]`, "RecordObservationFunction: its code uses g#*, which its role does not list"},
		"a prefix too many": {
			ingest, `[competitors, "g#*", "p#*", "t#*"]`, "RecordObservationFunction: its role lists t#*, which its code never uses",
		},
		"every key": {ingest, `["*"]`, "RecordObservationFunction: its role lists *, which its code never uses"},
		"no condition": {
			`Condition: {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ` + ingest + "}}", "Sid: All",
			"RecordObservationFunction: its code uses p#*, which its role does not list",
		},
		"a scan of another function": {
			"Action: [dynamodb:GetItem, dynamodb:Query]", "Action: [dynamodb:GetItem, dynamodb:Query, dynamodb:Scan]",
			"ListOffersFunction: may scan the table, and dynamodb:GetItem and dynamodb:Query and dynamodb:Scan",
		},
		"a scan of whole items": {
			`"dynamodb:Attributes": [pk, sk]`, `"dynamodb:Attributes": [pk, sk, digest]`, "ReconcileBoardsFunction: its Scan sees more than keys",
		},
		"a scan of all attributes": {
			"SPECIFIC_ATTRIBUTES", "ALL_ATTRIBUTES", "ReconcileBoardsFunction: its Scan sees more than keys",
		},
		"stars that stand for themselves": {
			"ForAllValues:StringLike", "ForAllValues:StringEquals", "RecordObservationFunction: its code uses p#*, which its role does not list",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, template, tt.old)
			assert.Contains(t, misallowed(t, strings.Replace(template, tt.old, tt.broken, 1), program), tt.want)
		})
	}
}

var (
	keyFunction = regexp.MustCompile(`(?m)^func (\w+Partition)\(`)
	keyed       = regexp.MustCompile(`\b(?:key\(|find\(ctx, |query\(ctx, |pk :?= )([^\s,(:]+)`)
)

// TestPartitions: the store makes its partition keys by the functions that the comparison knows, and by nothing else.
func TestPartitions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../shared/store/*.go")
	require.NoError(t, err)
	declared := map[string]bool{}
	keys := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text := readFile(t, file)
		for _, m := range keyFunction.FindAllStringSubmatch(text, -1) {
			declared[m[1]] = true
		}
		for _, m := range keyed.FindAllStringSubmatch(text, -1) {
			keys++
			passedOn := slices.Contains([]string{"pk", "partition", "text"}, m[1]) // text reads a stored item
			assert.True(t, passedOn || strings.HasSuffix(m[1], "Partition"), "%s: no key function makes the key in %s", file, m[0])
		}
	}
	assert.Greater(t, keys, 20)
	assert.Equal(t, slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(partitions)))
}

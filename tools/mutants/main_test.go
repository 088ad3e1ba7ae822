package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A change of the code must not leave a mutant without its place, which would only be noticed when all are run.
func TestMutants_HaveTheirPlace(t *testing.T) {
	for _, m := range mutants {
		text, err := os.ReadFile(filepath.Join("..", "..", m.file))
		require.NoError(t, err, m.name)
		assert.Equal(t, 1, strings.Count(string(text), m.find), "%s, in %s", m.name, m.file)
	}
}

// Nor may the test be gone that has to kill it.
func TestMutants_HaveTheirTest(t *testing.T) {
	for _, m := range mutants {
		files, err := filepath.Glob(filepath.Join("..", "..", m.tests, "*_test.go"))
		require.NoError(t, err)
		var text strings.Builder
		for _, file := range files {
			one, err := os.ReadFile(file)
			require.NoError(t, err)
			text.Write(one)
		}
		for name := range strings.SplitSeq(m.by, "|") {
			assert.Contains(t, text.String(), "func "+name+"(", m.name)
		}
	}
}

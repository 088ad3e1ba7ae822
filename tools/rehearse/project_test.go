package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEdit(t *testing.T) {
	t.Parallel()
	const template = "Resources:\n  A:\n    Key: sk\n    Other: sk\n\n  B:\n    Key: sk\n\n  AB:\n    Key: sk\n"
	got, err := edit(template, "A", "sk", "other")
	require.NoError(t, err)
	assert.Equal(t, "Resources:\n  A:\n    Key: other\n    Other: other\n\n  B:\n    Key: sk\n\n  AB:\n    Key: sk\n", got)
	got, err = edit(template, "AB", "sk", "other")
	require.NoError(t, err)
	assert.Equal(t, "Resources:\n  A:\n    Key: sk\n    Other: sk\n\n  B:\n    Key: sk\n\n  AB:\n    Key: other\n", got)
	_, err = edit(template, "C", "sk", "other")
	require.ErrorContains(t, err, "no resource C")
	_, err = edit(template, "A", "pk", "other")
	require.ErrorContains(t, err, `A has no "pk"`)
}

func TestVersion_changed(t *testing.T) {
	t.Parallel()
	first := version{commit: "1", manifest: map[string]string{"a": "x", "b": "x", "c": "x"}}
	assert.Empty(t, first.changed(first))
	assert.Equal(t, []string{"a", "d"}, version{commit: "2", manifest: map[string]string{"a": "y", "b": "x", "d": "x"}}.changed(first))
}

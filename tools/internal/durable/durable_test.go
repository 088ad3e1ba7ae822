package durable

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Lock(path)
	require.NoError(t, err)
	_, err = Lock(path)
	require.ErrorIs(t, err, ErrInUse)
	require.NoError(t, Unlock(first))
	assert.NoFileExists(t, path)
	second, err := Lock(path)
	require.NoError(t, err)
	require.NoError(t, Unlock(second))
	_, err = Lock(filepath.Join(path, "no folder"))
	require.Error(t, err)
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.WriteFile(path+".tmp", []byte("half of an earlier one, and longer"), 0o600))
	for _, want := range []string{"first", "2"} {
		require.NoError(t, WriteFile(path, []byte(want)))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
		assert.NoFileExists(t, path+".tmp")
	}
	require.Error(t, WriteFile(filepath.Join(path, "no folder"), nil))
}

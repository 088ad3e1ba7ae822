package engine_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
)

func TestRestart(t *testing.T) {
	t.Parallel()
	root, err := engine.Root()
	require.NoError(t, err)
	e, err := engine.Start(t.Context(), root, filepath.Join(t.TempDir(), "data.db"))
	if errors.Is(err, engine.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err.Error())
	}
	require.NoError(t, err)
	e.Stop()
	<-e.Done()
	again, err := e.Restart(t.Context())
	require.NoError(t, err)
	defer again.Stop()
	assert.Equal(t, e.Endpoint(), again.Endpoint())
	resp, err := http.Get(again.Endpoint()) //nolint:noctx // it answers or the test fails
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

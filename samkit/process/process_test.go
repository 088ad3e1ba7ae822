package process

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProcess(t *testing.T) {
	t.Parallel()
	never := func(context.Context) error { return errors.New("not yet") }
	p, err := Start(t.TempDir(), exec.Command("sh", "-c", "echo why; exit 3"))
	require.NoError(t, err)
	require.ErrorContains(t, p.Ready(t.Context(), never), "ended by itself: why")
	p.Stop() // harms nothing

	p, err = Start(t.TempDir(), exec.Command("sleep", "1000"))
	require.NoError(t, err)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Ready(gone, never), context.Canceled)
	require.NoError(t, p.Ready(t.Context(), func(context.Context) error { return nil }))
	p.Stop()
	assert.NotNil(t, p.cmd.ProcessState, "it has ended")

	_, err = Start(t.TempDir(), exec.Command("/no/such/program"))
	require.ErrorContains(t, err, "start /no/such/program")
}

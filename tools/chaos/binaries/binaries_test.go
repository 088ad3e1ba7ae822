package binaries_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/shared/testkit/storetest"
	"pricing/tools/chaos/binaries"
	"pricing/tools/chaos/plan"
	"pricing/tools/chaos/trial"
)

// TestRealFunctionsHold runs a seed on the real functions, which are killed and stopped meanwhile. The engine is shared with other
// tests, so it is left alone.
func TestRealFunctionsHold(t *testing.T) {
	t.Parallel()
	root, err := engine.Root()
	require.NoError(t, err)
	table, err := engine.OnlyTable(root)
	require.NoError(t, err)
	design := trial.Boards(table)
	endpoint := storetest.Endpoint(t)
	host, err := binaries.New(root, root, t.TempDir(), design)
	require.NoError(t, err)
	r, err := trial.Run(t.Context(), trial.Config{Engine: endpoint, Design: design, Host: host.On(endpoint, 0)},
		plan.Draw(3, plan.Options{Observations: 150}))
	require.NoError(t, err)
	assert.Empty(t, r.Findings)
	assert.Positive(t, r.Tally.Acked)
	assert.Positive(t, r.Tally.Answers["created"])
}

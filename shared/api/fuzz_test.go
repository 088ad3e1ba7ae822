package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pricing/shared/api"
)

func FuzzParsePosition(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		at, err := api.ParsePosition(text)
		if err != nil {
			return
		}
		again, err := api.ParsePosition(at.Text())
		require.NoError(t, err)
		require.Equal(t, at, again)
		require.Zero(t, at.Compare(*again))
	})
}

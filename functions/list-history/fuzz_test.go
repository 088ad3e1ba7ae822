package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParseCursor(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string, daily bool) {
		c, err := parseCursor(text, daily)
		if err != nil {
			return
		}
		again, err := parseCursor(c.text(), daily)
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

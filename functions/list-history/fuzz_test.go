package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParsePosition(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parsePosition("ZU-1042", text)
		if err != nil {
			return
		}
		again, err := parsePosition("ZU-1042", at.text())
		require.NoError(t, err)
		require.Equal(t, at, again)
	})
}

package token_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/token"
)

var form = regexp.MustCompile(`^cpi_([a-z][a-z0-9-]{0,15})_([0-9a-z]{16})_([A-Za-z0-9_-]{43})_([0-9a-f]{8})$`)

func TestMint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		environment := rapid.StringMatching(`[a-z][a-z0-9-]{0,15}`).Draw(t, "environment")
		minted := token.Mint(environment)
		require.Regexp(t, form, minted.String())
		parsed, ok := token.Parse(minted.String())
		require.True(t, ok)
		require.Equal(t, minted, parsed)
		require.Equal(t, environment, parsed.Environment)

		text := []byte(minted.String()) // any one wrong character is noticed before the store is asked
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		text[at] ^= byte(rapid.IntRange(1, 127).Draw(t, "change"))
		_, ok = token.Parse(string(text))
		require.False(t, ok)
	})
}

func TestParse_Refuses(t *testing.T) {
	good := token.Mint("dev").String()
	for name, text := range map[string]string{
		"nothing": "", "a word": "cpi", "cut": good[:len(good)-1], "longer": good + "0",
		"white space": good + " ", "another prefix": "x" + good[1:],
		"no environment": token.Seal("cpi__" + strings.Repeat("a", 16) + "_" + strings.Repeat("b", 43) + "_"),
		"environment too long": token.Seal("cpi_" + strings.Repeat("e", 17) + "_" + strings.Repeat("a", 16) + "_" +
			strings.Repeat("b", 43) + "_"),
		"capital key id": token.Seal("cpi_dev_" + strings.Repeat("A", 16) + "_" + strings.Repeat("b", 43) + "_"),
		"huge":           strings.Repeat("cpi_", 1_000_000),
	} {
		_, ok := token.Parse(text)
		assert.False(t, ok, name)
	}
	underscores := token.Seal("cpi_dev_" + strings.Repeat("a", 16) + "_" + strings.Repeat("_", 43) + "_")
	_, ok := token.Parse(underscores)
	assert.True(t, ok, "base64url may itself contain underscores")
}

func TestRecord_Valid(t *testing.T) {
	now := time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)
	tok := token.Mint("dev")
	good := token.Record{Digest: tok.Digest(), NotBefore: now, Expires: now.Add(time.Second), Active: true}
	assert.True(t, good.Valid(tok, now))
	assert.False(t, good.Valid(token.Mint("dev"), now), "another secret")
	assert.False(t, good.Valid(tok, now.Add(time.Second)), "expired")
	assert.False(t, good.Valid(tok, now.Add(-time.Second)), "not yet")
	revoked := good
	revoked.Active = false
	assert.False(t, revoked.Valid(tok, now))
	assert.False(t, token.Record{}.Valid(tok, now))
}

func FuzzParse(f *testing.F) {
	f.Add(token.Mint("dev").String())
	f.Add("cpi_dev_x")
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := token.Parse(text); ok && !form.MatchString(text) {
			t.Fatalf("%q is not of the form", text)
		}
	})
}

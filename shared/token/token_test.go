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
	keyID, secret := strings.Repeat("a", 16), strings.Repeat("b", 43)
	for name, text := range map[string]string{
		"nothing": "", "a word": "cpi", "cut": good[:len(good)-1], "longer": good + "0",
		"white space": good + " ", "another prefix": "x" + good[1:],
		"no environment":                    token.Seal("cpi__" + keyID + "_" + secret + "_"),
		"no environment, no separator":      token.Seal("cpi_" + keyID + "_" + secret + "_"),
		"environment too long":              token.Seal("cpi_" + strings.Repeat("e", 17) + "_" + keyID + "_" + secret + "_"),
		"environment with a capital":        token.Seal("cpi_Dev_" + keyID + "_" + secret + "_"),
		"environment begins with a digit":   token.Seal("cpi_1dev_" + keyID + "_" + secret + "_"),
		"another first separator":           token.Seal("cpi-dev_" + keyID + "_" + secret + "_"),
		"another second separator":          token.Seal("cpi_dev-" + keyID + "_" + secret + "_"),
		"another third separator":           token.Seal("cpi_dev_" + keyID + "-" + secret + "_"),
		"another last separator":            token.Seal("cpi_dev_" + keyID + "_" + secret + "-"),
		"capital key id":                    token.Seal("cpi_dev_" + strings.ToUpper(keyID) + "_" + secret + "_"),
		"key id with a hyphen":              token.Seal("cpi_dev_" + keyID[:15] + "-_" + secret + "_"),
		"letter of another alphabet":        token.Seal("cpi_dev_" + keyID + "_" + secret[:41] + "é_"),
		"base64, not of urls":               token.Seal("cpi_dev_" + keyID + "_" + secret[:42] + "+_"),
		"secret begins with another letter": token.Seal("cpi_dev_" + keyID + "_+" + secret[:42] + "_"),
		"key id begins with another letter": token.Seal("cpi_dev_" + "-" + keyID[:15] + "_" + secret + "_"),
		"padding":                           token.Seal("cpi_dev_" + keyID + "_" + secret[:42] + "=_"),
		"key id too short":                  token.Seal("cpi_dev_" + keyID[:15] + "_" + secret + "_"),
		"secret too long":                   token.Seal("cpi_dev_" + keyID + "_" + secret + "b_"),
		"check sum in capitals":             checksumInCapitals(),
		"huge":                              strings.Repeat("cpi_", 1_000_000),
	} {
		_, ok := token.Parse(text)
		assert.False(t, ok, name)
	}
	for name, text := range map[string]string{
		"base64url may itself contain underscores": token.Seal("cpi_dev_" + keyID + "_" + strings.Repeat("_", 43) + "_"),
		"every letter": token.Seal("cpi_az09-_" + "0189abcdefghxyz0_ABYZabyz0189-_" + secret[:29] + "_"),
		"the longest":  token.Seal("cpi_" + strings.Repeat("e", 16) + "_" + keyID + "_" + secret + "_"),
		"the shortest": token.Seal("cpi_e_" + keyID + "_" + secret + "_"),
	} {
		parsed, ok := token.Parse(text)
		assert.True(t, ok, name)
		assert.Equal(t, text, parsed.String(), name)
	}
}

// checksumInCapitals is a token that is right but for the case of its check sum's letters.
func checksumInCapitals() string {
	for {
		text := token.Mint("dev").String()
		if sum := text[len(text)-8:]; sum != strings.ToUpper(sum) {
			return text[:len(text)-8] + strings.ToUpper(sum)
		}
	}
}

func TestValidClient(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "Z": true, "AZaz09._-": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "ä": false, "a\n": false, "a/b": false, "a,b": false,
	} {
		assert.Equal(t, ok, token.ValidClient(name), "%q", name)
	}
}

func TestValidEnvironment(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "z": true, "dev": true, "a0-9z-": true, strings.Repeat("x", 16): true,
		"": false, strings.Repeat("x", 17): false, "Dev": false, "1dev": false, "-dev": false, "de_v": false, "deV": false,
		"{": false, "`": false,
	} {
		assert.Equal(t, ok, token.ValidEnvironment(name), "%q", name)
	}
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

	assert.Equal(t, "token-unknown", good.Refusal(token.Mint("dev"), now))
	assert.Equal(t, "token-expired", good.Refusal(tok, now.Add(time.Second)))
	assert.Equal(t, "token-not-yet-valid", good.Refusal(tok, now.Add(-time.Second)))
	assert.Equal(t, "token-revoked", revoked.Refusal(tok, now))
	assert.Equal(t, "token-unknown", revoked.Refusal(token.Mint("dev"), now), "who has not the token learns nothing, the log neither")
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

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

var now = time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)

// command returns the tool on a fresh table, and a store to look at that.
func command(t *testing.T) (run func(args ...string) (string, error), s *store.Store) {
	t.Helper()
	client, table := storetest.Table(t)
	env := map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": storetest.Endpoint(t), "AWS_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "DEPLOY_ENV": "dev"}
	return func(args ...string) (string, error) {
		var out bytes.Buffer
		err := runTool(t, append([]string{args[0], "-table", table}, args[1:]...), env, &out)
		return out.String(), err
	}, store.New(client, store.Options{Table: table})
}

func runTool(t *testing.T, args []string, env map[string]string, out *bytes.Buffer) error {
	t.Helper()
	return run(t.Context(), args, func(name string) string { return env[name] }, out, func() time.Time { return now })
}

func TestMakeListRevoke(t *testing.T) {
	t.Parallel()
	run, s := command(t)
	printed, err := run("make", "-client", "crawler-a", "-scopes", "ingest read", "-days", "30")
	require.NoError(t, err)
	tok, ok := token.Parse(strings.TrimSpace(printed))
	require.True(t, ok, printed)
	assert.Equal(t, "dev", tok.Environment)
	record, err := s.FindToken(t.Context(), tok.KeyID)
	require.NoError(t, err)
	assert.True(t, record.Valid(tok, now))
	assert.False(t, record.Valid(tok, now.AddDate(0, 0, 31)))
	assert.Equal(t, []string{"ingest", "read"}, record.Scopes)
	assert.Empty(t, record.Sources)

	list, err := run("list")
	require.NoError(t, err)
	assert.Contains(t, list, tok.KeyID)
	assert.Contains(t, list, "crawler-a")
	assert.NotContains(t, list, strings.TrimSpace(printed), "the token itself is shown once only")

	_, err = run("revoke", tok.KeyID)
	require.NoError(t, err)
	record, err = s.FindToken(t.Context(), tok.KeyID)
	require.NoError(t, err)
	assert.False(t, record.Valid(tok, now))
	_, err = run("revoke", "NOPE")
	require.Error(t, err)
}

func TestMake_File(t *testing.T) {
	t.Parallel()
	run, _ := command(t)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("rubbish"), 0o644))
	args := []string{"make", "-client", "laptop", "-scopes", "read", "-out", file}
	printed, err := run(args...)
	require.NoError(t, err)
	assert.Empty(t, printed)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode(), "also where a file was there")
	first, err := os.ReadFile(file)
	require.NoError(t, err)

	_, err = run(args...)
	require.NoError(t, err)
	second, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, first, second, "a valid one is kept")

	args[4] = "read catalog"
	_, err = run(args...)
	require.NoError(t, err)
	third, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.NotEqual(t, first, third, "one with other scopes is not")
}

// TestMake_Sources: a token is bound to exactly the sources that were named.
func TestMake_Sources(t *testing.T) {
	t.Parallel()
	run, s := command(t)
	file := filepath.Join(t.TempDir(), "token")
	args := []string{"make", "-client", "c", "-scopes", "ingest", "-out", file, "-sources", "crawler-a,feed-*"}
	_, err := run(args...)
	require.NoError(t, err)
	first, err := os.ReadFile(file)
	require.NoError(t, err)
	tok, ok := token.Parse(strings.TrimSpace(string(first)))
	require.True(t, ok)
	record, err := s.FindToken(t.Context(), tok.KeyID)
	require.NoError(t, err)
	assert.Equal(t, []string{"crawler-a", "feed-*"}, record.Sources)
	list, err := run("list")
	require.NoError(t, err)
	assert.Contains(t, list, "crawler-a,feed-*")

	args[len(args)-1] = "crawler-a"
	_, err = run(args...)
	require.NoError(t, err)
	second, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.NotEqual(t, first, second, "one with other sources is not kept")

	for _, wrong := range []string{"*", "a*b", "*a", "a**", "a/b", strings.Repeat("x", 65), strings.Repeat("a,", 21), "", " ", ","} {
		_, err := run("make", "-client", "c", "-scopes", "ingest", "-sources", wrong)
		assert.ErrorContains(t, err, "-sources", wrong)
	}
}

// TestRun_Endpoint: the variable for all of AWS leads to another engine as well.
func TestRun_Endpoint(t *testing.T) {
	t.Parallel()
	_, table := storetest.Table(t)
	env := map[string]string{"AWS_ENDPOINT_URL": storetest.Endpoint(t), "AWS_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
	var out bytes.Buffer
	require.NoError(t, runTool(t, []string{"list", "-table", table}, env, &out))
	assert.Contains(t, out.String(), "KEY ID")
}

func TestRun_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	run, _ := command(t)
	_, err := run("make", "-env", "Not An Env", "-scopes", "everything", "-days", "0")
	for _, want := range []string{"-env", `-client "" is not 1 to 64`, `"everything" is none of`, "-days is from 1 to 3650"} {
		require.ErrorContains(t, err, want, "all at once")
	}
	for client, ok := range map[string]bool{
		"A.b_c-9": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false, "a b": false, "a|b": false, "ä": false, "a\n": false,
	} {
		_, err := run("make", "-client", client, "-scopes", "read")
		assert.Equal(t, ok, err == nil, "%q: %v", client, err)
	}
	_, err = run("mint")
	require.ErrorContains(t, err, `"mint" is none of make, list, revoke`)
	_, err = run("revoke")
	require.ErrorContains(t, err, "name one key id")
	var out bytes.Buffer
	require.ErrorContains(t, runTool(t, nil, nil, &out), "say make, list or revoke")
	require.ErrorContains(t, runTool(t, []string{"list"}, nil, &out), "-table is needed")
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

// serve runs the command until the function it returns is called, which gives what was printed after the address.
func serve(t *testing.T, args ...string) (url string, end func() string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	printed, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-target", storetest.Endpoint(t)}, args...), out, out)
		_ = out.Close() // of a pipe
		done <- err
	}()
	lines := bufio.NewScanner(printed)
	for served := false; !served && lines.Scan(); {
		url, served = strings.CutPrefix(lines.Text(), "Serving ")
	}
	require.NoError(t, lines.Err())
	return url, func() (rest string) {
		stop()
		for lines.Scan() {
			rest += lines.Text() + "\n"
		}
		require.NoError(t, <-done)
		return rest
	}
}

// put writes so many items through a client.
func put(t *testing.T, client *dynamodb.Client, table string, n int) (refused []int) {
	t.Helper()
	for i := range n {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
			store.AttrPK: &types.AttributeValueMemberS{Value: fmt.Sprint("p", i%10)},
			store.AttrSK: &types.AttributeValueMemberS{Value: fmt.Sprint("board#", i/10)}}})
		if err != nil {
			refused = append(refused, i)
		}
	}
	return refused
}

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rules, log := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "log.ndjson")
	require.NoError(t, os.WriteFile(rules, []byte("rules:\n  - {op: PutItem, item: board, probability: 0.5, do: deny}\n"), 0o600))
	_, table := storetest.Table(t)
	var refused [][]int
	for _, seed := range []string{"1", "1", "2"} {
		url, end := serve(t, "-rules", rules, "-seed", seed, "-log", log)
		refused = append(refused, put(t, storetest.Client(url), table, 20))
		end()
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		assert.Equal(t, 20, strings.Count(string(text), "\n"))
		assert.Equal(t, len(refused[len(refused)-1]), strings.Count(string(text), `"rule":1,"do":"deny"`))
	}
	assert.Equal(t, refused[0], refused[1], "the same seed")
	assert.NotEqual(t, refused[0], refused[2], "another one")

	url, end := serve(t, "-units-per-key", "1")
	assert.NotEmpty(t, put(t, storetest.Client(url), table, 100), "over the limit of a key")
	assert.Regexp(t, `Throttled \d+ calls over 1 units a second for a key`, end())
}

func TestRun_Refused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("rules: [{do: explode}]"), 0o600))
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no target": {nil, "-target is needed"},
		"no rules":  {[]string{"-target", "http://127.0.0.1:1", "-rules", filepath.Join(dir, "none")}, "read the rules"},
		"bad rules": {[]string{"-target", "http://127.0.0.1:1", "-rules", bad}, "bad.yaml: rule 1"},
		"a log":     {[]string{"-target", "http://127.0.0.1:1", "-log", dir}, "write the log"},
		"a flag":    {[]string{"-x"}, "help requested"},
		"address":   {[]string{"-target", "http://127.0.0.1:1", "-addr", "127.0.0.1:x"}, "start the fault proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, run(t.Context(), tt.args, &bytes.Buffer{}, &bytes.Buffer{}), tt.want)
		})
	}
}

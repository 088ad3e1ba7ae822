// Package localtest serves this project with samkit/local: for the tests of tools that talk to its API, and for its own,
// which show that the project behaves behind the gateway as its template says.
package localtest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

// Project is a copy of what samkit/local serves, and tools that were built. It is a copy because samkit/local keeps its
// files beside the template, where a `make run` may be at work.
type Project struct {
	dir   string
	table string // the table's name up to the environment
}

// New copies the project and builds samkit/local and the named tools.
func New(t testing.TB, tools ...string) Project {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	p := Project{dir: t.TempDir(), table: "pricing-"}
	for _, folder := range []string{"shared", "functions"} {
		require.NoError(t, os.CopyFS(filepath.Join(p.dir, folder), os.DirFS(filepath.Join(root, folder))))
	}
	for _, name := range []string{"go.mod", "go.sum", "template.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(p.dir, name), text, 0o600))
	}
	args := []string{"build", "-trimpath", "-tags=lambda.norpc", "-o", p.dir + "/bin/", "./samkit/local"} // as functions are built
	for _, tool := range tools {
		args = append(args, "./tools/"+tool)
	}
	build := exec.Command("go", args...)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return p
}

// Tool is the path of a tool that was built.
func (p Project) Tool(name string) string { return filepath.Join(p.dir, "bin", name) }

// API is a served API on a table of its own.
type API struct {
	URL         string
	printed     string // until it was served
	environment string
	endpoint    string
	table       string
}

// Serve serves the API in an environment whose name begins with name, until the test ends. The arguments are further ones
// of samkit/local.
func (p Project) Serve(t testing.TB, name string, args ...string) API {
	t.Helper()
	a := API{environment: name + strconv.FormatInt(time.Now().UnixNano(), 36), endpoint: storetest.Endpoint(t)}
	a.table = p.table + a.environment
	cmd := exec.Command(p.Tool("local"), append([]string{"-addr", "127.0.0.1:0", "-dynamodb", a.endpoint, "-env", a.environment,
		"-param", "HistoryDays=4000", "-quiet"}, args...)...)
	cmd.Dir = p.dir
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for a.URL == "" && lines.Scan() {
		a.printed += lines.Text() + "\n"
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving "); ok {
			a.URL, _, _ = strings.Cut(rest, " ")
		}
	}
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Signal(os.Interrupt))
		_, _ = io.Copy(io.Discard, out) // until it ends
		assert.NoError(t, cmd.Wait())
	})
	require.NotEmpty(t, a.URL, a.printed)
	return a
}

// Table is the name of its table, on the engine that tests share.
func (a API) Table() string { return a.table }

// Token makes a token that is valid for an hour.
func (a API) Token(t testing.TB, scopes ...string) string {
	t.Helper()
	return a.Mint(t, func(r *token.Record) { r.Scopes = scopes })
}

// Mint makes a token; change sets what its record says beside an hour of validity.
func (a API) Mint(t testing.TB, change func(*token.Record)) string {
	t.Helper()
	tok := token.Mint(a.environment)
	record := token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: "t", Expires: time.Now().Add(time.Hour), Active: true}
	change(&record)
	s := store.New(storetest.Client(a.endpoint), store.Options{Table: a.table})
	require.NoError(t, s.PutToken(t.Context(), record))
	return tok.String()
}

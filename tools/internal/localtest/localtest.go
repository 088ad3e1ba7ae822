// Package localtest serves this project with samkit/local: for the tests of tools that talk to its API, and for its own,
// which show that the project behaves behind the gateway as its template says.
package localtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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
	Dir   string
	table string // the table's name up to the environment
}

// Table is the name of an environment's table.
func (p Project) Table(environment string) string { return p.table + environment }

// Build copies the project at root into a folder and builds samkit/local and the named tools there.
func Build(root, dir string, tools ...string) (Project, error) {
	p := Project{Dir: dir, table: "pricing-"}
	for _, folder := range []string{"shared", "functions"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(root, folder))); err != nil {
			return p, fmt.Errorf("copy the project: %w", err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "template.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			return p, fmt.Errorf("copy the project: %w", err)
		}
	}
	args := []string{"build", "-trimpath", "-tags=lambda.norpc", "-o", dir + "/bin/", "./samkit/local"} // as functions are built
	for _, tool := range tools {
		args = append(args, "./tools/"+tool)
	}
	build := exec.Command("go", args...)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return p, fmt.Errorf("build samkit/local: %w: %s", err, out)
	}
	return p, nil
}

// New is Build for a test, in a folder of its own.
func New(t testing.TB, tools ...string) Project {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	p, err := Build(root, t.TempDir(), tools...)
	require.NoError(t, err)
	return p
}

// Tool is the path of a tool that was built.
func (p Project) Tool(name string) string { return filepath.Join(p.Dir, "bin", name) }

// Server is a running samkit/local.
type Server struct {
	URL     string
	printed string // until it served
	cmd     *exec.Cmd
	out     io.Reader
}

// Start serves the API in an environment, with its table on the engine at an endpoint. The arguments are further ones of samkit/local.
func (p Project) Start(endpoint, environment string, args ...string) (*Server, error) {
	cmd := exec.Command(p.Tool("local"), append([]string{"-addr", "127.0.0.1:0", "-dynamodb", endpoint, "-env", environment,
		"-param", "HistoryDays=4000", "-quiet"}, args...)...)
	cmd.Dir = p.Dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start samkit/local: %w", err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start samkit/local: %w", err)
	}
	s := &Server{cmd: cmd, out: out}
	lines := bufio.NewScanner(out)
	for s.URL == "" && lines.Scan() {
		s.printed += lines.Text() + "\n"
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving "); ok {
			s.URL, _, _ = strings.Cut(rest, " ")
		}
	}
	if s.URL == "" {
		return nil, errors.Join(errors.New("samkit/local serves nothing: "+s.printed), s.Stop())
	}
	return s, nil
}

// PID is the process's id; functions are its children.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Stop ends it and its functions and waits for that.
func (s *Server) Stop() error {
	interrupted := s.cmd.Process.Signal(os.Interrupt)
	_, _ = io.Copy(io.Discard, s.out) // until it ends
	if err := errors.Join(interrupted, s.cmd.Wait()); err != nil {
		return fmt.Errorf("end samkit/local: %w", err)
	}
	return nil
}

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
	a.table = p.Table(a.environment)
	s, err := p.Start(a.endpoint, a.environment, args...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Stop()) })
	a.URL = s.URL
	a.printed = s.printed
	return a
}

// Token makes a token that is valid for an hour.
func (a API) Token(t testing.TB, scopes ...string) string {
	t.Helper()
	return a.Mint(t, func(r *token.Record) { r.Scopes = scopes })
}

// Mint makes a token; change sets what its record says beside an hour of validity.
func (a API) Mint(t testing.TB, change func(*token.Record)) string {
	t.Helper()
	tok, err := Mint(t.Context(), a.endpoint, a.table, a.environment, change)
	require.NoError(t, err)
	return tok
}

// Mint makes a token of an environment in its table; change sets what its record says beside an hour of validity.
func Mint(ctx context.Context, endpoint, table, environment string, change func(*token.Record)) (string, error) {
	tok := token.Mint(environment)
	record := token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: "t", Expires: time.Now().Add(time.Hour), Active: true}
	change(&record)
	s := store.New(storetest.Client(endpoint), store.Options{Table: table})
	return tok.String(), s.PutToken(ctx, record)
}

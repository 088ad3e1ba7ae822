// Package localapi serves this project with samkit/local and the real bootstrap binaries, for tools and for tests.
//
// It serves a copy, because samkit/local keeps its files beside the template, where a `make run` may be at work.
package localapi

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
	"time"

	"pricing/shared/store"
	"pricing/shared/token"
)

// Project is a copy of what samkit/local serves, and tools that were built.
type Project struct {
	Dir   string
	Table string // the table's name up to the environment
}

// Build copies the project at root into dir, an empty folder, and builds samkit/local and the named tools there.
func Build(root, dir string, tools ...string) (Project, error) {
	p := Project{Dir: dir, Table: "pricing-"}
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
		return p, fmt.Errorf("build samkit/local: %w\n%s", err, out)
	}
	return p, nil
}

// Tool is the path of a tool that was built.
func (p Project) Tool(name string) string { return filepath.Join(p.Dir, "bin", name) }

// API is a served API on a table of its own.
type API struct {
	URL         string
	Printed     string // until it was served
	Environment string
	Table       string

	cmd *exec.Cmd
	out io.Reader
}

// Serve serves the API in an environment whose name begins with name, a few letters, on a DynamoDB engine, until Stop. The
// arguments are further ones of samkit/local.
func (p Project) Serve(name, endpoint string, args ...string) (*API, error) {
	return p.ServeIn(name+strconv.FormatInt(time.Now().UnixNano(), 36), endpoint, args...)
}

// ServeIn is Serve in an environment that others may serve as well.
func (p Project) ServeIn(environment, endpoint string, args ...string) (*API, error) {
	a := &API{Environment: environment}
	a.Table = p.Table + a.Environment
	a.cmd = exec.Command(p.Tool("local"), append([]string{"-addr", "127.0.0.1:0", "-dynamodb", endpoint, "-env", a.Environment,
		"-param", "HistoryDays=4000", "-quiet"}, args...)...)
	a.cmd.Dir = p.Dir
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("serve the API: %w", err)
	}
	a.out = out
	a.cmd.Stderr = a.cmd.Stdout
	if err := a.cmd.Start(); err != nil {
		return nil, fmt.Errorf("serve the API: %w", err)
	}
	lines := bufio.NewScanner(out)
	for a.URL == "" && lines.Scan() {
		a.Printed += lines.Text() + "\n"
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving "); ok {
			a.URL, _, _ = strings.Cut(rest, " ")
		}
	}
	if a.URL == "" {
		return nil, fmt.Errorf("serve the API: %w\n%s", errors.Join(errors.New("it ended at once"), a.cmd.Wait()), a.Printed)
	}
	return a, nil
}

// PID is the id of its process, whose children are the functions.
func (a *API) PID() int { return a.cmd.Process.Pid }

// Stop ends the API and waits for it.
func (a *API) Stop() error {
	if err := a.cmd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("end the API: %w", err)
	}
	_, _ = io.Copy(io.Discard, a.out) // until it ends
	if err := a.cmd.Wait(); err != nil {
		return fmt.Errorf("end the API: %w", err)
	}
	return nil
}

// Mint makes a token in the API's table; change sets what its record says beside an hour of validity.
func (a *API) Mint(ctx context.Context, table *store.Store, change func(*token.Record)) (string, error) {
	tok := token.Mint(a.Environment)
	record := token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: "t", Expires: time.Now().Add(time.Hour), Active: true}
	change(&record)
	if err := table.PutToken(ctx, record); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return tok.String(), nil
}

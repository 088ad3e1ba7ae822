// Command contracttest lets Schemathesis ask a running API for everything that docs/openapi.json promises.
//
//	go run ./tools/contracttest -url http://127.0.0.1:3000 -token-file .local/token
//
// `make contract-test` asks the API of `make run`. It takes half a minute, during which it stores observations and competitors of
// its own, so it is not for an environment whose data matter. The exit status is 1 if an answer has a status, header or
// member that is not described, if there is a 5xx, or if a call without the token is answered.
//
// Before that, a Python client is generated from the document alone and makes its calls (python/calls.py): the contract serves clients
// in other languages than ours.
//
// Schemathesis sees the document as the tests read it, strictly: what readers must accept and the API does not send yet is a
// failure here too. schemathesis.toml says what it asks; the requests are the same each time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pricing/samkit/pythonenv"
	"pricing/shared/testkit/contract"
)

const (
	folder   = "tools/contracttest"
	document = "openapi.json"
	most     = 3 * time.Minute // longer, and it hangs or the machine is far too slow
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2) //nolint:gocritic // stop only undoes NotifyContext
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "contracttest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, errs io.Writer) error {
	flags := flag.NewFlagSet("contracttest", flag.ContinueOnError)
	flags.SetOutput(errs)
	base := flags.String("url", "http://127.0.0.1:3000", "the API's `address`, without /v1")
	tokenFile := flags.String("token-file", ".local/token", "`file` with a token of all scopes")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has told
	}
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	python, err := pythonenv.Install(ctx, ".", folder, errs)
	if err != nil {
		return err
	}
	if python, err = filepath.Abs(python); err != nil {
		return fmt.Errorf("find Python: %w", err)
	}
	dir, err := os.MkdirTemp("", "contracttest-") // Schemathesis leaves files where it runs
	if err != nil {
		return fmt.Errorf("make a folder to run in: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := writeStrict(filepath.Join(dir, document)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	p := program{python: python, dir: dir, token: strings.TrimSpace(string(token)), errs: errs}
	root, err := filepath.Abs(".")
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	calls := filepath.Join(root, folder, "python")
	if err := p.run(ctx, "-m", "openapi_python_client", "generate", "--path", filepath.Join(root, contract.File), "--meta", "none",
		"--output-path", "competitor_prices", "--config", filepath.Join(calls, "config.yaml"), "--fail-on-warning"); err != nil {
		return fmt.Errorf("no Python client can be made from the contract: %w", err)
	}
	if err := p.run(ctx, filepath.Join(calls, "calls.py"), *base); err != nil {
		return fmt.Errorf("a Python client does not get along with the API: %w", err)
	}
	config := filepath.Join(root, folder, "schemathesis.toml")
	if err := p.run(ctx, "-m", "schemathesis.cli", "--config-file", config, "run", document, "--url", *base, "--no-color"); err != nil {
		return fmt.Errorf("the API does not answer as the contract says: %w", err)
	}
	return nil
}

// program is Python as it is run here.
type program struct {
	python, dir string
	token       string // in the environment, since every user of the machine sees arguments
	errs        io.Writer
}

func (p program) run(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, p.python, args...)
	c.Dir = p.dir
	c.Env = append(os.Environ(), "TOKEN="+p.token, "PYTHONPATH="+p.dir)
	c.Stdout = os.Stdout
	c.Stderr = p.errs
	return c.Run()
}

// writeStrict writes the document, read strictly, into a file.
func writeStrict(file string) error {
	text, err := os.ReadFile(contract.File)
	if err != nil {
		return fmt.Errorf("read the contract: %w", err)
	}
	if text, err = contract.Strict(text); err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write the contract: %w", err)
	}
	return nil
}

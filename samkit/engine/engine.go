// Package engine runs the embedded DynamoDB engine (Dynoxide) for the laptop, for tests and for runs of the SAM CLI, and makes a
// template's tables on it.
//
// The engine is a child process on a free port, in memory or in one file. It dies with its parent, however that ends. What is
// deployed never imports this package.
package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// binary is where `npm ci --prefix samkit/engine` puts the engine, below the module's root.
var binary = filepath.Join("samkit", "engine", "node_modules", "@dynoxide", "linux-x64", "dynoxide")

// ErrMissing says that the engine was not fetched.
var ErrMissing = errors.New(
	"the DynamoDB engine is missing: run `npm ci --prefix samkit/engine`, or set AWS_ENDPOINT_URL_DYNAMODB to another one")

// Engine is a running engine.
type Engine struct {
	path     string
	args     []string
	endpoint string
	stop     chan struct{}
	done     chan struct{}
}

// Root returns the module's root: the nearest folder above the working directory that holds go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module root: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the module root: no go.mod above the working directory")
		}
		dir = parent
	}
}

// Start starts an engine on a loopback port and waits until it answers. root is the module's root. dbPath is the database file;
// when it is empty everything stays in memory. Where the engine was never fetched the error is ErrMissing.
func Start(ctx context.Context, root, dbPath string) (*Engine, error) {
	return StartAt(ctx, root, "127.0.0.1", dbPath)
}

// StartAt is Start with another address of this machine: a container cannot reach the loopback ones.
func StartAt(ctx context.Context, root, host, dbPath string) (*Engine, error) {
	path := filepath.Join(root, binary)
	if _, err := os.Stat(path); err != nil {
		return nil, ErrMissing
	}
	var err error
	for range 3 { // another process may take the free port first
		var e *Engine
		if e, err = start(ctx, path, host, dbPath); err == nil {
			return e, nil
		}
	}
	return nil, fmt.Errorf("start the DynamoDB engine: %w", err)
}

func start(ctx context.Context, path, host, dbPath string) (*Engine, error) {
	port, err := freePort(host)
	if err != nil {
		return nil, err
	}
	args := []string{"serve", "--host", host, "--port", strconv.Itoa(port)}
	if dbPath != "" {
		args = append(args, "--db-path", dbPath)
	}
	return launch(ctx, path, args, "http://"+net.JoinHostPort(host, strconv.Itoa(port)))
}

// Restart starts an engine that has ended again, at the same address and on the same file.
func (e *Engine) Restart(ctx context.Context) (*Engine, error) {
	again, err := launch(ctx, e.path, e.args, e.endpoint)
	if err != nil {
		return nil, fmt.Errorf("start the DynamoDB engine again: %w", err)
	}
	return again, nil
}

func launch(ctx context.Context, path string, args []string, endpoint string) (*Engine, error) {
	e := &Engine{path: path, args: args, endpoint: endpoint, stop: make(chan struct{}), done: make(chan struct{})}
	cmd := exec.Command(path, args...)
	started := make(chan error)
	go e.run(cmd, started)
	if err := <-started; err != nil {
		return nil, err
	}
	if err := e.ready(ctx); err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

// run starts the child and stays with it on one OS thread: the kernel ends the child together with the thread that started it,
// and Go ends idle threads as it likes.
func (e *Engine) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer close(e.done)
	// A process group of its own keeps Ctrl-C from it: the parent decides when it ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the reason is of no use: Stop asked for it, or calls to the engine fail
		close(exited)
	}()
	select {
	case <-exited:
	case <-e.stop:
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		<-exited
	}
}

// ready waits until the engine answers or ends.
func (e *Engine) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // usually it takes milliseconds, but the machine may be busy
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.endpoint, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-tick.C:
		case <-e.done:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return errors.New("it does not answer")
		}
	}
}

// Endpoint returns the engine's URL.
func (e *Engine) Endpoint() string { return e.endpoint }

// Done is closed when the engine has ended, whoever ended it.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Stop ends the engine and waits for it. What was written to a file is kept.
func (e *Engine) Stop() {
	select {
	case <-e.stop:
	default:
		close(e.stop)
	}
	<-e.done
}

func freePort(host string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close() //nolint:errcheck // only its number was wanted
	return l.Addr().(*net.TCPAddr).Port, nil
}

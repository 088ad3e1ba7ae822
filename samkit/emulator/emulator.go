// Package emulator starts and ends an emulator of AWS (ministack), for programs and scripts that deploy.
//
// It enforces execution roles, and runs functions as processes of this machine. It shifts no traffic, knows no metric math and
// does not make the gateway's own answers. Linux only.
package emulator

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pricing/samkit/process"
	"pricing/samkit/pythonenv"
)

const (
	// Region is the one region that the emulator has.
	Region = "eu-west-1"
	// AccountID is the account's.
	AccountID = "000000000000"
	// Folder is the tool's, for pythonenv.
	Folder = "samkit/emulator"
)

// Install returns the Python that has the emulator and the AWS CLI, and installs both, once, below root.
func Install(ctx context.Context, root string, log io.Writer) (python string, err error) {
	if python, err = pythonenv.Install(ctx, root, Folder, log); err != nil {
		return "", fmt.Errorf("install the emulator: %w", err)
	}
	return python, nil
}

// Emulator is a running emulator.
type Emulator struct {
	URL string // takes the place of AWS

	cli     string
	process *process.Process
	calls   *process.Process // runs the AWS CLI
}

//go:embed awsserver.py
var awsServer string

// aws is the command aws: it lets awsServer call the AWS CLI, which finds a stream like that of <(...) by this process. -I and -S keep
// Python's own start short.
const aws = `#!%s -IS
import array, json, os, socket, sys
call = socket.socket(socket.AF_UNIX)
call.connect(%q)
arguments = [text.replace("/dev/fd/", "/proc/%%d/fd/" %% os.getpid()) for text in sys.argv[1:]]
asks = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
streams = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
text = json.dumps(asks).encode() + b"\n"
call.sendall(text[call.sendmsg([text], [streams]):])
sys.exit((call.recv(1) or b"\xff")[0])
`

// Start starts an emulator and waits until it answers. What it keeps and what it prints go below dir.
func Start(ctx context.Context, python, dir string) (*Emulator, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	home := filepath.Join(dir, "emulator")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	e := &Emulator{URL: "http://127.0.0.1:" + port}
	if err := e.startCLI(ctx, python, dir); err != nil {
		return nil, err
	}
	cmd := exec.Command(python, "-m", "ministack")
	cmd.Dir = home
	cmd.Env = []string{ // and nothing else: every function gets a copy of all this
		"PATH=/usr/bin:/bin", "HOME=" + home, "TMPDIR=" + home, "BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + port,
		"MINISTACK_HOST=localhost", "MINISTACK_REGION=" + Region, "AWS_ENDPOINT_URL=" + e.URL, "AUTH=true", // enforces roles
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0",
	}
	if e.process, err = process.Start(dir, cmd); err != nil {
		e.calls.Stop()
		return nil, err
	}
	if err := e.process.Ready(ctx, e.healthy); err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

func (e *Emulator) healthy(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL+"/_ministack/health", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req) // no proxy
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Stop ends the emulator, which ends the functions that it runs.
func (e *Emulator) Stop() {
	e.process.Stop()
	e.calls.Stop()
}

// Gone stops the emulator and asserts that nothing which it started stays. The kernel may take a moment for that.
func (e *Emulator) Gone(ctx context.Context) error {
	e.Stop()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for e.process.Left() || e.calls.Left() {
		select {
		case <-ctx.Done():
			return errors.New("processes of the emulator are still there")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// CLI is the path of the command aws.
func (e *Emulator) CLI() string { return e.cli }

// API is the URL of a stage of a REST API with this id.
func (e *Emulator) API(id, stage string) string {
	return e.URL + "/_aws/execute-api/" + id + "/" + stage
}

// Environment is this program's environment, with the emulator in the place of AWS and its command aws first in PATH.
func (e *Emulator) Environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") && !strings.HasPrefix(variable, "SAM_") {
			kept = append(kept, variable)
		}
	}
	return append(kept,
		"PATH="+filepath.Dir(e.cli)+":"+os.Getenv("PATH"), "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"AWS_ENDPOINT_URL="+e.URL, "AWS_REGION="+Region, "AWS_DEFAULT_REGION="+Region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
		"SAM_CLI_TELEMETRY=0", "SAM_CLI_POLL_DELAY=0.5")
}

// startCLI makes the command aws, and starts what runs it.
func (e *Emulator) startCLI(ctx context.Context, python, dir string) (err error) {
	server, listens := filepath.Join(dir, "awsserver.py"), filepath.Join(dir, "aws.socket")
	if err := os.WriteFile(server, []byte(awsServer), 0o600); err != nil {
		return fmt.Errorf("write what runs the AWS CLI: %w", err)
	}
	if e.cli, err = command(dir, fmt.Sprintf(aws, python, listens)); err != nil {
		return err
	}
	if e.calls, err = process.Start(dir, exec.Command(python, server, listens)); err != nil {
		return err
	}
	if err := e.calls.Ready(ctx, func(context.Context) error { _, err := os.Stat(listens); return err }); err != nil {
		e.calls.Stop()
		return err
	}
	return nil
}

// CLI makes the command aws in a folder bin below dir and returns its path. The one that pip makes names the folder in which the
// environment was made.
func CLI(python, dir string) (string, error) {
	return command(dir, fmt.Sprintf("#!/bin/sh\nexec %q -m awscli \"$@\"\n", python))
}

func command(dir, script string) (string, error) {
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	path := filepath.Join(bin, "aws")
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return "", fmt.Errorf("write the command aws: %w", err)
	}
	return path, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close() //nolint:errcheck // only its number was wanted
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pricing/samkit/process"
)

const (
	region = "eu-west-1"
	bucket = "artifacts"
)

// emulator is AWS, as far as it is needed.
type emulator struct {
	url     string
	process *process.Process
}

// start starts the emulator and makes what must be there before the first deployment: the bucket.
func (r *rehearsal) start(ctx context.Context) (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	home := filepath.Join(r.dir, "emulator")
	if err := os.Mkdir(home, 0o700); err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	url := "http://127.0.0.1:" + port
	cmd := exec.Command(r.python, "-m", "ministack")
	cmd.Dir = home
	cmd.Env = []string{ // and nothing else: all of it is copied into every function
		"PATH=/usr/bin:/bin", "HOME=" + home, "TMPDIR=" + home, "BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + port,
		"MINISTACK_HOST=localhost", "MINISTACK_REGION=" + region, "AWS_ENDPOINT_URL=" + url, "AUTH=true", // enforces roles
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0",
	}
	p, err := process.Start(r.dir, cmd)
	if err != nil {
		return "", err
	}
	r.emulator = &emulator{url: url, process: p}
	err = p.Ready(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/_ministack/health", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	if err == nil {
		err = r.wrapCLI()
	}
	if err == nil {
		_, err = r.aws(ctx, "s3", "mb", "s3://"+bucket)
	}
	if err != nil {
		r.emulator.stop()
		return "", err
	}
	return "ministack at " + url + ", execution roles enforced", nil
}

// stop ends the emulator; it ends the functions.
func (e *emulator) stop() { e.process.Stop() }

// gone stops the emulator and asserts that nothing which it started stays; the system takes a moment to bury the dead.
func (e *emulator) gone() error {
	e.stop()
	for range 50 {
		if !e.process.Left() {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("processes of the emulator are left after five seconds")
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close() //nolint:errcheck // only its number was wanted
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// wrapCLI makes the command aws: pip's own names the folder in which the environment was made.
func (r *rehearsal) wrapCLI() error {
	bin := filepath.Join(r.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %q -m awscli \"$@\"\n", r.python)
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		return fmt.Errorf("write the command aws: %w", err)
	}
	return nil
}

// environment is this program's, with the emulator in the place of AWS and of git's own variables.
func (r *rehearsal) environment(more ...string) []string {
	var kept []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "AWS_") && !strings.HasPrefix(name, "SAM_") && !strings.HasPrefix(name, "GIT_") {
			kept = append(kept, variable)
		}
	}
	kept = append(kept,
		"PATH="+filepath.Join(r.dir, "bin")+":"+os.Getenv("PATH"), "TMPDIR="+r.dir, "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"AWS_ENDPOINT_URL="+r.emulator.url, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
		"SAM_CLI_TELEMETRY=0", "SAM_CLI_POLL_DELAY=0.5",
		"GOFLAGS=-trimpath", "CGO_ENABLED=0", // the copy's place differs each time; so the build cache serves all the same
		"PACK_FLAGS=-arch x86_64", "SMOKE_FLAGS=-emulator", "SMOKE_URL="+r.emulator.url+"/_aws/execute-api/{ApiId}/{env}",
		"PARAMETERS="+strings.Join(parameters, "\n"), "ALLOW_CHANGES=", "GUARD_FLAGS=", "CFN_ROLE_ARN=")
	return append(kept, more...)
}

// parameters stand in the place of samconfig.toml's in every environment: what the emulator refuses is left out.
var parameters = []string{"Architecture=x86_64", "BoundedRoles=false", "GradualDeployments=false", "Rehearsal=true"}

// command runs a program in the copy of the project and returns what it printed.
func (r *rehearsal) command(ctx context.Context, environment []string, name string, args ...string) (string, error) {
	cmd := process.Command(ctx, name, args...)
	cmd.Dir, cmd.Env = r.copy, r.environment(environment...)
	text, err := cmd.CombinedOutput()
	_, _ = fmt.Fprintf(r.log, "$ %s %s\n%s", filepath.Base(name), strings.Join(args, " "), text)
	return string(text), err
}

// must is a command that has to succeed.
func (r *rehearsal) must(ctx context.Context, environment []string, name string, args ...string) (string, error) {
	text, err := r.command(ctx, environment, name, args...)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, last(text))
	}
	return text, nil
}

// refused is a command that has to fail and to say why.
func (r *rehearsal) refused(ctx context.Context, why, name string, args ...string) error {
	text, err := r.command(ctx, nil, name, args...)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return fmt.Errorf("%s %s succeeded, but had to be refused\n%s", filepath.Base(name), strings.Join(args, " "), last(text))
	case !strings.Contains(text, why):
		return fmt.Errorf("%s %s failed, but not for %q: %w\n%s", filepath.Base(name), strings.Join(args, " "), why, err, last(text))
	}
	return nil
}

// aws asks the AWS CLI.
func (r *rehearsal) aws(ctx context.Context, args ...string) (string, error) {
	text, err := r.must(ctx, nil, filepath.Join(r.dir, "bin", "aws"), args...)
	return strings.TrimSpace(text), err
}

// script runs one of ops/pipeline.
func (r *rehearsal) script(ctx context.Context, environment []string, name string, args ...string) (string, error) {
	return r.must(ctx, environment, filepath.Join("ops", "pipeline", name), args...)
}

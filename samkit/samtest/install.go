package samtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"pricing/samkit/process"
)

// cannot says why the test cannot run on this machine; "" when it can.
func cannot() string {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "the embedded DynamoDB engine is for Linux on x86-64"
	}
	if os.Geteuid() != 0 {
		return "not root, which a Docker daemon needs"
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "no apt-get to install Docker with"
	}
	return ""
}

// needDocker installs Docker's daemon.
func needDocker(ctx context.Context, out io.Writer) error {
	if _, err := exec.LookPath("dockerd"); err == nil {
		return nil
	}
	_, _ = fmt.Fprintln(out, "installing docker.io")
	install := []string{"-qq", "install", "-y", "--no-install-recommends", "docker.io"}
	for _, args := range [][]string{{"-qq", "update"}, install} {
		cmd := process.Command(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(text)))
		}
	}
	return nil
}

// lock waits until no other samtest runs on this machine: two daemons would share the bridge docker0 and give out the same
// addresses.
func lock(ctx context.Context, out io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(os.TempDir(), "samtest.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for told := false; ; told = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil // which unlocks
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = file.Close() // the other error is the one to report
			return nil, fmt.Errorf("lock: %w", err)
		}
		if !told {
			_, _ = fmt.Fprintln(out, "waiting for another samtest on this machine")
		}
		select {
		case <-ctx.Done():
			_ = file.Close() // the other error is the one to report
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

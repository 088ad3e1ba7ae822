// Package process runs other programs beside this one, and ends each of them when this one says so.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a process that runs beside this one until it is stopped.
type Process struct {
	cmd    *exec.Cmd
	log    string // file with its output
	exited chan struct{}
}

// Start starts a process whose output goes to a new file below dir. A process group of its own keeps Ctrl-C from it: children
// end in the order in which this program stops them.
func Start(dir string, cmd *exec.Cmd) (*Process, error) {
	file, err := os.CreateTemp(dir, filepath.Base(cmd.Path)+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	defer file.Close() //nolint:errcheck // the process has its own
	cmd.Stdout = file
	cmd.Stderr = file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd, log: file.Name(), exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // whoever waits for it looks at its output
		close(p.exited)
	}()
	return p, nil
}

// Ready waits until check succeeds or the process ends, at most two minutes.
func (p *Process) Ready(ctx context.Context, check func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("it is not ready after two minutes"))
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended by itself: %s", p.cmd.Path, p.Said())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (%w): %s", p.cmd.Path, context.Cause(ctx), err, p.Said())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Output is all that the process has written.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Said is the end of the output.
func (p *Process) Said() string {
	text := strings.TrimSpace(p.Output())
	return text[max(0, len(text)-2000):]
}

// Left reports whether anything that the process started is still there.
func (p *Process) Left() bool { return syscall.Kill(-p.cmd.Process.Pid, 0) == nil }

// Stop ends the process. It gives the process 20 seconds to clean up.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may just have ended
		<-p.exited
	}
}

// Command is a program to wait for. It ends with ctx, and so does everything that it started.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

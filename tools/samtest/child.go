package main

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

// child is a process that runs beside this one until it is stopped.
type child struct {
	cmd    *exec.Cmd
	log    string // its output
	exited chan struct{}
}

// startChild starts a process, its output goes to a new file below dir. A process group of its own keeps Ctrl-C from it:
// children end in the order in which this program stops them.
func startChild(dir string, cmd *exec.Cmd) (*child, error) {
	file, err := os.CreateTemp(dir, filepath.Base(cmd.Path)+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	defer file.Close() //nolint:errcheck // the child has it
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	c := &child{cmd: cmd, log: file.Name(), exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // whoever waits for it looks at what it said
		close(c.exited)
	}()
	return c, nil
}

// ready waits until check succeeds: at most a minute.
func (c *child) ready(ctx context.Context, check func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("it is not ready after a minute"))
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("%s ended by itself: %s", c.cmd.Path, c.said())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (%w): %s", c.cmd.Path, context.Cause(ctx), err, c.said())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// output is all that the child has written.
func (c *child) output() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// said is the end of the child's output.
func (c *child) said() string {
	text := strings.TrimSpace(c.output())
	return text[max(0, len(text)-2000):]
}

// stop ends the process: it may take a while to leave nothing behind.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-c.exited:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // it may just have ended
		<-c.exited
	}
}

// command is a process that is waited for and ends, with what it started, with ctx.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

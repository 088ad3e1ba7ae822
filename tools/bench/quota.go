package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// quota limits the CPU of programs, each by itself, with control groups of Linux. Its zero value and nil limit nothing.
type quota struct {
	parent string // of the programs' groups
	share  float64
	second bool // version 2 of control groups
	groups []string
}

const (
	groups = "/sys/fs/cgroup"
	period = 20_000 // microseconds; a program that has used its share waits for the next one
)

// newQuota gives each program so many CPUs. Its error says why that is not possible here.
func newQuota(name string, share float64) (*quota, error) {
	q := &quota{share: share}
	_, err := os.Stat(filepath.Join(groups, "cgroup.controllers"))
	q.second = err == nil
	q.parent = filepath.Join(groups, "cpu", name)
	if q.second {
		q.parent = filepath.Join(groups, name)
	}
	if err := os.Mkdir(q.parent, 0o700); err != nil {
		return nil, fmt.Errorf("make a control group: %w", err)
	}
	q.groups = append(q.groups, q.parent)
	if q.second {
		if err := os.WriteFile(filepath.Join(q.parent, "cgroup.subtree_control"), []byte("+cpu"), 0o600); err != nil {
			q.remove()
			return nil, fmt.Errorf("limit the CPU of a control group: %w", err)
		}
	}
	return q, nil
}

// wrap writes a script that starts a binary within a group of its own, after it has written its process id into a file, and returns
// the script's path.
func (q *quota) wrap(script, pidFile, binary string) (string, error) {
	lines := []string{"#!/bin/sh", "set -e", "echo $$ > " + pidFile}
	if q != nil {
		group := filepath.Join(q.parent, filepath.Base(script))
		if err := q.limit(group); err != nil {
			return "", err
		}
		lines = append(lines, "echo $$ > "+filepath.Join(group, "cgroup.procs"))
	}
	lines = append(lines, "exec "+binary, "")
	return script, os.WriteFile(script, []byte(strings.Join(lines, "\n")), 0o700)
}

func (q *quota) limit(group string) error {
	if err := os.Mkdir(group, 0o700); err != nil {
		return fmt.Errorf("make a control group: %w", err)
	}
	q.groups = append(q.groups, group)
	settings := map[string]string{"cpu.cfs_period_us": fmt.Sprint(period), "cpu.cfs_quota_us": fmt.Sprint(int(q.share * period))}
	if q.second {
		settings = map[string]string{"cpu.max": fmt.Sprint(int(q.share*period), " ", period)}
	}
	for name, value := range settings {
		if err := os.WriteFile(filepath.Join(group, name), []byte(value), 0o600); err != nil {
			return fmt.Errorf("limit the CPU of a control group: %w", err)
		}
	}
	return nil
}

// remove removes the groups, whose programs have ended.
func (q *quota) remove() {
	if q == nil {
		return
	}
	for i := len(q.groups) - 1; i >= 0; i-- {
		_ = os.Remove(q.groups[i]) // an empty group costs nothing
	}
}

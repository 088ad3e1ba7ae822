// Package binaries runs trials on the real functions, behind samkit/local, and does to their processes what happens to processes.
//
// Two copies of the project serve one table. The functions of the second have a short time, so their deadlines cut them off, and may be
// of another version of the code. While the workers send, functions are killed with SIGKILL or stopped for a while, and so is the
// engine; the pipe that the second copy's functions log to may have no reader.
//
// What surprises: only children of the two samkit/local are killed, each by its id. Nothing of the API puts products yet, so a process
// of this one does it.
package binaries

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
	"pricing/tools/chaos/plan"
	"pricing/tools/chaos/trial"
	"pricing/tools/internal/localapi"
)

// Host serves the API. Make one with New, and give it an engine with On.
type Host struct {
	engine string // its URL
	pid    int    // of the engine; 0: it is not to be stopped
	design trial.Design
	whole  localapi.Project
	short  localapi.Project
}

// New copies the project at root, and the one at other for the second copy, below dir.
func New(root, other, dir string, design trial.Design) (Host, error) {
	h := Host{design: design}
	var err error
	if h.whole, err = localapi.Build(root, filepath.Join(dir, "whole")); err != nil {
		return h, err
	}
	if h.short, err = localapi.Build(other, filepath.Join(dir, "short")); err != nil {
		return h, err
	}
	return h, shorten(filepath.Join(h.short.Dir, "template.yaml"))
}

// On is the host with an engine, whose process is pid; 0: it is not to be stopped.
func (h Host) On(engine string, pid int) Host {
	h.engine = engine
	h.pid = pid
	return h
}

// shortTime is what functions of the second copy get, in seconds. They stop 1.5 s before its end.
const shortTime = "2"

var timeout = regexp.MustCompile(`(?m)^( +Timeout:) \d+$`)

// shorten gives every function of a template little time.
func shorten(template string) error {
	text, err := os.ReadFile(template)
	if err != nil {
		return fmt.Errorf("shorten the functions' time: %w", err)
	}
	if !timeout.Match(text) {
		return errors.New("shorten the functions' time: the template gives none")
	}
	return os.WriteFile(template, timeout.ReplaceAll(text, []byte("${1} "+shortTime)), 0o600)
}

// Start serves the API twice.
func (h Host) Start(ctx context.Context, environment, proxy string, seed uint64) (trial.Running, error) {
	r := &running{host: h, tokens: map[string]string{}, met: map[string]int{}, end: make(chan struct{}),
		random: rand.New(rand.NewPCG(seed, 2)), client: &http.Client{Transport: &http.Transport{}}}
	for _, project := range []localapi.Project{h.whole, h.short} {
		s, err := project.ServeIn(environment, proxy)
		if err != nil {
			return nil, errors.Join(err, r.stopServers())
		}
		r.servers = append(r.servers, s)
	}
	table := store.New(storetest.Client(h.engine), store.Options{Table: r.servers[0].Table})
	for _, client := range plan.Clients {
		text, err := r.servers[0].Mint(ctx, table, func(t *token.Record) {
			t.Client = client
			t.Scopes = token.Scopes
		})
		if err != nil {
			return nil, errors.Join(err, r.stopServers())
		}
		r.tokens[client] = text
	}
	if r.random.IntN(2) == 0 {
		r.met["stdout closed"]++
		r.deaf = true
		if err := closeOutput(h.short.Dir); err != nil {
			return nil, errors.Join(err, r.stopServers())
		}
	}
	r.open = func() trial.Process { return trial.Open(h.design, proxy, r.servers[0].Table) }
	r.doing.Go(r.disturb)
	return r, nil
}

// deaf starts a function with a standard output that nobody reads.
const deaf = `#!/bin/bash
exec > >(exit 0) 2>&1
exec "$0.real"
`

// real is what stands behind the name of a function's program while a deaf one takes its place.
const real = ".real"

// closeOutput makes the processes that samkit/local starts from now on deaf ones.
func closeOutput(project string) error {
	programs, err := filepath.Glob(filepath.Join(project, ".local", "build", "*", "bootstrap"))
	if err == nil && len(programs) == 0 {
		err = errors.New("there are no functions")
	}
	for _, program := range programs {
		if err == nil {
			err = os.Rename(program, program+real)
		}
		if err == nil {
			err = os.WriteFile(program, []byte(deaf), 0o755)
		}
	}
	if err != nil {
		return fmt.Errorf("close the functions' output: %w", err)
	}
	return nil
}

// openOutput undoes closeOutput.
func openOutput(project string) error {
	programs, err := filepath.Glob(filepath.Join(project, ".local", "build", "*", "bootstrap"+real))
	for _, program := range programs {
		if err == nil {
			err = os.Rename(program, strings.TrimSuffix(program, real))
		}
	}
	if err != nil {
		return fmt.Errorf("open the functions' output: %w", err)
	}
	return nil
}

// running are the two servers of a trial.
type running struct {
	host    Host
	servers []*localapi.API
	tokens  map[string]string // by client
	client  *http.Client
	open    func() trial.Process
	deaf    bool // the second server's functions are

	random *rand.Rand // of disturb alone
	met    map[string]int
	end    chan struct{}
	doing  sync.WaitGroup
}

// Open sends the requests of half of the workers to each server.
func (r *running) Open(worker int) trial.Process {
	return remote{url: r.servers[worker%len(r.servers)].URL, tokens: r.tokens, client: r.client, Process: r.open()}
}

// Stop ends the servers.
func (r *running) Stop() (map[string]int, error) {
	close(r.end)
	r.doing.Wait()
	r.client.CloseIdleConnections()
	return r.met, r.stopServers()
}

func (r *running) stopServers() error {
	var errs []error
	for _, s := range r.servers {
		errs = append(errs, s.Stop())
	}
	if r.deaf {
		errs = append(errs, openOutput(r.host.short.Dir))
	}
	return errors.Join(errs...)
}

// disturb does something to a process every now and then.
func (r *running) disturb() {
	for {
		if !r.rest(time.Duration(r.random.IntN(300)) * time.Millisecond) {
			return
		}
		functions := children(r.servers[r.random.IntN(len(r.servers))].PID())
		switch n := r.random.IntN(10); {
		case n < 2 && r.host.pid != 0:
			r.stopFor(r.host.pid, "engine stopped", time.Duration(r.random.IntN(2500))*time.Millisecond)
		case len(functions) == 0:
		case n < 4:
			r.stopFor(functions[r.random.IntN(len(functions))], "function stopped", time.Duration(r.random.IntN(2000))*time.Millisecond)
		default:
			if syscall.Kill(functions[r.random.IntN(len(functions))], syscall.SIGKILL) == nil {
				r.met["function killed"]++
			}
		}
	}
}

// rest waits, and reports whether the trial goes on.
func (r *running) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.end:
		return false
	}
}

// stopFor stops a process for a while.
func (r *running) stopFor(pid int, what string, d time.Duration) {
	if syscall.Kill(pid, syscall.SIGSTOP) != nil {
		return // it has just ended
	}
	r.met[what]++
	r.rest(d)
	_ = syscall.Kill(pid, syscall.SIGCONT) // it may have been killed
}

// children are the ids of the processes that a process has started.
func children(pid int) []int {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is right
	var ids []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range regexp.MustCompile(`\d+`).FindAllString(string(text), -1) {
			if id, err := strconv.Atoi(field); err == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// EngineOf is the id of the engine that this process has started; 0 if there is none.
func EngineOf() int {
	for _, pid := range children(os.Getpid()) {
		if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && string(name) == "dynoxide\n" {
			return pid
		}
	}
	return 0
}

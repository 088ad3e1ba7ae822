// Package lambdaruntime runs unmodified Lambda `bootstrap` binaries as warm child processes over the Runtime API.
//
// A Pool stands for one function. As in Lambda a process works on one invocation at a time, further invocations start
// further processes up to the function's concurrency, and a process that panics, exits or exceeds its timeout is gone
// while the next invocation starts another. A child's environment is exactly what it is given: nothing of the
// developer's shell reaches it. Every child dies with this process, however that ends.
package lambdaruntime

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// Function is what a pool needs to know of a function.
type Function struct {
	Name        string
	ARN         string // as invoked, with the alias
	Binary      string // path of bootstrap
	Directory   string // its working directory
	Environment []string
	Timeout     time.Duration // of an invocation; the init phase does not count
	InitTimeout time.Duration // until the first invocation is asked for; 0: DefaultInitTimeout
	Concurrency *int          // reserved concurrency, 0 refuses every call; nil: none is reserved, DefaultConcurrency holds
	// Log gets the children's output by lines, long ones in parts, from several goroutines. A child that prints waits while
	// it blocks.
	Log io.Writer
	// SystemLogLevel is that of Lambda's own lines in the log: with WARN each call that failed has a report there, with INFO or DEBUG
	// each call; empty: none has.
	SystemLogLevel string
	MemoryMB       int // as reports name it; it is not enforced
}

// What holds for a function that says nothing else.
const (
	DefaultConcurrency = 50
	DefaultInitTimeout = 10 * time.Second
)

// stopGrace is what a process of an old build gets between SIGTERM and SIGKILL.
const stopGrace = time.Second

// ErrThrottled says that every process of the function is busy and no more may be started.
var ErrThrottled = errors.New("all of the function's concurrency is in use")

// errClosed says that the pool is shutting down.
var errClosed = errors.New("the function is being stopped")

// Pool runs one function.
type Pool struct {
	f    Function
	mu   sync.Mutex
	idle []*process // last used last, and used first: as few as possible stay warm
	all  map[*process]bool
	old  map[*process]bool // of an earlier build, working on their last invocation or being stopped
	// settling counts the processes that have answered and are about to ask for more work, or to end. Until then they are
	// busy, as in Lambda, but a caller who has the answer may call again first. So calls wait for them, each for one:
	// a client that calls in turn meets one process and is never refused for it.
	settling int
	waiting  int
	changed  chan struct{} // closed, and replaced, when a process has settled or the pool is closed
	closed   bool
}

// New returns a pool without processes.
func New(f Function) *Pool {
	return &Pool{f: f, all: map[*process]bool{}, old: map[*process]bool{}, changed: make(chan struct{})}
}

// Result is an invocation's outcome.
type Result struct {
	Payload []byte
	Cold    bool // a process was started for it
}

// Invoke calls the function with an event; traceID may be empty. A failure of the function is an *Error; ErrThrottled
// says that it was not called. When ctx ends first its error is returned and the function runs on, as it does behind
// API Gateway.
func (p *Pool) Invoke(ctx context.Context, requestID, traceID string, event []byte) (Result, error) {
	proc, cold, err := p.take(ctx)
	if err != nil {
		return Result{}, err
	}
	done := make(chan outcome, 1)
	go p.work(proc, cold, invocation{id: requestID, trace: traceID, event: event}, done)
	select {
	case out := <-done:
		return Result{out.payload, cold}, out.err
	case <-ctx.Done():
		return Result{Cold: cold}, ctx.Err()
	}
}

// work sees one process through one invocation.
func (p *Pool) work(proc *process, cold bool, in invocation, done chan<- outcome) {
	called := time.Now()
	if cold {
		if err := proc.start(); err != nil {
			proc.f.Report(in.id, called, time.Since(called), err)
			p.mu.Lock()
			p.release(proc)
			p.mu.Unlock()
			done <- outcome{err: err}
			return
		}
	}
	started := time.Now()
	out := proc.invoke(in)
	proc.f.Report(in.id, started, started.Sub(called), out.err)
	p.mu.Lock()
	p.settling++
	p.mu.Unlock()
	done <- out
	proc.settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release(proc)
	p.settling--
	p.signal()
}

// signal wakes the calls that wait. The caller holds the lock.
func (p *Pool) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// take returns a warm process or one that is still to be started. It waits for one that is settling.
func (p *Pool) take(ctx context.Context) (proc *process, cold bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.closed {
			return nil, false, errClosed
		}
		if proc := p.takeIdle(); proc != nil {
			return proc, false, nil
		}
		if p.settling <= p.waiting {
			break
		}
		if err := p.wait(ctx); err != nil {
			return nil, false, err
		}
	}
	most := DefaultConcurrency
	if p.f.Concurrency != nil {
		most = *p.f.Concurrency
	}
	if len(p.all) >= most {
		return nil, false, ErrThrottled
	}
	proc = newProcess(p.f)
	p.all[proc] = true
	return proc, true, nil
}

// takeIdle returns the idle process that was used last; nil if there is none. The caller holds the lock.
func (p *Pool) takeIdle() *process {
	for len(p.idle) > 0 {
		proc := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if proc.alive() {
			return proc
		}
		delete(p.all, proc) // it ended while nobody called
	}
	return nil
}

// wait gives the lock away until a process has settled, the pool is closed or ctx ends.
func (p *Pool) wait(ctx context.Context) error {
	p.waiting++
	changed := p.changed
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.waiting--
	}()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release keeps a living process of this build for the next invocation and ends one of an earlier build. The caller
// holds the lock.
func (p *Pool) release(proc *process) {
	switch {
	case !proc.alive():
		delete(p.all, proc)
		delete(p.old, proc)
	case p.old[proc]:
		go p.end(proc)
	case p.all[proc] && !p.closed:
		p.idle = append(p.idle, proc)
	}
}

// end stops a process of an earlier build.
func (p *Pool) end(proc *process) {
	proc.stop(stopGrace)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.old, proc)
}

// Replace makes the pool run another build: idle processes end at once, busy ones after their invocation.
func (p *Pool) Replace(f Function) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.f = f
	for proc := range p.all {
		p.old[proc] = true
	}
	for _, proc := range p.idle {
		go p.end(proc)
	}
	clear(p.all)
	p.idle = nil
}

// Close ends all processes with SIGTERM, and SIGKILL after the grace, and waits for them.
func (p *Pool) Close(grace time.Duration) {
	p.mu.Lock()
	p.closed = true
	var procs []*process
	for _, set := range []map[*process]bool{p.all, p.old} {
		for proc := range set {
			procs = append(procs, proc)
		}
	}
	p.signal()
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, proc := range procs {
		wg.Go(func() { proc.stop(grace) })
	}
	wg.Wait()
}

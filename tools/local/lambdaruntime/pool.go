// Package lambdaruntime runs unmodified Lambda `bootstrap` binaries as warm child processes over the Runtime API.
//
// A Pool stands for one function. As in Lambda a process works on one invocation at a time, further invocations start
// further processes up to the function's concurrency, and a process that panics, exits or exceeds its timeout is gone
// while the next invocation starts another. A child's environment is exactly what it is given: nothing of the
// developer's shell reaches it. Every child dies with this process, however that ends.
package lambdaruntime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	Timeout     time.Duration
	Concurrency int       // most processes at once; 0: DefaultConcurrency
	Log         io.Writer // gets the children's output, whole lines, from several goroutines
}

// DefaultConcurrency is how many processes a function without reserved concurrency may have.
const DefaultConcurrency = 50

// initTimeout is how long a process may take until it asks for its first invocation (AWS: 10 s).
const initTimeout = 10 * time.Second

// Error is a failed invocation, in the words of Lambda's own error document.
type Error struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

// Error returns type and message.
func (e *Error) Error() string { return e.Type + ": " + e.Message }

// ErrThrottled says that every process of the function is busy and no more may be started.
var ErrThrottled = errors.New("all of the function's concurrency is in use")

// errClosed says that the pool is shutting down.
var errClosed = errors.New("the function is being stopped")

// Pool runs one function.
type Pool struct {
	f     Function
	mu    sync.Mutex
	freed *sync.Cond // a process has settled
	idle  []*process // last used last, and used first: as few as possible stay warm
	all   map[*process]bool
	// settling counts processes that have answered and are about to ask for more work, or to die. The next invocation
	// waits that moment for them, so that one client calling in turn meets one process.
	settling int
	closed   bool
}

// New returns a pool without processes.
func New(f Function) *Pool {
	if f.Concurrency == 0 {
		f.Concurrency = DefaultConcurrency
	}
	p := &Pool{f: f, all: map[*process]bool{}}
	p.freed = sync.NewCond(&p.mu)
	return p
}

// Result is an invocation's outcome.
type Result struct {
	Payload []byte
	Cold    bool // a process was started for it
}

// Invoke calls the function with an event. A failure of the function is an *Error; ErrThrottled says that it was not
// called. When ctx ends first its error is returned and the function runs on, as it does behind API Gateway.
func (p *Pool) Invoke(ctx context.Context, requestID, traceID string, event []byte) (Result, error) {
	proc, cold, err := p.take()
	if err != nil {
		return Result{Cold: cold}, err
	}
	done := make(chan outcome, 1)
	go func() {
		out := proc.invoke(invocation{id: requestID, trace: traceID, event: event})
		p.mu.Lock()
		p.settling++
		p.mu.Unlock()
		done <- out
		proc.settle()
		p.mu.Lock()
		p.settling--
		p.mu.Unlock()
		p.release(proc)
		p.freed.Broadcast()
	}()
	select {
	case out := <-done:
		return Result{out.payload, cold}, out.err
	case <-ctx.Done():
		return Result{Cold: cold}, ctx.Err()
	}
}

// take returns a warm process or starts one.
func (p *Pool) take() (proc *process, cold bool, err error) {
	p.mu.Lock()
	for len(p.idle) == 0 && p.settling > 0 {
		p.freed.Wait()
	}
	switch {
	case p.closed:
		p.mu.Unlock()
		return nil, false, errClosed
	case len(p.idle) > 0:
		proc = p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		p.mu.Unlock()
		return proc, false, nil
	case len(p.all) >= p.f.Concurrency:
		p.mu.Unlock()
		return nil, false, ErrThrottled
	}
	proc = newProcess(p.f)
	p.all[proc] = true
	p.mu.Unlock()
	if err := proc.start(); err != nil {
		p.release(proc)
		return nil, true, err
	}
	return proc, true, nil
}

// release keeps a living process for the next invocation.
func (p *Pool) release(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if proc.alive() && !p.closed {
		p.idle = append(p.idle, proc)
		return
	}
	delete(p.all, proc)
}

// Replace makes the pool run another build: idle processes end at once, busy ones after their invocation.
func (p *Pool) Replace(f Function) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Concurrency == 0 {
		f.Concurrency = DefaultConcurrency
	}
	p.f = f
	for _, proc := range p.idle {
		delete(p.all, proc)
		go proc.stop(0)
	}
	p.idle = nil
	for proc := range p.all {
		proc.retire()
	}
}

// Close ends all processes with SIGTERM, and SIGKILL after the grace, and waits for them.
func (p *Pool) Close(grace time.Duration) {
	p.mu.Lock()
	p.closed = true
	procs := make([]*process, 0, len(p.all))
	for proc := range p.all {
		procs = append(procs, proc)
	}
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, proc := range procs {
		wg.Go(func() { proc.stop(grace) })
	}
	wg.Wait()
}

func exitError(requestID string, how error) *Error {
	text := "exit status 0"
	if how != nil {
		text = how.Error()
	}
	return &Error{Type: "Runtime.ExitError", Message: fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", requestID, text)}
}

// functionError reads what a function posted to /error.
func functionError(body []byte) *Error {
	e := &Error{}
	if err := json.Unmarshal(body, e); err != nil {
		return &Error{Type: "Runtime.Unknown", Message: string(body)}
	}
	return e
}

package lambdaruntime

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type invocation struct {
	id, trace string
	event     []byte
}

type outcome struct {
	payload []byte
	err     error
}

// process is one child and the Runtime API server that is its own.
type process struct {
	f        Function
	cmd      *exec.Cmd
	server   *http.Server
	next     chan invocation // to the child's GET next
	ready    chan struct{}   // the child asked for an invocation
	answered chan outcome    // from the child's POST response or error
	term     chan struct{}   // closed to ask for the end
	termOnce sync.Once
	exited   chan struct{} // closed when the child is gone
	exit     error         // how it ended; read after exited
	retired  atomic.Bool
	deadline atomic.Int64 // Unix ms of the invocation at work
}

func newProcess(f Function) *process {
	return &process{f: f, next: make(chan invocation), ready: make(chan struct{}, 1), answered: make(chan outcome, 1), term: make(chan struct{}), exited: make(chan struct{})}
}

// start runs the child until it asks for work.
func (p *process) start() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		close(p.exited)
		return fmt.Errorf("serve the runtime api: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", p.serveResponse)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", p.serveError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", p.serveError)
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Lambda-Extension-Identifier", "local")
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }() // ends with Close

	p.cmd = exec.Command(p.f.Binary)
	p.cmd.Dir = p.f.Directory
	p.cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String()}, p.f.Environment...)
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return &Error{Type: "Runtime.InvalidEntrypoint", Message: err.Error()}
	}
	timer := time.NewTimer(initTimeout)
	defer timer.Stop()
	select {
	case <-p.ready:
		return nil
	case out := <-p.answered: // POST /init/error
		p.stop(0)
		return out.err
	case <-p.exited:
		return exitError("init", p.exit)
	case <-timer.C:
		p.stop(0)
		return &Error{Type: "Sandbox.Timedout", Message: "the init phase took longer than " + initTimeout.String()}
	}
}

// run starts the child and stays with it on one OS thread: the kernel ends the child when the thread that started it
// ends, and Go ends idle threads as it likes.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer close(p.exited)
	defer p.server.Close() //nolint:errcheck // nothing is left to tell
	output, input := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = input, input
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // own group: Ctrl-C is ours to pass on
	logged := make(chan struct{})
	go p.log(output, logged)
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	gone := make(chan struct{})
	go func() {
		select {
		case <-p.term:
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
		case <-gone:
		}
	}()
	p.exit = p.cmd.Wait()
	close(gone)
	_ = input.Close() // a pipe's Close has no error
	<-logged
}

// log passes the child's output on, line by line.
func (p *process) log(output io.Reader, done chan<- struct{}) {
	defer close(done)
	lines := bufio.NewReaderSize(output, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			_, _ = p.f.Log.Write(line) // a log that cannot be written must not stop the function
		}
		if err != nil {
			return
		}
	}
}

// invoke hands an invocation to the ready child and waits for its answer, its end or its timeout.
func (p *process) invoke(in invocation) outcome {
	deadline := time.Now().Add(p.f.Timeout)
	p.deadline.Store(deadline.UnixMilli())
	timer := time.NewTimer(p.f.Timeout)
	defer timer.Stop()
	select {
	case p.next <- in:
	case <-p.exited:
		return outcome{err: exitError(in.id, p.exit)}
	}
	select {
	case out := <-p.answered:
		return out
	case <-p.exited:
		select {
		case out := <-p.answered: // it answered and left
			return out
		default:
			return outcome{err: exitError(in.id, p.exit)}
		}
	case <-timer.C:
		_ = p.cmd.Process.Kill() // it may just have ended
		<-p.exited
		return outcome{err: &Error{Type: "Sandbox.Timedout", Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", in.id, p.f.Timeout.Seconds())}}
	}
}

// settle waits until the child can take more work or is gone: after a panic it still answers, then exits.
func (p *process) settle() {
	timer := time.NewTimer(initTimeout)
	defer timer.Stop()
	select {
	case <-p.ready:
		if p.retired.Load() {
			p.stop(time.Second)
		}
	case <-p.exited:
	case <-timer.C:
		p.stop(0)
	}
}

func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// retire makes the child end after the invocation at work.
func (p *process) retire() { p.retired.Store(true) }

// stop ends the child: SIGTERM, then SIGKILL after the grace.
func (p *process) stop(grace time.Duration) {
	p.termOnce.Do(func() { close(p.term) })
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return
	case <-timer.C:
	}
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Kill() // it may just have ended
	}
	<-p.exited
}

func (p *process) serveNext(w http.ResponseWriter, r *http.Request) {
	select {
	case p.ready <- struct{}{}:
	default:
	}
	select {
	case in := <-p.next:
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", in.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(p.deadline.Load(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", p.f.ARN)
		h.Set("Lambda-Runtime-Trace-Id", in.trace)
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(in.event) // a child that is gone is noticed by its exit
	case <-r.Context().Done():
	}
}

func (p *process) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.answer(outcome{err: &Error{Type: "Runtime.TruncatedResponse", Message: err.Error()}})
		return
	}
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		p.answer(outcome{err: &Error{Type: kind, Message: "the streamed response failed midway"}})
	} else {
		p.answer(outcome{payload: body})
	}
	w.WriteHeader(http.StatusAccepted)
}

func (p *process) serveError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil && !errors.Is(err, io.EOF) {
		body = []byte(strings.TrimSpace(err.Error()))
	}
	p.answer(outcome{err: functionError(body)})
	w.WriteHeader(http.StatusAccepted)
}

// answer keeps the first answer of an invocation.
func (p *process) answer(out outcome) {
	select {
	case p.answered <- out:
	default:
	}
}

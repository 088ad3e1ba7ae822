package lambdaruntime

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

type invocation struct {
	id, trace string
	event     []byte
	deadline  time.Time
}

type outcome struct {
	payload []byte
	err     error
}

// process is one child and the Runtime API server that is its own.
type process struct {
	f          Function
	server     *http.Server
	next       chan invocation // to the child's GET next
	ready      chan struct{}   // the child asked for an invocation
	initFailed chan *Error     // from the child's POST init/error
	answered   chan outcome    // from the child's POST response or error
	term, kill chan struct{}   // closed to ask for the end
	termOnce   sync.Once
	killOnce   sync.Once
	exited     chan struct{} // closed when the child is gone
	exit       error         // how it ended; read after exited

	mu      sync.Mutex
	current string // id of the invocation at work that has no answer yet
}

func newProcess(f Function) *process {
	return &process{f: f,
		next: make(chan invocation), ready: make(chan struct{}, 1), initFailed: make(chan *Error, 1), answered: make(chan outcome, 1),
		term: make(chan struct{}), kill: make(chan struct{}), exited: make(chan struct{})}
}

// start runs the child until it asks for work.
func (p *process) start() error {
	err := p.begin()
	if failed := (*Error)(nil); errors.As(err, &failed) {
		failed.atStart = true
	}
	return err
}

func (p *process) begin() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		close(p.exited)
		return fmt.Errorf("serve the runtime api: %w", err)
	}
	// An X-Ray cause of nearly 1 MiB comes as a header.
	p.server = &http.Server{Handler: p.api(), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 2 << 20}
	go func() { _ = p.server.Serve(listener) }() // ends with Close
	cmd := exec.Command(p.f.Binary)
	cmd.Dir = p.f.Directory
	cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String()}, p.f.Environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // own group: Ctrl-C is ours to pass on
	started := make(chan error)
	go p.run(cmd, started)
	if err := <-started; err != nil {
		<-p.exited
		return &Error{Type: "Runtime.InvalidEntrypoint", Message: err.Error()}
	}
	limit := p.f.InitTimeout
	if limit == 0 {
		limit = DefaultInitTimeout
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.ready:
		return nil
	case failed := <-p.initFailed:
		p.stop(stopGrace)
		return failed
	case <-p.exited:
		return exitError("init", p.exit)
	case <-timer.C:
		p.stop(0)
		text := fmt.Sprintf("RequestId: init Error: the init phase took longer than %.2f seconds", limit.Seconds())
		return &Error{Type: "Sandbox.Timedout", Message: text}
	}
}

// run starts the child and stays with it on one OS thread: the kernel ends the child when the thread that started it
// ends, and Go ends idle threads as it likes.
func (p *process) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer close(p.exited)
	defer p.server.Close() //nolint:errcheck // nothing is left to tell
	output, input, err := os.Pipe()
	if err != nil {
		started <- err
		return
	}
	defer output.Close() //nolint:errcheck // read to its end
	cmd.Stdout, cmd.Stderr = input, input
	err = cmd.Start()
	_ = input.Close() // the child has its own
	if err != nil {
		started <- err
		return
	}
	logged := make(chan struct{})
	go p.log(outputOf{output}, logged)
	started <- nil
	gone := make(chan struct{})
	go func() { // a signal may find the child just gone
		select {
		case <-p.term:
			_ = cmd.Process.Signal(syscall.SIGTERM)
		case <-p.kill:
		case <-gone:
			return
		}
		select {
		case <-p.kill:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whatever it started as well
		case <-gone:
		}
	}()
	p.exit = cmd.Wait()
	close(gone)
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind, which in Lambda would be frozen with it
	_ = output.SetReadDeadline(time.Now())              // what fled the group may hold the pipe open for ever
	<-logged
}

// outputOf reads the pipe of a child's output. Once its deadline has passed it reads what is there and waits for no more.
type outputOf struct{ pipe *os.File }

// Read reads.
func (o outputOf) Read(b []byte) (n int, err error) {
	n, err = o.pipe.Read(b)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	raw, err := o.pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	// Control, unlike Read, looks at no deadline; the pipe does not block.
	failed := raw.Control(func(fd uintptr) { n, err = syscall.Read(int(fd), b) })
	if err = errors.Join(failed, err); err != nil || n <= 0 {
		return 0, io.EOF
	}
	return n, nil
}

// maxLine is how much of a line the log gets at once; Lambda's logs have the same limit.
const maxLine = 256 << 10

// log passes the child's output on, line by line.
func (p *process) log(output io.Reader, done chan<- struct{}) {
	defer close(done)
	lines := bufio.NewReaderSize(output, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			_, _ = p.f.Log.Write(line) // a log that cannot be written must not stop the function
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// invoke hands an invocation to the ready child and waits for its answer, its end or its timeout.
func (p *process) invoke(in invocation) outcome {
	in.deadline = time.Now().Add(p.f.Timeout)
	timer := time.NewTimer(p.f.Timeout)
	defer timer.Stop()
	p.setCurrent(in.id)
	select {
	case p.next <- in:
	case <-p.exited:
		return outcome{err: exitError(in.id, p.exit)}
	case <-timer.C:
		p.stop(0)
		return outcome{err: timeoutError(in.id, p.f.Timeout)}
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
		p.stop(0)
		return outcome{err: timeoutError(in.id, p.f.Timeout)}
	}
}

// settle waits until the child can take more work or has gone: after a panic it still answers, then exits. One that does
// neither within its timeout is ended.
func (p *process) settle() {
	timer := time.NewTimer(p.f.Timeout)
	defer timer.Stop()
	select {
	case <-p.ready:
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

// stop ends the child and waits for its end: SIGTERM, then SIGKILL after the grace; without a grace SIGKILL alone.
func (p *process) stop(grace time.Duration) {
	if grace > 0 {
		p.termOnce.Do(func() { close(p.term) })
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.exited:
			return
		case <-timer.C:
		}
	}
	p.killOnce.Do(func() { close(p.kill) })
	<-p.exited
}

// api serves the calls of bootstrap.
func (p *process) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", p.serveResponse)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", p.serveError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", p.serveInitError)
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Lambda-Extension-Identifier", "local")
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	return mux
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
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(in.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", p.f.ARN)
		if in.trace != "" {
			h.Set("Lambda-Runtime-Trace-Id", in.trace)
		}
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(in.event) // a child that is gone is noticed by its exit
	case <-r.Context().Done():
	}
}

func (p *process) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxResult+1))
	var out outcome
	switch kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); { // trailers are there once the body was read
	case err != nil:
		out.err = &Error{Type: "Runtime.TruncatedResponse", Message: err.Error()}
	case len(body) > MaxResult:
		_, _ = io.Copy(io.Discard, r.Body) // the child reads the answer only when it has sent all
		if p.answer(r.PathValue("id"), outcome{err: sizeError()}) {
			reply(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
				fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxResult))
		} else {
			invalidID(w)
		}
		return
	case kind != "":
		out.err = streamError(kind, r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
	default:
		out.payload = body
	}
	p.accept(w, r, out)
}

func (p *process) serveError(w http.ResponseWriter, r *http.Request) {
	p.accept(w, r, outcome{err: readError(r)})
}

func (p *process) serveInitError(w http.ResponseWriter, r *http.Request) {
	select {
	case p.initFailed <- readError(r):
	default: // it says so twice
	}
	accepted(w)
}

func readError(r *http.Request) *Error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return &Error{Type: "Runtime.TruncatedResponse", Message: err.Error()}
	}
	return functionError(body)
}

// accept takes the answer to the invocation at work and refuses any other.
func (p *process) accept(w http.ResponseWriter, r *http.Request, out outcome) {
	if !p.answer(r.PathValue("id"), out) {
		invalidID(w)
		return
	}
	accepted(w)
}

func accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`) // a child that is gone is noticed by its exit
}

func invalidID(w http.ResponseWriter) {
	reply(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
}

func reply(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errorMessage":%q,"errorType":%q}`, message, kind) // as above
}

func (p *process) setCurrent(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = id
}

// answer passes the first answer to the invocation at work on.
func (p *process) answer(id string, out outcome) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id != p.current || id == "" {
		return false
	}
	p.current = ""
	p.answered <- out // has room: one answer for each invocation
	return true
}

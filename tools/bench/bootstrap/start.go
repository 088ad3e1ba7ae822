package bootstrap

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sample is what one start has cost. Moments are seen from outside: a process is ready when it asks for its first event, and has done
// with an event when it asks for the next.
type Sample struct {
	ReadyCPU  time.Duration // user and system, until it was ready
	FirstCPU  time.Duration // of the first invocation
	WarmCPU   time.Duration // of each warm invocation, in the mean
	Calls     int           // of DynamoDB, until the end of the first invocation
	WarmCalls int           // by all warm invocations

	Connections     int // that DynamoDB saw, until the end of the first invocation
	WarmConnections int // by all warm invocations
}

// start is one process and what it has done so far.
type start struct {
	lab     *Lab
	program *Program
	stop    int // which of its questions for an event ends it; 0 is the first
	live    bool

	mu          sync.Mutex
	pid         int
	asked       int // for events
	calls       int
	connections int
	marks       []mark // at each question for an event
	ended       bool
	end         chan error
}

// mark is what a process has used at one moment.
type mark struct {
	cpu                time.Duration
	calls, connections int
}

// Fill sends the program's event once, with the engine behind it: what it writes stays.
func (l *Lab) Fill(ctx context.Context, p *Program) error {
	_, err := l.run(ctx, p, []string{p.Path}, 1, true)
	return err
}

// Start starts a program, sends it an event and so many more, and ends it.
func (l *Lab) Start(ctx context.Context, p *Program, warm int) (Sample, error) {
	marks, err := l.run(ctx, p, []string{p.Path}, 1+warm, false)
	if err != nil {
		return Sample{}, err
	}
	ready, first, last := marks[0], marks[1], marks[len(marks)-1]
	s := Sample{
		ReadyCPU: ready.cpu, FirstCPU: first.cpu - ready.cpu, Calls: first.calls, Connections: first.connections,
		WarmCalls: last.calls - first.calls, WarmConnections: last.connections - first.connections,
	}
	if warm > 0 {
		s.WarmCPU = (last.cpu - first.cpu) / time.Duration(warm)
	}
	return s, nil
}

// run runs a command, which is the program or runs it, until it asks for its event number stop, counted from 0.
func (l *Lab) run(ctx context.Context, p *Program, command []string, stop int, live bool) ([]mark, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s := &start{lab: l, program: p, stop: stop, live: live, end: make(chan error, 1)}
	runtimeURL, closeRuntime, err := serve(&http.Server{Handler: http.HandlerFunc(s.runtime), ReadHeaderTimeout: time.Minute})
	if err != nil {
		return nil, err
	}
	defer closeRuntime()
	store := &http.Server{Handler: http.HandlerFunc(s.store), ReadHeaderTimeout: time.Minute, ConnState: s.connection,
		TLSConfig: l.trust.server, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 alone
		ErrorLog: log.New(io.Discard, "", 0)}
	storeURL, closeStore, err := serve(store)
	if err != nil {
		return nil, err
	}
	defer closeStore()

	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = &stderr
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "LANG=en_US.UTF-8", "TZ=:UTC", "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(runtimeURL, "http://"),
		"AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench",
		"AWS_SESSION_TOKEN=" + strings.Repeat("SessionTokensAreLong", 40), // as a role's
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023", "AWS_LAMBDA_LOG_FORMAT=JSON",
		"AWS_LAMBDA_LOG_LEVEL=INFO", "AWS_LAMBDA_FUNCTION_VERSION=1", "_HANDLER=bootstrap", "LAMBDA_TASK_ROOT=" + l.dir,
		"AWS_ENDPOINT_URL_DYNAMODB=" + storeURL,
	}, append(l.trust.store, p.Environment...)...)
	s.mu.Lock() // its first question waits until its id is known
	err = cmd.Start()
	if err == nil {
		s.pid = cmd.Process.Pid
	}
	s.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	select {
	case err = <-s.end:
		_ = cmd.Process.Signal(syscall.SIGTERM) // by which valgrind writes its counts; it may have ended
		<-exited                                //nolint:errcheck // how it ended is as it was told to
	case err = <-exited:
		err = errors.Join(errors.New("it ended early"), err, ctx.Err())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%.2000s", filepath.Base(p.Path), err, stderr.Bytes())
	}
	return s.marks, nil
}

// serve serves on a free port of the loopback, over TLS where the server has a configuration of it, until stop is called.
func serve(server *http.Server) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	url = "http://" + l.Addr().String()
	serve := func() error { return server.Serve(l) }
	if server.TLSConfig != nil {
		url = "https://" + l.Addr().String()
		serve = func() error { return server.ServeTLS(l, "", "") }
	}
	go func() { _ = serve() }() // until it is closed
	return url, func() { _ = server.Close() }, nil
}

// finish ends the run, once.
func (s *start) finish(err error) {
	if !s.ended {
		s.ended = true
		s.end <- err
	}
}

// connection counts those that DynamoDB sees.
func (s *start) connection(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.mu.Lock()
		s.connections++
		s.mu.Unlock()
	}
}

// store answers a call of DynamoDB.
func (s *start) store(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	a, err := s.program.answers.ask(r, s.live)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	a.send(w)
}

// runtime is Lambda's Runtime API.
func (s *start) runtime(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/invocation/next") {
		s.next(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process has ended
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !strings.HasSuffix(r.URL.Path, "/response"):
		s.finish(fmt.Errorf("%s: %.500s", r.URL.Path, body))
	case !strings.Contains(string(body), s.program.Want):
		s.finish(fmt.Errorf("its answer lacks %s: %.500s", s.program.Want, body))
	}
	w.WriteHeader(http.StatusAccepted)
}

// CPU is what a process has used so far, user and system.
func CPU(pid int) (time.Duration, error) {
	var clock unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &clock); err != nil { //nolint:gosec // a process id; this is its CPU clock
		return 0, fmt.Errorf("read the process's CPU clock: %w", err)
	}
	return time.Duration(clock.Nano()), nil
}

// next gives the process its next event, or ends the run.
func (s *start) next(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	cpu, err := CPU(s.pid)
	if err != nil {
		s.finish(err)
	}
	s.marks = append(s.marks, mark{cpu, s.calls, s.connections})
	last := s.asked == s.stop
	s.asked++
	if last {
		s.finish(nil)
	}
	s.mu.Unlock()
	if last {
		<-r.Context().Done()
		return
	}
	const patience = 10 * time.Minute // under valgrind all takes fifty times as long
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", "c6af9ac6-7b61-11e6-9a41-000000000000")
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(patience).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-69204a5b-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1")
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench")
	h.Set("Content-Length", strconv.Itoa(len(s.program.Event)))
	_, _ = w.Write(s.program.Event) // the process may have ended
}

// Package faultproxy stands between a client and a DynamoDB engine and makes calls go wrong: refused, lost before or after they
// took effect, applied late, answered in part.
//
// It reads a call's operation, tables and keys, so a fault can be aimed at one kind of write. What decides is a function, such as
// the one of a Schedule; a Limit around it throttles hot partition keys. The engine must not check signatures: a batch of which
// only a part goes on is signed as a whole.
package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Proxy is an http.Handler in front of an engine. Set its fields before its first call.
type Proxy struct {
	// Applied is told of every call that reached the engine and the body of its answer, also when the client never gets it.
	// Calls come in parallel. May be nil.
	Applied func(call Call, answer []byte)
	// OnError is told what the proxy could not do: the engine did not answer, or an action does not fit its call. The client
	// sees its connection reset. May be nil.
	OnError func(error)
	// Remember keeps the first answer of every call for ever, which the action Stale needs.
	Remember bool

	target  string
	decide  func(Call) Action
	client  *http.Client
	closing context.Context
	stop    context.CancelFunc
	server  *http.Server

	deciding sync.Mutex // apart, since decide may send calls
	before   map[string]int

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // calls, none added once closed
	late    *late
	first   map[string]answer // by operation and content
}

// late are writes to be forwarded later.
type late struct {
	now     chan struct{} // closed: forward them now
	pending sync.WaitGroup
}

// New returns a proxy to an engine's URL. decide is asked about every attempt, one at a time. It may act on the table itself, to
// let another writer come first, or keep the call and send it later.
func New(target string, decide func(Call) Action) *Proxy {
	closing, stop := context.WithCancel(context.Background())
	return &Proxy{
		target: target, decide: decide, closing: closing, stop: stop, late: &late{now: make(chan struct{})},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}},
		before: map[string]int{}, first: map[string]answer{},
	}
}

// Start serves the proxy at an address such as "127.0.0.1:0" until Close, and returns its URL.
func (p *Proxy) Start(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("start the fault proxy: %w", err)
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() {
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.report(fmt.Errorf("serve the fault proxy: %w", err))
		}
	}()
	return "http://" + listener.Addr().String(), nil
}

// Land forwards the writes that wait to be applied late now, and returns when they have been.
func (p *Proxy) Land() {
	p.mu.Lock()
	waiting := p.late
	p.late = &late{now: make(chan struct{})}
	p.mu.Unlock()
	close(waiting.now)
	waiting.pending.Wait()
}

// Close ends the calls that hang, stall or are delayed, takes no more, lets those at work end, and lands what is late.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop()
	if p.server != nil {
		_ = p.server.Close() // its listener may be gone, which is what is wanted
	}
	p.running.Wait()
	p.Land()
	p.client.CloseIdleConnections()
}

// enter counts a call in, unless the proxy is closed.
func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.running.Add(1)
	return true
}

// ServeHTTP asks what to do with a call and does it. What is no DynamoDB call passes unchanged.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.enter() {
		p.hangUp(w, reset)
		return
	}
	defer p.running.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client gave up
	}
	x := &exchange{p: p, w: w, r: r, call: read(r, body)}
	x.call.Send = func() { x.forward(body) }
	x.do(p.ask(&x.call))
}

// ask gives the decision about a call, and counts it.
func (p *Proxy) ask(c *Call) Action {
	if c.Operation == "" {
		return Action{Kind: Pass}
	}
	p.deciding.Lock()
	defer p.deciding.Unlock()
	kind := c.Operation + " " + c.Item
	c.Before = p.before[kind]
	p.before[kind]++
	return p.decide(*c)
}

func (p *Proxy) report(err error) {
	if p.OnError != nil {
		p.OnError(err)
	}
}

// exchange is one call on its way through.
type exchange struct {
	p    *Proxy
	w    http.ResponseWriter
	r    *http.Request
	call Call
}

// do does what was decided.
func (x *exchange) do(a Action) {
	if !a.Kind.Fits(x.call.Operation) {
		x.fail(fmt.Errorf("%q does not fit this operation", a.Kind))
		return
	}
	if refusal, ok := refusals[a.Kind]; ok {
		refusal.write(x.w, len(refusal.body))
		return
	}
	switch a.Kind {
	case Drop:
		x.p.hangUp(x.w, reset)
	case Hang:
		x.hold(nil)
	case LateApply:
		x.applyLate(a.Wait)
		x.p.hangUp(x.w, reset)
	case Leave:
		x.leave(a.Keep)
	case Missing:
		x.answer(jsonAnswer(http.StatusOK, x.call.request.nothing()))
	case Stale:
		x.stale()
	case Delay:
		wait := time.NewTimer(a.Wait)
		defer wait.Stop()
		if x.hold(wait.C) {
			x.apply(Pass)
		}
	default:
		x.apply(a.Kind)
	}
}

// apply forwards the call and does to its answer what the action says.
func (x *exchange) apply(k Kind) {
	got, ok := x.forward(x.call.body)
	if !ok {
		x.p.hangUp(x.w, reset)
		return
	}
	switch k {
	case DropAnswer:
		x.p.hangUp(x.w, reset)
	case CloseAnswer:
		x.p.hangUp(x.w, finish)
	case Stall:
		x.hold(nil)
	case Truncate:
		got.write(x.w, len(got.body)/2) // Content-Length promises more
	case WrongChecksum:
		x.answer(got.withChecksum(^got.checksum()))
	default:
		x.answer(got)
	}
}

func (x *exchange) answer(a answer) { a.write(x.w, len(a.body)) }

// hold waits and reports whether the time came before the client gave up or the proxy was closed, whose connection ends then.
func (x *exchange) hold(until <-chan time.Time) bool {
	select {
	case <-until:
		return true
	case <-x.r.Context().Done():
	case <-x.p.closing.Done():
	}
	x.p.hangUp(x.w, reset)
	return false
}

// applyLate forwards the call after a time, or when it is told to land.
func (x *exchange) applyLate(wait time.Duration) {
	x.p.mu.Lock()
	defer x.p.mu.Unlock()
	batch := x.p.late
	batch.pending.Go(func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-batch.now:
		}
		x.forward(x.call.body)
	})
}

// leave forwards a share of a batch and answers that the rest was not processed.
func (x *exchange) leave(keep float64) {
	part, rest, err := x.call.request.divide(keep)
	if err != nil {
		x.fail(fmt.Errorf("divide the batch: %w", err))
		return
	}
	got := jsonAnswer(http.StatusOK, []byte(`{"Responses":{}}`))
	if part != nil {
		body, err := replace(x.call.body, "RequestItems", part)
		if err != nil {
			x.fail(err)
			return
		}
		var ok bool
		if got, ok = x.forward(body); !ok {
			x.p.hangUp(x.w, reset)
			return
		}
		if got.status != http.StatusOK {
			x.answer(got)
			return
		}
	}
	body, err := x.call.request.withLeftovers(got.body, rest)
	if err != nil {
		x.fail(fmt.Errorf("the engine's answer: %w", err))
		return
	}
	x.answer(got.withBody(body))
}

// fail reports what the proxy could not do, and hangs up.
func (x *exchange) fail(err error) {
	x.p.report(fmt.Errorf("%s: %w", x.call.Operation, err))
	x.p.hangUp(x.w, reset)
}

// stale gives the first answer to the same call again. What was never asked before has no older answer, and passes.
func (x *exchange) stale() {
	x.p.mu.Lock()
	first, known := x.p.first[x.call.Operation+x.call.Content()]
	x.p.mu.Unlock()
	if !known {
		x.p.report(fmt.Errorf("%s: no earlier answer to the same call", x.call.Operation))
		x.apply(Pass)
		return
	}
	x.answer(first)
}

// forward sends a body to the engine in the call's name. The client's leaving does not end it: on a network neither would.
func (x *exchange) forward(body []byte) (answer, bool) {
	got, err := x.p.send(context.WithoutCancel(x.r.Context()), x.r, body)
	if err != nil {
		x.p.report(fmt.Errorf("forward %s: %w", x.call.Operation, err))
		return answer{}, false
	}
	if x.p.Applied != nil && x.call.Operation != "" {
		x.p.Applied(x.call, got.body)
	}
	if x.p.Remember {
		x.p.mu.Lock()
		key := x.call.Operation + x.call.Content()
		if _, ok := x.p.first[key]; !ok {
			x.p.first[key] = got
		}
		x.p.mu.Unlock()
	}
	return got, true
}

func (p *Proxy) send(ctx context.Context, r *http.Request, body []byte) (answer, error) {
	out, err := http.NewRequestWithContext(ctx, r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	out.Header = r.Header.Clone()
	out.Host = r.Host // it is signed
	resp, err := p.client.Do(out)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	return answer{resp.StatusCode, resp.Header, text}, nil
}

// Ways to close a connection: with RST, or with FIN.
const (
	reset  = true
	finish = false
)

// hangUp closes the client's connection without an answer.
func (p *Proxy) hangUp(w http.ResponseWriter, withReset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.report(fmt.Errorf("hang up: %w", err))
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok && withReset {
		_ = tcp.SetLinger(0) // what counts is that it is gone
	}
	_ = conn.Close() // the same
}

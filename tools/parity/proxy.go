package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pricing/tools/parity/compare"
	"pricing/tools/parity/judge"
)

// proxy answers clients with what the legacy side says, and asks the new side beside it.
type proxy struct {
	*runner
	reverse *httputil.ReverseProxy
	slots   chan struct{} // requests of which the new side, or what is kept of them, still occupies room
	off     atomic.Bool   // the kill switch
	beside  sync.WaitGroup
	ctx     context.Context // of what runs beside the clients
}

func newProxy(ctx context.Context, r *runner, inFlight int, problems *log.Logger) *proxy {
	p := &proxy{runner: r, slots: make(chan struct{}, inFlight), ctx: ctx}
	p.reverse = &httputil.ReverseProxy{
		Transport:     r.legacy.transport,
		FlushInterval: -1, // a client sees what the legacy side has sent, at once
		ErrorLog:      problems,
		Rewrite:       p.rewrite,
		ModifyResponse: func(response *http.Response) error {
			if c, ok := response.Request.Context().Value(capturing{}).(*capture); ok {
				c.begin(response)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "the service behind this proxy gave no answer", http.StatusBadGateway)
		},
	}
	return p
}

// rewrite sends a request on as it came, but for its host.
func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	base := p.legacy.base
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = base.Scheme, base.Host, base.Host
	r.Out.URL.Path, r.Out.URL.RawPath = base.Path+r.In.URL.Path, base.EscapedPath()+r.In.URL.EscapedPath()
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = v
		}
	}
	p.legacy.authorize(r.Out.Header)
}

// ServeHTTP answers a client.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"], w.Header()["Date"] = nil, nil // else they were made up where the legacy answer has none
	route, names := p.rules.Find(r.Method, r.URL.EscapedPath())
	reason := ""
	switch {
	case !route.Sent(r.Method):
		reason = notSent
	case p.off.Load():
		reason = switchedOff
	case p.run.Full(route.Name):
		reason = full
	case r.ContentLength > p.fresh.limit || r.Header.Get("Upgrade") != "":
		reason = tooLarge
	default:
		select {
		case p.slots <- struct{}{}:
		default:
			reason = judge.Shed
		}
	}
	if reason != "" {
		p.run.Count(reason)
		p.reverse.ServeHTTP(w, r)
		return
	}
	body, whole, err := p.read(r)
	if err != nil || !whole {
		<-p.slots
		p.run.Count(tooLarge)
		if err != nil { // the client's request broke off
			panic(http.ErrAbortHandler)
		}
		p.reverse.ServeHTTP(w, r)
		return
	}
	p.both(w, r, route, names, body)
}

// read takes a request's body, if there is room for it; else the request goes on as it is.
func (p *proxy) read(r *http.Request) (body []byte, whole bool, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, true, nil
	}
	body, err = io.ReadAll(io.LimitReader(r.Body, p.fresh.limit+1))
	if err != nil {
		return nil, false, err
	}
	rest := io.Reader(bytes.NewReader(body))
	if whole = int64(len(body)) <= p.fresh.limit; !whole {
		rest = io.MultiReader(rest, r.Body)
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{rest, r.Body}
	return body, whole, nil
}

// both passes a request on to the legacy side, and hands a copy to the new one, either of them first.
func (p *proxy) both(w http.ResponseWriter, r *http.Request, route *compare.Route, names map[string]string, body []byte) {
	c := &capture{limit: p.legacy.limit, began: time.Now()}
	start, legacy := make(chan struct{}), make(chan *answered, 1)
	begin := sync.OnceFunc(func() { close(start) })
	path, header, method, query := r.URL.EscapedPath(), p.copied(r.Header), r.Method, r.URL.RawQuery
	p.beside.Go(func() {
		defer func() { <-p.slots }()
		<-start
		fresh := route.NewPath(path, names)
		if query != "" {
			fresh += "?" + query
		}
		answer := p.fresh.do(p.ctx, method, fresh, header, body, true)
		was := <-legacy
		switch {
		case was == nil:
			p.run.Count(noLegacy)
			return
		case p.ctx.Err() != nil:
			return
		}
		p.compare(c.began, route, []answered{*was, answer})
		if !reads(method) {
			p.readBack(p.ctx, route, names, header, body)
		}
	})
	trace := &httptrace.ClientTrace{
		GotConn:      func(i httptrace.GotConnInfo) { c.reused.Store(i.Reused) },
		WroteRequest: func(httptrace.WroteRequestInfo) { begin() },
	}
	if p.first() {
		begin()
	}
	defer func() { // also when the connection to a client breaks
		legacy <- c.answer(p.legacy)
		begin()
	}()
	ctx := httptrace.WithClientTrace(context.WithValue(r.Context(), capturing{}, c), trace)
	p.reverse.ServeHTTP(w, r.WithContext(ctx))
}

// hops are the headers of one connection.
var hops = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding",
	"Upgrade", "Content-Length", "Expect",
}

// copied are a request's headers for the new side, without those of the connection.
func (p *proxy) copied(h http.Header) http.Header {
	out := h.Clone()
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hops {
		out.Del(name)
	}
	return out
}

type capturing struct{}

// capture keeps what the legacy side answers, as far as there is room, while the client reads it.
type capture struct {
	limit  int64
	began  time.Time
	reused atomic.Bool

	took     time.Duration
	status   int
	header   http.Header
	body     bytes.Buffer
	tooLarge bool
	whole    bool
}

func (c *capture) begin(response *http.Response) {
	c.took, c.status, c.header = time.Since(c.began), response.StatusCode, response.Header.Clone()
	response.Body = &tee{response.Body, c}
	c.whole = response.ContentLength == 0 || response.Request.Method == http.MethodHead // nobody may read it
}

// tee keeps what is read.
type tee struct {
	io.ReadCloser
	c *capture
}

// Read reads and keeps.
func (t *tee) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if room := t.c.limit - int64(t.c.body.Len()); int64(n) > room {
		t.c.tooLarge = true
	} else if !t.c.tooLarge {
		t.c.body.Write(b[:n])
	}
	if errors.Is(err, io.EOF) {
		t.c.whole = true
	}
	return n, err // as it came
}

// answer is what was captured; nil if it is not a whole answer.
func (c *capture) answer(s *side) *answered {
	if !c.whole || c.status == 0 {
		return nil
	}
	a := &answered{tooLarge: c.tooLarge}
	a.set(s, c.status, c.header, c.body.Bytes())
	a.Took, a.Reused = c.took, c.reused.Load()
	return a
}

// admin is the other listener: the report, and the kill switch.
func (p *proxy) admin() http.Handler {
	mux := http.NewServeMux()
	report := func(mime string, write func(judge.Report, io.Writer) error) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mime)
			_ = write(p.run.Report(time.Now(), false), w) // whoever asks sees that it broke off
		}
	}
	mux.HandleFunc("GET /{$}", report("text/html; charset=utf-8", judge.Report.HTML))
	mux.HandleFunc("GET /report.md", report("text/markdown; charset=utf-8", judge.Report.Markdown))
	mux.HandleFunc("GET /report.json", report("application/json", func(r judge.Report, w io.Writer) error {
		return json.NewEncoder(w).Encode(r)
	}))
	mux.HandleFunc("POST /new/{state}", func(w http.ResponseWriter, r *http.Request) {
		state := r.PathValue("state")
		if state != "on" && state != "off" {
			http.NotFound(w, r)
			return
		}
		p.off.Store(state == "off")
		_, _ = io.WriteString(w, map[bool]string{true: "the new side is switched off\n", false: "the new side is switched on\n"}[state == "off"])
	})
	return mux
}

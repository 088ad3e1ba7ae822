package apigateway

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// Listen listens on a TCP address so that Server can tell a handler how the client wrote its header names.
func Listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return listener{l}, nil
}

// Server serves a gateway on a listener of Listen.
func Server(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: maxIdle, DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		}}
}

type connKey struct{}

type listener struct{ net.Listener }

// Accept waits for the next connection.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, spelling: map[string]string{}}, nil
}

// conn reads along with the HTTP server and remembers how header names are spelled, since net/http does not. It looks at
// every line that has the form of a header. A line of a body can teach it a spelling, but never adds a header.
type conn struct {
	net.Conn
	mu       sync.Mutex
	spelling map[string]string // by canonical name
	line     []byte            // that has begun and not ended
}

// maxName bounds how much of a line is looked at and how many spellings a connection keeps.
const maxName = 128

// Read reads and looks.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	for rest := b[:n]; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		part := rest
		if i >= 0 {
			part, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		c.line = append(c.line, part[:min(len(part), maxName-len(c.line))]...)
		if i >= 0 {
			c.learn(string(c.line))
			c.line = c.line[:0]
		}
	}
	return n, err
}

func (c *conn) learn(line string) {
	name, _, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t\"{}[]()<>@,;\\/?=") || len(c.spelling) >= maxName {
		return
	}
	c.spelling[textproto.CanonicalMIMEHeaderKey(name)] = name
}

// canonical reports whether functions get the name in canonical form, however it was sent.
func canonical(name string) bool {
	return name == "Authorization" || name == "User-Agent" || name == "Host" || strings.HasPrefix(name, "X-Forwarded-")
}

// asSent returns the request's headers by their names as the client wrote them.
func asSent(r *http.Request) map[string][]string {
	sent := make(map[string][]string, len(r.Header))
	c, _ := r.Context().Value(connKey{}).(*conn)
	if c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	for name, values := range r.Header {
		written := name
		if c != nil && !canonical(name) && c.spelling[name] != "" {
			written = c.spelling[name]
		}
		sent[written] = values
	}
	return sent
}

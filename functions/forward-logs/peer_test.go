package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fault is what a peer does with a request.
type fault int

const (
	takes       fault = iota // all is stored, and it says so
	drops                    // the connection ends without an answer
	stalls                   // until the sender gives up
	busy                     // 429
	breaks                   // 500
	resetBefore              // the connection, before the body is read
	resetInside              // the body
	resetAfter               // the body, without an answer
	losesAnswer              // 200, and the connection breaks before the answer's end
	faults
)

// peer is a Logstash that fails, with an Elasticsearch behind it: of documents with one _id it keeps the first. What it stored before it
// failed is decided by the dice, except that it has stored what it acknowledged.
type peer struct {
	listener net.Listener
	open     sync.WaitGroup
	mu       sync.Mutex
	dice     *rand.Rand
	conns    []net.Conn
	ended    bool
	faults   int           // how many it still has
	met      map[fault]int // how often each was
	stalled  func()        // the sender's deadline passes
	stored   map[string]string
	repeated int      // documents that it had already
	differ   []string // of them those that were other documents
	spoilt   []string // lines that are no documents
}

func startPeer(tb testing.TB, dice *rand.Rand, failing int) *peer {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &peer{listener: listener, dice: dice, faults: failing, met: map[fault]int{}, stored: map[string]string{}}
	p.open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			if p.conns = append(p.conns, conn); p.ended {
				_ = conn.Close()
			}
			p.mu.Unlock()
			p.open.Go(func() { p.serve(conn.(*net.TCPConn)) })
		}
	})
	return p
}

// stop ends the peer, so that nothing is stored any more.
func (p *peer) stop() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.ended = true
	for _, conn := range p.conns {
		_ = conn.Close() // most are closed
	}
	p.mu.Unlock()
	p.open.Wait()
}

func (p *peer) url() string { return "http://" + p.listener.Addr().String() }

func (p *peer) serve(conn *net.TCPConn) {
	defer conn.Close() //nolint:errcheck // the other side sees it
	in := bufio.NewReader(conn)
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if !p.answer(conn, request) {
			return
		}
	}
}

// answer does what the dice say, and reports whether the connection goes on.
func (p *peer) answer(conn *net.TCPConn, request *http.Request) bool {
	f, kept, part := p.roll()
	reset := func() bool { _ = conn.SetLinger(0); return false }
	if f == resetBefore {
		return reset()
	}
	if f == resetInside {
		some := make([]byte, int64(part*float64(request.ContentLength)))
		n, _ := io.ReadFull(request.Body, some)
		if whole := bytes.LastIndexByte(some[:n], '\n'); kept {
			p.store(some[:whole+1])
		}
		return reset()
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return false
	}
	if f == takes || f != busy && kept {
		p.store(body)
	}
	say := func(text string) bool { _, err := io.WriteString(conn, text); return err == nil }
	switch f {
	case stalls:
		p.mu.Lock()
		p.stalled()
		p.mu.Unlock()
		_, _ = io.Copy(io.Discard, conn) // until the sender is gone
		return false
	case busy:
		return say("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nbusy")
	case breaks:
		return say("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
	case losesAnswer:
		say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
		return false
	case resetAfter:
		return reset()
	case drops:
		return false
	}
	return say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
}

// roll decides about the next request: what goes wrong, whether what was read is stored all the same, and how much of it is read.
func (p *peer) roll() (f fault, kept bool, part float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults > 0 && p.dice.IntN(4) > 0 {
		p.faults--
		f = fault(1 + p.dice.IntN(int(faults)-1))
		p.met[f]++
	}
	return f, p.dice.IntN(4) == 0, p.dice.Float64() // mostly not, since what is stored cannot be lost any more
}

func (p *peer) store(lines []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range bytes.Lines(lines) {
		var document struct {
			ID string `json:"_id"`
		}
		if json.Unmarshal(line, &document) != nil || document.ID == "" {
			p.spoilt = append(p.spoilt, string(line))
			continue
		}
		if before, ok := p.stored[document.ID]; ok {
			p.repeated++
			if before != string(line) {
				p.differ = append(p.differ, document.ID)
			}
			continue
		}
		p.stored[document.ID] = string(line)
	}
}

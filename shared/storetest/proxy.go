package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Action is what a Proxy does with a call.
type Action int

// The actions.
const (
	Pass       Action = iota
	Drop              // close the connection, the call never arrives
	DropAnswer        // the call takes effect, its answer is lost
	Throttle          // refuse with ProvisionedThroughputExceededException
	Fail              // refuse with a 500
	Deny              // refuse with AccessDeniedException
	Hang              // never answer
	Truncate          // the call takes effect, half of the answer arrives
)

// Call is one attempt that reached a Proxy.
type Call struct {
	Operation string // "UpdateItem"
	Item      string // the kind of item, for calls about a single one: its sort key up to the first "#"
	SK        string // the sort key, for calls about a single one
	Before    int    // how many attempts of that operation on that kind of item came before
	Send      func() // sends the call to the engine, now or later; the answer goes nowhere
}

// Is reports whether the call is the attempt number n, counted from 0, of an operation on a kind of item.
func (c Call) Is(operation, item string, n int) bool {
	return c.Operation == operation && c.Item == item && c.Before == n
}

// Proxy starts a server between a store and the engine and returns its URL. decide is asked for every attempt, one at
// a time; it may act on the table itself to let another writer come first, or keep the call to send it late.
func Proxy(tb testing.TB, decide func(Call) Action) string {
	tb.Helper()
	var mu sync.Mutex
	seen := map[string]int{}
	closing, stop := context.WithCancel(context.Background())
	engine := Endpoint(tb)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client gave up
		}
		operation := r.Header.Get("X-Amz-Target")
		operation = operation[strings.LastIndexByte(operation, '.')+1:]
		forward := func() (*http.Response, []byte) {
			out, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, engine+r.URL.Path, bytes.NewReader(body))
			if err != nil {
				tb.Errorf("forward %s: %v", operation, err)
				return nil, nil
			}
			out.Header, out.Host = r.Header.Clone(), r.Host
			resp, err := http.DefaultClient.Do(out)
			if err != nil {
				tb.Errorf("forward %s: %v", operation, err)
				return nil, nil
			}
			defer resp.Body.Close() //nolint:errcheck // read to its end
			answer, err := io.ReadAll(resp.Body)
			if err != nil {
				tb.Errorf("forward %s: %v", operation, err)
			}
			return resp, answer
		}
		sk := sortKey(body)
		item, _, _ := strings.Cut(sk, "#")
		mu.Lock()
		action := decide(Call{operation, item, sk, seen[operation+" "+item], func() { forward() }})
		seen[operation+" "+item]++
		mu.Unlock()
		switch action {
		case Drop:
			reset(tb, w)
		case DropAnswer:
			forward()
			reset(tb, w)
		case Throttle:
			refuse(w, http.StatusBadRequest, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException")
		case Fail:
			refuse(w, http.StatusInternalServerError, "com.amazonaws.dynamodb.v20120810#InternalServerError")
		case Deny:
			refuse(w, http.StatusBadRequest, "com.amazon.coral.service#AccessDeniedException")
		case Hang:
			select {
			case <-r.Context().Done():
			case <-closing.Done():
			}
		case Pass, Truncate:
			resp, answer := forward()
			if resp == nil {
				return
			}
			for name, values := range resp.Header {
				w.Header()[name] = values
			}
			w.WriteHeader(resp.StatusCode)
			if action == Truncate {
				answer = answer[:len(answer)/2] // Content-Length promised more
			}
			_, _ = w.Write(answer) // the client may have gone
		}
	}))
	tb.Cleanup(func() {
		stop()
		server.Close()
	})
	return server.URL
}

// sortKey returns the sort key of the single item that a call is about, if it is.
func sortKey(body []byte) string {
	type key struct {
		SK struct{ S string } `json:"sk"`
	}
	var call struct{ Key, Item key }
	_ = json.Unmarshal(body, &call) // other calls have neither
	return call.Key.SK.S + call.Item.SK.S
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"__type":"`+code+`","message":"injected"}`) // the client may have gone
}

// reset closes the client's connection with RST.
func reset(tb testing.TB, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			err = tcp.SetLinger(0)
		}
		_ = conn.Close() // what counts is that it is gone
	}
	if err != nil {
		tb.Errorf("reset the connection: %v", err)
	}
}

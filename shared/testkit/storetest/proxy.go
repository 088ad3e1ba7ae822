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
	Throttle          // refuse with ProvisionedThroughputExceededException for the reason ThrottleReason
	Fail              // refuse with a 500
	Deny              // refuse with AccessDeniedException
	Hang              // never answer
	Truncate          // the call takes effect, half of the answer arrives
	Conflict          // refuse with TransactionConflictException
	Cancel            // cancel a transaction for what it asks, not because of another writer
	Collide           // cancel a transaction because another is at work on its second item
	Stale             // give the first answer to the same call again: an eventually consistent read of long ago
	Missing           // answer that there is nothing: an eventually consistent read from before it was written
	Leave             // answer a BatchGetItem with success and every key unprocessed
)

// ThrottleReason is what a Proxy gives as DynamoDB's reason for a throttle: one hot key.
const ThrottleReason = "TableWriteKeyRangeThroughputExceeded"

// Call is one attempt that reached a Proxy.
type Call struct {
	Operation  string // "UpdateItem"
	Item       string // the kind of item, for calls about a single one: its sort key up to the first "#"
	SK         string // the sort key, for calls about a single one
	Consistent bool   // a strongly consistent read
	Before     int    // how many attempts of that operation on that kind of item came before
	Send       func() // sends the call to the engine, now or later; the answer goes nowhere
}

// Is reports whether the call is the attempt number n, counted from 0, of an operation on a kind of item.
func (c Call) Is(operation, item string, n int) bool {
	return c.Operation == operation && c.Item == item && c.Before == n
}

// Proxy starts a server between a store and the engine and returns its URL. decide is asked about every attempt, one at a time.
// It may act on the table itself, to let another writer come first, or keep the call and send it later.
func Proxy(tb testing.TB, decide func(Call) Action) string {
	tb.Helper()
	var mu sync.Mutex
	seen := map[string]int{}
	first := map[string]answered{} // by operation and body
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
			out.Header = r.Header.Clone()
			out.Host = r.Host
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
		call := about(body)
		sk := call.Key.SK.S + call.Item.SK.S
		item, _, _ := strings.Cut(sk, "#")
		mu.Lock()
		action := decide(Call{operation, item, sk, call.consistent(), seen[operation+" "+item], func() { forward() }})
		seen[operation+" "+item]++
		stale, known := first[operation+canonical(body)]
		mu.Unlock()
		if action == Stale && !known {
			tb.Errorf("%s: no earlier answer to the same call", operation)
			action = Drop
		}
		switch action {
		case Drop:
			reset(tb, w)
		case DropAnswer:
			forward()
			reset(tb, w)
		case Throttle:
			refuse(w, http.StatusBadRequest, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
				`"ThrottlingReasons":[{"reason":"`+ThrottleReason+`","resource":"arn:aws:dynamodb:eu-west-1:123456789012:table/test"}]`)
		case Fail:
			refuse(w, http.StatusInternalServerError, "com.amazonaws.dynamodb.v20120810#InternalServerError")
		case Deny:
			refuse(w, http.StatusBadRequest, "com.amazon.coral.service#AccessDeniedException")
		case Hang:
			select {
			case <-r.Context().Done():
			case <-closing.Done():
			}
		case Conflict:
			refuse(w, http.StatusBadRequest, "com.amazonaws.dynamodb.v20120810#TransactionConflictException")
		case Cancel:
			refuse(w, http.StatusBadRequest, "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
				`"CancellationReasons":[{"Code":"None"},{"Code":"ValidationError","Message":"injected"}]`)
		case Collide:
			refuse(w, http.StatusBadRequest, "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
				`"CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict","Message":"injected"}]`)
		case Missing:
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = w.Write(call.nothing()) // the client may have gone
		case Leave:
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = io.WriteString(w, `{"Responses":{},"UnprocessedKeys":`+string(call.RequestItems)+`}`) // the client may have gone
		case Stale:
			stale.write(w, len(stale.body))
		case Pass, Truncate:
			resp, answer := forward()
			if resp == nil {
				return
			}
			a := answered{resp.StatusCode, resp.Header, answer}
			mu.Lock()
			if _, ok := first[operation+canonical(body)]; !ok {
				first[operation+canonical(body)] = a
			}
			mu.Unlock()
			n := len(answer)
			if action == Truncate {
				n /= 2 // Content-Length promises more
			}
			a.write(w, n)
		}
	}))
	tb.Cleanup(func() {
		stop()
		server.Close()
	})
	return server.URL
}

// answered is an answer of the engine.
type answered struct {
	status int
	header http.Header
	body   []byte
}

// write sends the first n bytes of the answer.
func (a answered) write(w http.ResponseWriter, n int) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:n]) // the client may have gone
}

// request is what the proxy wants to know of a call's body.
type request struct {
	Key, Item struct {
		SK struct{ S string } `json:"sk"`
	}
	ConsistentRead bool
	RequestItems   json.RawMessage // of a batch
}

// tables reads the batch: its keys by table.
func (r request) tables() map[string]struct{ ConsistentRead bool } {
	var tables map[string]struct{ ConsistentRead bool }
	_ = json.Unmarshal(r.RequestItems, &tables) // calls of other forms have none
	return tables
}

// canonical gives the same text to bodies that differ in the order of their members alone.
func canonical(body []byte) string {
	var v any
	_ = json.Unmarshal(body, &v) // the SDK writes JSON
	text, _ := json.Marshal(v)   // of what was JSON
	return string(text)
}

func about(body []byte) request {
	var r request
	_ = json.Unmarshal(body, &r) // calls of other forms leave it empty
	return r
}

func (r request) consistent() bool {
	for _, table := range r.tables() {
		return table.ConsistentRead
	}
	return r.ConsistentRead
}

// nothing is the answer of a read that finds nothing.
func (r request) nothing() []byte {
	responses := map[string][]any{}
	for table := range r.tables() {
		responses[table] = []any{}
	}
	body, _ := json.Marshal(map[string]any{ // plain data
		"Items": []any{}, "Count": 0, "Responses": responses, "UnprocessedKeys": map[string]any{},
	})
	return body
}

// refuse answers with an error and further members of it.
func refuse(w http.ResponseWriter, status int, code string, members ...string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	members = append([]string{`"__type":"` + code + `","message":"injected"`}, members...)
	_, _ = io.WriteString(w, "{"+strings.Join(members, ",")+"}") // the client may have gone
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

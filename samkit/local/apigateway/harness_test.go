package apigateway_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pricing/samkit/local/apigateway"
	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
)

// api is the template of testdata behind a real listener.
type api struct {
	addr    string
	mu      sync.Mutex
	now     time.Time
	calls   map[string]int    // of functions
	given   map[string]string // their last events
	log     []apigateway.Entry
	access  []string
	gateway http.Handler
	backend []*http.Request // what the façade's backend got
	bodies  []string
}

// setup changes the template's text before it is read, by pairs of old and new.
type setup struct {
	replace   []string
	stagePath bool
	bodyTime  time.Duration
	ends      http.HandlerFunc // the backend's answer
}

func start(t *testing.T, s setup) *api {
	t.Helper()
	a := &api{now: time.Date(2026, 7, 10, 19, 19, 4, 0, time.UTC), calls: map[string]int{}, given: map[string]string{}}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a short one shows in the test
		a.mu.Lock()
		a.backend, a.bodies = append(a.backend, r.Clone(context.Background())), append(a.bodies, string(body))
		a.mu.Unlock()
		if s.ends != nil {
			s.ends(w, r)
		}
	}))
	t.Cleanup(backend.Close)
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0) // it is meant to be refused
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	nowhere, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nowhere.Close()) // refuses from now on
	served := parse(t, s.replace)
	served.Methods = slices.Clone(served.Methods)
	addresses := strings.NewReplacer("BACKEND", backend.URL, "UNTRUSTED", untrusted.URL, "NOWHERE", "http://"+nowhere.Addr().String())
	for i := range served.Methods {
		served.Methods[i].Integration.URI = addresses.Replace(served.Methods[i].Integration.URI)
	}
	gateway, err := apigateway.New(apigateway.Options{API: &served, Functions: a, StagePath: s.stagePath, BodyTime: s.bodyTime,
		Access: func(line string) { a.mu.Lock(); defer a.mu.Unlock(); a.access = append(a.access, line) },
		Log:    func(e apigateway.Entry) { a.mu.Lock(); defer a.mu.Unlock(); a.log = append(a.log, e) },
		Now:    func() time.Time { a.mu.Lock(); defer a.mu.Unlock(); return a.now },
	})
	require.NoError(t, err)
	a.gateway = gateway
	listener, err := apigateway.Listen("127.0.0.1:0")
	require.NoError(t, err)
	server := apigateway.Server(gateway)
	go func() { _ = server.Serve(listener) }() // until closed
	t.Cleanup(func() { _ = server.Close() })
	a.addr = listener.Addr().String()
	return a
}

// parsed keeps the APIs that were read, by the template's text: most cases share one.
var parsed sync.Map

// parse reads the template with pairs of old and new text replaced.
func parse(t *testing.T, replace []string) samtemplate.API {
	t.Helper()
	file, err := os.ReadFile("testdata/template.yaml")
	require.NoError(t, err)
	text := string(file)
	for i := 0; i < len(replace); i += 2 {
		require.Contains(t, text, replace[i])
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	text = strings.NewReplacer("ACCESS_LOG", "$context.requestId", "        BODY_EXTENSIONS: {}\n", "").Replace(text)
	if api, ok := parsed.Load(text); ok {
		return *api.(*samtemplate.API)
	}
	template, err := samtemplate.Parse([]byte(text), nil)
	require.NoError(t, err)
	parsed.Store(text, template.API)
	return *template.API
}

// Invoke runs the functions of the template.
func (a *api) Invoke(ctx context.Context, function, _, _ string, event []byte) (lambdaruntime.Result, error) {
	a.mu.Lock()
	a.calls[function]++
	a.given[function] = string(event)
	cold := a.calls[function] == 1
	a.mu.Unlock()
	result := func(v any) (lambdaruntime.Result, error) {
		payload, err := json.Marshal(v)
		return lambdaruntime.Result{Payload: payload, Cold: cold}, err
	}
	var e struct {
		Body       string `json:"body"`
		Base64     bool   `json:"isBase64Encoded"`
		Token      string `json:"authorizationToken"`
		ARN        string `json:"methodArn"`
		Type       string `json:"type"`
		Headers    map[string]string
		Parameters map[string]string `json:"queryStringParameters"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return lambdaruntime.Result{}, err
	}
	switch function {
	case "Raw":
		if e.Body == "wait" {
			<-ctx.Done()
			return lambdaruntime.Result{}, ctx.Err()
		}
		return lambdaruntime.Result{Payload: []byte(e.Body), Cold: cold}, nil
	case "Fail":
		switch e.Parameters["how"] {
		case "throttled":
			return lambdaruntime.Result{}, lambdaruntime.ErrThrottled
		case "slow":
			<-ctx.Done()
			return lambdaruntime.Result{}, ctx.Err()
		}
		return lambdaruntime.Result{}, &lambdaruntime.Error{Type: "errorString", Message: "out of paper"}
	case "Authorizer":
		token := e.Token
		if e.Type == "REQUEST" {
			token = e.Headers["Authorization"]
		}
		if deadline, ok := ctx.Deadline(); token == "Bearer patient" && ok && time.Until(deadline) < time.Second { // the integration's
			return lambdaruntime.Result{}, context.DeadlineExceeded
		}
		return authorizer(strings.TrimPrefix(token, "Bearer "), e.ARN)
	}
	return result(map[string]any{"statusCode": 200, "headers": map[string]string{"X-Function": function}, "body": string(event)})
}

// authorizer answers as the token says.
func authorizer(token, arn string) (lambdaruntime.Result, error) {
	statement := func(effect string, resources ...string) map[string]any {
		return map[string]any{"Effect": effect, "Action": "execute-api:Invoke", "Resource": resources}
	}
	answer := map[string]any{"principalId": "client-1", "context": map[string]any{"text": "a", "number": 1.5, "flag": true}}
	all := strings.SplitAfterN(arn, "/", 3)
	everything := all[0] + all[1] + "*"
	policy := func(statements ...map[string]any) {
		answer["policyDocument"] = map[string]any{"Version": "2012-10-17", "Statement": statements}
	}
	policy(statement("Allow", everything))
	switch token {
	case "unauthorized":
		return lambdaruntime.Result{}, &lambdaruntime.Error{Type: "errorString", Message: "Unauthorized"}
	case "error":
		return lambdaruntime.Result{}, &lambdaruntime.Error{Type: "errorString", Message: "no database"}
	case "timeout":
		return lambdaruntime.Result{}, &lambdaruntime.Error{Type: "Sandbox.Timedout", Message: "Task timed out"}
	case "malformed":
		return lambdaruntime.Result{Payload: []byte(`{"principalId":"x"}`)}, nil
	case "nested":
		answer["context"] = map[string]any{"list": []int{1}}
	case "numbers":
		answer["context"] = map[string]any{"id": json.Number("12345678901234567890"), "past": json.Number("-9007199254740993"), "part": 0.1,
			"million": json.Number("1e6"), "half": json.Number("1.50")}
	case "long":
		policy(statement("Allow", everything+strings.Repeat("x", 512)))
	case "one method":
		policy(statement("Allow", arn))
	case "deny":
		policy(statement("Allow", everything), statement("Deny", everything))
	case "silent":
		policy(statement("Allow", "arn:aws:execute-api:*:*:other/*"))
	case "key":
		answer["usageIdentifierKey"] = "key-in-the-plan-00000"
	}
	payload, err := json.Marshal(answer)
	if token == "two answers" {
		payload = append(payload, payload...)
	}
	return lambdaruntime.Result{Payload: payload}, err
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	raw    string // the head as it came
	body   string
}

// event reads the echoed event.
func (r answer) event(t *testing.T) map[string]any {
	t.Helper()
	var e map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &e), r.body)
	return e
}

// send writes a request as it stands: its line without the version, headers, and after an empty one the body.
func (a *api) send(t *testing.T, request string) answer {
	t.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	line, headers, _ := strings.Cut(head, "\n")
	text := line + " HTTP/1.1\r\n"
	if !strings.Contains(strings.ToLower("\n"+headers), "\nhost:") {
		text += "Host: " + a.addr + "\r\n"
	}
	for _, h := range strings.Split(headers, "\n") {
		if h != "" {
			text += h + "\r\n"
		}
	}
	if body != "" && !strings.Contains(headers, "Transfer-Encoding:") {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", a.addr)
	require.NoError(t, err)
	defer conn.Close()                                            //nolint:errcheck // read to its end
	go func() { _, _ = io.WriteString(conn, text+"\r\n"+body) }() // the answer may come before all is read
	var seen strings.Builder
	method, _, _ := strings.Cut(line, " ")
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &seen)), &http.Request{Method: method})
	require.NoError(t, err, request[:min(len(request), 200)])
	defer resp.Body.Close() //nolint:errcheck // read to its end
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	raw, _, _ := strings.Cut(seen.String(), "\r\n\r\n")
	return answer{resp.StatusCode, resp.Header, raw, string(got)}
}

// serve calls the gateway without TCP, which is faster, and returns the status.
func (a *api) serve(t *testing.T, path string) int {
	t.Helper()
	w := httptest.NewRecorder()
	a.gateway.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code
}

// entry returns the log entry of the last request.
func (a *api) entry() apigateway.Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log[len(a.log)-1]
}

func (a *api) wait(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func keysOf(v any) []string {
	m, _ := v.(map[string]any)
	return slices.Sorted(maps.Keys(m))
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/testkit/faultproxy"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
	"pricing/tools/internal/localtest"
)

var update = flag.Bool("update", false, "record the failures anew: serve the project, let everything go wrong, and keep its log")

// failure is a recorded failure, and what trace has to say of it.
type failure struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	Layer string `json:"layer"`
	Code  string `json:"code"` // of the cause
}

// recorder lets requests to the served project go wrong.
type recorder struct {
	t        *testing.T
	api      *localtest.API
	old      *httptest.Server
	log      string
	failures []failure

	mu    sync.Mutex
	fault func(faultproxy.Call) faultproxy.Action
}

func (r *recorder) decide(c faultproxy.Call) faultproxy.Action {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil {
		return faultproxy.Action{Kind: faultproxy.Pass}
	}
	return r.fault(c)
}

// broken lets calls of the store go wrong while do runs.
func (r *recorder) broken(fault func(faultproxy.Call) faultproxy.Action, do func()) {
	set := func(f func(faultproxy.Call) faultproxy.Action) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.fault = f
	}
	set(fault)
	defer set(nil)
	do()
}

// all does the same with every call.
func all(kind faultproxy.Kind) func(faultproxy.Call) faultproxy.Action {
	return func(faultproxy.Call) faultproxy.Action { return faultproxy.Action{Kind: kind} }
}

// writes does the same with every write of a board.
func ofWrites(kind faultproxy.Kind) func(faultproxy.Call) faultproxy.Action {
	return func(c faultproxy.Call) faultproxy.Action {
		if c.Writes() && c.Item == "board" {
			return faultproxy.Action{Kind: kind}
		}
		return faultproxy.Action{Kind: faultproxy.Pass}
	}
}

type request struct {
	method, path, token, body string
	header                    map[string]string
	status                    int
}

// ask sends a request, wants its status, and returns its id.
func (r *recorder) ask(q request) string {
	r.t.Helper()
	id, status, body, err := r.send(r.t.Context(), q)
	require.NoError(r.t, err)
	require.Equal(r.t, q.status, status, "%s %s: %s", q.method, q.path, body)
	return id
}

func (r *recorder) send(ctx context.Context, q request) (id string, status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, q.method, r.api.URL+q.path, strings.NewReader(q.body))
	if err != nil {
		return "", 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if q.token != "" {
		req.Header.Set("Authorization", "Bearer "+q.token)
	}
	for name, value := range q.header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return "", 0, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	return resp.Header.Get("x-amz-apigw-id"), resp.StatusCode, string(text), err
}

// expect keeps a failure.
func (r *recorder) expect(name, layer, code, id string) {
	require.NotEmpty(r.t, id, name)
	r.failures = append(r.failures, failure{name, id, layer, code})
}

// signal sends a signal to the processes of a function, of which there must be some.
func (r *recorder) signal(function string, s syscall.Signal) {
	r.t.Helper()
	found := 0
	entries, err := os.ReadDir("/proc")
	require.NoError(r.t, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		exe, err := os.Readlink(filepath.Join("/proc", e.Name(), "exe"))
		stat, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); err != nil || len(fields) < 2 || fields[1] != strconv.Itoa(r.api.PID()) {
			continue
		}
		if strings.Contains(exe, "/"+function+"/") {
			require.NoError(r.t, syscall.Kill(pid, s))
			found++
		}
	}
	require.Positive(r.t, found, function)
}

func observation(change map[string]any) string {
	document := map[string]any{
		"productId": "T-1", "competitorId": "bigmart", "availability": "InStock", "price": map[string]any{"amount": "19.95", "currency": "USD"},
		"source": map[string]any{"id": "crawler-a", "kind": "crawler"}, "observedAt": time.Now().UTC().Format(time.RFC3339Nano),
	}
	for name, value := range change {
		document[name] = value
	}
	text, _ := json.Marshal(document) // cannot fail: texts
	return string(text)
}

// oldService answers as the path says.
func oldService() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/hang-up"):
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(r.URL.Path, "/slow"):
			<-r.Context().Done()
		case strings.HasSuffix(r.URL.Path, "/failed"):
			w.WriteHeader(http.StatusBadGateway)
		case strings.HasSuffix(r.URL.Path, "/gone"):
			w.WriteHeader(http.StatusGone)
		}
	}))
}

// breakable changes the copy of the project that is served: what cannot be brought about from outside.
func breakable(t *testing.T, p localtest.Project) {
	t.Helper()
	edit := func(name, old, now string) {
		name = filepath.Join(p.Dir, name)
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, string(text), old)
		require.NoError(t, os.WriteFile(name, []byte(strings.Replace(string(text), old, now, 1)), 0o600))
	}
	edit("functions/get-competitor/handler.go", "		c, err := db.FindCompetitor(ctx, id)\n", `		switch id {
		case "panics":
			panic("as told")
		case "crashes":
			gone := make(chan int)
			go func() { panic("as told") }()
			<-gone
		case "exits":
			os.Exit(3)
		case "talks":
			return gateway.Answer{Body: strings.Repeat("long ", 2<<20)}, nil
		}
		c, err := db.FindCompetitor(ctx, id)
`)
	edit("functions/get-competitor/handler.go", "\t\"context\"\n", "\t\"context\"\n\t\"os\"\n\t\"strings\"\n")
	edit("functions/plot-history/main.go", `import "pricing/shared/boot"`,
		"import (\n\"os\"\n\n\"pricing/shared/boot\"\n)\n\nfunc init() { _ = os.Unsetenv(\"TABLE_NAME\") }\n")
	edit("template.yaml", "timeoutInMillis: 20000\n", "timeoutInMillis: 500\n") // of the facade
	text, err := os.ReadFile(filepath.Join(p.Dir, "template.yaml"))
	require.NoError(t, err)
	for id, seconds := range map[string]string{"GetProduct": "2", "AuthorizeRequest": "2", "GetHealth": "2"} {
		of := regexp.MustCompile(`(?s)(\n  ` + id + `Function:\n.*?\n      Timeout: )\d+`)
		require.Regexp(t, of, string(text))
		text = of.ReplaceAll(text, []byte("${1}"+seconds))
	}
	of := regexp.MustCompile(`(?s)(operationId: listCompetitors.*?timeoutInMillis: )\d+`)
	require.Regexp(t, of, string(text))
	text = of.ReplaceAll(text, []byte("${1}2000"))
	require.NoError(t, os.WriteFile(filepath.Join(p.Dir, "template.yaml"), text, 0o600))
}

// TestRecord makes the recorded failures, with -update: it serves a copy of the project, lets everything go wrong, starts it again, and
// keeps the whole log. Otherwise it only reads them.
func TestRecord(t *testing.T) {
	if !*update {
		assert.GreaterOrEqual(t, len(failures(t)), 30)
		return
	}
	endpoint := storetest.Endpoint(t)
	r := &recorder{t: t, old: oldService()}
	defer r.old.Close()
	proxy := faultproxy.New(endpoint, r.decide)
	address, err := proxy.Start("127.0.0.1:0")
	require.NoError(t, err)
	defer proxy.Close()
	p := localtest.New(t)
	breakable(t, p)
	r.log = filepath.Join(p.Dir, ".local", "log.ndjson")
	environment := "t" + strconv.FormatInt(time.Now().UnixNano(), 36)
	serve := func(do func(), parameters ...string) {
		args := []string{"-param", "LegacyUrl=" + r.old.URL, "-param", "LegacyPaths=*", "-param", "HealthConcurrency=1",
			"-param", "AuthorizerConcurrency=1"}
		for _, p := range parameters {
			args = append(args, "-param", p)
		}
		served, err := p.ServeIn(environment, address, args...)
		require.NoError(t, err)
		defer func() { require.NoError(t, served.Stop()) }()
		api := localtest.At(served, endpoint)
		r.api = &api
		do()
	}
	serve(r.requests)
	serve(r.outages)
	serve(r.elsewhere, "AllowedSourceIps=192.0.2.0/24")
	text, err := os.ReadFile(r.log)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join("testdata", "log.ndjson"), text, 0o600))
	index := &bytes.Buffer{}
	for _, f := range r.failures {
		if strings.HasPrefix(f.ID, "night-") { // the client heard no id
			line := regexp.MustCompile(`"requestId":"([^"]+)","correlationId":"` + f.ID + `"`).FindSubmatch(text)
			require.NotNil(t, line, f.Name)
			f.ID = string(line[1])
		}
		line, err := json.Marshal(f)
		require.NoError(t, err)
		fmt.Fprintf(index, "%s\n", line)
	}
	require.NoError(t, os.WriteFile(filepath.Join("testdata", "failures.ndjson"), index.Bytes(), 0o600))
}

// requests are those that are refused, or fail by themselves.
func (r *recorder) requests() {
	everything := r.api.Token(r.t, token.Scopes...)
	reader := r.api.Token(r.t, "read")
	const one = "/v1/observations"
	put := func(id string, header map[string]string, status int) string {
		return r.ask(request{"PUT", "/v1/products/" + id, everything, `{"title":"A thing","gtin":"04006381333931"}`, header, status})
	}
	r.ask(request{"PUT", "/v1/competitors/bigmart", everything, `{"name":"A shop","kind":"retailer"}`, nil, 201})
	kept := observation(map[string]any{"observedAt": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano)})
	r.expect("an observation", nowhere, "ok", r.ask(request{"POST", one, everything, kept, nil, 201}))
	r.expect("one that was sent before", nowhere, "ok", r.ask(request{"POST", one, everything, kept, nil, 200}))
	put("T-1", nil, 201)

	get := func(tok string) string {
		return r.ask(request{"GET", "/v1/competitors", tok, "", nil, 401})
	}
	record := func(change func(*token.Record)) string {
		return r.api.Mint(r.t, func(t *token.Record) {
			t.Scopes = []string{"read", "ingest"}
			change(t)
		})
	}
	r.expect("401: no token", atGateway, "no-token", get(""))
	r.expect("401: not the form of a token", atGateway, "no-token", get("cpi_x y"))
	mistyped := reader[:len(reader)-1] + "0" // of the form, with another checksum
	if mistyped == reader {
		mistyped = reader[:len(reader)-1] + "1"
	}
	r.expect("401: a mistyped token", atAuthorizer, "token-malformed", get(mistyped))
	r.expect("401: unknown", atAuthorizer, "token-unknown", get(token.Mint(r.api.Environment).String()))
	r.expect("401: of another environment", atAuthorizer, "token-of-another-environment", get(token.Mint("prod").String()))
	r.expect("401: expired", atAuthorizer, "token-expired", get(record(func(t *token.Record) { t.Expires = time.Now().Add(-time.Hour) })))
	r.expect("401: revoked", atAuthorizer, "token-revoked", get(record(func(t *token.Record) { t.Active = false })))
	r.expect("401: not yet valid", atAuthorizer, "token-not-yet-valid",
		get(record(func(t *token.Record) { t.NotBefore = time.Now().Add(time.Hour) })))
	r.expect("403: scope, asked", atAuthorizer, "no-scope", r.ask(request{"POST", one, reader, kept, nil, 403}))
	r.expect("403: scope, policy from the cache", atAuthorizer, "no-scope", r.ask(request{"POST", one, reader, kept, nil, 403}))
	r.expect("404: no such route", atGateway, "unknown-route", r.ask(request{"GET", "/v1/nothing", reader, "", nil, 403}))
	r.expect("404: no such route, no token", atGateway, "unknown-route", r.ask(request{"GET", "/v1/nothing", "", "", nil, 403}))
	r.expect("404: no such product", atFunction, "refused", r.ask(request{"GET", "/v1/products/none", reader, "", nil, 404}))
	r.expect("400: no object, refused by the gateway", atGateway, "body-refused-by-gateway",
		r.ask(request{"POST", one, everything, `[]`, nil, 400}))
	r.expect("400: a field of the wrong type", atFunction, "refused",
		r.ask(request{"POST", one, everything, observation(map[string]any{"competitorId": 7}), nil, 400}))
	r.expect("400: an unknown parameter", atFunction, "refused", r.ask(request{"GET", "/v1/competitors?x=1", reader, "", nil, 400}))
	r.expect("406", atFunction, "refused",
		r.ask(request{"GET", "/v1/products/T-1/history", reader, "", map[string]string{"Accept": "application/pdf"}, 406}))
	r.expect("409: an observation that contradicts one", atFunction, "refused",
		r.ask(request{"POST", one, everything, strings.Replace(kept, "19.95", "20.95", 1), nil, 409}))
	r.expect("409: a gtin in use", atFunction, "refused", put("T-2", nil, 409))
	r.expect("412", atFunction, "refused", put("T-1", map[string]string{"If-Match": `"x"`}, 412))
	r.expect("413", atFunction, "refused",
		r.ask(request{"POST", one, everything, `{"x":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413}))
	r.expect("413: longer than the gateway takes", atGateway, "refused-before-routing",
		r.ask(request{"POST", one, everything, `{"x":"` + strings.Repeat("x", 11<<20) + `"}`, nil, 413}))
	r.expect("415", atFunction, "refused",
		r.ask(request{"POST", one, everything, kept, map[string]string{"Content-Encoding": "gzip"}, 415}))
	r.expect("422", atFunction, "refused",
		r.ask(request{"POST", one, everything, observation(map[string]any{"competitorId": "nobody"}), nil, 422}))
	r.expect("422: a reserved name", atFunction, "refused",
		r.ask(request{"POST", one, record(func(*token.Record) {}), observation(map[string]any{"productId": "self-check-x"}), nil, 422}))
	r.expect("a source that the token is not bound to", atFunction, "refused", r.ask(request{"POST", one,
		record(func(t *token.Record) { t.Sources = []string{"feed-*"} }), kept, nil, 422}))
	r.expect("a batch of which one is refused", atFunction, "items-refused", r.ask(request{"POST", one + "/batch", everything,
		`{"observations":[` + observation(nil) + `,` + observation(map[string]any{"competitorId": "nobody"}) + `]}`, nil, 207}))
	r.expect("429: the gateway's throttle", atGateway, "throttled-by-gateway", r.tooMany())

	r.expect("a panic", atFunction, "panic", r.ask(request{"GET", "/v1/competitors/panics", reader, "", nil, 500}))
	r.expect("a crash", atFunction, "function-crash", r.ask(request{"GET", "/v1/competitors/crashes", reader, "", nil, 503}))
	r.expect("an exit", atFunction, "function-crash", r.ask(request{"GET", "/v1/competitors/exits", reader, "", nil, 503}))
	r.expect("an answer too long", atFunction, "answer-too-long", r.ask(request{"GET", "/v1/competitors/talks", reader, "", nil, 500}))
	r.expect("a process that dies at its start", atFunction, "function-dies-at-start",
		r.ask(request{"GET", "/v1/products/T-1/history.svg", reader, "", nil, 503}))

	old := func(path string, status int) string {
		return r.ask(request{"GET", "/v1/legacy/" + path, reader, "", nil, status})
	}
	r.expect("the old service answers", nowhere, "ok", old("fine", 200))
	r.expect("the old service fails", atOldService, "old-service-failed", old("failed", 502))
	r.expect("the old service refuses", atOldService, "old-service-refused", old("gone", 410))
	r.expect("the old service hangs up", atOldService, "old-service-unreachable", old("hang-up", 503))
	r.expect("the old service is slow", atOldService, "old-service-timeout", old("slow", 503))
	r.expect("a path that is not passed on", atAuthorizer, "path-not-passed-on", old("a%3bb", 403))
}

// tooMany asks until the gateway's throttle refuses.
func (r *recorder) tooMany() string {
	for range 500 {
		if id, status, _, err := r.send(r.t.Context(), request{"GET", "/v1/health", "", "", nil, 0}); err == nil && status == 429 {
			return id
		}
	}
	return ""
}

// outages are what goes wrong below.
func (r *recorder) outages() {
	everything := r.api.Token(r.t, token.Scopes...)
	const one = "/v1/observations"
	send := func(product string, status int) string {
		return r.ask(request{"POST", one, everything, observation(map[string]any{"productId": product}), nil, status})
	}
	get := func(path string, status int) string { return r.ask(request{"GET", path, everything, "", nil, status}) }
	fresh := func(status int) string {
		return r.ask(request{"GET", "/v1/competitors/bigmart", r.api.Token(r.t, "read"), "", nil, status})
	}
	send("O-1", 201)
	get("/v1/products/T-1", 200)
	r.ask(request{"GET", "/v1/health", "", "", nil, 200})

	r.broken(all(faultproxy.Drop), func() {
		r.expect("the engine is down: a read", atStore, "store-unreachable", get("/v1/products/T-1/offers", 503))
		r.expect("the engine is down: a write", atStore, "store-unreachable", send("O-1", 503))
		r.expect("the authorizer cannot read the table", atStore, "authorizer-cannot-read-store", fresh(500))
	})
	r.broken(all(faultproxy.Fail), func() {
		r.expect("the engine fails", atStore, "store-unreachable", get("/v1/products/T-1/offers", 503))
	})
	r.broken(all(faultproxy.Deny), func() {
		r.expect("no permission", atFunction, "not-permitted", get("/v1/products/T-1/offers", 500))
		r.expect("no permission of the authorizer", atAuthorizer, "authorizer-not-permitted", fresh(500))
	})
	r.broken(all(faultproxy.Hang), func() {
		r.expect("the engine does not answer", atStore, "store-too-slow", get("/v1/products/T-1/offers", 503))
		r.expect("the gateway gives up", atFunction, "gave-up-waiting", get("/v1/competitors", 503))
	})
	r.broken(ofWrites(faultproxy.Throttle), func() {
		r.expect("writes are throttled", atStore, "store-throttled", send("O-1", 503))
	})
	lost := true
	r.broken(func(c faultproxy.Call) faultproxy.Action {
		if lost && c.Operation == "UpdateItem" && c.Item == "board" {
			lost = false
			return faultproxy.Action{Kind: faultproxy.DropAnswer}
		}
		return faultproxy.Action{Kind: faultproxy.Pass}
	}, func() {
		r.expect("an answer of the engine is lost", nowhere, "answer-of-store-lost", send("O-1", 201))
	})
	r.broken(ofWrites(faultproxy.DropAnswer), func() {
		r.expect("all answers to a write are lost", atStore, "store-unreachable", send("O-1", 503))
	})
	send("O-2", 201)
	storetest.Damage(r.t, storetest.Client(storetest.Endpoint(r.t)), r.api.Table, "O-2")
	r.expect("a board that cannot be decoded: a read", atStore, "board-damaged", get("/v1/products/O-2/offers", 500))
	r.expect("a board that cannot be decoded: a write", atStore, "board-damaged", send("O-2", 500))
	r.expect("a board that cannot be decoded: one of a batch", atStore, "board-damaged", r.ask(request{"POST", one + "/batch", everything,
		`{"observations":[` + observation(map[string]any{"productId": "O-2"}) + `,` + observation(nil) + `]}`, nil, 207}))

	slow := true
	r.broken(func(c faultproxy.Call) faultproxy.Action {
		if slow && c.Operation == "UpdateItem" && c.Item == "board" {
			slow = false
			return faultproxy.Action{Kind: faultproxy.Delay, Wait: 1100 * time.Millisecond}
		}
		return faultproxy.Action{Kind: faultproxy.Pass}
	}, func() {
		ctx, leave := context.WithTimeout(r.t.Context(), 300*time.Millisecond)
		defer leave()
		_, _, _, err := r.send(ctx, request{"POST", one, everything, observation(nil), map[string]string{"X-Correlation-Id": "night-1"}, 0})
		require.Error(r.t, err)
		require.Eventually(r.t, func() bool {
			text, err := os.ReadFile(r.log)
			return err == nil && bytes.Contains(text, []byte(`"correlationId":"night-1"`))
		}, time.Minute, 50*time.Millisecond)
		r.expect("the client has gone", nowhere, "slow", "night-1")
	})

	r.signal("GetProductFunction", syscall.SIGSTOP)
	r.expect("a timeout", atFunction, "function-timeout", get("/v1/products/T-1", 503))
	r.signal("AuthorizeRequestFunction", syscall.SIGSTOP)
	throttled, late := r.both("/v1/competitors/bigmart", r.api.Token(r.t, "read"), r.api.Token(r.t, "read"))
	r.expect("the authorizer is throttled", atAuthorizer, "authorizer-throttled", throttled)
	r.expect("the authorizer's timeout", atAuthorizer, "authorizer-timeout", late)
	r.signal("GetHealthFunction", syscall.SIGSTOP)
	throttled, late = r.both("/v1/health", "", "")
	r.expect("a function is throttled", atFunction, "function-throttled", throttled)
	r.expect("the timeout of one without a token", atFunction, "function-timeout", late)
	r.old.Close()
	r.expect("nobody is at the old service", atOldService, "old-service-unreachable", get("/v1/legacy/fine", 503))
}

// both sends two requests at once to a function that may run once at a time and is stopped: one is throttled, the other has to wait.
func (r *recorder) both(path string, tokens ...string) (throttled, late string) {
	ids := make(chan string)
	for _, tok := range tokens {
		go func() {
			id, _, _, _ := r.send(r.t.Context(), request{"GET", path, tok, "", nil, 0}) // without an id the test fails
			ids <- id
		}()
	}
	return <-ids, <-ids
}

// elsewhere is an API that lets other addresses in.
func (r *recorder) elsewhere() {
	r.expect("403: an address that may not", atGateway, "address-not-allowed", r.ask(request{"GET", "/v1/health", "", "", nil, 403}))
}

// failures are the recorded ones.
func failures(t testing.TB) (all []failure) {
	t.Helper()
	for _, name := range []string{"failures.ndjson", "failures-aws.ndjson"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		for line := range bytes.Lines(text) {
			var f failure
			require.NoError(t, json.Unmarshal(line, &f), name)
			all = append(all, f)
		}
	}
	names := map[string]bool{}
	all = slices.DeleteFunc(all, func(f failure) bool { defer func() { names[f.Name] = true }(); return names[f.Name] })
	return all
}

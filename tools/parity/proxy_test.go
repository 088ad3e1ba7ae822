package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/tools/parity/compare"
	"pricing/tools/parity/judge"
)

// started is a proxy between servers of a test.
type started struct {
	*proxy
	url string
}

func startProxy(t *testing.T, legacy, fresh, rules string, inFlight int, change func(*options)) started {
	t.Helper()
	o, err := readOptions("proxy", []string{"-legacy", legacy, "-new", fresh, "-max-body", "65536", "-new-timeout", "300ms"}, io.Discard)
	require.NoError(t, err)
	o.settings.Open = true
	if change != nil {
		change(&o)
	}
	all, err := compare.Read([]byte(rules))
	require.NoError(t, err)
	r, err := o.begin(all)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p := newProxy(ctx, r, inFlight, log.New(io.Discard, "", 0))
	server := httptest.NewServer(p)
	t.Cleanup(func() { server.Close(); cancel(); p.beside.Wait(); p.readBacks.Wait() })
	return started{p, server.URL}
}

// report waits until all that runs beside the clients has ended.
func (s started) report() judge.Report {
	s.beside.Wait()
	s.readBacks.Wait()
	return s.run.Report(time.Now(), false)
}

// ask asks as a client and returns what stands in the answer, without unpacking it.
func ask(t *testing.T, method, url, body string, header http.Header) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = header
	response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, string(text)
}

// legacyAnswers are answers of all kinds, which have to reach the client as they are.
func legacyAnswers(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/packed":
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		packed := gzip.NewWriter(w)
		_, _ = packed.Write([]byte(`{"a":1}`))
		_ = packed.Close()
	case "/none":
		w.WriteHeader(http.StatusNoContent)
	case "/moved":
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	case "/untyped":
		w.Header()["Content-Type"] = nil
		_, _ = w.Write([]byte("<html>\x00\xff"))
	case "/large":
		_, _ = w.Write(bytes.Repeat([]byte("large "), 100_000))
	case "/odd path;x":
		_, _ = fmt.Fprintf(w, "%s %s", r.RequestURI, r.Header.Get("X-Forwarded-For"))
	default:
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, `{"method":%q,"uri":%q,"body":"%x"}`, r.Method, r.RequestURI, sha256.Sum256(body))
	}
}

// Whatever the new side does, a client gets the legacy answer.
func TestProxy_ClientsGetTheLegacyAnswer(t *testing.T) {
	t.Parallel()
	legacy := httptest.NewServer(http.HandlerFunc(legacyAnswers))
	t.Cleanup(legacy.Close)
	dead := httptest.NewServer(nil)
	dead.Close()
	release := make(chan struct{})
	sides := map[string]http.HandlerFunc{
		"alike": legacyAnswers,
		"other": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "other") },
		"stalled": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
		"breaking": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		},
	}
	for name, handler := range sides {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh := httptest.NewUnstartedServer(handler)
			fresh.Config.ErrorLog = log.New(io.Discard, "", 0)
			fresh.Start()
			t.Cleanup(fresh.Close)
			if name == "stalled" { // before the server waits for it
				t.Cleanup(func() { close(release) })
			}
			clientsGet(t, legacy.URL, fresh.URL, name)
		})
	}
	t.Run("dead", func(t *testing.T) {
		t.Parallel()
		clientsGet(t, legacy.URL, dead.URL, "dead")
	})
}

func clientsGet(t *testing.T, legacy, fresh, name string) {
	const rules = "routes:\n  - route: PUT /{rest+}\n    send: true\n    headers: [content-type]\n"
	p := startProxy(t, legacy, fresh, rules, 2, nil)
	sent := 0
	for _, path := range []string{"/packed", "/none", "/moved", "/untyped", "/large", "/odd%20path%3Bx?a=1;b=2&c=%zz", "/other?x=%2F"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
			for _, size := range []int{0, 100, 70_000} {
				if size > 0 && (method == "GET" || method == "HEAD") {
					continue
				}
				body := strings.Repeat("x", size)
				header := http.Header{"X-Forwarded-For": {"10.9.9.9"}, "Accept-Encoding": {"gzip"}}
				wantStatus, wantHeader, want := ask(t, method, legacy+path, body, header.Clone())
				status, got, text := ask(t, method, p.url+path, body, header.Clone())
				assert.Equal(t, wantStatus, status, path)
				assert.Equal(t, want, text, path)
				wantHeader.Del("Connection") // of each connection
				got.Del("Connection")
				assert.Equal(t, wantHeader, got, "%s %s", method, path)
				sent++
			}
		}
	}
	report := p.report()
	counted := report.Compared
	for _, n := range report.NotCompared {
		counted += n
	}
	assert.Equal(t, sent, counted, "each request is counted once: %v", report.NotCompared)
	assert.Positive(t, report.NotCompared[notSent], "DELETE has no rule")
	assert.Positive(t, report.NotCompared[tooLarge])
	if name == "alike" {
		for _, r := range report.Routes {
			assert.Empty(t, r.Paths, r.Name)
		}
		return
	}
	for _, r := range report.Routes {
		if !strings.HasPrefix(r.Name, "HEAD") { // which shows little
			assert.Equal(t, r.Compared, r.Mismatch.Count, "%s: nothing of it agrees", r.Name)
		}
	}
}

// A new side that stalls takes no more than its room: the rest is shed and counted, and no client waits.
func TestProxy_Stalled(t *testing.T) {
	t.Parallel()
	legacy := httptest.NewServer(http.HandlerFunc(legacyAnswers))
	defer legacy.Close()
	var asked atomic.Int32
	release := make(chan struct{})
	fresh := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1); <-release }))
	defer fresh.Close()
	defer close(release)
	p := startProxy(t, legacy.URL, fresh.URL, "", 3, func(o *options) { o.newTimeout = time.Hour })
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 25 {
				status, _, _ := ask(t, "GET", p.url+"/x", "", http.Header{})
				assert.Equal(t, http.StatusTeapot, status)
			}
		})
	}
	clients.Wait()
	early := p.run.Report(time.Now(), false)
	assert.Equal(t, 97, early.NotCompared[judge.Shed])
	assert.LessOrEqual(t, asked.Load(), int32(3))
	assert.Equal(t, judge.NotEnough, early.Verdict)
}

// A client sees each part of the legacy answer when the legacy side has sent it.
func TestProxy_Streams(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, "part\n")
			w.(http.Flusher).Flush()
			<-next
		}
	}
	legacy := httptest.NewServer(http.HandlerFunc(handler))
	defer legacy.Close()
	stalled := make(chan struct{})
	fresh := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stalled }))
	defer fresh.Close()
	defer close(stalled)
	p := startProxy(t, legacy.URL, fresh.URL, "", 3, func(o *options) { o.newTimeout = time.Hour })
	r, err := http.NewRequestWithContext(t.Context(), "GET", p.url, nil)
	require.NoError(t, err)
	response, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // the test ends
	part := make([]byte, 5)
	for range 3 { // the next part is sent only after this one has come
		_, err := io.ReadFull(response.Body, part)
		require.NoError(t, err)
		next <- struct{}{}
	}
}

func TestProxy_Admin(t *testing.T) {
	t.Parallel()
	legacy := httptest.NewServer(http.HandlerFunc(legacyAnswers))
	defer legacy.Close()
	var asked atomic.Int32
	fresh := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		legacyAnswers(w, r)
	}))
	defer fresh.Close()
	p := startProxy(t, legacy.URL, fresh.URL, "", 3, nil)
	admin := httptest.NewServer(p.admin())
	defer admin.Close()
	ask(t, "GET", p.url+"/x", "", http.Header{})
	p.beside.Wait()
	require.Equal(t, int32(1), asked.Load())
	status, _, text := ask(t, "POST", admin.URL+"/new/off", "", http.Header{})
	require.Equal(t, 200, status, text)
	ask(t, "GET", p.url+"/x", "", http.Header{})
	ask(t, "POST", admin.URL+"/new/on", "", http.Header{})
	ask(t, "GET", p.url+"/x", "", http.Header{})
	p.beside.Wait()
	assert.Equal(t, int32(2), asked.Load())
	for path, mime := range map[string]string{"/": "text/html", "/report.md": "text/markdown", "/report.json": "application/json"} {
		status, header, text := ask(t, "GET", admin.URL+path, "", http.Header{})
		assert.Equal(t, 200, status)
		assert.Contains(t, header.Get("Content-Type"), mime)
		assert.Contains(t, text, "arly", "%s: an early look is marked", path)
		if mime == "application/json" {
			var r judge.Report
			require.NoError(t, json.Unmarshal([]byte(text), &r))
			assert.True(t, r.Early)
			assert.Equal(t, 2, r.Compared)
			assert.Equal(t, map[string]int{switchedOff: 1}, r.NotCompared)
		}
	}
	status, _, _ = ask(t, "POST", admin.URL+"/new/maybe", "", http.Header{})
	assert.Equal(t, 404, status)
}

// A legacy side that breaks off reaches the client as that, and is not compared.
func TestProxy_LegacyBreaksOff(t *testing.T) {
	t.Parallel()
	legacy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	legacy.Config.ErrorLog = log.New(io.Discard, "", 0)
	legacy.Start()
	defer legacy.Close()
	fresh := httptest.NewServer(http.HandlerFunc(legacyAnswers))
	defer fresh.Close()
	p := startProxy(t, legacy.URL, fresh.URL, "", 3, nil)
	r, err := http.NewRequestWithContext(t.Context(), "GET", p.url, nil)
	require.NoError(t, err)
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		_, err = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	require.Error(t, err)
	report := p.report()
	assert.Equal(t, map[string]int{noLegacy: 1}, report.NotCompared)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	p = startProxy(t, "http://"+listener.Addr().String(), fresh.URL, "", 3, nil)
	status, _, _ := ask(t, "GET", p.url, "", http.Header{})
	assert.Equal(t, http.StatusBadGateway, status)
	assert.Equal(t, map[string]int{noLegacy: 1}, p.report().NotCompared)
}

// The command serves until it is told to end, and then judges.
func TestRun_Proxy(t *testing.T) {
	t.Parallel()
	legacy := httptest.NewServer(http.HandlerFunc(legacyAnswers))
	defer legacy.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said, says := io.Pipe()
	dir := t.TempDir()
	ended := make(chan int, 1)
	go func() {
		status, err := run(ctx, []string{"proxy", "-legacy", legacy.URL, "-new", legacy.URL, "-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0",
			"-out", dir}, io.Discard, says)
		assert.NoError(t, err)
		ended <- status
	}()
	lines := bufio.NewScanner(said)
	addresses := map[string]string{}
	for len(addresses) < 2 && lines.Scan() {
		what, address, _ := strings.Cut(lines.Text(), ": ")
		addresses[what] = address
	}
	for range 3 {
		status, _, _ := ask(t, "GET", addresses["clients"]+"/x", "", http.Header{})
		assert.Equal(t, http.StatusTeapot, status)
	}
	status, _, text := ask(t, "GET", addresses["the report"]+"/report.md", "", http.Header{})
	assert.Equal(t, 200, status)
	assert.Contains(t, text, "not enough data")
	cancel()
	assert.Equal(t, statusNotEnough, <-ended)
	assert.Equal(t, 3, report(t, dir).Compared)
}

package samtest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func with(status int, body string, headers ...string) Answer {
	a := Answer{Status: status, Header: http.Header{}, Body: body}
	for i := 0; i < len(headers); i += 2 {
		a.Header.Set(headers[i], headers[i+1])
	}
	return a
}

func TestComparable(t *testing.T) {
	t.Parallel()
	run := &test{Project: Project{RequestID: "x-id", Times: []string{"at", "lastAt"}}}
	a := with(200, `{"instance":"one", "at":"1", "next":null, "things":[{"lastAt":"2"}]}`, "x-id", "one", "ETag", "1", "Date", "x")
	b := with(200, `{"at":"3","instance":"two","things":[{"lastAt":"4"}],"next":null}`, "x-id", "two", "ETag", "2", "Server", "y")
	assert.Equal(t, run.comparable(a), run.comparable(b), "ids, times and the order of members do not count")

	usual := run.comparable(with(200, `{"size":"1"}`))
	for name, other := range map[string]Answer{
		"status":       with(201, `{"size":"1"}`),
		"body":         with(200, `{"size":"2"}`),
		"no JSON":      with(200, `size`),
		"content type": with(200, `{"size":"1"}`, "Content-Type", "text/html"),
		"retry":        with(200, `{"size":"1"}`, "Retry-After", "1"),
		"ETag":         with(200, `{"size":"1"}`, "ETag", "1"),
		"no time":      with(200, `{"size":"1","at":null}`),
	} {
		assert.NotEqual(t, usual, run.comparable(other), name)
	}
}

func TestAnswer_Words(t *testing.T) {
	t.Parallel()
	const gateways, problem = "application/json", "application/problem+json"
	for want, a := range map[string]Answer{
		`403 "Missing Authentication Token"`: with(403, `{"message":"Missing Authentication Token"}`, "Content-Type", gateways),
		"400 problem malformed-json":         with(400, `{"type":"urn:problem-type:shop:malformed-json"}`, "Content-Type", problem),
		"401 problem unauthorized [UnauthorizedException]": with(401, `{"type":"urn:problem-type:shop:unauthorized"}`,
			"x-amzn-ErrorType", "UnauthorizedException"),
		"502 application/json": with(502, "", "Content-Type", gateways),
		"413 text/plain":       with(413, "too long", "Content-Type", "text/plain"),
		"200 application/json": with(200, `[{"type":"x"}]`, "Content-Type", gateways),
	} {
		assert.Equal(t, want, a.Words())
	}
}

func TestDifference_judge(t *testing.T) {
	t.Parallel()
	d := Difference{What: "HEAD", SAM: "502", Local: "403"}
	assert.Empty(t, d.judge("502", "403"))
	assert.Equal(t, []string{"HEAD: SAM local now answers 403, as samkit/local does: delete this known difference"}, d.judge("403", "403"))
	assert.Equal(t, []string{"HEAD: SAM local now answers 200, not 502: correct this known difference"}, d.judge("200", "403"))
	assert.Equal(t, []string{"HEAD: samkit/local answers 404, not 403"}, d.judge("502", "404"))
	assert.Len(t, d.judge("502", "502"), 2)
}

// serve is a target.
func serve(t *testing.T, handler http.HandlerFunc) *Target {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &Target{Name: "test", Values: map[string]string{}, url: server.URL, client: server.Client()}
}

// fixed is a target that always answers the same.
func fixed(t *testing.T, status int, body string) *Target {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client sees what is missing
	})
}

func TestTarget_Send(t *testing.T) {
	t.Parallel()
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", r.Header.Get("If-None-Match")+"+")
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+" "+r.Header.Get("Content-Type"))
	})
	target.Values["reader"] = "secret"
	header := map[string]string{"Authorization": "Bearer {{reader}}", "If-None-Match": "{{etag}}"}
	c := Call{Method: "PUT", Path: "/", Body: "{}", Header: header}
	target.Values["etag"] = "1"
	for _, etag := range []string{"1+", "1++"} {
		a, err := target.Send(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, "Bearer secret application/json", a.Body)
		assert.Equal(t, etag, target.Values["etag"], "the last one")
	}
	c.Header = map[string]string{"Content-Type": "text/plain"}
	a, err := target.Send(t.Context(), c)
	require.NoError(t, err)
	assert.Equal(t, " text/plain", a.Body)
}

func TestBurst(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) > 3 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	words, err := Burst(3, Get("/"))(t.Context(), target)
	require.NoError(t, err)
	assert.Equal(t, "200 ", words)
	words, err = Burst(9, Get("/"))(t.Context(), target)
	require.NoError(t, err)
	assert.Equal(t, "429 ", words)
	assert.EqualValues(t, 4, asked.Load())
}

func TestAskAlike(t *testing.T) {
	t.Parallel()
	left := fixed(t, 200, "a")
	right := fixed(t, 200, "b")
	requests := []Request{{"what", Get("/"), 200}}

	run := &test{}
	run.askAlike(t.Context(), left, left, requests)
	assert.Empty(t, run.failures)
	run.askAlike(t.Context(), left, right, requests)
	require.Len(t, run.failures, 1)
	assert.Contains(t, run.failures[0], "what: GET /: the answers differ")

	run = &test{}
	run.askAlike(t.Context(), left, left, []Request{{"what", Get("/"), 201}})
	require.Len(t, run.failures, 1, "alike, and both wrong")
	assert.Contains(t, run.failures[0], "answers 200, want 201")
}

func TestAskDifferent(t *testing.T) {
	t.Parallel()
	run := &test{}
	table := run.askDifferent(t.Context(), fixed(t, 200, ""), fixed(t, 404, ""), []Difference{
		{"as known", Once(Get("/")), "200 ", "404 "},
		{"mended", Once(Get("/")), "500 ", "404 "},
	})
	assert.Equal(t, [][3]string{{"as known", "200 ", "404 "}, {"mended", "200 ", "404 "}}, table)
	require.Len(t, run.failures, 1)
	assert.Contains(t, run.failures[0], "mended: SAM local now answers 200 , not 500 ")
}

func TestRootFiles(t *testing.T) {
	t.Parallel()
	text, err := rootFiles([]byte("emulator"))
	require.NoError(t, err)
	modes := map[string]int64{}
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		modes[header.Name] = header.Mode
		if header.Typeflag == tar.TypeReg {
			content, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.Equal(t, "emulator", string(content))
		}
	}
	assert.Equal(t, map[string]int64{
		"tmp/": 0o1777, "opt/extensions/": 0o755, "var/task/": 0o755, "var/runtime/bootstrap": 0o777, "var/rapid/aws-lambda-rie": 0o755,
	}, modes)
}

func TestLock(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	unlock, err := lock(t.Context(), &out)
	require.NoError(t, err)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = lock(gone, &out)
	require.ErrorIs(t, err, context.Canceled, "another holds it")
	assert.Contains(t, out.String(), "waiting")
	unlock()
	unlock, err = lock(gone, &out)
	require.NoError(t, err)
	unlock()
}

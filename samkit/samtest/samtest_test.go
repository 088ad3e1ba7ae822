package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func with(status int, body string, headers ...string) answer {
	a := answer{status: status, header: http.Header{}, body: body}
	for i := 0; i < len(headers); i += 2 {
		a.header.Set(headers[i], headers[i+1])
	}
	return a
}

func TestAnswer_comparable(t *testing.T) {
	t.Parallel()
	a := with(200, `{"instance":"one", "receivedAt":"1", "next":null, "offers":[{"lastReceivedAt":"2"}]}`, "x-request-id", "one", "ETag", "1", "Date", "x")
	b := with(200, `{"receivedAt":"3","instance":"two","offers":[{"lastReceivedAt":"4"}],"next":null}`, "x-request-id", "two", "ETag", "2", "Server", "y")
	assert.Equal(t, a.comparable(), b.comparable(), "ids, times of receipt and the order of members do not count")

	for name, other := range map[string]answer{
		"status":       with(201, `{"price":"1"}`),
		"body":         with(200, `{"price":"2"}`),
		"no JSON":      with(200, `price`),
		"content type": with(200, `{"price":"1"}`, "Content-Type", "text/html"),
		"retry":        with(200, `{"price":"1"}`, "Retry-After", "1"),
		"ETag":         with(200, `{"price":"1"}`, "ETag", "1"),
		"no time":      with(200, `{"price":"1","receivedAt":null}`),
	} {
		assert.NotEqual(t, with(200, `{"price":"1"}`).comparable(), other.comparable(), name)
	}
}

func TestAnswer_words(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]answer{
		`403 "Missing Authentication Token"`:               with(403, `{"message":"Missing Authentication Token"}`, "Content-Type", "application/json"),
		"400 problem malformed-json":                       with(400, `{"type":"urn:problem-type:pricing:malformed-json"}`, "Content-Type", "application/problem+json"),
		"401 problem unauthorized [UnauthorizedException]": with(401, `{"type":"urn:problem-type:pricing:unauthorized"}`, "x-amzn-ErrorType", "UnauthorizedException"),
		"502 application/json":                             with(502, "", "Content-Type", "application/json"),
		"413 text/plain":                                   with(413, "too long", "Content-Type", "text/plain"),
		"200 application/json":                             with(200, `[{"type":"x"}]`, "Content-Type", "application/json"),
	} {
		assert.Equal(t, want, a.words())
	}
}

func TestDifference_judge(t *testing.T) {
	t.Parallel()
	d := difference{what: "HEAD", sam: "502", local: "403"}
	assert.Empty(t, d.judge("502", "403"))
	assert.Equal(t, []string{"HEAD: SAM local now answers 403 as samkit/local does: take the row out of the known differences"}, d.judge("403", "403"))
	assert.Equal(t, []string{"HEAD: SAM local now answers 200, not 502: mend the row of the known differences"}, d.judge("200", "403"))
	assert.Equal(t, []string{"HEAD: samkit/local answers 404, not 403"}, d.judge("502", "404"))
	assert.Len(t, d.judge("502", "502"), 2)
}

func TestAskBoth(t *testing.T) {
	t.Parallel()
	left, right := fixed(t, 200, "a"), fixed(t, 200, "b")
	requests := []request{{"what", get("/", ""), 200}}

	run := &test{}
	run.askSame(t.Context(), left, left, requests)
	assert.Empty(t, run.failures)
	run.askSame(t.Context(), left, right, requests)
	require.Len(t, run.failures, 1)
	assert.Contains(t, run.failures[0], "what: GET /: the answers differ")

	run = &test{}
	run.askSame(t.Context(), left, left, []request{{"what", get("/", ""), 201}})
	require.Len(t, run.failures, 1, "alike, and both wrong")
	assert.Contains(t, run.failures[0], "answers 200, want 201")
}

// fixed is a side that always answers the same.
func fixed(t *testing.T, status int, body string) *side {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client sees what is missing
	}))
	t.Cleanup(server.Close)
	return &side{name: body, url: server.URL, client: server.Client()}
}

func TestSameAnswer(t *testing.T) {
	t.Parallel()
	want := []byte(`{"status":404,"headers":{"Content-Type":"application/problem+json"},"body":{"a":1}}`)
	good := `{"statusCode":404,"headers":{"Content-Type":"application/problem+json","x-request-id":"1"},"body":"{\"a\": 1}"}`
	require.NoError(t, sameAnswer([]byte(good), want))
	require.NoError(t, sameAnswer([]byte(`{"statusCode":304}`), []byte(`{"status":304}`)))
	for name, bad := range map[string]string{
		"status": `{"statusCode":200,"headers":{"Content-Type":"application/problem+json"},"body":"{\"a\": 1}"}`,
		"body":   `{"statusCode":404,"headers":{"Content-Type":"application/problem+json"},"body":"{\"a\": 2}"}`,
		"empty":  `{"statusCode":404,"headers":{"Content-Type":"application/problem+json"}}`,
		"text":   `{"statusCode":404,"headers":{"Content-Type":"application/problem+json"},"body":"a"}`,
		"header": `{"statusCode":404,"headers":{},"body":"{\"a\": 1}"}`,
		"error":  `{"errorMessage":"x","errorType":"y"}`,
		"none":   ``,
	} {
		assert.Error(t, sameAnswer([]byte(bad), want), name)
	}
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
	assert.Equal(t, map[string]int64{"tmp/": 0o1777, "opt/extensions/": 0o755, "var/task/": 0o755, "var/runtime/bootstrap": 0o777, "var/rapid/aws-lambda-rie": 0o755}, modes)
}

func TestLogicalID(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "GetHealthFunction", logicalID("get-health"))
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

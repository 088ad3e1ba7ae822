package traffic_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/tools/parity/traffic"
)

const (
	har = `{"log":{"version":"1.2","creator":{"name":"x"},"entries":[
		{"startedDateTime":"2026-07-06T09:00:00Z","request":{"method":"POST","url":"https://old.example/prices?x=1#top",
		 "headers":[{"name":":authority","value":"old.example"},{"name":"content-length","value":"7"},{"name":"accept","value":"*/*"}],
		 "postData":{"mimeType":"application/json","text":"{\"a\":1}"}}},
		{"request":{"method":"GET","url":"https://old.example"}},
		{"request":{"method":"PUT","url":"/x","postData":{"text":"AAE=","encoding":"base64"}}}]}}`
	logs = `10.0.0.1 - ann [06/Jul/2026:09:00:00 +0000] "GET /products/p1?page=2 HTTP/1.1" 200 512
10.0.0.1 - - [06/Jul/2026:09:00:01 +0000] "POST /prices HTTP/2.0" 201 0 "-" "curl/8.5 \"x\""

10.0.0.1 - - [06/Jul/2026:09:00:02 +0000] "\x16\x03\x01" 400 0
10.0.0.1 - - [06/Jul/2026:09:00:02 +0000] "GET http://other.example/ HTTP/1.1" 400 0
::1 - a b [06/Jul/2026:09:00:03 +0000] "HEAD /a%20b HTTP/1.1" 304`
	jsonl = `{"method":"GET","path":"/products/p1","headers":{"Accept":"text/csv","Host":"old.example"}}

{"method":"PUT","path":"/products/p1","json":{"title":"x"}}
{"method":"POST","path":"/x","body":"a=1"}`
)

func TestRead(t *testing.T) {
	t.Parallel()
	all, skipped, err := traffic.Read(strings.NewReader(jsonl), "jsonl")
	require.NoError(t, err)
	assert.Empty(t, skipped)
	assert.Equal(t, []traffic.Request{
		{Method: "GET", Path: "/products/p1", Header: http.Header{"Accept": {"text/csv"}}},
		{Method: "PUT", Path: "/products/p1", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"title":"x"}`)},
		{Method: "POST", Path: "/x", Header: http.Header{}, Body: []byte("a=1")},
	}, all)

	all, _, err = traffic.Read(strings.NewReader(har), "har")
	require.NoError(t, err)
	assert.Equal(t, []traffic.Request{
		{Method: "POST", Path: "/prices?x=1", Header: http.Header{"Accept": {"*/*"}, "Content-Type": {"application/json"}},
			Body: []byte(`{"a":1}`)},
		{Method: "GET", Path: "/", Header: http.Header{}},
		{Method: "PUT", Path: "/x", Header: http.Header{}, Body: []byte{0, 1}},
	}, all)

	all, skipped, err = traffic.Read(strings.NewReader(logs), "log")
	require.NoError(t, err)
	assert.Equal(t, []traffic.Request{
		{Method: "GET", Path: "/products/p1?page=2", Header: http.Header{}}, {Method: "HEAD", Path: "/a%20b", Header: http.Header{}},
	}, all)
	assert.Equal(t, map[string]int{"POST: the log has no bodies": 1, "no line of an access log": 1, "no path": 1}, skipped)
}

func TestRead_Mistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\"method\":\"GET\",\"path\":\"/\"}\n{\"methd\":\"GET\"}": `line 2: unknown field "methd"`,
		`{"method":1}`:                                         `line 1: method: a number stands where a string must be`,
		`{"method":"GET","path":"x"}`:                          `line 1: path: "x" is no path`,
		`{"method":"GET","path":"//other.example/x"}`:          `is no path`,
		`{"method":"G T","path":"/"}`:                          `line 1: method: "G T" is none`,
		`{"method":"GET","path":"/","headers":{"a\r\nb":"x"}}`: `is no header`,
		`{"method":"GET","path":"/","headers":{"a":"x\ny"}}`:   `is no header`,
		`{"method":"PUT","path":"/","body":"","json":1}`:       `body and json are both there`,
		`{"method":"GET","path":"/"} {}`:                       `something stands behind the request`,
	} {
		_, _, err := traffic.Read(strings.NewReader(text), "jsonl")
		require.ErrorContains(t, err, want)
	}
	for text, want := range map[string]string{
		"x":  "this is no HAR file",
		"{}": "log is missing",
		`{"log":{"entries":[{"request":{"method":"GET","url":"%"}}]}}`:                                             `entry 1: url: "%" is none`,
		`{"log":{"entries":[{"request":{"method":"PUT","url":"/","postData":{"text":"?","encoding":"base64"}}}]}}`: "text is no base64",
		`{"log":{"entries":[{"request":{"method":"PUT","url":"/","postData":{"params":[{"name":"a"}]}}}]}}`:        "only params were saved",
		`{"log":{"entries":[{"request":{"method":"","url":"/"}}]}}`:                                                `entry 1: method: "" is none`,
	} {
		_, _, err := traffic.Read(strings.NewReader(text), "har")
		require.ErrorContains(t, err, want)
	}
	_, _, err := traffic.Read(strings.NewReader(""), "csv")
	require.ErrorContains(t, err, "none of the formats")
	assert.Equal(t, "har", traffic.Format("a/x.HAR"))
	assert.Equal(t, "jsonl", traffic.Format("x.ndjson"))
	assert.Equal(t, "log", traffic.Format("access.log.1"))
}

// What was read can be sent, whatever stood in the file.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{har, logs, jsonl} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []string{"jsonl", "har", "log"} {
			all, _, err := traffic.Read(strings.NewReader(text), format)
			if err != nil {
				continue
			}
			for _, r := range all {
				sent, err := http.NewRequest(r.Method, "http://old.example"+r.Path, nil)
				if err != nil || sent.URL.Host != "old.example" {
					t.Fatalf("%+v: %v", r, err)
				}
				sent.Header = r.Header
				if err := sent.Write(httptest.NewRecorder()); err != nil {
					t.Fatalf("%+v: %v", r, err)
				}
			}
		}
	})
}

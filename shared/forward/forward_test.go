package forward_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/forward"
)

const (
	functionGroup = "/aws/lambda/pricing-dev-list-offers"
	accessGroup   = "/aws/apigateway/pricing-dev"
	stream        = "2026/07/06/[7]ab"
	at            = 1783329245112
)

// pack makes a delivery of events, each written as JSON.
func pack(tb testing.TB, group string, events ...string) []byte {
	tb.Helper()
	return zip(tb, fmt.Sprintf(`{"messageType":"DATA_MESSAGE","owner":"1","logGroup":%q,"logStream":%q,"subscriptionFilters":["a"],`+
		`"logEvents":[%s]}`, group, stream, strings.Join(events, ",")))
}

func zip(tb testing.TB, text string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	require.NoError(tb, err)
	_, err = w.Write([]byte(text))
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

// logged is an event with a message that is JSON text already.
func logged(id, message string) string {
	return fmt.Sprintf(`{"id":%q,"timestamp":%d,"message":%s}`, id, at, message)
}

// quoted is a message as CloudWatch Logs would write it.
func quoted(tb testing.TB, message string) string {
	tb.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	require.NoError(tb, e.Encode(message))
	return strings.TrimSpace(b.String())
}

func lines(tb testing.TB, packed []byte) []string {
	tb.Helper()
	d, err := forward.Open(packed)
	require.NoError(tb, err)
	var all []string
	require.NoError(tb, d.Documents(func(line []byte, when time.Time) error {
		assert.Equal(tb, int64(at), when.UnixMilli())
		all = append(all, string(line))
		return nil
	}))
	return all
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20)
	tests := map[string]struct{ group, message, want string }{
		"a function's line": {functionGroup, `{"level":"INFO","n":1.50,"big":12345678901234567890,"a":{"b":[1, "x,}\""]}, "e": null}`,
			`"level":"INFO","n":1.50,"big":12345678901234567890,"a":{"b":[1, "x,}\""]},"e":null`},
		"metrics":           {functionGroup, `{"_aws":{"Timestamp":1,"x":["}"]},"Created":1}`, `"Created":1`},
		"only metrics":      {functionGroup, `{"_aws":{}}`, ``},
		"empty":             {functionGroup, `{}`, ``},
		"white space":       {functionGroup, " { \"a\" : 1 ,\r\n\t\"b\" : \"\\n\" }\n", `"a":1,"b":"\n"`},
		"no object":         {functionGroup, `[1]`, `"message":"[1]"`},
		"no JSON":           {functionGroup, "REPORT \"x\" <a> Грüße\n", `"message":"REPORT \"x\" <a> Грüße\n"`},
		"nothing":           {functionGroup, "", `"message":""`},
		"broken JSON":       {functionGroup, `{"a":1`, `"message":"{\"a\":1"`},
		"more than one":     {functionGroup, `{"a":1}{"b":2}`, `"message":"{\"a\":1}{\"b\":2}"`},
		"a name twice":      {functionGroup, `{"a":1,"\u0061":2}`, `"message":"{\"a\":1,\"\\u0061\":2}"`},
		"as deep as may be": {functionGroup, deep, `"a":` + deep[5:len(deep)-1]},
		"too deep":          {functionGroup, `{"a":` + deep + `}`, `"message":` + quoted(t, `{"a":`+deep+`}`)},
		"half a character":  {functionGroup, `{"a":"\ud800"}`, `"message":"{\"a\":\"\\ud800\"}"`},
		"a whole one":       {functionGroup, `{"a":"\ud83d\ude00 \\ud800"}`, `"a":"\ud83d\ude00 \\ud800"`},
		"our names": {functionGroup, `{"_id":"7","@timestamp":1,"log_group":"x","log_stream":"y","body":{"z":1},"event_problem":1,` +
			`"event_bytes":2,"a":1}`,
			`"a":1,"body":{"_id":"7","@timestamp":1,"log_group":"x","log_stream":"y","body":{"z":1},"event_problem":1,"event_bytes":2}`},
		"names with a meaning": {functionGroup, `{"":0,"_index":"x","@metadata":{},"tags":1,"[a]":1,".a":1,"a.":1,"a..b":1,"a.b":1,"\u005fid":2}`,
			`"a.b":1,"body":{"":0,"_index":"x","@metadata":{},"tags":1,"[a]":1,".a":1,"a.":1,"a..b":1,"\u005fid":2}`},
		"- is a function's own": {functionGroup, `{"a":"-","status":"200"}`, `"a":"-","status":"200"`},
		"the access log": {accessGroup, `{"requestId":"123","status":"200","responseLatency":"0","responseLength":"-","integrationStatus":"-",` +
			`"clientId":"7"}`,
			`"requestId":"123","status":200,"responseLatency":0,"clientId":"7"`},
		"numbers that are none": {accessGroup, `{"status":"0200","responseLatency":"","responseLength":"1.5","integrationLatency":"-1",` +
			`"functionStatus":"1234567890123456","authorizerStatus":"123456789012345","authorizerLatency":null}`,
			`"status":"0200","responseLatency":"","responseLength":"1.5","integrationLatency":"-1",` +
				`"functionStatus":"1234567890123456","authorizerStatus":123456789012345,"authorizerLatency":null`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := tt.want
			if want != "" {
				want = "," + want
			}
			got := lines(t, pack(t, tt.group, logged("id-1", quoted(t, tt.message))))
			assert.Equal(t, []string{`{"_id":"id-1","@timestamp":"2026-07-06T09:14:05.112Z","log_group":"` + tt.group +
				`","log_stream":"` + stream + `"` + want + "}\n"}, got)
		})
	}
}

// TestDocuments_Problems: an event that cannot be sent arrives as a document that says so, and holds up no other.
func TestDocuments_Problems(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("ü", 1<<19) + "x"
	broken := `"a` + "\xff\xfe" + strings.Repeat("b", 2000) + `"`
	got := lines(t, pack(t, functionGroup,
		logged("1", `"first"`), logged("2", quoted(t, large)), logged("3", broken), logged("4", `"half \ud800 of it"`), logged("5", `"\udc00"`),
		logged("6", quoted(t, large[:len(large)-1])), logged("7", `"a \ufffd that was written"`), logged("8", `"last"`)))
	require.Len(t, got, 8)
	type document struct {
		ID      string `json:"_id"`
		Problem string `json:"event_problem"`
		Bytes   int    `json:"event_bytes"`
		Message string `json:"message"`
	}
	var all []document
	for _, line := range got {
		assert.True(t, utf8.ValidString(line))
		var d document
		require.NoError(t, json.Unmarshal([]byte(line), &d))
		all = append(all, d)
	}
	assert.Equal(t, []document{
		{ID: "1", Message: "first"}, {"2", "too-large", 1<<20 + 1, large[:1024]},
		{"3", "bad-utf-8", 2007, "a\ufffd\ufffd" + strings.Repeat("b", 1017)},
		{"4", "bad-utf-8", 14, "half \ufffd of it"}, {"5", "bad-utf-8", 3, "\ufffd"},
		{ID: "6", Message: large[:len(large)-1]}, {ID: "7", Message: "a \ufffd that was written"}, {ID: "8", Message: "last"},
	}, all)
}

// TestOpen_Refuses: what cannot be opened at all is an error, so that the delivery is kept.
func TestOpen_Refuses(t *testing.T) {
	t.Parallel()
	whole := pack(t, functionGroup, logged("1", `"a"`))
	tests := map[string]struct {
		packed []byte
		want   string
	}{
		"no gzip":       {[]byte("plain text"), "unpack the delivery"},
		"nothing":       {nil, "unpack the delivery"},
		"cut off":       {whole[:len(whole)-9], "unpack the delivery"},
		"a wrong sum":   {append(bytes.Clone(whole[:len(whole)-8]), 1, 2, 3, 4, 5, 6, 7, 8), "unpack the delivery"},
		"no JSON":       {zip(t, `{"messageType":`), "read the delivery"},
		"more behind":   {zip(t, `{"messageType":"CONTROL_MESSAGE"} {}`), "read the delivery"},
		"null":          {zip(t, `null`), `its type is ""`},
		"another type":  {zip(t, `{"messageType":"OTHER"}`), `its type is "OTHER"`},
		"no group":      {zip(t, `{"messageType":"DATA_MESSAGE","logStream":"s","logEvents":[]}`), "names no log group"},
		"no events":     {zip(t, `{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s"}`), "no list of events"},
		"another list":  {zip(t, `{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":{}}`), "no list"},
		"no id":         {pack(t, functionGroup, `{"timestamp":1,"message":"a"}`), "it has no id"},
		"no message":    {pack(t, functionGroup, `{"id":"1","timestamp":1}`), "read an event"},
		"no text":       {pack(t, functionGroup, logged("1", `{"a":1}`)), "read an event"},
		"no time":       {pack(t, functionGroup, `{"id":"1","timestamp":"now","message":"a"}`), "read an event"},
		"not an event":  {pack(t, functionGroup, `7`), "read an event"},
		"events before": {zip(t, `{"logEvents":[7],"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s"}`), "read an event"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := forward.Forwarder{Sender: nil}.Forward(t.Context(), tt.packed)
			require.ErrorContains(t, err, tt.want)
		})
	}
	d, err := forward.Open(zip(t, `{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","message":"CWL CONTROL MESSAGE"}]}`))
	require.NoError(t, err)
	require.NoError(t, d.Documents(func([]byte, time.Time) error { return assert.AnError }))
}

// TestOpen_Bomb: a gigabyte in what Lambda takes is refused, and takes no more memory than a delivery may.
func TestOpen_Bomb(t *testing.T) { //nolint:paralleltest // memory is the process's
	member := zip(t, strings.Repeat("\x00", 16<<20))
	bomb := bytes.Repeat(member, 64) // gzip goes on with the next one
	require.Less(t, len(bomb), 8<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := forward.Open(bomb)
	runtime.ReadMemStats(&after)
	require.ErrorContains(t, err, "more than 50331648 bytes")
	assert.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(80), "MB")
}

// TestDocuments_Property: whatever the members of a message, each is in the document once with the bytes that it had, and none is one of
// the document's own.
func TestDocuments_Property(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(
		rapid.SampledFrom([]string{`1`, `-0.10`, `1E400`, `true`, `null`, `"-"`, `"7"`, `[]`, `{}`, `[ {"a" : "}"} , 2]`,
			`"\ud83d\ude00"`, `"\\"`, `"\""`}),
		rapid.Map(rapid.String(), func(s string) string { return quoted(t, s) }),
	)
	name := rapid.OneOf(rapid.SampledFrom([]string{"_id", "status", "body", "message", "a", "b", "log_group", "_aws", "@x", "tags"}),
		rapid.StringN(0, 6, -1))
	rapid.Check(t, func(rt *rapid.T) {
		want := map[string]string{}
		var members []string
		for _, n := range rapid.SliceOfNDistinct(name, 0, 12, rapid.ID[string]).Draw(rt, "members") {
			v := value.Draw(rt, "value")
			members = append(members, quoted(t, n)+rapid.SampledFrom([]string{":", " : ", ":\n"}).Draw(rt, "colon")+v)
			if n != "_aws" {
				want[n] = v
			}
		}
		message := "{" + strings.Join(members, rapid.SampledFrom([]string{",", " , ", ",\n\t"}).Draw(rt, "comma")) + "}"
		got := lines(t, pack(t, functionGroup, logged("1", quoted(t, message))))
		require.Len(rt, got, 1)
		assert.Equal(rt, 1, strings.Count(got[0], "\n"))
		document, body := map[string]json.RawMessage{}, map[string]json.RawMessage{}
		require.NoError(rt, json.Unmarshal([]byte(got[0]), &document), got[0])
		for member, v := range map[string]string{"_id": `"1"`, "@timestamp": `"2026-07-06T09:14:05.112Z"`, "log_group": `"` + functionGroup + `"`,
			"log_stream": `"` + stream + `"`} {
			assert.Equal(rt, v, string(document[member]))
			delete(document, member)
		}
		if inner, ok := document["body"]; ok {
			require.NoError(rt, json.Unmarshal(inner, &body))
			delete(document, "body")
		}
		found := map[string]string{}
		for _, part := range []map[string]json.RawMessage{document, body} {
			for n, v := range part {
				assert.NotContains(rt, found, n)
				found[n] = string(v)
			}
		}
		if strings.Contains(message, "\n") { // white space is taken out with the line breaks
			for _, m := range []map[string]string{want, found} {
				for n, v := range m {
					var b bytes.Buffer
					require.NoError(rt, json.Compact(&b, []byte(v)))
					m[n] = b.String()
				}
			}
		}
		assert.Equal(rt, want, found)
	})
}

// FuzzDocument: any message is one line of JSON that has the event's id, and a text that is no object comes back as it was.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{"_id":"x","a":{"b":[1,2,{}]}}`, "plain", "{\"a\":\n1}", `{"a":"\ud800"}`, "\xff",
		`{"a":1,"a":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		raw, err := json.Marshal(message)
		require.NoError(t, err)
		got := lines(t, pack(t, functionGroup, logged("1", string(raw))))
		require.Len(t, got, 1)
		require.Equal(t, 1, strings.Count(got[0], "\n"))
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(got[0]), &document), got[0])
		assert.Equal(t, "1", document["_id"])
		var object map[string]any
		if json.Unmarshal([]byte(message), &object) != nil || object == nil {
			assert.Equal(t, string([]rune(message)), document["message"]) // json.Marshal has put U+FFFD for each byte that is none
		}
	})
}

// FuzzOpen: whatever is delivered, it is opened or refused.
func FuzzOpen(f *testing.F) {
	f.Add(`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{"id":"1","timestamp":1,"message":"a"}]}`)
	f.Add(`{"messageType":"CONTROL_MESSAGE"}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := forward.Open(zip(t, text))
		if err != nil {
			return
		}
		_ = d.Documents(func(line []byte, _ time.Time) error { // may be refused
			assert.True(t, json.Valid(line), string(line))
			return nil
		})
	})
}

// sink is a Logstash that takes everything.
type sink struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	header   http.Header
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, string(body))
		s.header = r.Header
	}))
	t.Cleanup(s.Close)
	return s
}

func sender(t *testing.T, url, credentials string) *forward.Sender {
	t.Helper()
	s, err := forward.NewSender(url, credentials)
	require.NoError(t, err)
	return s
}

// TestForward_Parts: a delivery is sent in requests of at most 2,000 lines and about a megabyte, each of whole lines.
func TestForward_Parts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		messages []string
		parts    []int
	}{
		"none":                     {nil, nil},
		"one":                      {[]string{"a"}, []int{1}},
		"as many lines as may be":  {make([]string, 2000), []int{2000}},
		"one line more":            {make([]string, 2001), []int{2000, 1}},
		"long ones":                {[]string{strings.Repeat("a", 600000), strings.Repeat("b", 600000), "c"}, []int{1, 2}},
		"one that fills a request": {[]string{"a", strings.Repeat("b", 1<<20), "c"}, []int{1, 1, 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var events []string
			for i, m := range tt.messages {
				events = append(events, logged(fmt.Sprint(i), quoted(t, m)))
			}
			packed := pack(t, functionGroup, events...)
			s := newSink(t)
			r, err := forward.Forwarder{Sender: sender(t, s.URL, "user:pass:word")}.Forward(t.Context(), packed)
			require.NoError(t, err)
			var parts []int
			for _, body := range s.requests {
				parts = append(parts, strings.Count(body, "\n"))
			}
			assert.Equal(t, tt.parts, parts)
			assert.Equal(t, strings.Join(lines(t, packed), ""), strings.Join(s.requests, ""))
			assert.Equal(t, []int{len(tt.messages), len(tt.parts), len(strings.Join(s.requests, ""))}, []int{r.Documents, r.Parts, r.Bytes})
			if len(tt.messages) > 0 {
				assert.Equal(t, int64(at), r.Newest.UnixMilli())
				assert.Equal(t, "Basic dXNlcjpwYXNzOndvcmQ=", s.header.Get("Authorization"))
				assert.Equal(t, "application/x-ndjson", s.header.Get("Content-Type"))
			}
		})
	}
}

// TestSender_Acknowledged: only an answer of 200 that is read to its end, to a request that was written to its end, says that lines have
// arrived.
func TestSender_Acknowledged(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("{}\n"), 16<<20/3) // more than sockets take unread
	say := func(answer string) func(*bufio.Reader, io.Writer) {
		return func(in *bufio.Reader, out io.Writer) {
			if r, err := http.ReadRequest(in); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			_, _ = io.WriteString(out, answer)
		}
	}
	tests := map[string]struct {
		lines []byte
		peer  func(*bufio.Reader, io.Writer)
		open  bool   // it leaves the connection open
		want  string // of the error
	}{
		"taken":                 {[]byte("{}\n"), say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), false, ""},
		"taken without a word":  {[]byte("{}\n"), say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), false, ""},
		"many, all taken":       {long, say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), false, ""},
		"another success":       {[]byte("{}\n"), say("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"), false, "it answers 202 Accepted"},
		"elsewhere":             {[]byte("{}\n"), say("HTTP/1.1 307 No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), false, "it answers 307"},
		"too busy":              {[]byte("{}\n"), say("HTTP/1.1 429 Busy\r\nContent-Length: 4\r\n\r\nbusy"), false, "it answers 429"},
		"not let in":            {[]byte("{}\n"), say("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"), false, "it answers 401"},
		"no answer":             {[]byte("{}\n"), say(""), false, "send to Logstash"},
		"an answer that is cut": {[]byte("{}\n"), say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"), false, "read the answer"},
		"an answer in pieces, cut": {[]byte("{}\n"), say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
			false, "read the answer"},
		"before the request's end": {long, func(in *bufio.Reader, out io.Writer) {
			_, _ = http.ReadRequest(in) // without its body
			_, _ = io.WriteString(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}, true, "before it has all"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer listener.Close() //nolint:errcheck // nothing is sent any more
			done := make(chan struct{})
			defer close(done)
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close() //nolint:errcheck // the sender sees it
				if tt.peer(bufio.NewReader(conn), conn); tt.open {
					<-done
				}
			}()
			err = sender(t, "http://"+listener.Addr().String(), "").Send(t.Context(), tt.lines)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestSender_Deadline: a peer that says nothing holds a sender up until its deadline, and no longer.
func TestSender_Deadline(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never reads
	require.NoError(t, err)
	defer listener.Close() //nolint:errcheck // nothing is sent any more
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, sender(t, "http://"+listener.Addr().String(), "").Send(ctx, []byte("{}\n")), context.DeadlineExceeded)
}

func TestNewSender(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "logstash", "ftp://logstash", "https://", "https://user:secret@logstash", "https://a b"} {
		_, err := forward.NewSender(url, "")
		require.ErrorContains(t, err, "the address of Logstash", url)
		assert.NotContains(t, err.Error(), "secret")
	}
	for _, credentials := range []string{"secret", ":secret"} {
		_, err := forward.NewSender("https://logstash.example.com", credentials)
		require.ErrorContains(t, err, "not user:password")
		assert.NotContains(t, err.Error(), "secret")
	}
}

// TestForward_NoSDK: a function that sends logs starts without what the others need to reach DynamoDB.
func TestForward_NoSDK(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "pricing/functions/forward-logs").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "pricing/shared/forward\n")
	for dependency := range strings.Lines(string(out)) {
		assert.NotContains(t, dependency, "aws-sdk-go-v2")
		assert.NotContains(t, dependency, "aws/smithy-go")
	}
}

// many is a delivery of as many events as a benchmark wants, half of them lines of functions.
func many(tb testing.TB, n int) []byte {
	tb.Helper()
	line := `{"timestamp":"2026-07-06T09:14:05.112Z","level":"INFO","message":"request","lambdaRequestId":"6d3c-%d",` +
		`"route":"GET /v1/products/{productId}/offers",` +
		`"method":"GET","status":200,"outcome":"ok","durationMs":%d,"deadlineLeftMs":7421,"coldStart":false,"requestId":"KHn2hG4wDoEFt9A=%d",` +
		`"correlationId":"a1b2c3","clientId":"pricing","items":1,"storeCalls":2,"readUnits":1.5,"writeUnits":0,"sdkAttempts":2,"bytesOut":1830,` +
		`"_aws":{"Timestamp":1783329245112,"CloudWatchMetrics":[{"Namespace":"pricing/dev","Dimensions":[["Environment"],` +
		`["Environment","Function"]],"Metrics":[{"Name":"DeadlineLeftMs","Unit":"Milliseconds"},{"Name":"SdkAttempts","Unit":"Count"}]}]},` +
		`"DeadlineLeftMs":7421,"SdkAttempts":2}`
	var events []string
	for i := range n {
		message := fmt.Sprintf("line %d of something that is no JSON, as long as such lines are", i)
		if i%2 == 0 {
			message = fmt.Sprintf(line, i, i%50, i)
		}
		events = append(events, logged(fmt.Sprintf("%056d", i), quoted(tb, message)))
	}
	return pack(tb, functionGroup, events...)
}

// BenchmarkDocuments_10000 unpacks a delivery of 10,000 events and writes its documents.
func BenchmarkDocuments_10000(b *testing.B) {
	packed := many(b, 10000)
	b.ReportAllocs()
	for b.Loop() {
		d, err := forward.Open(packed)
		require.NoError(b, err)
		n := 0
		require.NoError(b, d.Documents(func(line []byte, _ time.Time) error { n += len(line); return nil }))
		b.SetBytes(int64(n))
	}
}

// TestForward_Memory: the function has 128 MB, of which Go may take 96 (package start). The largest delivery that is opened has its bytes
// in memory once, and what is being sent.
func TestForward_Memory(t *testing.T) { //nolint:paralleltest // memory is the process's
	var events []string
	message := `"` + strings.Repeat("x", 900) + `"`
	for i := range 48000 {
		events = append(events, logged(fmt.Sprintf("%056d", i), message))
	}
	packed := pack(t, functionGroup, events...)
	clear(events) // the texts
	most := uint64(0)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the forwarder tells what fails
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}))
	defer s.Close()
	runtime.GC()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(96 << 20))
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	r, err := forward.Forwarder{Sender: sender(t, s.URL, "")}.Forward(t.Context(), packed)
	require.NoError(t, err)
	assert.Equal(t, 48000, r.Documents)
	assert.Less(t, most>>20, uint64(96), "MB")
	t.Logf("%d MB at most", most>>20)
}

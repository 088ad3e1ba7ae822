package gateway_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/meter"
	"pricing/shared/testkit/metertest"
)

// event returns a proxy event; change may alter it.
func event(tb testing.TB, change func(map[string]any)) []byte {
	tb.Helper()
	e := map[string]any{
		"httpMethod": "POST", "resource": "/v1/things/{thing}",
		"path": "/v1/things/a%20b", "headers": map[string]any{"Content-Type": "application/json"},
		"multiValueQueryStringParameters": nil, "pathParameters": map[string]any{"thing": "a%20b"}, "body": `{}`, "isBase64Encoded": false,
		"requestContext": map[string]any{"requestId": "req-1", "extendedRequestId": "ext-1",
			"authorizer": map[string]any{"clientId": "crawler-a", "scopes": "ingest read"}},
	}
	if change != nil {
		change(e)
	}
	text, err := json.Marshal(e)
	require.NoError(tb, err)
	return text
}

// served runs a handler and returns its response and log line.
func served(tb testing.TB, ctx context.Context, e gateway.Endpoint, raw []byte) (gateway.Response, map[string]any) {
	tb.Helper()
	var log bytes.Buffer
	e.Log = slog.New(slog.NewJSONHandler(&log, nil))
	response := gateway.Serve(ctx, e, raw)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(tb, lines, 1, "exactly one line per request")
	var line map[string]any
	require.NoError(tb, json.Unmarshal([]byte(lines[0]), &line))
	return response, line
}

func answering(a gateway.Answer, err error) gateway.Endpoint {
	return gateway.Endpoint{Route: "POST /v1/things/{thing}", Scope: "ingest", MaxBody: 64,
		Handle: func(context.Context, *gateway.Request) (gateway.Answer, error) { return a, err }}
}

func problem(tb testing.TB, r gateway.Response) gateway.Problem {
	tb.Helper()
	assert.Equal(tb, "application/problem+json", r.Headers["Content-Type"])
	var p gateway.Problem
	require.NoError(tb, json.Unmarshal([]byte(r.Body), &p))
	assert.Equal(tb, r.StatusCode, p.Status)
	return p
}

func TestServe_FaultsBecomeProblems(t *testing.T) {
	tests := map[string]struct {
		err        error
		wantStatus int
		wantType   string
	}{
		"malformed":    {fault.New(fault.Malformed, fault.CodeMalformedJSON, "x"), 400, "malformed-json"},
		"forbidden":    {fault.New(fault.Forbidden, fault.CodeForbidden, "x"), 403, "forbidden"},
		"not found":    {fault.New(fault.NotFound, fault.CodeUnknownProduct, "x"), 404, "unknown-product"},
		"conflict":     {fault.New(fault.Conflict, fault.CodeConflict, "x"), 409, "observation-conflict"},
		"precondition": {fault.New(fault.Precondition, fault.CodeVersionConflict, "x"), 412, "version-conflict"},
		"too large":    {fault.New(fault.TooLarge, fault.CodeTooLarge, "x"), 413, "too-large"},
		"media type":   {fault.New(fault.MediaType, fault.CodeMediaType, "x"), 415, "media-type"},
		"invalid":      {fault.Fields([]fault.Field{{Pointer: "/a", Code: fault.CodeAmountRange, Detail: "x"}}), 422, "amount-range"},
		"unavailable":  {fault.New(fault.Unavailable, fault.CodeThrottled, "x"), 503, "throttled"},
		"unknown":      {errors.New("secret cause"), 500, "internal"},
		"of ours":      {fault.New(fault.Internal, fault.CodeInternal, "secret cause"), 500, "internal"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, line := served(t, t.Context(), answering(gateway.Answer{}, tt.err), event(t, nil))
			p := problem(t, r)
			assert.Equal(t, tt.wantStatus, r.StatusCode)
			assert.Equal(t, "urn:problem-type:pricing:"+tt.wantType, p.Type)
			assert.NotEmpty(t, p.Title)
			assert.Equal(t, "ext-1", p.Instance)
			assert.Equal(t, tt.wantType, line["errorCode"])
			assert.Equal(t, tt.wantType, line["outcome"])
			assert.InDelta(t, tt.wantStatus, line["status"], 0)
			assert.Equal(t, map[int]string{500: "ERROR", 503: "WARN"}[tt.wantStatus], strings.TrimPrefix(line["level"].(string), "INFO"))
			assert.Equal(t, tt.wantStatus == 503, r.Headers["Retry-After"] != "")
			assert.NotContains(t, r.Body, "secret cause")
			if tt.wantStatus == 500 {
				assert.Equal(t, "Something went wrong on our side. The request id finds it in our logs.", p.Detail, "one fixed text")
			}
			assert.NotNil(t, p.Errors, "a list, though it may be empty")
			assert.Equal(t, "nosniff", r.Headers["X-Content-Type-Options"])
			assert.Equal(t, "no-store", r.Headers["Cache-Control"])
		})
	}
}

func TestServe_APanicIsA500AndItsCauseIsInTheLogOnly(t *testing.T) {
	e := answering(gateway.Answer{}, nil)
	e.Handle = func(context.Context, *gateway.Request) (gateway.Answer, error) { panic("boom") }
	r, line := served(t, t.Context(), e, event(t, nil))
	assert.Equal(t, "urn:problem-type:pricing:internal", problem(t, r).Type)
	assert.NotContains(t, r.Body, "boom")
	assert.Equal(t, "ERROR", line["level"])
	assert.Contains(t, line["error"], "boom")
	assert.Contains(t, line["error"], "serve_test.go", "with the stack")
}

func TestServe_Deadline(t *testing.T) {
	left := func(ctx context.Context) time.Duration {
		var out time.Duration
		e := answering(gateway.Answer{}, nil)
		e.Handle = func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			out = time.Until(deadline)
			return gateway.Answer{}, ctx.Err()
		}
		served(t, ctx, e, event(t, nil))
		return out
	}
	lambda, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	assert.InDelta(t, 8.5, left(lambda).Seconds(), 0.4, "1.5 s before Lambda's")
	assert.InDelta(t, 25, left(t.Context()).Seconds(), 0.4, "at most 25 s")
	near, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	assert.Negative(t, left(near), "no work is started")
}

// TestServe_AnotherRoute: a function that the template gives another's route answers 500 from the first request on. The log
// names both routes, and the handler is not called.
func TestServe_AnotherRoute(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another method":   func(e map[string]any) { e["httpMethod"] = http.MethodPut },
		"another resource": func(e map[string]any) { e["resource"] = "/v1/things" },
		"the path alone":   func(e map[string]any) { delete(e, "resource") },
	} {
		t.Run(name, func(t *testing.T) {
			sent := event(t, change)
			var got struct{ HTTPMethod, Resource string }
			require.NoError(t, json.Unmarshal(sent, &got))
			e := answering(gateway.Answer{}, nil)
			e.Handle = func(context.Context, *gateway.Request) (gateway.Answer, error) {
				t.Error("called for another route")
				return gateway.Answer{}, nil
			}
			r, line := served(t, t.Context(), e, sent)
			assert.Equal(t, "urn:problem-type:pricing:internal", problem(t, r).Type)
			assert.Equal(t, http.StatusInternalServerError, r.StatusCode)
			assert.NotContains(t, r.Body, "/v1/things", "clients are not told")
			assert.Contains(t, line["error"], got.HTTPMethod+" "+got.Resource+" ")
			assert.Contains(t, line["error"], e.Route)
		})
	}
}

func TestServe_Scope(t *testing.T) {
	for name, authorizer := range map[string]any{
		"none": nil, "another": map[string]any{"scopes": "read catalog"},
		"a part of a word": map[string]any{"scopes": "ingester"}, "not text": map[string]any{"scopes": 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := answering(gateway.Answer{}, nil)
			e.Handle = func(context.Context, *gateway.Request) (gateway.Answer, error) {
				t.Error("called without the scope")
				return gateway.Answer{}, nil
			}
			r, _ := served(t, t.Context(), e, event(t, func(e map[string]any) { e["requestContext"].(map[string]any)["authorizer"] = authorizer }))
			assert.Equal(t, "The token does not have the scope ingest.", problem(t, r).Detail)
			assert.Equal(t, http.StatusForbidden, r.StatusCode)
		})
	}
}

// TestServe_Query: what is no parameter of the endpoint is refused and the first of it named, in order. Health needs no token, so its
// answer must not be much longer than the question.
func TestServe_Query(t *testing.T) {
	many := map[string]any{}
	for i := range 2600 {
		many[fmt.Sprintf("p%04d", i)] = []string{""}
	}
	tests := map[string]struct {
		known      []string
		query      map[string]any
		wantFirst  fault.Field
		wantErrors int
		wantMore   string
	}{
		"unknown": {[]string{"from", "to"}, map[string]any{"fro\nm": []string{"1"}},
			fault.Field{Pointer: "/query/fro\nm", Code: fault.CodeUnknownField,
				Detail: "Not a parameter of this endpoint; those are from, to."}, 1, ""},
		"twice": {[]string{"from"}, map[string]any{"from": []string{"1", "1"}},
			fault.Field{Pointer: "/query/from", Code: fault.CodeDuplicateField, Detail: "The parameter stands more than once."}, 1, ""},
		"no parameters": {nil, map[string]any{"from": []string{"1"}},
			fault.Field{Pointer: "/query/from", Code: fault.CodeUnknownField, Detail: "This endpoint has no query parameters."}, 1, ""},
		"2,600 of them": {nil, many,
			fault.Field{Pointer: "/query/p0000", Code: fault.CodeUnknownField, Detail: "This endpoint has no query parameters."}, 21,
			"and 2580 more"},
		"a long name": {nil, map[string]any{strings.Repeat("x", 9000): []string{""}},
			fault.Field{Pointer: "/query/" + strings.Repeat("x", 64), Code: fault.CodeUnknownField,
				Detail: "This endpoint has no query parameters."}, 1, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := answering(gateway.Answer{}, nil)
			e.Query = tt.known
			e.Handle = func(context.Context, *gateway.Request) (gateway.Answer, error) {
				t.Error("called with a wrong query")
				return gateway.Answer{}, nil
			}
			r, _ := served(t, t.Context(), e, event(t, func(e map[string]any) { e["multiValueQueryStringParameters"] = tt.query }))
			p := problem(t, r)
			assert.Equal(t, http.StatusBadRequest, p.Status)
			require.Len(t, p.Errors, tt.wantErrors)
			assert.Equal(t, tt.wantFirst, p.Errors[0])
			if tt.wantMore != "" {
				assert.Equal(t, tt.wantMore, p.Errors[tt.wantErrors-1].Detail)
			}
			assert.Less(t, len(r.Body), 4000)
		})
	}
}

func TestServe_Body(t *testing.T) {
	headers := func(h map[string]any, body any) func(map[string]any) {
		return func(e map[string]any) { e["headers"], e["body"] = h, body }
	}
	typed := func(contentType string) func(map[string]any) {
		return headers(map[string]any{"content-type": contentType}, "{}")
	}
	encoded := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(" "), n)) }
	tests := map[string]struct {
		change     func(map[string]any)
		wantStatus int
		wantBody   string
	}{
		"as sent":                 {nil, 200, "{}"},
		"no content type is JSON": {headers(nil, "{}"), 200, "{}"},
		"charset utf-8":           {typed(`application/json; charset="UTF-8"`), 200, "{}"},
		"charset in capitals":     {typed("Application/JSON;CHARSET=utf-8"), 200, "{}"},
		"another parameter":       {typed("application/json; profile=x"), 200, "{}"},
		"a semicolon at the end":  {typed("application/json;"), 200, "{}"},
		"another charset":         {typed("application/json; charset=latin1"), 415, ""},
		"a charset like ours":     {typed("application/json; charset=utf-8x"), 415, ""},
		"charset twice":           {typed("application/json; charset=utf-8; charset=latin1"), 415, ""},
		"charset twice, alike":    {typed("application/json; charset=utf-8; charset=utf-8"), 200, "{}"},
		"no charset":              {typed("application/json; charset"), 415, ""},
		"no type":                 {typed("; charset=utf-8"), 415, ""},
		"another type":            {typed("text/json"), 415, ""},
		"compressed":              {headers(map[string]any{"CONTENT-ENCODING": "gzip"}, "{}"), 415, ""},
		"base64 of a binary type": {func(e map[string]any) { e["body"], e["isBase64Encoded"] = "e30=", true }, 200, "{}"},
		"none":                    {headers(nil, nil), 200, ""},
		"as long as allowed":      {headers(nil, strings.Repeat(" ", 64)), 200, strings.Repeat(" ", 64)},
		"one byte over":           {headers(nil, strings.Repeat(" ", 65)), 413, ""},
		"as long once decoded": {func(e map[string]any) { e["body"], e["isBase64Encoded"] = encoded(64), true },
			200, strings.Repeat(" ", 64)},
		"one over once decoded":     {func(e map[string]any) { e["body"], e["isBase64Encoded"] = encoded(65), true }, 413, ""},
		"base64 that is none":       {func(e map[string]any) { e["body"], e["isBase64Encoded"] = "e30", true }, 500, ""},
		"an event that is no event": {func(e map[string]any) { e["headers"] = 7 }, 500, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := answering(gateway.Answer{}, nil)
			e.Handle = func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
				assert.Equal(t, tt.wantBody, string(r.Body))
				return gateway.Answer{}, nil
			}
			r, _ := served(t, t.Context(), e, event(t, tt.change))
			assert.Equal(t, tt.wantStatus, r.StatusCode)
		})
	}
}

// TestServe_AnAnswerThatIsTooLong: Lambda would lose it after the work was done. The errors of its problems go, nothing else.
func TestServe_AnAnswerThatIsTooLong(t *testing.T) {
	const limit = 5 << 20
	type result struct {
		Index   int              `json:"index"`
		Outcome string           `json:"outcome"`
		ID      json.Number      `json:"id"`
		Problem *gateway.Problem `json:"problem,omitempty"`
	}
	answer := func(text string, results int) gateway.Answer {
		all := []result{{Index: 0, Outcome: "created", ID: "9007199254740993"}}
		for i := 1; i <= results; i++ {
			all = append(all, result{i, "rejected", "1.50", &gateway.Problem{Type: "t", Status: 422,
				Errors: []fault.Field{{Pointer: "/a", Code: "invalid-field", Detail: text}}}})
		}
		return gateway.Answer{Status: http.StatusMultiStatus, Body: map[string]any{"results": all, "errors": []string{"no problem's"}}}
	}
	size := func(r gateway.Response) int {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		return len(text)
	}
	// Lambda counts the bytes of the whole response, in which the body is a JSON text: a quotation mark takes two of them.
	for name, text := range map[string]string{"long": strings.Repeat("x", 2<<20), "escaped": strings.Repeat(`"`, 700_000)} {
		t.Run(name, func(t *testing.T) {
			whole, _ := served(t, t.Context(), answering(answer(text, 1), nil), event(t, nil))
			assert.Contains(t, whole.Body, `"/a"`, "as long as there is room")

			r, line := served(t, t.Context(), answering(answer(text, 3), nil), event(t, nil))
			assert.Equal(t, http.StatusMultiStatus, r.StatusCode)
			assert.Less(t, size(r), limit)
			assert.JSONEq(t, `{"errors":["no problem's"],"results":[{"index":0,"outcome":"created","id":9007199254740993},
				{"index":1,"outcome":"rejected","id":1.50,"problem":{"type":"t","title":"","status":422}},
				{"index":2,"outcome":"rejected","id":1.50,"problem":{"type":"t","title":"","status":422}},
				{"index":3,"outcome":"rejected","id":1.50,"problem":{"type":"t","title":"","status":422}}]}`, r.Body)
			assert.Contains(t, r.Body, "9007199254740993", "digits stay")
			assert.Contains(t, r.Body, "1.50", "digits stay")
			assert.InDelta(t, len(r.Body), line["bytesOut"], 0)
		})
	}
	t.Run("without a problem", func(t *testing.T) {
		r, line := served(t, t.Context(), answering(gateway.Answer{Body: strings.Repeat("x", limit)}, nil), event(t, nil))
		assert.Equal(t, "urn:problem-type:pricing:internal", problem(t, r).Type)
		assert.Equal(t, "ERROR", line["level"])
		assert.Contains(t, line["error"], "5242884 bytes")
	})
}

// TestServe_NoBody: an endpoint that reads no body does not judge it.
// TestServe_Text: a body that is no JSON is returned as it is. It may be as long as any other answer, in the JSON text that Lambda
// returns.
func TestServe_Text(t *testing.T) {
	t.Parallel()
	const limit = 5 << 20
	serve := func(text string, err error) gateway.Response {
		e := answering(gateway.Answer{
			Body: gateway.Text{ContentType: "image/svg+xml", Content: []byte(text), Policy: "default-src 'none'"}}, err)
		response, _ := served(t, t.Context(), e, event(t, nil))
		return response
	}
	response := serve("<svg/>\n", nil)
	assert.Equal(t, "<svg/>\n", response.Body)
	assert.Equal(t, "image/svg+xml", response.Headers["Content-Type"])
	assert.Equal(t, "default-src 'none'", response.Headers["Content-Security-Policy"])
	assert.Equal(t, "nosniff", response.Headers["X-Content-Type-Options"])

	response = serve("<svg/>", fault.New(fault.NotFound, fault.CodeUnknownProduct, "None."))
	assert.Equal(t, http.StatusNotFound, problem(t, response).Status)
	assert.NotContains(t, response.Headers, "Content-Security-Policy")

	for _, letter := range []string{"x", `"`, `\`, "\n", "<", "&"} {
		text, err := json.Marshal(letter)
		require.NoError(t, err)
		most := limit / (len(text) - len(`""`))
		assert.Equal(t, http.StatusOK, serve(strings.Repeat(letter, most), nil).StatusCode, letter)
		response = serve(strings.Repeat(letter, most+1), nil)
		assert.Equal(t, http.StatusInternalServerError, problem(t, response).Status, letter)
		assert.NotContains(t, response.Headers, "Content-Security-Policy")
	}
}

func TestServe_NoBody(t *testing.T) {
	e := answering(gateway.Answer{}, nil)
	e.MaxBody = 0
	e.Handle = func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
		assert.Empty(t, r.Body)
		return gateway.Answer{}, nil
	}
	r, _ := served(t, t.Context(), e, event(t, func(e map[string]any) { e["headers"] = map[string]any{"Content-Type": "text/csv"} }))
	assert.Equal(t, http.StatusOK, r.StatusCode)
}

func TestServe_CorrelationID(t *testing.T) {
	for sent, kept := range map[string]bool{"night-42": true, "a.b_c-D": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"": false, "a b": false, "a\nb": false, "ü": false} {
		r, line := served(t, t.Context(), answering(gateway.Answer{}, nil),
			event(t, func(e map[string]any) { e["headers"] = map[string]any{"x-correlation-id": sent} }))
		got := r.Headers["x-correlation-id"]
		assert.Equal(t, kept, got == sent, "%q", sent)
		assert.NotEmpty(t, got)
		assert.Equal(t, got, line["correlationId"])
	}
}

// TestServe_RequestID: answer, problem and every log line have the gateway's extended id. A client can choose the other one.
// Where there is none, as in the SAM CLI or in an event that nobody can read, it is Lambda's.
func TestServe_RequestID(t *testing.T) {
	ids := func(ids map[string]any) []byte {
		return event(t, func(e map[string]any) { maps.Copy(e["requestContext"].(map[string]any), ids) })
	}
	invoked := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "invocation-1"})
	tests := map[string]struct {
		ctx  context.Context
		raw  []byte
		want string
	}{
		"the extended one":         {invoked, event(t, nil), "ext-1"},
		"a forged one":             {invoked, ids(map[string]any{"requestId": `a","status":200,"x":"`}), "ext-1"},
		"no extended one":          {invoked, ids(map[string]any{"extendedRequestId": nil}), "invocation-1"},
		"an event that is no JSON": {invoked, []byte("{"), "invocation-1"},
		"an event that is no event": {invoked, ids(map[string]any{"requestId": 7}),
			"ext-1"},
		"none at all":   {t.Context(), []byte("{}"), ""},
		"none anywhere": {t.Context(), ids(map[string]any{"extendedRequestId": nil}), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{nil, errors.New("x")} {
				var log bytes.Buffer
				e := answering(gateway.Answer{Items: meter.Items{Outcomes: map[string]int{"rejected": 2},
					Rejected: map[string]int{"a": 1, "b": 1}}}, err) // two lines
				e.Log, e.Source = slog.New(slog.NewJSONHandler(&log, nil)), metertest.Source
				r := gateway.Serve(tt.ctx, e, tt.raw)
				assert.Equal(t, tt.want, r.Headers["x-request-id"])
				if r.StatusCode != http.StatusOK {
					assert.Equal(t, tt.want, problem(t, r).Instance)
				}
				for text := range strings.Lines(log.String()) {
					var line map[string]any
					require.NoError(t, json.Unmarshal([]byte(text), &line))
					if tt.want == "" {
						assert.NotContains(t, line, "requestId", "what is absent is left out")
						continue
					}
					assert.Equal(t, tt.want, line["requestId"], text)
				}
				assert.NotContains(t, r.Body+log.String(), "req-1")
			}
		})
	}
}

// TestServe_TraceID: the log line has the trace's id alone, as the gateway's line has. A client may send any.
func TestServe_TraceID(t *testing.T) {
	const id = "1-6a4b7c1d-0123456789abcdef01234567"
	for header, want := range map[string]any{
		"Root=" + id + ";Parent=0123456789abcdef;Sampled=1": id, "Root=" + id: id, "Self=1-2-3;Root=" + id: id, "Parent=1; Root=" + id: id,
		"": nil, id: nil, "Root=": nil, "Root=1-2-3": nil, "Root=" + id + "0": nil, "Root=" + strings.ToUpper(id): nil, "Parent=" + id: nil,
		"Root=2" + id[1:]: nil, "Root=" + strings.Replace(id, "-0", "_0", 1): nil,
		"Root=" + id[:11] + "012345678\n\",\"status\":200": nil, "Root=" + strings.Replace(id, "6a4b", "6a4g", 1): nil,
		"Root=" + strings.Replace(id, "6a4b", "6a4", 1): nil, "Root=1": nil, "Root=" + id + "-1": nil,
	} {
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", header) //nolint:staticcheck // aws-lambda-go's own key
		_, line := served(t, ctx, answering(gateway.Answer{}, nil), event(t, nil))
		assert.Equal(t, want, line["traceId"], header)
		if want == nil {
			assert.NotContains(t, line, "traceId", header)
		}
	}
}

func TestServe_ETag(t *testing.T) {
	e := answering(gateway.Answer{Body: map[string]int{"a": 1}}, nil)
	e.Route = "GET /v1/things/{thing}"
	ask := func(ifNoneMatch string) gateway.Response {
		r, _ := served(t, t.Context(), e, event(t, func(e map[string]any) {
			e["httpMethod"], e["headers"] = "GET", map[string]any{"if-none-match": ifNoneMatch}
		}))
		return r
	}
	first := ask("")
	assert.Equal(t, "private, no-cache", first.Headers["Cache-Control"], "it may be kept, and is asked for again")
	tag := first.Headers["ETag"]
	assert.Regexp(t, `^"[0-9a-f]{24}"$`, tag)
	for _, match := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		r := ask(match)
		assert.Equal(t, http.StatusNotModified, r.StatusCode)
		assert.Empty(t, r.Body)
		assert.Equal(t, tag, r.Headers["ETag"])
		assert.NotContains(t, r.Headers, "Content-Type", "there is no content")
		assert.Equal(t, "private, no-cache", r.Headers["Cache-Control"])
		assert.Equal(t, "nosniff", r.Headers["X-Content-Type-Options"])
	}
	assert.Equal(t, http.StatusOK, ask(`"another"`).StatusCode)
	for name, other := range map[string]struct {
		method string
		answer gateway.Answer
		err    error
	}{
		"a write":        {http.MethodPost, gateway.Answer{Body: "x"}, nil},
		"another status": {http.MethodGet, gateway.Answer{Status: 203, Body: "x"}, nil},
		"a fault":        {http.MethodGet, gateway.Answer{}, fault.New(fault.NotFound, fault.CodeUnknownProduct, "x")},
	} {
		e := answering(other.answer, other.err)
		e.Route = other.method + " /v1/things/{thing}"
		r, _ := served(t, t.Context(), e, event(t, func(e map[string]any) {
			e["httpMethod"], e["headers"] = other.method, map[string]any{"if-none-match": "*"}
		}))
		assert.NotContains(t, r.Headers, "ETag", name)
		assert.NotEmpty(t, r.Body, name)
		assert.Equal(t, "no-store", r.Headers["Cache-Control"], name)
	}
}

// TestServe_Media: an endpoint of several media types answers in the one that the client prefers, and says that it had the choice.
func TestServe_Media(t *testing.T) {
	tests := map[string]struct {
		accept, ifNoneMatch, want, wantBody string
		wantStatus                          int
		err                                 error
	}{
		"JSON by default": {"", "", "application/json", `{"a":1}`, 200, nil},
		"CSV":             {"text/csv", "", "text/csv; charset=utf-8", "a\r\n1\r\n", 200, nil},
		"known CSV":       {"text/csv", "*", "", "", 304, nil},
		"neither":         {"text/html", "", "application/problem+json", `"type":"urn:problem-type:pricing:not-acceptable"`, 406, nil},
		"a problem": {"text/csv", "", "application/problem+json", "unknown-product", 404,
			fault.New(fault.NotFound, "unknown-product", "x")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := gateway.Endpoint{Route: "GET /v1/things/{thing}", Scope: "read", Media: []string{"application/json", "text/csv"},
				Handle: func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
					if r.Media == "text/csv" {
						return gateway.Answer{Body: gateway.Text{ContentType: "text/csv; charset=utf-8", Content: []byte("a\r\n1\r\n")},
							Link: `<?cursor=x>; rel="next"`}, tt.err
					}
					return gateway.Answer{Body: map[string]int{"a": 1}}, nil
				}}
			response, _ := served(t, t.Context(), e, event(t, func(e map[string]any) {
				e["httpMethod"] = "GET"
				e["headers"] = map[string]any{"accept": tt.accept, "If-None-Match": tt.ifNoneMatch}
			}))
			assert.Equal(t, tt.wantStatus, response.StatusCode)
			assert.Equal(t, tt.want, response.Headers["Content-Type"])
			assert.Contains(t, response.Body, tt.wantBody)
			assert.Equal(t, "Accept", response.Headers["Vary"])
			assert.Equal(t, tt.accept == "text/csv" && tt.err == nil, response.Headers["Link"] != "")
		})
	}
	t.Run("several lines", func(t *testing.T) {
		e := answering(gateway.Answer{Body: 1}, nil)
		e.Media = []string{"application/json"}
		response, _ := served(t, t.Context(), e, event(t, func(e map[string]any) {
			e["headers"] = map[string]any{"accept": "text/html"} // the last
			e["multiValueHeaders"] = map[string]any{"accept": []string{"application/json;q=0.5", "text/html"}}
		}))
		assert.Equal(t, 200, response.StatusCode)
	})
	t.Run("too long", func(t *testing.T) {
		long := gateway.Text{ContentType: "text/csv", Content: bytes.Repeat([]byte(`"`), 3<<20)}
		response, line := served(t, t.Context(), answering(gateway.Answer{Body: long}, nil), event(t, nil))
		assert.Equal(t, 500, response.StatusCode)
		assert.Contains(t, line["error"], "6291456 bytes")
	})
}

func TestServe_LogLine(t *testing.T) {
	lambdacontext.FunctionVersion = "7"
	defer func() { lambdacontext.FunctionVersion = "" }()
	const trace = "Root=1-6a4b7c1d-0123456789abcdef01234567;Sampled=0"
	traced := context.WithValue(t.Context(), "x-amzn-trace-id", trace) //nolint:staticcheck // aws-lambda-go's own key
	ctx, cancel := context.WithTimeout(traced, time.Minute)
	defer cancel()
	sent := event(t, func(e map[string]any) { e["headers"].(map[string]any)["x-correlation-id"] = "night-42" })
	type members = map[string]any
	usual := members{
		"msg": "request", "route": "POST /v1/things/{thing}", "method": "POST", "durationMs": 12.35, "requestId": "ext-1",
		"correlationId": "night-42", "clientId": "crawler-a", "functionVersion": "7", "traceId": "1-6a4b7c1d-0123456789abcdef01234567",
		"storeCalls": 3.0, "storeMs": 0.0, "sdkAttempts": 4.0, "readUnits": 0.5, "writeUnits": 2.0, "bytesIn": float64(len(sent)),
	}
	items := func(outcomes map[string]int) meter.Items { return meter.Items{Outcomes: outcomes} }
	tests := map[string]struct {
		answer gateway.Answer
		err    error
		want   members // beside the usual
	}{
		"a read": {gateway.Answer{Body: "x"}, nil, members{"level": "INFO", "status": 200.0, "outcome": "ok"}},
		"one outcome": {gateway.Answer{Status: 201, Items: items(map[string]int{"created": 2})}, nil,
			members{"level": "INFO", "status": 201.0, "outcome": "created", "items": 2.0, "created": 2.0}},
		"several outcomes": {gateway.Answer{Status: 207, Items: items(map[string]int{"created": 2, "rejected": 1})}, nil,
			members{"level": "INFO", "status": 207.0, "outcome": "ok", "items": 3.0, "created": 2.0, "rejected": 1.0}},
		"something to repeat": {gateway.Answer{Status: 207, Retry: true,
			Cause: fault.New(fault.Unavailable, fault.CodeThrottled, "Busy.").Because(errors.New("behind it")),
			Items: items(map[string]int{"created": 2, "throttled": 1})}, nil,
			members{"level": "WARN", "status": 207.0, "outcome": "ok", "items": 3.0, "created": 2.0, "throttled": 1.0,
				"error": "throttled: Busy.: behind it"}},
		"something to repeat, and something that we have to mend": {gateway.Answer{Retry: true, Cause: errors.New("behind it")}, nil,
			members{"level": "ERROR", "status": 200.0, "outcome": "ok", "error": "behind it"}},
		"something that we have to mend": {gateway.Answer{Cause: errors.New("behind it")}, nil,
			members{"level": "ERROR", "status": 200.0, "outcome": "ok", "error": "behind it"}},
		"something to repeat, nobody says why": {gateway.Answer{Status: 200, Retry: true}, nil,
			members{"level": "WARN", "status": 200.0, "outcome": "ok"}},
		"a dry run": {gateway.Answer{Items: meter.Items{DryRun: true, Outcomes: map[string]int{"created": 1}}}, nil,
			members{"level": "INFO", "status": 200.0, "outcome": "created", "items": 1.0, "created": 1.0, "dryRun": true}},
		"the client's fault": {gateway.Answer{}, fault.New(fault.NotFound, fault.CodeUnknownProduct, "x"),
			members{"level": "INFO", "status": 404.0, "outcome": "unknown-product", "errorCode": "unknown-product"}},
		"a store that does not answer": {gateway.Answer{}, fault.New(fault.Unavailable, fault.CodeThrottled, "x").Because(errors.New("y")),
			members{"level": "WARN", "status": 503.0, "outcome": "throttled", "errorCode": "throttled", "error": "throttled: x: y"}},
		"of one product": {gateway.Answer{About: "ZU-1042"}, fault.New(fault.Unavailable, fault.CodeThrottled, "x"),
			members{"level": "WARN", "status": 503.0, "outcome": "throttled", "errorCode": "throttled", "error": "throttled: x",
				"productId": "ZU-1042"}},
		"our own": {gateway.Answer{}, errors.New("y"), members{"level": "ERROR", "status": 500.0, "outcome": "internal", "errorCode": "internal",
			"error": "y"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := answering(gateway.Answer{}, nil)
			now := time.Date(2026, 7, 6, 9, 14, 5, 0, time.UTC)
			e.Now = func() time.Time { return now }
			e.Handle = func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
				now = now.Add(12_345_678 * time.Nanosecond)
				meter.Add(ctx, meter.Counts{Calls: 3, Attempts: 4, ReadUnits: 0.5, WriteUnits: 2})
				return tt.answer, tt.err
			}
			r, line := served(t, ctx, e, sent)
			assert.InDelta(t, 60_000, line["deadlineLeftMs"], 30_000, "of Lambda's time, in milliseconds")
			assert.IsType(t, true, line["coldStart"], "which one is the first, the order of the tests says")
			assert.Contains(t, line, "time")
			for _, name := range []string{"deadlineLeftMs", "coldStart", "time"} {
				delete(line, name)
			}
			want := maps.Clone(usual)
			want["bytesOut"] = float64(len(r.Body))
			maps.Copy(want, tt.want)
			assert.Equal(t, want, line)
		})
	}
	_, line := served(t, t.Context(), answering(gateway.Answer{}, nil), event(t, nil))
	assert.NotContains(t, line, "deadlineLeftMs", "nothing ends it")
	for product, want := range map[string]any{"ZU-1042": "ZU-1042", strings.Repeat("x", 65): nil, `a"b`: nil} {
		_, line := served(t, t.Context(), answering(gateway.Answer{}, nil), event(t, func(e map[string]any) {
			e["pathParameters"] = map[string]any{"productId": product}
		}))
		assert.Equal(t, want, line["productId"], "of the path")
	}
}

// TestServe_CallsInTheLine: the slowest call of the store always, and each of a request that failed or was slow.
func TestServe_CallsInTheLine(t *testing.T) {
	const ms = time.Millisecond
	get := map[string]any{"operation": "GetItem", "ms": 2.35, "attempts": 1.0, "dynamodbRequestId": "A"}
	update := map[string]any{"operation": "UpdateItem", "ms": 700.0, "attempts": 4.0} // never answered
	tests := map[string]struct {
		err   error
		took  time.Duration
		every bool
	}{
		"well":              {nil, time.Second, false},
		"slow":              {nil, time.Second + ms, true},
		"the client's":      {fault.New(fault.NotFound, fault.CodeUnknownProduct, "x"), ms, false},
		"the store's fault": {fault.New(fault.Unavailable, fault.CodeThrottled, "x"), ms, true},
		"ours":              {errors.New("x"), ms, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := answering(gateway.Answer{}, nil)
			now := time.Date(2026, 7, 6, 9, 14, 5, 0, time.UTC)
			e.Now = func() time.Time { return now }
			e.Handle = func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
				now = now.Add(tt.took)
				meter.AddCall(ctx, meter.Call{Operation: "UpdateItem", Took: 700 * ms, Attempts: 4})
				meter.AddCall(ctx, meter.Call{Operation: "GetItem", Took: 2_345 * time.Microsecond, Attempts: 1, RequestID: "A"})
				return gateway.Answer{}, tt.err
			}
			_, line := served(t, t.Context(), e, event(t, nil))
			assert.InDelta(t, 702.35, line["storeMs"], 0)
			assert.InDelta(t, 5, line["sdkAttempts"], 0)
			assert.Equal(t, update, line["slowest"])
			if !tt.every {
				assert.NotContains(t, line, "calls")
				return
			}
			assert.Equal(t, []any{update, get}, line["calls"])
		})
	}
}

// TestServe_MetricsAreMembersOfTheLine, whatever the request came to: a panic and an event nobody can read included.
func TestServe_MetricsAreMembersOfTheLine(t *testing.T) {
	tests := map[string]struct {
		handle func() (gateway.Answer, error)
		raw    []byte
		want   map[string]int
	}{
		"answered": {func() (gateway.Answer, error) {
			return gateway.Answer{Items: meter.Items{Outcomes: map[string]int{"created": 2, "rejected": 1},
				Rejected: map[string]int{"unknown-gtin": 1}}}, nil
		}, event(t, nil), map[string]int{"SdkAttempts": 4, "Created": 2, "Rejected": 1, "Accepted": 2, "BatchSize": 3}},
		"a dry run": {func() (gateway.Answer, error) {
			return gateway.Answer{Items: meter.Items{Outcomes: map[string]int{"created": 2}, DryRun: true}}, nil
		}, event(t, nil), map[string]int{"SdkAttempts": 4}},
		"refused with an outcome": {func() (gateway.Answer, error) {
			return gateway.Answer{Items: meter.Items{Outcomes: map[string]int{"throttled": 1}}},
				fault.New(fault.Unavailable, fault.CodeThrottled, "x")
		}, event(t, nil), map[string]int{"SdkAttempts": 4, "Throttled": 1, "BatchSize": 1}},
		"without items": {func() (gateway.Answer, error) { return gateway.Answer{}, nil }, event(t, nil), map[string]int{"SdkAttempts": 4}},
		"refused": {func() (gateway.Answer, error) {
			return gateway.Answer{}, fault.New(fault.NotFound, fault.CodeUnknownProduct, "x")
		},
			event(t, nil), map[string]int{"SdkAttempts": 4}},
		"a panic": {func() (gateway.Answer, error) { panic("worst") }, event(t, nil),
			map[string]int{"SdkAttempts": 4, "InternalErrors": 1}},
		"an event nobody can read": {func() (gateway.Answer, error) { return gateway.Answer{}, nil }, []byte("{"),
			map[string]int{"InternalErrors": 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var log bytes.Buffer
			e := answering(gateway.Answer{}, nil)
			e.Log, e.Source = slog.New(slog.NewJSONHandler(&log, nil)), metertest.Source
			e.Handle = func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
				meter.Add(ctx, meter.Counts{Attempts: 4})
				return tt.handle()
			}
			gateway.Serve(ctx, e, tt.raw)
			samples := metertest.Extract(t, log.Bytes())
			for _, name := range []string{"SdkAttempts", "Created", "Rejected", "Throttled", "Accepted", "BatchSize", "InternalErrors"} {
				assert.Equal(t, tt.want[name], samples.Sum(name), name)
			}
			if _, ok := tt.want["BatchSize"]; !ok {
				for _, name := range []string{"Accepted", "BatchSize"} {
					assert.NotContains(t, samples, name+" Environment=dev", "an alarm takes a 0 for a silent feed")
				}
			}
			assert.Len(t, samples["DeadlineLeftMs Environment=dev"], 1)
			assert.Equal(t, 1, strings.Count(log.String(), "\n"), "one line")
		})
	}
}

// TestServe_NothingSecretIsLogged puts a marker into every place a client fills and looks for it in the log.
func TestServe_NothingSecretIsLogged(t *testing.T) {
	const marker = "s3cr3t-m4rk3r"
	for _, err := range []error{nil, fault.New(fault.Unavailable, fault.CodeThrottled, "x"), errors.New("x")} {
		var log bytes.Buffer
		e := answering(gateway.Answer{}, err)
		e.Query = []string{"q"}
		e.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		gateway.Serve(t.Context(), e, event(t, func(e map[string]any) {
			e["headers"] = map[string]any{"Authorization": "Bearer " + marker, "x-api-key": marker, "Cookie": marker,
				"X-Correlation-Id": marker + "!", "User-Agent": marker}
			e["multiValueQueryStringParameters"] = map[string]any{"q": []string{marker}}
			e["pathParameters"] = map[string]any{"thing": marker}
			e["body"] = `{"secret":"` + marker + `"}`
		}))
		assert.NotEmpty(t, log.String())
		assert.NotContains(t, log.String(), marker)
	}
}

// TestServe_UsualLog: an endpoint without a log of its own writes to that of the process.
func TestServe_UsualLog(t *testing.T) {
	defer slog.SetDefault(slog.Default())
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	gateway.Serve(t.Context(), answering(gateway.Answer{}, nil), event(t, nil))
	assert.Contains(t, log.String(), `"requestId":"ext-1"`)
}

func TestServe_LogInjection(t *testing.T) {
	var log bytes.Buffer
	e := answering(gateway.Answer{}, errors.New("evil\t \u202e\u2066\u200b\u007f\u0085 \u2028 \x1b[31m \n{\"level\":\"INFO\"}"))
	e.Log = slog.New(slog.NewJSONHandler(&log, nil))
	gateway.Serve(t.Context(), e, event(t, nil))
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), "one line")
	for _, r := range []string{"\u202e", "\u2066", "\u200b", "\u007f", "\u0085", "\u2028", "\x1b"} {
		assert.NotContains(t, log.String(), r)
	}
	assert.Contains(t, log.String(), `evil\t \\u{00202e}\\u{002066}\\u{00200b}\\u{00007f}\\u{000085} \\u{002028} \\u{00001b}[31m \n{`)
}

// TestParams_Words: what is sent must be one of them; what is not sent is the first.
func TestParams_Words(t *testing.T) {
	e := answering(gateway.Answer{}, nil)
	e.Query = []string{"sort", "whole", "part", "even"}
	e.Handle = func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		even, sent := p.Checked("even", func(s string) bool { return len(s)%2 == 0 }, "of an even length")
		got := []any{p.Word("sort", "landed", "price"), p.Bool("whole", true), p.Bool("part", false), even, sent}
		return gateway.Answer{Body: got}, p.Err()
	}
	ask := func(query map[string]any) gateway.Response {
		r, _ := served(t, t.Context(), e, event(t, func(e map[string]any) { e["multiValueQueryStringParameters"] = query }))
		return r
	}
	assert.JSONEq(t, `["landed",true,false,"",false]`, ask(nil).Body)
	one := func(name, value string) map[string]any { return map[string]any{name: []string{value}} }
	assert.JSONEq(t, `["price",true,false,"",false]`, ask(one("sort", "price")).Body)
	assert.JSONEq(t, `["landed",false,false,"",false]`, ask(one("whole", "false")).Body)
	assert.JSONEq(t, `["landed",true,true,"",false]`, ask(one("part", "true")).Body)
	assert.JSONEq(t, `["landed",true,false,"ab",true]`, ask(one("even", "ab")).Body)
	assert.JSONEq(t, `["landed",true,false,"",true]`, ask(one("even", "")).Body)
	for name, detail := range map[string]string{"sort": "Must be one of landed, price.", "whole": "Must be one of true, false.",
		"part": "Must be one of false, true.", "even": "Must be of an even length."} {
		p := problem(t, ask(one(name, "abc")))
		assert.Equal(t, http.StatusUnprocessableEntity, p.Status)
		assert.Equal(t, []fault.Field{{Pointer: "/query/" + name, Code: fault.CodeInvalidField, Detail: detail}}, p.Errors)
	}
}

// TestParams_Int: a number that is none of those taken breaks a rule; what is no number is of another type.
func TestParams_Int(t *testing.T) {
	e := answering(gateway.Answer{}, nil)
	e.Query = []string{"limit"}
	e.Handle = func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		n := p.Int("limit", 50, 200)
		return gateway.Answer{Body: n}, p.Err()
	}
	ask := func(query map[string]any) gateway.Response {
		r, _ := served(t, t.Context(), e, event(t, func(e map[string]any) { e["multiValueQueryStringParameters"] = query }))
		return r
	}
	assert.Equal(t, "50", ask(nil).Body)
	for _, text := range []string{"1", "9", "100", "200"} {
		assert.Equal(t, text, ask(map[string]any{"limit": []string{text}}).Body)
	}
	for _, text := range []string{"0", "201", "-1", "99999999999999999999", "-99999999999999999999", "05", "00", "+5", "-0", "5.0", "1e2",
		"1e999"} {
		p := problem(t, ask(map[string]any{"limit": []string{text}}))
		assert.Equal(t, http.StatusUnprocessableEntity, p.Status, text)
		assert.Equal(t, []fault.Field{{Pointer: "/query/limit", Code: fault.CodeInvalidField,
			Detail: "Must be a whole number from 1 to 200, without sign and leading zero."}}, p.Errors, text)
	}
	for _, text := range []string{"", "ten", "5 ", " 5", "0x10", "1_0", "٥", "NaN", "inf", "-", "+", ".", "e", "--5", "5-", "1.2.3"} {
		p := problem(t, ask(map[string]any{"limit": []string{text}}))
		assert.Equal(t, http.StatusBadRequest, p.Status, text)
		assert.Equal(t, []fault.Field{{Pointer: "/query/limit", Code: fault.CodeWrongType, Detail: "Must be a whole number."}}, p.Errors, text)
	}
}

func TestParams_Path(t *testing.T) {
	e := answering(gateway.Answer{}, nil)
	e.Handle = func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		value := p.Path("thing", func(s string) bool { return s != "bad" }, "A thing is not bad.")
		return gateway.Answer{Body: value}, p.Err()
	}
	ask := func(value string) gateway.Response {
		r, _ := served(t, t.Context(), e, event(t, func(e map[string]any) { e["pathParameters"] = map[string]any{"thing": value} }))
		return r
	}
	assert.Equal(t, `"a b"`, ask("a%20b").Body)
	assert.Equal(t, `"a%2Fb"`, ask("a%252Fb").Body, "decoded once")
	assert.Equal(t, `"a+b"`, ask("a+b").Body, "a plus is a plus in a path")
	assert.Equal(t, http.StatusUnprocessableEntity, ask("%zz").StatusCode)
	assert.Contains(t, ask("bad").Body, `{"pointer":"/path/thing","code":"invalid-field","detail":"A thing is not bad."}`)
}

func TestParams_NextLink(t *testing.T) {
	e := answering(gateway.Answer{}, nil)
	e.Query = []string{"a", "b", "cursor"}
	e.Handle = func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
		return gateway.Answer{Link: r.Params().NextLink("next_-")}, nil
	}
	r, _ := served(t, t.Context(), e, event(t, func(e map[string]any) {
		e["multiValueQueryStringParameters"] = map[string]any{"b": []string{"Otto & Söhne>"}, "a": []string{"+02:00"}, "cursor": []string{"old"}}
	}))
	assert.Equal(t, `<?a=%2B02%3A00&b=Otto+%26+S%C3%B6hne%3E&cursor=next_->; rel="next"`, r.Headers["Link"])
}

func TestParams_Cursor(t *testing.T) {
	route := "POST /v1/things/{thing}"
	ask := func(thing string, query map[string][]string) (position string, next string, err error) {
		e := answering(gateway.Answer{}, nil)
		e.Route = route
		e.Query = []string{"cursor", "limit", "sort"}
		e.Handle = func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
			p := r.Params()
			position, next, err = p.Cursor(), p.NextCursor("here"), p.Err()
			return gateway.Answer{}, nil
		}
		served(t, t.Context(), e, event(t, func(e map[string]any) {
			_, e["resource"], _ = strings.Cut(route, " ")
			e["pathParameters"], e["multiValueQueryStringParameters"] = map[string]any{"thing": thing}, query
		}))
		return position, next, err
	}
	_, cursor, err := ask("a", map[string][]string{"sort": {"price"}})
	require.NoError(t, err)

	position, _, err := ask("a", map[string][]string{"sort": {"price"}, "cursor": {cursor}, "limit": {"5"}})
	require.NoError(t, err)
	assert.Equal(t, "here", position)

	refused := map[string]map[string][]string{
		"of another query": {"sort": {"landed"}, "cursor": {cursor}},
		"altered":          {"sort": {"price"}, "cursor": {cursor[:len(cursor)-2] + "xx"}},
		"cut":              {"sort": {"price"}, "cursor": {cursor[:4]}},
		"no base64":        {"sort": {"price"}, "cursor": {"%%%"}},
		"empty":            {"sort": {"price"}, "cursor": {""}},
	}
	for name, query := range refused {
		position, _, err := ask("a", query)
		assert.Equal(t, fault.CodeCursorInvalid, fault.Of(err).Code, name)
		assert.Empty(t, position, name)
	}
	_, _, err = ask("b", map[string][]string{"sort": {"price"}, "cursor": {cursor}})
	assert.Equal(t, fault.CodeCursorInvalid, fault.Of(err).Code, "of another resource")
	route = "POST /v1/things/{thing}/parts"
	_, _, err = ask("a", map[string][]string{"sort": {"price"}, "cursor": {cursor}})
	assert.Equal(t, fault.CodeCursorInvalid, fault.Of(err).Code, "of another route with the same parameters")
}

// Package gateway stands between API Gateway's proxy event and a handler: it decodes, limits, answers and logs.
//
// A handler gets a Request and returns an Answer or an error; it builds no response and knows no status for a fault.
// Serve does for every function what a single handler could easily forget. It refuses a request of another route: the template
// sent it to the wrong function. It checks the scope again, because the authorizer's answer is cached. It reads the body
// strictly and within its limit, and ends the work 1.5 s before Lambda would kill the process. It answers a panic with 500
// instead of dying, and turns faults into problem+json by one table. It writes exactly one log line. No body, token or header
// is ever logged; of what is in them, only ids are.
package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"pricing/shared/fault"
	"pricing/shared/meter"
)

// Endpoint is one route and what serves it.
type Endpoint struct {
	Route   string   // method and path as in the template, for example "GET /v1/products/{productId}/offers"
	Scope   string   // what the token must allow; empty: no token needed
	Query   []string // the query parameters it knows; any other is refused
	MaxBody int      // most bytes of body; 0: the body is not read
	Media   []string // the media types that it answers in, the usual one first; none: JSON, whatever the client accepts
	Handle  Handler

	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: slog.Default
	Source meter.Source     // of its metrics; zero: there are none
}

// Handler serves a request that its endpoint lets pass. It returns what it found or a fault, and builds no response.
type Handler func(context.Context, *Request) (Answer, error)

// Answer is what a handler found.
type Answer struct {
	Status int         // 0: 200
	Body   any         // encoded as JSON; a Text is sent as it is, a json.RawMessage is encoded already
	Link   string      // the header of that name, if there is one
	Items  meter.Items // what became of each observation, for the log and the metrics
	Stored bool        // Body is what a GET of the thing that was put answers: it has the same ETag
	Retry  bool        // something may be repeated: Retry-After is sent
	ID     string      // of the one observation that was sent, for the log
	About  string      // the product that the one observation is about, for the log; a route's productId is there by itself
	Cause  error       // what went wrong behind an answer that is no error itself, for the log: at ERROR unless it is Unavailable
}

// Text is a body in another media type than JSON.
type Text struct {
	ContentType string
	Content     []byte // UTF-8: the gateway takes nothing else for a text
	Policy      string // the header Content-Security-Policy, if there is one
}

// Response is API Gateway's proxy response.
type Response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

// The work of a request ends this long before Lambda's deadline, and at the latest after maxWork, well within the
// gateway's 29 s.
const (
	deadlineReserve = 1500 * time.Millisecond
	maxWork         = 25 * time.Second
)

// retryAfter is the seconds that a client is asked to wait after a 503.
const retryAfter = "1"

// Serve answers one proxy event. It never fails: whatever goes wrong is an answer.
func Serve(ctx context.Context, e Endpoint, event []byte) Response {
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Log == nil {
		e.Log = slog.Default()
	}
	ctx, m := meter.With(ctx)
	start := e.Now()
	r, err := newRequest(ctx, event, start)
	line := logLine{start: start, meter: m, route: e.Route, request: r, bytesIn: len(event)}
	var answer Answer
	if err == nil {
		answer, err = e.run(ctx, r)
	}
	var body []byte
	if err == nil {
		body, err = encode(answer.Body)
	}
	response := respond(r, answer, body, err, &line)
	if len(e.Media) > 0 {
		response.Headers["Vary"] = "Accept"
	}
	if err == nil {
		err = answer.Cause
	}
	line.write(ctx, e, answer, err, response)
	return response
}

// run checks the request against the endpoint and calls its handler within the deadline.
func (e Endpoint) run(ctx context.Context, r *Request) (answer Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			answer, err = Answer{}, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if r.route() != e.Route {
		return Answer{}, fmt.Errorf("the template sends the route %s to the function of %s", r.route(), e.Route)
	}
	if e.Scope != "" && !slices.Contains(r.Caller.Scopes, e.Scope) {
		return Answer{}, fault.New(fault.Forbidden, fault.CodeForbidden, "The token does not have the scope "+e.Scope+".")
	}
	if err := r.checkQuery(e.Query); err != nil {
		return Answer{}, err
	}
	if err := r.checkBody(e.MaxBody); err != nil {
		return Answer{}, err
	}
	if len(e.Media) > 0 {
		if r.Media = negotiate(r.listHeader("Accept"), e.Media); r.Media == "" {
			return Answer{}, fault.New(fault.NotAcceptable, fault.CodeNotAcceptable, "This is answered in "+strings.Join(e.Media, " or ")+".")
		}
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	return e.Handle(ctx, r)
}

func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(maxWork)
	if lambda, ok := ctx.Deadline(); ok && lambda.Add(-deadlineReserve).Before(end) {
		end = lambda.Add(-deadlineReserve)
	}
	return context.WithDeadlineCause(ctx, end, errDeadline)
}

// MaxAnswer is the most bytes of an answer, counted by Returned. Lambda returns 6 MB at most; beyond that the client would hear of a
// failure after the work was done.
const MaxAnswer = 5 << 20

// encode encodes an answer. One that is too long loses the errors of its problems: what became of each item stays. That is
// the last guard; what an answer holds is bounded where it is made.
func encode(answer any) ([]byte, error) {
	if text, ok := answer.(Text); ok {
		if length := Returned(text.Content); length > MaxAnswer {
			return nil, fmt.Errorf("the answer has %d bytes", length)
		}
		return text.Content, nil
	}
	var err error
	body, encoded := answer.(json.RawMessage)
	if !encoded {
		body, err = json.Marshal(answer)
	}
	if err != nil || Returned(body) <= MaxAnswer {
		return body, err
	}
	body, err = withoutErrors(body)
	if length := Returned(body); err == nil && length > MaxAnswer {
		err = fmt.Errorf("the answer has %d bytes", length)
	}
	return body, err
}

// Returned is how many bytes of the response a body takes, in which it is a JSON text: these letters are written as two, and those as
// six, which JSON bodies do not have.
func Returned(body []byte) int {
	length := len(body)
	for _, letter := range []string{`"`, `\`, "\n", "\r", "\t"} {
		length += bytes.Count(body, []byte(letter))
	}
	for _, letter := range []string{"<", ">", "&"} {
		length += bytes.Count(body, []byte(letter)) * (len(`\u003c`) - 1)
	}
	return length
}

func withoutErrors(body []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var answer any
	if err := d.Decode(&answer); err != nil {
		return nil, err
	}
	var leaveOut func(any)
	leaveOut = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if problem, ok := v["problem"].(map[string]any); ok {
				delete(problem, "errors")
			}
			for _, member := range v {
				leaveOut(member)
			}
		case []any:
			for _, element := range v {
				leaveOut(element)
			}
		}
	}
	leaveOut(answer)
	return json.Marshal(answer)
}

// respond makes the response of an answer, whose body is encoded, or of an error.
func respond(r *Request, answer Answer, body []byte, err error, line *logLine) Response {
	out := Response{StatusCode: answer.Status, Headers: map[string]string{
		"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"x-request-id": r.id, "x-correlation-id": r.correlation,
	}}
	if text, ok := answer.Body.(Text); ok {
		out.Headers["Content-Type"] = text.ContentType
		if text.Policy != "" && err == nil {
			out.Headers["Content-Security-Policy"] = text.Policy
		}
	}
	if answer.Link != "" && err == nil {
		out.Headers["Link"] = answer.Link
	}
	if out.StatusCode == 0 {
		out.StatusCode = http.StatusOK
	}
	if err != nil {
		problem := ProblemOf(err)
		problem.Instance = r.id
		line.code = fault.Of(err).Code
		out.StatusCode = problem.Status
		out.Headers["Content-Type"] = "application/problem+json"
		answer.Retry = problem.Status == http.StatusServiceUnavailable
		body, _ = json.Marshal(problem) // texts only
	}
	if answer.Retry {
		out.Headers["Retry-After"] = retryAfter
	}
	if err == nil && answer.Stored {
		out.Headers["ETag"] = etag(body)
	}
	if err == nil && r.Method == http.MethodGet && out.StatusCode == http.StatusOK {
		out.Headers["ETag"] = etag(body)
		out.Headers["Cache-Control"] = "private, no-cache" // kept by the client alone, and asked for again with the tag
		if matches(r.listHeader("If-None-Match"), out.Headers["ETag"]) {
			delete(out.Headers, "Content-Type")
			out.StatusCode = http.StatusNotModified
			body = nil
		}
	}
	out.Body = string(body)
	return out
}

// Package apigateway answers HTTP requests as an API Gateway REST API would, from a template's OpenAPI body.
//
// It routes, authorises, throttles and validates in API Gateway's order, builds the proxy event, applies the response
// rules and makes the gateway's own answers with the template's gateway responses. Where a behaviour is known from stands
// beside it: recorded from AWS, or from the developer guide. What is only assumed is a constant of assumptions.go, or
// marked as unverified.
//
// A Gateway is an http.Handler. Header names reach a function as the client wrote them only through Listen and Server:
// net/http alone gives all of them in canonical form.
package apigateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
)

// Invoker runs functions by logical id.
type Invoker interface {
	// Invoke calls a function. A failure of the function is a *lambdaruntime.Error; lambdaruntime.ErrThrottled says that
	// its concurrency is used up. ctx ends the waiting, not the function.
	Invoke(ctx context.Context, function, requestID, traceID string, event []byte) (lambdaruntime.Result, error)
}

// Options configure a Gateway.
type Options struct {
	API       *samtemplate.API
	Functions Invoker
	BodyTime  time.Duration     // a request's body must have come by then; 0: maxBodyTime
	StagePath bool              // serve below /<stage>/ as the deployed URL does; otherwise at /
	Access    func(line string) // gets access-log lines in the template's format; may be nil
	Log       func(Entry)       // gets what happened to each request; may be nil
	Now       func() time.Time  // nil: time.Now
}

// Entry says what happened to one request.
type Entry struct {
	Method, Path string
	Status       int
	Function     string // logical id; empty if none ran
	Cold         bool
	Duration     time.Duration
	RequestID    string // the extended one, which no client can choose
	Code         string // of the problem document that was answered; empty if it was none
	Reason       string // why the request was refused or failed, for a person
}

// Gateway is an http.Handler.
type Gateway struct {
	o        Options
	routes   []route
	models   *models
	policy   *policy // of the API; nil: none
	policies policyCache
	limits   *limits
	backends http.RoundTripper
}

// New makes a gateway; an error says what in the body cannot be served.
func New(o Options) (*Gateway, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BodyTime == 0 {
		o.BodyTime = maxBodyTime
	}
	g := &Gateway{o: o, policies: policyCache{entries: map[string]cachedPolicy{}}, limits: newLimits(o.API), backends: newBackends()}
	var err error
	if g.routes, err = makeRoutes(o.API.Methods); err != nil {
		return nil, err
	}
	if g.models, err = compileModels(o.API); err != nil {
		return nil, err
	}
	if g.policy, err = readPolicy(o.API); err != nil {
		return nil, err
	}
	for name := range o.API.Responses {
		if _, ok := kinds[name]; !ok {
			return nil, fmt.Errorf("x-amazon-apigateway-gateway-responses.%s: there is no such type", name)
		}
	}
	for i := range o.API.Methods {
		m := &o.API.Methods[i]
		if err := checkIntegration(m); err != nil {
			return nil, fmt.Errorf("%s %s: %w", m.HTTPMethod, m.Path, err)
		}
	}
	return g, nil
}

// exchange is one request and what has become of it so far.
type exchange struct {
	g         *Gateway
	w         http.ResponseWriter
	r         *http.Request
	start     time.Time
	requestID string
	extended  string
	trace     string
	path      string // without the stage, as sent
	fullPath  string // with the stage
	method    string
	sent      map[string][]string // headers by their name as sent
	query     map[string][]string // decoded once
	route     *samtemplate.Method
	params    map[string]string
	body      []byte
	principal map[string]any // the authorizer's context; nil: none ran
	usageKey  string         // the authorizer's usageIdentifierKey
	apiKey    *samtemplate.APIKey
	log       Entry
	context   map[string]string // $context values that are set on the way
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{g: g, w: w, r: r, start: g.o.Now(), requestID: uuid(), extended: rand.Text()[:15] + "=", context: map[string]string{}}
	if id := r.Header.Get("x-amzn-RequestId"); id != "" {
		x.requestID = id // a client can set it, so only the extended one is unique
	}
	x.trace = traceID(r.Header.Get("X-Amzn-Trace-Id"), x.start)
	x.method = r.Method
	if override := r.Header.Get("X-HTTP-Method-Override"); override != "" {
		x.method = override
	}
	x.sent = asSent(r)
	x.serve()
	x.log.Method, x.log.Path, x.log.RequestID = x.method, r.RequestURI, x.extended
	x.log.Duration = g.o.Now().Sub(x.start)
	if g.o.Log != nil {
		g.o.Log(x.log)
	}
	if g.o.Access != nil && g.o.API.LogFormat != "" {
		g.o.Access(x.accessLine())
	}
}

// serve runs the checks in API Gateway's order. A check that ends the request has answered it.
func (x *exchange) serve() {
	_ = x.checkSizes() &&
		x.find() &&
		x.checkDenials() &&
		x.authorize() &&
		x.checkLimits() &&
		x.checkParameters() &&
		x.checkBody() &&
		x.integrate()
}

func (x *exchange) checkSizes() bool {
	size := 0
	for _, values := range x.r.Header {
		for _, v := range values {
			size += len(v)
		}
	}
	if size > maxHeaders {
		return x.plain(headerTooLargeStatus, "HTTP header is larger than 10240 bytes.")
	}
	if len(x.r.RequestURI) > maxURL {
		return x.plain(urlTooLongStatus, fmt.Sprintf("URL is longer than %d characters.", maxURL))
	}
	if i := strings.IndexAny(x.r.RequestURI, "|{}"); i >= 0 {
		return x.plain(badRequestLine, fmt.Sprintf("%q must be sent percent-encoded.", x.r.RequestURI[i]))
	}
	body, err := x.readBody()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		x.w.Header().Set("Connection", "close") // the rest of the body may still come
		return x.plain(slowBodyStatus, "The body did not come in time.")
	}
	if err != nil { // the client has gone, or it has sent the body wrongly and reads this
		return x.plain(http.StatusBadRequest, "The body ends early or is malformed.")
	}
	if len(body) > maxPayload {
		return x.plain(http.StatusRequestEntityTooLarge, "HTTP content length exceeded 10485760 bytes.")
	}
	if !x.isBinary(x.r.Header.Get("Content-Type")) {
		body = []byte(utf8Text(string(body)))
	}
	x.body = body
	return true
}

// readBody reads the body, but not for longer than BodyTime. Only a real connection has deadlines.
func (x *exchange) readBody() ([]byte, error) {
	control := http.NewResponseController(x.w)
	_ = control.SetReadDeadline(time.Now().Add(x.g.o.BodyTime))
	body, err := io.ReadAll(io.LimitReader(x.r.Body, maxPayload+1))
	if err == nil {
		_ = control.SetReadDeadline(time.Time{}) // the next request has its own
	}
	return body, err
}

// plain answers with a text that no gateway response applies to.
func (x *exchange) plain(status int, text string) bool {
	x.log.Reason = text
	x.w.Header().Set("Content-Type", "text/plain")
	x.respond(status, []byte(text))
	return false
}

// respond sends an answer whose headers are set.
func (x *exchange) respond(status int, body []byte) {
	h := x.w.Header()
	backendHeader(h, "x-amzn-RequestId", x.requestID)
	backendHeader(h, "x-amz-apigw-id", x.extended)
	x.log.Status = status
	if status >= http.StatusBadRequest {
		x.readProblem(body)
	}
	x.context["responseLength"] = fmt.Sprint(len(body))
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may have gone
}

// maxReason is how many characters of a problem's text are logged.
const maxReason = 160

// readProblem logs what a problem document (RFC 9457) says of the error: the last part of its type is the code, its text the
// reason unless the gateway has given one.
func (x *exchange) readProblem(body []byte) {
	if mediaType(headerOf(x.w.Header(), "Content-Type")) != "application/problem+json" {
		return
	}
	var p struct{ Type, Title, Detail string }
	if err := json.Unmarshal(body, &p); err != nil {
		return
	}
	if kind := strings.TrimRight(p.Type, "/"); kind != "about:blank" {
		x.log.Code = kind[strings.LastIndexAny(kind, ":/#")+1:]
	}
	if x.log.Reason != "" {
		return
	}
	reason := []rune(cmp.Or(p.Detail, p.Title))
	if len(reason) > maxReason {
		reason = append(reason[:maxReason], '…')
	}
	x.log.Reason = string(reason)
}

// headerOf returns the first value of a header, however its name is spelled.
func headerOf(h http.Header, name string) string {
	for other, values := range h {
		if strings.EqualFold(other, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// find routes the request.
func (x *exchange) find() bool {
	path, rawQuery, _ := strings.Cut(x.r.RequestURI, "?")
	if i := strings.Index(path, "://"); i >= 0 { // the absolute form, as to a proxy
		_, path, _ = strings.Cut(path[i+3:], "/")
		path = "/" + path
	}
	path = utf8Text(path)
	x.query = parseQuery(rawQuery)
	for strings.HasPrefix(path, "//") { // extra slashes before the stage are ignored
		path = path[1:]
	}
	stage := "/" + x.g.o.API.Stage
	x.path, x.fullPath = path, stage+path
	if x.g.o.StagePath {
		rest, ok := strings.CutPrefix(path, stage)
		if !ok || rest != "" && rest[0] != '/' {
			x.log.Reason = "no such stage"
			x.refusePlain(http.StatusForbidden, "ForbiddenException", unknownStageMessage)
			return false
		}
		x.path, x.fullPath = rest, path
	}
	if strings.HasPrefix(x.path, "//") { // extra ones after it match too; only the full path keeps them
		x.path = "/" + strings.TrimLeft(x.path, "/")
	}
	if x.path == "" {
		x.path = "/"
	}
	x.route, x.params = match(x.g.routes, x.method, x.path)
	if x.route != nil {
		return true
	}
	reason := "no route for this path and method"
	if authorization := x.r.Header.Get("Authorization"); authorization != "" && !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 ") {
		return x.refuseAs("DEFAULT_4XX", http.StatusForbidden,
			"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '"+
				hash(authorization)+"'.", reason)
	}
	return x.refuse("MISSING_AUTHENTICATION_TOKEN", "", reason)
}

// integrate answers with what the method's backend gives.
func (x *exchange) integrate() bool {
	i := &x.route.Integration
	for parameter := range i.Parameters {
		name, isHeader := strings.CutPrefix(parameter, "integration.request.header.")
		if isHeader && forbidden(i.Type, name) {
			return x.refuse(forbiddenMappingType, "", "the mapping of "+parameter+" is not allowed")
		}
	}
	switch i.Type {
	case samtemplate.HTTPProxy:
		x.proxyHTTP()
	case samtemplate.Mock:
		x.mock()
	default:
		x.invoke()
	}
	return true
}

// forbidden reports whether no mapping may set the header.
func forbidden(integration, header string) bool {
	fold := func(list ...string) bool {
		return slices.ContainsFunc(list, func(name string) bool { return strings.EqualFold(name, header) })
	}
	return fold("Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id", "X-Amzn-Apigateway-Api-Id") ||
		integration == samtemplate.AWSProxy && fold("Authorization", "Connection", "Expect", "Proxy-Authenticate", "TE")
}

func (x *exchange) sourceIP() string {
	host, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		return x.r.RemoteAddr
	}
	return host
}

func uuid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// traceID keeps a client's Root and Parent and makes what is missing.
func traceID(sent string, now time.Time) string {
	parts := map[string]string{}
	for _, part := range strings.Split(sent, ";") {
		if name, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
			parts[name] = value
		}
	}
	random := strings.ReplaceAll(uuid(), "-", "")
	if parts["Root"] == "" {
		parts["Root"] = fmt.Sprintf("1-%08x-%s", now.Unix(), random[:24])
	}
	if parts["Parent"] == "" {
		parts["Parent"] = random[16:]
	}
	if parts["Sampled"] == "" {
		parts["Sampled"] = "0"
	}
	return "Root=" + parts["Root"] + ";Parent=" + parts["Parent"] + ";Sampled=" + parts["Sampled"]
}

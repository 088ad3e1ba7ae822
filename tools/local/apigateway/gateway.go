// Package apigateway answers HTTP requests as an API Gateway REST API would, from a template's OpenAPI body.
//
// It routes, authorises, throttles and validates in API Gateway's order, builds the proxy event, applies the response
// rules and makes the gateway's own answers with the template's gateway responses. The behaviour follows recordings
// of AWS where there are any; what is only believed to be so is a named constant or a row of a table.
package apigateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"pricing/tools/local/lambdaruntime"
	"pricing/tools/local/samtemplate"
)

// Invoker runs functions by logical id.
type Invoker interface {
	Invoke(ctx context.Context, function, requestID, traceID string, event []byte) (lambdaruntime.Result, error)
}

// Options configure a Gateway.
type Options struct {
	API       *samtemplate.API
	Functions Invoker
	StagePath bool              // serve below /<stage>/ as the deployed URL does; otherwise at /
	Access    func(line string) // gets access-log lines in the template's format; may be nil
	Log       func(Entry)       // gets what happened to each request; may be nil
	Now       func() time.Time  // nil: time.Now
}

// Entry says what happened to one request.
type Entry struct {
	Method, Path string
	Status       int
	Function     string // logical id; empty when none ran
	Cold         bool
	Duration     time.Duration
	Reason       string // why the gateway refused or failed, for a person
}

// Gateway is an http.Handler.
type Gateway struct {
	o        Options
	routes   []route
	models   *models
	policies policyCache
	limits   map[*samtemplate.Method]*rate.Limiter
}

// Limits of API Gateway, in bytes.
const (
	maxPayload = 10 << 20
	maxEvent   = 6_291_456
	maxHeaders = 10_240
)

// New prepares a gateway; an error says what in the body it cannot serve.
func New(o Options) (*Gateway, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Gateway{o: o, limits: map[*samtemplate.Method]*rate.Limiter{}, policies: policyCache{entries: map[string]cachedPolicy{}}}
	var err error
	if g.routes, err = makeRoutes(o.API.Methods); err != nil {
		return nil, err
	}
	if g.models, err = compileModels(o.API); err != nil {
		return nil, err
	}
	for i := range o.API.Methods {
		m := &o.API.Methods[i]
		if s, ok := settingOf(o.API.Settings, m); ok && s.Rate > 0 {
			g.limits[m] = rate.NewLimiter(rate.Limit(s.Rate), s.Burst)
		}
	}
	return g, nil
}

// settingOf finds the most specific stage setting of a method.
func settingOf(settings []samtemplate.MethodSetting, m *samtemplate.Method) (found samtemplate.MethodSetting, ok bool) {
	path := "/" + strings.ReplaceAll(strings.TrimPrefix(m.Path, "/"), "/", "~1")
	best := -1
	for _, s := range settings {
		given := "/" + strings.ReplaceAll(strings.TrimPrefix(s.Path, "/"), "/", "~1")
		if given != path && s.Path != "/*" || s.Method != "*" && s.Method != m.HTTPMethod {
			continue
		}
		score := 0
		if given == path {
			score += 2
		}
		if s.Method != "*" {
			score++
		}
		if score > best {
			found, ok, best = s, true, score
		}
	}
	return found, ok
}

// exchange is one request on its way.
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
	route     *samtemplate.Method
	params    map[string]string
	body      []byte
	principal map[string]any // the authorizer's context
	log       Entry
	context   map[string]string // $context values of errors and access log
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{g: g, w: w, r: r, start: g.o.Now(), requestID: uuid(), extended: rand.Text()[:15] + "=", context: map[string]string{}}
	if id := r.Header.Get("x-amzn-RequestId"); id != "" {
		x.requestID = id // a client can set it; only the extended one is unique
	}
	x.trace = traceID(r.Header.Get("X-Amzn-Trace-Id"), x.start)
	x.method = r.Method
	if override := r.Header.Get("X-HTTP-Method-Override"); override != "" {
		x.method = override
	}
	x.serve()
	x.log.Method, x.log.Path, x.log.Duration = x.method, r.URL.RequestURI(), g.o.Now().Sub(x.start)
	if g.o.Log != nil {
		g.o.Log(x.log)
	}
	if g.o.Access != nil && g.o.API.LogFormat != "" {
		g.o.Access(x.accessLine())
	}
}

// serve runs the checks in API Gateway's order.
func (x *exchange) serve() {
	if !x.sizes() {
		return
	}
	if !x.find() {
		return
	}
	if x.route.Authorizer != nil && !x.authorize() {
		return
	}
	if l := x.g.limits[x.route]; l != nil && !l.AllowN(x.g.o.Now(), 1) {
		x.refuse("THROTTLED", "", "throttled: the stage's rate for this method is used up")
		return
	}
	if x.route.CheckParams && !x.checkParameters() {
		return
	}
	if x.route.CheckBody && !x.checkBody() {
		return
	}
	x.integrate()
}

func (x *exchange) sizes() bool {
	headers := 0
	for _, values := range x.r.Header {
		for _, v := range values {
			headers += len(v)
		}
	}
	if headers > maxHeaders {
		x.plain(http.StatusRequestHeaderFieldsTooLarge, "HTTP header is larger than 10240 bytes.")
		return false
	}
	body, err := io.ReadAll(io.LimitReader(x.r.Body, maxPayload+1))
	if err != nil {
		x.log.Reason = "the client sent only a part of the body"
		return false
	}
	if len(body) > maxPayload {
		x.plain(http.StatusRequestEntityTooLarge, "HTTP content length exceeded 10485760 bytes.")
		return false
	}
	x.body = body
	return true
}

func (x *exchange) plain(status int, text string) {
	x.log.Status, x.log.Reason = status, text
	x.identify()
	x.w.Header().Set("Content-Type", "text/plain")
	x.w.WriteHeader(status)
	_, _ = io.WriteString(x.w, text) // the client may have gone
}

// find routes the request.
func (x *exchange) find() bool {
	path := x.r.URL.EscapedPath()
	for strings.HasPrefix(path, "//") { // extra slashes before the stage are ignored
		path = path[1:]
	}
	stage := "/" + x.g.o.API.Stage
	x.path, x.fullPath = path, stage+path
	if x.g.o.StagePath {
		rest, ok := strings.CutPrefix(path, stage)
		if !ok || rest != "" && rest[0] != '/' {
			x.refuse("MISSING_AUTHENTICATION_TOKEN", "Forbidden", "no such stage")
			return false
		}
		x.path, x.fullPath = rest, path
	}
	if strings.HasPrefix(x.path, "//") { // extra ones after it match, and only the full path keeps them
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
		x.refuseAs("DEFAULT_4XX", http.StatusForbidden, "IncompleteSignatureException",
			"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '"+hash(authorization)+"'.", reason)
		return false
	}
	x.refuse("MISSING_AUTHENTICATION_TOKEN", "", reason)
	return false
}

// integrate calls the method's function and answers with what it gives.
func (x *exchange) integrate() {
	event, err := json.Marshal(x.event())
	if err != nil {
		x.refuse("INTEGRATION_FAILURE", "", "the event cannot be encoded: "+err.Error())
		return
	}
	if len(event) > maxEvent {
		x.refuse("REQUEST_TOO_LARGE", "", "the function's event would exceed 6 MB")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), x.route.Timeout)
	defer cancel()
	started := x.g.o.Now()
	result, err := x.g.o.Functions.Invoke(ctx, x.route.Function, uuid(), x.trace, event)
	x.log.Function, x.log.Cold = x.route.Function, result.Cold
	x.context["integration.latency"] = fmt.Sprint(x.g.o.Now().Sub(started).Milliseconds())
	var failed *lambdaruntime.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		x.refuse("INTEGRATION_TIMEOUT", "", fmt.Sprintf("the function took longer than timeoutInMillis (%d); it runs on", x.route.Timeout.Milliseconds()))
	case errors.Is(err, lambdaruntime.ErrThrottled):
		x.context["integration.integrationStatus"] = "429"
		x.refuseAs("INTEGRATION_FAILURE", http.StatusInternalServerError, "InternalServerErrorException", internalMessage, err.Error())
	case errors.As(err, &failed):
		x.context["integration.integrationStatus"] = "200"
		x.refuse("INTEGRATION_FAILURE", "", "the function failed: "+failed.Error())
	case err != nil:
		x.refuse("INTEGRATION_FAILURE", "", err.Error())
	default:
		x.context["integration.integrationStatus"] = "200"
		if err := x.proxyResponse(result.Payload); err != nil {
			x.refuse("INTEGRATION_FAILURE", "", "malformed function response: "+err.Error())
		}
	}
}

// identify sets the headers that every answer has.
func (x *exchange) identify() {
	x.w.Header().Set("x-amzn-RequestId", x.requestID)
	x.w.Header().Set("x-amz-apigw-id", x.extended)
}

func (x *exchange) sourceIP() string {
	host, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		return x.r.RemoteAddr
	}
	return host
}

// value returns a method.request.* value; "" when absent.
func (x *exchange) value(expression string) string {
	rest, ok := strings.CutPrefix(expression, "method.request.")
	if !ok {
		return ""
	}
	where, name, _ := strings.Cut(rest, ".")
	switch where {
	case "header":
		return strings.Join(x.r.Header.Values(name), ",")
	case "querystring":
		if values := x.r.URL.Query()[name]; len(values) > 0 {
			return values[len(values)-1]
		}
	case "path":
		return x.params[name]
	}
	return ""
}

// contextValue returns a $context value; "" when it has none.
func (x *exchange) contextValue(name string) string {
	if v, ok := x.context[name]; ok {
		return v
	}
	switch name {
	case "requestId":
		return x.requestID
	case "extendedRequestId":
		return x.extended
	case "requestTime":
		return x.start.UTC().Format(requestTime)
	case "requestTimeEpoch":
		return fmt.Sprint(x.start.UnixMilli())
	case "httpMethod":
		return x.method
	case "path":
		return x.fullPath
	case "stage":
		return x.g.o.API.Stage
	case "apiId":
		return apiID
	case "accountId":
		return samtemplate.AccountID
	case "protocol":
		return "HTTP/1.1"
	case "identity.sourceIp":
		return x.sourceIP()
	case "identity.userAgent":
		return x.r.UserAgent()
	case "status":
		return fmt.Sprint(x.log.Status)
	case "responseLatency":
		return fmt.Sprint(x.g.o.Now().Sub(x.start).Milliseconds())
	case "xrayTraceId":
		return strings.TrimPrefix(strings.Split(x.trace, ";")[0], "Root=")
	case "resourcePath":
		if x.route != nil {
			return x.route.ResourcePath
		}
	}
	if principal, ok := strings.CutPrefix(name, "authorizer."); ok {
		if v, ok := x.principal[principal]; ok {
			return fmt.Sprint(v)
		}
	}
	return ""
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

// policyCache keeps authorizer answers by authorizer and identity-source values.
type policyCache struct {
	mu      sync.Mutex
	entries map[string]cachedPolicy
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

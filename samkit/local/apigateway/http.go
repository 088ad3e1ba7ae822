package apigateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// notForwarded headers do not reach an HTTP backend; nor do those that reach no function.
var notForwarded = map[string]bool{"Host": true, "Content-Encoding": true, "Via": true, "X-Amzn-Trace-Id": true,
	"X-Amzn-Apigateway-Api-Id": true}

// newBackends returns what calls HTTP backends. Like the gateway it follows no redirect, uses no proxy of this machine and
// leaves bodies as they come.
func newBackends() http.RoundTripper {
	dialer := &net.Dialer{Timeout: maxDial}
	return &http.Transport{DialContext: dialer.DialContext, DisableCompression: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute}
}

// maxDial bounds the time to connect; the integration's timeout bounds the whole call.
const maxDial = 10 * time.Second

// proxyHTTP passes the request on to the method's backend and its answer back.
func (x *exchange) proxyHTTP() {
	i := &x.route.Integration
	ctx, cancel := context.WithTimeout(x.r.Context(), i.Timeout)
	defer cancel()
	r, err := x.backendRequest(ctx)
	if err != nil {
		x.refuse("API_CONFIGURATION_ERROR", "", "the backend's URL: "+err.Error())
		return
	}
	started := x.g.o.Now()
	resp, err := x.g.backends.RoundTrip(r)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxPayload+1))
		_ = resp.Body.Close() // it was read or given up
	}
	x.measured(started)
	if err != nil {
		x.refuseBackend(ctx, r, err)
		return
	}
	if len(body) > maxPayload {
		x.refuseAs("INTEGRATION_FAILURE", backendTooLargeStatus, internalMessage, "the backend's answer is larger than 10 MB")
		return
	}
	status := fmt.Sprint(resp.StatusCode)
	x.context["integration.status"] = status
	x.answered(status)
	for _, name := range []string{"Content-Encoding", "Via"} { // dropped (guide)
		resp.Header.Del(name)
	}
	if id := resp.Header.Values("X-Amzn-Requestid"); len(id) > 0 { // our own comes under this name
		resp.Header.Del("X-Amzn-Requestid")
		x.w.Header()["x-amzn-Remapped-x-amzn-RequestId"] = id
	}
	x.passHeaders(resp.Header)
	x.respond(resp.StatusCode, body)
}

// refuseBackend answers for a backend that gave no answer.
func (x *exchange) refuseBackend(ctx context.Context, r *http.Request, err error) {
	reason := "the backend " + r.URL.Scheme + "://" + r.URL.Host + " failed: " + err.Error()
	var (
		record      tls.RecordHeaderError
		certificate *tls.CertificateVerificationError
		alert       tls.AlertError
	)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		x.timedOut("the backend took longer than timeoutInMillis (%d)")
	case errors.As(err, &record), errors.As(err, &certificate), errors.As(err, &alert):
		x.refuseAs("INTEGRATION_FAILURE", tlsFailureStatus, networkMessage, reason)
	default:
		x.refuseAs(refusedConnectionType, http.StatusInternalServerError, internalMessage, reason)
	}
}

// backendRequest builds the request for the backend. A parameter of the URI is filled only by its mapping.
func (x *exchange) backendRequest(ctx context.Context) (*http.Request, error) {
	i := &x.route.Integration
	paths, query, headers := map[string]string{}, map[string]string{}, map[string]string{}
	for to, from := range i.Parameters {
		parts := target.FindStringSubmatch(to) // checked by New
		v := x.mapped(from)
		_, blanks := static(from)
		blanks = blanks && parts[1] == "header" && emptyStaticIsSent
		if v == "" && !blanks {
			continue
		}
		map[string]map[string]string{"path": paths, "querystring": query, "header": headers}[parts[1]][parts[2]] = v
	}
	uri := stageValue.ReplaceAllStringFunc(i.URI, func(s string) string { return x.g.o.API.Variables[stageValue.FindStringSubmatch(s)[1]] })
	uri = segment.ReplaceAllStringFunc(uri, func(s string) string {
		if v, ok := paths[segment.FindStringSubmatch(s)[1]]; ok {
			return v
		}
		return s
	})
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not an http or https URL", uri)
	}
	values := u.Query()
	for name, sent := range x.query {
		values[name] = append(values[name], sent...)
	}
	for name, v := range query { // appended to what the client sent
		values[name] = []string{strings.Join(append(values[name], v), ",")}
	}
	u.RawQuery = values.Encode()
	method := i.HTTPMethod
	if method == "ANY" || method == "" {
		method = x.method
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(x.body))
	if err != nil {
		return nil, err
	}
	for name, values := range x.sent {
		if c := http.CanonicalHeaderKey(name); !dropped[c] && !notForwarded[c] {
			r.Header[name] = values
		}
	}
	for name, value := range map[string]string{"Accept": "application/json", "User-Agent": "AmazonAPIGateway_" + x.g.o.API.ID} {
		if x.r.Header.Get(name) == "" {
			r.Header[name] = []string{value}
		}
	}
	backendHeader(r.Header, "X-Amzn-Apigateway-Api-Id", x.g.o.API.ID)
	backendHeader(r.Header, "X-Amzn-Trace-Id", x.trace)
	for name, v := range headers {
		if strings.EqualFold(name, "Host") { // a mapping restores it
			r.Host = v
			continue
		}
		backendHeader(r.Header, name, v)
	}
	return r, nil
}

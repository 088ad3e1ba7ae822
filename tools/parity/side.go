package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"pricing/tools/parity/compare"
	"pricing/tools/parity/judge"
)

// side is one of the systems, with connections of its own.
type side struct {
	base       *url.URL
	token      string // in the place of the request's Authorization
	coldHeader string
	timeout    time.Duration
	limit      int64 // of a body
	transport  *http.Transport
}

func newSide(base, token string, timeout time.Duration, limit int64) (*side, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%q is no URL of an API, such as https://old.example.com/v1", base)
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // what the client asked for is what it gets
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 1000
	t.Proxy = nil
	return &side{base: u, token: token, timeout: timeout, limit: limit, transport: t}, nil
}

// at is the URL of an escaped path, which may have a query.
func (s *side) at(path string) (*url.URL, error) {
	ref, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, fmt.Errorf("the path is none: %w", err)
	}
	u := *s.base
	u.Path, u.RawPath, u.RawQuery = s.base.Path+ref.Path, s.base.EscapedPath()+ref.EscapedPath(), ref.RawQuery
	return &u, nil
}

// answered is what came of a request.
type answered struct {
	compare.Answer
	judge.Side
	tooLarge bool
}

// do sends a request and reads its answer. The time is until the answer's end, or, for the proxy, until it begins: its client decides
// how fast the rest of the legacy answer is read.
func (s *side) do(ctx context.Context, method, path string, header http.Header, body []byte, beginning bool) (a answered) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	fail := func(err error, otherwise string) answered {
		a.Side.Failed = otherwise
		if errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err) {
			a.Side.Failed = "timeout"
		}
		a.Answer.Failed = a.Side.Failed
		return a
	}
	u, err := s.at(path)
	if err != nil {
		return fail(err, "no path")
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { a.Reused = i.Reused }})
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body)) //nolint:gosec // the host is the side's own
	if err != nil {
		return fail(err, "no request")
	}
	r.Header = header.Clone()
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "parity")
	}
	s.authorize(r.Header)
	began := time.Now()
	defer func() { a.Took = cmp.Or(a.Took, time.Since(began)) }()
	response, err := s.transport.RoundTrip(r)
	if err != nil {
		return fail(err, "no connection")
	}
	if beginning {
		a.Took = time.Since(began)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end or given up
	text, err := io.ReadAll(io.LimitReader(response.Body, s.limit+1))
	if err != nil {
		return fail(err, "the answer broke off")
	}
	a.tooLarge = int64(len(text)) > s.limit
	a.set(s, response.StatusCode, response.Header, text)
	return a
}

func (s *side) authorize(h http.Header) {
	if s.token != "" {
		h.Set("Authorization", "Bearer "+s.token)
	}
}

func (a *answered) set(s *side, status int, header http.Header, body []byte) {
	a.Answer.Status, a.Side.Status = status, status
	a.Header, a.Body = header, body
	value := strings.ToLower(header.Get(cmp.Or(s.coldHeader, "-")))
	a.Cold = value != "" && !slices.Contains([]string{"false", "0", "no", "warm"}, value)
}

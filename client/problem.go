package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Problem is an error: the API's own document, or one made from an answer that has none.
var _ error = (*Problem)(nil)

// Error is the problem in one line, with the id by which its request is found in the API's logs.
func (p *Problem) Error() string {
	s := fmt.Sprintf("%d %s", p.Status, http.StatusText(p.Status))
	if code := p.Code(); code != "" {
		s += ": " + code
	}
	title := p.Title
	if title == http.StatusText(p.Status) {
		title = "" // it stands there already
	}
	if title != "" && p.Detail != "" {
		title = strings.TrimSuffix(title, ".") + ". "
	}
	if text := title + p.Detail; text != "" {
		s += ": " + text
	}
	if p.Instance != "" {
		s += " (request " + p.Instance + ")"
	}
	return s
}

// Code is the last part of Type, such as amount-precision; "" if the answer was not the API's own.
func (p *Problem) Code() string {
	if i := strings.LastIndexByte(p.Type, ':'); strings.HasPrefix(p.Type, "urn:") {
		return p.Type[i+1:]
	}
	return ""
}

// RequestID is the id of the request, "" if there was none.
func (p *Problem) RequestID() string { return p.Instance }

// Retryable says whether the same request may succeed later.
func (p *Problem) Retryable() bool {
	return p.Status == http.StatusTooManyRequests || p.Status == http.StatusRequestTimeout || p.Status >= 500
}

// refusal returns the Problem of an answer that is no success.
func (r reply) refusal() error {
	if r.status < 300 {
		return nil
	}
	return r.problem()
}

func (r reply) problem() *Problem {
	p := &Problem{}
	if json.Unmarshal(r.body, p) != nil || p.Type == "" {
		p = &Problem{Type: "about:blank", Title: http.StatusText(r.status), Detail: r.beginning(), Errors: []FieldError{}}
	}
	p.Status = r.status
	if p.Instance == "" {
		p.Instance = r.header.Get("X-Request-Id")
	}
	return p
}

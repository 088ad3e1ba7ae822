package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"pricing/shared/token"
)

// difference is something in which SAM local is known to answer otherwise than API Gateway, and so than samkit/local.
type difference struct {
	what       string
	ask        func(ctx context.Context, s *side) (string, error) // the answer in a few words
	sam, local string                                             // what it must say
}

// known are the rows that can be seen with this project: its template has no required query parameter or header, no API key,
// no mock, and its functions neither fail nor answer in a wrong form.
type known struct {
	usual  []difference
	outage []difference // seen once the engine is gone
}

const (
	model     = `{"competitorId":"bigmart"}`
	sevenMB   = 7 << 20
	elevenMB  = 11 << 20
	ownID     = "11111111-2222-3333-4444-555555555555"
	noRoute   = `403 "Missing Authentication Token"`
	noAnswer  = `502 "Internal server error"`
	gatewayNo = "403 problem forbidden [MissingAuthenticationTokenException]"
	tooMany   = 28 // requests at once; ThrottleBurst is less
)

func (t *test) differences() (known, error) {
	template, err := os.ReadFile(filepath.Join(t.root, "template.yaml"))
	if err != nil {
		return known{}, fmt.Errorf("read the template: %w", err)
	}
	text := map[string]string{"Content-Type": "text/plain"}
	post := func(body string, header map[string]string) call {
		return call{method: "POST", path: "/v1/observations", client: "all", body: body, header: header}
	}
	k := known{
		usual: []difference{
			{"no token (gateway responses)", one(get("/v1/competitors", "")), `401 "Unauthorized"`, "401 problem unauthorized [UnauthorizedException]"},
			{"a scope too few", one(get("/v1/competitors", "feed")), `403 "User is not authorized to access this resource"`, "403 problem forbidden [AccessDeniedException]"},
			{"a token that is none: error Unauthorized", one(call{method: "GET", path: "/v1/competitors", header: map[string]string{"Authorization": "Bearer none"}}),
				noAnswer, "401 problem unauthorized [UnauthorizedException]"},
			{"a revoked token (authorizer cache)", t.revoke, noAnswer, "200 application/json"},
			{"unknown path", one(get("/v1/nothing", "")), noRoute, gatewayNo},
			{"unknown path with a token", one(get("/v1/nothing", "all")), noRoute, "403 problem forbidden [IncompleteSignatureException]"},
			{"unknown method", one(call{method: "DELETE", path: "/v1/competitors"}), noRoute, gatewayNo},
			{"OPTIONS", one(call{method: "OPTIONS", path: "/v1/competitors"}), noRoute, gatewayNo},
			{"HEAD of a GET", one(call{method: "HEAD", path: "/v1/health"}), "502 application/json", "403 application/problem+json [MissingAuthenticationTokenException]"},
			{"X-HTTP-Method-Override", one(call{method: "POST", path: "/v1/health", header: map[string]string{"X-HTTP-Method-Override": "GET"}}), noRoute, "200 application/json"},
			{"two slashes", one(get("/v1//health", "")), "308 text/html; charset=utf-8", gatewayNo},
			{"%2F in a path parameter", one(get("/v1/products/ZU%2F1042/offers", "all")), noRoute, "422 problem invalid-field"},
			{"%252D in a path parameter", one(get("/v1/products/ZU%252D1042/offers", "all")), "200 application/json", "422 problem invalid-field"},
			{"a body against the model", one(post(model, nil)), "400 problem invalid-field", "400 problem malformed-json [BadRequestException]"},
			{"a body that is no JSON", one(post(`{"x`, nil)), "400 problem malformed-json", "400 problem malformed-json [BadRequestException]"},
			{"a body that is no text", one(post("\xff\xfe", text)), noAnswer, "415 problem media-type"},
			{"a body of 7 MiB", one(post(strings.Repeat(" ", sevenMB), text)), noAnswer, `413 "Request Too Long" [BadRequestException]`},
			{"a body of 11 MiB", one(post(strings.Repeat(" ", elevenMB), text)), noAnswer, "413 text/plain"},
			{"the request id of two requests", sameID, "the same", "one each"},
			{"x-amzn-RequestId of the caller", ownRequestID, "ignored", "taken"},
			{"headers of the gateway", gatewayHeaders, "none", "x-amzn-RequestId x-amz-apigw-id X-Amzn-Trace-Id"},
			{fmt.Sprintf("%d requests, ThrottleBurst is 20", tooMany), many(get("/v1/products/ZU-1042/history", "all")), "200 application/json", "429 problem throttled [TooManyRequestsException]"},
		},
		outage: []difference{
			{"the authorizer fails", one(get("/v1/competitors", "late")), noAnswer, "500 problem internal [AuthorizerFailureException]"},
			{"the authorizer's policy is cached, the store fails", one(get("/v1/competitors", "all")), noAnswer, "503 problem throttled"},
		},
	}
	if bytes.Contains(template, []byte(" /v1/legacy/{proxy+}:")) { // asked without a token, so that nothing leaves this machine
		k.usual = append(k.usual, difference{"the facade (http_proxy)", one(get("/v1/legacy/prices", "")), noRoute, "401 problem unauthorized [UnauthorizedException]"})
	}
	return k, nil
}

// askDifferent asks both sides what they are known to answer differently and returns the rows of the table.
func (t *test) askDifferent(ctx context.Context, sam, local *side, rows []difference) [][3]string {
	var table [][3]string
	for _, d := range rows {
		ours, err := d.ask(ctx, local)
		if err != nil {
			t.fail("%s: %v", d.what, err)
			continue
		}
		theirs, err := d.ask(ctx, sam)
		if err != nil {
			t.fail("%s: %v", d.what, err)
			continue
		}
		t.failures = append(t.failures, d.judge(theirs, ours)...)
		table = append(table, [3]string{d.what, theirs, ours})
	}
	return table
}

// judge tells what is no longer as the row says.
func (d difference) judge(sam, local string) []string {
	var wrong []string
	if local != d.local {
		wrong = append(wrong, fmt.Sprintf("%s: samkit/local answers %s, not %s", d.what, local, d.local))
	}
	switch {
	case sam == local:
		wrong = append(wrong, fmt.Sprintf("%s: SAM local now answers %s as samkit/local does: take the row out of the known differences", d.what, sam))
	case sam != d.sam:
		wrong = append(wrong, fmt.Sprintf("%s: SAM local now answers %s, not %s: mend the row of the known differences", d.what, sam, d.sam))
	}
	return wrong
}

// words are the status and the kind of body of an answer: a problem's type, a gateway's message, else its media type; in
// brackets the kind of refusal if a gateway says that it refused.
func (a answer) words() string {
	var body struct {
		Type    string
		Message *string
	}
	kind := a.header.Get("Content-Type")
	if json.Unmarshal([]byte(a.body), &body) == nil {
		switch {
		case body.Type != "":
			kind = "problem " + body.Type[strings.LastIndex(body.Type, ":")+1:]
		case body.Message != nil:
			kind = fmt.Sprintf("%q", *body.Message)
		}
	}
	text := fmt.Sprintf("%d %s", a.status, kind)
	if refused := a.header.Get("x-amzn-ErrorType"); refused != "" {
		text += " [" + refused + "]"
	}
	return text
}

func one(c call) func(ctx context.Context, s *side) (string, error) {
	return func(ctx context.Context, s *side) (string, error) {
		a, err := s.send(ctx, c)
		return a.words(), err
	}
}

// many sends one request many times and returns the first answer that is no success, if there is one.
func many(c call) func(ctx context.Context, s *side) (string, error) {
	return func(ctx context.Context, s *side) (text string, err error) {
		for range tooMany {
			a, err := s.send(ctx, c)
			if err != nil {
				return "", err
			}
			if text = a.words(); a.status != http.StatusOK {
				break
			}
		}
		return text, nil
	}
}

// revoke has a token accepted, revokes it and uses it again.
func (t *test) revoke(ctx context.Context, s *side) (string, error) {
	c := get("/v1/competitors", "revoked")
	if _, err := s.time(ctx, c); err != nil {
		return "", err
	}
	parsed, ok := token.Parse(s.tokens[c.client])
	if !ok {
		return "", fmt.Errorf("%s: tools/token made no token", s.name)
	}
	if _, err := t.token(ctx, "revoke", "-table", s.table, parsed.KeyID); err != nil {
		return "", err
	}
	return one(c)(ctx, s)
}

func sameID(ctx context.Context, s *side) (string, error) {
	first, err := s.send(ctx, get("/v1/health", ""))
	if err != nil {
		return "", err
	}
	second, err := s.send(ctx, get("/v1/health", ""))
	if err != nil {
		return "", err
	}
	if first.header.Get("x-request-id") == second.header.Get("x-request-id") {
		return "the same", nil
	}
	return "one each", nil
}

func ownRequestID(ctx context.Context, s *side) (string, error) {
	a, err := s.send(ctx, call{method: "GET", path: "/v1/health", header: map[string]string{"x-amzn-RequestId": ownID}})
	if err == nil && a.header.Get("x-request-id") == ownID {
		return "taken", nil
	}
	return "ignored", err
}

func gatewayHeaders(ctx context.Context, s *side) (string, error) {
	a, err := s.send(ctx, get("/v1/health", ""))
	var there []string
	for _, name := range []string{"x-amzn-RequestId", "x-amz-apigw-id", "X-Amzn-Trace-Id"} {
		if a.header.Get(name) != "" {
			there = append(there, name)
		}
	}
	if len(there) == 0 {
		return "none", err
	}
	return strings.Join(there, " "), err
}

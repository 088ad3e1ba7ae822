package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"pricing/samkit/samtest"
	"pricing/shared/token"
)

const (
	sevenMB  = 7 << 20
	elevenMB = 11 << 20
	tooMany  = 28 // requests in quick succession; ThrottleBurst is less

	noRoute      = `403 "Missing Authentication Token"`
	noAnswer     = `502 "Internal server error"`
	cutShort     = "500 problem internal" // the function cannot read the event
	unknownRoute = "403 problem forbidden [MissingAuthenticationTokenException]"
	noToken      = "401 problem unauthorized [UnauthorizedException]"
	ownID        = "11111111-2222-3333-4444-555555555555"
)

// differences are the known ones that this project can show. Its template has no required query parameter or header, no API
// key and no mock, and its functions neither fail nor answer in a wrong form.
func differences(template string) []samtest.Difference {
	competitors := samtest.Get("/v1/competitors")
	send := func(method, path string) samtest.Call { return samtest.Call{Method: method, Path: path} }
	text := func(body string) samtest.Call {
		return with("Content-Type", "text/plain", post("/v1/observations", body))
	}
	known := []samtest.Difference{
		{What: "no token (gateway responses)", Ask: samtest.Once(competitors), SAM: `401 "Unauthorized"`, Local: noToken},
		{What: "a scope too few", Ask: samtest.Once(as("feed", competitors)),
			SAM: `403 "User is not authorized to access this resource"`, Local: "403 problem forbidden [AccessDeniedException]"},
		{What: "a text that is no token (identityValidationExpression)", Ask: samtest.Once(with("Authorization", "Bearer none", competitors)),
			SAM: `401 "Unauthorized"`, Local: noToken},
		{What: "a token that nobody has: error Unauthorized", Ask: samtest.Once(as("nobody", competitors)), SAM: noAnswer, Local: noToken},
		{What: "a revoked token (authorizer cache)", Ask: revoke, SAM: noAnswer, Local: "200 application/json"},
		{What: "unknown path", Ask: samtest.Once(samtest.Get("/v1/nothing")), SAM: noRoute, Local: unknownRoute},
		{What: "unknown path with a token", Ask: samtest.Once(get("/v1/nothing")),
			SAM: noRoute, Local: "403 problem forbidden [IncompleteSignatureException]"},
		{What: "unknown method", Ask: samtest.Once(send(http.MethodDelete, "/v1/competitors")), SAM: noRoute, Local: unknownRoute},
		{What: "OPTIONS", Ask: samtest.Once(send(http.MethodOptions, "/v1/competitors")), SAM: noRoute, Local: unknownRoute},
		{What: "HEAD of a GET", Ask: samtest.Once(send(http.MethodHead, "/v1/health")),
			SAM: "502 application/json", Local: "403 application/problem+json [MissingAuthenticationTokenException]"},
		{What: "X-HTTP-Method-Override", Ask: samtest.Once(with("X-HTTP-Method-Override", "GET", send(http.MethodPost, "/v1/health"))),
			SAM: noRoute, Local: "200 application/json"},
		{What: "two slashes", Ask: samtest.Once(samtest.Get("/v1//health")), SAM: "308 text/html; charset=utf-8", Local: unknownRoute},
		{What: "%2F in a path parameter", Ask: samtest.Once(get("/v1/products/ZU%2F1042/offers")),
			SAM: noRoute, Local: "422 problem invalid-field"},
		{What: "%252D in a path parameter", Ask: samtest.Once(get("/v1/products/ZU%252D1042/offers")),
			SAM: "200 application/json", Local: "422 problem invalid-field"},
		{What: "a body against the model", Ask: samtest.Once(post("/v1/observations/batch", `{"defaults":{}}`)),
			SAM: "400 problem missing-field", Local: "400 problem malformed-json [BadRequestException]"},
		{What: "a body that is no JSON", Ask: samtest.Once(post("/v1/observations", `{"x`)),
			SAM: "400 problem malformed-json", Local: "400 problem malformed-json [BadRequestException]"},
		{What: "a body that is no text", Ask: samtest.Once(text("\xff\xfe")), SAM: noAnswer, Local: "415 problem media-type"},
		{What: "a body of 7 MiB", Ask: samtest.Once(text(strings.Repeat(" ", sevenMB))),
			SAM: cutShort, Local: `413 "Request Too Long" [BadRequestException]`},
		{What: "a body of 11 MiB", Ask: samtest.Once(text(strings.Repeat(" ", elevenMB))), SAM: cutShort, Local: "413 text/plain"},
		{What: "x-amzn-RequestId of the caller", Ask: ownRequestID, SAM: "ignored", Local: "taken"},
		{What: "headers of the gateway", Ask: gatewayHeaders, SAM: "none", Local: "x-amzn-RequestId x-amz-apigw-id X-Amzn-Trace-Id"},
		{What: fmt.Sprintf("%d requests, ThrottleBurst is 20", tooMany), Ask: samtest.Burst(tooMany, get("/v1/products/ZU-1042/history")),
			SAM: "200 application/json", Local: "429 problem throttled [TooManyRequestsException]"},
	}
	if strings.Contains(template, " /v1/legacy/{proxy+}:") { // without a token, so that nothing leaves this machine
		facade := samtest.Once(samtest.Get("/v1/legacy/prices"))
		known = append(known, samtest.Difference{What: "the facade (http_proxy)", Ask: facade, SAM: noRoute, Local: noToken})
	}
	return known
}

var differencesInOutage = []samtest.Difference{
	{What: "the authorizer fails", Ask: samtest.Once(as("late", samtest.Get("/v1/competitors"))),
		SAM: noAnswer, Local: "500 problem internal [AuthorizerFailureException]"},
	{What: "the authorizer's policy is cached, the store fails", Ask: samtest.Once(get("/v1/competitors")),
		SAM: noAnswer, Local: "503 problem throttled"},
}

// revoke has a token accepted, revokes it and uses it again.
func revoke(ctx context.Context, t *samtest.Target) (string, error) {
	c := as("revoked", samtest.Get("/v1/competitors"))
	a, err := t.Send(ctx, c)
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusOK {
		return "", fmt.Errorf("%s: the token is refused before it is revoked: %s", t.Name, a.Words())
	}
	made, ok := token.Parse(t.Values["revoked"])
	if !ok {
		return "", errors.New("the token cannot be parsed")
	}
	if err := open(t.Endpoint, t.Table).RevokeToken(ctx, made.KeyID); err != nil {
		return "", err
	}
	return samtest.Once(c)(ctx, t)
}

func ownRequestID(ctx context.Context, t *samtest.Target) (string, error) {
	a, err := t.Send(ctx, with("x-amzn-RequestId", ownID, samtest.Get("/v1/health")))
	if err == nil && a.Header.Get("x-amzn-RequestId") == ownID {
		return "taken", nil
	}
	return "ignored", err
}

func gatewayHeaders(ctx context.Context, t *samtest.Target) (string, error) {
	a, err := t.Send(ctx, samtest.Get("/v1/health"))
	var there []string
	for _, name := range []string{"x-amzn-RequestId", "x-amz-apigw-id", "X-Amzn-Trace-Id"} {
		if a.Header.Get(name) != "" {
			there = append(there, name)
		}
	}
	if len(there) == 0 {
		return "none", err
	}
	return strings.Join(there, " "), err
}

package apigateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
)

// authorizerTimeout bounds an authorizer call; the integration's timeout does not apply to it (recorded).
const authorizerTimeout = 30 * time.Second

// authorizerAnswer is what a Lambda authorizer returns.
type authorizerAnswer struct {
	PrincipalID string         `json:"principalId"`
	Policy      policy         `json:"policyDocument"`
	Context     map[string]any `json:"context"`
	UsageKey    string         `json:"usageIdentifierKey"`
}

// errNotAllowed says that no AWS::Lambda::Permission lets the gateway call the authorizer.
var errNotAllowed = errors.New("no AWS::Lambda::Permission lets the gateway call it")

// errMalformed says that an authorizer's answer does not have the documented form.
var errMalformed = errors.New("malformed answer")

// authorize runs the method's authorizer, or takes its cached answer, and judges its policy together with the API's.
func (x *exchange) authorize() bool {
	a := x.route.Authorizer
	if a == nil {
		return true
	}
	if len(x.methodARN()) > maxMethodARN {
		return x.plain(urlTooLongStatus, fmt.Sprintf("the method ARN is longer than %d bytes", maxMethodARN))
	}
	var sources []string
	for _, source := range a.Sources {
		value := x.value(source)
		if strings.TrimSpace(value) == "" && (a.TTL > 0 || a.Type == "token") { // without a cache the function judges itself
			return x.refuse("UNAUTHORIZED", "", "the identity source "+source+" is missing or blank")
		}
		sources = append(sources, value)
	}
	if a.Type == "token" && a.Expression != nil && !a.Expression.MatchString(sources[0]) {
		return x.refuse("UNAUTHORIZED", "", "the token does not match identityValidationExpression "+a.Expression.String())
	}
	key := a.Name + "\x00" + strings.Join(sources, "\x00")
	answer, ok := x.g.policies.find(key, x.g.o.Now())
	latency := int64(0)
	if !ok {
		started := x.g.o.Now()
		var err error
		answer, err = x.callAuthorizer(a, sources)
		latency = x.g.o.Now().Sub(started).Milliseconds()
		x.context["authorizer.latency"] = strconv.FormatInt(latency, 10)
		if err != nil {
			x.context["authorizer.error"] = err.Error()
			return x.refuseAuthorizer(a, err)
		}
	}
	x.context["authorizer.status"] = "200"
	x.principal = map[string]any{"principalId": answer.PrincipalID, "integrationLatency": latency}
	for name, value := range answer.Context {
		if value != nil {
			x.principal[name] = contextText(value)
		}
	}
	x.usageKey = answer.UsageKey
	call := x.iamCall()
	byToken, byAPI := answer.Policy.judge(call), silent
	if x.g.policy != nil {
		byAPI = x.g.policy.judge(call)
	}
	if !ok && a.TTL > 0 && (byToken != denied || denialsAreCached) {
		x.g.policies.keep(key, answer, x.g.o.Now().Add(a.TTL))
	}
	switch {
	case byToken == denied:
		x.context["authorizer.status"] = "403"
		return x.refuse("ACCESS_DENIED", kinds["ACCESS_DENIED"].message+" with an explicit deny", "the authorizer's policy denies "+call.arn)
	case byToken == silent && byAPI == silent:
		x.context["authorizer.status"] = "403"
		return x.refuse("ACCESS_DENIED", "", "the authorizer's policy says nothing of "+call.arn)
	}
	return true
}

func (x *exchange) refuseAuthorizer(a *samtemplate.Authorizer, err error) bool {
	var failed *lambdaruntime.Error
	if errors.As(err, &failed) && failed.Message == "Unauthorized" {
		x.context["authorizer.status"] = "401"
		return x.refuse("UNAUTHORIZED", "", "the authorizer refused the token")
	}
	x.context["authorizer.status"] = "500"
	kind := authorizerErrorType
	switch {
	case errors.Is(err, lambdaruntime.ErrThrottled):
		x.context["authorizer.status"] = "429"
	case errors.Is(err, errNotAllowed):
		kind = authorizerNotAllowed
	case errors.Is(err, errMalformed):
		kind = authorizerAnswerType
	}
	return x.refuse(kind, "", "authorizer "+a.Name+": "+err.Error())
}

// methodARN is the call's name in policies, with the path as sent.
func (x *exchange) methodARN() string {
	return samtemplate.ExecuteARN(x.g.o.API, x.g.o.API.Stage, x.method, x.path)
}

func (x *exchange) callAuthorizer(a *samtemplate.Authorizer, sources []string) (authorizerAnswer, error) {
	source := strings.TrimSuffix(samtemplate.ExecuteARN(x.g.o.API, "authorizers", "", ""), "/") + "/" + strings.ToLower(a.Name)
	if !x.permitted(a.Invoked, source) {
		return authorizerAnswer{}, errNotAllowed
	}
	var event map[string]any
	if a.Type == "token" {
		event = map[string]any{"type": "TOKEN", "authorizationToken": sources[0], "methodArn": x.methodARN()}
	} else {
		event = x.request()
		event["type"], event["methodArn"] = "REQUEST", x.methodARN()
	}
	payload, err := encode(event)
	if err != nil {
		return authorizerAnswer{}, fmt.Errorf("encode the event: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), authorizerTimeout)
	defer cancel()
	id := uuid()
	x.context["authorizer.requestId"] = id
	result, err := x.g.o.Functions.Invoke(ctx, a.Function, id, x.trace, payload)
	x.log.Cold = x.log.Cold || result.Cold
	if err != nil {
		return authorizerAnswer{}, err
	}
	return readAnswer(result.Payload)
}

// readAnswer reads an authorizer's answer; every error is an errMalformed.
func readAnswer(payload []byte) (authorizerAnswer, error) {
	fail := func(format string, args ...any) (authorizerAnswer, error) {
		return authorizerAnswer{}, fmt.Errorf("%w: "+format, append([]any{errMalformed}, args...)...)
	}
	var answer authorizerAnswer
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber() // digits stay as they are written
	if err := decoder.Decode(&answer); err != nil {
		return fail("%w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fail("something follows it")
	}
	if answer.PrincipalID == "" || len(answer.Policy.Statement) == 0 {
		return fail("principalId and policyDocument are needed")
	}
	for i, s := range answer.Policy.Statement {
		if err := s.check(); err != nil {
			return fail("policyDocument.Statement[%d]: %w", i, err)
		}
		for _, resource := range s.Resource {
			if len(resource) > maxPolicyResource {
				return fail("policyDocument.Statement[%d].Resource: is longer than %d characters", i, maxPolicyResource)
			}
		}
	}
	for name, value := range answer.Context {
		switch value.(type) {
		case string, json.Number, bool, nil:
		default:
			return fail("context.%s is neither text, number nor boolean", name)
		}
	}
	return answer, nil
}

// contextText writes a context value as functions get it. A whole number keeps its digits, however many.
func contextText(v any) string {
	n, ok := v.(json.Number)
	if f, err := n.Float64(); ok && err == nil && strings.ContainsAny(n.String(), ".eE") {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// permitted reports whether the template lets the gateway call a function for a source.
func (x *exchange) permitted(invoked, source string) bool {
	for _, p := range x.g.o.API.Permitted {
		if p.Function == invoked && (p.SourceARN == "" || wildcard(p.SourceARN, source)) {
			return true
		}
	}
	return false
}

// policyCache keeps authorizer answers by authorizer and values of the identity sources. It keeps the policy, not the
// verdict, since the next call may be to another method.
type policyCache struct {
	mu      sync.Mutex
	entries map[string]cachedPolicy
}

type cachedPolicy struct {
	expires time.Time
	answer  authorizerAnswer
}

// cacheSize bounds the cache; a laptop needs no more.
const cacheSize = 10_000

func (c *policyCache) find(key string, now time.Time) (authorizerAnswer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[key]
	if !ok || !now.Before(entry.expires) {
		delete(c.entries, key)
		return authorizerAnswer{}, false
	}
	return entry.answer, true
}

func (c *policyCache) keep(key string, answer authorizerAnswer, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= cacheSize {
		clear(c.entries)
	}
	c.entries[key] = cachedPolicy{expires, answer}
}

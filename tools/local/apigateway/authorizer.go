package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pricing/tools/local/lambdaruntime"
	"pricing/tools/local/samtemplate"
)

// authorizerTimeout bounds an authorizer call; the integration's timeout does not apply to it.
const authorizerTimeout = 30 * time.Second

type cachedPolicy struct {
	expires time.Time
	answer  authorizerAnswer
}

// authorizerAnswer is what a Lambda authorizer returns.
type authorizerAnswer struct {
	PrincipalID string `json:"principalId"`
	Policy      struct {
		Statement statements `json:"Statement"`
	} `json:"policyDocument"`
	Context map[string]any `json:"context"`
}

type statement struct {
	Effect   string
	Action   oneOrMany
	Resource oneOrMany
}

type (
	statements []statement
	oneOrMany  []string
)

// UnmarshalJSON takes one statement or a list.
func (s *statements) UnmarshalJSON(b []byte) error { return unmarshalOneOrMany(b, (*[]statement)(s)) }

// UnmarshalJSON takes one text or a list.
func (o *oneOrMany) UnmarshalJSON(b []byte) error { return unmarshalOneOrMany(b, (*[]string)(o)) }

func unmarshalOneOrMany[T any](b []byte, to *[]T) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, to)
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*to = []T{one}
	return nil
}

// authorize runs the method's authorizer, or takes its cached answer, and judges its policy.
func (x *exchange) authorize() bool {
	a := x.route.Authorizer
	var sources []string
	for _, source := range a.Sources {
		value := x.identity(source)
		if strings.TrimSpace(value) == "" {
			x.refuse("UNAUTHORIZED", "", "no identity source "+source)
			return false
		}
		sources = append(sources, value)
	}
	if a.Type == "token" && a.Expression != "" && !regexp.MustCompile("^(?:"+a.Expression+")$").MatchString(sources[0]) {
		x.refuse("UNAUTHORIZED", "", "the token does not match identityValidationExpression")
		return false
	}
	key := a.Name + "\x00" + strings.Join(sources, "\x00")
	answer, ok := x.g.policies.find(key, x.g.o.Now())
	if !ok {
		var err error
		if answer, err = x.callAuthorizer(a, sources); err != nil {
			x.refuseAuthorizer(a, err)
			return false
		}
		x.g.policies.keep(key, answer, x.g.o.Now(), a.TTL)
	}
	x.principal = map[string]any{"principalId": answer.PrincipalID, "integrationLatency": 0}
	for name, value := range answer.Context {
		x.principal[name] = contextText(value)
	}
	arn := x.methodARN()
	allowed, denied := false, false
	for _, s := range answer.Policy.Statement {
		if !matchesAny(s.Action, "execute-api:Invoke") || !matchesAny(s.Resource, arn) {
			continue
		}
		allowed = allowed || s.Effect == "Allow"
		denied = denied || s.Effect == "Deny"
	}
	switch {
	case denied:
		x.refuse("ACCESS_DENIED", kinds["ACCESS_DENIED"].message+" with an explicit deny", "the authorizer's policy denies "+arn)
	case !allowed:
		x.refuse("ACCESS_DENIED", "", "the authorizer's policy says nothing of "+arn)
	default:
		return true
	}
	return false
}

func (x *exchange) refuseAuthorizer(a *samtemplate.Authorizer, err error) {
	var failed *lambdaruntime.Error
	if errors.As(err, &failed) && failed.Message == "Unauthorized" {
		x.refuse("UNAUTHORIZED", "", "the authorizer refused the token")
		return
	}
	name := "AUTHORIZER_FAILURE" // which of the two for which cause is unverified
	if !errors.As(err, &failed) {
		name = "AUTHORIZER_CONFIGURATION_ERROR"
	}
	x.refuse(name, "", "authorizer "+a.Name+": "+err.Error())
}

func (x *exchange) identity(source string) string {
	switch {
	case strings.HasPrefix(source, "context."):
		return x.contextValue(strings.TrimPrefix(source, "context."))
	case strings.HasPrefix(source, "stageVariables."):
		return x.g.o.API.Variables[strings.TrimPrefix(source, "stageVariables.")]
	}
	return x.value(source)
}

func (x *exchange) methodARN() string {
	return fmt.Sprintf("arn:aws:execute-api:%s:%s:%s/%s/%s%s", samtemplate.Region, samtemplate.AccountID, apiID, x.g.o.API.Stage, x.method, x.path)
}

func (x *exchange) callAuthorizer(a *samtemplate.Authorizer, sources []string) (authorizerAnswer, error) {
	event := map[string]any{"type": "TOKEN", "authorizationToken": sources[0], "methodArn": x.methodARN()}
	if a.Type == "request" {
		event = x.request()
		event["type"], event["methodArn"] = "REQUEST", x.methodARN()
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return authorizerAnswer{}, fmt.Errorf("encode the event: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), authorizerTimeout)
	defer cancel()
	result, err := x.g.o.Functions.Invoke(ctx, a.Function, uuid(), x.trace, payload)
	x.log.Cold = x.log.Cold || result.Cold
	if err != nil {
		return authorizerAnswer{}, err
	}
	var answer authorizerAnswer
	if err := json.Unmarshal(result.Payload, &answer); err != nil {
		return authorizerAnswer{}, fmt.Errorf("malformed answer: %w", err)
	}
	if answer.PrincipalID == "" || len(answer.Policy.Statement) == 0 {
		return authorizerAnswer{}, errors.New("malformed answer: principalId and policyDocument are needed")
	}
	for name, value := range answer.Context {
		switch value.(type) {
		case string, float64, bool, nil:
		default:
			return authorizerAnswer{}, fmt.Errorf("malformed answer: context.%s is neither text, number nor boolean", name)
		}
	}
	return answer, nil
}

func contextText(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// matchesAny compares with * for any text and ? for any character.
func matchesAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if wildcard(p, s) {
			return true
		}
	}
	return false
}

func wildcard(pattern, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, mark = j, i
			j++
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}

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

func (c *policyCache) keep(key string, answer authorizerAnswer, now time.Time, ttl time.Duration) {
	if ttl <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[key] = cachedPolicy{now.Add(ttl), answer}
}

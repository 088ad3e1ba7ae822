package apigateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"pricing/samkit/local/samtemplate"
)

// policy is an IAM policy document: a resource policy, or that of an authorizer's answer.
type policy struct {
	Statement oneOrMany[statement]
}

type statement struct {
	Effect      string
	Principal   any
	Action      oneOrMany[string]
	NotAction   oneOrMany[string]
	Resource    oneOrMany[string]
	NotResource oneOrMany[string]
	Condition   map[string]map[string]oneOrMany[any]
}

// oneOrMany is one value or a list of them.
type oneOrMany[T any] []T

// UnmarshalJSON takes one value or a list.
func (o *oneOrMany[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]T)(o))
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*o = []T{one}
	return nil
}

// verdict is what a policy says of a call.
type verdict int

// Silence is neither allowed nor denied.
const (
	silent verdict = iota
	allowed
	denied
)

const invokeAction = "execute-api:Invoke"

// readPolicy reads the API's resource policy.
func readPolicy(api *samtemplate.API) (*policy, error) {
	if len(api.Policy) == 0 || string(api.Policy) == "null" {
		return nil, nil
	}
	p := &policy{}
	if err := json.Unmarshal(api.Policy, p); err != nil {
		return nil, fmt.Errorf("x-amazon-apigateway-policy: %w", err)
	}
	for i, s := range p.Statement {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("x-amazon-apigateway-policy.Statement[%d]: %w", i, err)
		}
		for _, list := range []oneOrMany[string]{s.Resource, s.NotResource} { // execute-api:/* is short for this API's ARN
			for n, resource := range list {
				if rest, ok := strings.CutPrefix(resource, "execute-api:/"); ok {
					list[n] = "arn:aws:execute-api:" + samtemplate.Region + ":" + samtemplate.AccountID + ":" + api.ID + "/" + rest
				}
			}
		}
	}
	return p, nil
}

// check refuses what judge does not understand.
func (s statement) check() error {
	if s.Effect != "Allow" && s.Effect != "Deny" {
		return fmt.Errorf("effect %q is neither Allow nor Deny", s.Effect)
	}
	for operator, byKey := range s.Condition {
		base, _ := strings.CutSuffix(operator, "IfExists")
		if _, ok := operators[base]; !ok {
			return fmt.Errorf("condition %s is not supported", operator)
		}
		for key, values := range byKey {
			if strings.HasSuffix(base, "IpAddress") {
				for _, v := range values {
					if _, err := prefix(fmt.Sprint(v)); err != nil {
						return fmt.Errorf("condition %s.%s: %w", operator, key, err)
					}
				}
			}
		}
	}
	return nil
}

// judge says what the policy decides: any Deny denies, else any Allow allows.
func (p *policy) judge(call iamCall) verdict {
	v := silent
	for _, s := range p.Statement {
		if !s.applies(call) {
			continue
		}
		if s.Effect == "Deny" {
			return denied
		}
		v = allowed
	}
	return v
}

// iamCall is the call that a policy judges.
type iamCall struct {
	arn  string
	keys map[string]string // condition keys in lower case
}

func (x *exchange) iamCall() iamCall {
	return iamCall{arn: x.methodARN(),
		keys: map[string]string{"aws:sourceip": x.sourceIP(), "aws:useragent": x.r.UserAgent(), "aws:referer": x.r.Referer()}}
}

func (s statement) applies(call iamCall) bool {
	if s.Principal != nil && !everybody(s.Principal) {
		return false
	}
	if len(s.NotAction) > 0 && matchesAny(s.NotAction, invokeAction) || len(s.NotAction) == 0 && !matchesAny(s.Action, invokeAction) {
		return false
	}
	if len(s.NotResource) > 0 && matchesAny(s.NotResource, call.arn) || len(s.NotResource) == 0 && !matchesAny(s.Resource, call.arn) {
		return false
	}
	for operator, byKey := range s.Condition {
		base, ifExists := strings.CutSuffix(operator, "IfExists")
		for key, values := range byKey {
			got, present := call.keys[strings.ToLower(key)]
			if !present && ifExists {
				continue
			}
			if !operators[base](got, present, values) {
				return false
			}
		}
	}
	return true
}

// everybody reports whether an anonymous caller is the principal.
func everybody(principal any) bool {
	switch p := principal.(type) {
	case string:
		return p == "*"
	case map[string]any:
		for _, value := range p {
			if list, ok := value.([]any); value == "*" || ok && slices.Contains(list, any("*")) {
				return true
			}
		}
	}
	return false
}

// operators are the condition operators that are supported. A negated one holds for a key that the call does not have.
var operators = map[string]func(got string, present bool, values []any) bool{
	"StringEquals":              positive(func(got, value string) bool { return got == value }),
	"StringNotEquals":           negative(func(got, value string) bool { return got == value }),
	"StringEqualsIgnoreCase":    positive(strings.EqualFold),
	"StringNotEqualsIgnoreCase": negative(strings.EqualFold),
	"StringLike":                positive(func(got, value string) bool { return wildcard(value, got) }),
	"StringNotLike":             negative(func(got, value string) bool { return wildcard(value, got) }),
	"ArnLike":                   positive(func(got, value string) bool { return wildcard(value, got) }),
	"ArnNotLike":                negative(func(got, value string) bool { return wildcard(value, got) }),
	"IpAddress":                 positive(within),
	"NotIpAddress":              negative(within),
}

func positive(match func(got, value string) bool) func(string, bool, []any) bool {
	return func(got string, present bool, values []any) bool {
		return present && slices.ContainsFunc(values, func(v any) bool { return match(got, fmt.Sprint(v)) })
	}
}

func negative(match func(got, value string) bool) func(string, bool, []any) bool {
	is := positive(match)
	return func(got string, present bool, values []any) bool { return !is(got, present, values) }
}

func within(got, value string) bool {
	ip, err := netip.ParseAddr(got)
	p, err2 := prefix(value)
	return errors.Join(err, err2) == nil && p.Contains(ip.Unmap())
}

// prefix reads an address or a range.
func prefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// checkDenials is the resource policy's first phase: explicit denials only, before the authorizer. A method without an
// authorizer needs an explicit Allow as well.
func (x *exchange) checkDenials() bool {
	if x.g.policy == nil {
		return true
	}
	v := x.g.policy.judge(x.iamCall())
	if v == denied || v == silent && x.route.Authorizer == nil {
		return x.refuseByResourcePolicy(v)
	}
	return true
}

func (x *exchange) refuseByResourcePolicy(v verdict) bool {
	message := "User: anonymous is not authorized to perform: " + invokeAction + " on resource: " + x.methodARN()
	reason := "the resource policy does not allow this call"
	if v == denied {
		message += " with an explicit deny"
		reason = "the resource policy denies this call"
	}
	return x.refuse("ACCESS_DENIED", message, reason+" from "+x.sourceIP())
}

// matchesAny compares with patterns in which * stands for any text and ? for any character.
func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return wildcard(p, s) })
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

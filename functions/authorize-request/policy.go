package main

import (
	"fmt"
	"strings"

	"pricing/shared/token"
)

// answer is what API Gateway caches for the token and merges into the events of functions.
type answer struct {
	PrincipalID string            `json:"principalId"`
	Policy      policy            `json:"policyDocument"`
	Context     map[string]string `json:"context"`
}

type policy struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Action   string   `json:"Action"`
	Effect   string   `json:"Effect"`
	Resource []string `json:"Resource"`
}

// permits says what each scope may call, as method and path; the bulk queries are planned. The policy is cached for the
// token, not for the request, so it names everything that its client may do; functions check their scope once more. The
// facade has no function: there the policy alone decides.
var permits = map[string][]string{
	token.ScopeRead:    {"GET/*", "HEAD/*", "POST/v1/offers/query", "POST/v1/summaries/query"},
	token.ScopeIngest:  {"POST/v1/observations", "POST/v1/observations/*"},
	token.ScopeCatalog: {"PUT/*", "POST/v1/legacy/*", "PATCH/v1/legacy/*", "DELETE/v1/legacy/*", "OPTIONS/v1/legacy/*"},
}

// allow returns the policy of a client on the whole stage.
func allow(r token.Record, methodArn string) answer {
	stage := methodArn // arn:aws:execute-api:region:account:api/stage/METHOD/path
	if parts := strings.SplitN(methodArn, "/", 3); len(parts) == 3 {
		stage = parts[0] + "/" + parts[1]
	}
	p := policy{Version: "2012-10-17", Statement: []statement{{Action: "execute-api:Invoke", Effect: "Allow"}}}
	for _, scope := range r.Scopes {
		for _, path := range permits[scope] {
			p.Statement[0].Resource = append(p.Statement[0].Resource, fmt.Sprintf("%s/%s", stage, path))
		}
	}
	if len(p.Statement[0].Resource) == 0 {
		p.Statement[0] = statement{Action: "execute-api:Invoke", Effect: "Deny", Resource: []string{stage + "/*"}}
	}
	return answer{PrincipalID: r.Client, Policy: p, Context: map[string]string{
		"clientId": r.Client, "scopes": strings.Join(r.Scopes, " "), "sources": strings.Join(r.Sources, " "), "keyId": r.KeyID}}
}

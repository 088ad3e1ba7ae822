package main

import (
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

// permits says what each scope may call of the API itself, as method and path. The policy is
// cached for the token, not for the request, so it names everything that its client may do; functions check their scope
// once more. No pattern may match a path of the facade, which has no function: there the policy alone decides.
var permits = map[string][]string{
	token.ScopeRead:    {"GET/v1/products*", "GET/v1/competitors*", "POST/v1/offers/query", "POST/v1/summaries/query"},
	token.ScopeIngest:  {"POST/v1/observations", "POST/v1/observations/*"},
	token.ScopeCatalog: {"PUT/v1/products/*", "PUT/v1/competitors/*"},
}

// facade says with which methods each scope may call the paths of the old service that are passed on. The methods are
// spelled out: a * for them would also match a path, as in GET/v1/legacy/hidden/v1/legacy/orders.
var facade = map[string][]string{
	token.ScopeRead:    {"GET", "HEAD"},
	token.ScopeCatalog: {"DELETE", "OPTIONS", "PATCH", "POST", "PUT"},
}

// climbing are the texts by which a path can mean another one to the old service than to the gateway, which compares it as it
// was sent: orders/* matches orders/../../admin. They are refused in both cases of their percent-encoding.
var climbing = []string{"..", ";", `\`, "%00", "%25", "%2e", "%2E", "%3b", "%3B", "%5c", "%5C"}

// allow returns the policy of a client on the whole stage. Legacy are the paths of the old service that are passed on.
func allow(r token.Record, methodArn string, legacy []string) answer {
	api, call, _ := strings.Cut(methodArn, "/") // arn:aws:execute-api:region:account:api/stage/METHOD/path
	name, _, _ := strings.Cut(call, "/")
	stage := api + "/" + name
	denied := statement{Action: "execute-api:Invoke", Effect: "Deny"}
	for _, text := range climbing {
		denied.Resource = append(denied.Resource, stage+"/*/v1/legacy/*"+text+"*")
	}
	allowed := statement{Action: "execute-api:Invoke", Effect: "Allow"}
	for _, scope := range r.Scopes {
		for _, path := range permits[scope] {
			allowed.Resource = append(allowed.Resource, stage+"/"+path)
		}
		for _, method := range facade[scope] {
			for _, path := range legacy {
				allowed.Resource = append(allowed.Resource, stage+"/"+method+"/v1/legacy/"+path)
			}
		}
	}
	p := policy{Version: "2012-10-17", Statement: []statement{denied, allowed}}
	if len(allowed.Resource) == 0 { // a statement needs one
		p.Statement = []statement{{Action: "execute-api:Invoke", Effect: "Deny", Resource: []string{stage + "/*"}}}
	}
	return answer{PrincipalID: r.Client, Policy: p, Context: map[string]string{
		"clientId": r.Client, "scopes": strings.Join(r.Scopes, " "), "sources": strings.Join(r.Sources, " "), "keyId": r.KeyID}}
}

package rules

import (
	"net/netip"
	"slices"
	"strings"
)

const policyKey = "x-amazon-apigateway-policy"

// policyRules are about an API's resource policy: who may reach the API at all, before any authorizer is asked.
func policyRules() []Rule {
	return []Rule{
		{
			Name: "policy-allow", Doc: "A resource policy allows everybody something, besides what it denies.",
			Consequence: "methods without an authorizer refuse every caller",
			Fix:         `add {Effect: Allow, Principal: "*", Action: "execute-api:Invoke", Resource: "execute-api:/*"}`,
			stack: func(s *Stack, report report) {
				s.eachPolicy(func(a *api, at []string, statements []map[string]any) {
					if !slices.ContainsFunc(statements, func(s map[string]any) bool { return s["Effect"] == "Allow" && s["Condition"] == nil }) {
						report(at, "the resource policy allows nothing")
					}
				})
			},
		},
		{
			Name: "private-api", Doc: "A private API names its VPC endpoint and denies callers of any other.",
			Consequence: "nobody can reach it, or everybody in any AWS network that has an endpoint can",
			Fix:         "add VPCEndpointIds, and a Deny with StringNotEquals aws:SourceVpce in the resource policy",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					r := a.resource()
					configuration := object(r.properties["EndpointConfiguration"])
					if !slices.Contains(list(configuration["Types"]), any("PRIVATE")) {
						continue
					}
					if len(list(configuration["VpcEndpointIds"])) == 0 {
						report(r.property("EndpointConfiguration"), "the private API names no VPC endpoint")
					}
					closed := false
					s.eachPolicy(func(of *api, _ []string, statements []map[string]any) {
						closed = closed || of == a && slices.ContainsFunc(statements, func(s map[string]any) bool {
							return s["Effect"] == "Deny" && object(s, "Condition", "StringNotEquals")["aws:SourceVpce"] != nil
						})
					})
					if !closed {
						report(below(a.root, policyKey), "no statement denies other VPC endpoints")
					}
				}
			},
		},
		{
			Name: "source-ip", Doc: "A resource policy compares addresses with ranges by IpAddress, under the key that this kind of API has.",
			Consequence: "the deployment fails, or the statement never applies: nobody is kept out, or everybody is",
			Fix:         "write ranges as 192.0.2.0/24; the key is aws:VpcSourceIp for a private API and aws:SourceIp for any other",
			stack: func(s *Stack, report report) {
				s.eachPolicy(func(a *api, at []string, statements []map[string]any) {
					private := slices.Contains(list(object(a.resource().properties["EndpointConfiguration"])["Types"]), any("PRIVATE"))
					for _, statement := range statements {
						for operator, values := range object(statement["Condition"]) {
							for key, ranges := range object(values) {
								if key != "aws:SourceIp" && key != "aws:VpcSourceIp" {
									continue
								}
								if !strings.HasSuffix(operator, "IpAddress") {
									report(at, "%s is compared by %s", key, operator)
								}
								if private != (key == "aws:VpcSourceIp") {
									report(at, "this kind of API does not set %s", key)
								}
								for _, v := range list(ranges) {
									if !unknown(v) && !addresses(text(v)) {
										report(at, "%q is not a range of addresses", text(v))
									}
								}
							}
						}
					}
				})
			},
		},
	}
}

// eachPolicy visits the resource policy of every API that has one.
func (s *Stack) eachPolicy(f func(a *api, at []string, statements []map[string]any)) {
	for _, a := range s.apis {
		policy := object(a.body[policyKey])
		if policy == nil {
			continue
		}
		var statements []map[string]any
		for _, v := range list(policy["Statement"]) {
			statements = append(statements, object(v))
		}
		f(a, below(a.root, policyKey), statements)
	}
}

// addresses reports whether a text is an address or a range of them.
func addresses(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

package rules

import (
	"slices"
	"strings"
)

// aclRules are about web ACLs of AWS WAF, which sees a request before the gateway does.
func aclRules() []Rule {
	return []Rule{
		{
			Name: "acl-association", Doc: "Every web ACL is associated with a stage, by the stage's ARN, in the template.",
			Consequence: "it is paid for and protects nothing",
			Fix: "add an AWS::WAFv2::WebACLAssociation whose ResourceArn is " +
				"arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Stage}, with the stage itself as ${Stage}",
			stack: func(s *Stack, report report) {
				for _, acl := range s.of("AWS::WAFv2::WebACL") {
					if !slices.ContainsFunc(s.of("AWS::WAFv2::WebACLAssociation"), func(r resource) bool {
						return acl.is(r.properties["WebACLArn"], "Arn") && s.hasStage(text(r.properties["ResourceArn"]))
					}) {
						report(acl.at(), "no stage is associated with %s", acl.id)
					}
				}
			},
		},
		{
			Name: "acl-samples", Doc: "No web ACL keeps samples of requests.",
			Consequence: "whoever may look at the web ACL reads the callers' tokens, since samples have all headers",
			Fix:         "write SampledRequestsEnabled: false in the VisibilityConfig of the web ACL and of each of its rules",
			stack: func(s *Stack, report report) {
				for _, acl := range s.of("AWS::WAFv2::WebACL") {
					if text(object(acl.properties, "VisibilityConfig")["SampledRequestsEnabled"]) != "false" {
						report(acl.property("VisibilityConfig"), "%s samples requests", acl.id)
					}
					for i, v := range list(acl.properties["Rules"]) {
						if text(object(v, "VisibilityConfig")["SampledRequestsEnabled"]) != "false" {
							at := acl.property("Rules", text(i), "VisibilityConfig")
							report(at, "the rule %s of %s samples requests", text(object(v)["Name"]), acl.id)
						}
					}
				}
			},
		},
		{
			Name:        "acl-answer",
			Doc:         "Where a web ACL limits how many requests a client may send, the API answers WAF_FILTERED with 429 and Retry-After.",
			Consequence: "clients take the 403 for a refusal and give up, instead of sending less",
			Fix:         "add a gateway response WAF_FILTERED with the status 429 and the header Retry-After",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::WAFv2::WebACLAssociation") {
					for _, a := range s.apis {
						if !s.limits(r.properties["WebACLArn"]) || !strings.Contains(text(r.properties["ResourceArn"]), "/<"+a.id+">/") {
							continue
						}
						answer := object(a.body, "x-amazon-apigateway-gateway-responses", "WAF_FILTERED")
						if text(answer["statusCode"]) != "429" || object(answer, "responseParameters")["gatewayresponse.header.Retry-After"] == nil {
							report(below(a.root, "x-amazon-apigateway-gateway-responses", "WAF_FILTERED"), "who sends too much is not told to wait")
						}
					}
				}
			},
		},
	}
}

// hasStage reports whether an ARN is that of a stage in this stack, and waits for it.
func (s *Stack) hasStage(arn string) bool {
	for _, a := range s.apis {
		for _, stage := range a.stages() {
			if strings.HasSuffix(arn, "/restapis/<"+a.id+">/stages/<"+stage.id+">") {
				return true
			}
		}
	}
	return false
}

// limits reports whether a web ACL has a rule about how many requests come.
func (s *Stack) limits(arn any) bool {
	for _, acl := range s.of("AWS::WAFv2::WebACL") {
		if acl.is(arn, "Arn") {
			return slices.ContainsFunc(list(acl.properties["Rules"]), func(v any) bool {
				return object(v, "Statement", "RateBasedStatement") != nil
			})
		}
	}
	return false
}

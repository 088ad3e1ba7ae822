package rules

import (
	"regexp"
	"strings"
)

// clientRules are about text that a caller chooses, in places where it could say more than one thing.
func clientRules() []Rule {
	return []Rule{
		{
			Name: "client-text", Doc: "No JSON of the access log, of a gateway response or of an integration holds text that a caller chooses.",
			Consequence: "a quotation mark in it ends the JSON's text, and the caller goes on with members of its own, such as another status or id",
			Fix: "leave it out; $context.extendedRequestId is an id that no caller chooses, and an integration's template may use " +
				"$input.json or $util.escapeJavaScript",
			stack: func(s *Stack, report report) {
				say := func(at []string, json string, forms *regexp.Regexp) {
					for _, match := range forms.FindAllString(json, -1) {
						report(at, "callers choose what %s holds", match)
					}
				}
				s.eachFormat(func(at []string, format string) {
					if strings.HasPrefix(strings.TrimSpace(format), "{") {
						say(at, format, clientInLog)
					}
				})
				s.eachResponse(func(_ *api, r response) {
					eachJSON(r.templates, func(media, json string) { say(below(r.at, "responseTemplates", media), json, clientInResponse) })
				})
				s.each(func(_ *api, o operation) {
					check := func(at []string, templates map[string]any) {
						eachJSON(templates, func(media, json string) {
							say(below(at, media), without(json, harmlessUse), clientInTemplate)
						})
					}
					check(o.under("requestTemplates"), object(o.integration["requestTemplates"]))
					responses := object(o.integration["responses"])
					for _, pattern := range sorted(responses) {
						check(o.under("responses", pattern, "responseTemplates"), object(responses[pattern], "responseTemplates"))
					}
				})
			},
		},
		{
			Name: "error-header", Doc: "No header is made of context.error: the gateway has it for bodies and access logs only.",
			Consequence: "the header is empty, or tells every caller what the gateway found in the request",
			Fix:         "leave the header out",
			stack: func(s *Stack, report report) {
				check := func(at []string, mappings map[string]any) {
					for _, target := range sorted(mappings) {
						if value := text(mappings[target]); strings.HasPrefix(value, "context.error.") {
							report(below(at, target), "%s is made of %s", target, value)
						}
					}
				}
				s.eachResponse(func(_ *api, r response) { check(below(r.at, "responseParameters"), r.headers) })
				s.each(func(_ *api, o operation) {
					check(o.under("requestParameters"), object(o.integration["requestParameters"]))
					responses := object(o.integration["responses"])
					for _, pattern := range sorted(responses) {
						check(o.under("responses", pattern, "responseParameters"), object(responses[pattern], "responseParameters"))
					}
				})
			},
		},
	}
}

// What a caller chooses: headers set a request's id (x-amzn-RequestId), trace (X-Amzn-Trace-Id), method
// (X-HTTP-Method-Override) and host. The messages of errors quote the token of a request for a wrong path.
const (
	chosen = `requestId|xrayTraceId|path|httpMethod|domainName|domainPrefix|` +
		`identity\.userAgent|identity\.clientCert\.\w+|error\.validationErrorString`
	overridden = `requestOverride\.(?:header|path|querystring)\.[\w-]+`
)

var (
	clientInLog      = regexp.MustCompile(`\$context\.(?:` + chosen + `|` + overridden + `|error\.message(?:String)?)\b`)
	clientInResponse = regexp.MustCompile(`\$context\.(?:` + chosen + `|` + overridden + `)\b|` +
		`\$?method\.request\.(?:querystring|path|header)\.[\w-]+`)
	clientInTemplate = regexp.MustCompile(`\$!?\{?(?:context\.(?:` + chosen + `)|input\.(?:params|path|body)|method\.request\.\w+\.[\w-]+)\b`)
	harmlessUse      = regexp.MustCompile(`(?:\$!?\{?util\.(?:escapeJavaScript|urlEncode|base64Encode)|#\{?(?:if|elseif|foreach)\}?)\s*\(`)
)

// eachJSON calls f for every template of a JSON media type.
func eachJSON(templates map[string]any, f func(media, json string)) {
	for _, media := range sorted(templates) {
		if strings.HasSuffix(media, "json") {
			f(media, text(templates[media]))
		}
	}
}

// without is a text without what a call stands for: from where begin matches to the parenthesis that closes the call.
func without(s string, begin *regexp.Regexp) string {
	var kept strings.Builder
	for at := begin.FindStringIndex(s); at != nil; at = begin.FindStringIndex(s) {
		kept.WriteString(s[:at[0]])
		s = s[at[1]:]
		for open := 1; open > 0 && s != ""; s = s[1:] {
			switch s[0] {
			case '(':
				open++
			case ')':
				open--
			}
		}
	}
	return kept.String() + s
}

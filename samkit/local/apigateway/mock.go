package apigateway

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pricing/samkit/local/samtemplate"
)

// inputParams is $input.params of a mapping template, which looks in path, query and headers, in this order.
var inputParams = regexp.MustCompile(`\$input\.params\(\s*['"]([^'"]+)['"]\s*\)`)

// mock answers without a backend: the request template gives a status, and the response for that status the answer.
func (x *exchange) mock() {
	i := &x.route.Integration
	template, ok := x.requestTemplate()
	if !ok {
		x.refuse("UNSUPPORTED_MEDIA_TYPE", "",
			"no request template for "+x.r.Header.Get("Content-Type")+" and passthroughBehavior "+i.Passthrough)
		return
	}
	fail := func(reason string) {
		x.refuse(mockWithoutAnswerType, "", reason)
	}
	given := mockStatus(x.fill(template))
	if given == "" {
		fail("the mock's request template gives no statusCode")
		return
	}
	response, ok := chooseResponse(i.Responses, given)
	status, err := strconv.Atoi(response.StatusCode)
	if !ok || err != nil || status < 100 || status > 599 {
		fail("no response of the mock fits the status " + given)
		return
	}
	x.context["integration.status"] = given
	h := x.w.Header()
	media, body := "application/json", ""
	if len(response.Templates) > 0 {
		if _, ok := response.Templates[media]; !ok {
			media = slices.Sorted(maps.Keys(response.Templates))[0]
		}
		if _, ok := response.Templates[firstAccept(x.r)]; ok {
			media = firstAccept(x.r)
		}
		body = x.fill(response.Templates[media])
	}
	h["Content-Type"] = []string{media}
	h["X-Amzn-Trace-Id"] = []string{strings.Split(x.trace, ";")[0]}
	for parameter, from := range response.Parameters {
		if name, ok := strings.CutPrefix(parameter, "method.response.header."); ok {
			if v := x.mapped(from); v != "" {
				backendHeader(h, name, v)
			}
		}
	}
	x.respond(status, []byte(body))
}

// looseStatus is the status in a text that is nearly JSON. API Gateway's parser takes names without quotation marks, as in the
// {statusCode: 200} that the CDK writes for CORS (live).
var looseStatus = regexp.MustCompile(`^\s*\{(?:[^{}]*,)?\s*["']?statusCode["']?\s*:\s*(\d+)\s*(?:,[^{}]*)?\}\s*$`)

// mockStatus is the status that a mock's filled request template gives; empty if it gives none.
func mockStatus(filled string) string {
	var given struct {
		StatusCode json.Number `json:"statusCode"`
	}
	if err := json.Unmarshal([]byte(filled), &given); err == nil {
		return given.StatusCode.String()
	}
	if match := looseStatus.FindStringSubmatch(filled); match != nil {
		return match[1]
	}
	return ""
}

// requestTemplate finds the template for the request's media type; without one the body is passed through or the
// request refused, as passthroughBehavior says.
func (x *exchange) requestTemplate() (string, bool) {
	i := &x.route.Integration
	media := mediaType(x.r.Header.Get("Content-Type"))
	if media == "" {
		media = "application/json"
	}
	if template, ok := i.Templates[media]; ok {
		return template, true
	}
	if i.Passthrough == "never" || i.Passthrough == "when_no_templates" && len(i.Templates) > 0 {
		return "", false
	}
	return string(x.body), true
}

// chooseResponse finds the response whose pattern fits the status, else the default.
func chooseResponse(responses map[string]samtemplate.IntegrationResponse, status string) (samtemplate.IntegrationResponse, bool) {
	for _, pattern := range slices.Sorted(maps.Keys(responses)) {
		if pattern != "default" && regexp.MustCompile("^(?:"+pattern+")$").MatchString(status) {
			return responses[pattern], true
		}
	}
	response, ok := responses["default"]
	return response, ok
}

// fill fills a mock's template.
func (x *exchange) fill(template string) string {
	template = inputParams.ReplaceAllStringFunc(template, func(s string) string {
		name := inputParams.FindStringSubmatch(s)[1]
		for _, v := range []string{x.params[name], last(x.query[name]), x.r.Header.Get(name)} {
			if v != "" {
				return v
			}
		}
		return ""
	})
	return x.substitute(template)
}

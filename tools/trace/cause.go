package main

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"pricing/shared/fault"
	"pricing/shared/gateway"
)

// cause is why a request ended as it did.
type cause struct {
	Code    string `json:"code"`
	Layer   string `json:"layer"`
	Text    string `json:"cause"`               // one sentence
	Product string `json:"productId,omitempty"` // the one that the request was about, if a line names it
	Data    string `json:"data"`                // what became of what was sent
	Do      string `json:"do,omitempty"`        // the next step, and the place in the runbook
	Runbook string `json:"runbook,omitempty"`   // the place's anchor
}

// Layers are where a request can end.
const (
	atGateway    = "gateway"
	atAuthorizer = "authorizer"
	atFunction   = "function"
	atStore      = "store"
	atOldService = "old service"
	nowhere      = "none" // it did not fail
)

// rule says what lines mean. The first that holds counts, so the particular ones come first, in the order in which a request meets the
// layers.
type rule struct {
	code, layer   string
	section, step string // of the runbook, and the next step in a few words
	holds         func(way) bool
	say           func(way) string
}

// said is a sentence that is always the same.
func said(text string) func(way) string { return func(way) string { return text } }

// refusedAs holds if the gateway itself answered, with one of its own types of errors.
func refusedAs(types ...string) func(way) bool {
	return func(w way) bool {
		for _, t := range types {
			if w.gateway != nil && string(w.gateway.ErrorType) == t {
				return true
			}
		}
		return false
	}
}

// tokenRefused holds if the authorizer refused the token for one of the reasons.
func tokenRefused(code string) func(way) bool {
	return func(w way) bool {
		return w.authorizer.line != nil && w.authorizer.line.Outcome == "unauthorized" && string(w.authorizer.line.ErrorCode) == code
	}
}

// undecided holds if the authorizer gave no decision, and this.
func undecided(and func(way) bool) func(way) bool {
	return func(w way) bool {
		alone := w.gateway == nil && w.function.log() == "" && (w.authorizer.line == nil || w.authorizer.line.Level == "ERROR")
		return (w.undecided() || alone) && and(w)
	}
}

// silent holds if the function gave no answer, and this.
func silent(and func(way) bool) func(way) bool {
	return func(w way) bool {
		alone := w.gateway == nil && w.function.line == nil && w.function.report != nil
		return (w.unanswered() || alone) && !legacy(w) && and(w)
	}
}

func legacy(w way) bool {
	return w.gateway != nil && strings.HasPrefix(string(w.gateway.ResourcePath), "/v1/legacy/")
}

// ofLegacy holds for a call of the old service, and this.
func ofLegacy(and func(way) bool) func(way) bool {
	return func(w way) bool { return legacy(w) && and(w) }
}

// answered holds if a function's line says this.
func answered(by func(e *entry) bool) func(way) bool {
	return func(w way) bool { return w.function.line != nil && by(w.function.line) }
}

// failing holds if a function's line is of a failure of ours whose error has one of the texts.
func failing(texts ...string) func(way) bool {
	return answered(func(e *entry) bool { return e.Error != "" && contains(e.Error, texts...) })
}

// coded holds if the function refused the request with one of the codes.
func coded(codes ...string) func(way) bool {
	return answered(func(e *entry) bool {
		for _, c := range codes {
			if string(e.ErrorCode) == c {
				return true
			}
		}
		return false
	})
}

func contains(in text, texts ...string) bool {
	for _, t := range texts {
		if strings.Contains(string(in), t) {
			return true
		}
	}
	return false
}

func reported(s func(way) side, holds func(status, kind string) bool) func(way) bool {
	return func(w way) bool {
		r := s(w).report
		return r != nil && holds(string(r.Record.Status), string(r.Record.ErrorType))
	}
}

func function(w way) side   { return w.function }
func authorizer(w way) side { return w.authorizer }

func timedOut(status, kind string) bool { return status == "timeout" || kind == "Sandbox.Timedout" }

// outOfMemory is told by Lambda's own type; a process that was killed at its limit says so too.
func outOfMemory(_, kind string) bool { return kind == "Runtime.OutOfMemory" }

func tooLong(_, kind string) bool { return kind == "Function.ResponseSizeTooLarge" }

func crashed(status, kind string) bool {
	return strings.HasPrefix(kind, "Runtime.") || status == "failure"
}

func failed(status, _ string) bool { return status == "error" }

// startFailed holds if a process died before it took a call.
func startFailed(s func(way) side) func(way) bool {
	return func(w way) bool {
		for _, e := range s(w).more {
			if failedStart(&e) {
				return true
			}
		}
		return false
	}
}

// own is what a process said before it died.
func own(s side) string {
	for _, e := range s.more {
		if failedStart(&e) {
			return brief(e.Error)
		}
	}
	for _, e := range s.more {
		if contains(e.Message, "panic", "fatal error") {
			return firstLine(string(e.Message))
		}
	}
	return "it has written no reason"
}

func execution(w way) string {
	var lines []string
	for _, e := range w.execution {
		_, what, _ := strings.Cut(string(e.Message), ") ")
		lines = append(lines, what)
	}
	return cmp.Or(strings.Join(lines, "; "), "its execution log, which only AWS has, would say why")
}

func executed(texts ...string) func(way) bool {
	return func(w way) bool {
		for _, e := range w.execution {
			if contains(e.Message, texts...) {
				return true
			}
		}
		return false
	}
}

func always(way) bool { return true }

// Texts of errors by which causes are told apart. They are the AWS SDK's, Go's or ours; recorded failures have each.
var (
	untrusted   = []string{"x509", "tls: failed to verify"}
	forbidden   = []string{"AccessDenied"}
	damaged     = []string{"unknown or damaged packed form"} // board.ErrFormat, which every decoder of a stored form wraps
	throttled   = []string{"ThroughputExceeded", "ThrottlingException", "RequestLimitExceeded"}
	unreachable = []string{"connection refused", "connection reset", "EOF", "InternalServerError", "ServiceUnavailable", "StatusCode: 5",
		"no such host", "i/o timeout", "broken pipe"}
	outOfTime = []string{"Client.Timeout exceeded", "deadline came near", "deadline exceeded", "timeout awaiting", "context canceled"}
)

func authorizerError(texts ...string) func(way) bool {
	return func(w way) bool { return w.authorizer.line != nil && contains(w.authorizer.line.Error, texts...) }
}

func said401(what string) func(way) string {
	return func(w way) string {
		whose := ", client not known"
		if line := w.authorizer.line; line != nil && line.ClientID != "" {
			whose = " of " + string(line.ClientID)
			if line.KeyID != "" {
				whose += ", key id " + string(line.KeyID)
			}
		}
		return "The authorizer refused the token" + whose + ": " + what + "."
	}
}

// rules are in the order in which a request meets the layers.
var rules = []rule{
	// The gateway, before any function.
	{"client-over-limit", atGateway, "api-refusals", "ask the client to slow down",
		refusedAs("WAF_FILTERED"),
		said("AWS WAF refused the request, because this token or address has sent more than ClientRateLimit in the last minute.")},
	{"throttled-by-gateway", atGateway, "api-refusals", "ask the client to slow down, or let more through",
		refusedAs("THROTTLED", "QUOTA_EXCEEDED"),
		said("The gateway's throttle for this method refused the request: more came at once than ThrottleBurst and ThrottleRate let through.")},
	{"unknown-route", atGateway, "api-refusals", "compare the client's path and method with docs/openapi.json",
		refusedAs("MISSING_AUTHENTICATION_TOKEN", "DEFAULT_4XX", "RESOURCE_NOT_FOUND", "INVALID_SIGNATURE"),
		said("No route has this path and method, which the gateway answers with 403.")},
	{"no-token", atGateway, "api-refusals", "tell the client to send its token, as Authorization: Bearer TOKEN",
		func(w way) bool {
			return refusedAs("UNAUTHORIZED")(w) && w.gateway.AuthorizerLambdaRequestID == ""
		}, said("The request has no Authorization header, or one that has not the form of a token of ours, so the gateway refused it unseen.")},
	{"address-not-allowed", atGateway, "api-refusals", "compare the address with AllowedSourceIps, and let it in or tell the client",
		func(w way) bool {
			return refusedAs("ACCESS_DENIED")(w) && w.gateway.AuthorizerStatus == ""
		}, func(w way) string {
			return "The API's policy lets no request of the address " + string(w.gateway.SourceIP) + " in (AllowedSourceIps, VpcEndpointId)."
		}},
	{"body-refused-by-gateway", atGateway, "api-refusals", "tell the client what its body lacks: docs/openapi.json has the form",
		refusedAs("BAD_REQUEST_BODY"),
		said("The body is not JSON of the form that the route's model in the template demands, so the gateway refused it before any function.")},
	{"parameters-refused-by-gateway", atGateway, "api-refusals", "tell the client which parameter it lacks: docs/openapi.json has them",
		refusedAs("BAD_REQUEST_PARAMETERS"),
		said("The request lacks a parameter that the route demands, so the gateway refused it before any function.")},
	{"too-large-for-gateway", atGateway, "api-refusals", "tell the client to send less at once",
		refusedAs("REQUEST_TOO_LARGE"),
		said("The request is larger than the gateway hands to a function.")},
	{"media-type-refused-by-gateway", atGateway, "api-refusals", "tell the client to send application/json",
		refusedAs("UNSUPPORTED_MEDIA_TYPE"),
		said("The gateway takes no body of this media type.")},

	// The authorizer.
	{"token-unknown", atAuthorizer, "api-refusals", "ask the client which token it sends; if it has lost its own, make another",
		tokenRefused("token-unknown"), said401("nobody has it")},
	{"token-expired", atAuthorizer, "api-refusals", "make the client a new token",
		tokenRefused("token-expired"), said401("it has expired")},
	{"token-revoked", atAuthorizer, "api-refusals", "ask who revoked it and why before you make another",
		tokenRefused("token-revoked"), said401("it was revoked")},
	{"token-not-yet-valid", atAuthorizer, "api-refusals", "tell the client since when its token is valid, or make it another",
		tokenRefused("token-not-yet-valid"), said401("it is not valid yet")},
	{"token-of-another-environment", atAuthorizer, "api-refusals", "tell the client to send the token of this environment",
		tokenRefused("token-of-another-environment"),
		said401("it belongs to another environment")},
	{"token-malformed", atAuthorizer, "api-refusals", "tell the client to send its token as it was given, to its last letter",
		tokenRefused("token-malformed"), said401("it is mistyped or cut off")},
	{"token-refused", atAuthorizer, "api-refusals", "look for the authorizer's line: it says why",
		refusedAs("UNAUTHORIZED"), said401("its own line, which would say why, was not found")},
	{"path-not-passed-on", atAuthorizer, "api-refusals", "compare the path that the client tells you with LegacyPaths, and its scopes",
		ofLegacy(refusedAs("ACCESS_DENIED")),
		said("The token's policy does not allow this call of the old service: LegacyPaths lacks the path, or the token the scope (read for GET " +
			"and HEAD, else catalog).")},
	{"no-scope", atAuthorizer, "api-refusals", "tell the client, or make it a token that has the scope",
		refusedAs("ACCESS_DENIED"), func(w way) string {
			return fmt.Sprintf("The token of %s is valid but has not the scope that this route needs.", w.client())
		}},
	{"authorizer-throttled", atAuthorizer, "api-errors", "raise AuthorizerConcurrency if this goes on; clients may repeat",
		undecided(func(w way) bool {
			return w.gateway != nil && w.gateway.AuthorizerStatus == "429"
		}), said("Every execution that the authorizer may have was in use (AuthorizerConcurrency, or the account's limit), so it did not run.")},
	{"authorizer-timeout", atAuthorizer, "authorize-request-crashes", "see whether the table is slow",
		undecided(reported(authorizer, timedOut)), func(w way) string {
			return "The authorizer ran into its timeout after " + ms(w.authorizer.report.Record.Metrics.DurationMs) + ", so Lambda ended it."
		}},
	{"authorizer-out-of-memory", atAuthorizer, "authorize-request-crashes", "raise the authorizer's MemorySize",
		undecided(reported(authorizer, outOfMemory)),
		said("The authorizer used more memory than its MemorySize, so Lambda ended it.")},
	{"authorizer-dies-at-start", atAuthorizer, "authorize-request-crashes", "roll back: the deployment is faulty",
		undecided(startFailed(authorizer)), func(w way) string {
			return "The authorizer's process dies at its start: " + own(w.authorizer) + "."
		}},
	{"authorizer-crash", atAuthorizer, "authorize-request-crashes", "roll back if it began with a deployment",
		undecided(reported(authorizer, crashed)), func(w way) string {
			return "The authorizer's process ended without an answer: " + own(w.authorizer) + "."
		}},
	{"authorizer-distrusts-store", atStore, "the-log-says-x509", "find out which certificate DynamoDB shows",
		undecided(authorizerError(untrusted...)),
		said("The authorizer does not trust the certificate that DynamoDB showed, so it could not read the token.")},
	{"authorizer-not-permitted", atAuthorizer, "authorize-request-errors", "roll back: the role lacks a permission",
		undecided(authorizerError(forbidden...)),
		said("DynamoDB refused to let the authorizer read the token: its role lacks the permission.")},
	{"authorizer-cannot-read-store", atStore, "authorize-request-errors", "see whether the table answers others; clients may repeat",
		undecided(func(w way) bool {
			return w.authorizer.line != nil && w.authorizer.line.Error != ""
		}), func(w way) string {
			return "The authorizer could not read the token from the table: " + brief(w.authorizer.line.Error) + "."
		}},
	{"authorizer-failed", atAuthorizer, "authorize-request-errors", "look into the authorizer's log at that time",
		undecided(always), func(w way) string {
			return "The authorizer gave no decision, and no line of its own says why: " + execution(w) + "."
		}},

	// The old service.
	{"old-service-timeout", atOldService, "api-errors", "tell the owners of the old service; only the caller knows the path",
		ofLegacy(refusedAs("INTEGRATION_TIMEOUT")),
		func(w way) string {
			return "The old service did not answer within " + string(w.gateway.IntegrationLatency) + " ms, the gateway's limit."
		}},
	{"old-service-unreachable", atOldService, "api-errors", "tell the owners of the old service; only the caller knows the path",
		ofLegacy(func(w way) bool {
			return w.gateway.Status.number() >= 500 && w.gateway.ErrorType != ""
		}), said("The old service cannot be reached, or broke the connection off before it had answered.")},
	{"old-service-failed", atOldService, "api-errors", "tell the owners of the old service; only the caller knows the path",
		ofLegacy(func(w way) bool { return w.gateway.IntegrationStatus.number() >= 500 }),
		func(w way) string {
			return "The old service itself answered " + string(w.gateway.IntegrationStatus) + ", which was passed on."
		}},
	{"old-service-refused", atOldService, "api-refusals", "nothing: the old service refused it, whose owners know why",
		ofLegacy(func(w way) bool { return w.gateway.IntegrationStatus.number() >= 400 }),
		func(w way) string {
			return "The old service itself refused the request with " + string(w.gateway.IntegrationStatus) + ", which was passed on."
		}},
	{"ok", nowhere, "", "", ofLegacy(func(w way) bool { return w.gateway.Status.number() < 400 }),
		said("It did not fail: the old service's answer was passed on.")},

	// A function that gave no answer.
	{"function-timeout", atFunction, "function-errors", "see whether the table is slow or the request too large",
		silent(reported(function, timedOut)), func(w way) string {
			return fmt.Sprintf("%s ran into its timeout after %s, so Lambda ended it.",
				w.function.log(), ms(w.function.report.Record.Metrics.DurationMs))
		}},
	{"function-out-of-memory", atFunction, "function-errors", "raise the function's MemorySize",
		silent(reported(function, outOfMemory)), func(w way) string {
			return fmt.Sprintf("%s used more than its %.0f MB of memory, so Lambda ended it.", w.function.log(),
				float64(w.function.report.Record.Metrics.MemorySizeMB))
		}},
	{"function-dies-at-start", atFunction, "function-errors", "roll back: the deployment is faulty",
		silent(startFailed(function)), func(w way) string {
			return fmt.Sprintf("The process of %s dies at its start: %s.", w.function.log(), own(w.function))
		}},
	{"answer-too-long", atFunction, "function-errors", "ask the client for less at once, and tell the team",
		silent(reported(function, tooLong)), func(w way) string {
			return w.function.log() + " answered more than the 6 MB that Lambda returns; what it did is done."
		}},
	{"function-crash", atFunction, "function-errors", "roll back if it began with a deployment, and tell the team",
		silent(reported(function, crashed)), func(w way) string {
			return fmt.Sprintf("The process of %s ended without an answer: %s.", w.function.log(), own(w.function))
		}},
	{"function-failed", atFunction, "function-errors", "roll back if it began with a deployment, and tell the team",
		silent(reported(function, failed)), func(w way) string {
			return fmt.Sprintf("%s failed with an error of the type %s, which no answer was made of.", w.function.log(),
				w.function.report.Record.ErrorType)
		}},
	{"function-throttled", atFunction, "concurrency", "find out which function takes longer than usual; clients may repeat",
		silent(func(w way) bool {
			return w.gateway != nil && w.gateway.IntegrationStatus == "429"
		}), said("Lambda throttled the call: every execution that the function may have was in use, so it did not run.")},
	{"gave-up-waiting", atFunction, "deadline", "see why the function is slow",
		silent(refusedAs("INTEGRATION_TIMEOUT")), func(w way) string {
			if line := w.function.line; line != nil {
				cold := ""
				if line.ColdStart {
					cold = ", not counting the start of its process"
				}
				return fmt.Sprintf("The gateway gave up waiting after %s; the function went on, and ended with %s after %s%s%s.",
					ms(number(w.gateway.ResponseLatency.number())), line.Status, ms(line.DurationMs), cold, slowest(line))
			}
			return "The gateway gave up waiting for the function, which may still be at work: it has no line yet."
		}},
	{"gateway-may-not-call", atGateway, "execution", "roll back: the template lacks the permission",
		silent(executed("Invalid permissions")),
		said("The gateway may not call the function: its AWS::Lambda::Permission is missing or names another route.")},
	{"malformed-answer", atFunction, "execution", "look at what the gateway says of the answer, and roll back",
		silent(func(w way) bool {
			return w.function.line != nil || executed("Malformed Lambda proxy response")(w)
		}), said("The function answered something of which the gateway could make no response.")},
	{"no-answer", atGateway, "execution", "look at what the gateway says of the call",
		silent(always), func(w way) string {
			return "The function gave the gateway no answer, and neither it nor Lambda has written why: " + execution(w) + "."
		}},

	// A function that answered.
	{"panic", atFunction, "function-internal-errors", "roll back if it began with a deployment, and tell the team",
		failing("panic:"), func(w way) string {
			return "A panic in the function's code: " + strings.TrimPrefix(brief(w.function.line.Error), "panic: ") + "."
		}},
	{"store-distrusted", atStore, "the-log-says-x509", "find out which certificate DynamoDB shows",
		failing(untrusted...),
		said("The function does not trust the certificate that DynamoDB showed, so it could not use the table.")},
	{"not-permitted", atFunction, "function-internal-errors", "roll back: the role lacks a permission",
		failing(forbidden...), func(w way) string {
			return fmt.Sprintf("DynamoDB refused a call (%s): the role of the function lacks the permission.", brief(w.function.line.Error))
		}},
	{"answer-too-long", atFunction, "function-internal-errors", "ask the client for less at once, and tell the team",
		failing("the answer has "), func(w way) string {
			return "The answer would have been longer than the 5 MB that are sent: " + brief(w.function.line.Error) + "."
		}},
	{"wrong-route", atFunction, "function-internal-errors", "roll back: the template is wrong",
		failing("the template sends the route"), func(w way) string {
			return "The template sends the route to the wrong function: " + brief(w.function.line.Error) + "."
		}},
	{"board-damaged", atStore, "one-product-is-damaged", "roll back if it began with a deployment; else restore the product",
		answered(func(e *entry) bool {
			return e.Level == "ERROR" && (contains(e.Error, damaged...) || e.Failed > 0)
		}), sayDamaged},
	{"store-throttled", atStore, "table-write-throttles", "let one client send the hot product, in batches; clients repeat",
		answered(func(e *entry) bool {
			return retry(e) && (e.Reason != "" || contains(e.Error, throttled...)) && writes(e)
		}), sayThrottled},
	{"store-throttled", atStore, "table-read-throttles", "ask the product's reader to slow down; clients repeat",
		answered(func(e *entry) bool {
			return retry(e) && (e.Reason != "" || contains(e.Error, throttled...))
		}), sayThrottled},
	{"retry-quota", atStore, "retry-quota", "see which of the table's alarms ring; clients repeat",
		answered(func(e *entry) bool { return retry(e) && e.RetryQuotaExceeded > 0 }),
		said("DynamoDB gave more errors than results for a while, so the SDK's budget of repeats was used up and the call was given up.")},
	{"store-unreachable", atStore, "table-errors", "look at AWS's health page and the table's alarms; clients repeat",
		answered(func(e *entry) bool { return retry(e) && contains(e.Error, unreachable...) }),
		func(w way) string {
			return "DynamoDB did not answer, or with errors of its own, also when asked again: " + brief(w.function.line.Error) + "."
		}},
	{"store-too-slow", atStore, "deadline", "see whether the table is slow for others too; clients repeat",
		answered(func(e *entry) bool { return retry(e) && contains(e.Error, outOfTime...) }),
		func(w way) string {
			return "The function's time was used up by calls of DynamoDB" + slowest(w.function.line) + "."
		}},
	{"outcome-unknown", atStore, "table-errors", "see whether the table answers others; clients repeat",
		answered(retry), func(w way) string {
			return "The store was busy or did not answer" + of(w.function.line) + ": " +
				cmp.Or(brief(w.function.line.Error), "no line says why") + "."
		}},
	{"internal", atFunction, "function-internal-errors", "roll back if it began with a deployment, and tell the team",
		answered(func(e *entry) bool { return e.Level == "ERROR" && e.Status != "" }),
		func(w way) string { return "A failure of ours: " + brief(w.function.line.Error) + "." }},
	{"too-many-offers", atFunction, "too-many-offers", "ask the client for the seller ids that it sends",
		coded(fault.CodeTooManyOffers),
		said("The product, or one part of it, has as many offers as it may have.")},
	{"refused", atFunction, "api-refusals", "tell the client what the code means: its answer names each member that is wrong",
		answered(func(e *entry) bool {
			return e.ErrorCode != "" && e.Status.number() >= 400
		}), func(w way) string {
			line := w.function.line
			return fmt.Sprintf("The function refused the request by a rule of the API, %s (%s); the client's answer has the details.",
				line.ErrorCode, titleOf(string(line.ErrorCode)))
		}},
	{"items-refused", atFunction, "rejections", "tell the client what its answer says of the items",
		answered(func(e *entry) bool { return e.Rejected > 0 }), func(w way) string {
			return fmt.Sprintf("%.0f of %.0f items were refused by rules of the API; the client's answer names each with its reason.",
				float64(w.function.line.Rejected), float64(w.function.line.Items))
		}},

	// What did not fail.
	{"scheduled-failure", atFunction, "checks", "see how the other runs ended",
		answered(func(e *entry) bool { return e.Level == "ERROR" }), func(w way) string {
			return fmt.Sprintf("A scheduled run of %s failed (%s): %s.", w.function.log(), w.function.line.Outcome, brief(w.function.line.Error))
		}},
	{"answer-of-store-lost", nowhere, "", "", answered(func(e *entry) bool { return e.ConditionalOwnWrite > 0 }),
		said("It did not fail: the answer to a write was lost between DynamoDB and the function, which repeated it and recognised its own.")},
	{"store-repeated", nowhere, "", "", answered(func(e *entry) bool {
		return e.StoreCalls != nil && e.SDKAttempts > *e.StoreCalls
	}), func(w way) string {
		return fmt.Sprintf("It did not fail: calls of DynamoDB had to be repeated (%.0f attempts for %.0f calls), and succeeded.",
			float64(w.function.line.SDKAttempts), float64(*w.function.line.StoreCalls))
	}},
	{"slow", nowhere, "slow", "see whether others of this route are slow",
		answered(func(e *entry) bool { return e.DurationMs > 1000 }), func(w way) string {
			return "It did not fail, but took " + ms(w.function.line.DurationMs) + slowest(w.function.line) + "."
		}},
	{"ok", nowhere, "", "", answered(func(*entry) bool { return true }), said("It did not fail: the function answered" +
		"; if the client heard nothing, the answer was lost on its own way.")},
	{"ok", nowhere, "", "", func(w way) bool { return w.gateway == nil && (w.authorizer.line != nil || w.function.report != nil) },
		said("It did not fail; the gateway's line was not found.")},
	{"refused-before-routing", atGateway, "api-refusals", "tell the client what its request is too large for",
		func(w way) bool {
			return w.gateway.Status.number() >= 400 && w.gateway.Status.number() < 500 && w.gateway.FunctionStatus == "" && w.gateway.ErrorType == ""
		}, said("The gateway refused the request as it came, before it looked for a route: " +
			"headers, address or body are too large or malformed.")},
	{"line-missing", atFunction, "request", "search again, in all logs and for a longer time",
		func(w way) bool { return w.gateway.FunctionStatus != "" }, func(w way) string {
			return "The function answered " + string(w.gateway.FunctionStatus) + "; its line, which would say why, was not found."
		}},
	{"unknown", atGateway, "gateway", "look at what else failed at that time",
		always, said("The logs have nothing that says why.")},
}

// retry reports whether a line says that something may be repeated.
func retry(e *entry) bool {
	return e.ErrorCode == fault.CodeThrottled || e.Throttled > 0 || e.Outcome == fault.CodeThrottled
}

// of is how many items of a batch a failure of the store hit.
func of(e *entry) string {
	if e.Throttled > 0 && e.Items > 1 {
		return fmt.Sprintf(" for %.0f of %.0f items", float64(e.Throttled), float64(e.Items))
	}
	return ""
}

// writes reports whether a line is of a request that writes: its slowest call or its error is of a write, or the route takes observations.
func writes(e *entry) bool {
	if e.Slowest != nil && e.Slowest.writes() {
		return true
	}
	return contains(e.Error, "PutItem", "UpdateItem", "TransactWriteItems", "DeleteItem") || contains(e.Reason, "Write")
}

// sayThrottled has DynamoDB's reason in words. KeyRange is one hot key, which is a product.
func sayThrottled(w way) string {
	line := w.function.line
	calls, to, product := "reads", "of", "one product"
	if writes(line) {
		calls, to = "writes", "to"
	}
	if p := w.product(); p != "" {
		product += ", " + p
	}
	why := cmp.Or(string(line.Reason), brief(line.Error))
	if strings.Contains(why, "KeyRange") {
		why = fmt.Sprintf("too many %s %s %s (KeyRange)", calls, to, product)
	}
	return "DynamoDB throttled the function's calls" + of(line) + ": " + why + "."
}

// unreadable is how the store names an item whose packed form cannot be decoded, and whose it is.
var unreadable = regexp.MustCompile(`((?:segment )?\S+) of ([A-Za-z0-9._-]+): unknown or damaged packed form: (?:.*: )?(.+)`)

func sayDamaged(w way) string {
	said := brief(w.function.line.Error)
	m := unreadable.FindStringSubmatch(said)
	if m == nil {
		return "What is stored of a product cannot be used: " + said + "."
	}
	what := m[3] + " in it is not as this version writes it"
	if m[3] == "format byte" {
		what = "its first byte is of no form that this version knows"
	}
	return fmt.Sprintf("The %s of product %s cannot be read: %s, so it is damaged or another version wrote it.", m[1], m[2], what)
}

// product is the one that a request was about.
func (w way) product() string {
	line := w.function.line
	if line == nil {
		return ""
	}
	if m := unreadable.FindStringSubmatch(brief(line.Error)); m != nil && line.ProductID == "" {
		return m[2]
	}
	return string(line.ProductID)
}

func slowest(e *entry) string {
	if e.Slowest == nil {
		return ""
	}
	return fmt.Sprintf(" (the longest call: %s)", e.Slowest)
}

// titleOf is the title of a code's problem.
func titleOf(code string) string {
	return cmp.Or(gateway.ProblemOf(fault.New(fault.Invalid, code, "")).Title, code)
}

// around is what the SDK and the store wrap around an error that says nothing more, or what a call's own step says.
var around = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`exceeded maximum number of attempts, \d+, |https response error |StatusCode: 0, |RequestID: [^,]*, |api error `), ""},
	{regexp.MustCompile(`StatusCode: (\d+)`), "DynamoDB's status $1"},
	{regexp.MustCompile(`(unknown or damaged packed form: )(?:[a-z ]+: )?unknown or damaged packed form: `), "$1"},
	{regexp.MustCompile(`^internal: What is stored of the product cannot be read or written\.: `), ""},
}

// brief is the first line of an error without what is wrapped around it. A long one is cut in the middle: its end says most.
func brief(t text) string {
	s := firstLine(string(t))
	if _, sdk, found := strings.Cut(s, "operation error DynamoDB: "); found {
		s = sdk
	}
	for _, a := range around {
		s = a.what.ReplaceAllString(s, a.by)
	}
	runes := []rune(strings.TrimRight(s, ". "))
	const most = 200
	if len(runes) > most {
		return string(runes[:most/2]) + " … " + string(runes[len(runes)-most/2:])
	}
	return string(runes)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}

func ms(n number) string { return fmt.Sprintf("%.0f ms", float64(n)) }

// why finds the cause.
func why(w way) cause {
	for _, r := range rules {
		if !r.holds(w) {
			continue
		}
		c := cause{Code: r.code, Layer: r.layer, Text: r.say(w), Product: w.product(), Data: data(w, r.code)}
		if r.section != "" {
			c.Do = r.step + " (" + place(r.section) + ")"
			c.Runbook = runbook + "#" + r.section
		}
		return c
	}
	return cause{} // the last rule always holds
}

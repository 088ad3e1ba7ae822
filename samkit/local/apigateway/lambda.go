package apigateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
)

// remapped headers of a function or backend come back under x-amzn-Remapped- (guide).
var remapped = map[string]bool{"Connection": true, "Content-Length": true, "Date": true, "Server": true,
	"Www-Authenticate": wwwAuthenticateIsRemapped}

// invoke calls the method's function and answers with what it gives.
func (x *exchange) invoke() {
	i := &x.route.Integration
	if i.HTTPMethod != http.MethodPost {
		x.refuseAs(wrongMethodType, http.StatusInternalServerError, internalMessage,
			"the integration's httpMethod is "+i.HTTPMethod+"; functions are called with POST only")
		return
	}
	if !x.permitted(i.Invoked, samtemplate.ExecuteARN(x.g.o.API, x.g.o.API.Stage, x.method, x.route.Path)) {
		x.refuseAs(missingPermissionType, http.StatusInternalServerError, internalMessage,
			"no AWS::Lambda::Permission lets the gateway call "+i.Function+" for this method")
		return
	}
	event, err := encode(x.event())
	if err != nil {
		x.refuse("INTEGRATION_FAILURE", "", "the event cannot be encoded: "+err.Error())
		return
	}
	if len(event) > maxEvent {
		x.refuse("REQUEST_TOO_LARGE", "", fmt.Sprintf("the function's event would have %d bytes, more than %d", len(event), maxEvent))
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), i.Timeout)
	defer cancel()
	started, id := x.g.o.Now(), uuid()
	result, err := x.g.o.Functions.Invoke(ctx, i.Function, id, x.trace, event)
	x.log.Function, x.log.Cold = i.Function, x.log.Cold || result.Cold
	x.measured(started)
	x.context["integration.requestId"] = id
	x.answered("200")
	var failed *lambdaruntime.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		x.answered("")
		x.timedOut("the function took longer than timeoutInMillis (%d); it runs on")
	case errors.Is(err, lambdaruntime.ErrThrottled):
		x.answered("429")
		x.refuseAs("INTEGRATION_FAILURE", http.StatusInternalServerError, internalMessage, err.Error())
	case errors.As(err, &failed):
		x.context["integration.error"], x.context["integrationErrorMessage"] = failed.Message, failed.Message
		x.refuse("INTEGRATION_FAILURE", "", "the function failed: "+failed.Error())
	case err != nil:
		x.answered("500")
		x.refuse("INTEGRATION_FAILURE", "", err.Error())
	default:
		if err := x.proxyResponse(result.Payload); err != nil {
			x.refuse(malformedResultType, "", "malformed function response: "+err.Error())
		}
	}
}

// measured notes how long the backend took.
func (x *exchange) measured(started time.Time) {
	latency := strconv.FormatInt(x.g.o.Now().Sub(started).Milliseconds(), 10)
	x.context["integration.latency"], x.context["integrationLatency"] = latency, latency
}

// answered notes the status that the backend answered; for a function that is Lambda's.
func (x *exchange) answered(status string) {
	x.context["integration.integrationStatus"], x.context["integrationStatus"] = status, status
}

func (x *exchange) timedOut(reason string) {
	x.refuse("INTEGRATION_TIMEOUT", "", fmt.Sprintf(reason, x.route.Integration.Timeout.Milliseconds()))
}

// proxyResponse answers with a function's result. An error says why the result is malformed; nothing was sent then.
func (x *exchange) proxyResponse(payload []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(payload, &raw); err != nil || raw == nil {
		return errors.New("it is not a JSON object")
	}
	status, headers, text, isBase64 := http.StatusOK, http.Header{}, "", false
	for name, value := range raw {
		var err error
		switch name {
		case "statusCode":
			status, err = statusCode(value)
		case "headers":
			err = singleHeaders(value, headers)
		case "multiValueHeaders": // merged below, before the single ones
		case "body":
			err = json.Unmarshal(value, &text)
		case "isBase64Encoded":
			err = json.Unmarshal(value, &isBase64)
		default:
			return fmt.Errorf("the key %q is not allowed", name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if value, ok := raw["multiValueHeaders"]; ok {
		if err := multiHeaders(value, headers); err != nil {
			return fmt.Errorf("multiValueHeaders: %w", err)
		}
	}
	body := []byte(text)
	if isBase64 && x.isBinary(firstAccept(x.r)) {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			x.refuse("API_CONFIGURATION_ERROR", internalMessage, "the function's body is not base64")
			return nil
		}
		body = decoded
	}
	x.context["integration.status"] = strconv.Itoa(status)
	h := x.w.Header()
	h["X-Amzn-Trace-Id"] = []string{strings.Split(x.trace, ";")[0]}
	h["Content-Type"] = []string{"application/json"}
	x.passHeaders(headers)
	x.respond(status, body)
	return nil
}

// passHeaders gives a backend's headers to the client, renamed where the gateway keeps a name for itself.
func (x *exchange) passHeaders(headers http.Header) {
	h := x.w.Header()
	for name, values := range headers {
		switch canonical := http.CanonicalHeaderKey(name); {
		case remapped[canonical]:
			h["x-amzn-Remapped-"+canonical] = values
		case canonical == "Transfer-Encoding":
		case canonical == "Set-Cookie": // cannot be joined
			backendHeader(h, name, values...)
		default:
			backendHeader(h, name, strings.Join(values, ", "))
		}
	}
}

// statusCode reads a number, also one in a string.
func statusCode(raw json.RawMessage) (int, error) {
	text := strings.Trim(string(raw), `"`)
	n, err := strconv.Atoi(text)
	if err != nil || n < lowestStatus || n > 599 {
		return 0, fmt.Errorf("%s is not an HTTP status", raw)
	}
	return n, nil
}

func singleHeaders(raw json.RawMessage, to http.Header) error {
	var headers map[string]any
	if err := json.Unmarshal(raw, &headers); err != nil {
		return err
	}
	for name, value := range headers {
		text, err := headerValue(value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		to[name] = []string{text}
	}
	return nil
}

// multiHeaders puts its values before those already there.
func multiHeaders(raw json.RawMessage, to http.Header) error {
	var headers map[string][]any
	if err := json.Unmarshal(raw, &headers); err != nil {
		return err
	}
	for name, values := range headers {
		var texts []string
		for _, value := range values {
			text, err := headerValue(value)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			texts = append(texts, text)
		}
		for other, more := range to {
			if strings.EqualFold(other, name) {
				texts = append(texts, more...)
				delete(to, other)
			}
		}
		to[name] = texts
	}
	return nil
}

func headerValue(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("%v is not a string", v)
}

package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const maxResult = 6_291_556

// remapped headers of a function come back under x-amzn-Remapped-; Transfer-Encoding is dropped (model).
var remapped = map[string]bool{"Connection": true, "Content-Length": true, "Date": true, "Server": true}

// proxyResponse answers with a function's result. An error says why the result is malformed; nothing was sent then.
func (x *exchange) proxyResponse(payload []byte) error {
	if len(payload) > maxResult {
		return fmt.Errorf("it has %d bytes, more than %d", len(payload), maxResult)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(payload, &raw); err != nil || raw == nil {
		return errors.New("it is no JSON object")
	}
	status, headers, text, isBase64 := http.StatusOK, http.Header{}, "", false
	for name, value := range raw {
		var err error
		switch name {
		case "statusCode":
			status, err = statusCode(value)
		case "headers":
			err = singleHeaders(value, headers)
		case "multiValueHeaders": // merged below, first
		case "body":
			if string(value) != "null" {
				err = json.Unmarshal(value, &text)
			}
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
	x.context["responseLength"] = strconv.Itoa(len(body))
	x.log.Status = status
	x.identify()
	h := x.w.Header()
	h.Set("X-Amzn-Trace-Id", strings.Split(x.trace, ";")[0])
	h.Set("Content-Type", "application/json")
	for name, values := range headers {
		switch {
		case remapped[name]:
			h["X-Amzn-Remapped-"+name] = values
		case name != "Transfer-Encoding":
			h[name] = []string{strings.Join(values, ", ")}
		}
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may have gone
	return nil
}

// statusCode takes a number or a number in a text.
func statusCode(raw json.RawMessage) (int, error) {
	text := strings.Trim(string(raw), `"`)
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 || n > 599 {
		return 0, fmt.Errorf("%s is no HTTP status", raw)
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
		to[http.CanonicalHeaderKey(name)] = []string{text}
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
		key := http.CanonicalHeaderKey(name)
		to[key] = append(texts, to[key]...)
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
	return "", fmt.Errorf("%v is no text", v)
}

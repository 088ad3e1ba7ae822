package lambdaruntime

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// MaxResult is the longest result of a function in bytes.
const MaxResult = 6_291_556

// Error is a failed invocation: Lambda's own error document.
type Error struct {
	Type       string          `json:"errorType"`
	Message    string          `json:"errorMessage"`
	StackTrace json.RawMessage `json:"stackTrace,omitempty"` // [{"path","line","label"}] of a panic

	atStart bool // before it asked for its first invocation
}

// Error returns type and message.
func (e *Error) Error() string { return e.Type + ": " + e.Message }

// exitError is the error of a process that ended without an answer; how is its end as package exec tells it.
func exitError(requestID string, how error) *Error {
	text := "exit status 0"
	if how != nil {
		text = how.Error()
	}
	return &Error{Type: "Runtime.ExitError", Message: "RequestId: " + requestID + " Error: Runtime exited with error: " + text}
}

func timeoutError(requestID string, after time.Duration) *Error {
	text := fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, after.Seconds())
	return &Error{Type: "Sandbox.Timedout", Message: text}
}

func sizeError() *Error {
	text := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxResult)
	return &Error{Type: "Function.ResponseSizeTooLarge", Message: text}
}

// functionError reads what a function posted to /error.
func functionError(body []byte) *Error {
	e := &Error{}
	if err := json.Unmarshal(body, e); err != nil {
		return &Error{Type: "Runtime.Unknown", Message: string(body)}
	}
	return e
}

// streamError reads the trailers of a result that failed midway.
func streamError(kind, body string) *Error {
	document, err := base64.StdEncoding.DecodeString(body)
	if err != nil || len(document) == 0 {
		return &Error{Type: kind, Message: "the streamed result failed midway"}
	}
	return functionError(document)
}

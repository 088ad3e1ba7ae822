package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// members are what is read of a line of any of the logs. TestMembers sees that one of them writes each.
type members struct {
	// samkit/local's member of every line: access, or the function's logical id. Without it "Function" would be taken for it.
	Local text `json:"function"`

	// The gateway's access line, where all are texts and "-" is none. The functions' lines have the first four and status too.
	RequestID                 text `json:"requestId"`
	LambdaRequestID           text `json:"lambdaRequestId"`
	ClientID                  text `json:"clientId"`
	Status                    text `json:"status"`
	RequestTime               text `json:"requestTime"`
	ResourcePath              text `json:"resourcePath"`
	ResponseLatency           text `json:"responseLatency"`
	IntegrationStatus         text `json:"integrationStatus"`
	IntegrationLatency        text `json:"integrationLatency"`
	FunctionStatus            text `json:"functionStatus"`
	ErrorType                 text `json:"errorType"`
	AuthorizerLatency         text `json:"authorizerLatency"`
	AuthorizerStatus          text `json:"authorizerStatus"`
	AuthorizerLambdaRequestID text `json:"authorizerLambdaRequestId"`
	SourceIP                  text `json:"sourceIp"`

	// The functions' own lines.
	Timestamp           text    `json:"timestamp"`
	Level               text    `json:"level"`
	Message             text    `json:"message"`
	KeyID               text    `json:"keyId"` // of a token that was refused
	ProductID           text    `json:"productId"`
	DryRun              bool    `json:"dryRun"`
	Conflict            number  `json:"conflict"`
	ThrottledByReason   number  `json:"ThrottledByReason"`
	Function            text    `json:"Function"` // the dimension of metrics: the function's full name
	FunctionVersion     text    `json:"functionVersion"`
	CorrelationID       text    `json:"correlationId"`
	TraceID             text    `json:"traceId"`
	ObservationID       text    `json:"observationId"`
	Route               text    `json:"route"`
	Outcome             text    `json:"outcome"`
	ErrorCode           text    `json:"errorCode"`
	Error               text    `json:"error"`
	DurationMs          number  `json:"durationMs"`
	DeadlineLeftMs      *number `json:"deadlineLeftMs"`
	ColdStart           bool    `json:"coldStart"`
	Items               number  `json:"items"`
	Rejected            number  `json:"rejected"`
	Throttled           number  `json:"throttled"`
	Failed              number  `json:"failed"`
	StoreCalls          *number `json:"storeCalls"`
	StoreMs             number  `json:"storeMs"`
	ReadUnits           number  `json:"readUnits"`
	WriteUnits          number  `json:"writeUnits"`
	SDKAttempts         number  `json:"sdkAttempts"`
	Slowest             *call   `json:"slowest"`
	Calls               []call  `json:"calls"`
	ConditionalOwnWrite number  `json:"ConditionalOwnWrite"`
	RetryQuotaExceeded  number  `json:"RetryQuotaExceeded"`
	Reason              text    `json:"Reason"` // for which DynamoDB throttled
	AWS                 struct {
		Timestamp int64 `json:"Timestamp"` // when the request came, in ms
	} `json:"_aws"`

	// Lambda's own lines.
	Time   text `json:"time"`
	Type   text `json:"type"`
	Record struct {
		RequestID text `json:"requestId"`
		Status    text `json:"status"`
		ErrorType text `json:"errorType"`
		Metrics   struct {
			DurationMs      number `json:"durationMs"`
			InitDurationMs  number `json:"initDurationMs"`
			MemorySizeMB    number `json:"memorySizeMB"`
			MaxMemoryUsedMB number `json:"maxMemoryUsedMB"`
		} `json:"metrics"`
	} `json:"record"`
}

// call is one of the store's.
type call struct {
	Operation string  `json:"operation"`
	Ms        float64 `json:"ms"`
	Attempts  int     `json:"attempts"`
	RequestID string  `json:"dynamodbRequestId"`
}

// String is the call without DynamoDB's id.
func (c call) String() string {
	s := fmt.Sprintf("%s, %.1f ms, %d attempts", c.Operation, c.Ms, c.Attempts)
	if c.Attempts == 1 {
		s = strings.TrimSuffix(s, "s")
	}
	return s
}

// writes reports whether the call is a write.
func (c call) writes() bool {
	for _, verb := range []string{"Put", "Update", "TransactWrite", "Delete", "BatchWrite"} {
		if strings.HasPrefix(c.Operation, verb) {
			return true
		}
	}
	return false
}

// text is a text, or what is written as a number; "-" is none.
type text string

// UnmarshalJSON takes a text or a number; anything else is none.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if len(b) > 0 && b[0] != '"' {
		if n := json.Number(""); json.Unmarshal(b, &n) == nil {
			*t = text(n)
		}
		return nil
	}
	err := json.Unmarshal(b, &s)
	if s != "-" {
		*t = text(s)
	}
	return err
}

func (t text) number() int {
	n, _ := strconv.Atoi(string(t)) // else there is none
	return n
}

// number is a number, or the sum of a list: a metric has several values at times.
type number float64

// UnmarshalJSON takes a number or a list; anything else counts nothing.
func (n *number) UnmarshalJSON(b []byte) error { //nolint:unparam // the error is the interface's
	var list []float64
	var one float64
	if json.Unmarshal(b, &one) == nil {
		list = []float64{one}
	} else if json.Unmarshal(b, &list) != nil {
		return nil
	}
	*n = 0
	for _, v := range list {
		*n += number(v)
	}
	return nil
}

// entry is a line of a log.
type entry struct {
	members
	log  string // access, execution, or a function: its full name or its logical id
	at   time.Time
	text string // the line as its log has it
}

// The two logs that are no function's.
const (
	accessLog    = "access"
	executionLog = "execution"
)

// envelope is what stands around a line: what exports of CloudWatch have.
type envelope struct {
	Wrapped string          `json:"@message"` // of Logs Insights
	Log     string          `json:"@log"`
	At      string          `json:"@timestamp"`
	Message json.RawMessage `json:"message"` // of `aws logs filter-log-events`, beside a timestamp in ms
	Stamp   json.RawMessage `json:"timestamp"`
	Group   string          `json:"logGroupName"`
}

// read makes an entry of a line as any of the sources has it; from is the log, if the source knows it. A line that is no JSON is a text.
func read(line, from string) entry {
	line = strings.TrimRight(line, "\r\n")
	e := entry{log: from, text: line}
	body := line
	if !strings.HasPrefix(line, "{") { // an export to S3 has the time before each event
		at, rest, _ := strings.Cut(line, " ")
		if t, err := time.Parse(time.RFC3339, at); err == nil {
			e.at, body = t, rest
			e.text = rest
		}
	}
	if strings.HasPrefix(body, "{") {
		var around envelope
		_ = partly(json.Unmarshal([]byte(body), &around)) // what is no object stays empty
		switch {
		case around.Wrapped != "":
			inner := read(around.Wrapped, logOf(around.Log))
			if inner.at.IsZero() {
				inner.at, _ = time.Parse("2006-01-02 15:04:05.000", around.At) // else it has none
			}
			return inner
		case len(around.Stamp) > 0 && around.Stamp[0] != '"' && len(around.Message) > 0:
			var message string
			var ms int64
			if json.Unmarshal(around.Message, &message) == nil && json.Unmarshal(around.Stamp, &ms) == nil {
				inner := read(message, logOf(around.Group))
				if inner.at.IsZero() {
					inner.at = time.UnixMilli(ms).UTC()
				}
				return inner
			}
		}
		if partly(json.Unmarshal([]byte(body), &e.members)) != nil {
			e.members = members{}
		}
	}
	e.settle()
	return e
}

// partly ignores that a member has another type than ours: the others were read.
func partly(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return nil
	}
	return err
}

// settle finds out when the line was written, and by whom, if nobody has said so.
func (e *entry) settle() {
	if e.Local != "" {
		e.log = string(e.Local)
	}
	for _, form := range []struct {
		value  text
		layout string
	}{{e.Timestamp, time.RFC3339}, {e.Time, time.RFC3339}, {e.RequestTime, "02/Jan/2006:15:04:05 -0700"}} {
		if t, err := time.Parse(form.layout, string(form.value)); err == nil {
			e.at = t.UTC()
		}
	}
	if e.log == "" && e.RequestTime != "" {
		e.log = accessLog
	}
	if e.log == "" && strings.Contains(e.text, ") Execution failed") {
		e.log = executionLog
	}
	if e.log == "" {
		e.log = string(e.Function)
	}
	if e.Message == "" && !strings.HasPrefix(e.text, "{") {
		e.Message = text(e.text)
	}
}

// logOf is what the log of a group is called here: 123456789012:/aws/lambda/pricing-prod-get-health is pricing-prod-get-health.
func logOf(group string) string {
	_, name, found := strings.Cut(group, ":")
	if !found {
		name = group
	}
	switch {
	case strings.HasPrefix(name, "/aws/apigateway/"):
		return accessLog
	case strings.HasPrefix(name, "API-Gateway-Execution-Logs_"):
		return executionLog
	}
	return strings.TrimPrefix(name, "/aws/lambda/")
}

// ids are the line's.
func (e *entry) ids() []text {
	return []text{e.RequestID, e.LambdaRequestID, e.AuthorizerLambdaRequestID, e.Record.RequestID, e.CorrelationID, e.TraceID, e.ObservationID}
}

// is reports whether an id of the line is this one.
func (e *entry) is(id string) bool {
	if slices.Contains(e.ids(), text(id)) {
		return true
	}
	return e.Type == "" && e.RequestID == "" && e.LambdaRequestID == "" && strings.Contains(string(e.Message), id) // a text
}

// began is when the request of a function's line began.
func (e *entry) began() time.Time {
	if e.AWS.Timestamp > 0 {
		return time.UnixMilli(e.AWS.Timestamp).UTC()
	}
	return e.at.Add(-time.Duration(float64(e.DurationMs) * float64(time.Millisecond)))
}

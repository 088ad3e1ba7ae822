package faultproxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Action is what a Proxy does with a call.
type Action struct {
	Kind Kind
	Wait time.Duration // of Delay and LateApply
	Keep float64       // of Leave: the share of the batch that is processed, rounded down; 0 is none
}

// Kind is a kind of action, by the name that it has in rules and logs.
type Kind string

// The kinds. RST and FIN are the two ways in which a connection ends: broken off, and in good order.
const (
	Pass Kind = "pass"

	// Before the call arrives.
	Drop         Kind = "drop"          // RST, the call never arrives
	Hang         Kind = "hang"          // a black hole: the call is taken, never arrives and is never answered
	Delay        Kind = "delay"         // forwarded after Wait; never when the client gives up before
	LateApply    Kind = "late-apply"    // RST now, applied after Wait, also when a retry was applied meanwhile
	Throttle     Kind = "throttle"      // refuse with ProvisionedThroughputExceededException for the reason ThrottleReason
	Throttling   Kind = "throttling"    // refuse with ThrottlingException for the same reason
	RequestLimit Kind = "request-limit" // refuse with RequestLimitExceeded for the same reason
	Fail         Kind = "fail"          // refuse with a 500
	Unavailable  Kind = "unavailable"   // refuse with a 503 in HTML, as a load balancer does
	Deny         Kind = "deny"          // refuse with AccessDeniedException
	Conflict     Kind = "conflict"      // refuse a write with TransactionConflictException
	Cancel       Kind = "cancel"        // cancel a transaction for what it asks, not because of another writer
	Collide      Kind = "collide"       // cancel a transaction because another is at work on its second item
	Missing      Kind = "missing"       // answer a read that there is nothing: an eventually consistent one from before it was written
	Stale        Kind = "stale"         // give the first answer to the same read again: an eventually consistent one of long ago

	// After the call took effect.
	DropAnswer    Kind = "drop-answer"    // RST
	CloseAnswer   Kind = "close-answer"   // FIN
	Stall         Kind = "stall"          // hold the answer until the client gives up
	Truncate      Kind = "truncate"       // half of the answer arrives
	WrongChecksum Kind = "wrong-checksum" // the answer's X-Amz-Crc32 is another's

	Leave Kind = "leave" // process a share of a batch and answer with success and the rest unprocessed
)

// ThrottleReason is DynamoDB's reason for the throttles: one hot key.
const ThrottleReason = "TableWriteKeyRangeThroughputExceeded"

// operations are those that read or write items, each with the kinds of action that fit it and not every operation.
var operations = map[string][]Kind{
	"GetItem":            {Stale, Missing},
	"Query":              {Stale, Missing},
	"Scan":               {Stale, Missing},
	"BatchGetItem":       {Stale, Missing, Leave},
	"TransactGetItems":   {Stale, Cancel, Collide},
	"PutItem":            {Conflict},
	"UpdateItem":         {Conflict},
	"DeleteItem":         {Conflict},
	"BatchWriteItem":     {Leave},
	"TransactWriteItems": {Conflict, Cancel, Collide},
}

// anywhere are the kinds that fit every operation.
var anywhere = []Kind{Pass, Drop, Hang, Delay, LateApply, Throttle, Throttling, RequestLimit, Fail, Unavailable, Deny,
	DropAnswer, CloseAnswer, Stall, Truncate, WrongChecksum}

// Fits reports whether an action of this kind makes sense for an operation.
func (k Kind) Fits(operation string) bool {
	return slices.Contains(anywhere, k) || slices.Contains(operations[operation], k)
}

// known reports whether there is such a kind.
func (k Kind) known() bool {
	return slices.ContainsFunc(kinds(), func(other Kind) bool { return other == k })
}

// kinds are all kinds.
func kinds() []Kind {
	all := slices.Clone(anywhere)
	for _, some := range operations {
		all = append(all, some...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

const dynamodb = "com.amazonaws.dynamodb.v20120810#"

// refusals are the actions that only answer.
var refusals = map[Kind]answer{
	Throttle:     refusal(http.StatusBadRequest, dynamodb+"ProvisionedThroughputExceededException", reasons("ThrottlingReasons")),
	Throttling:   refusal(http.StatusBadRequest, dynamodb+"ThrottlingException", reasons("throttlingReasons")),
	RequestLimit: refusal(http.StatusBadRequest, dynamodb+"RequestLimitExceeded", reasons("ThrottlingReasons")),
	Fail:         refusal(http.StatusInternalServerError, dynamodb+"InternalServerError"),
	Unavailable: {http.StatusServiceUnavailable, http.Header{"Content-Type": {"text/html"}},
		[]byte("<html><body><b>Http/1.1 Service Unavailable</b></body></html>")},
	Deny:     refusal(http.StatusBadRequest, "com.amazon.coral.service#AccessDeniedException"),
	Conflict: refusal(http.StatusBadRequest, dynamodb+"TransactionConflictException"),
	Cancel:   refusal(http.StatusBadRequest, dynamodb+"TransactionCanceledException", cancelled("ValidationError")),
	Collide:  refusal(http.StatusBadRequest, dynamodb+"TransactionCanceledException", cancelled("TransactionConflict")),
}

// reasons is the member of an error that says why a call was throttled. ThrottlingException spells it with a small letter.
func reasons(member string) string {
	return fmt.Sprintf(`%q:[{"reason":%q,"resource":"arn:aws:dynamodb:eu-west-1:123456789012:table/test"}]`, member, ThrottleReason)
}

// cancelled is the member of an error that says why a transaction was cancelled: because of its second item.
func cancelled(code string) string {
	return fmt.Sprintf(`"CancellationReasons":[{"Code":"None"},{"Code":%q,"Message":"injected"}]`, code)
}

// refusal is an error of DynamoDB with further members.
func refusal(status int, code string, members ...string) answer {
	members = append([]string{fmt.Sprintf(`"__type":%q,"message":"injected"`, code)}, members...)
	out := jsonAnswer(status, []byte("{"+strings.Join(members, ",")+"}"))
	out.header.Set("X-Amzn-Requestid", "INJECTED") // DynamoDB's errors have its id too
	return out
}

func jsonAnswer(status int, body []byte) answer {
	return answer{status, http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, body}
}

// write sends the first n bytes of the answer.
func (a answer) write(w http.ResponseWriter, n int) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:n]) // the client may have gone
}

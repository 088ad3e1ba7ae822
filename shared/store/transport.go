package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"

	"pricing/shared/meter"
)

// transport sends the SDK's requests in a form that keeps connections.
//
// The SDK wraps the body in a reader that net/http does not know, and closes it as soon as an answer is there. net/http writes such a
// body in another goroutine, which then finds it closed, takes that for a failed write and drops a good connection: one call in
// twenty paid for another TLS handshake. A body that is in memory is written before the answer is read, and at once with the headers.
type transport struct{ *awshttp.BuildableClient }

// newTransport returns a transport whose every timeout is set here: what the SDK's defaults mode says of a client's timeouts it says
// to its own client alone.
func newTransport(o ClientOptions) transport {
	timeout := attemptTimeout
	switch {
	case o.AttemptTimeout > 0:
		timeout = o.AttemptTimeout
	case o.AttemptTimeout < 0:
		timeout = 0 // http.Client's word for none
	}
	client := awshttp.NewBuildableClient().
		WithTimeout(timeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = connectTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = connectTimeout
			t.IdleConnTimeout = idleTimeout
			t.MaxIdleConnsPerHost = 2 * max(o.Width, 1) // boards are written and, beside them, competitors' health is noted
			if o.Roots != nil {
				t.TLSClientConfig.RootCAs = o.Roots
			}
		})
	return transport{client}
}

// Do sends one attempt. It counts it for its call, which takes DynamoDB's id of the request from the answer.
func (t transport) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.ContentLength > 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, err
		}
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		r.Body, _ = r.GetBody() // it never fails
	}
	response, err := t.BuildableClient.Do(r)
	if call, ok := r.Context().Value(callKey{}).(*meter.Call); ok {
		call.Attempts++
		if response != nil {
			call.RequestID = response.Header.Get("X-Amzn-Requestid")
		}
	}
	return response, err
}

type callKey struct{}

// measure stands around the retryer, so that it runs once a call.
func measure(stack *middleware.Stack) error {
	return stack.Finalize.Insert(measuring, "Retry", middleware.Before)
}

// measuring adds each call to the request's meter: how long it took with all its attempts and the waits between, why it was
// throttled, and whether the retryer gave up before its last attempt, because the budget of retries that all calls of the client
// share was used up.
var measuring = middleware.FinalizeMiddlewareFunc("Measure", func(
	ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
) (middleware.FinalizeOutput, middleware.Metadata, error) {
	start := time.Now()
	call := &meter.Call{Operation: middleware.GetOperationName(ctx)}
	out, metadata, err := next.HandleFinalize(context.WithValue(ctx, callKey{}, call), in)
	call.Took = time.Since(start)
	meter.AddCall(ctx, *call)
	results, _ := retry.GetAttemptResults(metadata)
	for _, attempt := range results.Results {
		if reasons := throttles(attempt.Err); reasons != nil {
			meter.Add(ctx, meter.Counts{Throttles: reasons})
		}
	}
	if quota := (ratelimit.QuotaExceededError{}); errors.As(err, &quota) {
		meter.Add(ctx, meter.Counts{QuotaExceeded: 1})
	}
	return out, metadata, err
})

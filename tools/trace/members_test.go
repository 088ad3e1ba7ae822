package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"pricing/shared/gateway"
	"pricing/shared/meter"
	"pricing/shared/testkit/metertest"
)

// served is the line of a function as its code writes it now.
func served(t *testing.T) []string {
	t.Helper()
	var out bytes.Buffer
	handler := slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}) // as boot's
	const trace = "Root=1-6a4b7c1d-0123456789abcdef01234567"
	traced := context.WithValue(t.Context(), "x-amzn-trace-id", trace) //nolint:staticcheck // aws-lambda-go's own key
	ctx, cancel := context.WithTimeout(traced, time.Hour)
	defer cancel()
	lambdacontext.FunctionVersion = "12" // as in Lambda, whose environment tells it
	event := `{"pathParameters":{"productId":"p"},"httpMethod":"POST","resource":"/v1/observations",` +
		`"requestContext":{"extendedRequestId":"ID","authorizer":{"clientId":"c"}}}`
	gateway.Serve(ctx, gateway.Endpoint{
		Route: "POST /v1/observations", Source: metertest.Source, Log: slog.New(handler).With("lambdaRequestId", "l"),
		Handle: func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
			meter.AddCall(ctx, meter.Call{Operation: "PutItem", Took: time.Millisecond, Attempts: 2, RequestID: "d"})
			meter.Add(ctx, meter.Counts{QuotaExceeded: 1, OwnWrites: 1, Throttles: map[string]int{"AccountLimitExceeded": 1}})
			return gateway.Answer{Items: meter.Items{Outcomes: map[string]int{"failed": 1, "throttled": 1, "rejected": 1, "conflict": 1},
				DryRun: true}, ID: "o"}, errors.New("x")
		},
	}, []byte(event))
	return strings.Split(out.String(), "\n")
}

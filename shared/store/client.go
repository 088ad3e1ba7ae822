package store

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"

	"pricing/shared/meter"
)

// ClientOptions says how to reach DynamoDB.
type ClientOptions struct {
	Region      string
	Endpoint    string // empty: AWS itself
	Credentials aws.CredentialsProvider
	Roots       *x509.CertPool // nil: the machine's trust store
	Width       int            // calls in flight at once; as many connections are kept open
}

// Timeouts of the client, chosen from measurements of the SDK under faults (docs/decisions/0004).
const (
	attemptTimeout = 1500 * time.Millisecond // one attempt, from dialling to the last byte
	idleTimeout    = 20 * time.Second        // well below the server's own, about 60 s
	maxAttempts    = 4
)

// NewClient returns a DynamoDB client with static options: no configuration file, profile or metadata service is
// consulted, which halves the instructions of a cold start. The SDK by default waits for an answer without limit and
// keeps ten idle connections; both are set here. Retries follow AWS_NEW_RETRIES_2026, which the SDK reads itself.
func NewClient(o ClientOptions) *dynamodb.Client {
	options := dynamodb.Options{
		Region:           o.Region,
		Credentials:      o.Credentials,
		DefaultsMode:     aws.DefaultsModeInRegion,
		RetryMaxAttempts: maxAttempts,
		HTTPClient: awshttp.NewBuildableClient().
			WithTimeout(attemptTimeout).
			WithTransportOptions(func(t *http.Transport) {
				t.IdleConnTimeout = idleTimeout
				t.MaxIdleConnsPerHost = max(o.Width, 2)
				if o.Roots != nil {
					t.TLSClientConfig.RootCAs = o.Roots
				}
			}),
		APIOptions: []func(*middleware.Stack) error{countAttempts},
	}
	if o.Endpoint != "" {
		options.BaseEndpoint = aws.String(o.Endpoint)
	}
	return dynamodb.New(options)
}

// countAttempts adds every attempt to the request's meter. It stands after the retryer, which runs what follows once
// per attempt.
func countAttempts(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CountAttempts",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			meter.Add(ctx, meter.Counts{Attempts: 1})
			return next.HandleFinalize(ctx, in)
		}), "Retry", middleware.After)
}

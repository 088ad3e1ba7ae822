package store

import (
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// ClientOptions says how to reach DynamoDB.
type ClientOptions struct {
	Region      string
	Endpoint    string // empty: AWS itself
	Credentials aws.CredentialsProvider
	Roots       *x509.CertPool // nil: the machine's trust store
	Width       int            // calls of one kind in flight at once; twice as many connections are kept open

	AttemptTimeout time.Duration // of one attempt, from dialling to the last byte; 0: 1.5 s, below 0: none
}

// Timeouts of the client, chosen from measurements of the SDK under faults (docs/decisions/0004).
const (
	attemptTimeout = 1500 * time.Millisecond // one attempt, from dialling to the last byte
	connectTimeout = 1100 * time.Millisecond // to dial, and again for TLS; the SDK's own within a Region
	idleTimeout    = 20 * time.Second        // well below the server's own, about 60 s
	maxAttempts    = 4
)

// NewClient returns a DynamoDB client with static options. It consults no configuration file, profile or metadata service, which
// halves the instructions of a cold start. By default the SDK waits for an answer without limit and keeps ten idle
// connections; both are set here.
func NewClient(o ClientOptions) *dynamodb.Client {
	options := dynamodb.Options{
		Region:           o.Region,
		Credentials:      o.Credentials,
		DefaultsMode:     aws.DefaultsModeInRegion,
		RetryMaxAttempts: maxAttempts,
		HTTPClient:       newTransport(o),
		APIOptions:       []func(*middleware.Stack) error{measure},
	}
	if o.Endpoint != "" {
		options.BaseEndpoint = aws.String(o.Endpoint)
	}
	return dynamodb.New(options)
}

// unspecified stands for a reason that DynamoDB did not give, or that is not documented. Reasons are the values of a metric's
// dimension, so there must not be many.
const unspecified = "Unspecified"

// documented reports whether DynamoDB documents a reason: a resource, an operation and a limit in one word.
func documented(reason string) bool {
	for _, on := range []string{"TableRead", "TableWrite", "IndexRead", "IndexWrite"} {
		if limit, ok := strings.CutPrefix(reason, on); ok {
			switch limit {
			case "ProvisionedThroughputExceeded", "AccountLimitExceeded", "KeyRangeThroughputExceeded", "MaxOnDemandThroughputExceeded":
				return true
			}
		}
	}
	return false
}

// throttles returns the reasons of a throttled attempt, each once, or nil.
func throttles(err error) map[string]int {
	var throughput *types.ProvisionedThroughputExceededException
	var limit *types.RequestLimitExceeded
	var throttling *types.ThrottlingException
	var reasons []types.ThrottlingReason
	switch {
	case errors.As(err, &throughput):
		reasons = throughput.ThrottlingReasons
	case errors.As(err, &limit):
		reasons = limit.ThrottlingReasons
	case errors.As(err, &throttling):
		reasons = throttling.ThrottlingReasons
	default:
		return nil
	}
	counts := map[string]int{}
	for _, r := range reasons {
		reason := aws.ToString(r.Reason)
		if !documented(reason) {
			reason = unspecified
		}
		counts[reason] = 1
	}
	if len(counts) == 0 {
		counts[unspecified] = 1
	}
	return counts
}

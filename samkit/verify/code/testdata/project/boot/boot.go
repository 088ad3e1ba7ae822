// Package boot starts functions. What its calls lead to differs from function to function.
package boot

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

// Start serves requests.
func Start(handle func(ctx context.Context, id string) (string, error)) {
	lambda.Start(func(ctx context.Context, id string) (string, error) { return handle(ctx, id) })
}

// Job is a handler without a request.
type Job interface {
	Do(ctx context.Context) error
}

// Run does a job.
func Run(job Job) {
	lambda.Start(func(ctx context.Context) error { return job.Do(ctx) })
}

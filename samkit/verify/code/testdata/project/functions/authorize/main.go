// Command authorize is an authorizer, which has neither a route nor a schedule.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"pricing/samkit/verify/code/testdata/project/store"
)

func main() {
	s := store.New("tokens")
	lambda.Start(func(ctx context.Context) error { return s.Pair(ctx, "id") })
}

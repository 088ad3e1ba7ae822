// Command move-thing writes in a transaction: ANY /things/{id}/place.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"pricing/samkit/verify/code/testdata/project/store"
)

func main() {
	s := store.New(os.Getenv("TABLE_NAME"))
	lambda.Start(func(ctx context.Context) (string, error) { return "ANY /things/{id}/place", s.Move(ctx, "id") })
}

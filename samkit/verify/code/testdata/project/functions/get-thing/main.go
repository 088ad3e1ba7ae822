// Command get-thing reads a thing: GET /things/{id}. Its handler is called by reflection.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"pricing/samkit/verify/code/testdata/project/store"
)

const route = "GET /things/{id}"

func main() {
	s := store.New(os.Getenv("TABLE_NAME"))
	lambda.Start(func(ctx context.Context, id string) (string, error) { return route, s.Get(ctx, id) })
}

// Command tidy-up runs by a schedule.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"pricing/samkit/verify/code/testdata/project/store"
)

func main() {
	lambda.Start(func(ctx context.Context) error {
		s := store.New(os.Getenv("TABLE_NAME"))
		if err := s.State(ctx); err != nil {
			return err
		}
		return s.Run(ctx, "DELETE FROM things")
	})
}

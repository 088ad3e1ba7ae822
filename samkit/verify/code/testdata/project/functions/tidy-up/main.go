// Command tidy-up runs by a schedule.
package main

import (
	"context"
	"os"

	"pricing/samkit/verify/code/testdata/project/boot"
	"pricing/samkit/verify/code/testdata/project/store"
)

type tidy struct{}

func (tidy) Do(ctx context.Context) error {
	s := store.New(os.Getenv("TABLE_NAME"))
	if err := s.State(ctx); err != nil {
		return err
	}
	return s.Run(ctx, "DELETE FROM things")
}

func main() { boot.Run(tidy{}) }

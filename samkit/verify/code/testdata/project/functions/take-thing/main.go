// Command take-thing does what get-thing does with one store call more: POST /things/{id}.
package main

import (
	"context"
	"os"

	"pricing/samkit/verify/code/testdata/project/boot"
	"pricing/samkit/verify/code/testdata/project/store"
)

func main() { boot.Start(handler(store.New(os.Getenv("TABLE_NAME")))) }

func handler(s *store.Store) func(context.Context, string) (string, error) {
	return func(ctx context.Context, id string) (string, error) {
		if err := s.Get(ctx, id); err != nil {
			return "", err
		}
		return "POST /things/{id}", s.Delete(ctx, id)
	}
}

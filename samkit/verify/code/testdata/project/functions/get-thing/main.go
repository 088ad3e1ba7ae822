// Command get-thing reads a thing: GET /things/{id}.
package main

import (
	"context"
	"os"

	"pricing/samkit/verify/code/testdata/project/boot"
	"pricing/samkit/verify/code/testdata/project/store"
)

const route = "GET /things/{id}"

func main() {
	s := store.New(os.Getenv("TABLE_NAME"))
	boot.Start(func(ctx context.Context, id string) (string, error) { return route, s.Get(ctx, id) })
}
